"""One exchange between its two sides, whatever protocols they speak.

An ordinary blocking function in a greenlet: decide, connect, send, wait, pass on. A request whose body is not here yet
is uploaded by a second greenlet, so that an interim or an early final response reaches the client while the body is
still on its way.

Bodies pass through as they arrive: what one receive brings is sent on before the next, so a slow reader on one side
slows the other, and memory stays flat. The report is completed before the last bytes are sent: what a client has got
whole is on disk.
"""

import math
import time

from proxy_core.engine.exchange import own_answer
from proxy_core.engine.exchange.answering import answer, record_answer, record_refused, send_body
from proxy_core.engine.exchange.deciding import DecidedRequest, Deciding
from proxy_core.engine.exchange.first_bytes_watch import FirstBytesWatch
from proxy_core.engine.exchange.point import Abort, Answer
from proxy_core.engine.exchange.redirection import remark_on_location
from proxy_core.engine.exchange.route import Destination, Route
from proxy_core.engine.exchange.services import Services
from proxy_core.engine.exchange.stream_body import stream_body
from proxy_core.engine.exchange.tunnel import relay_tunnel
from proxy_core.engine.exchange.tunnel_watch import TunnelWatch
from proxy_core.engine.exchange.upload import Upload
from proxy_core.engine.exchange.websocket_watch import WebSocketWatch
from proxy_core.engine.recording.report import Report
from proxy_core.engine.sides.side import BodySource, ClientGoneError, ClientSide, SideError, UpstreamSide
from proxy_core.engine.upstream.upstream_error import UpstreamError
from proxy_core.fault_log import caught
from proxy_core.model.endpoint import endpoint_text
from proxy_core.model.exchange import ExchangeFlag, ExchangeKind, ExchangeState
from proxy_core.model.failure import Failure, FailureKind
from proxy_core.protocols.message_text import request_message
from proxy_core.protocols.part import BodyPart, EndOfMessage, ProtocolError, RequestHead, ResponseHead

# RFC 9110 §9.2.2: what may be sent again without asking; only where no body was sent either.
_IDEMPOTENT = frozenset((b"GET", b"HEAD", b"OPTIONS", b"TRACE", b"PUT", b"DELETE"))
_WAITED_IN_VAIN = (FailureKind.HTTP_RESPONSE_TIMEOUT, FailureKind.CONNECTION_READ_TIMEOUT)
_clock = time.perf_counter
# Plain integers: an operation on an enum's member costs 2 µs, and these are set for each exchange.
_REQUEST_INCOMPLETE = int(ExchangeFlag.REQUEST_INCOMPLETE)
_RESPONSE_INCOMPLETE = int(ExchangeFlag.RESPONSE_INCOMPLETE)
_WAITING = int(ExchangeState.WAITING)
_RESPONDING = int(ExchangeState.RESPONDING)


class ExchangeRelay:
    """Relays one exchange, from the head of its request on."""

    __slots__ = (
        "_body",
        "_client",
        "_deciding",
        "_has_begun",
        "_has_request_ended",
        "_head",
        "_report",
        "_reporter",
        "_route",
        "_services",
        "_upload",
        "_upstream",
    )

    def __init__(self, services: Services, route: Route, client: ClientSide, head: RequestHead, report: Report) -> None:
        """The report has been opened; what it says of the request's head is the caller's."""
        self._services = services
        self._reporter = services.reporter
        self._route = route
        self._client = client
        self._head = head
        self._body: BodySource = client
        self._report = report
        self._upload: Upload | None = None
        self._upstream: UpstreamSide | None = None
        self._deciding: Deciding | None = None
        self._has_begun = False  # the client is being sent a final response, or has been switched
        self._has_request_ended = head.body_length == 0  # its body has come, and is recorded, whole

    def run(self) -> None:
        """Relay it. On return the report is final, and the client has got its response, was cut off, or is gone."""
        self._client.when_gone = self._client_gone
        try:
            self._run()
        except UpstreamError as unreached:
            self._report.upstream_connection = unreached.connection
            self._fail(unreached.failure)
        except SideError as broken:
            if broken.raw and not self._report.response_head:
                record_refused(self._report, broken.raw)
            self._fail(broken.failure, reset_code=broken.reset_code)
        except ProtocolError as malformed:
            self._fail(malformed.failure)
        except ClientGoneError:
            self._drop_upstream()
            text = "The client closed the connection before it had the whole response."
            self._reporter.fail(self._report, self._client.fault or Failure(FailureKind.CLIENT_CLOSED, text))
            self._client.end_unanswered()
        except Exception:  # a border: our own fault costs this exchange and its connection, and is told
            self._fail(Failure(FailureKind.OWN_FAULT, caught("a relay")), is_last=True)
        finally:
            self._client.when_gone = None

    def _client_gone(self) -> None:
        """The client has left while the exchange is under way. Runs in the hub.

        After a reset nobody wants the response. An end may be half of one (RFC 9112 §9.6): then it is still waited for,
        though not for long if the upstream is silent.
        """
        if self._upstream is None:
            return
        if self._client.has_reset:
            self._upstream.abort(self._client.reset_code)
        else:
            self._upstream.hurry(self._services.limits.half_closed_s)

    def _run(self) -> None:
        head, report, route = self._head, self._report, self._route
        to = route.destination(head)
        if route.tunnel is not None and (head.host, head.port) != to[1:] and not report.notes:
            report.notes = (
                f"Sent to {endpoint_text(*to[1:])}, though its Host says {endpoint_text(head.host, head.port)}."
            )
        if head.max_forwards == 0 and head.method in (b"TRACE", b"OPTIONS"):
            # RFC 9110 §7.6.2: the last hop that the client asked for is this one.
            self._answer(own_answer.last_hop_response(head), None, is_last=True)
            return
        # A tunnel is no message; a WebSocket of HTTP/2 (RFC 8441) is asked for by one.
        if self._services.points is not None and (head.method != b"CONNECT" or head.upgrade):
            decided = self._decide_request(to)
            if decided is None:
                route.forget_first_error()
                return
            if decided.to != to:
                route.forget_first_error()
            head, self._body, to = decided[:3]
        can_repeat = head.body_length == 0 and head.method in _IDEMPOTENT
        upstream = self._connect(to, can_repeat=can_repeat)
        try:
            self._send_request(head, upstream)
            self._relay_response(head, upstream)
        except SideError as error:
            # RFC 9112 §9.3.1: a connection that was kept may have been closed in the same moment.
            is_end = error.is_unanswered and upstream.was_kept(report.ready_mark)
            # RFC 9113 §8.7: what was not processed may be sent again whatever its method; a body has passed already.
            is_unprocessed = error.is_unprocessed and head.body_length == 0
            if error.speaks:
                route.learn(to, error.speaks)
                is_end |= can_repeat
            if not (is_end or is_unprocessed) or report.interim or self._client.has_reset:
                raise
            if not (can_repeat or is_unprocessed):
                if not self._client.carries_one:  # the connection can't end for one of many: it is told
                    raise
                self._leave_unanswered(error.failure)
                return
            upstream.close()
            upstream = self._connect(to, can_repeat=False)
            self._send_request(head, upstream)
            self._relay_response(head, upstream)

    def _connect(self, to: Destination, *, can_repeat: bool) -> UpstreamSide:
        if self._client.has_reset:  # before its turn came
            raise SideError(Failure(FailureKind.CLIENT_CLOSED, "The client left before the response came."))
        upstream = self._upstream = self._route.side_for(to, self._report, can_repeat=can_repeat)
        if self._client.has_left:
            self._client_gone()
        self._report.ready_mark = _clock()
        return upstream

    # The request

    def _send_request(self, head: RequestHead, upstream: UpstreamSide) -> None:
        """Send the head and as much of the body as is here; an `Upload` sends the rest."""
        report = self._report
        upstream.send_head(head)
        if head is not self._head:  # somebody has decided so
            report.request_forwarded_head = upstream.head_text(head)
        if head.body_length == 0:
            try:
                upstream.flush()
            except OSError as error:
                failure = upstream.send_failure(error)
                raise SideError(failure, is_unanswered=not isinstance(error, TimeoutError)) from None
            report.state = _WAITING
            report.sent_mark = _clock()
            return
        record = None  # a body that was held is recorded by whoever held it
        if self._body is self._client:
            record = self._record_request
            if self._deciding is not None and not head.expect_continue:
                self._deciding.invite()  # the origin was not told that somebody waits for its word
        upload = self._upload = Upload(self._body, upstream, report, record)
        if not upload.send_what_is_here():
            upload.start()

    def _record_request(self, part: BodyPart | EndOfMessage) -> None:
        if isinstance(part, BodyPart):
            self._reporter.request_body(self._report, part.data)
            return
        self._has_request_ended = True
        if part.trailers:
            self._report.request_trailers = part.trailers

    # The response

    def _relay_response(self, head: RequestHead, upstream: UpstreamSide) -> None:
        report, client, upload = self._report, self._client, self._upload
        response = upstream.next_head()
        if response.status < 200:
            response = self._pass_interim(head, response, upstream)
        report.response_mark = _clock()
        report.response_head = response.raw
        report.response_version = response.version
        report.status = response.status
        report.content_type = response.content_type
        report.state = _RESPONDING
        if response.notes:
            report.note(response.notes)
        if self._route.served is not None and (remark := remark_on_location(self._head, response)):
            report.note(remark)
        if response.status == 101 or (head.method == b"CONNECT" and (response.status < 300 or client.carries_one)):
            self._switch_protocols(response, upstream)
            return
        body: BodySource = upstream
        received = response
        if self._deciding is not None:
            decided = self._deciding.response(response, upstream)
            if isinstance(decided, Answer | Abort):
                if not self._deciding.has_response_ended:
                    report.flags |= _RESPONSE_INCOMPLETE
                self._drop_upstream()
                self._carry_out(decided)
                return
            response, body = decided
        if upload is not None and not upload.is_done and self._has_asked_first and _is_refusal(response):
            upload.stop_unless_begun()
        self._has_begun = True
        if upload is not None and not upload.is_done:
            client.limit_body(math.inf)  # who listens may keep silent: a call of gRPC that streams both ways, say
        client.send_head(response)
        if response is not received:  # somebody has decided so
            report.response_forwarded_head = client.sent_head
        is_recorded = body is not upstream
        body = stream_body(self._reporter, report, response, body)
        self._relay_response_body(body, is_recorded=is_recorded)
        if upload is not None and not upload.is_done:
            self._end_upload(response, upstream, upload)
        upstream.finish(is_request_whole=upload is None or upload.is_done)
        client.finish()

    def _pass_interim(self, head: RequestHead, response: ResponseHead, upstream: UpstreamSide) -> ResponseHead:
        """Pass interim responses on and record them, as they come; the final one's head, or that of a 101."""
        while response.status < 200:
            if response.status == 101:
                if head.upgrade and self._head.upgrade:
                    break
                text = "The server switched protocols though the request had not asked for it."
                raise SideError(Failure(FailureKind.HTTP_PROTOCOL_ERROR, text))
            self._reporter.interim(self._report, response.raw)
            if response.status != 100 or self._deciding is None or not self._deciding.has_invited:
                self._client.send_interim(response)
            response = upstream.next_head()
        return response

    def _relay_response_body(self, body: BodySource, *, is_recorded: bool) -> None:
        report, reporter, client, upload = self._report, self._reporter, self._client, self._upload
        while True:
            try:
                part = body.part_here()
            except (SideError, ProtocolError):
                client.flush()
                raise
            if part is None:
                client.flush()
                reporter.changed(report)
                part = body.next_part()
            client.send_part(part)
            if isinstance(part, EndOfMessage):
                break
            if not is_recorded:
                reporter.response_body(report, part.data)
        if part.trailers:
            report.response_trailers = part.trailers
        if upload is None or upload.is_done:
            reporter.complete(report)
        client.flush()

    def _end_upload(self, response: ResponseHead, upstream: UpstreamSide, upload: Upload) -> None:
        """The response is over before the request's body."""
        # Where the origin reads on, so do we: it may use what comes, and some clients read no response before they have
        # sent everything. Who waited for a 100 and was told something else has nothing to send.
        self._client.limit_body(self._services.limits.request_body_s)
        has_nothing = self._has_asked_first and not response.connection_auth and upload.stop_unless_begun()
        if not upload.finish(wait=upstream.reads_on and not has_nothing):
            self._report.flags |= _REQUEST_INCOMPLETE
        self._reporter.complete(self._report)

    def _switch_protocols(self, response: ResponseHead, upstream: UpstreamSide) -> None:
        # RFC 9110 §7.8: from here on the connection belongs to the new protocol, the client's side of it once its
        # request is whole.
        client, upload = self._client, self._upload
        watch: TunnelWatch
        if (response.upgrade or self._head.upgrade).lower() == b"websocket":
            self._report.kind = ExchangeKind.WEBSOCKET
            watch = WebSocketWatch(self._reporter, self._report, response)
        else:
            watch = FirstBytesWatch(self._reporter, self._report)
        self._has_begun = True
        client.send_head(response)
        client.flush()
        if upload is not None:
            upload.finish(wait=True)
            if upload.failure is not None:
                raise SideError(upload.failure)
        self._upstream = None
        client_link, early_up = client.detach()
        upstream_link, early_down = upstream.detach()
        relay_tunnel(self._services, self._report, client_link, upstream_link, early_up, early_down, watch)

    # Decisions

    def _decide_request(self, to: Destination) -> DecidedRequest | None:
        """What goes on in the request's place; None when nothing does, and the client has been told."""
        head, begin = self._head, self._services.points
        message = request_message(head, *to)
        points = None if begin is None else begin(message, self._report)
        if points is None:
            return DecidedRequest(head, self._client, to)
        self._deciding = Deciding(points, self._services, self._client, head, self._report)
        decided = self._deciding.request(message, to, self._record_request)
        if isinstance(decided, Answer | Abort):
            self._carry_out(decided)
            return None
        if decided.is_replaced and not self._has_request_ended:  # it is not waited for
            self._report.flags |= _REQUEST_INCOMPLETE
        return decided

    def _carry_out(self, decision: Answer | Abort) -> None:
        if isinstance(decision, Answer):
            self._answer(own_answer.decided_response(decision.message, self._head), None)
            return
        if not self._has_request_ended:
            self._report.flags |= _REQUEST_INCOMPLETE
        text = decision.text.encode("utf-8", "backslashreplace").decode("utf-8")  # whoever wrote it
        self._reporter.fail(self._report, Failure(FailureKind.ABORTED, text))
        self._client.abort()

    @property
    def _has_asked_first(self) -> bool:
        """Whether the client may be waiting for a word before it sends its body."""
        return self._head.expect_continue and not (self._deciding is not None and self._deciding.has_invited)

    # Failures

    def _leave_unanswered(self, failure: Failure) -> None:
        """End the client's connection as the origin has closed its own, which was kept open and brought no byte.

        RFC 9110 §9.2.2: a proxy must not repeat such a request, but the client may, and knows how: without us it would
        see exactly this. (A fresh upstream for each of them instead would cost a handshake every time and end an NTLM
        session; an answer of ours would look final.)
        """
        self._drop_upstream()
        if not self._has_request_ended:
            self._report.flags |= _REQUEST_INCOMPLETE
        method = self._head.method.decode("ascii")
        text = f"{failure.text} It had been kept open before; only the client may repeat its {method}."
        self._reporter.fail(self._report, Failure(failure.kind, text))
        self._client.end_unanswered()

    def _fail(self, failure: Failure, *, is_last: bool = False, reset_code: int | None = None) -> None:
        """Answer with the failure, or cut the client off where the response has begun already.

        An upstream that gave up this exchange alone (`reset_code`) is passed on as that, where the client knows such.
        """
        report, client, upload = self._report, self._client, self._upload
        if upload is not None and upload.failure is not None:
            failure = upload.failure
        self._drop_upstream()
        has_begun, deciding = self._has_begun, self._deciding
        if has_begun or (deciding is not None and report.response_head and not deciding.has_response_ended):
            report.flags |= _RESPONSE_INCOMPLETE
        was_cut = client.has_left and failure.kind in _WAITED_IN_VAIN  # our own doing: who leaves is not waited for
        if was_cut and not client.has_reset and not has_begun and self._has_answered_half(failure):
            return
        if client.has_reset or was_cut:
            when = "it had the whole response" if has_begun else "the response came"
            failure = client.fault or Failure(FailureKind.CLIENT_CLOSED, f"The client left before {when}.")
        is_there = failure.kind is not FailureKind.CLIENT_CLOSED and client.fault is None
        if is_there and reset_code is not None and client.pass_reset(reset_code):
            self._reporter.fail(report, failure)
            return
        if is_there and not has_begun:
            self._answer(own_answer.failure_response(failure, self._head), failure, is_last=is_last)
            return
        if not is_there:
            if not self._has_request_ended or (upload is not None and upload.failure is not None):
                report.flags |= _REQUEST_INCOMPLETE
            self._reporter.fail(report, failure)
            client.end_unanswered()
        else:
            self._reporter.fail(report, failure)
            client.cut_short()

    def _has_answered_half(self, failure: Failure) -> bool:
        """Answer a client that has ended its side; whether it was there to be answered.

        RFC 9112 §9.6: it may have ended only that. Who is gone altogether resets what it is sent, so here the report
        comes behind the answer.
        """
        response = own_answer.failure_response(failure, self._head)
        self._client.send_head(response.head, is_last=True)
        sent_head = self._client.sent_head
        try:
            send_body(self._client, response)
        except ClientGoneError:
            return False
        if not self._client.is_still_there():
            return False
        record_answer(self._services, self._report, response, sent_head)
        self._reporter.fail(self._report, failure)
        self._client.finish(is_own=True)
        return True

    def _answer(self, response: own_answer.OwnResponse, failure: Failure | None, *, is_last: bool = False) -> None:
        if not self._has_request_ended:
            self._report.flags |= _REQUEST_INCOMPLETE
        answer(self._services, self._client, self._report, response, failure, is_last=is_last)

    def _drop_upstream(self) -> None:
        if self._upload is not None and not self._upload.is_done:
            self._upload.finish(wait=False)
        if self._upstream is not None:
            self._upstream.abort(self._client.reset_code)
            self._upstream = None


def _is_refusal(response: ResponseHead) -> bool:
    """Whether a client that asked before sending its body is told no, and so has nothing to send."""
    # A status below 300 refuses nothing: there are origins that begin to answer and then read. Nor does NTLM's demand.
    return response.status >= 300 and not response.connection_auth
