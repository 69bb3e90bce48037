"""The four points of an exchange at which somebody may decide what becomes of it, and what they may decide.

Rules, breakpoints and scripts act here, and nowhere else. A point sees a `Message`, never a protocol's bytes; it may
block its exchange's greenlet as long as it likes; and it returns a decision, which the relay carries out. The request's
head is decided upon before an upstream is chosen, so a decision may lead elsewhere. Where nobody wants to decide,
`Services.points` is None, and an exchange pays one comparison.
"""

from collections.abc import Callable
from typing import NamedTuple, Protocol

from proxy_core.engine.recording.report import Report
from proxy_core.model.message import Message


class Pass(NamedTuple):
    """Go on with the message as it is."""

    hold: bool = False  # of a head: wait for the body and ask the body's point before anything goes on, if it ends soon


class Replace(NamedTuple):
    """Go on with this message in place of the one that came; a body in it replaces what is still to come.

    Where it can't be sent (a value that holds a line end, a status that is not final), the client is told so.
    """

    message: Message
    hold: bool = False
    keeps_host: bool = False  # of a request that goes to another origin: its Host stays what the client has said


class Answer(NamedTuple):
    """Give the client this response; what an upstream has to say is not asked for, or dropped."""

    message: Message


class Abort(NamedTuple):
    """Cut both sides off."""

    text: str  # one sentence that says who wanted it


Decision = Pass | Replace | Answer | Abort


class Points(Protocol):
    """One exchange's four points, asked in this order; those of bodies only where the head's decision was to hold."""

    def at_request_head(self, request: Message) -> Decision:
        """The request's head is read; nothing has been connected."""
        ...

    def at_request_body(self, request: Message) -> Decision:
        """The request is whole, its body is in the message."""
        ...

    def at_response_head(self, response: Message) -> Decision:
        """The final response's head is read; the client has got nothing of it."""
        ...

    def at_response_body(self, response: Message) -> Decision:
        """The response is whole, its body is in the message; the client has got nothing of it."""
        ...


# Asked at each request's head; None: this exchange is left alone. What is done about it is told by the report.
BeginPoints = Callable[[Message, Report], Points | None]
