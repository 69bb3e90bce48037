"""What is done about a tunnel that a client wants, by CONNECT or SOCKS: interception, plain HTTP, or a tunnel indeed.

The proxy grants it at once and looks at what comes. A ClientHello: connect upstream first, verify it, then end the
client's TLS with a leaf for the name. Something like HTTP: served as HTTP. Anything else, or a server that speaks
first, or a host that is not to be intercepted: relayed unread. Where the upstream fails, the client's TLS is still
ended, so that the page that says why can be read (browsers hide the bodies of failed CONNECTs).
"""

import time
from functools import partial

import gevent

from proxy_core.engine.exchange.first_bytes_watch import FirstBytesWatch
from proxy_core.engine.exchange.route import Route
from proxy_core.engine.exchange.services import Services
from proxy_core.engine.exchange.tunnel import relay_tunnel
from proxy_core.engine.links.heard_tls import HeardTls
from proxy_core.engine.links.link import Link
from proxy_core.engine.links.tls import INTERNAL_ERROR_ALERT
from proxy_core.engine.links.tls_facts import hello_facts, tls_facts
from proxy_core.engine.reception.client_connection import ClientConnection
from proxy_core.engine.reception.speech import Speech, recognise
from proxy_core.engine.reception.spoken import serving_of
from proxy_core.engine.reception.tunnel_wanted import TunnelWanted
from proxy_core.engine.sides.spoken import HTTP1, HTTP2, spoken_of
from proxy_core.engine.trust.certificates import LeafError
from proxy_core.engine.trust.tls_failure import INSTALL, client_tls_failure
from proxy_core.engine.upstream.connection import UpstreamConnection
from proxy_core.engine.upstream.upstream_error import UpstreamError
from proxy_core.model.dark_cause import DarkCause
from proxy_core.model.exchange import ExchangeKind, ExchangeState
from proxy_core.model.failure import Failure, FailureKind
from proxy_core.model.refusals import AGAIN_AND_AGAIN, AT_ONCE_S, Pair
from proxy_core.protocols.client_hello import ClientHello
from proxy_core.protocols.fingerprint import fingerprint_of
from proxy_core.protocols.http1.fields import shown

_MOST_NAMES = 8  # of protocols, in a sentence


class Connect:
    """One wanted tunnel, from the request for it to the end of what comes of it."""

    def __init__(self, services: Services, connection: ClientConnection, wanted: TunnelWanted) -> None:
        self._services = services
        self._connection = connection
        self._asker = wanted.asker
        self._client, self._first_bytes = wanted.asker.detach()
        self._report = report = wanted.report
        self._host, self._port = wanted.host, wanted.port
        self._came_by = wanted.came_by
        self._prepared: UpstreamConnection | None = None  # connected while the client kept silent
        self._server_spoke = b""
        report.kind = ExchangeKind.TUNNEL
        report.host, report.port = self._host, self._port

    def run(self) -> None:
        """Carry it out; closes both sides."""
        try:
            self._run()
        finally:
            self._client.close()

    def _run(self) -> None:
        reason = self._services.reason_to_pass(self._host)
        if reason is not None:
            self._say(reason)
            self._tunnel_or_refuse()
            return
        try:
            self._client.send(self._asker.granted(self._report))
            seen = self._first_bytes or self._await_first_bytes()
            spoken: ClientHello | Speech = Speech.UNKNOWN
            if seen and not self._server_spoke:
                spoken, seen = recognise(self._client, seen, self._services.limits.client_tls_s)
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
            self._client_closed()
            return
        if isinstance(spoken, ClientHello):
            # Who looks names up himself asks for an address, and names the host here.
            reason = self._services.reason_to_pass(spoken.server_name.lower()) if spoken.server_name else None
            if reason is None and self._services.settings.after_refusals == "pass":
                is_stubborn = self._services.refusals.is_stubborn(self._pair(spoken))
                reason = DarkCause.REFUSED if is_stubborn else None
            if reason is not None:
                self._tunnel(seen, reason)
                return
            if offer := spoken_of(spoken.alpn):
                self._intercept(spoken, seen, offer)
                return
            names = ", ".join(map(shown, spoken.alpn[:_MOST_NAMES]))
            self._tunnel(seen, DarkCause.OTHER_PROTOCOL, names)
        elif spoken is Speech.HTTP1 or spoken is Speech.HTTP2:
            self._services.reporter.forget(self._report)
            self._drop_prepared()
            protocol = HTTP2 if spoken is Speech.HTTP2 else HTTP1
            to = "http", self._host, self._port
            route = Route(self._services, to, plain_protocol=protocol, came_by=self._came_by)
            serving_of(protocol, self._services, self._client, self._connection.key, route, seen).run()
        elif self._server_spoke:
            self._tunnel(seen, DarkCause.SERVER_FIRST)
        else:
            self._tunnel(seen, DarkCause.NOT_WEB if seen else DarkCause.SILENCE)

    def _client_closed(self) -> None:
        text = "The client closed the connection without having said anything in its tunnel."
        self._services.reporter.fail(self._report, Failure(FailureKind.CLIENT_CLOSED, text))

    def _await_first_bytes(self) -> bytes:
        """What the client sends first; b"" when the server speaks or ends first, `_prepared` is then connected.

        What the server said is in `_server_spoke`. Raises OSError when the client leaves, UpstreamError.
        """
        try:
            with gevent.Timeout(self._services.limits.first_bytes_s, TimeoutError()):
                seen = self._client.receive()
        except TimeoutError:
            upstream = self._prepared = self._services.opener.connect_plain(self._host, self._port, self._came_by)
            limit_s = self._client.read_limit_s
            # There are tunnels in which both wait for a long time: no shorter limit holds than later on.
            self._client.read_limit_s = upstream.link.read_limit_s = self._services.limits.tunnel_idle_s
            theirs = gevent.spawn(partial(_received, upstream.link))
            ours = gevent.spawn(partial(_received, self._client))
            gevent.wait((theirs, ours), count=1)
            self._client.read_limit_s = limit_s
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

    def _connect(self) -> UpstreamConnection:
        """The connection made while waiting for the first bytes, or a new one. Raises UpstreamError."""
        upstream, self._prepared = self._prepared, None
        return upstream or self._services.opener.connect_plain(self._host, self._port, self._came_by)

    def _drop_prepared(self) -> None:
        if self._prepared is not None:
            self._prepared.link.close()
            self._prepared = None

    # Tunnels

    def _tunnel_or_refuse(self) -> None:
        """Not to be intercepted: connect first, and answer the request for a tunnel with what came of it."""
        report = self._report
        try:
            upstream = self._services.opener.connect_plain(self._host, self._port, self._came_by)
        except UpstreamError as error:
            self._asker.refuse(report, error.failure)
            return
        try:
            self._client.send(self._asker.granted(report))
        except OSError:
            upstream.link.close()
            self._client_closed()
            return
        self._relay_unread(upstream, self._first_bytes)

    def _tunnel(self, first_bytes: bytes, reason: DarkCause, detail: str = "") -> None:
        self._say(reason, detail)
        try:
            upstream = self._connect()
        except UpstreamError as error:
            self._services.reporter.fail(self._report, error.failure)
            return
        self._relay_unread(upstream, first_bytes)

    def _say(self, reason: DarkCause, detail: str = "") -> None:
        notes = self._report.notes
        self._report.notes = f"{notes}\n{reason.told(detail)}" if notes else reason.told(detail)

    def _relay_unread(self, upstream: UpstreamConnection, first_bytes: bytes) -> None:
        report = self._report
        report.state = ExchangeState.RESPONDING
        report.upstream_connection = upstream.key
        if upstream.remark:
            report.notes = f"{report.notes}\n{upstream.remark}" if report.notes else upstream.remark
        report.ready_mark = report.sent_mark = report.response_mark = time.perf_counter()
        report.opening_us = upstream.opening_us
        self._services.reporter.release(report)
        watch = FirstBytesWatch(self._services.reporter, report, self._hear)
        relay_tunnel(self._services, report, self._client, upstream.link, first_bytes, self._server_spoke, watch)

    def _hear(self, hello: ClientHello) -> None:
        self._connection.report(self._client, hello_facts(hello, is_unread=True))

    # Interception

    def _intercept(self, hello: ClientHello, seen: bytes, offer: tuple[str, ...]) -> None:
        services, report = self._services, self._report
        # The name that the client will verify is the one to verify for it: its SNI, which may differ from the target of
        # the CONNECT (that one is often an address).
        name = hello.server_name or self._host
        upstream, first_error = self._connect_first(name, offer)
        try:
            # What the origin chose; where it can't be asked, or speaks what the client doesn't, the client chooses.
            chosen = (upstream.alpn or HTTP1,) if upstream is not None else offer
            if chosen[0] not in offer:
                chosen = offer
            context = services.certificates.server_context(name, chosen)
        except LeafError as unmade:
            self._refuse_tls(upstream, Failure(FailureKind.PROXY_INTERNAL_ERROR, str(unmade)))
            return
        took_it = partial(services.refusals.forget, self._pair(hello))
        tls = HeardTls(self._client, context, first_bytes=seen, on_first_word=took_it)
        try:
            with gevent.Timeout(services.limits.client_tls_s, TimeoutError("the TLS handshake took too long")):
                tls.handshake()
        except OSError as error:
            if upstream is not None:
                upstream.link.close()
            self._connection.report(self._client, hello_facts(hello))
            failure = client_tls_failure(error, name)
            if failure.kind is FailureKind.CLIENT_REFUSED_CERTIFICATE:
                failure = self._counted(failure, hello)
            if first_error is not None:
                # It didn't come to a page that says so: who waited for it in vain has left.
                failure = first_error.failure
                report.upstream_connection = first_error.connection
            elif upstream is not None:
                report.upstream_connection = upstream.key
            services.reporter.fail(report, failure)
            return
        self._connection.report(tls, tls_facts(tls.ssl_object, hello.server_name, fingerprint=fingerprint_of(hello)))
        services.reporter.forget(report)
        to = "https", self._host, self._port
        route = Route(
            services,
            to,
            server_name=name,
            offer=offer,
            prepared=upstream,
            first_error=first_error,
            came_by=self._came_by,
        )
        spoken = tls.ssl_object.selected_alpn_protocol() or HTTP1
        begin_mark = time.perf_counter()
        serving_of(spoken, services, tls, self._connection.key, route).run()
        if not tls.has_heard and time.perf_counter() - begin_mark < AT_ONCE_S:
            self._left_silently(hello, upstream)

    def _connect_first(
        self, name: str, offer: tuple[str, ...]
    ) -> tuple[UpstreamConnection | None, UpstreamError | None]:
        """The origin, connected, or why it can't be; neither for one that a rule may answer for: it may not exist."""
        services = self._services
        if services.leads_elsewhere is not None and services.leads_elsewhere(self._host.lower()):
            self._drop_prepared()
            return None, None
        begin_mark = time.perf_counter()
        try:
            learnt = services.learnt.of(("https", self._host, self._port))
            return services.opener.start_tls(self._connect(), name, (learnt,) if learnt else offer), None
        except UpstreamError as unreached:
            unreached.spent_us = int((time.perf_counter() - begin_mark) * 1e6)
            return None, unreached

    def _pair(self, hello: ClientHello) -> Pair:
        return Pair(self._client.peer_host, fingerprint_of(hello).ja4, (hello.server_name or self._host).lower())

    def _counted(self, failure: Failure, hello: ClientHello) -> Failure:
        """With what is to be said of a client that refuses again and again."""
        pair = self._pair(hello)
        number = self._services.refusals.count(pair)
        if number < AGAIN_AND_AGAIN:
            return failure
        self._ask_person(pair, number)
        return failure._replace(text=f"{failure.text} {DarkCause.PINNED.told(pair.host, number)}")

    def _ask_person(self, pair: Pair, number: int) -> None:
        """Have it asked whether such a host is to be left alone."""
        services = self._services
        is_time = number % AGAIN_AND_AGAIN == 0  # not each time: it may be a program that tries for ever
        if is_time and services.ask_person is not None and services.settings.after_refusals == "ask":
            services.ask_person(pair.host)

    def _left_silently(self, hello: ClientHello, upstream: UpstreamConnection | None) -> None:
        """Libraries that pin look at our certificate after the handshake, and go. Once it may mean anything."""
        pair = self._pair(hello)
        number = self._services.refusals.count(pair)
        if number < AGAIN_AND_AGAIN:
            return
        self._ask_person(pair, number)
        report = self._services.reporter.open(self._connection.key)
        report.kind = ExchangeKind.TUNNEL
        report.method = "CONNECT"
        report.host, report.port = self._host, self._port
        report.upstream_connection = upstream.key if upstream is not None else 0
        pinned = DarkCause.PINNED.told(pair.host, number)
        text = f"The client left right after the TLS handshake, without a word. {pinned} {INSTALL}"
        self._services.reporter.fail(report, Failure(FailureKind.CLIENT_REFUSED_CERTIFICATE, text))

    def _refuse_tls(self, upstream: UpstreamConnection | None, failure: Failure) -> None:
        """Without a certificate there is no TLS in which a page could say why: the client gets TLS's word for it."""
        if upstream is not None:
            upstream.link.close()
            self._report.upstream_connection = upstream.key
        self._services.reporter.fail(self._report, failure)
        try:
            self._client.send(INTERNAL_ERROR_ALERT)
        except OSError:
            pass


def _received(link: Link) -> bytes:
    """What a link receives first; an error counts as its end."""
    try:
        return link.receive()
    except OSError:
        return b""
