"""What the window does: it joins engine, capture, files, browsers and widgets, and holds which capture is shown.

One window shows one capture: the live one, or a file that was opened; a bar leads back. Everything that is decided from
data alone lies in the Qt-free modules; here is only who tells whom.
"""

from collections.abc import Callable

import msgspec
from PySide6.QtCore import QObject, QTimer

from app.exchange_text import count_text, exchanges_text
from app.files.capture_files import CaptureFiles, moment_text
from app.files.recent_menu import fill_recent_menu
from app.inspector.inspector import Inspector
from app.list.exchange_model import ExchangeModel
from app.list.row_cache import PATIENCE_S
from app.look.notices import NoticeKind
from app.look.theme import Theme
from app.preferences import Preferences, save_preferences
from app.shell.actions import bind_actions
from app.shell.clearing import Clearing
from app.shell.empty_state import Emptiness
from app.shell.engine_bridge import EngineBridge
from app.shell.fault_news import open_log, open_log_action
from app.shell.inspection_control import Inspection
from app.shell.keys_dialog import KeysDialog
from app.shell.list_actions import ListActions
from app.shell.main_window import TITLE, MainWindow
from app.shell.settings_dialog import SettingsDialog
from app.shell.theme_menu import fill_theme_menu
from app.shell.way_in_actions import WayInActions
from proxy_core.capture.reader import CaptureError, CaptureReader
from proxy_core.formats.one_line import one_line
from proxy_core.home import Home
from proxy_core.model.command import ApplySettings, SetRecording
from proxy_core.model.endpoint import endpoint_text
from proxy_core.model.filter import Filter
from proxy_core.model.notice import EngineStarted, RecordingChanged, RowsChanged, WorkerChanged
from proxy_core.model.settings import Settings, is_open_to_others

_BUSY_MS = 150  # a filter that takes longer says that it runs
_RATE_MS = 1000


class WindowController(QObject):
    """See the module. `start` once the window is to be seen."""

    def __init__(
        self,
        home: Home,
        preferences: Preferences,
        settings: Settings,
        bridge: EngineBridge,
        theme: Theme,
    ) -> None:
        super().__init__()
        self._home = home
        self._preferences = preferences
        self._settings = settings
        self._has_changed_settings = False  # what the command line says holds for one run, until a person decides
        self._bridge = bridge
        self._theme = theme
        self._live: EngineStarted | None = None
        self._viewed = ""  # path of the file that is shown, "" for the live capture
        self._viewed_title = ""
        self._reader: CaptureReader | None = None  # the inspector's
        self._is_recording = settings.recording
        self._is_kept = True  # nothing keeps the engine from recording
        self._capture_bytes = self._live_total = self._live_failed = 0
        self._rate_bytes = 0
        self._has_closed = self._has_engine_died = False
        self.model = ExchangeModel(self)
        self.inspector = Inspector()
        self.window = MainWindow(self.model, self.inspector)
        self.files = CaptureFiles(home, preferences, self.window.notices, self.window)
        self.ways_in = WayInActions(self.window, preferences, home.browsers)
        self.list_actions = ListActions(self.window, self.model)
        self.clearing = Clearing(bridge, self.window.notices, self)
        self.inspection = Inspection(self.window, self.model, self.inspector)
        self.inspection.save_body_wanted.connect(
            lambda row, message, decoded: self.files.save_body(self._shown_path, row, message, decoded=decoded)
        )
        self._busy = QTimer(self, interval=_BUSY_MS, singleShot=True)
        self._busy.timeout.connect(self._show_state)
        self._rate = QTimer(self, interval=_RATE_MS)
        self._rate.timeout.connect(self._show_rate)
        self._bind()
        self._connect()
        fill_theme_menu(self.window.theme_menu, theme)
        self.window.restore(preferences)
        self._show_state()

    def _bind(self) -> None:
        window = self.window
        handlers: dict[str, Callable[[], object]] = {
            "record": self._toggle_recording,
            "clear": self._clear,
            "open": self.files.ask_open,
            "save": lambda: self._save(self._all_shown()),
            "save_selected": lambda: self._save(window.list.selected_ids()),
            "export_all": lambda: self._export(self._all_shown()),
            "export_shown": lambda: self._export(list(self.model.all_ids())),
            "export_selected": lambda: self._export(window.list.selected_ids()),
            "back_to_live": self._back_to_live,
            "leave_host": lambda: self._leave_host(window.list.current_id),
            "settings": self._show_settings,
            "keys": lambda: KeysDialog(window).exec(),
            "log": lambda: open_log(self._home.log, window.notices),
            "quit": window.close,
        }
        bind_actions(window.actions_by_key, handlers)

    def _connect(self) -> None:
        bridge, model, window, preferences = self._bridge, self.model, self.window, self._preferences
        bridge.started.connect(self._engine_started)
        bridge.rows_changed.connect(self._rows_changed)
        self.clearing.changed.connect(self._left_out_changed)
        bridge.recording_changed.connect(self._recording_changed)
        bridge.worker_changed.connect(self._worker_changed)
        bridge.failed.connect(self._engine_failed)
        bridge.died.connect(self._engine_died)
        model.listed.connect(self._show_state)
        model.grown.connect(self._show_state)
        model.modelReset.connect(self._show_state)
        model.busy_changed.connect(self._busy_changed)
        model.failed.connect(self._reading_failed)
        window.filter_bar.filter_changed.connect(self._filter_changed)
        window.list.selected_changed.connect(window.status_bar.show_selected)
        window.list.mend_wanted.connect(self._leave_host)
        self.list_actions.menu_about_to_open.connect(self._enable_actions)
        window.recent_menu.aboutToShow.connect(lambda: fill_recent_menu(window.recent_menu, preferences, self.files))
        window.main_menu.aboutToShow.connect(self._enable_actions)
        window.closing.connect(self.close)
        window.files_dropped.connect(self._open_dropped)
        self.files.ready.connect(self._show_file)

    def tell(self, key: str, kind: NoticeKind, text: str, *actions: tuple[str, Callable[[], object]]) -> None:
        """Say something in a bar."""
        self.window.notices.tell(key, kind, text, actions)

    def close(self) -> None:
        """Remember, close what was opened, end the engine in order. Waits for the engine."""
        if self._has_closed:
            return
        self._has_closed = True
        self.window.remember(self._preferences)
        self._save_preferences()
        self.window.hide()
        self.ways_in.browsers.end()
        self.files.close()
        self._rate.stop()
        self.inspector.set_reader(None)
        self.model.close()
        self.clearing.give_up()
        if self._reader is not None:
            self._reader.close()
            self._reader = None
        self._bridge.stop()
        if self._live is not None and self._live_total == 0:
            self.files.discard_empty(self._live.capture_path)

    def _save_preferences(self) -> None:
        self._preferences.theme = self._theme.scheme.value
        if self._has_changed_settings:
            self._preferences.settings = msgspec.structs.replace(self._settings, recording=True)
        try:
            save_preferences(self._preferences, self._home.preferences)
        except OSError as error:
            self.tell("preferences", NoticeKind.WARNING, f"The preferences can't be kept ({error.strerror}).")

    # The engine

    def _engine_started(self, notice: EngineStarted) -> None:
        self.ways_in.engine_changed(notice)
        is_first = self._live is None
        earlier = None if self._live is None else (self._live.capture_path, self._live_total)
        self._live = notice
        self._live_total = self._live_failed = self._capture_bytes = self._rate_bytes = 0
        self.window.notices.withdraw("engine")
        self.window.toolbar.show_address(endpoint_text(notice.host, notice.port))
        self.window.toolbar.show_recording(is_on=self._is_recording)
        if notice.wanted_port and notice.port != notice.wanted_port:
            self.tell(
                "port",
                NoticeKind.WARNING,
                f"Port {notice.wanted_port} is taken by another program: Harrier listens on "
                f"{endpoint_text(notice.host, notice.port)} instead.",
                ("Settings", self._show_settings),
            )
        else:
            self.window.notices.withdraw("port")
        if is_open_to_others(notice.host):
            self.tell(
                "open",
                NoticeKind.WARNING,
                f"{endpoint_text(notice.host, notice.port)} is open to everybody who can reach this computer: they can "
                "go anywhere through it, as you.",
                ("Settings", self._show_settings),
            )
        else:
            self.window.notices.withdraw("open")
        if earlier is not None and earlier[1]:
            path, total = earlier
            # What a killed engine had not told yet lies in the journals, and is counted when the capture is opened.
            kept = f"at least {exchanges_text(total)}" if self._has_engine_died else exchanges_text(total)
            self.tell(
                "earlier",
                NoticeKind.INFO,
                f"What was captured before the restart is kept: {kept}.",
                ("Open", lambda: self._open_earlier(path)),
            )
        self._has_engine_died = False
        if not self._viewed:
            self._show_live()
        if is_first:
            self.files.look_for_stored(notice.capture_path)
        self._rate.start()
        self._show_state()

    def _open_earlier(self, path: str) -> None:
        self.window.notices.withdraw("earlier")
        self.files.recover(path, f"the capture of {moment_text(path, 0)}")

    def _rows_changed(self, notice: RowsChanged) -> None:
        self._live_total = notice.total
        self._live_failed = notice.failed
        self._capture_bytes = notice.capture_bytes
        if notice.unread:
            self.tell("unread", NoticeKind.WARNING, one_line(notice.unread))
        if not self._viewed:
            self.model.take(notice)
            self._show_state()

    def _left_out_changed(self) -> None:
        """Exchanges were cleared, or are back. How many there are now is told next."""
        self._live_total = self._live_failed = self._capture_bytes = 0
        if not self._viewed:
            self.window.list.select_nothing()
            self.model.leave_out(self.clearing.left_out)
            self._show_state()

    def _recording_changed(self, notice: RecordingChanged) -> None:
        self._is_recording = notice.on
        self._is_kept = not notice.problem
        self._settings = msgspec.structs.replace(self._settings, recording=notice.on)
        self.window.toolbar.show_recording(is_on=notice.on and not notice.has_ended)
        if notice.problem:
            lost = f" {exchanges_text(notice.not_recorded)} went by unrecorded." if notice.not_recorded else ""
            notices = self.window.notices
            ways_out = (
                [("Restart", self._restart), open_log_action(self._home.log, notices)] if notice.has_ended else []
            )
            self.tell("recording", NoticeKind.ERROR, one_line(notice.problem) + lost, *ways_out)
        else:
            self.window.notices.withdraw("recording")
        self._show_state()

    def _worker_changed(self, notice: WorkerChanged) -> None:
        self.tell("worker", NoticeKind.WARNING, one_line(notice.text))

    def _engine_failed(self, sentence: str) -> None:
        self._engine_is_gone(one_line(sentence), "Try Again")

    def _engine_died(self, exit_status: int) -> None:
        self._has_engine_died = True
        how = f"signal {-exit_status}" if exit_status < 0 else f"status {exit_status}"
        self._engine_is_gone(f"The engine ended unexpectedly ({how}). What it had captured is kept.", "Restart")

    def _engine_is_gone(self, sentence: str, button: str) -> None:
        self.tell("engine", NoticeKind.ERROR, sentence, (button, self._restart), ("Settings", self._show_settings))
        self.ways_in.engine_changed(None)
        self.window.toolbar.show_address("")
        self.window.toolbar.show_recording(is_on=False)
        self._rate.stop()
        self.window.status_bar.show_engine("Engine not running")
        self._show_state()

    def _restart(self) -> None:
        self.clearing.give_up()
        self.window.notices.withdraw("engine")
        self.window.notices.withdraw("restart")
        self.ways_in.engine_changed(None)
        self._bridge.restart(self._settings)
        self._show_state()

    def _toggle_recording(self) -> None:
        if self._bridge.is_running:
            self._bridge.send(SetRecording(not self._is_recording))

    def _clear(self) -> None:
        if self._viewed:
            self._back_to_live()
        elif self._live_total or self.model.total:
            self.clearing.clear()

    # Which capture is shown

    def _show_live(self) -> None:
        assert self._live is not None
        if self._use_capture(self._live.capture_path):
            if self.clearing.left_out.upto_id:
                self.model.leave_out(self.clearing.left_out)
            self.model.total, self.model.failed_count = self._live_total, self._live_failed
            self._viewed = self._viewed_title = ""
            self.window.notices.withdraw("viewing")
            self.window.setWindowTitle(TITLE)
            self._show_state()

    def _show_file(self, path: str, title: str) -> None:
        if not self._use_capture(path):
            return
        self._viewed, self._viewed_title = path, title
        self.window.setWindowTitle(f"{one_line(title)} – {TITLE}")
        self.window.notices.tell(
            "viewing",
            NoticeKind.INFO,
            f"Viewing {one_line(title)}. The live capture goes on meanwhile.",
            [("Back to Live", self._back_to_live)],
            can_close=False,
        )
        self._show_state()

    def _use_capture(self, path: str) -> bool:
        try:
            reader = CaptureReader(path, patience_s=PATIENCE_S)
            self.window.list.select_nothing()
            self.model.set_capture(path)
        except CaptureError as error:
            self.tell("capture", NoticeKind.ERROR, one_line(str(error)))
            return False
        self.inspector.set_reader(reader)
        if self._reader is not None:
            self._reader.close()
        self._reader = reader
        self.window.notices.withdraw("capture")
        return True

    def _back_to_live(self) -> None:
        if self._viewed and self._live is not None:
            self._show_live()

    @property
    def _shown_path(self) -> str:
        return self._viewed or ("" if self._live is None else self._live.capture_path)

    @property
    def _shown_stem(self) -> str:
        if self._viewed:
            return self._viewed_title.removesuffix(".harrier").removesuffix(".har").replace(":", ".")
        return "capture"

    def _all_shown(self) -> list[int] | None:
        """All exchanges of the capture, None where nothing of it is left out."""
        left_out = self.clearing.left_out
        if self._viewed or not left_out.upto_id or self._reader is None:
            return None
        self._reader.leave_out(left_out)
        return list(self._reader.ids())

    def _save(self, ids: list[int] | None) -> None:
        if self._shown_path and (ids is None or ids):
            self.files.save(self._shown_path, ids, self._shown_stem)

    def _export(self, ids: list[int] | None) -> None:
        if self._shown_path and (ids is None or ids):
            self.files.export(self._shown_path, ids, self._shown_stem)

    # The list

    def _filter_changed(self, wanted: Filter | None) -> None:
        self.model.set_filter(self.model.query._replace(filter=wanted))

    def _busy_changed(self, is_busy: bool) -> None:
        if is_busy:
            self._busy.start()
        else:
            self._busy.stop()
            self._show_state()

    def _show_state(self) -> None:
        """Say how many there are, in which state the capture is, and why there is nothing to see, all as it is now."""
        shown, total = self.model.rowCount(), self.model.total
        bar = self.window.filter_bar
        if self.model.is_busy and not self._busy.isActive():
            bar.show_count("looking …")
        else:
            bar.show_count(f"{count_text(shown)} of {count_text(total)}" if bar.is_filtering else "")
        self.window.status_bar.show_numbers(
            total=total,
            shown=shown if bar.is_filtering else None,
            size=0 if self._viewed else self._capture_bytes,
            failed=self.model.failed_count,
        )
        self.window.status_bar.show_capture(self._capture_state())
        self.window.show_empty(self._why_empty())
        self.window.list.set_running(is_running=self._bridge.is_running and not self._viewed)

    def _show_rate(self) -> None:
        added = max(0, self._capture_bytes - self._rate_bytes)
        self._rate_bytes = self._capture_bytes
        self.window.status_bar.show_rate(added, 0 if self._live is None else self._live.workers)

    def _capture_state(self) -> str:
        if self._viewed:
            return "Opened from a file"
        if not self._bridge.is_running:
            return "Capture kept" if self._live is not None else ""
        return "Capture saved as it comes" if self._is_recording and self._is_kept else "Not recording"

    def _why_empty(self) -> Emptiness | None:
        if self.model.rowCount():
            return None
        if self.window.filter_bar.is_filtering and (self.model.total or self.model.is_busy):
            return None if self.model.is_busy else Emptiness.FILTERED
        if self._viewed:
            return None if self.model.is_busy else Emptiness.EMPTY_FILE
        if not self._bridge.is_running:
            return Emptiness.NO_ENGINE
        if self._live is None:
            return Emptiness.STARTING
        if self._live_total:
            return None
        if not self._is_recording:
            return Emptiness.PAUSED
        return Emptiness.CLEARED if self.clearing.has_cleared else Emptiness.FIRST_MINUTE

    def _open_dropped(self, paths: list[str]) -> None:
        for path in paths[:1]:
            self.files.open(path)

    def _enable_actions(self) -> None:
        self.list_actions.enable(self._settings.not_intercepted)
        self.window.action("back_to_live").setEnabled(bool(self._viewed))
        self.ways_in.enable()

    def _reading_failed(self, sentence: str) -> None:
        self.tell("capture", NoticeKind.ERROR, one_line(sentence))

    def _leave_host(self, exchange_id: int | None) -> None:
        """The mend for a client that doesn't take our certificate."""
        row = self.model.row_of(exchange_id) if exchange_id is not None else -1
        exchange = self.model.exchange_at(row) if row >= 0 else None
        if exchange is None or not exchange.host or exchange.host in self._settings.not_intercepted:
            return
        host = exchange.host
        hosts = (*self._settings.not_intercepted, host)
        self._apply_settings(msgspec.structs.replace(self._settings, not_intercepted=hosts))

        def undo() -> None:
            self.window.notices.withdraw("leave")
            left = tuple(each for each in self._settings.not_intercepted if each != host)
            self._apply_settings(msgspec.structs.replace(self._settings, not_intercepted=left))

        text = f"{one_line(host)} is left undecrypted from its next connection on."
        self.tell("leave", NoticeKind.GOOD, text, ("Undo", undo))

    # Settings, theme

    def _show_settings(self) -> None:
        dialog = SettingsDialog(self._settings, self._theme.scheme, self.window)
        if dialog.exec():
            self._theme.choose(dialog.chosen_scheme)
            self._apply_settings(dialog.settings)

    def _apply_settings(self, settings: Settings) -> None:
        old, self._settings = self._settings, settings
        self._has_changed_settings = self._has_changed_settings or settings != old
        self._save_preferences()
        if not self._bridge.is_running or settings == old:
            return
        self._bridge.send(ApplySettings(settings))
        where = (settings.listen_host, settings.listen_port, settings.workers)
        if where != (old.listen_host, old.listen_port, old.workers):
            self.tell(
                "restart",
                NoticeKind.INFO,
                "Another address or number of workers is taken up when the engine restarts; a new capture begins then.",
                ("Restart Now", self._restart),
            )
