"""What becomes of the recording while the disk is full: traffic goes on, and what is not recorded is counted and told.

Two can find the disk full. The worker, when its journal can't be written: it then *rests*, so that not every exchange
tries in vain, and tries again after `RETRY_S`. And the engine, when the index can't be written: it *suspends* its
workers until it can, since only a recovery would find what they write meanwhile.

An exchange that nobody has heard of is missed, and counted. One that was announced lies open in the capture, and must
not stay so for ever: its end is owed, and told as soon as it can be, without what is missing of its bodies.
"""

import math
import time
from collections.abc import Callable

from proxy_core.engine.recording.exchange_record import Telling
from proxy_core.engine.recording.report import Report

RETRY_S = 1.0  # long enough that trying costs nothing, short enough that who makes room sees it go on
_OWED = int(Telling.OWED)
_MISSED = int(Telling.MISSED)
_HEARD_OF = (int(Telling.ANNOUNCED), int(Telling.TOLD))
_clock = time.perf_counter


class FullDisk:
    """One worker's account of it."""

    def __init__(self, tell: Callable[[int, str], None]) -> None:
        """`tell` takes how many exchanges were missed since the last time, and why, "" when that has been told."""
        self.owed: list[tuple[Report, int]] = []  # the ends that are owed, each with the kind of its event
        self.until_mark = 0.0  # `time.perf_counter` until which nothing is to be written
        self._tell = tell
        self._missed = 0

    def is_resting(self) -> bool:
        """Whether nothing is to be written now."""
        return _clock() < self.until_mark

    def suspend(self, *, on: bool) -> None:
        """The engine's word. Taking it back has the journal tried at once."""
        self.until_mark = math.inf if on else 0.0

    def rest(self, error: OSError) -> None:
        """The journal could not be written: rest, and say so."""
        self.until_mark = _clock() + RETRY_S
        self._tell_missed(error.strerror or str(error))

    def miss(self, report: Report, kind: int) -> None:
        """Its end can't be written now, in an event of this kind."""
        record = report.record
        record.drop_pending()
        if record.telling in _HEARD_OF:
            record.telling = _OWED
            self.owed.append((report, kind))
        else:
            self.give_up(report)

    def give_up(self, report: Report) -> None:
        """Its end never will be told."""
        report.record.telling = _MISSED
        self._missed += 1

    def tell(self) -> None:
        """Tell how many were missed, if any."""
        if self._missed:
            self._tell_missed("")

    def _tell_missed(self, reason: str) -> None:
        missed, self._missed = self._missed, 0
        self._tell(missed, reason)
