"""One HTTP/2 connection (RFC 9113), whichever end of it is ours: who receives, who sends, and who waits for what.

One greenlet receives for all streams (`receive_all`) and gives each what is its own. Another sends: what the streams
want to say gathers in the protocol's output, and leaves together. So a stream's greenlet can be killed while it waits
without half a frame having gone, and what many streams say in one turn of the loop costs one system call.

A body is never buffered as a whole: a stream's window opens again only when the other side of the exchange has taken
what came (`Http2Stream.take` gives the credit back when more is waited for).
"""

import math
import time
from collections.abc import Callable

import gevent
from gevent import get_hub
from gevent.event import Event as Signal
from greenlet import getcurrent

from proxy_core.engine.links.lingering import end_gently
from proxy_core.engine.links.link import RECEIVE_LIMIT, Link
from proxy_core.engine.links.transport import DeadlineSweep
from proxy_core.engine.links.turn import Turn
from proxy_core.engine.sides.http2_stream import Http2Stream, StreamBrokenError
from proxy_core.fault_log import caught
from proxy_core.model.failure import Failure, FailureKind
from proxy_core.protocols.http2 import frame
from proxy_core.protocols.http2.connection import Http2Connection
from proxy_core.protocols.http2.error import Http2ConnectionError
from proxy_core.protocols.http2.event import (
    DataReceived,
    EndReceived,
    Event,
    GoAwayReceived,
    HeadReceived,
    RoomChanged,
    SettingsReceived,
    StreamMalformed,
    StreamReset,
)
from proxy_core.protocols.http2.head import Http2RequestHead
from proxy_core.protocols.http2.hpack import Fields
from proxy_core.protocols.part import EndOfMessage

OUTPUT_LIMIT_BYTES = 256 * 1024  # what may wait for the system before who has more to say waits too
_RECEIVE_BYTES = RECEIVE_LIMIT - 1  # not in bulk: it may be six thousand frames
LINGER_S = 2.0  # after a GOAWAY that says what was wrong: let the peer read it (as HTTP/1's `Limits.linger_s`)
_NO_ERROR = 0
_clock = time.monotonic


class Http2Session:
    """Drives one connection. It owns the link."""

    def __init__(
        self,
        link: Link,
        protocol: Http2Connection,
        sweep: DeadlineSweep,
        on_request: Callable[[Http2Stream, Http2RequestHead], None] | None = None,
        on_malformed: Callable[[int, Failure, bytes], None] | None = None,
        on_settings: Callable[[], None] | None = None,
        head_limit_s: float = math.inf,
    ) -> None:
        """As a server, `on_request` takes each stream that a client opens, and `on_malformed` what was no request. It
        ends a connection on which a head takes too long (`head_limit_s`), or no stream is opened for the link's limit.

        These are called while nothing else is received: they don't wait.
        """
        self.link = link
        self.protocol = protocol
        self.streams: dict[int, Http2Stream] = {}
        self.opener = getcurrent()
        self.going_away = False  # the peer takes no more streams here
        self.has_ended = False  # the peer sends no more, though it may still receive
        self.lost: str | None = None  # why nothing goes any more, as a clause for a sentence
        self.failure: Failure | None = None  # what the peer has done against the protocol, if that was it
        self._sweep = sweep
        self._hub = get_hub()
        self._on_request = on_request
        self._on_malformed = on_malformed
        self._on_settings = on_settings
        self._head_limit_s = head_limit_s
        self._head_since_s: int | None = None  # a frame or field block that may be a head has begun
        self._quiet_since_s = sweep.now_s  # since when there is no stream
        self._is_closing = False
        self._is_leaving = False
        self._writer: gevent.Greenlet[..., None] | None = None
        self._is_writer_asleep = False
        self._turn = Turn()
        self._turns: list[Signal] = []  # of those who wait to have their data queued, in order
        self._settled = Signal()  # the peer's settings are here, or never will be
        sweep.waiting.add(self)
        protocol.start()
        self.wake_writer()

    # Receiving

    def receive_all(self, first_bytes: bytes = b"") -> None:
        """Receive until the connection has ended; each stream is told. Never raises."""
        protocol = self.protocol
        try:
            data: bytes | None = first_bytes
            while data is not None and self.lost is None:
                if data:
                    for event in protocol.receive(data, _clock()):
                        self._take(event)
                    if protocol.has_output:
                        self.wake_writer()
                    self._turn.has_read(len(data))
                    if self._on_request is not None and self._takes_too_long():
                        self.close()
                        return
                data = self._receive()
        except Http2ConnectionError as broken:
            for event in broken.events:
                self._take(event)
            self.failure = broken.failure
            self._end("broke the protocol")
            self.close()  # what is queued says so (RFC 9113 §5.4.1)
        except OSError as error:
            self.lose(f"reset the connection ({error.strerror or error})")
        except Exception:  # a border: the streams' greenlets wait, and nobody else would tell them
            caught("an HTTP/2 connection")
            self.lose("was left, by a fault of Harrier's")

    def _takes_too_long(self) -> bool:
        """Whether something has come and no stream has for too long. Raises Http2ConnectionError where it is a head."""
        now_s = self._sweep.now_s
        if not self.protocol.is_within_head:
            self._head_since_s = None
            # As in HTTP/1 between two requests, whatever PINGs may come.
            return not self.streams and now_s - self._quiet_since_s > self.link.read_limit_s
        if self._head_since_s is None:
            self._head_since_s = now_s
        elif now_s - self._head_since_s > self._head_limit_s:
            text = f"The client did not finish a head within {self._head_limit_s:.0f} seconds."
            self.protocol.go_away(frame.ENHANCE_YOUR_CALM, text.encode("utf-8"))
            raise Http2ConnectionError(frame.ENHANCE_YOUR_CALM, Failure(FailureKind.CLIENT_TIMEOUT, text), [])
        return False

    def _receive(self) -> bytes | None:
        """What comes next; b"" after a silence that means nothing, None at the end."""
        try:
            data = self.link.receive(_RECEIVE_BYTES)
        except TimeoutError:
            if self.streams:
                return b""  # each of them has limits of its own
            self.close()
            return None
        if not data:
            self.has_ended = True
            if self._on_request is not None:  # there is no half of HTTP/2: who closes wants no response any more
                self.lose("closed the connection")
            else:
                self._end("closed the connection")
            return None
        return data

    def _take(self, event: Event) -> None:
        if isinstance(event, DataReceived):
            stream = self.streams.get(event.stream)
            if stream is None:
                self.protocol.consumed(event.stream, event.credit)
            else:
                stream.give_data(event.data, event.credit)
        elif isinstance(event, HeadReceived):
            self._take_head(event)
        elif isinstance(event, EndReceived):
            if (stream := self.streams.get(event.stream)) is not None:
                stream.has_ended = True
                stream.give(EndOfMessage(event.trailers, b""), 0)
        elif isinstance(event, RoomChanged):
            if event.stream:
                if (stream := self.streams.get(event.stream)) is not None:
                    stream.wake_sender()
            else:
                for stream in self.streams.values():
                    stream.wake_sender()
        elif isinstance(event, StreamReset):
            self._take_reset(event)
        elif isinstance(event, StreamMalformed):
            stream = self.streams.get(event.stream)
            if stream is not None:
                stream.break_off(StreamBrokenError("broke the protocol", failure=event.failure, raw=event.raw))
            elif self._on_malformed is not None:
                self._on_malformed(event.stream, event.failure, event.raw)
        elif isinstance(event, GoAwayReceived):
            self.going_away = True
        elif isinstance(event, SettingsReceived):
            self._settled.set()
            for stream in self.streams.values():
                stream.wake_sender()
            if self._on_settings is not None:
                self._on_settings()

    def _take_head(self, event: HeadReceived) -> None:
        stream = self.streams.get(event.stream)
        if stream is not None:
            stream.give(event.head, 0)
        elif self._on_request is not None and isinstance(event.head, Http2RequestHead):
            stream = self.streams[event.stream] = Http2Stream(self, event.stream)
            self._on_request(stream, event.head)

    def _take_reset(self, event: StreamReset) -> None:
        stream = self.streams.get(event.stream)
        if stream is None:
            return
        code = None if event.is_ours else event.code
        stream.break_off(StreamBrokenError("reset the stream", code=code, is_unprocessed=event.is_unprocessed))

    # Streams

    def open_stream(self, fields: Fields, *, is_end: bool) -> Http2Stream:
        """As a client: begin a stream with a request's head. There must be room."""
        number = self.protocol.open_stream(fields, is_end)
        stream = self.streams[number] = Http2Stream(self, number)
        self.wake_writer()
        return stream

    def forget(self, stream: Http2Stream) -> None:
        """Nobody is interested in this stream any more."""
        self.streams.pop(stream.number, None)
        if not self.streams:
            self._quiet_since_s = self._sweep.now_s
            if self._is_leaving:
                self.wake_writer()

    @property
    def room(self) -> int:
        """How many more streams a client may open here now."""
        if self.lost is not None or self.going_away or self.has_ended or self._is_closing:
            return 0
        return self.protocol.room

    def wait_for_settings(self, limit_s: float) -> None:
        """Wait until the peer has said what it takes, or for so long."""
        self._settled.wait(limit_s)

    # Sending

    def wake_writer(self) -> None:
        """What has gathered is to leave, with what else gathers in this turn of the loop."""
        if self._writer is None:
            self._writer = gevent.spawn(self._write)
        elif self._is_writer_asleep:
            self._is_writer_asleep = False
            self._hub.loop.run_callback(self._writer.switch)

    def _write(self) -> None:
        protocol = self.protocol
        try:
            while self.lost is None:
                data = protocol.take_output()
                if data:
                    self.link.send(data)
                    if self._turns:
                        self._turns[0].set()
                elif self._is_closing:
                    if self.failure is not None:  # nobody receives any more, and the peer may still be sending
                        end_gently(self.link, LINGER_S)
                    self.link.close()
                    self.lose("was closed")
                elif self._is_leaving and not self.streams:
                    self.link.send_eof()  # who receives reads on: a reset could wipe out what was sent last
                    return
                else:
                    self._is_writer_asleep = True
                    self._hub.switch()
        except TimeoutError:
            self.lose("took nothing more in time")
        except OSError as error:
            self.lose(f"reset the connection ({error.strerror or error})")
        except Exception:  # a border, as in `receive_all`
            caught("an HTTP/2 connection")
            self.lose("was left, by a fault of Harrier's")

    def wait_for_drain(self) -> None:
        """Wait while more than a little waits for the system, so that a slow link slows whoever sends on it; and for
        those who waited before: no stream starves.
        """
        turns, protocol = self._turns, self.protocol
        if not turns and protocol.output_bytes <= OUTPUT_LIMIT_BYTES:
            return
        turn = Signal()
        turns.append(turn)
        try:
            while self.lost is None and (turns[0] is not turn or protocol.output_bytes > OUTPUT_LIMIT_BYTES):
                turn.clear()
                turn.wait()
        finally:
            turns.remove(turn)
            if turns:
                turns[0].set()  # it runs when we have queued what we wanted to, and looks for itself

    # The end

    def _end(self, why: str) -> None:
        """The peer sends no more: what streams still wait for doesn't come."""
        self._settled.set()
        for stream in list(self.streams.values()):
            if not stream.has_ended:
                stream.break_off(StreamBrokenError(why, failure=self.failure, is_connection=True))
            stream.peer_has_left()

    def lose(self, why: str) -> None:
        """Nothing comes or goes any more."""
        if self.lost is None:
            self.lost = why
            self.link.abort()
        for stream in list(self.streams.values()):
            stream.break_off(StreamBrokenError(why, failure=self.failure, is_connection=True))
        self.streams.clear()
        for turn in self._turns:
            turn.set()
        self._settled.set()
        if self._is_writer_asleep:  # it sees that it has nothing more to do
            self.wake_writer()

    def take_leave(self) -> None:
        """As a server: take no more streams, and end our direction when those that live are over (RFC 9113 §6.8)."""
        if self.lost is None and not self._is_closing and not self._is_leaving:
            self._is_leaving = True
            self.protocol.go_away(_NO_ERROR)
            self.wake_writer()

    def close(self) -> None:
        """Say goodbye, send what is queued, and close."""
        if self.lost is None and not self._is_closing:
            self._is_closing = True
            if self.failure is None:
                self.protocol.go_away(_NO_ERROR)
            self.wake_writer()
        self._sweep.waiting.discard(self)

    def wait_for_end(self) -> None:
        """After `close`: wait until what is queued has left, which takes no longer than the link's limits."""
        if self._is_closing and self.lost is None and self._writer is not None:
            self._writer.join()

    def abort(self) -> None:
        """Close with a reset."""
        self.lose("was left")
        self._sweep.waiting.discard(self)

    def check_deadlines(self, now_s: int) -> None:
        """End the waits of streams that have lasted too long; runs in the sweep's greenlet."""
        for stream in list(self.streams.values()):
            stream.check_deadlines(now_s)

    @property
    def now_s(self) -> int:
        """The sweep's clock, coarse seconds."""
        return self._sweep.now_s
