"""A connection to an upstream, with or without TLS, as one client connection uses it.

Upstream connections are not pooled over clients: each client connection has at the most one of its own. The origin then
sees as many connections as it would without Harrier, and authentication that is bound to a connection (NTLM, Negotiate)
stays where it belongs, without a rule for it.
"""

import time
from dataclasses import dataclass, field

import gevent

from proxy_core.engine.links.link import Link
from proxy_core.engine.links.tls import TlsTransport
from proxy_core.engine.links.tls_facts import tls_facts
from proxy_core.engine.links.transport import Transport
from proxy_core.engine.services import Services
from proxy_core.engine.trust.tls_failure import is_fault_of_form, is_fault_of_issuer, upstream_tls_failure
from proxy_core.engine.trust.upstream_trust import UpstreamCaError
from proxy_core.engine.upstream.connector import UpstreamError, connect_failure
from proxy_core.model.failure import Failure, FailureKind

_UPSTREAM_SIDE = 1
_clock = time.perf_counter


@dataclass(slots=True)
class UpstreamConnection:
    """An open connection and what is known of it, whatever is spoken on it. The owner closes it."""

    link: Link
    scheme: str
    host: str
    port: int
    key: int  # into the capture's table `connection`
    dns_us: int
    connect_us: int
    tls_us: int
    alpn: str = ""  # the protocol that the origin chose, "" without a choice
    opened_mark: float = field(default_factory=_clock)  # again once TLS is there
    opened_at: int = field(default_factory=lambda: int(time.time() * 1e6))  # microseconds after the epoch

    @property
    def where(self) -> str:
        """For sentences."""
        return f"{self.host}:{self.port}"

    @property
    def spent_us(self) -> int:
        """How long it took to open."""
        return sum(each for each in (self.dns_us, self.connect_us, self.tls_us) if each > 0)


def connect_plain(services: Services, host: str, port: int) -> UpstreamConnection:
    """Connect over TCP. Raises UpstreamError."""
    connected = services.connector.connect(host, port)
    limits = services.limits
    try:
        link = Transport(connected.sock, services.sweep, limits.response_s, limits.response_s)
    except OSError as error:
        connected.sock.close()
        raise UpstreamError(connect_failure(error, host, port)) from None
    upstream = UpstreamConnection(
        link, "http", host, port, services.reporter.connection_key(), connected.dns_us, connected.connect_us, -1
    )
    _report(services, upstream, None)
    return upstream


def start_tls(
    services: Services, upstream: UpstreamConnection, server_name: str, alpn: tuple[str, ...]
) -> UpstreamConnection:
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


def _shake(
    services: Services, upstream: UpstreamConnection, server_name: str, alpn: tuple[str, ...], *, by_system: bool
) -> None:
    start_mark = time.perf_counter()
    try:
        context = services.trust.context(alpn, by_system=by_system)
    except UpstreamCaError as error:
        upstream.link.close()
        raise UpstreamError(Failure(FailureKind.PROXY_INTERNAL_ERROR, str(error)), upstream.key) from None
    link = TlsTransport(upstream.link, context, server_side=False, server_hostname=server_name)
    try:
        with gevent.Timeout(services.limits.upstream_tls_s, TimeoutError("the TLS handshake took too long")):
            link.handshake()
    except TimeoutError:
        link.abort()
        text = f"{upstream.where} did not finish the TLS handshake in time."
        raise UpstreamError(Failure(FailureKind.CONNECTION_TIMEOUT, text)) from None
    except OSError as error:
        link.abort()
        failure = upstream_tls_failure(error, upstream.host, upstream.port)
        if hasattr(link, "ssl_object"):  # what was refused is worth seeing
            _report(services, upstream, tls_facts(link.ssl_object, server_name, failure.text))
        if failure.kind is FailureKind.TLS_CERTIFICATE_ERROR:
            raise _RefusedError(error, failure, upstream.key) from None
        raise UpstreamError(failure, upstream.key) from None
    upstream.link = link
    upstream.scheme = "https"
    upstream.opened_mark = _clock()
    upstream.tls_us = int((upstream.opened_mark - start_mark) * 1e6)
    upstream.alpn = link.ssl_object.selected_alpn_protocol() or ""
    _report(services, upstream, tls_facts(link.ssl_object, server_name))


def connect_upstream(
    services: Services, scheme: str, host: str, port: int, server_name: str, alpn: tuple[str, ...]
) -> UpstreamConnection:
    """Connect to an origin, with TLS for https. Raises UpstreamError.

    `server_name` is whom to ask for and to verify, which need not be the host that is connected to.
    """
    upstream = connect_plain(services, host, port)
    return start_tls(services, upstream, server_name, alpn) if scheme == "https" else upstream


def _report(services: Services, upstream: UpstreamConnection, tls: bytes | None) -> None:
    link = upstream.link
    services.reporter.connection(
        (
            upstream.key,
            _UPSTREAM_SIDE,
            upstream.opened_at,
            link.peer_host,
            link.peer_port,
            link.local_host,
            link.local_port,
            tls,
        )
    )
