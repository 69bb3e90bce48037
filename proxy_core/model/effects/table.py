"""All effects, in the order in which those of one rule act. One more is a file beside this one and a line here."""

from typing import get_args

from proxy_core.model.effects.answer import AnswerWith
from proxy_core.model.effects.cookies import RequestCookies, ResponseCookies
from proxy_core.model.effects.effect import Effect
from proxy_core.model.effects.headers import RequestHeaders, ResponseHeaders
from proxy_core.model.effects.ready import Cors, NoCache, Plain, ResponseStatus
from proxy_core.model.effects.run_script import RunScript
from proxy_core.model.effects.url import MapTo, RequestMethod, RequestQuery, RequestUrl

AnyEffect = (
    RequestUrl
    | RequestQuery
    | RequestMethod
    | RequestHeaders
    | RequestCookies
    | MapTo
    | NoCache
    | Plain
    | Cors
    | AnswerWith
    | ResponseStatus
    | ResponseHeaders
    | ResponseCookies
    | RunScript
)

EFFECTS: dict[str, type[Effect]] = {kind.KEY: kind for kind in get_args(AnyEffect)}
