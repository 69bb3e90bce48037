"""A connection to an upstream, with or without TLS, as one client connection uses it.

Upstream connections are not pooled over clients: each client connection has at the most one of its own. The origin then
sees as many connections as it would without Harrier, and authentication that is bound to a connection (NTLM, Negotiate)
stays where it belongs, without a rule for it.
"""

import time
from dataclasses import dataclass, field

import gevent

from proxy_core.engine.links.tls import TlsTransport
from proxy_core.engine.links.tls_facts import tls_facts
from proxy_core.engine.links.transport import Link, Transport
from proxy_core.engine.services import Services
from proxy_core.engine.trust.tls_failure import is_fault_of_form, is_fault_of_issuer, upstream_tls_failure
from proxy_core.engine.trust.upstream_trust import UpstreamCaError
from proxy_core.engine.upstream.connector import UpstreamError, connect_failure
from proxy_core.model.failure import Failure, FailureKind
from proxy_core.protocols.http1.reader import ResponseReader

# The one ALPN offer, to clients and to upstreams: for a tunnel's first connection and for its later ones.
HTTP1_OFFER = ("http/1.1",)
_UPSTREAM_SIDE = 1
_MOMENT_S = 0.05
_FRESH_S = 1.0  # since its opening; no origin closes what was opened for a request as soon as that
_clock = time.perf_counter


@dataclass(slots=True)
class Upstream:
    """An open upstream connection. The owner closes it."""

    link: Link
    scheme: str
    host: str
    port: int
    connection: int  # key into the capture's table `connection`
    dns_us: int
    connect_us: int
    tls_us: int
    reader: ResponseReader = field(default_factory=ResponseReader)
    exchanges: int = 0  # how many it has served
    used_mark: float = 0.0  # `time.perf_counter` seconds when the last one ended
    alpn: str = ""
    opened_mark: float = field(default_factory=_clock)
    opened_at: int = field(default_factory=lambda: int(time.time() * 1e6))  # microseconds after the epoch

    @property
    def spent_us(self) -> int:
        """How long it took to open."""
        return sum(each for each in (self.dns_us, self.connect_us, self.tls_us) if each > 0)

    def serves(self, scheme: str, host: str, port: int) -> bool:
        """Whether it leads to that origin."""
        return self.host == host and self.port == port and self.scheme == scheme

    def is_alive(self, *, is_sure: bool) -> bool:
        """Whether it seems alive: an end, an error or bytes that nobody asked for (RFC 9112 §9.2) are none to send on.

        Without `is_sure`, for a request that can be repeated, the system is not asked when the connection was in use a
        moment ago: no origin grows tired of it that soon, and the event loop would have seen most else.
        """
        if not is_sure and _clock() - self.used_mark < _MOMENT_S and self.link.is_quiet():
            return True
        return not self.link.is_readable()

    def was_kept(self, mark: float) -> bool:
        """Whether at that mark it wasn't fresh, and may have been closed in the same moment (RFC 9112 §9.3.1).

        Browsers open some connections ahead of time; such a tunnel's upstream is as old as the tunnel.
        """
        return self.exchanges > 0 or mark - self.opened_mark > _FRESH_S

    def close(self) -> None:
        """Close in order."""
        self.link.close()


def connect_plain(services: Services, host: str, port: int) -> Upstream:
    """Connect over TCP. Raises UpstreamError."""
    connected = services.connector.connect(host, port)
    limits = services.limits
    try:
        link = Transport(connected.sock, services.sweep, limits.response_s, limits.response_s)
    except OSError as error:
        connected.sock.close()
        raise UpstreamError(connect_failure(error, host, port)) from None
    upstream = Upstream(
        link, "http", host, port, services.reporter.connection_key(), connected.dns_us, connected.connect_us, -1
    )
    _report(services, upstream, None)
    return upstream


def start_tls(services: Services, upstream: Upstream, server_name: str, alpn: tuple[str, ...]) -> Upstream:
    """Put TLS on a plain connection that has carried nothing yet. Raises UpstreamError, having closed it.

    Returns it, or a second connection in its place: where the first way of verifying (`UpstreamTrust`) refused a
    certificate that the other may take.
    """
    trust = services.trust
    by_system = trust.is_by_system(server_name)
    try:
        _shake(services, upstream, server_name, alpn, by_system=by_system)
    except _RefusedError as error:
        if not by_system and not (error.is_of_form and trust.has_system_roots()):
            raise
        again = connect_plain(services, upstream.host, upstream.port)
        try:
            _shake(services, again, server_name, alpn, by_system=not by_system)
        except _RefusedError as second:
            strict, lenient = (second, error) if by_system else (error, second)
            raise strict if lenient.is_of_issuer else lenient from None  # the system doesn't vouch, or it does, but …
        trust.remember(server_name, by_system=not by_system)
        return again
    return upstream


class _RefusedError(UpstreamError):
    """The server's certificate is not taken: for its form alone, for its issuer, or for something else."""

    def __init__(self, error: OSError, failure: Failure, connection: int) -> None:
        super().__init__(failure, connection)
        self.is_of_form = is_fault_of_form(error)
        self.is_of_issuer = is_fault_of_issuer(error)


def _shake(services: Services, upstream: Upstream, server_name: str, alpn: tuple[str, ...], *, by_system: bool) -> None:
    start_mark = time.perf_counter()
    try:
        context = services.trust.context(alpn, by_system=by_system)
    except UpstreamCaError as error:
        upstream.close()
        raise UpstreamError(Failure(FailureKind.PROXY_INTERNAL_ERROR, str(error)), upstream.connection) from None
    link = TlsTransport(upstream.link, context, server_side=False, server_hostname=server_name)
    try:
        with gevent.Timeout(services.limits.upstream_tls_s, TimeoutError("the TLS handshake took too long")):
            link.handshake()
    except TimeoutError:
        link.abort()
        where = f"{upstream.host}:{upstream.port}"
        text = f"{where} did not finish the TLS handshake in time."
        raise UpstreamError(Failure(FailureKind.CONNECTION_TIMEOUT, text)) from None
    except OSError as error:
        link.abort()
        failure = upstream_tls_failure(error, upstream.host, upstream.port)
        if hasattr(link, "ssl_object"):  # what was refused is worth seeing
            _report(services, upstream, tls_facts(link.ssl_object, server_name, failure.text))
        if failure.kind is FailureKind.TLS_CERTIFICATE_ERROR:
            raise _RefusedError(error, failure, upstream.connection) from None
        raise UpstreamError(failure, upstream.connection) from None
    upstream.link = link
    upstream.scheme = "https"
    upstream.opened_mark = _clock()
    upstream.tls_us = int((upstream.opened_mark - start_mark) * 1e6)
    upstream.alpn = link.ssl_object.selected_alpn_protocol() or ""
    _report(services, upstream, tls_facts(link.ssl_object, server_name))


def connect_upstream(services: Services, scheme: str, host: str, port: int, server_name: str = "") -> Upstream:
    """Connect to an origin, with TLS for https. `server_name` is whom to ask for and to verify, where that is not the
    host that is connected to. Raises UpstreamError.
    """
    upstream = connect_plain(services, host, port)
    if scheme == "https":
        return start_tls(services, upstream, server_name or host, HTTP1_OFFER)
    return upstream


def _report(services: Services, upstream: Upstream, tls: bytes | None) -> None:
    link = upstream.link
    services.reporter.connection(
        (
            upstream.connection,
            _UPSTREAM_SIDE,
            upstream.opened_at,
            link.peer_host,
            link.peer_port,
            link.local_host,
            link.local_port,
            tls,
        )
    )
