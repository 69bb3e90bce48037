"""A connection to an upstream, with or without TLS, and how it is opened: TCP by the `Connector`, then TLS.

What is opened here is told to the capture; what is spoken on it, and by whom, is no concern of this module.
"""

import time
from dataclasses import dataclass, field

import gevent

from proxy_core.engine.limits import Limits
from proxy_core.engine.links.link import Link
from proxy_core.engine.links.tls import TlsTransport
from proxy_core.engine.links.tls_facts import tls_facts
from proxy_core.engine.links.transport import DeadlineSweep, Transport
from proxy_core.engine.recording.connection_record import connection_record
from proxy_core.engine.recording.reporter import Reporter
from proxy_core.engine.trust.tls_failure import is_fault_of_form, is_fault_of_issuer, upstream_tls_failure
from proxy_core.engine.trust.upstream_trust import UpstreamTrust
from proxy_core.engine.upstream.connector import Connector, UpstreamError, connect_failure
from proxy_core.engine.upstream.unix_socket import unix_failure
from proxy_core.model.endpoint import endpoint_text
from proxy_core.model.exchange import Side
from proxy_core.model.failure import Failure, FailureKind
from proxy_core.upstream_ca import UpstreamCaError

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
        return endpoint_text(self.host, self.port)

    @property
    def opening_us(self) -> tuple[int, int, int]:
        """Name resolution, connecting, TLS; -1 for what there was not."""
        return self.dns_us, self.connect_us, self.tls_us

    @property
    def spent_us(self) -> int:
        """How long it took to open."""
        return sum(each for each in self.opening_us if each > 0)


class UpstreamOpener:
    """Opens a worker's connections to upstreams. `trust` is replaced when a person changes settings."""

    def __init__(
        self, connector: Connector, trust: UpstreamTrust, limits: Limits, sweep: DeadlineSweep, reporter: Reporter
    ) -> None:
        self.trust = trust
        self._connector = connector
        self._limits = limits
        self._sweep = sweep
        self._reporter = reporter

    def connect(self, scheme: str, host: str, port: int, server_name: str, alpn: tuple[str, ...]) -> UpstreamConnection:
        """Connect to an origin, with TLS for https. Raises UpstreamError.

        `server_name` is whom to ask for and to verify, which need not be the host that is connected to.
        """
        upstream = self.connect_plain(host, port)
        return self.start_tls(upstream, server_name, alpn) if scheme == "https" else upstream

    def connect_plain(self, host: str, port: int) -> UpstreamConnection:
        """Connect over TCP. Raises UpstreamError."""
        connected = self._connector.connect(host, port)
        limit_s = self._limits.response_s
        try:
            link = Transport(connected.sock, self._sweep, limit_s, limit_s)
        except OSError as error:
            connected.sock.close()
            raise UpstreamError(connect_failure(error, host, port)) from None
        key = self._reporter.connection_key()
        upstream = UpstreamConnection(link, "http", host, port, key, connected.dns_us, connected.connect_us, -1)
        self._report(upstream, None)
        return upstream

    def connect_unix(self, scheme: str, host: str, port: int, path: str) -> UpstreamConnection:
        """Connect to an origin on a Unix socket. Raises UpstreamError."""
        connected = self._connector.connect_unix(path)
        limit_s = self._limits.response_s
        try:
            link = Transport(connected.sock, self._sweep, limit_s, limit_s)
        except OSError as error:
            connected.sock.close()
            raise UpstreamError(unix_failure(error, path)) from None
        key = self._reporter.connection_key()
        upstream = UpstreamConnection(link, scheme, host, port, key, -1, connected.connect_us, -1)
        self._report(upstream, None)
        return upstream

    def start_tls(self, upstream: UpstreamConnection, server_name: str, alpn: tuple[str, ...]) -> UpstreamConnection:
        """Put TLS on a plain connection that has carried nothing yet. Raises UpstreamError, having closed it.

        Returns it, or a second connection in its place: where the first way of verifying (`UpstreamTrust`) refused a
        certificate that the other may take.
        """
        trust = self.trust
        by_system = trust.is_by_system(server_name)
        try:
            self._shake(upstream, server_name, alpn, by_system=by_system)
        except _RefusedError as error:
            if not by_system and not (error.is_of_form and trust.has_system_roots()):
                raise
            again = self.connect_plain(upstream.host, upstream.port)
            try:
                self._shake(again, server_name, alpn, by_system=not by_system)
            except _RefusedError as second:
                strict, lenient = (second, error) if by_system else (error, second)
                raise strict if lenient.is_of_issuer else lenient from None  # no system's word, or it has, but …
            trust.remember(server_name, by_system=not by_system)
            return again
        return upstream

    def _shake(self, upstream: UpstreamConnection, server_name: str, alpn: tuple[str, ...], *, by_system: bool) -> None:
        start_mark = time.perf_counter()
        try:
            context = self.trust.context(alpn, by_system=by_system)
        except UpstreamCaError as error:
            upstream.link.close()
            raise UpstreamError(Failure(FailureKind.PROXY_INTERNAL_ERROR, str(error)), upstream.key) from None
        link = TlsTransport(upstream.link, context, server_side=False, server_hostname=server_name)
        try:
            with gevent.Timeout(self._limits.upstream_tls_s, TimeoutError("the TLS handshake took too long")):
                link.handshake()
        except TimeoutError:
            link.abort()
            text = f"{upstream.where} did not finish the TLS handshake in time."
            raise UpstreamError(Failure(FailureKind.CONNECTION_TIMEOUT, text)) from None
        except OSError as error:
            link.abort()
            failure = upstream_tls_failure(error, upstream.host, upstream.port)
            if hasattr(link, "ssl_object"):  # what was refused is worth seeing
                self._report(upstream, tls_facts(link.ssl_object, server_name, failure.text))
            if failure.kind is FailureKind.TLS_CERTIFICATE_ERROR:
                raise _RefusedError(error, failure, upstream.key) from None
            raise UpstreamError(failure, upstream.key) from None
        upstream.link = link
        upstream.scheme = "https"
        upstream.opened_mark = _clock()
        upstream.tls_us = int((upstream.opened_mark - start_mark) * 1e6)
        upstream.alpn = link.ssl_object.selected_alpn_protocol() or ""
        self._report(upstream, tls_facts(link.ssl_object, server_name))

    def _report(self, upstream: UpstreamConnection, tls: bytes | None) -> None:
        row = connection_record(upstream.key, Side.UPSTREAM, upstream.opened_at, upstream.link, tls)
        self._reporter.connection(row)


class _RefusedError(UpstreamError):
    """The server's certificate is not taken: for its form alone, for its issuer, or for something else."""

    def __init__(self, error: OSError, failure: Failure, connection: int) -> None:
        super().__init__(failure, connection)
        self.is_of_form = is_fault_of_form(error)
        self.is_of_issuer = is_fault_of_issuer(error)
