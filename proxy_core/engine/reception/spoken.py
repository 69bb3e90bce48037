"""Who serves what: by the ALPN name of what is spoken on a link."""

from collections.abc import Callable
from typing import Protocol

from proxy_core.engine.exchange.route import Route
from proxy_core.engine.exchange.services import Services
from proxy_core.engine.links.link import Link
from proxy_core.engine.reception.client_connection import Ended
from proxy_core.engine.reception.http1_serving import Http1Serving
from proxy_core.engine.reception.http2_serving import Http2Serving
from proxy_core.engine.sides.spoken import HTTP1, HTTP2


class Serving(Protocol):
    """Serves what one client says in one protocol."""

    def run(self) -> Ended:
        """Serve until the connection ends, or something comes that another has to see to. Closes the upstreams."""
        ...


_SERVINGS: dict[str, Callable[[Services, Link, int, Route, bytes], Serving]] = {
    HTTP1: Http1Serving,
    HTTP2: Http2Serving,
}


def serving_of(
    protocol: str, services: Services, link: Link, connection: int, route: Route, first_bytes: bytes = b""
) -> Serving:
    """Take over the link and the route; HTTP/1.1 where no protocol was agreed upon (RFC 9112)."""
    serve = _SERVINGS.get(protocol, Http1Serving)
    return serve(services, link, connection, route, first_bytes)
