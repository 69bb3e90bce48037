"""The window's side of the engine: notices in, commands out.

A timer takes what has come from `EngineControl` within a time budget, so that no burst holds the window; what is left
waits for the next tick, and the engine meanwhile merges what it has to tell. Each notice of rows is answered when it
has been shown. The bridge also notices that the engine is gone, which an engine killed by force can't tell.
"""

import time
from collections import deque
from typing import assert_never

from PySide6.QtCore import QObject, QTimer, Signal

from proxy_core.control import STOP_WITHIN_S, EngineControl
from proxy_core.model.command import Command, RowsSeen, Stop
from proxy_core.model.notice import (
    CaptureCleared,
    CertificateRefused,
    ClearedForgotten,
    ClearUndone,
    EngineFailed,
    EngineStarted,
    EngineStopped,
    Notice,
    RecordingChanged,
    Remark,
    RowsChanged,
    RulesChanged,
    WorkerChanged,
)
from proxy_core.model.settings import Settings

TICK_MS = 30
_BUDGET_S = 0.008
_LOOK_EVERY_TICKS = 10  # whether the engine is alive


class EngineBridge(QObject):
    """Signals, each with the notice: `started`, `rows_changed`, `cleared`, `clear_undone`, `cleared_forgotten`,
    `recording_changed`, `worker_changed`, `remarked`, `certificate_refused`, `rules_changed`; and `failed` (sentence:
    it could not start or go on) and `died` (exit status: it ended without a word).
    """

    started = Signal(object)
    rows_changed = Signal(object)
    cleared = Signal(object)
    clear_undone = Signal(object)
    cleared_forgotten = Signal(object)
    recording_changed = Signal(object)
    worker_changed = Signal(object)
    remarked = Signal(object)
    rules_changed = Signal(object)  # RulesChanged
    certificate_refused = Signal(object)
    failed = Signal(str)
    died = Signal(int)

    def __init__(self, control: EngineControl, home: str, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._control = control
        self._home = home
        self._waiting: deque[Notice] = deque()
        self._is_expected = False  # an engine should be there
        self._next_settings: Settings | None = None  # of the engine that is to follow this one
        self._patience_ticks = 0
        self._ticks = 0
        self._timer = QTimer(self, interval=TICK_MS)
        self._timer.timeout.connect(self.tick)

    @property
    def is_running(self) -> bool:
        """Whether there is an engine, as far as we know."""
        return self._is_expected

    def start(self, settings: Settings) -> None:
        """Start an engine (again)."""
        self._waiting.clear()
        self._control.start(settings, self._home)
        self.attach()

    def restart(self, settings: Settings) -> None:
        """End the engine in order, then start another with these settings; doesn't wait."""
        if not self._is_expected:
            self.start(settings)
            return
        self._next_settings = settings
        self._patience_ticks = round(STOP_WITHIN_S * 1000 / TICK_MS)
        self._control.send(Stop())

    def attach(self) -> None:
        """Listen to an engine that was started before there was a window."""
        self._is_expected = True
        self._timer.start()

    def send(self, command: Command) -> None:
        """Give an order."""
        if self._is_expected:
            self._control.send(command)

    def stop(self) -> None:
        """End the engine and wait until its capture is closed."""
        self._timer.stop()
        self._is_expected = False
        self._control.stop()

    def tick(self) -> None:
        """Take notices for as long as the budget lasts."""
        self._waiting.extend(self._control.poll())
        until = time.perf_counter() + _BUDGET_S
        while self._waiting and time.perf_counter() < until:
            self._take(self._waiting.popleft())
        self._ticks += 1
        if self._next_settings is not None:
            self._patience_ticks -= 1
            if not self._control.is_alive or self._patience_ticks <= 0:
                settings, self._next_settings = self._next_settings, None
                self._control.stop(0.0)
                self.start(settings)
            return
        if self._is_expected and self._ticks % _LOOK_EVERY_TICKS == 0 and not self._control.is_alive:
            self._waiting.extend(self._control.poll())
            if not self._waiting:
                self._end()
                self.died.emit(self._control.exit_status or 0)

    def _take(self, notice: Notice) -> None:
        match notice:
            case RowsChanged():
                self.rows_changed.emit(notice)
                self.send(RowsSeen(notice.number))
            case EngineStarted():
                self.started.emit(notice)
            case EngineFailed(text=text):
                self._end()
                self.failed.emit(text)
            case CaptureCleared():
                self.cleared.emit(notice)
            case ClearUndone():
                self.clear_undone.emit(notice)
            case ClearedForgotten():
                self.cleared_forgotten.emit(notice)
            case RecordingChanged():
                self.recording_changed.emit(notice)
            case WorkerChanged():
                self.worker_changed.emit(notice)
            case Remark():
                self.remarked.emit(notice)
            case CertificateRefused():
                self.certificate_refused.emit(notice)
            case RulesChanged():
                self.rules_changed.emit(notice)
            case EngineStopped():
                if self._next_settings is None:
                    self._end()
            case _:
                assert_never(notice)

    def _end(self) -> None:
        self._is_expected = False
        if not self._waiting:
            self._timer.stop()
