"""What an effect does: made ready once for a worker, asked at the points of every exchange that its rule has matched.

A deed keeps nothing of an exchange; what it has to know of one, or to say about it, is the `Turn`'s. It may block its
exchange's greenlet. What it returns is a decision about the message as the deeds before it have left that; whether a
body is held is not for it to say at a head, but by `wants_request_body` and `wants_response_body`.
"""

from typing import NamedTuple

from proxy_core.engine.acting.script_link import ScriptLink
from proxy_core.engine.exchange.point import Decision, Pass
from proxy_core.engine.recording.report import Report
from proxy_core.model.effects.effect import Point
from proxy_core.model.message import Message

PASS = Pass()


class Making(NamedTuple):
    """What a deed may be made of, beside its effect."""

    rule: str  # the id of its rule
    when: str  # its rule's condition
    folder: str  # that its rule's paths are relative to
    scripts: ScriptLink | None = None


class Turn:
    """One rule's turn at one exchange."""

    __slots__ = ("point", "problem", "received_request", "report", "said")

    def __init__(self, report: Report, received_request: Message, point: Point) -> None:
        self.report = report
        self.received_request = received_request  # as it came, whatever has become of it since
        self.point = point  # at which it is asked
        self.said: list[str] = []
        self.problem = ""

    def say(self, sentence: str) -> None:
        """What has been done about the exchange, for its row to show; nothing is shown of a deed that did nothing."""
        self.said.append(sentence)

    def fail(self, sentence: str) -> None:
        """What could not be done, and why; the message goes on as it is."""
        self.problem = sentence


class Deed:
    """One effect's. Its methods are asked at the points that they are named for; what isn't overridden passes."""

    wants_request_body = False  # hold the request until it is whole
    wants_response_body = False
    leads_elsewhere = False  # its exchange may never need the origin that its client has asked for

    def at_request_head(self, _request: Message, _turn: Turn) -> Decision:
        """The head is there."""
        return PASS

    def at_request_body(self, _request: Message, _turn: Turn) -> Decision:
        """The request is whole, its body is in the message."""
        return PASS

    def at_response_head(self, _response: Message, _turn: Turn) -> Decision:
        """The head is there; of a response made here, its body is, too."""
        return PASS

    def at_response_body(self, _response: Message, _turn: Turn) -> Decision:
        """The response is whole, its body is in the message."""
        return PASS
