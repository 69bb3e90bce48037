"""What went wrong inside Harrier: written to the log in the home folder, and told once in the window.

Python's uncaught exceptions (also of threads), Qt's messages, and the stacks of a crash in native code. Texts from the
network may be in them, so control characters are spelled out.
"""

import faulthandler
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable
from types import TracebackType
from typing import IO

from proxy_core.terminal import complain

_LOG_LIMIT = 2_000_000  # bytes; a longer log is begun anew at the next start
_FAULTS_SUFFIX = ".faults"
_SPELLED = {code: f"\\x{code:02x}" for code in (*range(9), *range(11, 32), *range(127, 160))}


class CrashLog:
    """Set up once by the composition root. `tell` is called with a sentence for the person."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.tell: Callable[[str], None] | None = None
        self.before_abort: Callable[[], None] | None = None  # called where Qt is about to abort the process
        self._faults: IO[bytes] | None = None
        self._lock = threading.Lock()
        try:
            if os.path.exists(path) and os.path.getsize(path) > _LOG_LIMIT:
                os.unlink(path)
            self._faults = open(path + _FAULTS_SUFFIX, "ab")  # noqa: SIM115 -- open for as long as the process lives
            faulthandler.enable(self._faults)
        except OSError:
            pass  # a home that is full must not keep Harrier from starting
        self._had_hooks = sys.excepthook, threading.excepthook
        sys.excepthook = self._uncaught
        threading.excepthook = self._uncaught_in_thread

    def watch_qt(self) -> None:
        """Take Qt's messages from now on."""
        from PySide6.QtCore import QMessageLogContext, QtMsgType, qInstallMessageHandler

        grave = {QtMsgType.QtCriticalMsg, QtMsgType.QtFatalMsg, QtMsgType.QtWarningMsg}

        def take(kind: QtMsgType, _context: QMessageLogContext, message: str) -> None:
            if kind in grave:
                self.write(f"Qt: {message}")
            if kind is QtMsgType.QtFatalMsg and self.before_abort is not None:
                self.before_abort()

        qInstallMessageHandler(take)

    def write(self, text: str) -> None:
        """Add an entry. Never raises."""
        stamp = time.strftime("%Y-%m-%d %H:%M:%S")
        try:
            with self._lock, open(self.path, "a", encoding="utf-8", errors="backslashreplace") as file:
                file.write(f"{stamp} {text.translate(_SPELLED)}\n")
        except OSError:
            pass

    def close(self) -> None:
        """Put the hooks back."""
        sys.excepthook, threading.excepthook = self._had_hooks
        if self._faults is not None:
            faulthandler.disable()
            self._faults.close()
            self._faults = None
            if os.path.getsize(self.path + _FAULTS_SUFFIX) == 0:
                os.unlink(self.path + _FAULTS_SUFFIX)

    def _uncaught(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        text = "".join(traceback.format_exception(kind, error, trace))
        self.write(text)
        complain(text, keeps_lines=True)
        if self.tell is not None and not issubclass(kind, KeyboardInterrupt):
            self.tell(f"Something went wrong inside Harrier ({kind.__name__}). What happened is in {self.path}.")

    def _uncaught_in_thread(self, arguments: threading.ExceptHookArgs) -> None:
        if arguments.exc_value is not None:
            thread = arguments.thread.name if arguments.thread is not None else "a thread"
            trace = traceback.format_exception(arguments.exc_type, arguments.exc_value, arguments.exc_traceback)
            self.write(f"In {thread}: {''.join(trace)}")
