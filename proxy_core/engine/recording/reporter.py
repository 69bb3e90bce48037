"""The only writer of events in a worker: relays report through it, and can't forget a part of it.

Each exchange has a `Report`, filled by its relay. While an exchange is short, its body bytes wait in the report and go
to the journal together with the one event that tells the whole: one `write` an exchange, made *before* the last bytes
go to the client, so what a client has got whole is on disk. What lasts longer than a tick is announced by the flusher,
which also writes out its body bytes so far; a large body goes to a segment of its own.

The same encoded events leave in batches over the queue. The engine says how many bytes it has taken; past
`UNTAKEN_LIMIT_BYTES` new exchanges wait (`wait_for_room`), so nothing is dropped and nothing grows. When the disk is
full the traffic goes on unrecorded and is counted.
"""

import time
from binascii import crc32
from typing import Protocol

import gevent
from gevent.event import Event as GreenEvent

from proxy_core.capture.journal import BODY_RECORD, EVENT_RECORD, RECORD_HEADER, BodySegment, Journal, JournalFullError
from proxy_core.engine.recording.report import Report, encode_report
from proxy_core.fault_log import caught
from proxy_core.model.event import Batch, EventKind, encode_batch, encode_event
from proxy_core.model.exchange import ExchangeFlag, ExchangeState
from proxy_core.model.failure import Failure

TICK_S = 0.02  # events leave, and exchanges under way are announced, this often
PROGRESS_S = 0.25  # bodies under way are told again this often
BATCH_LIMIT_BYTES = 256 * 1024  # a batch leaves at once when it is this large
UNTAKEN_LIMIT_BYTES = 16 * 1024 * 1024
PENDING_LIMIT_BYTES = 64 * 1024  # body bytes that may wait in one report
OWN_SEGMENT_BYTES = 256 * 1024  # a body larger than this continues in a segment of its own
RETRY_S = 1.0  # how long recording rests after the disk was full

# Plain integers: an operation on an enum's member costs more than what it is about.
_COMPLETE = int(ExchangeState.COMPLETE)
_FAILED = int(ExchangeState.FAILED)
_EXCHANGE = int(EventKind.EXCHANGE)
_AMENDED = int(EventKind.AMENDED)
_BODY_NOT_RECORDED = int(ExchangeFlag.BODY_NOT_RECORDED)

_HEADER_SIZE = RECORD_HEADER.size
_MAGIC = 0xA7
_pack_header = RECORD_HEADER.pack
_clock = time.perf_counter


class EventSink(Protocol):
    """Where batches go: the queue's outlet, or a list in tests."""

    def put(self, data: bytes) -> None:
        """Take one batch; never blocks."""
        ...


class Reporter:
    """Writes one worker's journal and sends its events. Single-threaded: called from the worker's greenlets only."""

    def __init__(self, journal: Journal, sink: EventSink) -> None:
        self._journal = journal
        self._sink = sink
        self._next_key = journal.series << 32
        self._next_connection = journal.series << 32
        self._open: dict[int, Report] = {}
        self._outbox: list[bytes] = []
        self._outbox_bytes = 0
        self._untaken_bytes = 0
        self._room = GreenEvent()
        self._room.set()
        self._work = GreenEvent()
        self._is_awake = False
        self._flusher: gevent.Greenlet[..., None] | None = None
        self._progress_mark = 0.0
        self._resume_mark = 0.0
        self._not_recorded = 0
        self._owed: list[tuple[Report, int]] = []
        self.is_recording = True  # the person's own switch
        self.is_suspended = False  # the engine's, while the disk is full
        self.is_full = False

    # Life

    def start(self) -> None:
        """Begin to flush in the background."""
        self._flusher = gevent.spawn(self._run)

    def stop(self) -> None:
        """Write and send what is left. Exchanges still open stay open in the capture: the engine marks them."""
        if self._flusher is not None:
            self._flusher.kill()
            self._flusher = None
        self._announce(_clock(), with_progress=True)
        self._pay()
        self._send_batch()
        self._tell_not_recorded()
        self._journal.close()

    # The queue's backpressure

    def wait_for_room(self) -> None:
        """Wait while the engine is behind. Cheap to skip: look at `is_full` first."""
        self._room.wait()

    def bytes_taken(self, count: int) -> None:
        """The engine has taken so many bytes off the queue."""
        self._untaken_bytes -= count
        if self.is_full and self._untaken_bytes < UNTAKEN_LIMIT_BYTES // 2:
            self.is_full = False
            self._room.set()

    def rotate(self) -> None:
        """Begin a new journal segment, so that the old ones may go (the capture was cleared).

        The engine hears of it by a batch without events: what lies in the segments before has all been told by then.
        Where that can't be told now, the old segment goes on.
        """
        self._pay()
        untold = [each for each in self._open.values() if each.is_dirty and (each.pending or each.extents)]
        if self._owed or any(each.is_held or not self._tell_so_far(each) for each in untold):
            return
        self._send_batch()
        self._journal.rotate()
        self._put(encode_batch(Batch(self._journal.series, self._journal.segment, self._journal.offset, [])))

    # Connections

    def connection_key(self) -> int:
        """A new key for a connection."""
        self._next_connection += 1
        return self._next_connection

    def connection(self, row: tuple[int, int, int, str, int, str, int, bytes | None]) -> None:
        """Tell of a connection (`ConnectionRow`); telling it again replaces it."""
        if self.is_recording:
            self._emit(encode_event((EventKind.CONNECTION.value, *row)))

    # Exchanges

    def open(self, client_connection: int) -> Report:
        """Begin an exchange, now."""
        self._next_key += 1
        report = Report(self._next_key, client_connection)
        self._open[report.key] = report
        if not self._is_awake:
            self._is_awake = True
            self._work.set()
        return report

    def request_body(self, report: Report, data: bytes) -> None:
        """Some bytes of the request body, transfer coding removed."""
        report.request_bytes += len(data)
        self._body(report, 0, data)

    def response_body(self, report: Report, data: bytes) -> None:
        """Some bytes of the response body, transfer coding removed."""
        report.response_bytes += len(data)
        self._body(report, 1, data)

    def interim(self, report: Report, head: bytes) -> None:
        """A 1xx response went by."""
        if report.interim is None:
            report.interim = []
        report.interim.append((int((_clock() - report.start_mark) * 1e6), head))
        report.is_dirty = True

    def changed(self, report: Report) -> None:
        """The exchange has come further: tell it with the next tick, should it last that long."""
        report.is_dirty = True
        if not self._is_awake:
            self._is_awake = True
            self._work.set()

    def complete(self, report: Report) -> None:
        """The exchange is over and well. Call it before the last bytes go to the client."""
        if report.state < _COMPLETE:
            self._finish(report, _COMPLETE)

    def fail(self, report: Report, failure: Failure) -> None:
        """The exchange is over, and this is why. Also after `complete`: the client left in the last moment."""
        is_amended = report.state == _COMPLETE
        report.failure = failure
        self._finish(report, _FAILED, _AMENDED if is_amended else _EXCHANGE)

    def forget(self, report: Report) -> None:
        """This was no exchange (the CONNECT of an interception); only for reports that were held."""
        self._open.pop(report.key, None)

    def under_way(self, client_connection: int) -> list[Report]:
        """What a client connection has under way; for a border, since who knew it has failed."""
        return [each for each in self._open.values() if each.client_connection == client_connection]

    # Inside

    def _body(self, report: Report, side: int, data: bytes) -> None:
        if not data:
            return
        if not self.is_recording:
            report.flags |= _BODY_NOT_RECORDED
            return
        report.is_dirty = True
        segments = report.body_segments
        if segments is not None:
            segment = segments[side]
            if segment is not None:
                self._extend(report, segment, data)
                return
        report.pending.append((side, data))
        report.pending_bytes += len(data)
        if report.pending_bytes > PENDING_LIMIT_BYTES:
            self._write_pending(report)
            if (report.response_bytes if side else report.request_bytes) > OWN_SEGMENT_BYTES:
                self._open_body_segment(report, side)
        if not self._is_awake:
            self._is_awake = True
            self._work.set()

    def _open_body_segment(self, report: Report, side: int) -> None:
        if self._is_resting():
            return  # nothing would come into it; what still comes of this body asks again
        try:
            segment = self._journal.open_body()
        except OSError as error:
            self._rest(report, error)
            return
        if report.body_segments is None:
            report.body_segments = [None, None]
        report.body_segments[side] = segment
        report.both_extents()[side].append((segment.segment, 0, 0))

    def _extend(self, report: Report, segment: BodySegment, data: bytes) -> None:
        try:
            if not self._is_resting():
                segment.write(data)
                assert report.body_segments is not None
                side = report.body_segments.index(segment)
                report.both_extents()[side][-1] = (segment.segment, 0, segment.length)
                return
        except JournalFullError as error:
            self._rest(report, error)
        report.flags |= _BODY_NOT_RECORDED

    def _body_records(self, report: Report, parts: list[bytes]) -> None:
        """Add the records of the pending body bytes to `parts`, and their extents to the report."""
        extents = report.both_extents()
        offset = self._journal.offset
        if len(report.pending) == 1:
            side, data = report.pending[0]
            parts.append(_pack_header(_MAGIC, BODY_RECORD, 0, len(data), crc32(data)))
            parts.append(data)
            extents[side].append((self._journal.segment, offset + _HEADER_SIZE, len(data)))
            return
        for side in (0, 1):
            data = b"".join([piece for piece_side, piece in report.pending if piece_side == side])
            if data:
                parts.append(_pack_header(_MAGIC, BODY_RECORD, 0, len(data), crc32(data)))
                parts.append(data)
                extents[side].append((self._journal.segment, offset + _HEADER_SIZE, len(data)))
                offset += _HEADER_SIZE + len(data)

    def _write_pending(self, report: Report) -> None:
        """Put a report's waiting body bytes into the journal."""
        self._journal.rotate_if_full()
        parts: list[bytes] = []
        if self._is_resting():
            report.flags |= _BODY_NOT_RECORDED
        else:
            lengths = [len(extents) for extents in report.both_extents()]
            self._body_records(report, parts)
            try:
                self._journal.write(b"".join(parts))
            except JournalFullError as error:
                for extents, length in zip(report.both_extents(), lengths, strict=True):
                    del extents[length:]
                self._rest(report, error)
        report.pending.clear()
        report.pending_bytes = 0

    def _finish(self, report: Report, state: int, kind: int = _EXCHANGE) -> None:
        report.state = state
        report.received_mark = _clock()
        self._open.pop(report.key, None)
        segments = report.body_segments
        if segments is not None:
            for segment in segments:
                if segment is not None:
                    segment.close()
            report.body_segments = None
        if not self.is_recording and not report.is_announced:
            return
        if self._is_resting():
            self._miss(report, kind)
            return
        journal = self._journal
        journal.rotate_if_full()
        parts: list[bytes] = []
        if report.pending:
            self._body_records(report, parts)
            report.pending = []
        try:
            event = encode_report(report, kind)
        except Exception:
            self._owed.append((report.bare(caught("the end of an exchange")), kind))
            self.changed(report)
            return
        parts.append(_pack_header(_MAGIC, EVENT_RECORD, 0, len(event), crc32(event)))
        parts.append(event)
        try:
            journal.write(b"".join(parts))
        except JournalFullError as error:
            self._rest(report, error)
            self._miss(report, kind)
            return
        self._push(event)

    def _miss(self, report: Report, kind: int) -> None:
        """Its end can't be written now. One that is in the capture already must not stay open there for ever."""
        if report.is_announced:
            if report.pending:
                report.flags |= _BODY_NOT_RECORDED
                report.pending = []
            self._owed.append((report, kind))
        else:
            self._not_recorded += 1

    def _pay(self) -> None:
        """Tell the ends that could not be written."""
        owed, self._owed = self._owed, []
        for number, (report, kind) in enumerate(owed):
            if self._is_resting():
                self._owed += owed[number:]
                return
            try:
                is_told = self._emit(encode_report(report, kind))
            except Exception:
                caught("telling the end of an exchange")
                self._not_recorded += 1
                continue
            if not is_told:
                self._owed.append((report, kind))

    def _emit(self, event: bytes) -> bool:
        """Journal and queue one event by itself; whether that could be done."""
        if self._is_resting():
            return False
        try:
            self._journal.rotate_if_full()
            self._journal.write(_pack_header(_MAGIC, EVENT_RECORD, 0, len(event), crc32(event)) + event)
        except JournalFullError as error:
            self._rest(None, error)
            return False
        self._push(event)
        return True

    def _push(self, event: bytes) -> None:
        self._outbox.append(event)
        self._outbox_bytes += len(event)
        if self._outbox_bytes > BATCH_LIMIT_BYTES:
            self._send_batch()
        elif not self._is_awake:
            self._is_awake = True
            self._work.set()

    def _send_batch(self) -> None:
        journal = self._journal
        if self._outbox:
            self._put(encode_batch(Batch(journal.series, journal.segment, journal.offset, self._outbox)))
            self._outbox = []
            self._outbox_bytes = 0

    def _put(self, batch: bytes) -> None:
        self._untaken_bytes += len(batch)
        if self._untaken_bytes > UNTAKEN_LIMIT_BYTES and not self.is_full:
            self.is_full = True
            self._room.clear()
        self._sink.put(batch)

    def _run(self) -> None:
        while True:
            self._work.wait()
            self._work.clear()
            gevent.sleep(TICK_S)
            self._is_awake = False
            try:
                self._flush()
            except Exception:  # the next tick comes all the same: without it nothing more would be told
                caught("the flusher")
                self._is_awake = True
                self._work.set()
            if not self._is_awake and (
                self._owed or any(each.is_dirty and not each.is_held for each in self._open.values())
            ):
                self._is_awake = True
                self._work.set()

    def _flush(self) -> None:
        now = _clock()
        with_progress = now - self._progress_mark > PROGRESS_S
        if with_progress:
            self._progress_mark = now
        self._announce(now, with_progress=with_progress)
        if self._owed:
            self._pay()
        self._send_batch()
        self._tell_not_recorded()

    def _announce(self, now: float, *, with_progress: bool) -> None:
        """Tell of what is under way: the new at once, the changed at the pace of `PROGRESS_S`."""
        if not self.is_recording or self._is_resting():
            return
        for report in list(self._open.values()):
            is_new = not report.is_announced
            if report.is_held or not report.is_dirty or not (is_new or with_progress):
                continue
            if is_new and now - report.start_mark < TICK_S / 2:
                continue
            try:
                is_told = self._tell_so_far(report)
            except Exception:  # one that can't be told must not keep the others silent
                caught("telling of an exchange")
                continue
            if not is_told:
                return

    def _tell_so_far(self, report: Report) -> bool:
        """Whether that could be done."""
        report.is_dirty = False
        if report.pending:
            self._write_pending(report)
        if not self._emit(encode_report(report)):
            report.is_dirty = True
            return False
        report.is_announced = True
        return True

    # Disk full

    def _is_resting(self) -> bool:
        return self.is_suspended or (self._resume_mark != 0.0 and _clock() < self._resume_mark)

    def _rest(self, report: Report | None, error: OSError) -> None:
        """Recording failed: let the traffic go on, try again later, and say so."""
        self._resume_mark = _clock() + RETRY_S
        if report is not None:
            report.flags |= _BODY_NOT_RECORDED
            report.pending = []
            report.pending_bytes = 0
        self._tell_not_recorded(error.strerror or str(error))

    def _tell_not_recorded(self, reason: str = "") -> None:
        if not reason and not self._not_recorded:
            return
        event = encode_event((EventKind.NOT_RECORDED.value, self._not_recorded, reason))
        self._not_recorded = 0
        self._put(encode_batch(Batch(self._journal.series, 0, 0, [event])))
