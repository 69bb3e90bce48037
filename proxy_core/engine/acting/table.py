"""What carries out each effect. One more is a file beside this one and a line here."""

from typing import Any, Protocol

from proxy_core.engine.acting.answer_deed import AnswerDeed
from proxy_core.engine.acting.cookie_deed import RequestCookieDeed, ResponseCookieDeed
from proxy_core.engine.acting.deed import Deed, Making
from proxy_core.engine.acting.header_deed import RequestHeaderDeed, ResponseHeaderDeed
from proxy_core.engine.acting.ready_deed import CorsDeed, NoCacheDeed, PlainDeed, StatusDeed
from proxy_core.engine.acting.script_deed import ScriptDeed
from proxy_core.engine.acting.url_deed import MapToDeed, MethodDeed, QueryDeed, UrlDeed
from proxy_core.model.effects.answer import AnswerWith
from proxy_core.model.effects.cookies import RequestCookies, ResponseCookies
from proxy_core.model.effects.effect import Effect
from proxy_core.model.effects.headers import RequestHeaders, ResponseHeaders
from proxy_core.model.effects.ready import Cors, NoCache, Plain, ResponseStatus
from proxy_core.model.effects.run_script import RunScript
from proxy_core.model.effects.url import MapTo, RequestMethod, RequestQuery, RequestUrl


class _Maker(Protocol):
    def __call__(self, effect: Any, making: Making, /) -> Deed: ...


DEEDS: dict[type[Effect], _Maker] = {
    RequestUrl: UrlDeed,
    RequestQuery: QueryDeed,
    RequestMethod: MethodDeed,
    RequestHeaders: RequestHeaderDeed,
    RequestCookies: RequestCookieDeed,
    MapTo: MapToDeed,
    NoCache: NoCacheDeed,
    Plain: PlainDeed,
    Cors: CorsDeed,
    AnswerWith: AnswerDeed,
    ResponseStatus: StatusDeed,
    ResponseHeaders: ResponseHeaderDeed,
    ResponseCookies: ResponseCookieDeed,
    RunScript: ScriptDeed,
}


def deed_of(effect: Effect, making: Making) -> Deed:
    """The deed that carries an effect out."""
    return DEEDS[type(effect)](effect, making)
