"""Faults inside Harrier as the window tells them: whatever thread caught them, with a way to the log."""

import threading

import pytest
from PySide6.QtGui import QDesktopServices

from app.look.notices import NoticeStack
from app.shell.fault_news import FaultNews, open_log
from proxy_core.fault_log import FaultLog
from tests.support.screen import button


@pytest.fixture
def opened(monkeypatch) -> list[str]:
    """What the system was asked to show."""
    paths: list[str] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: paths.append(url.toLocalFile()) or True)
    return paths


@pytest.fixture
def notices(qtbot) -> NoticeStack:
    stack = NoticeStack()
    qtbot.addWidget(stack)
    return stack


def test_a_fault_in_any_thread_is_told_and_leads_to_the_log(qtbot, tmp_path, notices, opened):
    log = FaultLog(str(tmp_path / "harrier.log"), "window")
    FaultNews(log, notices)
    thread = threading.Thread(target=log.caught, args=("a thread", KeyError("gone")))
    thread.start()
    thread.join()
    qtbot.waitUntil(lambda: "fault" in notices.texts())
    button(notices, "Open Log").click()
    assert opened == [str(tmp_path / "harrier.log")]
    assert "KeyError: 'gone'" in (tmp_path / "harrier.log").read_text()


def test_without_a_fault_there_is_no_log_to_be_opened(tmp_path, notices, opened):
    open_log(str(tmp_path / "harrier.log"), notices)
    assert opened == []
    assert "nothing has gone wrong" in notices.texts()["log"]
