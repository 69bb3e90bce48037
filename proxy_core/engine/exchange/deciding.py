"""Asking an exchange's points, and turning what they decide into what the relay goes on with.

A body that is held is recorded as it comes, like any other (`holding`). What was decided about a head comes back as a
head (`message_text` reads it strictly, whoever made it), so that the sides need not know that anybody decided anything.
Whether the client gets a body follows from what the client has asked, never from what a rule made of that.
"""

from collections.abc import Callable
from typing import NamedTuple

from proxy_core.engine.exchange.holding import Held, Part, Record, drain, hold, whole
from proxy_core.engine.exchange.point import Abort, Answer, Decision, Pass, Points, Replace
from proxy_core.engine.exchange.route import Destination
from proxy_core.engine.exchange.services import Services
from proxy_core.engine.recording.report import Report
from proxy_core.engine.sides.side import BodySource, ClientSide, SideError, UpstreamSide
from proxy_core.model.exchange import ExchangeFlag
from proxy_core.model.failure import Failure, FailureKind
from proxy_core.model.message import Message
from proxy_core.model.stream import Stream
from proxy_core.protocols.message_text import CONTINUE, changed_request, changed_response, response_message
from proxy_core.protocols.part import BodyPart, RequestHead, ResponseHead

_RESPONSE_INCOMPLETE = int(ExchangeFlag.RESPONSE_INCOMPLETE)
_Point = Callable[[Message], Decision]


class DecidedRequest(NamedTuple):
    """What goes on in the place of a request."""

    head: RequestHead
    body: BodySource
    to: Destination
    is_replaced: bool = False  # the body is another than the one that came, or is still to come


class DecidedResponse(NamedTuple):
    """What goes on in the place of a response."""

    head: ResponseHead
    body: BodySource


class Deciding:
    """One exchange's decisions, in order."""

    def __init__(
        self, points: Points, services: Services, client: ClientSide, head: RequestHead, report: Report
    ) -> None:
        """`head` is the request's as it came. What can't be done, or is not waited for, is told by the report."""
        self._points = points
        self._limits = services.limits
        self._reporter = services.reporter
        self._client = client
        self._head = head
        self._report = report
        self._request: Message | None = None  # as it goes on
        self.has_invited = False  # the client has been told by us to send a body that it holds back
        self.has_response_ended = False  # all that the origin sends of it has come

    def request(self, message: Message, to: Destination, record: Record) -> DecidedRequest | Answer | Abort:
        """Decide about the request, of which the head alone has been read. Raises SideError, ProtocolError."""
        points, head, client = self._points, self._head, self._client
        # The end of a body that isn't there has gone by with its head.
        body: BodySource = client if head.body_length else whole(b"")
        self._request = message
        decision, goes_on, replaced = self._decide(
            message, points.at_request_head, points.at_request_body, body, record, self._limits.held_body_s
        )
        self._check_client()
        if isinstance(decision, Answer | Abort):
            return decision
        if isinstance(decision, Pass):
            return DecidedRequest(head, goes_on, to)
        changed = self._request = decision.message
        if changed[1:4] != message[1:4]:
            to = changed.scheme, changed.host.lower(), changed.port
        decided = DecidedRequest(
            changed_request(head, changed, message, keeps_host=decision.keeps_host), goes_on, to, replaced is not None
        )
        if replaced is not None:
            self._reporter.forwarded_body(self._report, Stream.REQUEST_FORWARDED, replaced)
        return decided

    def response(self, head: ResponseHead, upstream: UpstreamSide) -> DecidedResponse | Answer | Abort:
        """Decide about the final response, of which the head alone has been read. Raises SideError, ProtocolError."""
        assert self._request is not None
        points, limit_s, record = self._points, self._limits.drained_s, self._record_response
        message = response_message(head, self._request)
        self.has_response_ended = head.body_length == 0
        decision, goes_on, replaced = self._decide(
            message, points.at_response_head, points.at_response_body, upstream, record, limit_s
        )
        self._check_client()
        if isinstance(decision, Answer | Abort):
            return decision
        method = self._head.method
        if isinstance(decision, Replace):
            message = decision.message
        elif (self._request.method == b"HEAD") == (method == b"HEAD"):
            return DecidedResponse(head, goes_on)
        changed = changed_response(head, message, method)
        if changed.body_length == 0:  # of its status, or for a HEAD: whatever body there is goes nowhere
            drain(goes_on, record if goes_on is upstream else _let_go, limit_s)
            goes_on = whole(b"")
            replaced = b"" if head.body_length else None
        if replaced is not None:
            if not self.has_response_ended:  # it is not waited for
                self._report.flags |= _RESPONSE_INCOMPLETE
                upstream.abort()
            self._reporter.forwarded_body(self._report, Stream.RESPONSE_FORWARDED, replaced)
        return DecidedResponse(changed, goes_on)

    def invite(self) -> None:
        """The request's body is wanted, and no upstream will have asked for it (RFC 9110 §10.1.1)."""
        if self._head.expect_continue and not self.has_invited:
            self.has_invited = True
            self._client.send_interim(CONTINUE)

    def _check_client(self) -> None:
        """A point may have taken its time: nothing goes on for a client that wants nothing any more."""
        if self._client.has_reset:
            raise SideError(Failure(FailureKind.CLIENT_CLOSED, "The client left before somebody had decided."))

    def _record_response(self, part: Part) -> None:
        if isinstance(part, BodyPart):
            self._reporter.response_body(self._report, part.data)
            return
        self.has_response_ended = True
        if part.trailers:
            self._report.response_trailers = part.trailers

    def _decide(
        self,
        message: Message,
        at_head: _Point,
        at_body: _Point,
        body: BodySource,
        record: Record,
        drained_s: float,
    ) -> tuple[Decision, BodySource, bytes | None]:
        """Ask the point of a head and, where it wants that, the body's.

        Returns the decision, the body to go on, and that body's bytes where they are others than those that came.
        """
        decision = at_head(message)
        goes_on = body
        data: bytes | None = None  # the whole body that came, where it was held
        if isinstance(decision, Pass | Replace) and decision.hold:
            message = decision.message if isinstance(decision, Replace) else message
            if body is self._client:
                self.invite()
            parts, data, remark = hold(message, body, record, self._limits.held_body_s)
            goes_on = Held(parts, body if data is None else None, record)
            if data is None:
                self._report.note(remark)
            else:
                later = at_body(message._replace(body=data))
                decision = later if not isinstance(later, Pass) else decision
        if not isinstance(decision, Replace) or decision.message.body is None:
            return decision, goes_on, None
        replaced = decision.message.body
        if replaced == data:  # given back as it came: with its frames, and with its trailers
            return decision._replace(message=decision.message._replace(body=None)), goes_on, None
        if data is None:  # in the body that came, or what is still to come of it, the record alone is interested
            if goes_on is self._client:
                self.invite()
            drain(goes_on, record if goes_on is body else _let_go, drained_s)
        return decision, whole(replaced), replaced


def _let_go(_part: Part) -> None:
    """It is recorded already, or by the source that it comes from."""
