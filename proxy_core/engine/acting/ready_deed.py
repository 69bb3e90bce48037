"""No cache, no compression, CORS open, another status."""

from proxy_core.engine.acting.deed import PASS, Deed, Making, Turn
from proxy_core.engine.exchange.point import Answer, Decision, Replace
from proxy_core.model.effects.ready import Cors, NoCache, Plain, ResponseStatus
from proxy_core.model.message import Message
from proxy_core.model.message_head import Field

# RFC 9110 §13.1: what asks whether a copy is still good. If-Match and If-Unmodified-Since guard writes and stay, and
# so does If-Range, without which a part of another version would come.
_VALIDATORS = frozenset((b"if-none-match", b"if-modified-since"))
_CACHING = frozenset((b"cache-control", b"pragma", b"expires"))
_PREFLIGHT_S = b"60"


def _without(fields: tuple[Field, ...], names: frozenset[bytes]) -> tuple[Field, ...]:
    return tuple(field for field in fields if field[0].lower() not in names)


class NoCacheDeed(Deed):
    """Past all caches, both ways."""

    def __init__(self, effect: NoCache, _making: Making) -> None:
        self._on = effect.on

    def at_request_head(self, request: Message, turn: Turn) -> Decision:
        if not self._on:
            return PASS
        turn.say("goes past all caches")
        fields = _without(request.fields, _VALIDATORS | _CACHING)
        asking = ((b"Cache-Control", b"no-cache"), (b"Pragma", b"no-cache"))
        return Replace(request._replace(fields=(*fields, *asking)))

    def at_response_head(self, response: Message, _turn: Turn) -> Decision:
        if not self._on:
            return PASS
        fields = _without(response.fields, _CACHING)
        return Replace(response._replace(fields=(*fields, (b"Cache-Control", b"no-store"))))


class PlainDeed(Deed):
    """Without content coding."""

    def __init__(self, effect: Plain, _making: Making) -> None:
        self._on = effect.on

    def at_request_head(self, request: Message, turn: Turn) -> Decision:
        if not self._on or request.value(b"accept-encoding") == b"identity":
            return PASS
        turn.say("asks for no compression")
        fields = _without(request.fields, frozenset((b"accept-encoding",)))
        return Replace(request._replace(fields=(*fields, (b"Accept-Encoding", b"identity"))))


class CorsDeed(Deed):
    """What the fetch standard asks of a server that lets every page in, with credentials."""

    def __init__(self, effect: Cors, _making: Making) -> None:
        self._on = effect.on

    def at_request_head(self, request: Message, turn: Turn) -> Decision:
        method = request.value(b"access-control-request-method")
        if not self._on or request.method != b"OPTIONS" or method is None or request.value(b"origin") is None:
            return PASS
        turn.say("answers the preflight")
        fields: list[Field] = [
            (b"Access-Control-Allow-Methods", method),
            (b"Access-Control-Max-Age", _PREFLIGHT_S),
        ]
        if names := request.value(b"access-control-request-headers"):
            fields.append((b"Access-Control-Allow-Headers", names))
        if request.value(b"access-control-request-private-network") == b"true":
            fields.append((b"Access-Control-Allow-Private-Network", b"true"))
        return Answer(request._replace(status=204, fields=tuple(fields), body=b""))

    def at_response_head(self, response: Message, turn: Turn) -> Decision:
        origin = turn.received_request.value(b"origin")
        if not self._on or origin is None:
            return PASS
        names = {b"access-control-allow-origin", b"access-control-allow-credentials", b"access-control-expose-headers"}
        fields = _without(response.fields, frozenset(names))
        # A wildcard means nothing with credentials, so every header is named.
        shown = sorted({name.lower() for name, _ in fields} - {b"set-cookie"})
        allowed = (
            (b"Access-Control-Allow-Origin", origin),
            (b"Access-Control-Allow-Credentials", b"true"),
            (b"Access-Control-Expose-Headers", b", ".join(shown)),
            (b"Vary", b"Origin"),
        )
        turn.say("opens CORS")
        return Replace(response._replace(fields=(*fields, *allowed)))


class StatusDeed(Deed):
    """Another status."""

    def __init__(self, effect: ResponseStatus, _making: Making) -> None:
        self._status = effect.set

    def at_response_head(self, response: Message, turn: Turn) -> Decision:
        if response.status == self._status:
            return PASS
        turn.say(f"sets status {self._status} in the place of {response.status}")
        return Replace(response._replace(status=self._status))
