"""Harrier's own faults as the window tells them: a bar for each new one, Qt's messages in the log, the log itself.

Faults may be caught in any thread; a Qt signal brings them into the window's.
"""

import os
from collections.abc import Callable

from PySide6.QtCore import QMessageLogContext, QObject, QtMsgType, QUrl, Signal, qInstallMessageHandler
from PySide6.QtGui import QDesktopServices

from app.look.notices import NoticeKind, NoticeStack
from proxy_core.fault_log import FaultLog

_GRAVE = {QtMsgType.QtCriticalMsg, QtMsgType.QtFatalMsg, QtMsgType.QtWarningMsg}


class QtMessages:
    """Takes Qt's messages for as long as the process lives."""

    def __init__(self, log: FaultLog) -> None:
        self.before_abort: Callable[[], None] | None = None  # called where Qt is about to abort the process
        self._log = log
        qInstallMessageHandler(self._take)

    def _take(self, kind: QtMsgType, _context: QMessageLogContext, message: str) -> None:
        if kind in _GRAVE:
            self._log.write(f"Qt: {message}")
        if kind is QtMsgType.QtFatalMsg and self.before_abort is not None:
            self.before_abort()


class FaultNews(QObject):
    """Tells each new fault of this process in a bar."""

    _came = Signal(str)

    def __init__(self, log: FaultLog, notices: NoticeStack) -> None:
        super().__init__(notices)
        self._path = log.path
        self._notices = notices
        self._came.connect(self._tell)
        log.tell = self._came.emit

    def _tell(self, sentence: str) -> None:
        self._notices.tell("fault", NoticeKind.ERROR, sentence, [open_log_action(self._path, self._notices)])


def open_log_action(path: str, notices: NoticeStack) -> tuple[str, Callable[[], None]]:
    """A bar's way to the log."""
    return "Open Log", lambda: open_log(path, notices)


def open_log(path: str, notices: NoticeStack) -> None:
    """Have the system show the log; where there is none, nothing went wrong."""
    if not os.path.isfile(path) or os.path.getsize(path) == 0:
        said = "The log is empty: nothing has gone wrong inside Harrier."
        notices.tell("log", NoticeKind.INFO, said, is_passing=True)
    elif not QDesktopServices.openUrl(QUrl.fromLocalFile(path)):
        notices.tell("log", NoticeKind.INFO, f"This system has no program to show it: the log is {path}.")
