"""The only writer of events in a worker: relays report through it, and can't forget a part of it.

Each exchange has a `Report`, filled by its relay. While an exchange is short, its body bytes wait with the reporter and
go to the journal together with the one event that tells the whole: one `write` an exchange, made *before* the last
bytes go to the client, so what a client has got whole is on disk. What lasts longer than a tick is announced by the
flusher, which also writes out its body bytes so far.

This order is the promise that nothing captured is lost, and its price. Two writes, or an event for each step, cost as
much as relaying; a write after the last bytes would lose, with a worker that is killed, what a client already has. The
journal comes before the queue, since what the engine has not taken yet must be found again by a recovery. And an
exchange is announced only when it is older than a tick: most are over by then, and one event is half the work of two
for everybody behind.

How bodies are written, batches leave, and what a full disk means have a module each (`BodyWriter`, `Outbox`,
`FullDisk`).
"""

import time
from collections.abc import Sequence

from proxy_core.capture.journal import EVENT_RECORD, Journal, JournalFullError, record_header
from proxy_core.engine.recording.body_writer import BodyWriter
from proxy_core.engine.recording.exchange_record import ExchangeRecord, Telling
from proxy_core.engine.recording.flusher import TICK_S, Flusher
from proxy_core.engine.recording.full_disk import FullDisk
from proxy_core.engine.recording.message_log import Extras
from proxy_core.engine.recording.message_writer import NO_EXTRAS, MessageWriter
from proxy_core.engine.recording.outbox import EventSink, Outbox
from proxy_core.engine.recording.report import Report
from proxy_core.engine.recording.report_event import encode_report
from proxy_core.fault_log import caught
from proxy_core.model.event import EventKind, encode_event
from proxy_core.model.exchange import ConnectionRow, ExchangeState
from proxy_core.model.failure import Failure
from proxy_core.model.stream import Stream

PROGRESS_S = 0.25  # bodies under way are told again this often: a person sees them grow
_AGE_S = TICK_S / 2  # what is younger is not announced with this tick: the next one is not far

# Plain integers: an operation on an enum's member costs more than what it is about.
_COMPLETE = int(ExchangeState.COMPLETE)
_FAILED = int(ExchangeState.FAILED)
_EXCHANGE = int(EventKind.EXCHANGE)
_AMENDED = int(EventKind.AMENDED)
_HELD = int(Telling.HELD)
_NEW = int(Telling.NEW)
_ANNOUNCED = int(Telling.ANNOUNCED)
_OWED = int(Telling.OWED)
_TOLD = int(Telling.TOLD)
_REQUEST_RECEIVED = int(Stream.REQUEST_RECEIVED)
_RESPONSE_RECEIVED = int(Stream.RESPONSE_RECEIVED)

_clock = time.perf_counter


class Reporter:
    """Writes one worker's journal and sends its events. Single-threaded: called from the worker's greenlets only."""

    def __init__(self, journal: Journal, sink: EventSink) -> None:
        self._journal = journal
        self._flusher = Flusher(self._flush)
        self.outbox = Outbox(journal, sink, self._flusher)
        self.full_disk = FullDisk(self.outbox.tell_not_recorded)
        self._bodies = BodyWriter(journal, self.full_disk)
        self._messages = MessageWriter(journal, self.full_disk)
        self._talking: dict[int, Report] = {}  # exchanges with messages to tell
        self._next_key = journal.series << 32
        self._next_connection = journal.series << 32
        self._open: dict[int, Report] = {}
        self._untold_connections: dict[int, ConnectionRow] = {}  # they are written together with the next event
        self._progress_mark = 0.0
        self.is_recording = True  # the person's own switch

    # Life

    def start(self) -> None:
        """Begin to flush in the background."""
        self._flusher.start()

    def stop(self) -> None:
        """Write and send what is left. Exchanges still open stay open in the capture: the engine marks them."""
        self._flusher.stop()
        self.tell_all()
        self._journal.close()

    def tell_all(self) -> None:
        """Write and send what there is to tell, now, of exchanges of whatever age."""
        self._announce(oldest_only=False, with_progress=True)
        if self._untold_connections:
            self._emit()
        self._tell_all_messages()
        self._pay()
        self.outbox.send()
        self.full_disk.tell()

    def rotate(self) -> None:
        """Begin a new journal segment, so that the old ones may go (the capture was cleared).

        The engine hears of it by a batch without events: what lies in the segments before has all been told by then.
        Where that can't be told now, the old segment goes on.
        """
        self._pay()
        if self.full_disk.owed:
            return
        for report in list(self._open.values()):
            record = report.record
            if record.is_dirty and (record.pending or record.extents) and not self._tell_so_far(report):
                return
        self._tell_all_messages()
        self.outbox.send()
        self._journal.rotate()
        self.outbox.tell_rotated()

    # Connections

    def connection_key(self) -> int:
        """A new key for a connection."""
        self._next_connection += 1
        return self._next_connection

    def connection(self, row: ConnectionRow) -> None:
        """Tell of a connection; telling it again replaces it."""
        if self.is_recording:
            self._untold_connections[row.key] = row
            if not self._flusher.is_awake:
                self._flusher.wake()

    def tell_again(self, connections: set[int]) -> None:
        """More is known of these connections: what is under way on them is told again, for whoever filters by it."""
        for report in self._open.values():
            if report.client_connection in connections:
                report.record.is_dirty = True
        if connections and not self._flusher.is_awake:
            self._flusher.wake()

    # Exchanges

    def open(self, client_connection: int) -> Report:
        """Begin an exchange, now."""
        self._next_key += 1
        report = Report(self._next_key, client_connection)
        self._open[self._next_key] = report
        if not self._flusher.is_awake:
            self._flusher.wake()
        return report

    def hold(self, report: Report) -> None:
        """Tell nothing of it before its end, or until it is released: whether it is an exchange is not known."""
        report.record.telling = _HELD

    def release(self, report: Report) -> None:
        """It is one: tell of it like of any other."""
        report.record.telling = _NEW
        self.changed(report)

    def forget(self, report: Report) -> None:
        """This was no exchange (the CONNECT of an interception); only for reports that were held."""
        self._open.pop(report.key, None)

    def request_body(self, report: Report, data: bytes) -> None:
        """Some bytes of the request body, transfer coding removed."""
        report.request_bytes += len(data)
        self._body(report.record, _REQUEST_RECEIVED, data)

    def response_body(self, report: Report, data: bytes) -> None:
        """Some bytes of the response body, transfer coding removed."""
        report.response_bytes += len(data)
        self._body(report.record, _RESPONSE_RECEIVED, data)

    def forwarded_body(self, report: Report, stream: Stream, data: bytes) -> None:
        """The whole body, none or more bytes, that goes on in the place of the one received."""
        if self.is_recording:
            report.record.extents_of(stream)  # of no bytes, it is still another one
        self._body(report.record, int(stream), data)

    def interim(self, report: Report, head: bytes) -> None:
        """A 1xx response went by."""
        if report.interim is None:
            report.interim = []
        report.interim.append((int((_clock() - report.start_mark) * 1e6), head))
        report.record.is_dirty = True

    def message_data(self, report: Report, side: int, opcode: int, data: bytes) -> None:
        """Some bytes of the message that this side is sending."""
        if self._can_log(report, side):
            self._messages.add(report.record.log(), side, opcode, data)
            self._logged(report)

    def message_end(
        self, report: Report, side: int, opcode: int, flags: int, size: int, data: bytes, remark: str = ""
    ) -> None:
        """That message is over; `data` is the last of it."""
        if self._can_log(report, side):
            extras = (remark, "", "", None) if remark else NO_EXTRAS
            self._messages.end(report.record.log(), side, opcode, flags, size, data, extras)
            self._logged(report)

    def message(
        self, report: Report, side: int, opcode: int, flags: int, size: int, data: bytes, extras: Extras = NO_EXTRAS
    ) -> None:
        """A message by itself, whatever else its side is sending."""
        if self._can_log(report, side):
            self._messages.whole(report.record.log(), side, opcode, flags, size, data, extras)
            self._logged(report)

    def tell_messages(self, report: Report) -> None:
        """Write what messages of it have come, now."""
        if report.key in self._talking:
            self._tell_messages(report)

    def changed(self, report: Report) -> None:
        """The exchange has come further: tell it with the next tick, should it last that long."""
        report.record.is_dirty = True
        if not self._flusher.is_awake:
            self._flusher.wake()

    def complete(self, report: Report) -> None:
        """The exchange is over and well. Call it before the last bytes go to the client."""
        if report.state < _COMPLETE:
            if report.key in self._talking:
                self._tell_messages(report)
            report.state = _COMPLETE
            self._end(report)

    def fail(self, report: Report, failure: Failure) -> None:
        """The exchange is over, and this is why. Also after `complete`: the client left in the last moment.

        Of several failures the first is told: the others follow from it.
        """
        if report.state != _FAILED:
            if report.key in self._talking:
                self._tell_messages(report)
            report.state = _FAILED
            report.failure = failure
            self._end(report)

    def under_way(self, client_connection: int | None = None) -> list[Report]:
        """What has not ended, of one client connection or of all; for a border, since who knew it has failed."""
        return [each for each in self._open.values() if client_connection in (None, each.client_connection)]

    # Inside

    def _body(self, record: ExchangeRecord, stream: int, data: bytes) -> None:
        if not data:
            return
        if not self.is_recording:
            record.has_gap = True
            return
        record.is_dirty = True
        self._bodies.add(record, stream, data)
        if not self._flusher.is_awake:
            self._flusher.wake()

    def _can_log(self, report: Report, side: int) -> bool:
        if self.is_recording:
            return True
        report.record.has_gap = report.record.is_dirty = True
        report.record.log().under_way[side] = None
        return False

    def _logged(self, report: Report) -> None:
        log = report.record.log()
        if log.has_news:
            self._talking[report.key] = report
        if log.is_full:
            self._tell_messages(report)
        if not self._flusher.is_awake:
            self._flusher.wake()

    def _tell_messages(self, report: Report) -> None:
        """Tell the messages that have come. An exchange that nobody has heard of is told of first."""
        record, log = report.record, report.record.log()
        if record.telling == _HELD:
            return
        self._talking.pop(report.key, None)
        if self.full_disk.is_resting() or (record.telling == _NEW and not self._tell_so_far(report)):
            self._messages.drop(log)
            record.has_gap = True
            return
        parts: list[bytes] = []
        event = self._messages.place(report.key, log, parts)
        parts += record_header(EVENT_RECORD, event), event
        try:
            self._journal.write(b"".join(parts))
        except JournalFullError as error:
            self.full_disk.rest(error)
            record.has_gap = True
            return
        self.outbox.push(event)

    def _tell_all_messages(self) -> None:
        for report in list(self._talking.values()):
            try:
                self._tell_messages(report)
            except Exception:  # as with the exchanges
                self._talking.pop(report.key, None)
                caught("telling messages")

    def _end(self, report: Report) -> None:
        """Tell its end, or what else it ended with. How much of it is told already says what that takes."""
        report.received_mark = _clock()
        self._open.pop(report.key, None)
        record = report.record
        if record.segments is not None:
            self._bodies.close(record)
        kind = _EXCHANGE
        if record.telling >= _OWED:
            if record.telling != _TOLD:
                return  # what is owed is told as it stands then, and what was missed is counted
            kind = _AMENDED
        elif record.telling != _ANNOUNCED and not self.is_recording:
            return
        if report.received_mark < self.full_disk.until_mark:
            self.full_disk.miss(report, kind)
            return
        parts: list[bytes] = []
        if record.pending:
            self._bodies.place(record, parts)
        try:
            event = encode_report(report, kind)
        except Exception:
            record.telling = _OWED
            self.full_disk.owed.append((report.bare(caught("the end of an exchange")), kind))
            self._flusher.wake()
            return
        connections = self._place_connections(parts) if self._untold_connections else ()
        parts += record_header(EVENT_RECORD, event), event
        try:
            self._journal.write(b"".join(parts))
        except JournalFullError as error:
            self._bodies.withdraw(record)
            self.full_disk.rest(error)
            self.full_disk.miss(report, kind)
            return
        record.telling = _TOLD
        for each in connections:
            self.outbox.push(each)
        self.outbox.push(event)

    def _place_connections(self, parts: list[bytes]) -> Sequence[bytes]:
        """Add the records of what connections there are to tell of, and return their events."""
        rows, self._untold_connections = self._untold_connections, {}
        events = [encode_event((EventKind.CONNECTION.value, *row)) for row in rows.values()]
        for event in events:
            parts += record_header(EVENT_RECORD, event), event
        return events

    def _pay(self) -> None:
        """Tell the ends that could not be written."""
        owed, self.full_disk.owed = self.full_disk.owed, []
        for number, (report, kind) in enumerate(owed):
            if self.full_disk.is_resting():
                self.full_disk.owed += owed[number:]
                return
            try:
                is_told = self._emit(encode_report(report, kind))
            except Exception:
                caught("telling the end of an exchange")
                self.full_disk.give_up(report)
                continue
            if is_told:
                report.record.telling = _TOLD
            else:
                self.full_disk.owed.append((report, kind))

    def _emit(self, *events: bytes) -> bool:
        """Journal and queue these, behind what connections there are to tell of; whether that could be done."""
        if self.full_disk.is_resting():
            self._untold_connections.clear()  # they are missed, as what comes over them is
            return False
        parts: list[bytes] = []
        connections = self._place_connections(parts)
        for event in events:
            parts += record_header(EVENT_RECORD, event), event
        try:
            self._journal.write(b"".join(parts))
        except JournalFullError as error:
            self.full_disk.rest(error)
            return False
        for event in (*connections, *events):
            self.outbox.push(event)
        return True

    def _flush(self) -> bool:
        now = _clock()
        with_progress = now - self._progress_mark > PROGRESS_S
        if with_progress:
            self._progress_mark = now
        self._announce(oldest_only=True, with_progress=with_progress)
        if self._untold_connections:
            self._emit()
        if self._talking:
            self._tell_all_messages()
        if self.full_disk.owed:
            self._pay()
        self.outbox.send()
        self.full_disk.tell()
        return bool(self.full_disk.owed) or any(
            each.record.is_dirty and each.record.telling != _HELD for each in self._open.values()
        )

    def _announce(self, *, oldest_only: bool, with_progress: bool) -> None:
        """Tell of what is under way: the new at once, the changed at the pace of `PROGRESS_S`."""
        if not self.is_recording or self.full_disk.is_resting():
            return
        until_mark = _clock() - _AGE_S
        for report in list(self._open.values()):
            record = report.record
            if not record.is_dirty or record.telling == _HELD:
                continue
            if record.telling == _ANNOUNCED and not with_progress:
                continue
            if record.telling == _NEW and oldest_only and report.start_mark > until_mark:
                continue
            try:
                is_told = self._tell_so_far(report)
            except Exception:  # one that can't be told must not keep the others silent
                caught("telling of an exchange")
                continue
            if not is_told:
                return

    def _tell_so_far(self, report: Report) -> bool:
        """Tell of what is under way, unless it is held; whether that could be done."""
        record = report.record
        if record.telling == _HELD:
            return False
        record.is_dirty = False
        if record.pending:
            self._bodies.write_pending(record)
        if not self._emit(encode_report(report)):
            record.is_dirty = True
            return False
        record.telling = _ANNOUNCED
        return True
