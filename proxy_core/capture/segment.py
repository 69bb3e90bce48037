"""The segment files of a live capture by number and name, with nothing of what is in them.

Each worker writes a series of its own, numbered by the supervisor from 1 and never used again, so that no two processes
ever open the same file. Within a series journals and bodies are counted apart; a bit tells them from each other, which
makes every body's number larger than every journal's of its series.
"""

import errno
import os

_COUNT_BITS = 20  # the highest of which is `_BODY_BIT`
_BODY_BIT = 1 << 19
_LARGEST = 2**52  # far beyond the last worker that any engine starts, and within what an index can hold
COUNT_LIMIT = _BODY_BIT  # one beyond would look like a segment of the other sort, and further on of another worker


def segment_number(series: int, count: int, *, is_body: bool = False) -> int:
    """The number of the `count`-th journal or body (from 1) of a series. Raises OSError where there are no more."""
    if count >= COUNT_LIMIT:
        raise OSError(errno.ENFILE, "a worker has written as many segments as it has numbers")
    return series << _COUNT_BITS | (_BODY_BIT if is_body else 0) | count


def segment_series(segment: int) -> int:
    """Which series a segment belongs to."""
    return segment >> _COUNT_BITS


def is_journal(segment: int) -> bool:
    """Whether a segment consists of records. A raw body never is read as records, whatever its bytes look like."""
    return not segment & _BODY_BIT


def segment_name(segment: int) -> str:
    """The file name of a segment in the live capture's folder."""
    return f"{segment:08x}.seg"


def segments_in(folder: str) -> list[int]:
    """The numbers of the segments in a live capture, ascending. Raises OSError."""
    found = []
    for name in os.listdir(folder):
        stem, _, suffix = name.partition(".")
        if suffix == "seg":
            try:
                segment = int(stem, 16)
            except ValueError:
                continue
            if segment <= _LARGEST and name == segment_name(
                segment
            ):  # else «1.seg» would be a second name of another's
                found.append(segment)
    return sorted(found)


def series_in(folder: str) -> list[int]:
    """The series of which the folder holds segments. Raises OSError."""
    return sorted({segment_series(segment) for segment in segments_in(folder)})
