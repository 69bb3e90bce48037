"""What of a capture lies in the journals, and not in its index yet.

While a recorder lives that is what it is behind with: a moment under load, or for good where it had to give up. Who
reads the capture meanwhile may wait for it, and says what is missing in the end. The recorder is not disturbed: the
journals are looked at from the outside, and the index is read like by everybody.
"""

import os
import time
from collections.abc import Callable, Iterator

from proxy_core.capture.journal import EVENT_RECORD, read_records
from proxy_core.capture.reader import CaptureReader
from proxy_core.capture.segment import is_journal, segment_name, segment_series, segments_in

CATCHING_UP_S = 2.0  # under the highest load a recorder is behind by a fraction of it
_LOOK_S = 0.02  # the recorder's own tick


def untaken(reader: CaptureReader, folder: str, upto: dict[int, int] | None = None) -> Iterator[int]:
    """An item for each event that the index lacks, of all or of those that lie before an end (by segment).

    Raises CaptureError, OSError.
    """
    for segment, end in (journal_ends(folder) if upto is None else upto).items():
        done, offset = reader.progress(segment_series(segment))
        if segment < done or (segment == done and offset >= end):
            continue
        path = os.path.join(folder, segment_name(segment))
        for kind, _, record_end in read_records(path, offset if segment == done else 0):
            if record_end > end:
                break
            if kind == EVENT_RECORD:
                yield segment


def journal_ends(folder: str) -> dict[int, int]:
    """How long each journal is now, by the segment's number. Raises OSError."""
    return {
        segment: os.stat(os.path.join(folder, segment_name(segment))).st_size
        for segment in segments_in(folder)
        if is_journal(segment)
    }


def is_behind(reader: CaptureReader, folder: str, upto: dict[int, int] | None = None) -> bool:
    """Whether there is such an event. Raises CaptureError, OSError."""
    return next(untaken(reader, folder, upto), None) is not None


def caught_up(reader: CaptureReader, folder: str, sleep: Callable[[float], None] | None = None) -> str:
    """Give the recorder a while to take in what lies there now; a sentence about what it has not, "" for nothing.

    Raises CaptureError.
    """
    try:
        upto = journal_ends(folder)
        until = time.monotonic() + CATCHING_UP_S
        while is_behind(reader, folder, upto):
            if time.monotonic() > until:
                count = sum(1 for _ in untaken(reader, folder, upto))
                return behind_text(count) if count else ""
            (sleep or time.sleep)(_LOOK_S)
    except OSError:
        return ""  # what can't be looked at is told by whoever reads it
    return ""


def behind_text(count: int) -> str:
    """A sentence about changes that are not there."""
    what = "1 change that lies" if count == 1 else f"{count:,} changes that lie"
    return f"Not there yet: {what} in the journals, which the recording has not taken in."
