"""The window with a real engine: what goes through the proxy is listed, filtered, inspected, exported and reopened."""

import contextlib
import http.client
import json
import os
import socket
import ssl
import sys
import threading
from pathlib import Path

import certifi
import pytest
from PySide6.QtCore import QAbstractItemModel, Qt, QTimer
from PySide6.QtTest import QAbstractItemModelTester, QTest
from PySide6.QtWidgets import QAbstractButton, QApplication, QLineEdit

from app.look.theme import Scheme, Theme
from app.preferences import Preferences
from app.shell.actions import ACTIONS
from app.shell.clearing import WAY_BACK_MS
from app.shell.emptiness import Emptiness, why_empty
from app.shell.engine_bridge import EngineBridge
from app.shell.window_controller import WindowController
from proxy_core.capture.left_out import LeftOut
from proxy_core.capture.reader import CaptureReader
from proxy_core.control import EngineControl
from proxy_core.home import open_home
from proxy_core.model.exchange import ExchangeState
from proxy_core.model.notice import Notice, RecordingChanged, Remark, RowsChanged, WorkerChanged
from proxy_core.model.settings import Settings
from tests.support.captures import LiveCapture, Sample
from tests.support.demonstration_site import DemonstrationSite
from tests.support.har_validation import check_har
from tests.support.screen import button, texts

WAIT_MS = 60_000
UNANSWERED = {"status": None, "state": ExchangeState.FAILED, "failure": "dns_error"}


@pytest.fixture(scope="module")
def site():
    with DemonstrationSite() as running:
        yield running


@pytest.fixture(scope="module")
def theme(qapp):
    return Theme(qapp, Scheme.LIGHT)


class Engine(EngineControl):
    """A real one, which can be killed, and to which words can be added."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[Notice] = []

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()

    def poll(self) -> list[Notice]:
        said, self.said = self.said, []
        return [*super().poll(), *said]


ENGINES: dict[WindowController, Engine] = {}


@pytest.fixture
def open_window(qtbot, tmp_path, theme):
    """Opens windows on one home, each with an engine of its own."""
    opened = []

    def make(listen_port: int = 0, workers: int = 1, listen_host: str = "127.0.0.1") -> WindowController:
        home = open_home(str(tmp_path / "home"))
        settings = Settings(listen_host=listen_host, listen_port=listen_port, workers=workers)
        engine = Engine()
        bridge = EngineBridge(engine, home.path)
        bridge.start(settings)
        controller = WindowController(home, Preferences(), settings, bridge, theme)
        ENGINES[controller] = engine
        opened.append(controller)
        controller.window.show()
        qtbot.waitUntil(lambda: controller.engine.engine is not None or not bridge.is_running, timeout=WAIT_MS)
        return controller

    yield make
    for controller in opened:
        controller.close()
        controller.window.deleteLater()
    ENGINES.clear()


def get(controller: WindowController, url: str) -> bytes:
    live = controller.engine.engine
    assert live is not None
    link = http.client.HTTPConnection("127.0.0.1", live.port, timeout=20)
    link.request("GET", url)
    body = link.getresponse().read()
    link.close()
    return body


def shown_paths(controller: WindowController) -> list[str]:
    model = controller.model
    rows = [model.exchange_at(row) for row in range(model.rowCount())]
    return [row.path for row in rows if row is not None]


def is_over(controller: WindowController) -> bool:
    """Whether the first exchange of the list is told to its end."""
    row = controller.model.exchange_at(0)
    return row is not None and row.state >= ExchangeState.COMPLETE


def write_filter(controller: WindowController, text: str) -> None:
    field = controller.window.filter_bar.field
    field.clear()
    QTest.keyClicks(field, text)
    QTest.keyClick(field, Qt.Key.Key_Return)


def test_what_goes_through_is_listed_and_the_model_keeps_its_word(open_window, qtbot, site):
    controller = open_window()
    assert why_empty(controller.situation()) is Emptiness.FIRST_MINUTE
    tester = QAbstractItemModelTester(controller.model, QAbstractItemModelTester.FailureReportingMode.Fatal)
    for path in ("/style.css", "/api/wares", "/status/404"):
        get(controller, f"{site.http_url}{path}")
    qtbot.waitUntil(lambda: shown_paths(controller) == ["/style.css", "/api/wares", "/status/404"], timeout=WAIT_MS)
    write_filter(controller, "status:404")
    qtbot.waitUntil(lambda: shown_paths(controller) == ["/status/404"], timeout=WAIT_MS)
    controller.model.sort(0, Qt.SortOrder.DescendingOrder)
    write_filter(controller, "-status:404")
    qtbot.waitUntil(lambda: shown_paths(controller) == ["/api/wares", "/style.css"], timeout=WAIT_MS)
    get(controller, f"{site.http_url}/shop.js")
    qtbot.waitUntil(lambda: shown_paths(controller)[:1] == ["/shop.js"], timeout=WAIT_MS)
    controller.window.action("clear").trigger()
    qtbot.waitUntil(lambda: controller.model.rowCount() == 0, timeout=WAIT_MS)
    del tester


def captured_paths(controller: WindowController) -> list[str]:
    """What the capture on the disk holds."""
    assert controller.engine.engine is not None
    reader = CaptureReader(controller.engine.capture_path)
    try:
        return [row.path for _, row in sorted(reader.rows(list(reader.ids())).items())]
    finally:
        reader.close()


def press_notice_button(controller: WindowController, text: str) -> None:
    button(controller.window.notices, text).click()


def test_clearing_can_be_undone(open_window, qtbot, site):
    controller = open_window()
    for path in ("/style.css", "/api/wares"):
        get(controller, f"{site.http_url}{path}")
    qtbot.waitUntil(lambda: controller.model.rowCount() == 2, timeout=WAIT_MS)
    controller.window.action("clear").trigger()
    qtbot.waitUntil(lambda: "2 exchanges cleared." in texts(controller.window.notices), timeout=WAIT_MS)
    qtbot.waitUntil(lambda: controller.model.rowCount() == 0, timeout=WAIT_MS)
    get(controller, f"{site.http_url}/shop.js")
    qtbot.waitUntil(lambda: shown_paths(controller) == ["/shop.js"], timeout=WAIT_MS)
    qtbot.waitUntil(lambda: controller.shown.totals.total == 1, timeout=WAIT_MS)
    assert controller.shown.left_out == LeftOut(2, frozenset())  # what would not be saved
    write_filter(controller, "-path:none")
    qtbot.waitUntil(lambda: shown_paths(controller) == ["/shop.js"] and not controller.model.is_busy, timeout=WAIT_MS)
    write_filter(controller, "")
    press_notice_button(controller, "Undo")
    qtbot.waitUntil(lambda: shown_paths(controller) == ["/style.css", "/api/wares", "/shop.js"], timeout=WAIT_MS)
    qtbot.waitUntil(lambda: controller.shown.totals.total == 3, timeout=WAIT_MS)
    assert "cleared" not in controller.window.notices.texts()
    assert controller.shown.left_out is None
    assert captured_paths(controller) == ["/style.css", "/api/wares", "/shop.js"]


@pytest.mark.parametrize("ends", ["time", "closed", "again", "window"])
def test_what_was_cleared_is_deleted_when_the_way_back_ends(open_window, qtbot, site, ends):
    controller = open_window()
    get(controller, f"{site.http_url}/style.css")
    qtbot.waitUntil(lambda: controller.model.rowCount() == 1, timeout=WAIT_MS)
    controller.window.action("clear").trigger()
    qtbot.waitUntil(lambda: "cleared" in controller.window.notices.texts(), timeout=WAIT_MS)
    get(controller, f"{site.http_url}/shop.js")
    qtbot.waitUntil(lambda: shown_paths(controller) == ["/shop.js"], timeout=WAIT_MS)
    assert captured_paths(controller) == ["/style.css", "/shop.js"]
    match ends:
        case "time":
            timers = controller.clearing.findChildren(QTimer)
            next(each for each in timers if each.interval() == WAY_BACK_MS).setInterval(0)
        case "closed":
            press_notice_button(controller, "Close this notice")
        case "again":
            controller.window.action("clear").trigger()
        case "window":
            controller.close()
            assert captured_paths(controller) == ["/shop.js"]
            return
    qtbot.waitUntil(lambda: captured_paths(controller) == ["/shop.js"], timeout=WAIT_MS)
    if ends != "again":
        assert shown_paths(controller) == ["/shop.js"]
        assert "cleared" not in controller.window.notices.texts()
        qtbot.waitUntil(lambda: controller.shown.left_out is None, timeout=WAIT_MS)


def test_bodies_stay_as_long_as_there_is_a_way_back_and_go_then(open_window, qtbot, site):
    controller = open_window()
    huge = get(controller, f"{site.http_url}/huge?bytes=600000")
    qtbot.waitUntil(lambda: controller.model.rowCount() == 1, timeout=WAIT_MS)
    live = controller.engine.engine
    assert live is not None

    def body_of(exchange_id: int) -> bytes:
        reader = CaptureReader(live.capture_path)
        try:
            detail = reader.detail(exchange_id)
            assert detail is not None
            return reader.read_body(detail.response.body)
        finally:
            reader.close()

    def size() -> int:
        return sum(entry.stat().st_size for entry in os.scandir(live.capture_path) if entry.name.endswith(".seg"))

    def clear(how_many: int) -> None:
        controller.window.action("clear").trigger()
        text = f"{how_many} exchange{'s' * (how_many > 1)} cleared."
        qtbot.waitUntil(lambda: text in texts(controller.window.notices), timeout=WAIT_MS)

    clear(1)
    style = get(controller, f"{site.http_url}/style.css")
    qtbot.waitUntil(lambda: shown_paths(controller) == ["/style.css"], timeout=WAIT_MS)
    press_notice_button(controller, "Undo")
    qtbot.waitUntil(lambda: len(shown_paths(controller)) == 2, timeout=WAIT_MS)
    assert (body_of(1), body_of(2)) == (huge, style)
    clear(2)
    script = get(controller, f"{site.http_url}/shop.js")
    qtbot.waitUntil(lambda: shown_paths(controller) == ["/shop.js"], timeout=WAIT_MS)
    assert size() > len(huge)
    controller.clearing.give_up()
    qtbot.waitUntil(lambda: size() < len(huge), timeout=WAIT_MS)
    assert body_of(3) == script


def test_what_was_cleared_comes_back_when_the_engine_has_died(open_window, qtbot, site):
    controller = open_window()
    get(controller, f"{site.http_url}/style.css")
    qtbot.waitUntil(lambda: controller.model.rowCount() == 1, timeout=WAIT_MS)
    controller.window.action("clear").trigger()
    qtbot.waitUntil(lambda: "cleared" in controller.window.notices.texts(), timeout=WAIT_MS)
    ENGINES[controller].kill()
    qtbot.waitUntil(lambda: "engine" in controller.window.notices.texts(), timeout=WAIT_MS)
    assert shown_paths(controller) == []
    press_notice_button(controller, "Undo")
    qtbot.waitUntil(lambda: shown_paths(controller) == ["/style.css"], timeout=WAIT_MS)


def test_what_was_cleared_stays_out_of_sight_when_a_file_was_looked_at_meanwhile(open_window, qtbot, site, tmp_path):
    controller = open_window()
    get(controller, f"{site.http_url}/style.css")
    qtbot.waitUntil(lambda: controller.model.rowCount() == 1, timeout=WAIT_MS)
    other = LiveCapture(tmp_path / "other.live")
    other.add(Sample("/from-a-file"))
    controller.window.action("clear").trigger()
    qtbot.waitUntil(lambda: "cleared" in controller.window.notices.texts(), timeout=WAIT_MS)
    controller.shown.show_file(other.close(), "other")
    qtbot.waitUntil(lambda: shown_paths(controller) == ["/from-a-file"], timeout=WAIT_MS)
    controller.window.action("back_to_live").trigger()
    qtbot.waitUntil(lambda: not controller.shown.is_file and not controller.model.is_busy, timeout=WAIT_MS)
    assert shown_paths(controller) == []


def test_the_key_that_clears_is_one_of_the_list(open_window):
    spec = next(each for each in ACTIONS if each.key == "clear")
    assert spec.is_of_list
    action = open_window().window.action("clear")
    assert action.shortcutContext() == Qt.ShortcutContext.WidgetWithChildrenShortcut


def test_an_empty_list_says_why_it_is_empty_at_all_times(open_window, qtbot, site):
    controller = open_window()
    empty = controller.window.empty_state

    def says(why: Emptiness) -> bool:
        return empty.isVisible() and empty.why is why

    assert says(Emptiness.FIRST_MINUTE)
    write_filter(controller, "status:500")
    for path in ("/style.css", "/api/wares", "/shop.js"):
        get(controller, f"{site.http_url}{path}")
    qtbot.waitUntil(lambda: controller.shown.totals.total == 3, timeout=WAIT_MS)
    qtbot.waitUntil(lambda: says(Emptiness.FILTERED), timeout=WAIT_MS)
    controller.window.action("clear_filter").trigger()
    qtbot.waitUntil(lambda: controller.model.rowCount() == 3 and controller.window.list.isVisible())
    controller.window.action("clear").trigger()
    qtbot.waitUntil(lambda: says(Emptiness.CLEARED), timeout=WAIT_MS)
    controller.window.action("record").trigger()
    qtbot.waitUntil(lambda: says(Emptiness.PAUSED), timeout=WAIT_MS)
    write_filter(controller, "status:500")
    assert says(Emptiness.PAUSED)


def test_how_many_are_selected_is_said_right_at_all_times(open_window, qtbot, site):
    controller = open_window()

    def said() -> list[str]:
        return [text for text in texts(controller.window.status_bar) if "selected" in text]

    for path in ("/style.css", "/api/wares", "/shop.js"):
        get(controller, f"{site.http_url}{path}")
    qtbot.waitUntil(lambda: controller.model.rowCount() == 3, timeout=WAIT_MS)
    controller.window.action("select_all").trigger()
    assert said() == ["3 selected"]
    get(controller, f"{site.http_url}/shop.js")
    qtbot.waitUntil(lambda: controller.model.rowCount() == 4, timeout=WAIT_MS)
    assert said() == ["3 selected"]
    write_filter(controller, "path:/s")
    qtbot.waitUntil(lambda: controller.model.rowCount() == 3, timeout=WAIT_MS)
    assert said() == ["2 selected"]
    controller.bridge.restart(controller.settings.current)
    before = controller.engine.engine
    qtbot.waitUntil(lambda: controller.engine.engine is not before, timeout=WAIT_MS)
    assert said() == []


def test_what_is_no_filter_is_searched_as_text(open_window, qtbot, site):
    controller = open_window()
    for path in ("/style.css", "/api/wares?page=2"):
        get(controller, f"{site.http_url}{path}")
    write_filter(controller, "path:style")
    qtbot.waitUntil(lambda: shown_paths(controller) == ["/style.css"], timeout=WAIT_MS)
    write_filter(controller, "page=2")
    bar = controller.window.filter_bar
    assert "Searched as text" in bar.field.accessibleDescription()
    qtbot.waitUntil(lambda: shown_paths(controller) == ["/api/wares?page=2"], timeout=WAIT_MS)
    write_filter(controller, site.http_url.removeprefix("http://"))
    qtbot.waitUntil(lambda: len(shown_paths(controller)) == 2, timeout=WAIT_MS)


def test_a_selected_exchange_is_inspected_and_leaving_it_closes_the_inspector(open_window, qtbot, site):
    controller = open_window()
    get(controller, f"{site.http_url}/api/wares")
    qtbot.waitUntil(lambda: controller.model.rowCount() == 1, timeout=WAIT_MS)
    controller.window.list.setFocus()
    QTest.keyClick(controller.window.list, Qt.Key.Key_Down)
    inspector = controller.inspector
    qtbot.waitUntil(inspector.isVisible, timeout=WAIT_MS)
    qtbot.waitUntil(lambda: inspector.response.body.content is not None, timeout=WAIT_MS)
    assert b"Marsh" in inspector.response.body.content.data
    QTest.keyClick(inspector, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: not inspector.isVisible(), timeout=WAIT_MS)


def test_the_capture_is_exported_saved_and_reopened(open_window, qtbot, site, tmp_path, monkeypatch):
    controller = open_window()
    for path in ("/api/wares", "/picture/1.png"):
        get(controller, f"{site.http_url}{path}")
    qtbot.waitUntil(lambda: controller.model.rowCount() == 2, timeout=WAIT_MS)
    for action, name in (("export_all", "a.har"), ("save", "a.harrier")):
        monkeypatch.setattr("app.files.capture_files.ask_save", lambda *_args, name=name: str(tmp_path / name))
        controller.window.action(action).trigger()
        qtbot.waitUntil((tmp_path / name).exists, timeout=WAIT_MS)
    check_har(tmp_path / "a.har")
    entries = json.loads((tmp_path / "a.har").read_bytes())["log"]["entries"]
    assert [entry["request"]["url"].rpartition("/")[2] for entry in entries] == ["wares", "1.png"]
    get(controller, f"{site.http_url}/style.css")
    for name in ("a.harrier", "a.har"):
        controller.files.open(str(tmp_path / name))
        qtbot.waitUntil(lambda name=name: controller.shown.title == name, timeout=WAIT_MS)
        qtbot.waitUntil(lambda: shown_paths(controller) == ["/api/wares", "/picture/1.png"], timeout=WAIT_MS)
        controller.window.action("back_to_live").trigger()
        qtbot.waitUntil(lambda: len(shown_paths(controller)) == 3, timeout=WAIT_MS)


@pytest.mark.parametrize("named", ["", "index.sqlite"])
def test_a_live_capture_is_opened_by_its_folder_or_its_index_under_its_own_name(open_window, qtbot, tmp_path, named):
    controller = open_window()
    other = LiveCapture(tmp_path / "walk in the marsh.live", series=7)
    other.add(Sample("/indexed"))
    other.journal_only(Sample("/journal"))
    other.close(closed=False)
    controller.files.open(str(other.folder / named))
    qtbot.waitUntil(lambda: controller.shown.title == "walk in the marsh", timeout=WAIT_MS)
    qtbot.waitUntil(lambda: shown_paths(controller) == ["/indexed", "/journal"], timeout=WAIT_MS)
    told = texts(controller.window.notices)
    assert "Viewing walk in the marsh. The live capture goes on meanwhile." in told


@pytest.mark.parametrize("name", ["a.har", "a.harrier"])
def test_a_damaged_file_is_told_in_a_bar(open_window, qtbot, tmp_path, name):
    controller = open_window()
    path = tmp_path / name
    path.write_bytes(b"{\x00 not what it says")
    controller.files.open(str(path))
    notices = controller.window.notices
    qtbot.waitUntil(lambda: name in " ".join(texts(notices)), timeout=WAIT_MS)
    qtbot.waitUntil(lambda: "Opening" not in " ".join(texts(notices)), timeout=WAIT_MS)
    assert not controller.shown.is_file


def test_pausing_lets_traffic_through_unrecorded(open_window, qtbot, site):
    controller = open_window()
    controller.window.action("record").trigger()
    qtbot.waitUntil(lambda: not controller.engine.is_recording, timeout=WAIT_MS)
    assert get(controller, f"{site.http_url}/style.css")
    controller.window.action("record").trigger()
    qtbot.waitUntil(lambda: controller.engine.is_recording, timeout=WAIT_MS)
    get(controller, f"{site.http_url}/shop.js")
    qtbot.waitUntil(lambda: shown_paths(controller) == ["/shop.js"], timeout=WAIT_MS)


def test_a_dead_engine_is_told_and_restarted_with_one_click(open_window, qtbot, site):
    controller = open_window()
    get(controller, f"{site.http_url}/style.css")
    qtbot.waitUntil(lambda: controller.model.rowCount() == 1, timeout=WAIT_MS)
    ENGINES[controller].kill()
    notices = controller.window.notices
    qtbot.waitUntil(lambda: "ended unexpectedly" in " ".join(texts(notices)), timeout=WAIT_MS)
    assert shown_paths(controller) == ["/style.css"]
    before = controller.engine.engine
    press_notice_button(controller, "Restart")
    qtbot.waitUntil(lambda: controller.engine.engine is not before, timeout=WAIT_MS)
    get(controller, f"{site.http_url}/shop.js")
    qtbot.waitUntil(lambda: shown_paths(controller) == ["/shop.js"], timeout=WAIT_MS)


def test_what_saving_a_dead_engine_s_capture_has_found_is_listed(open_window, qtbot, site, tmp_path, monkeypatch):
    controller = open_window()
    get(controller, f"{site.http_url}/style.css")
    qtbot.waitUntil(lambda: controller.model.rowCount() == 1 and is_over(controller), timeout=WAIT_MS)
    controller.window.list.selectRow(0)
    ENGINES[controller].kill()
    qtbot.waitUntil(lambda: not controller.bridge.is_running, timeout=WAIT_MS)
    dead = LiveCapture(Path(controller.engine.capture_path), series=99)
    dead.journal_only(Sample("/only-in-the-journal", **UNANSWERED))
    dead.close(closed=False)
    target = str(tmp_path / "saved.harrier")
    monkeypatch.setattr("app.files.capture_files.ask_save", lambda *_: target)
    controller.window.action("save").trigger()
    qtbot.waitUntil(lambda: os.path.exists(target) and not controller.files._jobs, timeout=WAIT_MS)
    qtbot.waitUntil(lambda: shown_paths(controller) == ["/style.css", "/only-in-the-journal"], timeout=WAIT_MS)
    assert controller.window.list.selected_ids() == [1]
    assert (controller.shown.totals.total, controller.shown.totals.failed) == (2, 1)
    with contextlib.closing(CaptureReader(target)) as reader:
        assert list(reader.ids()) == list(controller.model.all_ids())


def test_an_engine_that_died_under_traffic_leaves_as_many_exchanges_as_the_list_had(open_window, qtbot, site):
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    controller = open_window(port, workers=4)  # the first serves long before the last
    has_ended = threading.Event()

    def ask() -> None:
        while not has_ended.is_set():
            link = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
            with contextlib.suppress(OSError, http.client.HTTPException):
                link.request("GET", f"{site.http_url}/style.css")
                link.getresponse().read()
            link.close()

    askers = [threading.Thread(target=ask) for _ in range(3)]
    for asker in askers:
        asker.start()
    try:
        qtbot.waitUntil(lambda: controller.engine.totals.total > 100, timeout=WAIT_MS)
        ENGINES[controller].kill()
        notices = controller.window.notices
        qtbot.waitUntil(lambda: "ended unexpectedly" in " ".join(texts(notices)), timeout=WAIT_MS)
        total = controller.model.rowCount()
        press_notice_button(controller, "Restart")
        qtbot.waitUntil(lambda: "before the restart" in " ".join(texts(notices)), timeout=WAIT_MS)
        assert f"is kept: at least {total} exchanges." in " ".join(texts(notices))
        qtbot.waitUntil(lambda: controller.model.rowCount() > 10, timeout=WAIT_MS)
    finally:
        has_ended.set()
        for asker in askers:
            asker.join()


def test_closing_removes_a_capture_that_is_empty_and_no_other(open_window, qtbot, site):
    empty, told, untold = open_window(), open_window(), open_window()
    for controller in (told, untold):
        get(controller, f"{site.http_url}/style.css")
        qtbot.waitUntil(lambda controller=controller: controller.model.rowCount() == 1, timeout=WAIT_MS)
    untold.engine.totals.forget()  # as if the engine had died before it could tell
    for controller in (empty, told, untold):
        controller.close()
    assert [os.path.exists(each.engine.capture_path) for each in (empty, told, untold)] == [False, True, True]


def test_a_recording_that_has_ended_is_told_and_another_engine_records_again(open_window, qtbot, site):
    controller = open_window()
    problem = "Recording has ended before its time, traffic goes on unrecorded."
    controller.bridge.recording_changed.emit(RecordingChanged(True, problem, 3, has_ended=True))
    notices = controller.window.notices
    assert f"{problem} 3 exchanges went by unrecorded." in texts(notices)
    assert controller.situation().capture_text() == "Not recording"
    assert button(notices, "Open Log").isEnabled()
    before = controller.engine.engine
    press_notice_button(controller, "Restart")
    qtbot.waitUntil(lambda: controller.engine.engine is not before, timeout=WAIT_MS)
    qtbot.waitUntil(lambda: problem not in " ".join(texts(notices)), timeout=WAIT_MS)
    assert controller.situation().capture_text() == "Capture saved as it comes"
    get(controller, f"{site.http_url}/shop.js")
    qtbot.waitUntil(lambda: shown_paths(controller) == ["/shop.js"], timeout=WAIT_MS)


def test_records_that_could_not_be_read_are_told(open_window):
    controller = open_window()
    sentence = "2 records of what went by could not be read and are kept in /x."
    controller.bridge.rows_changed.emit(RowsChanged(1, [], 0, 0, 0, 0, 0, 0, 0, unread=sentence))
    assert sentence in texts(controller.window.notices)


def test_what_the_engine_remarks_is_told(open_window):
    controller = open_window()
    sentence = "The PAC file http://pac.test/ gives no answer: it took longer than 5 seconds."
    controller.bridge.remarked.emit(Remark(sentence))
    assert sentence in texts(controller.window.notices)


@pytest.mark.parametrize("signal", ["rows_changed", "worker_changed", "recording_changed"])
def test_a_notice_that_cannot_be_shown_costs_that_notice(open_window, qtbot, site, monkeypatch, signal):
    controller = open_window()
    bridge = controller.bridge
    thrown = threading.Event()

    def throw(_notice: object) -> None:
        if not thrown.is_set():
            thrown.set()
            raise RuntimeError("a fault of ours")

    getattr(bridge, signal).connect(throw)
    with qtbot.capture_exceptions() as exceptions:
        if signal != "rows_changed":
            ENGINES[controller].said.append(
                {"worker_changed": WorkerChanged("", 1), "recording_changed": RecordingChanged(True, "", 0)}[signal]
            )
        for name in ("style.css", "shop.js"):
            get(controller, f"{site.http_url}/{name}")
        qtbot.waitUntil(lambda: shown_paths(controller) == ["/style.css", "/shop.js"], timeout=WAIT_MS)
        qtbot.waitUntil(thrown.is_set, timeout=WAIT_MS)
    assert [str(error) for _, error, _ in exceptions] == ["a fault of ours"]


def test_an_address_that_is_not_ours_is_told_in_the_windows_words(open_window, qtbot):
    controller = open_window(listen_host="203.0.113.7")
    notices = controller.window.notices
    qtbot.waitUntil(lambda: "203.0.113.7" in " ".join(texts(notices)), timeout=WAIT_MS)
    assert "--" not in " ".join(texts(notices))
    assert all(button(notices, name).isEnabled() for name in ("Try Again", "Settings"))
    assert controller.window.empty_state.why is Emptiness.NO_ENGINE


def test_the_key_for_the_list_over_an_empty_one_takes_no_keys_from_the_filter_later(open_window, qtbot, site):
    controller = open_window()
    window = controller.window
    window.activateWindow()
    window.action("show_list").trigger()
    assert QApplication.focusWidget() is window.empty_state
    window.filter_bar.field.setFocus()
    get(controller, f"{site.http_url}/style.css")
    qtbot.waitUntil(window.list.isVisible, timeout=WAIT_MS)
    qtbot.waitUntil(lambda: is_over(controller), timeout=WAIT_MS)  # what is told of it later would be looked at again
    assert QApplication.focusWidget() is window.filter_bar.field
    window.action("show_list").trigger()
    assert QApplication.focusWidget() is window.list
    write_filter(controller, "status:500")
    window.action("show_list").trigger()
    qtbot.waitUntil(window.empty_state.isVisible, timeout=WAIT_MS)
    assert QApplication.focusWidget() is window.empty_state
    controller.inspector.closed.emit()
    QTest.keyClick(window.empty_state, Qt.Key.Key_Space)  # meant for the list: presses nothing
    assert window.filter_bar.is_filtering
    QTest.keyClick(window.empty_state, Qt.Key.Key_Tab)
    QTest.keyClick(QApplication.focusWidget(), Qt.Key.Key_Space)
    qtbot.waitUntil(window.list.isVisible, timeout=WAIT_MS)
    assert QApplication.focusWidget() is window.list


def test_everything_that_can_be_used_has_a_name(open_window):
    controller = open_window()
    nameless = [
        widget
        for widget in [
            *controller.window.findChildren(QAbstractButton),
            *controller.window.findChildren(QLineEdit),
        ]
        if not (widget.accessibleName() or widget.text()) and not widget.objectName().startswith("qt_")
    ]
    assert nameless == []


def test_keys_stay_alive_behind_a_menu_that_was_open_over_an_empty_list(open_window, qtbot):
    controller = open_window()
    menu = controller.window.main_menu
    menu.popup(controller.window.mapToGlobal(controller.window.rect().center()))
    assert not controller.window.action("save").isEnabled()
    menu.hide()
    assert controller.window.action("save").isEnabled()


@pytest.mark.skipif(
    sys.version_info >= (3, 12), reason="None and True are immortal, their counts mean nothing (PEP 683)"
)
def test_asking_for_cells_keeps_the_reference_counts_of_singletons(open_window, qtbot, site):
    """PySide6 6.12.0 lost references to None and True, and the process aborted after some hundred thousand cells."""
    controller = open_window()
    get(controller, f"{site.http_url}/style.css")
    qtbot.waitUntil(lambda: controller.model.rowCount() == 1, timeout=WAIT_MS)
    model: QAbstractItemModel = controller.model
    indexes = [model.index(0, column) for column in range(model.columnCount())]
    roles = [Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.DecorationRole]
    before = sys.getrefcount(None), sys.getrefcount(True)
    for _ in range(2000):
        for index in indexes:
            for role in roles:
                model.data(index, role)
    after = sys.getrefcount(None), sys.getrefcount(True)
    assert all(later > earlier - 1000 for earlier, later in zip(before, after, strict=True))
    assert QApplication.instance() is not None


def test_what_is_not_among_the_copied_is_told(qtbot, open_window, site, monkeypatch):
    controller = open_window()
    for path in ("/api/wares", "/"):
        get(controller, f"{site.http_url}{path}")
    qtbot.waitUntil(lambda: controller.model.rowCount() == 2, timeout=WAIT_MS)
    window = controller.window
    window.list.selectAll()
    window.action("copy_curl").trigger()
    assert QApplication.clipboard().text().count(f"curl '{site.http_url}/") == 2
    assert "copied" not in window.notices.texts()
    monkeypatch.setattr("proxy_core.tasks.snippet_text.COPIED_LIMIT", 1)
    window.action("copy_curl").trigger()
    assert QApplication.clipboard().text().count("curl ") == 1
    assert "Of 2 exchanges 1 is not copied" in window.notices.texts()["copied"]
    monkeypatch.setattr("app.shell.list_actions._MOST_COPIED", 1)
    window.action("copy_url").trigger()
    assert QApplication.clipboard().text().count("http") == 1
    assert window.notices.texts()["copied_first"] == "The first 1 of 2 exchanges are copied."
    assert "copied" not in window.notices.texts()


@pytest.mark.parametrize(("host", "is_told"), [("0.0.0.0", True), ("127.0.0.1", False)])
def test_that_the_proxy_is_open_to_everybody_is_said(open_window, host, is_told):
    controller = open_window(listen_host=host)
    told = controller.window.notices.texts().get("open", "")
    assert ("is open to everybody who can reach this computer" in told) is is_told


def refuse_certificate(port: int, name: str) -> None:
    """As a client does that doesn't know Harrier's CA."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as link:
        link.sendall(b"CONNECT %b:443 HTTP/1.1\r\nHost: x\r\n\r\n" % name.encode())
        assert link.recv(1000).startswith(b"HTTP/1.1 200 ")
        context = ssl.create_default_context(cafile=certifi.where())
        with pytest.raises(ssl.SSLCertVerificationError):
            context.wrap_socket(link, server_hostname=name)


def test_a_client_that_keeps_refusing_is_asked_about_and_let_pass(open_window, qtbot):
    controller = open_window()
    live = controller.engine.engine
    assert live is not None
    for _ in range(3):
        refuse_certificate(live.port, "no-such-host.invalid")
    qtbot.waitUntil(lambda: "refusals" in controller.window.notices.texts(), timeout=WAIT_MS)
    button(controller.window.notices, "Leave Undecrypted").click()
    assert controller.settings.current.not_intercepted == ("no-such-host.invalid",)

    def is_left_alone() -> bool:
        with socket.create_connection(("127.0.0.1", live.port), timeout=20) as link:
            link.sendall(b"CONNECT no-such-host.invalid:443 HTTP/1.1\r\nHost: x\r\n\r\n")
            return link.recv(1000).startswith(b"HTTP/1.1 50")  # what is not decrypted is connected to first

    qtbot.waitUntil(is_left_alone, timeout=WAIT_MS)
