"""The engine's news in bars, and in `EngineState`; whoever else wants to know is told behind that.

Signals: `started` (EngineStarted), `rows_changed` (RowsChanged), `recording_changed` (whether it is on), `gone` (no
engine runs); `changed` with each of them but the rows; `rate_changed` (bytes, workers; once a second). What is wanted
by a bar's button: `restart_wanted`, `settings_wanted`, `earlier_wanted` (path of a capture).
"""

from collections.abc import Callable

from PySide6.QtCore import QObject, QTimer, Signal

from app.look.notices import NoticeKind, NoticeStack
from app.shell.engine_bridge import EngineBridge
from app.shell.engine_state import EngineState, death_text, recording_problem_text
from app.shell.fault_news import open_log_action
from proxy_core.formats.one_line import one_line
from proxy_core.model.notice import EngineStarted, RecordingChanged, Remark, RowsChanged, WorkerChanged

_RATE_MS = 1000


class EngineNews(QObject):
    """See the module."""

    started = Signal(object)
    rows_changed = Signal(object)
    recording_changed = Signal(bool)
    gone = Signal()
    changed = Signal()
    rate_changed = Signal(int, int)
    restart_wanted = Signal()
    settings_wanted = Signal()
    earlier_wanted = Signal(str)

    def __init__(self, bridge: EngineBridge, state: EngineState, notices: NoticeStack, log_path: str) -> None:
        super().__init__(notices)
        self._state = state
        self._notices = notices
        self._log_path = log_path
        self._rate = QTimer(self, interval=_RATE_MS)
        self._rate.timeout.connect(self._tell_rate)
        bridge.started.connect(self._engine_started)
        bridge.rows_changed.connect(self._rows_changed)
        bridge.recording_changed.connect(self._recording_changed)
        bridge.worker_changed.connect(self._worker_changed)
        bridge.remarked.connect(self._remarked)
        bridge.failed.connect(lambda sentence: self._engine_is_gone(one_line(sentence), "Try Again"))
        bridge.died.connect(self._engine_died)

    def close(self) -> None:
        """Say no more how fast it goes."""
        self._rate.stop()

    def _tell_rate(self) -> None:
        engine = self._state.engine
        self.rate_changed.emit(self._state.bytes_since(), 0 if engine is None else engine.workers)

    def _engine_started(self, engine: EngineStarted) -> None:
        earlier = self._state.started(engine)
        self._notices.withdraw("engine")
        self._warn("port", self._state.port_text())
        self._warn("open", self._state.open_text())
        if earlier is not None:

            def open_it() -> None:
                self._notices.withdraw("earlier")
                self.earlier_wanted.emit(earlier.path)

            self._notices.tell("earlier", NoticeKind.INFO, earlier.text(), [("Open", open_it)])
        self._rate.start()
        self.started.emit(engine)
        self.changed.emit()

    def _warn(self, key: str, text: str) -> None:
        """Say what the settings can mend, or say it no more."""
        if text:
            self._notices.tell(key, NoticeKind.WARNING, text, [("Settings", self.settings_wanted.emit)])
        else:
            self._notices.withdraw(key)

    def _rows_changed(self, notice: RowsChanged) -> None:
        self._state.totals.told(notice)
        if notice.unread:
            self._notices.tell("unread", NoticeKind.WARNING, one_line(notice.unread))
        self.rows_changed.emit(notice)

    def _recording_changed(self, notice: RecordingChanged) -> None:
        self._state.recording_changed(notice)
        problem = recording_problem_text(notice)
        if problem:
            ways_out: list[tuple[str, Callable[[], object]]] = []
            if notice.has_ended:
                ways_out = [("Restart", self.restart_wanted.emit), open_log_action(self._log_path, self._notices)]
            self._notices.tell("recording", NoticeKind.ERROR, problem, ways_out)
        else:
            self._notices.withdraw("recording")
        self.recording_changed.emit(notice.on)
        self.changed.emit()

    def _worker_changed(self, notice: WorkerChanged) -> None:
        self._notices.tell("worker", NoticeKind.WARNING, one_line(notice.text))

    def _remarked(self, notice: Remark) -> None:
        self._notices.tell("remark", NoticeKind.WARNING, one_line(notice.text))

    def _engine_died(self, exit_status: int) -> None:
        self._state.died()
        self._engine_is_gone(death_text(exit_status), "Restart")

    def _engine_is_gone(self, sentence: str, button: str) -> None:
        ways_out = [(button, self.restart_wanted.emit), ("Settings", self.settings_wanted.emit)]
        self._notices.tell("engine", NoticeKind.ERROR, sentence, ways_out)
        self._rate.stop()
        self.gone.emit()
        self.changed.emit()
