"""What the window does: it joins engine, capture, files, browsers and widgets. Here is only who tells whom.

What is known and decided lies in parts of its own: the engine in `EngineState`, `EngineNews` and `EngineSettings`, the
capture in `ShownCapture` and `Clearing`, what a person asks for in the actions, why a list is empty in `emptiness`.
"""

from collections.abc import Callable, Sequence

from PySide6.QtCore import QObject, QTimer

from app.files.capture_files import CaptureFiles, moment_text
from app.files.recent_menu import fill_recent_menu
from app.inspector.inspector import Inspector
from app.list.exchange_model import ExchangeModel
from app.look.theme import Theme
from app.preferences import Preferences
from app.shell.actions import bind_actions
from app.shell.clearing import Clearing
from app.shell.engine_bridge import EngineBridge
from app.shell.engine_news import EngineNews
from app.shell.engine_settings import EngineSettings
from app.shell.engine_state import EngineState
from app.shell.fault_news import open_log
from app.shell.inspection_control import Inspection
from app.shell.keys_dialog import KeysDialog
from app.shell.list_actions import ListActions
from app.shell.main_window import MainWindow
from app.shell.mending import Mending
from app.shell.refusal_question import RefusalQuestion
from app.shell.shown_capture import ShownCapture
from app.shell.situation import Situation
from app.shell.theme_menu import fill_theme_menu
from app.shell.way_in_actions import WayInActions
from proxy_core.capture.left_out import LeftOut
from proxy_core.capture.repair import live_folder
from proxy_core.formats.one_line import one_line
from proxy_core.home import Home
from proxy_core.model.command import SetRecording
from proxy_core.model.dark_cause import Mend
from proxy_core.model.exchange import ExchangeRow
from proxy_core.model.filter import Filter
from proxy_core.model.message_record import MessageKind
from proxy_core.model.notice import EngineStarted
from proxy_core.model.settings import Settings

_Write = Callable[[str, list[int] | None, LeftOut | None, str], None]  # of `CaptureFiles`
_BUSY_MS = 150  # a filter that takes longer says that it runs


class WindowController(QObject):
    """See the module. `close` when the window is about to go."""

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
        self._has_closed = self._has_had_engine = False
        self.bridge = bridge
        self.model = ExchangeModel(self)
        self.inspector = Inspector()
        self.window = MainWindow(self.model, self.inspector)
        notices = self.window.notices
        self.files = CaptureFiles(home, preferences, notices, self.window)
        self.ways_in = WayInActions(self.window, preferences, home.browsers)
        self.list_actions = ListActions(self.window, self.model)
        self.clearing = Clearing(
            bridge, notices, self
        )  # before all else that hears of an engine: it is another capture
        self.engine = EngineState(is_recording=settings.recording)
        self.news = EngineNews(bridge, self.engine, notices, home.log)
        self.settings = EngineSettings(settings, bridge, notices, preferences, home.preferences, theme)
        self.mending = Mending(self.window, self.model, self.settings, self.ways_in)
        self.refusals = RefusalQuestion(bridge, self.settings, notices)
        self.shown = ShownCapture(self.model, self.engine, self.clearing, notices)
        self.inspection = Inspection(self.window, self.model, self.inspector)
        self._busy = QTimer(self, interval=_BUSY_MS, singleShot=True)
        self._busy.timeout.connect(self._show_situation)
        self._bind()
        self._connect_engine()
        self._connect_capture()
        self._connect_window()
        fill_theme_menu(self.window.theme_menu, theme)
        self.window.restore(preferences)
        self._show_situation()

    def _bind(self) -> None:
        selected_ids, files = self.window.list.selected_ids, self.files
        handlers: dict[str, Callable[[], object]] = {
            "record": self._toggle_recording,
            "clear": self._clear,
            "open": files.ask_open,
            "save": lambda: self._write(files.save),
            "save_selected": lambda: self._write(files.save, selected_ids()),
            "export_all": lambda: self._write(files.export),
            "export_shown": lambda: self._write(files.export, list(self.model.all_ids())),
            "export_selected": lambda: self._write(files.export, selected_ids()),
            "back_to_live": self.shown.back_to_live,
            "settings": self._ask_settings,
            "keys": lambda: KeysDialog(self.window).exec(),
            "log": lambda: open_log(self._home.log, self.window.notices),
            "quit": self.window.close,
        }
        bind_actions(self.window.actions_by_key, handlers)

    def _connect_engine(self) -> None:
        news = self.news
        news.started.connect(self._engine_started)
        news.rows_changed.connect(self.shown.rows_changed)
        news.rows_changed.connect(self._show_situation)
        news.recording_changed.connect(self.settings.set_recording)
        news.gone.connect(self._engine_is_gone)
        news.changed.connect(self._show_engine)
        news.rate_changed.connect(self.window.status_bar.show_rate)
        news.settings_wanted.connect(self._ask_settings)
        news.earlier_wanted.connect(self._open_earlier)
        news.restart_wanted.connect(self._restart)
        self.settings.restart_wanted.connect(self._restart)

    def _connect_capture(self) -> None:
        model = self.model
        for change in (model.listed, model.grown, model.modelReset):
            change.connect(self._show_situation)
        model.busy_changed.connect(self._busy_changed)
        self.shown.about_to_change.connect(self.window.list.select_nothing)
        self.shown.changed.connect(self._capture_changed)
        self.files.ready.connect(self.shown.show_file)
        self.files.gone_over.connect(self._gone_over)

    def _connect_window(self) -> None:
        window = self.window
        window.filter_bar.filter_changed.connect(self._filter_changed)
        window.list.selected_changed.connect(window.status_bar.show_selected)
        window.list.mend_wanted.connect(
            lambda exchange_id: self.mending.mend(self.model.exchange(exchange_id), Mend.LEAVE_HOST)
        )
        self.inspector.mend_wanted.connect(self.mending.mend)
        self.list_actions.menu_about_to_open.connect(self._enable_actions)
        self.inspector.save_body_wanted.connect(self._save_body)
        self.inspector.save_message_wanted.connect(
            lambda row, number: self.files.save_message(self.shown.path, row, number)
        )
        recent = window.recent_menu
        recent.aboutToShow.connect(lambda: fill_recent_menu(recent, self._preferences, self.files))
        window.main_menu.aboutToShow.connect(self._enable_actions)
        window.closing.connect(self.close)
        window.files_dropped.connect(self._open_dropped)

    def close(self) -> None:
        """Remember, close what was opened, end the engine in order. Waits for the engine."""
        if self._has_closed:
            return
        self._has_closed = True
        self.window.remember(self._preferences)
        self.settings.keep()
        self.window.hide()
        self.ways_in.browsers.end()
        self.files.close()
        self.news.close()
        self.inspector.set_reader(None)
        self.model.close()
        self.clearing.give_up()
        self.bridge.stop()
        if self.engine.capture_path and self.engine.totals.total == 0:
            self.files.discard_empty(self.engine.capture_path)

    # The engine

    def _engine_started(self, engine: EngineStarted) -> None:
        self.ways_in.engine_changed(engine)
        self.shown.engine_started()
        if not self._has_had_engine:
            self._has_had_engine = True
            self.files.look_for_stored(engine.capture_path)

    def _engine_is_gone(self) -> None:
        self.ways_in.engine_changed(None)
        self.window.status_bar.show_engine("Engine not running")

    def _open_earlier(self, path: str) -> None:
        self.files.recover(path, f"the capture of {moment_text(path, 0)}")

    def _show_engine(self) -> None:
        engine, is_running = self.engine, self.bridge.is_running
        is_recording = is_running and engine.is_recording and not engine.has_ended
        address, places = (engine.address, engine.places_text()) if is_running else ("", "")
        self.window.show_engine(address, places, is_recording=is_recording)
        self._show_situation()

    def _restart(self) -> None:
        self.clearing.give_up()
        self.window.notices.withdraw("engine")
        self.window.notices.withdraw("restart")
        self.ways_in.engine_changed(None)
        self.bridge.restart(self.settings.current)
        self._show_situation()

    def _toggle_recording(self) -> None:
        if self.bridge.is_running:
            self.bridge.send(SetRecording(not self.engine.is_recording))

    def _ask_settings(self) -> None:
        self.settings.ask(self.window)

    # The capture

    def _capture_changed(self) -> None:
        self.inspector.set_reader(self.model.reader)
        self.window.show_title(one_line(self.shown.title))
        self._show_situation()

    def _gone_over(self, path: str) -> None:
        """What only the journals of a dead engine held is in the index now, and no engine tells of it."""
        has_engine = self.bridge.is_running and path == self.engine.capture_path
        if path == self.shown.path and live_folder(path) and not has_engine:
            self.model.look_again()

    def _clear(self) -> None:
        if self.shown.is_file:
            self.shown.back_to_live()
        elif self.shown.totals.total:
            self.clearing.clear()

    def _write(self, write: _Write, ids: list[int] | None = None) -> None:
        """Write exchanges of what is shown, None for all that was not cleared."""
        if self.shown.path and (ids is None or ids):
            write(self.shown.path, ids, None if ids else self.shown.left_out, self.shown.stem)

    def _save_body(self, row: ExchangeRow, message: MessageKind, decoded: bool) -> None:
        self.files.save_body(self.shown.path, row, message, decoded=decoded)

    def _open_dropped(self, paths: Sequence[str]) -> None:
        for path in paths[:1]:
            self.files.open(path)

    # The list

    def _filter_changed(self, wanted: Filter | None) -> None:
        self.model.set_filter(self.model.query._replace(filter=wanted))

    def _busy_changed(self, is_busy: bool) -> None:
        if is_busy:
            self._busy.start()
        else:
            self._busy.stop()
            self._show_situation()

    def _enable_actions(self) -> None:
        self.list_actions.enable()
        self.mending.enable()
        self.window.action("back_to_live").setEnabled(self.shown.is_file)
        self.ways_in.enable()

    def _show_situation(self) -> None:
        self.window.show_situation(self.situation())

    def situation(self) -> Situation:
        """All that is shown about capture, list and engine, as it is now."""
        totals, engine = self.shown.totals, self.engine
        return Situation(
            shown=self.model.rowCount(),
            total=totals.total,
            failed=totals.failed,
            recorded_bytes=totals.recorded_bytes,
            is_filtering=self.window.filter_bar.is_filtering,
            is_looking=self.model.is_busy,
            is_late=self.model.is_busy and not self._busy.isActive(),
            is_file=self.shown.is_file,
            is_running=self.bridge.is_running,
            has_engine=engine.engine is not None,
            is_recording=engine.is_recording,
            is_kept=engine.is_kept,
            has_cleared=self.clearing.has_cleared,
        )
