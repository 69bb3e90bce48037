"""What scripts print and log, as lines; no more of them in a second than a person's window can take."""

import io
import logging
import time
from collections.abc import Callable
from typing import NamedTuple

LINES_PER_S = 1_000
LONGEST_LINE = 4_000  # characters
_clock = time.monotonic


class Line(NamedTuple):
    """One."""

    level: str  # debug, info, warn, error
    text: str
    place: str = ""  # «FILE:LINE» of what a script did wrong
    key: str = ""  # the exchange that it was about


class Log:
    """Gives lines on, and counts those that are too many."""

    def __init__(self, give: Callable[[Line], None]) -> None:
        self._give = give
        self._second = 0
        self._count = 0
        self._dropped = 0

    def write(self, level: str, text: str, place: str = "", key: str = "") -> None:
        """Each line of a text."""
        second = int(_clock())
        if second != self._second:
            self.flush()
            self._second, self._count = second, 0
        for line in text.splitlines() or [""]:
            if self._count >= LINES_PER_S:
                self._dropped += 1
                continue
            self._count += 1
            self._give(Line(level, line[:LONGEST_LINE], place, key))

    def flush(self) -> None:
        """Tell how many lines were too many."""
        if self._dropped:
            dropped, self._dropped = self._dropped, 0
            self._give(Line("warn", f"{dropped:,} lines more than {LINES_PER_S:,} in a second were left out."))


class Printed(io.TextIOBase):
    """Standard output of scripts: what is printed, line by line."""

    def __init__(self, log: Log, level: str) -> None:
        super().__init__()
        self._log, self._level, self._rest = log, level, ""

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        whole, end, rest = (self._rest + text).rpartition("\n")
        if end:
            self._log.write(self._level, whole)
        self._rest = rest
        if len(rest) > LONGEST_LINE:
            self._log.write(self._level, rest)
            self._rest = ""
        return len(text)


class Logged(logging.Handler):
    """What scripts log by Python's own means."""

    def __init__(self, log: Log) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        level = "error" if record.levelno >= logging.ERROR else "warn" if record.levelno >= logging.WARNING else "info"
        try:
            text = self.format(record)
        except (TypeError, ValueError) as error:
            text = f"{record.msg!s} ({error})"
        self._log.write(level, text)
