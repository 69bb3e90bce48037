"""Harrier's own faults, in one log for all processes: what a border caught, with its traceback.

A *border* is where a loop or a process must survive what it did not expect. It calls `caught` in its `except` block:
the traceback goes to `harrier.log` in the home folder, one line to standard error, and the border is given a sentence
with the entry's number, to be shown. The same fault is written once a minute and counted meanwhile, so a border that is
crossed by every exchange costs neither time nor disk.

An entry is one `write` to a file opened for appending, so processes never wait for each other and never tear each
other's entries. Whoever finds the log too long moves it aside, if it gets the lock at once: one process does, the
others go on writing. Texts from the network may be in an entry, so control characters are spelled out.
"""

import faulthandler
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable
from types import TracebackType
from typing import NamedTuple

from proxy_core.file_lock import lock_at_once
from proxy_core.plain_file import open_plain
from proxy_core.terminal import complain, spelled_out

LOG_LIMIT_BYTES = 1_000_000  # of each of the two files: some 300 tracebacks
ENTRY_LIMIT_BYTES = 32 * 1024  # a longer one loses its middle: the cause stands at its end, the border at its beginning
REPEAT_S = 60.0  # so long the same fault is only counted
KNOWN_FAULTS = 256  # places in the code whose faults are told apart
OLD_SUFFIX = ".1"
_APPEND = os.O_WRONLY | os.O_APPEND | os.O_CREAT


class _Known(NamedTuple):
    """A fault that has been written."""

    reference: str
    mark: float  # monotonic seconds
    repeats: int  # since then


class FaultLog:
    """One process' way to the log. All methods may be called from any thread, and none of them raises."""

    def __init__(self, path: str, process: str) -> None:
        """`process` names this one in its entries."""
        self.path = path
        self.tell: Callable[[str], None] | None = None  # told the sentence of each new entry, in any thread
        self._process = process
        self._lock = threading.Lock()
        self._count = 0
        self._known: dict[tuple[str, str, int], _Known] = {}
        self._crashes: int | None = None  # the descriptor for crashes, once they are watched for

    def caught(self, where: str, error: BaseException) -> str:
        """Write down an exception that reached a border; returns a sentence for a person."""
        with self._lock:
            place = _place_of(error)
            known = self._known.get(place)
            now = time.monotonic()
            if known is not None and now - known.mark < REPEAT_S:
                self._known[place] = known._replace(repeats=known.repeats + 1)
                return _sentence(error, known.reference)
            if len(self._known) >= KNOWN_FAULTS:
                self._known.clear()
            self._count += 1
            reference = f"{os.getpid()}-{self._count}"
            self._known[place] = _Known(reference, now, 0)
        again = f" ({known.repeats} more like {known.reference})" if known is not None and known.repeats else ""
        trace = "".join(traceback.format_exception(error))
        is_written = self.write(f"[{reference}] In {where}{again}: {trace}")
        sentence = _sentence(error, reference)
        complain(
            f"harrier: {sentence} ({self.path})" if is_written else f"harrier: {sentence}\n{trace}", keeps_lines=True
        )
        if self.tell is not None:
            try:
                self.tell(sentence)
            except Exception as silenced:
                self.write(f"The fault could not be told: {silenced!r}")
        return sentence

    def write(self, text: str) -> bool:
        """Add an entry; returns whether that could be done."""
        stamp = time.strftime("%Y-%m-%d %H:%M:%S")
        lines = (
            spelled_out(text, keeps_lines=True).rstrip().replace("\n", "\n  ")
        )  # an entry begins where a line is not indented
        entry = f"{stamp} {self._process} ({os.getpid()}) {lines}\n".encode("utf-8", "backslashreplace")
        try:
            descriptor = self._open()
            try:
                os.write(descriptor, _shortened(entry))
                if self._crashes is not None:
                    self._watch(descriptor)
            finally:
                os.close(descriptor)
        except OSError:
            return False  # a home that is full must not keep Harrier from working
        return True

    def watch_for_crashes(self) -> None:
        """From now on a crash in native code leaves the stacks of all threads here."""
        try:
            descriptor = self._open()
            try:
                self._watch(descriptor)
            finally:
                os.close(descriptor)
        except OSError:
            pass

    def _watch(self, descriptor: int) -> None:
        """Have crashes told to the log that this is: the one before may have been moved aside, and then deleted."""
        with self._lock:
            old = self._crashes
            if old is not None and os.path.samestat(os.fstat(old), os.fstat(descriptor)):
                return
            self._crashes = os.dup(descriptor)  # stays open: a crash opens nothing
            faulthandler.enable(self._crashes)
            if old is not None:
                os.close(old)

    def _open(self) -> int:
        """The log, opened; moved aside before that if it is too long. Raises OSError."""
        descriptor = open_plain(self.path, _APPEND)
        if os.fstat(descriptor).st_size < LOG_LIMIT_BYTES:
            return descriptor
        try:
            # Who waited here could be kept waiting by a process that is frozen.
            if lock_at_once(descriptor) and os.path.samestat(os.fstat(descriptor), os.stat(self.path)):
                os.replace(self.path, self.path + OLD_SUFFIX)
        except OSError:
            return descriptor  # a system that doesn't move what is open: it is moved when only one process is left
        os.close(descriptor)
        return open_plain(self.path, _APPEND)


_log: FaultLog | None = None


def open_fault_log(path: str, process: str) -> FaultLog:
    """Once in each process, at its start: what nobody catches goes to this log from now on, too."""
    global _log
    _log = FaultLog(path, process)
    _log.watch_for_crashes()
    sys.excepthook = _uncaught
    threading.excepthook = _uncaught_in_thread
    return _log


def fault_log_path() -> str:
    """Where this process' log is, for its children; "" without one."""
    return "" if _log is None else _log.path


def caught(where: str) -> str:
    """In an `except` block at a border: write down what was caught. Returns a sentence for a person.

    `where` completes «In …».
    """
    error = sys.exc_info()[1]
    assert error is not None, "nothing was caught"
    return told(where, error)


def told(where: str, error: BaseException) -> str:
    """Like `caught`, for a library that hands the exception over."""
    if _log is not None:
        return _log.caught(where, error)
    complain("".join(traceback.format_exception(error)), keeps_lines=True)  # a part that is used by itself
    return f"Harrier's own fault ({type(error).__name__})."


def _uncaught(kind: type[BaseException], error: BaseException, _trace: TracebackType | None) -> None:
    if not issubclass(kind, KeyboardInterrupt):
        told("what nothing catches", error)


def _uncaught_in_thread(arguments: threading.ExceptHookArgs) -> None:
    if arguments.exc_value is not None:
        name = arguments.thread.name if arguments.thread is not None else "a thread"
        told(f"the thread {name}", arguments.exc_value)


def _place_of(error: BaseException) -> tuple[str, str, int]:
    """What tells one fault from another: the exception's class, and the line that raised it."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return type(error).__name__, "", 0
    return type(error).__name__, trace.tb_frame.f_code.co_filename, trace.tb_lineno


def _sentence(error: BaseException, reference: str) -> str:
    return f"Harrier's own fault ({type(error).__name__}): entry {reference} in harrier.log tells what happened."


def _shortened(entry: bytes) -> bytes:
    if len(entry) <= ENTRY_LIMIT_BYTES:
        return entry
    half = ENTRY_LIMIT_BYTES // 2
    return entry[:half] + b"\n[...]\n" + entry[-half:]
