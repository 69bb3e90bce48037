"""A click on a row: the inspector shows it, and nothing reads again what the list has read to paint it."""

import threading
from collections import Counter

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton

from app.inspector.inspector import Inspector
from app.list.exchange_model import ExchangeModel
from app.list.row_cache import BLOCK
from app.shell.inspection_control import Inspection
from app.shell.list_actions import ListActions
from app.shell.main_window import MainWindow
from proxy_core.capture.reader import CaptureReader
from proxy_core.model.exchange import ExchangeState
from proxy_core.model.message_record import MessageKind
from tests.support.captures import LiveCapture, Sample
from tests.support.live_feed import LiveFeed


class Reads:
    """Counts what this thread reads of which exchange. Bodies and questions are read by others."""

    def __init__(self, monkeypatch) -> None:
        self.rows: Counter[int] = Counter()
        self.details: Counter[int] = Counter()
        self.connections = 0
        rows, detail, connection = CaptureReader.rows, CaptureReader.detail, CaptureReader.connection
        here = threading.get_ident()

        def count_rows(reader, ids, damaged=None):
            self.rows.update(ids if threading.get_ident() == here else ())
            return rows(reader, ids, damaged)

        def count_detail(reader, exchange_id):
            self.details.update([exchange_id] if threading.get_ident() == here else ())
            return detail(reader, exchange_id)

        def count_connection(reader, key):
            self.connections += threading.get_ident() == here
            return connection(reader, key)

        monkeypatch.setattr(CaptureReader, "rows", count_rows)
        monkeypatch.setattr(CaptureReader, "detail", count_detail)
        monkeypatch.setattr(CaptureReader, "connection", count_connection)


class Desk:
    """List, inspector and what joins them, over a live capture that grows."""

    def __init__(self, capture: LiveCapture) -> None:
        self.model = ExchangeModel()
        self.inspector = Inspector()
        self.window = MainWindow(self.model, self.inspector)
        self.actions = ListActions(self.window, self.model)
        self.inspection = Inspection(self.window, self.model, self.inspector)
        self.feed = LiveFeed(capture, self.model)
        self.inspector.set_reader(self.model.reader)

    def click(self, row: int) -> None:
        view = self.window.list
        place = QPoint(60, round((row + 0.5) * view.painter.row_height) - view.verticalHeader().offset())
        QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=place)


@pytest.fixture
def desk(tmp_path, qtbot):
    capture = LiveCapture(tmp_path / "a.live")
    capture.add_connections()
    desk = Desk(capture)
    qtbot.addWidget(desk.window)
    desk.window.resize(1200, 800)
    desk.window.show()
    qtbot.waitExposed(desk.window)
    yield desk
    desk.inspector.set_reader(None)
    desk.model.close()
    capture.close()


def listed(desk: Desk, qtbot, count: int, *, tells_rows: bool = False) -> list[int]:
    ids = desk.feed.arrive(*(Sample(f"/{number}") for number in range(count)), tells_rows=tells_rows)
    qtbot.waitUntil(lambda: desk.model.rowCount() == count and desk.feed.is_settled, timeout=10_000)
    desk.window.list.viewport().repaint()
    return ids


@pytest.mark.parametrize("tells_rows", [True, False])
def test_a_click_on_a_painted_row_reads_what_is_not_painted_and_once(desk, qtbot, monkeypatch, tells_rows):
    ids = listed(desk, qtbot, 5, tells_rows=tells_rows)
    reads = Reads(monkeypatch)
    desk.click(2)
    qtbot.waitUntil(desk.inspector.response.isVisible, timeout=10_000)
    QTest.qWait(0)
    desk.window.list.viewport().repaint()
    desk.actions.enable()
    assert desk.window.list.current_id == ids[2]
    assert not reads.rows
    assert reads.details == Counter([ids[2]])
    assert reads.connections == 2


def test_a_row_that_nobody_has_painted_is_read_once_with_its_block(desk, qtbot, monkeypatch):
    ids = listed(desk, qtbot, BLOCK * 5)
    reads = Reads(monkeypatch)
    desk.window.list.select_id(ids[BLOCK * 3])
    QTest.qWait(0)
    desk.window.list.viewport().repaint()
    desk.actions.enable()
    assert reads.rows[ids[BLOCK * 3]] == 1
    assert reads.details == Counter([ids[BLOCK * 3]])


def test_an_exchange_that_changes_is_read_anew_once_and_one_that_does_not_is_not(desk, qtbot, monkeypatch):
    keys = (desk.feed.key(1), desk.feed.key(2))
    first, second = desk.feed.arrive(Sample("/a", state=ExchangeState.WAITING, status=None), Sample("/b"), keys=keys)
    qtbot.waitUntil(lambda: desk.model.rowCount() == 2 and desk.feed.is_settled, timeout=10_000)
    desk.window.list.select_id(first)
    reads = Reads(monkeypatch)
    desk.feed.arrive(Sample("/b", status=404), keys=keys[1:])
    assert not reads.details
    desk.feed.arrive(Sample("/a"), Sample("/b"), keys=keys)
    assert not reads.rows
    assert reads.details == Counter([first])
    assert second not in reads.details


def test_saving_takes_the_row_that_the_inspector_shows(desk, qtbot, monkeypatch):
    desk.feed.arrive(Sample(response_body=b"all of it"))
    qtbot.waitUntil(lambda: desk.model.rowCount() == 1 and desk.feed.is_settled, timeout=10_000)
    desk.click(0)
    qtbot.waitUntil(lambda: desk.inspector.response.body.content is not None, timeout=10_000)
    reads = Reads(monkeypatch)
    save = next(
        each for each in desk.inspector.findChildren(QAbstractButton) if "Save the body" in each.accessibleName()
    )
    with qtbot.waitSignal(desk.inspector.save_body_wanted) as wanted:
        save.click()
    row, message, decoded = wanted.args
    assert (row, message, decoded) == (desk.model.exchange_at(0), MessageKind.RESPONSE, False)
    assert not reads.rows
