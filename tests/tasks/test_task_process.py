"""The job that opens a capture: what it finds out before the window reads, what it makes where nothing can be written."""

import os
import sqlite3
from multiprocessing import Pipe
from pathlib import Path

import pytest

from proxy_core.capture.reader import CaptureReader, UnwritableError
from proxy_core.capture.saver import save_capture
from proxy_core.tasks.task import Failed, FileNews, Finished, OpenTask, Progressed, SaveTask, decode_news
from proxy_core.tasks.task_process import run_task
from tests.support.captures import LiveCapture, Sample


def outcome(task: OpenTask | SaveTask) -> FileNews:
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
