"""A connection to an upstream, with or without TLS, and how it is opened: TCP by the `Connector`, to the origin or to a
proxy that makes a tunnel there, then TLS.

What is opened here is told to the capture; what is spoken on it, and by whom, is no concern of this module.
"""

import ssl
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

import gevent

from proxy_core.engine.limits import Limits
from proxy_core.engine.links.link import Link
from proxy_core.engine.links.tls import TlsTransport
from proxy_core.engine.links.tls_error import TlsHandshakeError
from proxy_core.engine.links.tls_facts import own_fingerprint, peer_chain, tls_facts
from proxy_core.engine.links.transport import DeadlineSweep, Transport
from proxy_core.engine.recording.connection_record import connection_record
from proxy_core.engine.recording.reporter import Reporter
from proxy_core.engine.trust.tls_failure import (
    is_fault_of_form,
    is_fault_of_issuer,
    is_fault_of_protocol,
    upstream_tls_failure,
)
from proxy_core.engine.trust.upstream_trust import STRICTLY, UpstreamTrust, Verifying
from proxy_core.engine.upstream.connector import Connector, connect_failure
from proxy_core.engine.upstream.names import Names
from proxy_core.engine.upstream.own_address import OwnAddress
from proxy_core.engine.upstream.pac_names import PacNames
from proxy_core.engine.upstream.proxy_route import PacAsker, ProxyRoutes
from proxy_core.engine.upstream.proxy_tunnel import ProxyError, named, open_tunnel
from proxy_core.engine.upstream.unix_socket import unix_failure
from proxy_core.engine.upstream.upstream_error import UpstreamError
from proxy_core.model.dark_cause import DarkCause
from proxy_core.model.endpoint import endpoint_text
from proxy_core.model.exchange import Side
from proxy_core.model.failure import Failure, FailureKind
from proxy_core.model.proxy_server import ProxyServer
from proxy_core.model.ways_out import WaysOut
from proxy_core.protocols.via import via_line
from proxy_core.upstream_ca import UpstreamCaError

PROXY_ALPN = ("http/1.1",)  # what is spoken to a proxy over TLS
_ACCEPTED = "Not verified: accepted by its fingerprint, for this host alone."
ADDRESSES_TRIED = 4  # of a name that we look up for a SOCKS proxy, one connection to it each
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
    forwarder: ProxyServer | None = None  # a proxy that is at the other end, and takes requests in absolute form
    pseudonym: bytes = b""  # ours, for such a proxy (RFC 9110 §7.6.3)
    came_by: bytes = b""  # the proxies by which the request for a tunnel has come to us
    remark: str = ""  # on the way that leads there, for the person who looks at an exchange
    tls: bytes | None = None  # the facts of TLS, for the record
    alpn: str = ""  # the protocol that the origin chose, "" without a choice
    opened_mark: float = field(default_factory=_clock)  # again once TLS is there
    opened_at: int = field(default_factory=lambda: int(time.time() * 1e6))  # microseconds after the epoch

    @property
    def where(self) -> str:
        """Who is at the other end, as the beginning of a sentence."""
        return named(self.forwarder) if self.forwarder is not None else endpoint_text(self.host, self.port)

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
        self,
        own_addresses: Sequence[OwnAddress],
        ways: WaysOut,
        trust: UpstreamTrust,
        limits: Limits,
        sweep: DeadlineSweep,
        reporter: Reporter,
        spoken: tuple[str, ...] = (),
        pac: PacAsker | None = None,
        pseudonym: bytes = b"",
    ) -> None:
        """`own_addresses` are those that this proxy listens on; `spoken`, by ALPN names, is what we can speak; `pac` is
        who evaluates PAC files; `pseudonym` is by what name we tell other proxies of ourselves.
        """
        self._pac = pac
        self.trust = trust
        self._limits = limits
        self._sweep = sweep
        self._reporter = reporter
        self._own_addresses = own_addresses
        self._spoken = spoken
        self._pseudonym = pseudonym
        self.follow(ways)

    def follow(self, ways: WaysOut) -> None:
        """Find the way to what is connected to from now on as the person wants it."""
        names = Names(ways, self._limits.connect_s)
        self._routes = ProxyRoutes(ways, self._pac, PacNames(names).find)
        self._connector = Connector(self._own_addresses, names, self._limits.connect_s)

    def connect(
        self,
        scheme: str,
        host: str,
        port: int,
        server_name: str,
        alpn: tuple[str, ...],
        *,
        is_tunnel: bool = False,
        came_by: bytes = b"",
    ) -> UpstreamConnection:
        """Connect to an origin, with TLS for https. Raises UpstreamError.

        `server_name` is whom to ask for and to verify, which need not be the host that is connected to. `is_tunnel`: a
        proxy is to make a tunnel for http, too, since the client wanted one. `came_by` are the proxies by which
        it has asked us for that.
        """
        if scheme == "https":
            return self.start_tls(self.connect_plain(host, port, came_by), server_name, alpn)
        if is_tunnel:
            return self.connect_plain(host, port, came_by)
        return self._connect_by_routes(scheme, host, port, b"", is_forwarded=True)

    def connect_plain(self, host: str, port: int, came_by: bytes = b"") -> UpstreamConnection:
        """Connect to where bytes can be sent that are meant for host:port. Raises UpstreamError."""
        upstream = self._connect_by_routes("https", host, port, came_by, is_forwarded=False)
        upstream.came_by = came_by
        return upstream

    def _connect_by_routes(
        self, scheme: str, host: str, port: int, came_by: bytes, *, is_forwarded: bool
    ) -> UpstreamConnection:
        routes = self._routes.find(scheme, host, port)
        last: UpstreamError | None = None
        for server in routes.servers:
            try:
                if server is None:
                    upstream = self._connect_directly(host, port)
                else:
                    upstream = self._connect_by(server, host, port, came_by, is_forwarded=is_forwarded)
            except ProxyError as error:
                last = error
                if not error.is_unusable:
                    break
                if error.failure.kind is FailureKind.PROXY_LOOP_DETECTED and routes.may_be_us:
                    return self._connect_directly(host, port)
                if server is not None and len(routes.servers) > 1:
                    self._routes.avoid(server)
                continue
            upstream.remark = "\n".join(filter(None, (routes.remark, upstream.remark)))
            return upstream
        assert last is not None
        raise last

    def _connect_directly(self, host: str, port: int) -> UpstreamConnection:
        upstream = self._connect_tcp(host, port)
        self._report(upstream, None)
        return upstream

    def _connect_tcp(self, host: str, port: int) -> UpstreamConnection:
        connected = self._connector.connect(host, port)
        limit_s = self._limits.response_s
        try:
            link = Transport(connected.sock, self._sweep, limit_s, limit_s)
        except OSError as error:
            connected.sock.close()
            raise UpstreamError(connect_failure(error, host, port)) from None
        key = self._reporter.connection_key()
        return UpstreamConnection(link, "http", host, port, key, connected.dns_us, connected.connect_us, -1)

    def _connect_by(
        self, server: ProxyServer, host: str, port: int, came_by: bytes, *, is_forwarded: bool
    ) -> UpstreamConnection:
        """A connection through a proxy. What it took is told as the connecting's time. Raises UpstreamError."""
        start_mark = _clock()
        upstream: UpstreamConnection | None = None
        last: ProxyError | None = None
        via = self._via(came_by)
        hosts = [self._connector.names.led_elsewhere(host)]
        if hosts[0] != host:
            is_forwarded = False  # in absolute form, the proxy would look the name up
        if server.scheme == "socks5":  # with the h, the proxy looks names up
            hosts = self._connector.resolve(host, port)[:ADDRESSES_TRIED]
        for each in hosts:
            upstream = self._connect_to_proxy(server)
            if is_forwarded and not server.scheme.startswith("socks"):
                upstream.forwarder, upstream.pseudonym = server, self._pseudonym
                break
            try:
                open_tunnel(upstream.link, server, each, port, self._limits.connect_s, via)
                break
            except ProxyError as error:
                upstream.link.abort()
                upstream, last = None, error
                if error.is_unusable:
                    break
            except BaseException:
                upstream.link.abort()
                raise
        if upstream is None:
            assert last is not None
            raise last
        upstream.scheme, upstream.host, upstream.port, upstream.alpn, upstream.tls = "http", host, port, "", None
        upstream.remark = f"By way of the proxy {server.url}."
        upstream.tls_us = -1
        upstream.connect_us = int((_clock() - start_mark) * 1e6) - max(upstream.dns_us, 0)
        self._report(upstream, None)
        return upstream

    def _via(self, came_by: bytes) -> bytes:
        """The field lines for a CONNECT of ours: it goes on with a client's, and so with who has passed that on."""
        before = b"Via: %b\r\n" % came_by if came_by else b""
        return before + via_line("HTTP/1.1", self._pseudonym)

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

    def _connect_to_proxy(self, server: ProxyServer) -> UpstreamConnection:
        """Raises ProxyError."""
        try:
            upstream = self._connect_tcp(server.host, server.port)
            if server.scheme == "https":
                upstream = self._start_tls(upstream, server.host, PROXY_ALPN, self._connect_tcp)
        except UpstreamError as error:
            text = f"{named(server)} can't be used: {error.failure.text}"
            raise ProxyError(error.failure._replace(text=text), is_unusable=True) from None
        return upstream

    def start_tls(self, upstream: UpstreamConnection, server_name: str, alpn: tuple[str, ...]) -> UpstreamConnection:
        """Put TLS on a plain connection that has carried nothing yet. Raises UpstreamError, having closed it.

        Returns it, or another connection in its place: where the first way of verifying (`UpstreamTrust`) refused a
        certificate that the other may take; or where the origin speaks nothing of what was offered, its client's
        protocols, but something else that we speak.
        """
        connect_again = partial(self.connect_plain, came_by=upstream.came_by)
        try:
            upstream = self._start_tls(upstream, server_name, alpn, connect_again)
        except _NoProtocolError:
            others = tuple(name for name in self._spoken if name not in alpn)
            if not others:
                raise
            again = connect_again(upstream.host, upstream.port)
            upstream = self._start_tls(again, server_name, others, connect_again)
        self._report(upstream, upstream.tls)
        return upstream

    def _start_tls(
        self,
        upstream: UpstreamConnection,
        server_name: str,
        alpn: tuple[str, ...],
        connect_again: Callable[[str, int], UpstreamConnection],
    ) -> UpstreamConnection:
        trust = self.trust
        first = trust.first_way(server_name)
        try:
            self._shake(upstream, server_name, alpn, first)
        except _RefusedError as error:
            second = self._another_way(server_name, first, error)
            if second is None:
                raise
            again = connect_again(upstream.host, upstream.port)
            try:
                self._shake(again, server_name, alpn, second)
            except _RefusedError as second_error:
                trust.remember(server_name, STRICTLY)
                if first.accepted or second.accepted:
                    raise second_error from None
                strict, lenient = (second_error, error) if first.is_lenient else (error, second_error)
                raise strict if lenient.is_of_issuer else lenient from None  # no system's word, or it has, but …
            trust.remember(server_name, second)
            return again
        return upstream

    def _another_way(self, server_name: str, first: Verifying, error: "_RefusedError") -> Verifying | None:
        """In which other way a server may be taken that was refused in the first one."""
        if first.accepted:  # it has another certificate now
            return STRICTLY if not self.trust.accepts(server_name, error.chain) else Verifying(accepted=error.chain[0])
        if self.trust.accepts(server_name, error.chain):
            return Verifying(accepted=error.chain[0])
        if first.is_lenient:
            return STRICTLY
        return Verifying(is_lenient=True) if error.is_of_form and self.trust.has_added_roots() else None

    def _shake(
        self, upstream: UpstreamConnection, server_name: str, alpn: tuple[str, ...], verifying: Verifying
    ) -> None:
        start_mark = time.perf_counter()
        try:
            context = self.trust.context(alpn, verifying, name=server_name, host=upstream.host)
        except UpstreamCaError as unread:
            upstream.link.close()
            raise UpstreamError(Failure(FailureKind.PROXY_INTERNAL_ERROR, str(unread)), upstream.key) from None
        link = TlsTransport(upstream.link, context, server_side=False, server_hostname=server_name)
        try:
            with gevent.Timeout(self._limits.upstream_tls_s, TimeoutError("the TLS handshake took too long")):
                link.handshake()
            if verifying.accepted and peer_chain(link.ssl_object)[:1] != (verifying.accepted,):
                raise TlsHandshakeError(_another_certificate(), chain=peer_chain(link.ssl_object))
        except TimeoutError:
            link.abort()
            text = f"{upstream.where} did not finish the TLS handshake in time."
            raise UpstreamError(Failure(FailureKind.CONNECTION_TIMEOUT, text)) from None
        except OSError as error:
            link.abort()
            failure = upstream_tls_failure(error, upstream.host, upstream.port)
            if hasattr(link, "ssl_object"):  # what was refused is worth seeing
                self._report(upstream, self._facts(link, server_name, failure.text))
            if failure.kind is FailureKind.TLS_CERTIFICATE_ERROR:
                raise _RefusedError(error, failure, upstream.key) from None
            if is_fault_of_protocol(error):
                raise _NoProtocolError(failure, upstream.key) from None
            raise UpstreamError(failure, upstream.key) from None
        if link.owes_certificate:
            asked = DarkCause.ASKED_IN_VAIN.told(upstream.where)
            upstream.remark = f"{upstream.remark}\n{asked}" if upstream.remark else asked
        upstream.link = link
        upstream.scheme = "https"
        upstream.opened_mark = _clock()
        upstream.tls_us = int((upstream.opened_mark - start_mark) * 1e6)
        upstream.alpn = link.ssl_object.selected_alpn_protocol() or ""
        upstream.tls = self._facts(link, server_name, _ACCEPTED if verifying.accepted else "")

    @staticmethod
    def _facts(link: TlsTransport, server_name: str, verify_error: str) -> bytes:
        fingerprint = own_fingerprint(link.ssl_object.context, server_name)
        return tls_facts(link.ssl_object, server_name, verify_error, fingerprint)

    def _report(self, upstream: UpstreamConnection, tls: bytes | None) -> None:
        row = connection_record(upstream.key, Side.UPSTREAM, upstream.opened_at, upstream.link, tls)
        self._reporter.connection(row)


def _another_certificate() -> ssl.SSLCertVerificationError:
    """An accepted certificate vouches for no other."""
    error = ssl.SSLCertVerificationError("this is not the certificate that was accepted")
    error.verify_code, error.verify_message = 0, "this is not the certificate that was accepted"
    return error


class _NoProtocolError(UpstreamError):
    """The origin speaks none of the protocols that were offered."""


class _RefusedError(UpstreamError):
    """The server's certificate is not taken: for its form alone, for its issuer, or for something else."""

    def __init__(self, error: OSError, failure: Failure, connection: int) -> None:
        super().__init__(failure, connection)
        self.chain = error.chain if isinstance(error, TlsHandshakeError) else ()
        self.is_of_form = is_fault_of_form(error)
        self.is_of_issuer = is_fault_of_issuer(error)
