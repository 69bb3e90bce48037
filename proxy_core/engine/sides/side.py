"""The two sides of an exchange, as the relay between them sees them; each protocol brings one of each.

A side speaks of one exchange: a client side gives the request's body and takes the response, an upstream side takes the
request and gives the response. Framing is theirs alone. What is given to `send_…` waits until `flush`, so that what
belongs together leaves together: a head with the body that is already here costs one system call. What upstream
sides come from is a `Carrier`: HTTP/1's is its own side, as it carries one exchange at a time.
"""

from collections.abc import Callable
from typing import Protocol

from proxy_core.engine.links.link import Link
from proxy_core.engine.upstream.connection import UpstreamConnection
from proxy_core.model.failure import Failure
from proxy_core.protocols.part import BodyPart, EndOfMessage, RequestHead, ResponseHead


class SideError(Exception):
    """A side can give no more: `failure` says why, in a sentence for the person and for whoever is there to be told."""

    def __init__(
        self,
        failure: Failure,
        *,
        raw: bytes = b"",
        is_unanswered: bool = False,
        is_unprocessed: bool = False,
        reset_code: int | None = None,
        speaks: str = "",
    ) -> None:
        super().__init__(failure.text)
        self.failure = failure
        self.raw = raw  # of a head that could not be read: what there was of it
        self.is_unanswered = is_unanswered  # an upstream ended before the first byte of a response
        self.is_unprocessed = is_unprocessed  # an upstream says that it has done nothing (RFC 9113 §8.7)
        self.speaks = speaks  # an upstream speaks this, by its ALPN name, or may do so, and wasn't spoken to like that
        self.reset_code = reset_code  # the peer gave this one exchange up, by its own will (RFC 9113 §7)


class ClientGoneError(Exception):
    """The client took no more."""


class BodySource(Protocol):
    """Where a message's body comes from: a side, or what was held back."""

    def part_here(self) -> BodyPart | EndOfMessage | None:
        """The next part that has come already, None where there is none. Raises SideError, ProtocolError."""

    def next_part(self) -> BodyPart | EndOfMessage:
        """The next part, waited for. Raises SideError."""
        ...


class ClientSide(BodySource, Protocol):
    """The client's half of an exchange whose request head has been read."""

    carries_one: bool  # one exchange at a time: a CONNECT then takes the connection along, whatever is answered to it
    when_gone: Callable[[], None] | None  # told in the hub, while nobody receives, that it has left or reset

    @property
    def has_left(self) -> bool:
        """It ended its direction; it may still read."""
        ...

    @property
    def has_reset(self) -> bool:
        """Nobody wants the response."""
        ...

    @property
    def reset_code(self) -> int | None:
        """With what code it gave up this one exchange, by its own will (RFC 9113 §7); None where it has not."""
        ...

    @property
    def fault(self) -> Failure | None:
        """What it has done against the protocol, if that has ended the exchange: then nobody is there to be told."""
        ...

    def limit_body(self, limit_s: float) -> None:
        """How long from now on a wait for the request's body may last."""

    def send_interim(self, head: ResponseHead) -> None:
        """Send a 1xx response at once, unless this client can't understand one. Raises ClientGoneError."""

    def send_head(self, head: ResponseHead, *, is_last: bool = False) -> None:
        """Begin the final response, or switch protocols with it; `is_last`: this client gets no other."""

    @property
    def sent_head(self) -> bytes:
        """The text of the final response's head as this client gets it; between `send_head` and `flush`."""
        ...

    def send_part(self, part: BodyPart | EndOfMessage) -> None:
        """Go on with the response."""

    def flush(self) -> None:
        """Hand what was sent to the system, waiting for a slow client. Raises ClientGoneError."""

    def finish(self, *, is_own: bool = False) -> None:
        """The response is over, and flushed; `is_own`: it may have come long before the request's end."""

    def is_still_there(self) -> bool:
        """Whether a client that has left takes what it was just sent. Waits a little for its reset."""
        ...

    def cut_short(self) -> None:
        """The response ends here, before its end: let the client see that, and read what it has got."""

    def pass_reset(self, code: int) -> bool:
        """Give the exchange up as an upstream did, with its code; False where this protocol has no word for that."""
        ...

    def end_unanswered(self) -> None:
        """There is no response, and no other exchange: the client sees its connection end."""

    def abort(self) -> None:
        """Cut the client off, such that it can't take what it has for the whole."""

    def detach(self) -> tuple[Link, bytes]:
        """The protocol was switched: the link, and what the client has sent behind its request."""
        ...


class UpstreamSide(BodySource, Protocol):
    """The upstream's half of an exchange."""

    @property
    def reads_on(self) -> bool:
        """Though it has answered, it takes what is left of the request."""
        ...

    def was_kept(self, mark: float) -> bool:
        """Whether at that mark it wasn't fresh, and may have been closed in the same moment (RFC 9112 §9.3.1)."""
        ...

    def send_head(self, head: RequestHead) -> None:
        """Begin an exchange."""

    def head_text(self, head: RequestHead) -> bytes:
        """The text of this head as it is sent here."""
        ...

    def send_part(self, part: BodyPart | EndOfMessage) -> None:
        """Go on with the request."""

    def flush(self) -> None:
        """Hand what was sent to the system. Raises OSError, TimeoutError; an answer may still be there to be read."""

    def send_failure(self, error: OSError) -> Failure:
        """Why `flush` failed; reads the upstream's last words, so there is no answer behind it."""
        ...

    def next_head(self) -> ResponseHead:
        """The next head of the response, interim or final, waited for. Raises SideError."""
        ...

    def finish(self, *, is_request_whole: bool) -> None:
        """The response is over. Closes, unless it can carry another exchange."""

    def hurry(self, limit_s: float) -> None:
        """Wait no longer than this for what is still to come, nor for what is still to be taken."""

    def abort(self, reset_code: int | None = None) -> None:
        """Give the exchange up, such that the origin can't take what it has for the whole. Wakes who waits here.

        `reset_code`: with the client's word for that, where this protocol has one.
        """

    def close(self) -> None:
        """Close in order."""

    def detach(self) -> tuple[Link, bytes]:
        """The protocol was switched: the link, and what the origin has sent behind its response."""
        ...


class Carrier(Protocol):
    """An upstream connection, as far as exchanges go over it: one at a time (HTTP/1), or many (HTTP/2)."""

    connection: UpstreamConnection
    exchanges: int  # how many it has finished
    when_extended: Callable[[], None] | None  # told that the origin understands an extended CONNECT (RFC 8441)

    @property
    def is_busy(self) -> bool:
        """Some are under way."""
        ...

    def room(self, *, is_sure: bool) -> int:
        """How many more exchanges it can carry at this moment: 0 for one that is closed, broken or full.

        Without `is_sure`, for a request that can be repeated, the answer may rest on what was seen a moment ago.
        """
        ...

    def next_side(self) -> UpstreamSide:
        """The upstream half of one more exchange."""
        ...

    def close(self) -> None:
        """Close in order."""
