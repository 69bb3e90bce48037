"""Signals are heard while Qt waits: an interpreter that runs no Python would not run their handlers either."""

import signal
import socket
from collections.abc import Callable

from PySide6.QtCore import QObject, QSocketNotifier, QTimer

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class SignalWatch(QObject):
    """Calls `ended` in the event loop when the process is asked to end, from its creation to `close`.

    To be made in the main thread, and once in a process.
    """

    def __init__(self, ended: Callable[[], object], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._ended = ended
        self._heard, self._told = socket.socketpair()
        for end in (self._heard, self._told):
            end.setblocking(False)
        self._notifier = QSocketNotifier(self._heard.fileno(), QSocketNotifier.Type.Read, self)
        self._notifier.activated.connect(self._wake)
        # Full is as good as one byte: what matters is that Qt comes to Python.
        self._before = signal.set_wakeup_fd(self._told.fileno(), warn_on_full_buffer=False)
        self._handlers = {number: signal.signal(number, self._handle) for number in _SIGNALS}

    def close(self) -> None:
        """Give the signals back."""
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._before)
        self._notifier.setEnabled(False)
        self._heard.close()
        self._told.close()

    def _wake(self) -> None:
        try:
            self._heard.recv(4096)
        except BlockingIOError:
            return

    def _handle(self, _number: int, _frame: object) -> None:
        QTimer.singleShot(0, self, self._ended)  # in the event loop: a window can't be closed before there is one
