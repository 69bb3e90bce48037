"""Bringing an index up to what the journals hold: after a dead worker, a dead engine, or a full disk.

The index says for each series up to where its journal was taken in (`progress`). What lies behind is replayed record by
record; a torn record at the end is where the worker was killed. Replaying twice changes nothing, since `progress` moves
in the same transaction.
"""

import errno
import os
import sqlite3
from collections.abc import Iterator
from typing import NamedTuple

from proxy_core.capture.journal import DAMAGED_RECORD, EVENT_RECORD, read_records
from proxy_core.capture.live import CaptureLock
from proxy_core.capture.opening import ForeignIndexError, OtherFormatError, is_unwritable, sqlite_error_text
from proxy_core.capture.reader import (
    BusyCaptureError,
    CaptureError,
    OtherFormatCaptureError,
    UnwritableError,
)
from proxy_core.capture.segment import is_journal, segment_name, segment_series, segments_in, series_in
from proxy_core.capture.writer import INDEX_NAME, NOTHING_APPLIED, Applied, CaptureFullError, IndexWriter
from proxy_core.model.failure import FailureKind
from proxy_core.plain_file import os_error_text

ENDED_TEXT = "Harrier ended while this exchange was under way."
_BATCH_BYTES = 4 * 1024 * 1024
_TO_THE_END = (2**63, 0)
_UNWRITABLE = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO))

_NO_ROOM = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE, errno.ENOMEM))  # it may pass


class Recovery(NamedTuple):
    """What was repaired."""

    exchanges: int  # in the capture now
    replayed: int  # changes that only the journals held
    marked_failed: int  # exchanges that were under way
    unread: str  # a sentence about records that could not be read, "" for none
    unread_count: int


def recover(folder: str, index: str = "") -> Recovery:
    """Make a live capture whole that was not closed, or (then nothing in the folder changes) the copy `index` of its
    index, which is made when it isn't there.

    Raises UnwritableError when there is no room for it, BusyCaptureError when it is being recorded, CaptureError when
    it can't be read.
    """
    try:
        lock = None if index else CaptureLock(folder)
        try:
            return _recover(folder, index or os.path.join(folder, INDEX_NAME))
        finally:
            if lock is not None:
                lock.release()
    except BlockingIOError:
        raise BusyCaptureError(f"{folder} is being recorded right now: stop that recording first.") from None
    except CaptureFullError as error:
        raise UnwritableError(f"{folder} can't be repaired ({error}).") from None
    except OSError as error:
        kind = UnwritableError if error.errno in _UNWRITABLE else CaptureError
        raise kind(f"{folder} can't be repaired ({os_error_text(error)}).") from None
    except OtherFormatError as error:
        raise OtherFormatCaptureError(f"{folder} {error}.") from None
    except ForeignIndexError as error:
        raise CaptureError(f"{folder} {error}.") from None
    except (sqlite3.Error, OverflowError) as error:
        kind = UnwritableError if is_unwritable(error) else CaptureError
        raise kind(f"{folder} can't be repaired ({sqlite_error_text(error)}).") from None


def _recover(folder: str, index: str) -> Recovery:
    writer = IndexWriter(index)
    try:
        replayed = 0
        for series in series_in(folder):
            replayed += len(replay_series(writer, folder, series).rows)
        marked = len(writer.mark_open_as_failed(None, FailureKind.ENGINE_DIED, ENDED_TEXT).rows)
        total = writer.total
    except BaseException:
        writer.abandon()
        raise
    writer.close(closed=True)
    return Recovery(total, replayed, marked, writer.unread.sentence(), writer.unread.count)


def replay_series(writer: IndexWriter, folder: str, series: int, upto: tuple[int, int] = _TO_THE_END) -> Applied:
    """Take in what a series' journals hold behind its progress, up to (segment, offset). Commits.

    The rows of the result may be many.
    """
    segment_done, offset_done = writer.progress(series)
    merged = NOTHING_APPLIED
    for segment in segments_in(folder):
        if segment_series(segment) != series or not segment_done <= segment <= upto[0] or not is_journal(segment):
            continue
        path = os.path.join(folder, segment_name(segment))
        events: list[bytes] = []
        size = 0
        end = offset = offset_done if segment == segment_done else 0
        for kind, payload, record_end in _readable_records(path, offset):
            if (segment, record_end) > upto:
                break
            end = record_end
            if kind == DAMAGED_RECORD:
                writer.unread.keep(payload)
            if kind == EVENT_RECORD:
                events.append(payload)
                size += len(payload)
                if size > _BATCH_BYTES:
                    merged = _merge(merged, writer.apply(events, (series, segment, end)))
                    writer.commit()
                    events, size = [], 0
        if events:
            merged = _merge(merged, writer.apply(events, (series, segment, end)))
            writer.commit()
    return merged


def _readable_records(path: str, offset: int) -> Iterator[tuple[int, bytes, int]]:
    """The records of a journal. One that can't be read is one damaged record, and no reason to read no other."""
    end = offset
    try:
        for kind, payload, record_end in read_records(path, offset):
            end = record_end
            yield kind, payload, record_end
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise
        yield DAMAGED_RECORD, os_error_text(error).encode(), end


def _merge(one: Applied, other: Applied) -> Applied:
    changed = [each for each in (one.changed_from_id, other.changed_from_id) if each]
    return Applied(
        one.rows + other.rows,
        one.first_new_id or other.first_new_id,
        other.last_new_id or one.last_new_id,
        min(changed, default=0),
        max(one.changed_to_id, other.changed_to_id),
        one.not_recorded + other.not_recorded,
        other.problem or one.problem,
    )
