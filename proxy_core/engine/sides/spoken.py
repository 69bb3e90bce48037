"""The protocols that are spoken, by their ALPN names, in our order of preference. One more is one more line here."""

from collections.abc import Callable

from proxy_core.engine.links.transport import DeadlineSweep
from proxy_core.engine.sides.http1_upstream import Http1Upstream
from proxy_core.engine.sides.http2_upstream import Http2Carrier
from proxy_core.engine.sides.side import Carrier
from proxy_core.engine.upstream.connection import UpstreamConnection

HTTP1, HTTP2 = "http/1.1", "h2"
HTTP1_ALONE = (HTTP1,)  # what is offered to an upstream whose client has no TLS to offer anything in
_CARRIERS: dict[str, Callable[[UpstreamConnection, DeadlineSweep], Carrier]] = {
    HTTP2: Http2Carrier,
    HTTP1: lambda connection, _: Http1Upstream(connection),
}
SPOKEN = tuple(_CARRIERS)


def carrier_of(connection: UpstreamConnection, sweep: DeadlineSweep) -> Carrier:
    """Speak on a connection what its origin chose; without a choice, HTTP/1.1 (RFC 9112)."""
    return _CARRIERS[connection.alpn if connection.alpn in _CARRIERS else HTTP1](connection, sweep)


def spoken_of(alpn: tuple[bytes, ...]) -> tuple[str, ...]:
    """What we speak of that which a client offers, in our order; one that offers nothing speaks HTTP/1.1.

    Nothing where there is nothing in common. An upstream is offered the same: the client gets what its origin chose.
    """
    if not alpn:
        return HTTP1_ALONE
    return tuple(name for name in _CARRIERS if name.encode("ascii") in alpn)
