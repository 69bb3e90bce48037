"""What becomes of a CONNECT: interception, plain HTTP, or a tunnel. And the way of a client connection as a whole.

The proxy answers 200 at once and looks at what comes. A ClientHello: connect upstream first, verify it, then end the
client's TLS with a leaf for the name. Something like HTTP: served as HTTP. Anything else, or a server that speaks
first, or a host that is not to be intercepted: relayed unread. Where the upstream fails, the client's TLS is still
ended, so that the page that says why can be read (browsers hide the bodies of failed CONNECTs).
"""

import re
import time

import gevent
from greenlet import getcurrent

from proxy_core.engine.exchange import own_answer
from proxy_core.engine.exchange.http1_relay import Http1Relay
from proxy_core.engine.exchange.tunnel import relay_tunnel
from proxy_core.engine.links.tls import INTERNAL_ERROR_ALERT, TlsTransport
from proxy_core.engine.links.tls_facts import tls_facts
from proxy_core.engine.links.transport import Link
from proxy_core.engine.recording.report import Report
from proxy_core.engine.services import Services
from proxy_core.engine.trust.certificates import LeafError
from proxy_core.engine.trust.tls_failure import client_tls_failure
from proxy_core.engine.upstream.connection import HTTP1_OFFER, Upstream, connect_plain, start_tls
from proxy_core.engine.upstream.connector import UpstreamError
from proxy_core.fault_log import caught
from proxy_core.model.exchange import ExchangeKind, ExchangeState
from proxy_core.model.failure import Failure, FailureKind
from proxy_core.protocols.client_hello import ClientHello, ClientHelloReader, NotTls
from proxy_core.protocols.part import RequestHead

_ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"
_LIKE_HTTP = re.compile(rb"[A-Z]{3,20} [/*h]|CONNECT [-._~%\[0-9A-Za-z]")
_CLIENT_SIDE = 0


def serve_client(services: Services, client: Link) -> None:
    """Serve a client connection from its first byte to its end.

    This is a border: what a relay of ours raises ends what it had under way as failed, and closes both sides.
    """
    connection = services.reporter.connection_key()
    try:
        _serve(services, client, connection)
    except Exception:
        failure = Failure(FailureKind.OWN_FAULT, caught("a relay"))
        for report in services.reporter.under_way(connection):
            services.reporter.fail(report, failure)
        client.abort()
        services.sweep.abort_opened_by(getcurrent())


def _serve(services: Services, client: Link, connection: int) -> None:
    opened_at = int(time.time() * 1e6)
    report_client(services, client, connection, opened_at, None)
    relay = Http1Relay(services, client, connection)
    relay.run()
    if relay.connect_request is not None:
        head, report = relay.connect_request
        try:
            _ConnectRelay(services, client, connection, opened_at, head, report).run(relay.leftover())
        finally:
            client.close()


def report_client(services: Services, client: Link, connection: int, opened_at: int, tls: bytes | None) -> None:
    """Tell of a client connection, opened so many microseconds after the epoch; again with `tls` once that is known."""
    services.reporter.connection(
        (
            connection,
            _CLIENT_SIDE,
            opened_at,
            client.peer_host,
            client.peer_port,
            client.local_host,
            client.local_port,
            tls,
        )
    )


class _ConnectRelay:
    """One CONNECT."""

    def __init__(
        self, services: Services, client: Link, connection: int, opened_at: int, head: RequestHead, report: Report
    ) -> None:
        self._services = services
        self._client = client
        self._connection = connection
        self._opened_at = opened_at
        self._head = head
        self._report = report
        self._host, self._port = head.host, head.port
        self._prepared: Upstream | None = None  # connected while the client kept silent
        self._server_spoke = b""
        report.kind = ExchangeKind.TUNNEL
        report.host, report.port = head.host, head.port

    def run(self, first_bytes: bytes) -> None:
        if not self._services.intercepts(self._host):
            self._tunnel_or_refuse(first_bytes)
            return
        try:
            self._client.send(_ESTABLISHED)
            self._report.status = 200
            self._report.response_head = _ESTABLISHED
            seen = first_bytes or self._first_bytes()
            hello = None
            if seen and not self._server_spoke:
                hello, seen = self._look(seen)
        except UpstreamError as error:
            self._services.reporter.fail(self._report, error.failure)
            return
        except TimeoutError:
            self._drop_prepared()
            text = f"The client did not finish its ClientHello within {self._services.limits.client_tls_s:.0f} seconds."
            self._services.reporter.fail(self._report, Failure(FailureKind.CLIENT_TIMEOUT, text))
            return
        except OSError:
            self._drop_prepared()
            text = "The client closed the connection right after CONNECT."
            self._services.reporter.fail(self._report, Failure(FailureKind.CLIENT_CLOSED, text))
            return
        if isinstance(hello, ClientHello):
            if hello.alpn and b"http/1.1" not in hello.alpn:
                self._report.notes = "Not decrypted: the client offers no HTTP/1.1 (only " + _names(hello.alpn) + ")."
                self._tunnel(seen)
            else:
                self._intercept(hello, seen)
        elif not self._server_spoke and _LIKE_HTTP.match(seen):
            self._services.reporter.forget(self._report)
            self._drop_prepared()
            authority = self._host, self._port
            Http1Relay(self._services, self._client, self._connection, authority=authority, first_bytes=seen).run()
        else:
            self._tunnel(seen)

    def _first_bytes(self) -> bytes:
        """What the client sends first; b"" when the server speaks or ends first, `_prepared` is then connected.

        What the server said is in `_server_spoke`. Raises OSError when the client leaves, UpstreamError.
        """
        try:
            with gevent.Timeout(self._services.limits.first_bytes_s, TimeoutError()):
                seen = self._client.receive()
        except TimeoutError:
            upstream = self._prepared = connect_plain(self._services, self._host, self._port)
            theirs = gevent.spawn(_received, upstream.link)
            ours = gevent.spawn(_received, self._client)
            gevent.wait((theirs, ours), count=1)
            if theirs.ready():
                self._server_spoke = theirs.get()
            theirs.kill()
            if not ours.ready():
                ours.kill()
                return b""
            seen = ours.get()
        if not seen:
            raise OSError("the client closed the connection") from None
        return seen

    def _look(self, seen: bytes) -> tuple[ClientHello | NotTls, bytes]:
        """Read on until it is clear whether this is TLS. Returns that and all bytes read."""
        reader = ClientHelloReader()
        reader.receive(seen)
        # A limit on the whole hello: single bytes don't hold a connection for ever.
        with gevent.Timeout(self._services.limits.client_tls_s, TimeoutError()):
            while (hello := reader.next_part()) is None:
                data = self._client.receive()
                if not data:
                    return NotTls(), seen
                seen += data
                reader.receive(data)
        return hello, seen

    def _connect(self) -> Upstream:
        """The connection made while waiting for the first bytes, or a new one. Raises UpstreamError."""
        upstream, self._prepared = self._prepared, None
        return upstream or connect_plain(self._services, self._host, self._port)

    def _drop_prepared(self) -> None:
        if self._prepared is not None:
            self._prepared.close()
            self._prepared = None

    # Tunnels

    def _tunnel_or_refuse(self, first_bytes: bytes) -> None:
        """Not to be intercepted: connect first, and answer the CONNECT itself with what came of it."""
        report, reporter = self._report, self._services.reporter
        try:
            upstream = connect_plain(self._services, self._host, self._port)
        except UpstreamError as error:
            response = own_answer.failure_response(error.failure, close=True, request=self._head)
            report.status, report.response_head = response.status, response.head
            reporter.fail(report, error.failure)
            try:
                self._client.send(response.head + response.body)
            except OSError:
                pass
            return
        report.status, report.response_head = 200, _ESTABLISHED
        try:
            self._client.send(_ESTABLISHED)
        except OSError:
            upstream.close()
            text = "The client closed the connection right after CONNECT."
            reporter.fail(report, Failure(FailureKind.CLIENT_CLOSED, text))
            return
        self._relay_unread(upstream, first_bytes)

    def _tunnel(self, first_bytes: bytes) -> None:
        try:
            upstream = self._connect()
        except UpstreamError as error:
            self._services.reporter.fail(self._report, error.failure)
            return
        self._relay_unread(upstream, first_bytes)

    def _relay_unread(self, upstream: Upstream, first_bytes: bytes) -> None:
        report = self._report
        report.is_held = False
        report.state = ExchangeState.RESPONDING
        report.upstream_connection = upstream.connection
        report.ready_mark = report.sent_mark = report.response_mark = time.perf_counter()
        report.dns_us, report.connect_us = upstream.dns_us, upstream.connect_us
        relay_tunnel(self._services, report, self._client, upstream.link, first_bytes, self._server_spoke)

    # Interception

    def _intercept(self, hello: ClientHello, seen: bytes) -> None:
        services, report = self._services, self._report
        # The name that the client will verify is the one to verify for it: its SNI, which may differ from the target of
        # the CONNECT (that one is often an address).
        name = hello.server_name or self._host
        upstream: Upstream | None = None
        first_error: UpstreamError | None = None
        begin_mark = time.perf_counter()
        try:
            upstream = start_tls(services, self._connect(), name, HTTP1_OFFER)
        except UpstreamError as error:
            upstream, first_error = None, error
            error.spent_us = int((time.perf_counter() - begin_mark) * 1e6)
        try:
            context = services.certificates.server_context(name, HTTP1_OFFER)
        except LeafError as error:
            self._refuse_tls(upstream, Failure(FailureKind.PROXY_INTERNAL_ERROR, str(error)))
            return
        tls = TlsTransport(self._client, context, server_side=True, first_bytes=seen)
        limit_s = services.limits.client_tls_s
        try:
            with gevent.Timeout(limit_s, TimeoutError("the TLS handshake took too long")):
                tls.handshake()
        except OSError as error:
            if upstream is not None:
                upstream.close()
            report.upstream_connection = upstream.connection if upstream is not None else 0
            services.reporter.fail(report, client_tls_failure(error, name))
            self._client.close()
            return
        report_client(services, tls, self._connection, self._opened_at, tls_facts(tls.ssl_object, hello.server_name))
        services.reporter.forget(report)
        Http1Relay(
            services,
            tls,
            self._connection,
            scheme="https",
            authority=(self._host, self._port),
            server_name=name,
            upstream=upstream,
            first_error=first_error,
        ).run()

    def _refuse_tls(self, upstream: Upstream | None, failure: Failure) -> None:
        """Without a certificate there is no TLS in which a page could say why: the client gets TLS's word for it."""
        if upstream is not None:
            upstream.close()
            self._report.upstream_connection = upstream.connection
        self._services.reporter.fail(self._report, failure)
        try:
            self._client.send(INTERNAL_ERROR_ALERT)
        except OSError:
            pass
        self._client.close()


def _received(link: Link) -> bytes:
    """What a link receives first; an error counts as its end."""
    try:
        return link.receive()
    except OSError:
        return b""


def _names(alpn: tuple[bytes, ...]) -> str:
    return ", ".join(name.decode("latin-1") for name in alpn)
