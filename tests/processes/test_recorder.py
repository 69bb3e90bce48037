"""The recorder's thread: what can't be read costs itself, what fails ends the recording and nothing else."""

import contextlib
import sqlite3
import threading
from collections.abc import Iterator

import msgspec
import pytest

from proxy_core.capture.journal import EVENT_RECORD, read_records, record
from proxy_core.capture.reader import CaptureReader
from proxy_core.capture.writer import INDEX_NAME, IndexWriter
from proxy_core.model.event import Batch, EventKind, encode_batch, encode_event
from proxy_core.model.exchange import ExchangeState
from proxy_core.model.notice import CaptureCleared, ClearedForgotten, ClearUndone, RecordingChanged, RowsChanged
from proxy_core.model.worker_command import BytesTaken, SuspendRecording
from proxy_core.recorder import INBOX_BATCHES, Recorder
from tests.integration.recording import wait_for
from tests.support.captures import LiveCapture, Sample

SERIES = 1


class Desk:
    """A recorder at work, fed by a worker that writes its journal as the real ones do."""

    def __init__(self, live: LiveCapture, *, has_window: bool = True) -> None:
        self.live = live
        self.told: list[tuple[int, object]] = []
        self.notices: list[object] = []
        self.warnings: list[str] = []
        self.sent_bytes = 0
        publish = self.notices.append if has_window else None
        self.recorder = Recorder(
            live.writer,
            str(live.folder),
            lambda series, command: self.told.append((series, command)),
            publish,
            self.warnings.append,
        )
        self.recorder.start()

    def batch(self, *samples: Sample) -> bytes:
        """What a worker sends of these, which are in its journal by now."""
        events = [self.live.event(sample) for sample in samples]
        return self.raw_batch(*events)

    def raw_batch(self, *events: bytes) -> bytes:
        journal = self.live.journal
        for event in events:
            journal.write(record(EVENT_RECORD, event))
        return encode_batch(Batch(SERIES, journal.segment, journal.offset, list(events)))

    def send(self, data: bytes) -> None:
        self.sent_bytes += len(data)
        self.recorder.take(SERIES, data)

    @property
    def taken_bytes(self) -> int:
        return sum(command.count for _, command in self.told if isinstance(command, BytesTaken))

    @property
    def is_suspended(self) -> bool:
        return (0, SuspendRecording(on=True)) in self.told

    def last_problem(self) -> RecordingChanged | None:
        changes = [each for each in self.notices if isinstance(each, RecordingChanged)]
        return changes[-1] if changes else None

    def see_all(self) -> None:
        """Answer every notice of rows."""
        for notice in list(self.notices):
            if isinstance(notice, RowsChanged):
                self.recorder.rows_seen(notice.number)

    def paths(self) -> list[str]:
        reader = CaptureReader(str(self.live.folder))
        try:
            return [row.path for _, row in sorted(reader.rows(list(reader.ids())).items())]
        finally:
            reader.close()

    def is_closed(self) -> bool:
        with contextlib.closing(sqlite3.connect(self.live.folder / INDEX_NAME)) as index:
            return bool(index.execute("SELECT value FROM meta WHERE name = 'closed'").fetchall())


@pytest.fixture
def live(tmp_path) -> Iterator[LiveCapture]:
    capture = LiveCapture(tmp_path / "test.live")
    yield capture
    capture.journal.close()


@pytest.fixture
def desk(live) -> Iterator[Desk]:
    running = Desk(live)
    yield running
    running.recorder.stop()


def throw(*_: object) -> None:
    raise RuntimeError("a fault of ours")


class TestWhatCannotBeRead:
    BAD_BATCHES = (b"", b"\xc1", b"\x91" * 10_000, b"garbage", msgspec.msgpack.encode([1, 2, -3, []]))

    @pytest.mark.parametrize("bad", BAD_BATCHES)
    def test_a_batch_is_taken_from_the_journal_instead(self, desk, bad):
        desk.send(desk.batch(Sample("/before")))
        desk.batch(Sample("/inside/1"), Sample("/inside/2"))
        desk.send(bad)
        desk.send(desk.batch(Sample("/behind")))
        desk.send(desk.batch(Sample("/later")))
        desk.recorder.stop()
        assert desk.paths() == ["/before", "/inside/1", "/inside/2", "/behind", "/later"]
        assert desk.taken_bytes == desk.sent_bytes
        assert desk.recorder.failure == ""
        assert [payload for _, payload, _ in read_records(desk.live.writer.unread.path)] == [bad]

    def test_an_event_costs_itself_and_is_told(self, desk):
        good = [desk.live.event(Sample(f"/{number}")) for number in range(3)]
        desk.send(desk.raw_batch(good[0], b"\xc1", good[1], encode_event((99, 1, 2)), good[2]))
        wait_for(lambda: any(isinstance(each, RowsChanged) and each.unread for each in desk.notices))
        assert desk.paths() == ["/0", "/1", "/2"]
        (notice,) = (each for each in desk.notices if isinstance(each, RowsChanged))
        assert "2 records" in notice.unread
        assert desk.live.writer.unread.path in notice.unread
        kept = [payload for _, payload, _ in read_records(desk.live.writer.unread.path)]
        assert kept == [b"\xc1", encode_event((99, 1, 2))]

    def test_one_that_comes_alone_is_told_too(self, desk):
        desk.send(desk.raw_batch(b"\xc1"))
        wait_for(lambda: any(isinstance(each, RowsChanged) and "One record" in each.unread for each in desk.notices))

    def test_without_a_window_the_terminal_is_told_at_once_and_at_the_end(self, live):
        desk = Desk(live, has_window=False)
        for _ in range(50):
            desk.send(desk.raw_batch(b"\xc1"))
        desk.recorder.stop()
        assert 1 <= len(desk.warnings) <= 2
        assert "50 records" in desk.warnings[-1]

    def test_batches_that_were_on_their_way_during_a_replay_count_once(self, desk):
        desk.send(desk.batch(Sample("/1")))
        late, later = desk.batch(Sample("/2")), desk.batch(Sample("/3"))
        desk.recorder._inbox.put(desk.recorder._try_again)
        desk.send(late)
        desk.send(later)
        desk.send(desk.batch(Sample("/4")))
        desk.recorder.stop()
        assert desk.paths() == ["/1", "/2", "/3", "/4"]


class TestAFault:
    """Each throws inside the border."""

    @pytest.fixture(params=["apply", "commit", "publish", "an error of the index"])
    def failing(self, request, desk, monkeypatch):
        if request.param == "publish":
            monkeypatch.setattr(desk.recorder, "_tell_news", throw)
        elif request.param == "an error of the index":
            with contextlib.closing(sqlite3.connect(desk.live.folder / INDEX_NAME)) as other:
                other.execute("DROP TABLE detail")
        else:
            monkeypatch.setattr(IndexWriter, request.param, throw)
        return desk

    def test_ends_the_recording_is_told_and_traffic_goes_on(self, failing, capsys):
        desk = failing
        for number in range(4 * INBOX_BATCHES):
            desk.send(desk.batch(Sample(f"/{number}")))  # nobody waits for ever
        wait_for(lambda: desk.taken_bytes == desk.sent_bytes)
        assert desk.is_suspended
        assert "Recording has ended before its time" in desk.recorder.failure
        told = desk.last_problem()
        assert told is not None
        assert told.has_ended
        assert told.problem == desk.recorder.failure
        assert desk.warnings == [desk.recorder.failure]
        assert "Traceback" in capsys.readouterr().err  # of a test: there is no log
        desk.recorder.stop()
        assert not desk.is_closed()  # the next start offers to recover it

    def test_is_told_to_workers_that_come_later_and_what_goes_by_is_counted(self, failing):
        desk = failing
        desk.send(desk.batch(Sample("/")))
        wait_for(lambda: desk.recorder.failure)
        event = encode_event((EventKind.NOT_RECORDED.value, 7, ""))
        desk.recorder.take(2, encode_batch(Batch(2, 0, 0, [event, b"\xc1"])))
        wait_for(lambda: (2, SuspendRecording(on=True)) in desk.told)
        wait_for(lambda: desk.last_problem() is not None and desk.last_problem().not_recorded == 7)

    def test_in_one_order_costs_that_order(self, desk, monkeypatch):
        monkeypatch.setattr(IndexWriter, "clear", throw)
        desk.recorder.clear(throw, throw)
        desk.send(desk.batch(Sample("/after")))
        wait_for(lambda: desk.paths() == ["/after"])
        assert desk.recorder.failure == ""
        monkeypatch.undo()
        has_cleared = threading.Event()
        desk.recorder.clear(has_cleared.set, throw)
        assert has_cleared.wait(20)
        assert any(isinstance(each, CaptureCleared) for each in desk.notices)

    def test_while_closing_is_told(self, live, monkeypatch):
        desk = Desk(live)
        monkeypatch.setattr(IndexWriter, "close", throw)
        desk.recorder.stop()
        assert "could not be closed" in desk.recorder.failure


class TestClearing:
    def notices(self, desk: Desk, *kinds: type) -> list[object]:
        return [each for each in list(desk.notices) if isinstance(each, kinds)]

    def total(self, desk: Desk) -> int:
        desk.see_all()
        told = self.notices(desk, RowsChanged)
        return told[-1].total if told else 0

    def test_leaves_out_and_brings_back(self, desk):
        desk.send(desk.batch(Sample("/a"), Sample("/open", state=ExchangeState.WAITING), Sample("/c")))
        wait_for(lambda: self.total(desk) == 3)
        has_begun = threading.Event()
        desk.recorder.clear(has_begun.set, throw)
        assert has_begun.wait(20)
        wait_for(lambda: self.total(desk) == 1)
        assert self.notices(desk, CaptureCleared) == [CaptureCleared(3, [2], 2)]
        desk.send(desk.batch(Sample("/new")))
        wait_for(lambda: self.total(desk) == 2)
        desk.recorder.undo_clear()
        desk.recorder.undo_clear()
        desk.recorder.forget_cleared()  # too late
        wait_for(lambda: self.total(desk) == 4)
        desk.recorder.stop()
        assert self.notices(desk, ClearUndone, ClearedForgotten) == [ClearUndone()]
        assert desk.paths() == ["/a", "/open", "/c", "/new"]
        assert desk.recorder.failure == ""

    def test_deletes_what_is_given_up_while_others_come(self, desk, monkeypatch):
        monkeypatch.setattr("proxy_core.capture.writer._FORGOTTEN_AT_ONCE", 3)
        desk.send(desk.batch(*[Sample("/old") for _ in range(20)]))
        has_forgotten = threading.Event()
        desk.recorder.clear(lambda: None, has_forgotten.set)
        desk.recorder.forget_cleared()
        desk.send(desk.batch(Sample("/new")))
        assert has_forgotten.wait(20)
        wait_for(lambda: desk.paths() == ["/new"])
        assert self.notices(desk, ClearedForgotten) == [ClearedForgotten(20)]

    def test_again_gives_up_what_was_cleared_before(self, desk):
        desk.send(desk.batch(Sample("/first")))
        forgotten = []
        desk.recorder.clear(lambda: None, lambda: forgotten.append(1))
        desk.send(desk.batch(Sample("/second")))
        desk.recorder.clear(lambda: None, lambda: forgotten.append(2))
        desk.recorder.undo_clear()
        wait_for(lambda: forgotten == [1])
        wait_for(lambda: desk.paths() == ["/second"])
        wait_for(lambda: self.total(desk) == 1)

    @pytest.mark.parametrize(("is_given_up", "left"), [(False, ["/a"]), (True, [])])
    def test_at_the_end_only_what_is_given_up_is_gone(self, desk, is_given_up, left):
        desk.send(desk.batch(Sample("/a")))
        desk.recorder.clear(lambda: None, lambda: None)
        if is_given_up:
            desk.recorder.forget_cleared()
        desk.recorder.stop()
        assert desk.paths() == left


def test_an_index_that_somebody_else_holds_is_waited_for(desk, monkeypatch):
    monkeypatch.setattr("proxy_core.recorder.RETRY_S", 0.05)
    desk.send(desk.batch(Sample("/before")))
    wait_for(lambda: desk.paths() == ["/before"])
    desk.live.writer._database.execute("PRAGMA busy_timeout=0")
    other = sqlite3.connect(desk.live.folder / INDEX_NAME, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    desk.send(desk.batch(Sample("/held")))
    wait_for(lambda: desk.last_problem() is not None and "locked" in desk.last_problem().problem)
    other.execute("ROLLBACK")
    other.close()
    wait_for(lambda: desk.paths() == ["/before", "/held"])
    assert desk.last_problem().problem == ""
    assert desk.recorder.failure == ""
