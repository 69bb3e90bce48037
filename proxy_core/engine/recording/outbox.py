"""The way of encoded events from a worker to the engine: in batches over a queue, as many bytes as the engine can bear.

Events lie in the journal before they are put in here, so a batch that is lost with its process is replayed from there;
a batch therefore says up to where in the journal it goes. The queue itself has no bound: the engine says what it has
taken, and past `UNTAKEN_LIMIT_BYTES` new exchanges wait (`wait_for_room`). Those under way go on, since waiting in the
middle of one would hold its client's connection; they are few, and told of in few events. Who sends messages without
end waits all the same: each of them is news.
"""

from typing import Protocol

from gevent.event import Event as GreenEvent

from proxy_core.capture.journal import Journal
from proxy_core.engine.recording.flusher import Flusher
from proxy_core.model.event import Batch, EventKind, encode_batch, encode_event

BATCH_LIMIT_BYTES = 256 * 1024  # a batch leaves at once when it is this large
UNTAKEN_LIMIT_BYTES = 16 * 1024 * 1024


class EventSink(Protocol):
    """Where batches go: the queue's outlet, or a list in tests."""

    def put(self, data: bytes) -> None:
        """Take one batch; never blocks."""
        ...


class Outbox:
    """One worker's."""

    def __init__(self, journal: Journal, sink: EventSink, flusher: Flusher) -> None:
        """`flusher` is to call `send`."""
        self._journal = journal
        self._sink = sink
        self._flusher = flusher
        self._events: list[bytes] = []
        self._events_bytes = 0
        self._untaken_bytes = 0
        self._room = GreenEvent()
        self._room.set()
        self.is_full = False  # look here before calling `wait_for_room`

    def push(self, event: bytes) -> None:
        """Let an event leave soon that the journal has just taken."""
        self._events.append(event)
        self._events_bytes += len(event)
        if self._events_bytes > BATCH_LIMIT_BYTES:
            self.send()
        elif not self._flusher.is_awake:
            self._flusher.wake()

    def send(self) -> None:
        """Let all leave now."""
        if self._events:
            self._put_journalled(self._events)
            self._events = []
            self._events_bytes = 0

    def tell_rotated(self) -> None:
        """The journal was rotated after everything in it had left: a batch without events says so."""
        self._put_journalled([])

    def tell_not_recorded(self, count: int, reason: str) -> None:
        """So many exchanges went by unrecorded. That is in no journal: there may be no room for it."""
        event = encode_event((EventKind.NOT_RECORDED.value, count, reason))
        self._put(Batch(self._journal.series, 0, 0, [event]))

    def wait_for_room(self) -> None:
        """Wait while the engine is behind."""
        self._room.wait()

    def bytes_taken(self, count: int) -> None:
        """The engine has taken so many bytes off the queue."""
        self._untaken_bytes -= count
        if self.is_full and self._untaken_bytes < UNTAKEN_LIMIT_BYTES // 2:
            self.is_full = False
            self._room.set()

    def _put_journalled(self, events: list[bytes]) -> None:
        journal = self._journal
        self._put(Batch(journal.series, journal.segment, journal.offset, events))

    def _put(self, batch: Batch) -> None:
        data = encode_batch(batch)
        self._untaken_bytes += len(data)
        if self._untaken_bytes > UNTAKEN_LIMIT_BYTES and not self.is_full:
            self.is_full = True
            self._room.clear()
        self._sink.put(data)
