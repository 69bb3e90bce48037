"""Which segments nobody needs any more, after exchanges have been deleted from the index.

A segment is needed by who still writes to it, by a journal's replay, and by the bodies of exchanges that stay. A worker
that is asked to rotate its journal first tells of everything under way. So once the index has taken that in, what its
series had written when it was asked is *complete*: the index says who has bytes there, and those are exchanges with
numbers up to the one given last by then. What began later lies in later segments, and is not looked at.
"""

import msgspec

from proxy_core.capture.extents import decode_extents
from proxy_core.capture.segment import segment_series, segments_in
from proxy_core.capture.writer import IndexWriter


class UnneededSegments:
    """Of one live capture, in the recorder's thread."""

    def __init__(self, writer: IndexWriter, folder: str) -> None:
        self._writer = writer
        self._folder = folder
        self._present: set[int] = set()  # when the workers were last asked to rotate
        self._complete: set[int] = set()
        self._last_id = 0

    def begin(self) -> None:
        """The workers are about to be asked to rotate. Raises OSError."""
        self._present = set(segments_in(self._folder))

    def rotated(self, series: int, segment: int) -> None:
        """The index has all that a series has told before it began this journal."""
        if segment not in self._present:  # else it was begun when asked for the time before: another one will come
            self._add(series, self._present)

    def ended(self, series: int) -> None:
        """The index has all that a series will ever tell. Raises OSError."""
        self._add(series, set(segments_in(self._folder)))

    def _add(self, series: int, segments: set[int]) -> None:
        self._complete |= {each for each in segments if segment_series(each) == series}
        self._last_id = self._writer.last_id

    def replayed(self) -> None:
        """What the index had missed was taken in again, in another order perhaps."""
        self._last_id = self._writer.last_id

    def found(self) -> list[int]:
        """These. Raises CaptureFullError, OSError."""
        self._complete.intersection_update(segments_in(self._folder))
        unneeded = set(self._complete)
        if unneeded:
            for encoded in self._writer.bodies_upto(self._last_id):
                try:
                    unneeded -= {segment for segment, _, _ in decode_extents(encoded)}
                except msgspec.DecodeError:
                    continue  # nobody can read that body
        return sorted(unneeded)
