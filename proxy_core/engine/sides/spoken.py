"""The protocols that are spoken, by their ALPN names, in our order of preference. One more is one more line here."""

from collections.abc import Callable

from proxy_core.engine.sides.http1_upstream import Http1Upstream
from proxy_core.engine.sides.side import UpstreamSide
from proxy_core.engine.upstream.connection import UpstreamConnection

_UPSTREAM_SIDES: dict[str, Callable[[UpstreamConnection], UpstreamSide]] = {"http/1.1": Http1Upstream}
# The one offer, to clients and to upstreams: for a tunnel's first connection and for its later ones.
OFFER = tuple(_UPSTREAM_SIDES)


def upstream_side(connection: UpstreamConnection) -> UpstreamSide:
    """Speak on a connection what its origin chose; without a choice, HTTP/1.1 (RFC 9112)."""
    return _UPSTREAM_SIDES.get(connection.alpn, Http1Upstream)(connection)


def speaks_one_of(alpn: tuple[bytes, ...]) -> bool:
    """Whether a client that offers this can be understood; one that offers nothing speaks HTTP/1.1."""
    return not alpn or any(name.decode("latin-1") in _UPSTREAM_SIDES for name in alpn)
