"""The jobs that open, save and export a capture: what they find out before the window reads, what they make where nothing
can be written, and that what only the journals hold is not lost on the way.
"""

import json
import os
import sqlite3
from multiprocessing import Pipe
from pathlib import Path

import pytest

from proxy_core.capture.left_out import LeftOut
from proxy_core.capture.live import CaptureLock
from proxy_core.capture.reader import CaptureReader, UnwritableError
from proxy_core.capture.saver import save_capture
from proxy_core.tasks.task import ExportTask, Failed, FileNews, Finished, OpenTask, Progressed, SaveTask, decode_news
from proxy_core.tasks.task_process import run_task
from tests.support.captures import LiveCapture, Sample


def outcome(task: OpenTask | SaveTask | ExportTask) -> FileNews:
    """The last word of a job, carried out here."""
    ours, theirs = Pipe()
    with ours, theirs:
        run_task(task, theirs)
        news: FileNews = Progressed(0, 0)
        while isinstance(news, Progressed):
            news = decode_news(ours.recv_bytes())
    return news


@pytest.fixture
def live(tmp_path) -> LiveCapture:
    capture = LiveCapture(tmp_path / "a.live")
    capture.add(*(Sample(f"/{number}", response_body=b"body") for number in range(1, 6)))
    capture.journal_only(Sample("/journal", response_body=b"kept"))
    capture.close(closed=False)
    return capture


@pytest.fixture
def saved(live, tmp_path) -> Path:
    path = tmp_path / "a.harrier"
    reader = CaptureReader(str(live.folder))
    save_capture(reader, str(path))
    reader.close()
    return path


def change(path: Path, statement: str) -> None:
    database = sqlite3.connect(path)
    with database:
        database.execute(statement)
    database.close()


def test_a_sound_file_is_left_as_it_is(saved):
    before = saved.read_bytes()
    assert outcome(OpenTask(str(saved), "")) == Finished([])
    assert saved.read_bytes() == before


def test_a_file_that_is_no_capture_is_a_sentence(saved):
    change(saved, "CREATE TRIGGER t AFTER INSERT ON meta BEGIN SELECT 1; END")
    news = outcome(OpenTask(str(saved), ""))
    assert isinstance(news, Failed)
    assert "its tables are not those that Harrier makes" in news.sentence


def test_a_live_capture_is_repaired_in_its_place(live, tmp_path):
    target = tmp_path / "copy.harrier"
    news = outcome(OpenTask(str(live.folder), str(target)))
    assert isinstance(news, Finished)
    assert "1 changes came from the journals" in news.remarks[0]
    assert not target.exists()
    reader = CaptureReader(str(live.folder))
    assert reader.total() == 6
    reader.close()


def test_where_nothing_can_be_written_the_whole_is_saved_elsewhere(live, tmp_path, monkeypatch):
    def refuse(_folder: str) -> None:
        raise UnwritableError("No room.")

    monkeypatch.setattr("proxy_core.capture.repair.repair", refuse)
    target = tmp_path / "copy.harrier"
    before = {each.name: each.read_bytes() for each in live.folder.glob("*.s*")}
    assert isinstance(outcome(OpenTask(str(live.folder), str(target))), Finished)
    reader = CaptureReader(str(target))
    assert reader.total() == 6
    assert reader.read_body(reader.detail(6).response.body) == b"kept"
    reader.close()
    assert {each.name: each.read_bytes() for each in live.folder.glob("*.s*")} == before
    assert sorted(each for each in os.listdir(tmp_path) if not each.startswith("a.")) == ["copy.harrier"]


def test_what_saving_leaves_out_is_told(saved, tmp_path):
    change(saved, "UPDATE exchange SET kind = 99 WHERE id = 2")
    news = outcome(SaveTask(str(saved), str(tmp_path / "again.harrier")))
    assert news == Finished(["1 exchange can't be read, since the capture is damaged."])


ALL = ["/1", "/2", "/3", "/4", "/5", "/journal"]


def saved_paths(path: Path) -> list[str]:
    reader = CaptureReader(str(path))
    try:
        return [row.path for _, row in sorted(reader.rows(list(reader.ids())).items())]
    finally:
        reader.close()


def exported_paths(path: Path) -> list[str]:
    return [
        entry["request"]["url"].partition("shop.test")[2] for entry in json.loads(path.read_bytes())["log"]["entries"]
    ]


def test_what_a_dead_engine_left_in_the_journals_is_saved_while_the_window_reads_on(live, tmp_path):
    target = tmp_path / "b.harrier"
    window = CaptureReader(str(live.folder))
    assert window.total() == 5
    news = outcome(SaveTask(str(live.folder), str(target)))
    assert isinstance(news, Finished)
    assert "1 changes came from the journals" in news.remarks[0]
    assert saved_paths(target) == ALL
    assert window.total() == 6
    window.close()


def test_what_a_dead_engine_left_in_the_journals_is_exported(live, tmp_path):
    target = tmp_path / "b.har"
    assert isinstance(outcome(ExportTask(str(live.folder), str(target))), Finished)
    assert exported_paths(target) == ALL


def test_what_was_cleared_is_left_out_and_what_the_journals_hold_is_not(live, tmp_path):
    left_out = LeftOut(3, frozenset({2}))
    assert isinstance(outcome(SaveTask(str(live.folder), str(tmp_path / "b.harrier"), None, left_out)), Finished)
    assert saved_paths(tmp_path / "b.harrier") == ["/2", "/4", "/5", "/journal"]
    assert isinstance(outcome(ExportTask(str(live.folder), str(tmp_path / "b.har"), None, left_out)), Finished)
    assert exported_paths(tmp_path / "b.har") == ["/2", "/4", "/5", "/journal"]


@pytest.mark.parametrize("chosen", [{"ids": [2, 4]}, {"left_out": LeftOut(1)}])
def test_who_chose_by_number_gets_none_of_an_index_made_anew(live, tmp_path, chosen):
    """Of a damaged index the numbers that can still be read stand; those made from the journals mean other exchanges."""
    index = live.folder / "index.sqlite"
    change(index, "DELETE FROM exchange WHERE id IN (1, 5)")
    change(index, "UPDATE progress SET offset = -1")
    news = outcome(SaveTask(str(live.folder), str(tmp_path / "b.harrier"), **chosen))
    assert isinstance(news, Finished)
    assert "can't be repaired" in news.remarks[0]
    assert saved_paths(tmp_path / "b.harrier") == (["/2", "/4"] if "ids" in chosen else ["/2", "/3", "/4"])
    assert isinstance(outcome(SaveTask(str(live.folder), str(tmp_path / "all.harrier"))), Finished)
    assert saved_paths(tmp_path / "all.harrier") == ALL


def test_a_capture_whose_engine_lives_is_not_touched_and_what_is_missing_is_told(live, tmp_path, monkeypatch):
    monkeypatch.setattr("proxy_core.capture.backlog.CATCHING_UP_S", 0.0)

    def contents() -> list[bytes]:
        files = [live.folder / "index.sqlite", *sorted(live.folder.glob("*.seg"))]  # whoever reads makes a WAL beside
        return [each.read_bytes() for each in files]

    lock = CaptureLock(str(live.folder))
    try:
        before = contents()
        news = outcome(SaveTask(str(live.folder), str(tmp_path / "b.harrier")))
        assert news == Finished(
            ["Not there yet: 1 change that lies in the journals, which the recording has not taken in."]
        )
        assert saved_paths(tmp_path / "b.harrier") == ALL[:5]
        assert contents() == before
    finally:
        lock.release()
