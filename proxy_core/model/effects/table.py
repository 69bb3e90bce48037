"""All effects, in the order in which those of one rule act. One more is a file beside this one and a line here."""

from typing import get_args

from proxy_core.model.effects.answer import AnswerWith
from proxy_core.model.effects.effect import Effect
from proxy_core.model.effects.headers import RequestHeaders, ResponseHeaders

AnyEffect = RequestHeaders | AnswerWith | ResponseHeaders

EFFECTS: dict[str, type[Effect]] = {kind.KEY: kind for kind in get_args(AnyEffect)}
