"""From body bytes to the places where they lie: records in the journal, or a segment of a large body's own.

While an exchange is short its bytes wait in its record, and go into the journal in one write with the event of its end
(`place`). What waits too long or grows too large goes before (`write_pending`), since memory must stay flat. A body
that goes on growing gets a file of its own: there a download can be read in place, and has one extent however long it
gets. In the journal each of its pieces would be an extent of every event that tells of it, and a checksum.
"""

from proxy_core.capture.journal import BODY_RECORD, HEADER_SIZE, BodySegment, Journal, JournalFullError, record_header
from proxy_core.engine.recording.exchange_record import ExchangeRecord
from proxy_core.engine.recording.full_disk import FullDisk

PENDING_LIMIT_BYTES = 64 * 1024  # what one receive brings: more would be memory held for nothing
OWN_SEGMENT_BYTES = 256 * 1024  # a body larger than this continues in a segment of its own


class BodyWriter:
    """One worker's."""

    def __init__(self, journal: Journal, full_disk: FullDisk) -> None:
        self._journal = journal
        self._full_disk = full_disk

    def add(self, record: ExchangeRecord, stream: int, data: bytes) -> None:
        """Some more bytes of a body, never none."""
        if record.segments is not None and (segment := record.segments.get(stream)) is not None:
            self._extend(record, stream, segment, data)
            return
        record.pending.append((stream, data))
        record.pending_bytes += len(data)
        if record.pending_bytes > PENDING_LIMIT_BYTES:
            self.write_pending(record)
            if sum(length for _, _, length in record.extents_of(stream)) > OWN_SEGMENT_BYTES:
                self._open_segment(record, stream)

    def write_pending(self, record: ExchangeRecord) -> None:
        """Put what waits into the journal."""
        if self._full_disk.is_resting():
            record.drop_pending()
            return
        parts: list[bytes] = []
        self.place(record, parts)
        try:
            self._journal.write(b"".join(parts))
        except JournalFullError as error:
            self.withdraw(record)
            self._full_disk.rest(error)

    def place(self, record: ExchangeRecord, parts: list[bytes]) -> None:
        """Make records of what waits, as if it were written: `parts` must be appended to the journal next.

        Should that fail, `withdraw`. The event that tells of these bytes goes behind them in the same write, and has to
        say where they lie.
        """
        pending = record.pending
        joined = pending if len(pending) == 1 else _joined(pending)
        journal = self._journal
        segment, offset = journal.segment, journal.offset
        for stream, data in joined:
            offset += HEADER_SIZE
            parts += record_header(BODY_RECORD, data), data
            record.extents_of(stream).append((segment, offset, len(data)))
            offset += len(data)
        record.pending = []
        record.pending_bytes = 0

    def withdraw(self, record: ExchangeRecord) -> None:
        """What was placed could not be written. Others' bytes will lie there."""
        segment, end = self._journal.segment, self._journal.offset
        for extents in record.extents or ():
            while extents and extents[-1][0] == segment and extents[-1][1] > end:
                extents.pop()
                record.has_gap = True

    @staticmethod
    def close(record: ExchangeRecord) -> None:
        """The bodies are over. A segment that nothing has come into goes, and nothing tells of it."""
        for stream, segment in (record.segments or {}).items():
            segment.close()
            if not segment.length:
                record.extents_of(stream).pop()
        record.segments = None

    def _open_segment(self, record: ExchangeRecord, stream: int) -> None:
        if self._full_disk.is_resting():
            return  # nothing would come into it; what still comes of this body asks again
        try:
            segment = self._journal.open_body()
        except OSError:
            return  # the body goes on in the journal, whose next write will tell should the disk be full
        if record.segments is None:
            record.segments = {}
        record.segments[stream] = segment
        record.extents_of(stream).append((segment.segment, 0, 0))

    def _extend(self, record: ExchangeRecord, stream: int, segment: BodySegment, data: bytes) -> None:
        try:
            if not self._full_disk.is_resting():
                segment.write(data)
                record.extents_of(stream)[-1] = (segment.segment, 0, segment.length)
                return
        except JournalFullError as error:
            self._full_disk.rest(error)
        record.has_gap = True


def _joined(pending: list[tuple[int, bytes]]) -> list[tuple[int, bytes]]:
    """One piece for each body that has any."""
    pieces: dict[int, list[bytes]] = {}
    for stream, data in pending:
        pieces.setdefault(stream, []).append(data)
    return [(stream, b"".join(each)) for stream, each in sorted(pieces.items())]
