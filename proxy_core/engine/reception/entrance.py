"""What a client speaks that has just come in: told by its first bytes, and served.

One port takes them all: HTTP, SOCKS, and TLS to the proxy itself, inside which HTTP or SOCKS is spoken. The first bytes
of these differ in the first (22 is TLS's, 4 and 5 are SOCKS's); all else is taken for HTTP, whose reader says what is
wrong with it.
"""

import gevent

from proxy_core.engine.exchange.route import Route
from proxy_core.engine.exchange.services import Services
from proxy_core.engine.links.link import Link
from proxy_core.engine.links.tls import INTERNAL_ERROR_ALERT, TlsTransport
from proxy_core.engine.links.tls_facts import hello_facts, tls_facts
from proxy_core.engine.reception.client_connection import ClientConnection, Closed, Ended
from proxy_core.engine.reception.socks_serving import SocksServing
from proxy_core.engine.reception.speech import Speech, recognise
from proxy_core.engine.reception.spoken import serving_of
from proxy_core.engine.sides.spoken import HTTP1, HTTP1_ALONE, HTTP2, SPOKEN, spoken_of
from proxy_core.engine.trust.certificates import LeafError
from proxy_core.engine.trust.tls_failure import client_tls_failure
from proxy_core.model.exchange import ExchangeKind
from proxy_core.model.failure import Failure, FailureKind
from proxy_core.model.ways_in import LOCAL_HOST, Origin
from proxy_core.protocols.client_hello import ClientHello
from proxy_core.protocols.fingerprint import fingerprint_of
from proxy_core.protocols.socks.socks4 import Socks4Reader
from proxy_core.protocols.socks.socks5 import Socks5Reader


class Entrance:
    """The way in of one client connection."""

    def __init__(self, services: Services, connection: ClientConnection, origin: Origin | None) -> None:
        """`origin` is whom the listener stands for."""
        self._services = services
        self._connection = connection
        self._origin = origin

    def serve(self, link: Link, *, is_inside: bool = False) -> Ended:
        """Serve what is spoken on a fresh link; `is_inside` TLS to the proxy there is no other."""
        services, key = self._services, self._connection.key
        seen = b""
        try:
            seen = link.receive()
            if seen:
                spoken, seen = recognise(link, seen, services.limits.client_tls_s)
        except TimeoutError:
            if seen:
                text = f"The client did not finish its ClientHello within {services.limits.client_tls_s:.0f} seconds."
                self._fail_tls(link, "", Failure(FailureKind.CLIENT_TIMEOUT, text))
            seen = b""
        except OSError:
            if seen:
                text = "The client reset the connection within its ClientHello."
                self._fail_tls(link, "", Failure(FailureKind.CLIENT_CLOSED, text))
            seen = b""
        if not seen:
            link.close()
            return Closed()
        if isinstance(spoken, ClientHello) and not is_inside:
            return self._serve_tls(link, spoken, seen)
        has_door = services.admission is not None
        if spoken is Speech.SOCKS4:
            return SocksServing(services, link, key, Socks4Reader(demands_password=has_door), seen).run()
        if spoken is Speech.SOCKS5:
            return SocksServing(services, link, key, Socks5Reader(demands_password=has_door), seen).run()
        if spoken is Speech.HTTP2 and self._origin is not None:
            return self._serve_origin(link, HTTP2, SPOKEN, seen, plain_protocol=HTTP2)
        # HTTP/2 is no way of talking to this proxy: its preface is refused by HTTP/1's reader.
        return self._serve_origin(link, HTTP1, HTTP1_ALONE, seen)

    def _serve_origin(
        self, link: Link, protocol: str, offer: tuple[str, ...], seen: bytes = b"", plain_protocol: str = ""
    ) -> Ended:
        """Serve HTTP that is meant for the origin that we stand for, or for us as a proxy.

        HTTP/2 is the former's alone: who asks a proxy may have to log in, which `Http1Serving` sees to.
        """
        services = self._services
        route = Route(services, served=self._origin, offer=offer, plain_protocol=plain_protocol)
        return serving_of(protocol, services, link, self._connection.key, route, seen).run()

    def _serve_tls(self, link: Link, hello: ClientHello, seen: bytes) -> Ended:
        """End TLS that was meant for us: as the name that the client asks for, or the address that it has come to."""
        services = self._services
        name = hello.server_name or link.local_host or LOCAL_HOST
        offer = (self._origin is not None and spoken_of(hello.alpn)) or HTTP1_ALONE
        try:
            context = services.certificates.server_context(name, offer)
        except LeafError as unmade:
            # Without a certificate there is no TLS in which anything could be said.
            self._fail_tls(link, name, Failure(FailureKind.PROXY_INTERNAL_ERROR, str(unmade)), INTERNAL_ERROR_ALERT)
            return Closed()
        tls = TlsTransport(link, context, server_side=True, first_bytes=seen)
        try:
            with gevent.Timeout(services.limits.client_tls_s, TimeoutError("the TLS handshake took too long")):
                tls.handshake()
        except OSError as error:
            self._connection.report(link, hello_facts(hello))
            self._fail_tls(link, name, client_tls_failure(error, name))
            return Closed()
        self._connection.report(tls, tls_facts(tls.ssl_object, hello.server_name, fingerprint=fingerprint_of(hello)))
        if tls.ssl_object.selected_alpn_protocol() == HTTP2:
            return self._serve_origin(tls, HTTP2, offer)
        return self.serve(tls, is_inside=True)

    def _fail_tls(self, link: Link, name: str, failure: Failure, last_word: bytes = b"") -> None:
        """Tell of a handshake that failed, and close the link."""
        reporter = self._services.reporter
        report = reporter.open(self._connection.key)
        report.kind = ExchangeKind.TUNNEL
        report.method = "CONNECT"
        report.host, report.port = name or link.local_host or LOCAL_HOST, link.local_port
        reporter.fail(report, failure)
        try:
            link.send(last_word)
        except OSError:
            pass
        link.close()
