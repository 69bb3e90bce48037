"""A file job has one ending, and however it ends, no half file is left."""

import multiprocessing
import os
import signal

import pytest
from PySide6.QtCore import QObject

from app.files.background_job import BackgroundJob
from proxy_core.partial_file import partial_path
from proxy_core.tasks.task import ImportTask

WAIT_MS = 30_000


def process():
    """The one of the job."""
    (found,) = (each for each in multiprocessing.active_children() if each.name == "harrier-file-job")
    return found


@pytest.fixture
def job(qtbot, tmp_path):
    """The import of a file that takes minutes, which has begun to write."""
    source = tmp_path / "long.har"
    with open(source, "wb") as file:
        file.write(b'{"log": {"entries": [{"request": "')
        file.truncate(1 << 36)  # a hole takes no place
    parent = QObject()
    target = str(tmp_path / "out" / "a.harrier")
    os.mkdir(os.path.dirname(target))
    running = BackgroundJob(ImportTask(str(source), target), parent)
    with qtbot.waitSignal(running.progressed, timeout=WAIT_MS):
        pass
    assert os.path.exists(partial_path(target, process().pid))
    yield running
    running.end()
    assert os.listdir(os.path.dirname(target)) == []


def test_cancelled(qtbot, job):
    with qtbot.waitSignal(job.cancelled, timeout=WAIT_MS):
        job.cancel()


def test_ended_with_the_window(job):
    job.end()


@pytest.mark.parametrize("number", [signal.SIGTERM, getattr(signal, "SIGKILL", signal.SIGTERM)])
def test_killed(qtbot, job, number):
    with qtbot.waitSignal(job.failed, timeout=WAIT_MS):
        os.kill(process().pid, number)


def test_that_says_what_is_no_news(qtbot, job, monkeypatch, capsys):
    def garbled(_data: bytes) -> None:
        raise UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte")

    with qtbot.waitSignal(job.failed, timeout=WAIT_MS) as failed:
        monkeypatch.setattr("app.files.background_job.decode_news", garbled)
    assert "can't be heard" in failed.args[0]
    assert "UnicodeDecodeError" in capsys.readouterr().err
