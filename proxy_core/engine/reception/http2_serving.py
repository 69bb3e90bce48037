"""HTTP/2 on a client connection, or inside a tunnel: each stream is an exchange, relayed in a greenlet of its own."""

from functools import partial

import gevent

from proxy_core.engine.exchange import own_answer
from proxy_core.engine.exchange.answering import answer
from proxy_core.engine.exchange.relay import ExchangeRelay
from proxy_core.engine.exchange.route import Route
from proxy_core.engine.exchange.services import Services
from proxy_core.engine.limits import HTTP2_LIMITS
from proxy_core.engine.links.link import Link
from proxy_core.engine.reception.client_connection import Closed, Ended
from proxy_core.engine.reception.opened_report import open_report, open_unread_report
from proxy_core.engine.sides.http2_client import Http2Client
from proxy_core.engine.sides.http2_session import Http2Session
from proxy_core.engine.sides.http2_stream import Http2Stream
from proxy_core.fault_log import caught
from proxy_core.model.dark_cause import DarkCause
from proxy_core.model.endpoint import endpoint_text
from proxy_core.model.exchange import ExchangeKind
from proxy_core.model.failure import Failure, FailureKind
from proxy_core.protocols.http1.fields import shown
from proxy_core.protocols.http2 import frame
from proxy_core.protocols.http2.connection import Http2Connection
from proxy_core.protocols.http2.head import VERSION, Http2RequestHead
from proxy_core.protocols.http2.translation import request_at
from proxy_core.protocols.via import has_passed

_START_WORDS = 3
_WEBSOCKET = b"websocket"
_NO_PROXY = Failure(
    FailureKind.HTTP_REQUEST_DENIED,
    "This place stands for an origin: in HTTP/2 it is no proxy.",
    403,
)
_CROWD = Failure(
    FailureKind.HTTP_REQUEST_DENIED,
    "The client has given up so many exchanges that are still being ended that no more are begun.",
)
# A stream that was reset is none of the peer's any more, but its relay may still wait to be connected, say.
_RELAYS = 4 * HTTP2_LIMITS.streams


class Http2Serving:
    """Serves what one client says in HTTP/2."""

    def __init__(self, services: Services, link: Link, connection: int, route: Route, first_bytes: bytes = b"") -> None:
        """Takes over the link and the route. `connection` is the client connection's key in the capture."""
        self._services = services
        self._connection = connection
        self._route = route
        self._first_bytes = first_bytes
        self._greenlets: set[gevent.Greenlet[..., None]] = set()
        route.overlaps = True
        link.read_limit_s = services.limits.idle_s
        self._session = Http2Session(
            link,
            Http2Connection(is_client=False, limits=HTTP2_LIMITS),
            services.sweep,
            on_request=self._take_request,
            on_malformed=self._record_malformed,
            head_limit_s=services.limits.request_head_s,
        )
        route.tell_extended(self._offer_extended)

    def run(self) -> Ended:
        """Serve until the connection ends. Closes both sides."""
        session = self._session
        take_leave = session.take_leave
        self._services.when_stopping.add(take_leave)
        try:
            session.receive_all(self._first_bytes)
            is_told = bool(session.streams)  # their exchanges tell how the connection ended
            gevent.joinall(list(self._greenlets))
        finally:
            self._services.when_stopping.discard(take_leave)
            gevent.killall(list(self._greenlets))
            self._route.close()
            session.close()
        session.wait_for_end()  # who has handed the link to us closes what it runs over
        if session.failure is not None and not is_told:
            report = open_unread_report(self._services, self._connection, self._route.tunnel, b"")
            self._services.reporter.fail(report, session.failure)
        return Closed()

    def _offer_extended(self) -> None:
        """RFC 8441 §3: offered as soon as the origin has, and where it has not, clients use HTTP/1.1 for WebSockets."""
        self._session.protocol.announce_connect_protocol()
        self._session.wake_writer()

    def _take_request(self, stream: Http2Stream, head: Http2RequestHead) -> None:
        if len(self._greenlets) >= _RELAYS:
            stream.reset(frame.REFUSED_STREAM)
            report = open_report(self._services, self._connection, self._route.tunnel, head)
            self._services.reporter.fail(report, _CROWD)
            return
        greenlet = gevent.spawn(partial(self._serve, stream, head))
        self._greenlets.add(greenlet)
        greenlet.rawlink(self._greenlets.discard)

    def _record_malformed(self, _stream: int, failure: Failure, raw: bytes) -> None:
        """A request that was none: the stream is reset (RFC 9113 §8.1.1), the others live."""
        report = open_unread_report(self._services, self._connection, self._route.tunnel, raw)
        report.request_version = VERSION
        words = raw.partition(b"\r\n")[0].split(b" ")
        if len(words) == _START_WORDS:
            report.path = words[1].decode("utf-8", "replace")
        self._services.reporter.fail(report, failure)

    def _serve(self, stream: Http2Stream, head: Http2RequestHead) -> None:
        services = self._services
        client = Http2Client(self._session, stream, services.limits)
        reporter = services.reporter
        if reporter.outbox.is_full:
            reporter.outbox.wait_for_room()
        served = self._route.served
        report = open_report(self._services, self._connection, self._route.tunnel, head)
        if has_passed(head.raw, services.pseudonym):
            failure = own_answer.loop_failure(head)
            answer(services, client, report, own_answer.failure_response(failure, head), failure)
            return
        if head.protocol not in (b"", _WEBSOCKET):
            # RFC 8441 §4 leaves it to the server what it takes; RFC 9220 §3 has the status for what it does not know.
            failure = Failure(
                FailureKind.HTTP_UPGRADE_FAILED,
                f"Harrier doesn't pass «{shown(head.protocol)}» on over HTTP/2, only WebSockets.",
                501,
            )
            answer(services, client, report, own_answer.failure_response(failure, head), failure)
            return
        if served is not None:
            if head.is_tunnel and not head.protocol:
                report.kind = ExchangeKind.TUNNEL
                response = own_answer.failure_response(_NO_PROXY, head)
                answer(services, client, report, response, _NO_PROXY)
                return
            head = request_at(head, served)
            report.scheme, report.host, report.port, report.notes = head.scheme, head.host, head.port, head.notes
        if head.is_tunnel and not head.protocol and self._route.tunnel is not None:
            # As in HTTP/1: it is meant for the proxy at the tunnel's end.
            report.kind = ExchangeKind.TUNNEL
            report.notes = DarkCause.INNER_PROXY.told(endpoint_text(*self._route.tunnel[1:]))
        try:
            ExchangeRelay(services, self._route, client, head, report).run()
        except Exception:  # a border: the connection's other streams go on
            reporter.fail(report, Failure(FailureKind.OWN_FAULT, caught("a relay")))
            stream.reset(frame.INTERNAL_ERROR)
