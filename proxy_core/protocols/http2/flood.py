"""A peer's manners: frames that cost us work and move nothing are counted (RFC 9113 §10.5).

Nobody needs many of them at rest, and who moves data sends some with it: window updates, PINGs that measure the line.
So of each kind a number is allowed in a period, and more for each frame that did move something, in this period or the
one before.
"""

PINGS = 0
SETTINGS = 1
PRIORITIES = 2
WINDOW_UPDATES = 3
EMPTY_DATA = 4
UNKNOWN = 5
RESETS = 6
GOAWAYS = 7
EXPANSIONS = 8  # heads that are many times their block: a table of 4 KB makes a quarter of a megabyte of sixty bytes
_KINDS = 9

# What one frame that moves something, in either direction, allows besides. A peer may say for each 16 KiB in four steps
# that its windows are open, the stream's and the connection's (Go does), and measure with each (grpc-go).
_FOR_EACH_MOVED = (2, 0, 8, 8, 1, 1, 0, 0, 0)
# Resets of what the peer asked for itself are paid by answers that it did take to their end.
_FOR_EACH_FINISHED = 2


class FloodGuard:
    """Counts for one connection."""

    __slots__ = ("_begin_s", "_counts", "_finished_before", "_limit", "_moved_before", "_period_s", "finished", "moved")

    def __init__(self, limit: int, period_s: float) -> None:
        self._limit = limit
        self._period_s = period_s
        self._begin_s = 0.0
        self._counts = [0] * _KINDS
        self._moved_before = 0
        self._finished_before = 0
        self.moved = 0  # heads and bodies' frames, in either direction
        self.finished = 0  # streams that came to their end

    def tick(self, now_s: float) -> None:
        """It is now this time, on any clock that goes on evenly."""
        if now_s - self._begin_s >= self._period_s:
            self._begin_s = now_s
            self._counts = [0] * _KINDS
            self._moved_before, self.moved = self.moved, 0
            self._finished_before, self.finished = self.finished, 0

    def is_flood(self, kind: int, weight: int = 1) -> bool:
        """One more of this kind, or what counts as so many: is it one too many?"""
        self._counts[kind] += weight
        if self._counts[kind] <= self._limit:
            return False
        allowed = self._limit + _FOR_EACH_MOVED[kind] * (self.moved + self._moved_before)
        if kind == RESETS:
            allowed += _FOR_EACH_FINISHED * (self.finished + self._finished_before)
        return self._counts[kind] > allowed
