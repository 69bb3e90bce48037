"""Points that a test writes down, and what it decides about."""

from collections.abc import Callable

from gevent.event import Event

from proxy_core.engine.exchange.point import Answer, Decision, Pass
from proxy_core.model.message import Message

GET = b"GET http://shop.test/cart HTTP/1.1\r\nHost: shop.test\r\n\r\n"
POST = b"POST http://shop.test/cart HTTP/1.1\r\nHost: shop.test\r\nX-Odd:  kept \r\nContent-Length: 5\r\n\r\nhello"
OK = b"HTTP/1.1 200 OK\r\nX-Odd:  kept \r\nContent-Length: 2\r\n\r\nhi"
NAMES = ["at_request_head", "at_request_body", "at_response_head", "at_response_body"]


class Script:
    """Points that do what a test says, and remember what they saw."""

    def __init__(self, **decisions: "Decision | Callable[[Message], Decision]") -> None:
        self._decisions = decisions
        self.seen: list[tuple[str, Message]] = []

    def _decide(self, name: str, message: Message) -> Decision:
        self.seen.append((name, message))
        decision = self._decisions.get(name, Pass())
        return decision(message) if callable(decision) else decision

    def at_request_head(self, request: Message) -> Decision:
        return self._decide("at_request_head", request)

    def at_request_body(self, request: Message) -> Decision:
        return self._decide("at_request_body", request)

    def at_response_head(self, response: Message) -> Decision:
        return self._decide("at_response_head", response)

    def at_response_body(self, response: Message) -> Decision:
        return self._decide("at_response_body", response)


class Pause:
    """A decision that is asked for, and made when the test says so."""

    def __init__(self, decision: "Decision | Callable[[Message], Decision]") -> None:
        self._decision = decision
        self.is_asked, self.go = Event(), Event()

    def __call__(self, message: Message) -> Decision:
        self.is_asked.set()
        self.go.wait(10)
        return self._decision(message) if callable(self._decision) else self._decision


HOLDS = {"at_request_head": Pass(hold=True), "at_response_head": Pass(hold=True)}


def with_field(message: Message, name: bytes, value: bytes) -> Message:
    return message._replace(fields=(*message.fields, (name, value)))


def answer(message: Message) -> Answer:
    return Answer(message._replace(status=418, fields=((b"X-Made", b"here"),), body=b"short and stout"))
