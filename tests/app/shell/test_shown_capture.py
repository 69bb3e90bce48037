"""Which capture is shown, and how many it is said to hold; with a live capture, and without an engine."""

import pytest
from PySide6.QtWidgets import QAbstractButton

from app.list.exchange_model import ExchangeModel
from app.look.notices import NoticeStack
from app.shell.clearing import Clearing
from app.shell.engine_state import EngineState
from app.shell.shown_capture import ShownCapture
from proxy_core.capture import message_search
from proxy_core.capture.left_out import LeftOut
from proxy_core.model.filter import parse_filter
from proxy_core.model.notice import CaptureCleared, ClearedForgotten, EngineStarted, RowsChanged
from tests.support.captures import LiveCapture, Sample
from tests.support.silent_engine import silent_bridge


class Desk:
    """The parts around the capture that is shown. What the controller does with what an engine tells is done here."""

    def __init__(self, live: LiveCapture) -> None:
        self.live = live
        self.bridge, self.engine = silent_bridge()
        self.notices = NoticeStack()
        self.model = ExchangeModel()
        self.state = EngineState(is_recording=True)
        self.clearing = Clearing(self.bridge, self.notices, self.notices)
        self.shown = ShownCapture(self.model, self.state, self.clearing, self.notices)
        self.news: list[str] = []
        self.shown.about_to_change.connect(lambda: self.news.append("about to change"))
        self.shown.changed.connect(lambda: self.news.append("changed"))

    def start(self, folder: str = "") -> None:
        folder = folder or str(self.live.folder)
        self.state.started(EngineStarted("127.0.0.1", 8080, 8080, folder, "ca.pem", "CA", "AB:CD", "x", 1))
        self.shown.engine_started()

    def arrive(self, *samples: Sample) -> None:
        ids = self.live.add(*samples)
        writer = self.live.writer
        notice = RowsChanged(1, [], ids[0], ids[-1], ids[0], ids[-1], writer.total, writer.failed, 7)
        self.state.totals.told(notice)
        self.shown.rows_changed(notice)

    def clear(self) -> None:
        cleared = self.live.writer.clear()
        left_out = cleared.left_out
        self.bridge.cleared.emit(CaptureCleared(left_out.upto_id, list(left_out.kept), cleared.total))

    def paths(self) -> list[str]:
        rows = [self.model.exchange_at(row) for row in range(self.model.rowCount())]
        return [row.path for row in rows if row is not None]


@pytest.fixture
def desk(tmp_path, qtbot):
    live = LiveCapture(tmp_path / "live.live")
    desk = Desk(live)
    qtbot.addWidget(desk.notices)
    yield desk
    desk.model.close()
    desk.bridge.stop()
    live.close()


@pytest.fixture
def file(tmp_path):
    """A capture of two exchanges, closed."""
    capture = LiveCapture(tmp_path / "file.live", series=2)
    capture.add(Sample("/one"), Sample("/two"))
    return capture.close()


def shows(desk: Desk, qtbot, *paths: str) -> None:
    qtbot.waitUntil(lambda: not desk.model.is_busy and desk.paths() == list(paths), timeout=10_000)


def press(desk: Desk, text: str) -> None:
    next(each for each in desk.notices.findChildren(QAbstractButton) if each.text() == text).click()


def test_before_there_is_an_engine_nothing_is_shown(desk):
    desk.shown.show_live()
    desk.shown.back_to_live()
    assert (desk.shown.path, desk.shown.is_file, desk.shown.title, desk.shown.stem) == ("", False, "", "capture")
    assert desk.shown.totals.total == 0
    assert desk.shown.left_out is None
    assert desk.news == []


def test_the_live_capture_goes_on_while_a_file_is_looked_at(desk, qtbot, file):
    desk.start()
    desk.arrive(Sample("/a"))
    shows(desk, qtbot, "/a")
    desk.news.clear()
    desk.shown.show_file(file, "shop 12:30.harrier")
    assert desk.news == ["about to change", "changed"]
    assert (desk.shown.path, desk.shown.is_file, desk.shown.stem) == (file, True, "shop 12.30")
    shows(desk, qtbot, "/one", "/two")
    assert (desk.shown.totals.total, desk.shown.totals.recorded_bytes) == (2, 0)
    desk.arrive(Sample("/b"), Sample("/c"))
    shows(desk, qtbot, "/one", "/two")
    assert desk.shown.totals.total == 2
    press(desk, "Back to Live")
    assert not desk.shown.is_file
    assert desk.shown.totals.total == 3  # known before it is listed
    shows(desk, qtbot, "/a", "/b", "/c")
    assert "viewing" not in desk.notices.texts()


def test_another_engine_does_not_take_a_file_away(desk, qtbot, file):
    desk.start()
    desk.shown.show_file(file, "a.har")
    desk.start()
    assert (desk.shown.is_file, desk.shown.stem) == (True, "a")
    shows(desk, qtbot, "/one", "/two")


def test_what_cannot_be_read_leaves_what_is_shown_and_its_selection(desk, qtbot, tmp_path):
    desk.start()
    desk.arrive(Sample("/a"))
    shows(desk, qtbot, "/a")
    desk.news.clear()
    (tmp_path / "bad.harrier").write_bytes(b"no capture")
    desk.shown.show_file(str(tmp_path / "bad.harrier"), "bad.harrier")
    assert desk.news == []
    assert not desk.shown.is_file
    assert "bad.harrier" in desk.notices.texts()["capture"]
    shows(desk, qtbot, "/a")


def test_another_engine_whose_capture_cannot_be_read_leaves_the_old_one_with_its_rows(desk, qtbot, tmp_path):
    desk.start()
    desk.arrive(Sample("/a"))
    shows(desk, qtbot, "/a")
    before = desk.shown.path
    desk.start(str(tmp_path / "next.live"))
    assert desk.shown.path == before  # whose rows the list still has: a body is looked for there
    assert "next.live" in desk.notices.texts()["capture"]
    following = LiveCapture(tmp_path / "next.live", series=2)
    desk.live.close()
    desk.live = following
    desk.arrive(Sample("/b"))  # now it can be read
    shows(desk, qtbot, "/b")
    assert desk.shown.path == str(following.folder)
    assert "capture" not in desk.notices.texts()


def test_what_was_cleared_is_not_among_all(desk, qtbot, file):
    desk.start()
    desk.arrive(Sample("/a"), Sample("/b"))
    shows(desk, qtbot, "/a", "/b")
    assert desk.shown.left_out is None
    desk.clear()
    assert desk.shown.totals.total == 0
    assert desk.news[-2:] == ["about to change", "changed"]
    shows(desk, qtbot)
    desk.arrive(Sample("/c"))
    shows(desk, qtbot, "/c")
    assert desk.shown.left_out == LeftOut(2, frozenset())
    desk.shown.show_file(file, "file")
    assert desk.shown.left_out is None
    shows(desk, qtbot, "/one", "/two")
    desk.shown.back_to_live()
    shows(desk, qtbot, "/c")
    assert desk.shown.left_out == LeftOut(2, frozenset())
    desk.bridge.cleared_forgotten.emit(ClearedForgotten(2))
    assert desk.shown.left_out is None


def test_what_is_cleared_while_a_file_is_shown_touches_the_file_not(desk, qtbot, file):
    desk.start()
    desk.arrive(Sample("/a"))
    desk.shown.show_file(file, "file")
    shows(desk, qtbot, "/one", "/two")
    desk.news.clear()
    desk.clear()
    assert desk.news == []
    assert (desk.shown.totals.total, desk.state.totals.total) == (2, 0)
    shows(desk, qtbot, "/one", "/two")
    desk.shown.back_to_live()
    shows(desk, qtbot)


def test_messages_that_there_was_no_time_for_are_searched_when_it_is_wished(desk, qtbot, monkeypatch):
    chat = [(0, 1, 0, b"hay", ())] * 150
    desk.live.add(*[Sample(kind=2, messages=chat)] * 3, Sample("/found", kind=2, messages=[(0, 1, 0, b"needle", ())]))
    desk.start()
    qtbot.waitUntil(lambda: len(desk.paths()) == 4)
    monkeypatch.setattr(message_search, "SEARCHED_S", 0.0)
    desk.model.set_filter(desk.model.query._replace(filter=parse_filter("messages:needle")))
    qtbot.waitUntil(lambda: not desk.model.is_busy and desk.paths() == [])
    assert "not all of them" in desk.notices.texts()["searched"]
    monkeypatch.setattr(message_search, "SEARCHED_S", 60.0)
    press(desk, "Search On")
    qtbot.waitUntil(lambda: desk.paths() == ["/found"])
    assert "searched" not in desk.notices.texts()
