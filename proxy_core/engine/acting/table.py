"""What carries out each effect. One more is a file beside this one and a line here."""

from typing import Any, Protocol

from proxy_core.engine.acting.answer_deed import AnswerDeed
from proxy_core.engine.acting.deed import Deed, Making
from proxy_core.engine.acting.header_deed import RequestHeaderDeed, ResponseHeaderDeed
from proxy_core.model.effects.answer import AnswerWith
from proxy_core.model.effects.effect import Effect
from proxy_core.model.effects.headers import RequestHeaders, ResponseHeaders


class _Maker(Protocol):
    def __call__(self, effect: Any, making: Making, /) -> Deed: ...


DEEDS: dict[type[Effect], _Maker] = {
    RequestHeaders: RequestHeaderDeed,
    AnswerWith: AnswerDeed,
    ResponseHeaders: ResponseHeaderDeed,
}


def deed_of(effect: Effect, making: Making) -> Deed:
    """The deed that carries an effect out."""
    return DEEDS[type(effect)](effect, making)
