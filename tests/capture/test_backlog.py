"""What the journals hold and the index lacks: it is seen from the outside, waited for, and told."""

import os
import time
from contextlib import closing

import pytest

from proxy_core.capture import backlog
from proxy_core.capture.backlog import caught_up, is_behind, journal_ends, untaken
from proxy_core.capture.journal import BODY_RECORD, EVENT_RECORD, record
from proxy_core.capture.live import CaptureLock
from proxy_core.capture.reader import CaptureReader
from proxy_core.capture.recovery import recover, replay_series
from proxy_core.capture.repair import best_reader, repair
from tests.support.captures import Sample


@pytest.fixture
def reader(live):
    with closing(CaptureReader(str(live.folder))) as reader:
        yield reader


def test_events_that_the_index_lacks_are_counted(live, reader):
    folder = str(live.folder)
    assert not is_behind(reader, folder)
    live.add(Sample("/taken"))
    assert not is_behind(reader, folder)
    live.journal_only(Sample("/a", response_body=b"body"), Sample("/b"))
    live.journal.rotate()
    live.journal_only(Sample("/c"))
    assert len(list(untaken(reader, folder))) == 3


def test_bodies_and_torn_records_are_nothing_that_is_missing(live, reader):
    live.add(Sample("/taken"))
    live.journal.write(record(BODY_RECORD, b"of a request that is under way"))
    live.journal.write(record(EVENT_RECORD, b"torn")[:-2])
    assert not is_behind(reader, str(live.folder))


def test_what_comes_later_is_not_waited_for(live, reader):
    folder = str(live.folder)
    live.journal_only(Sample("/a"))
    ends = journal_ends(folder)
    replay_series(live.writer, folder, live.journal.series)
    live.journal_only(Sample("/b"))
    assert not is_behind(reader, folder, ends)
    assert is_behind(reader, folder)


def test_a_recorder_that_catches_up_is_waited_for(live, reader):
    folder = str(live.folder)
    live.journal_only(Sample("/a"), Sample("/b"))
    looks: list[float] = []

    def recorder_goes_on(seconds: float) -> None:
        looks.append(seconds)
        if len(looks) == 3:
            replay_series(live.writer, folder, live.journal.series)

    assert caught_up(reader, folder, recorder_goes_on) == ""
    assert len(looks) == 3
    assert reader.total() == 2


def test_a_recorder_that_does_not_is_waited_for_no_longer(live, reader, monkeypatch):
    monkeypatch.setattr(backlog, "CATCHING_UP_S", 0.05)
    live.journal_only(Sample("/a"), Sample("/b"))
    assert caught_up(reader, str(live.folder)).startswith("Not there yet: 2 changes that lie in the journals")


def test_a_journal_that_cannot_be_looked_at_is_no_reason_to_wait(live, reader):
    live.journal_only(Sample("/a"))
    for name in os.listdir(live.folder):
        if name.endswith(".seg"):
            (live.folder / name).unlink()
            os.mkfifo(live.folder / name)
    assert caught_up(reader, str(live.folder)) == ""


def test_what_a_worker_wrote_when_the_capture_had_been_repaired_already_is_taken_in_by_the_next_repair(live):
    live.journal_only(Sample("/a"))
    live.writer.close(closed=False)
    folder = str(live.folder)
    assert repair(folder) is not None
    assert repair(folder) is None
    live.journal_only(Sample("/b"))
    again = repair(folder)
    assert again is not None
    assert (again.exchanges, again.replayed) == (2, 1)
    assert repair(folder) is None


def test_who_comes_while_another_repairs_waits_for_what_that_takes_in(live, tmp_path, monkeypatch):
    """Both have seen that nobody records it; one of them has the lock."""
    live.journal_only(Sample("/a"), Sample("/b"))
    live.writer.close(closed=False)
    folder = str(live.folder)
    lock = CaptureLock(folder)
    monkeypatch.setattr("proxy_core.capture.repair.is_recording", lambda _folder: False)

    def other_repairs(_seconds: float) -> None:
        lock.release()
        recover(folder)

    monkeypatch.setattr(time, "sleep", other_repairs)
    remarks: list[str] = []
    with best_reader(folder, str(tmp_path), remarks) as reader:
        assert reader.total() == 2
    assert remarks == []
