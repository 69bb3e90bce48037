"""One stream of an HTTP/2 connection, as an exchange's side uses it: parts come in order, and what is sent waits for
the peer's windows.

One greenlet may take while another sends. Both may be killed while they wait.
"""

from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

from gevent import get_hub
from greenlet import getcurrent

from proxy_core.engine.links.link import Link
from proxy_core.model.failure import Failure
from proxy_core.protocols.http2.connection import Http2Connection
from proxy_core.protocols.http2.head import Http2RequestHead, Http2ResponseHead
from proxy_core.protocols.http2.hpack import Fields
from proxy_core.protocols.part import BodyPart, EndOfMessage

_PIECE_BYTES = 128 * 1024
_SMALL_BYTES = 4096
_GATHERED_BYTES = 64 * 1024
Item = Http2RequestHead | Http2ResponseHead | BodyPart | EndOfMessage


class StreamBrokenError(Exception):
    """Nothing more comes or goes on a stream: what its peer did, as a clause without its subject."""

    def __init__(
        self,
        what: str,
        *,
        code: int | None = None,
        failure: Failure | None = None,
        raw: bytes = b"",
        is_unprocessed: bool = False,
        is_connection: bool = False,
    ) -> None:
        super().__init__(what)
        self.what = what
        self.code = code  # of the peer's RST_STREAM
        self.failure = failure  # what the peer has done against the protocol
        self.raw = raw  # of a head that was none: its text for the record
        self.is_unprocessed = is_unprocessed
        self.is_connection = is_connection  # it is the connection that broke, with all its streams


class StreamOwner(Protocol):
    """The connection, as its streams use it."""

    link: Link
    protocol: Http2Connection
    streams: "dict[int, Http2Stream]"
    lost: str | None  # why nothing goes any more, as a clause for a sentence
    failure: Failure | None  # what the peer has done against the protocol, if that was it

    @property
    def now_s(self) -> int:
        """The sweep's clock, coarse seconds."""
        ...

    def wake_writer(self) -> None:
        """What has gathered is to leave."""

    def wait_for_drain(self) -> None:
        """Wait while more than a little waits for the system."""

    def forget(self, stream: "Http2Stream") -> None:
        """Nobody is interested in this stream any more."""


class Http2Stream:
    """Owned by its side, which lets go of it with `reset` or `release`."""

    __slots__ = (
        "_hub",
        "_items",
        "_owed",
        "_reader",
        "_reader_since_s",
        "_sender",
        "_sender_since_s",
        "_session",
        "broken",
        "has_ended",
        "has_left",
        "number",
        "read_limit_s",
        "when_gone",
        "write_limit_s",
    )

    def __init__(self, session: StreamOwner, number: int) -> None:
        self._session = session
        self._hub = get_hub()
        self._items: deque[tuple[Item | bytearray, int]] = deque()  # small parts of a body are gathered, if they wait
        self._owed = 0  # credit for what was taken, and may not have been passed on yet
        self._reader: Any = None
        self._sender: Any = None
        self._reader_since_s = self._sender_since_s = 0
        self.number = number
        self.broken: StreamBrokenError | None = None
        self.has_ended = False  # the peer's direction has ended in order
        self.has_left = False  # the peer sends nothing more; it may still receive
        self.when_gone: Callable[[], None] | None = None  # told when the peer has left or reset the stream
        self.read_limit_s = session.link.read_limit_s
        self.write_limit_s = session.link.write_limit_s

    # What comes

    def give(self, item: Item, credit: int) -> None:
        """Something has come."""
        self._items.append((item, credit))
        if self._reader is not None:
            self._hub.loop.run_callback(_resume, self, "_reader")

    def give_data(self, data: bytes, credit: int) -> None:
        """Some of the body has come. Windows count its bytes, so a peer that sends them singly must cost no more."""
        items = self._items
        if not items or len(data) > _SMALL_BYTES:
            self.give(BodyPart(data, b""), credit)
            return
        last, owed = items[-1]
        if isinstance(last, bytearray) and len(last) < _GATHERED_BYTES:
            last += data
            items[-1] = last, owed + credit
        else:
            items.append((bytearray(data), credit))

    def take(self, *, wait: bool) -> Item | None:
        """What has come next. None where nothing is here, without `wait`; who waits has passed on what it took before.

        Raises StreamBrokenError, behind what had come before; TimeoutError.
        """
        if wait and self._owed:
            self._give_credit()
        while not self._items:
            if self.broken is not None:
                raise self.broken
            if not wait:
                return None
            self._reader_since_s = self._session.now_s
            self._reader = getcurrent()
            try:
                self._hub.switch()
            finally:
                self._reader = None
        item, credit = self._items.popleft()
        self._owed += credit
        return BodyPart(bytes(item), b"") if isinstance(item, bytearray) else item

    @property
    def has_news(self) -> bool:
        """Whether `take` would not wait."""
        return bool(self._items) or self.broken is not None

    def _give_credit(self) -> None:
        owed, self._owed = self._owed, 0
        protocol = self._session.protocol
        protocol.consumed(self.number, owed)
        if protocol.has_output:
            self._session.wake_writer()

    def break_off(self, error: StreamBrokenError) -> None:
        """Nothing more comes. Whoever waits here is woken."""
        if self.broken is None:
            self.broken = error
            if not error.is_connection:
                self._session.forget(self)
            for name in ("_reader", "_sender"):
                if getattr(self, name) is not None:
                    self._hub.loop.run_callback(_resume, self, name)
        self.peer_has_left()

    def peer_has_left(self) -> None:
        """Tell whoever wants to know."""
        self.has_left = True
        if self.when_gone is not None:
            self.when_gone()

    @property
    def is_gone(self) -> bool:
        """The peer wants nothing more of this stream."""
        session, broken = self._session, self.broken
        is_over = session.lost is not None or session.failure is not None
        return is_over or (broken is not None and not broken.is_connection)

    # What goes

    def send_head(self, fields: Fields, *, is_end: bool = False) -> None:
        """As a server: send a head. Raises StreamBrokenError."""
        self._check()
        self._session.protocol.send_head(self.number, fields, is_end)
        self._session.wake_writer()

    def send_data(self, data: bytes, *, is_end: bool = False) -> None:
        """Send all of it, as the windows open. Raises StreamBrokenError, TimeoutError."""
        session = self._session
        protocol = session.protocol
        while True:
            session.wait_for_drain()
            self._check()
            # Not all that the windows allow: the output is all streams', and who comes next waits behind it.
            piece = data if len(data) <= _PIECE_BYTES else data[:_PIECE_BYTES]
            taken = protocol.send_data(self.number, piece, is_end and len(piece) == len(data))
            session.wake_writer()
            if taken == len(data):
                break
            data = data[taken:]
            if taken == len(piece):
                continue
            self._sender_since_s = session.now_s
            self._sender = getcurrent()
            try:
                self._hub.switch()
            finally:
                self._sender = None

    def send_trailers(self, fields: Fields) -> None:
        """End our direction with trailers. Raises StreamBrokenError."""
        self._check()
        self._session.protocol.send_trailers(self.number, fields)
        self._session.wake_writer()

    def end(self) -> None:
        """End our direction. Raises StreamBrokenError."""
        self._check()
        self._session.protocol.end(self.number)
        self._session.wake_writer()

    def _check(self) -> None:
        if self._session.lost is not None or self._session.streams.get(self.number) is not self:
            raise self.broken or StreamBrokenError(self._session.lost or "left the stream", is_connection=True)

    def wake_sender(self) -> None:
        """A window has opened."""
        if self._sender is not None:
            self._hub.loop.run_callback(_resume, self, "_sender")

    # The end

    def reset(self, code: int) -> None:
        """Give it up, and wake who waits here."""
        session = self._session
        # Behind the GOAWAY of a connection that was broken there is nothing to say (RFC 9113 §5.4.1).
        if session.streams.get(self.number) is self and session.lost is None and session.failure is None:
            session.protocol.reset(self.number, code)
            session.wake_writer()
        self.break_off(StreamBrokenError("was left"))
        self.release()

    def release(self) -> None:
        """Both directions are over, or nobody is interested: what came and was not taken gives its credit back."""
        session = self._session
        session.forget(self)
        owed = self._owed + sum(credit for _, credit in self._items)
        self._owed = 0
        self._items.clear()
        if owed and session.lost is None:
            session.protocol.consumed(self.number, owed)
            session.wake_writer()

    def check_deadlines(self, now_s: int) -> None:
        """End a wait that has lasted longer than its limit; runs in the sweep's greenlet."""
        if self._reader is not None and now_s - self._reader_since_s > self.read_limit_s:
            self._reader_since_s = now_s
            self._hub.loop.run_callback(_time_out, self, "_reader", "nothing arrived in time")
        if self._sender is not None and now_s - self._sender_since_s > self.write_limit_s:
            self._sender_since_s = now_s
            self._hub.loop.run_callback(_time_out, self, "_sender", "the peer took nothing in time")


# These run in the hub; the greenlet may have been woken since.


def _resume(stream: Http2Stream, name: str) -> None:
    waiter = getattr(stream, name)
    if waiter is not None:
        waiter.switch()


def _time_out(stream: Http2Stream, name: str, text: str) -> None:
    waiter = getattr(stream, name)
    if waiter is not None:
        waiter.throw(TimeoutError(text))
