"""Asking an exchange's points, and turning what they decide into what the relay goes on with.

A body that is held is recorded as it comes, like any other. Here it waits in memory, up to `HELD_LIMIT_BYTES`; a larger
one can't be decided upon and passes as it came. What was decided about a head comes back as a head (`http1.rewriting`
reads it strictly, whoever made it), so that the sides need not know that anybody decided anything.
"""

from collections.abc import Callable
from typing import NamedTuple

from proxy_core.engine.exchange.point import Abort, Answer, Decision, Pass, Points, Replace
from proxy_core.engine.exchange.route import Destination
from proxy_core.engine.sides.side import BodySource
from proxy_core.model.message import Message
from proxy_core.protocols.http1.rewriting import changed_request, changed_response, response_message
from proxy_core.protocols.part import END_WITHOUT_TRAILERS, BodyPart, EndOfMessage, RequestHead, ResponseHead

HELD_LIMIT_BYTES = 1024 * 1024  # what may be taken apart within a worker without stalling its other exchanges
LEFT_ALONE = f"A rule wanted the body, which is larger than {HELD_LIMIT_BYTES // 1024:,} KiB: it passed as it came."

Part = BodyPart | EndOfMessage
Record = Callable[[Part], None]
_Point = Callable[[Message], Decision]


class Held:
    """A `BodySource` of what is here, and of what a source still gives behind it."""

    def __init__(self, parts: list[Part], rest: "BodySource | None" = None, record: Record | None = None) -> None:
        """What `rest` gives is still to be recorded."""
        self._parts = parts
        self._rest = rest
        self._record = record

    def part_here(self) -> Part | None:
        if self._parts:
            return self._parts.pop(0)
        return self._recorded(self._rest.part_here()) if self._rest is not None else None

    def next_part(self) -> Part:
        if self._parts:
            return self._parts.pop(0)
        assert self._rest is not None, "nothing follows the end of a message"
        part = self._rest.next_part()
        self._recorded(part)
        return part

    def _recorded(self, part: Part | None) -> Part | None:
        if part is not None and self._record is not None:
            self._record(part)
        return part


class DecidedRequest(NamedTuple):
    """What goes on in the place of a request."""

    head: RequestHead
    body: BodySource
    to: Destination
    replaced: bytes | None  # the whole body, where it is another than the one that came


class DecidedResponse(NamedTuple):
    """What goes on in the place of a response."""

    head: ResponseHead
    body: BodySource
    replaced: bytes | None


class Deciding:
    """One exchange's decisions, in order."""

    def __init__(
        self, points: Points, request: Message, note: Callable[[str], None], invite: Callable[[], None]
    ) -> None:
        """`note` is told what could not be done, for a person; `invite` has the client send a body it holds back."""
        self._points = points
        self._request = request
        self._note = note
        self._invite = invite

    def request(
        self, head: RequestHead, body: BodySource, to: Destination, record: Record
    ) -> DecidedRequest | Answer | Abort:
        """Decide about a request whose body has not been read. Raises SideError, ProtocolError."""
        points = self._points
        decision, goes_on, replaced = self._decide(
            self._request, points.at_request_head, points.at_request_body, body, record, self._invite
        )
        if isinstance(decision, Answer | Abort):
            return decision
        if isinstance(decision, Pass):
            return DecidedRequest(head, goes_on, to, None)
        message = self._request = decision.message
        to = message.scheme, message.host, message.port
        return DecidedRequest(changed_request(head, message), goes_on, to, replaced)

    def response(self, head: ResponseHead, body: BodySource, record: Record) -> DecidedResponse | Answer | Abort:
        """Decide about a final response whose body has not been read. Raises SideError, ProtocolError."""
        points, message = self._points, response_message(head, self._request)
        at_head, at_body = points.at_response_head, points.at_response_body
        decision, goes_on, replaced = self._decide(message, at_head, at_body, body, record)
        if isinstance(decision, Answer | Abort):
            return decision
        if isinstance(decision, Pass):
            return DecidedResponse(head, goes_on, None)
        changed = changed_response(head, decision.message)
        if changed.body_length == 0:  # of its status, or for a HEAD: whatever body there is goes nowhere
            drain(goes_on, record if goes_on is body else _let_go)
            goes_on = Held([END_WITHOUT_TRAILERS])
            replaced = b"" if head.body_length else None
        return DecidedResponse(changed, goes_on, replaced)

    def _decide(
        self,
        message: Message,
        at_head: _Point,
        at_body: _Point,
        body: BodySource,
        record: Record,
        before_body: Callable[[], None] = lambda: None,
    ) -> tuple[Decision, BodySource, bytes | None]:
        """Ask the point of a head and, where it wants that, the body's.

        Returns the decision, the body to go on, and that body's bytes where they are others than those that came.
        """
        decision = at_head(message)
        goes_on = body
        data: bytes | None = None  # the whole body that came, where it was held
        if isinstance(decision, Pass | Replace) and decision.hold:
            message = decision.message if isinstance(decision, Replace) else message
            before_body()
            parts, data = hold(body, record)
            goes_on = Held(parts, body if data is None else None, record)
            if data is None:
                self._note(LEFT_ALONE)
            else:
                later = at_body(message._replace(body=data))
                decision = later if not isinstance(later, Pass) else decision
        if not isinstance(decision, Replace) or decision.message.body is None:
            return decision, goes_on, None
        if data is None:  # in the body that came, or what is still to come of it, the record alone is interested
            if goes_on is body:
                before_body()
            drain(goes_on, record if goes_on is body else _let_go)
        replaced = decision.message.body
        return decision, Held(_parts_of(replaced)), replaced if replaced != data else None


def hold(body: BodySource, record: Record) -> tuple[list[Part], bytes | None]:
    """Read a body until its end, or until it is too large (None). Raises SideError."""
    parts: list[Part] = []
    size = 0
    while size <= HELD_LIMIT_BYTES:
        part = body.next_part()
        record(part)
        parts.append(part)
        if isinstance(part, EndOfMessage):
            return parts, b"".join(each.data for each in parts if isinstance(each, BodyPart))
        size += len(part.data)
    return parts, None


def drain(body: BodySource, record: Record) -> None:
    """Read a body to its end and let it go. Raises SideError."""
    part: Part | None = None
    while not isinstance(part, EndOfMessage):
        part = body.next_part()
        record(part)


def _let_go(_part: Part) -> None:
    """It is recorded already, or by the source that it comes from."""


def _parts_of(body: bytes) -> list[Part]:
    return [BodyPart(body, b""), END_WITHOUT_TRAILERS] if body else [END_WITHOUT_TRAILERS]
