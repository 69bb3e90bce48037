"""Messages within an exchange on their way into the journal: those of a tick together, in one event and one write.

What is small waits for the tick and lies in the event. What is larger is written as bodies are, before the event that
says where; a message that goes on and on is written as it comes, and told unfinished, so that memory stays flat and a
journal that is rotated loses none of it. A message has its number from its first telling on, and is told again by it.
"""

import time

from proxy_core.capture.extents import encode_extents
from proxy_core.capture.journal import BODY_RECORD, HEADER_SIZE, Journal, JournalFullError, record_header
from proxy_core.engine.recording.full_disk import FullDisk
from proxy_core.engine.recording.message_log import WAITING_LIMIT_BYTES, Ended, Extras, MessageLog, UnderWay
from proxy_core.model.event import EventKind, encode_event
from proxy_core.model.message_row import INLINE_LIMIT_BYTES, MessageFlag, encode_content

_ROW_BYTES = 100  # what a message costs in memory beside its payload, about
_MESSAGES = int(EventKind.MESSAGES)
_CUT, _INCOMPLETE = int(MessageFlag.CUT), int(MessageFlag.INCOMPLETE)
NO_EXTRAS = ("", "", "", None)


class MessageWriter:
    """One worker's."""

    def __init__(self, journal: Journal, full_disk: FullDisk) -> None:
        self._journal = journal
        self._full_disk = full_disk

    def add(self, log: MessageLog, side: int, opcode: int, data: bytes) -> None:
        """Some more of the message that this side is sending."""
        message = log.under_way[side]
        if message is None:
            message = log.under_way[side] = UnderWay(opcode)
        message.size += len(data)
        message.pending.append(data)
        message.pending_bytes += len(data)
        if message.pending_bytes > WAITING_LIMIT_BYTES:
            self._write(log, message)

    def end(
        self, log: MessageLog, side: int, opcode: int, flags: int, size: int, data: bytes, extras: Extras = NO_EXTRAS
    ) -> None:
        """The end of the message that this side was sending; `data` is the last of it."""
        message = log.under_way[side]
        if message is None:
            self.whole(log, side, opcode, flags, size, data, extras)
            return
        log.under_way[side] = None
        if message.has_gap:
            flags |= _CUT
        if not message.number:
            log.last_number = message.number = log.last_number + 1
        data = b"".join((*message.pending, data))
        self._put(log, Ended(message.number, _now_us(), side, opcode, flags, size, data, message.extents, extras))

    def whole(
        self, log: MessageLog, side: int, opcode: int, flags: int, size: int, data: bytes, extras: Extras = NO_EXTRAS
    ) -> None:
        """A message by itself, whatever is under way."""
        log.last_number += 1
        self._put(log, Ended(log.last_number, _now_us(), side, opcode, flags, size, data, [], extras))

    @staticmethod
    def _put(log: MessageLog, message: Ended) -> None:
        log.ended.append(message)
        log.waiting_bytes += len(message.data) + _ROW_BYTES

    @staticmethod
    def drop(log: MessageLog) -> None:
        """What waits won't be recorded."""
        log.ended = []
        log.waiting_bytes = 0

    def place(self, key: int, log: MessageLog, parts: list[bytes]) -> bytes:
        """Make records of the payloads, as if they were written, and the event that tells all of it.

        `parts` must be appended to the journal next, and the event behind them.
        """
        segment, offset = self._journal.segment, self._journal.offset
        rows: list[tuple[object, ...]] = []
        for each in log.ended:
            data, extents = each.data, each.extents
            if data and (extents or len(data) > INLINE_LIMIT_BYTES):
                parts += record_header(BODY_RECORD, data), data
                extents.append((segment, offset + HEADER_SIZE, len(data)))
                offset += HEADER_SIZE + len(data)
            extras = () if each.extras is NO_EXTRAS else each.extras
            packed = None
            if extents:
                packed = encode_content((None, encode_extents(extents), *extras))
            elif data or extras:
                packed = encode_content((data, None, *extras) if extras else (data,))
            rows.append((each.number, each.at_us, each.side, each.opcode, each.flags, each.size, packed))
        self.drop(log)
        for side, message in enumerate(log.under_way):
            if message is not None and message.is_untold:
                message.is_untold = False
                packed = encode_content((None, encode_extents(message.extents)))
                rows.append((message.number, _now_us(), side, message.opcode, _INCOMPLETE, message.size, packed))
        return encode_event((_MESSAGES, key, rows))

    def _write(self, log: MessageLog, message: UnderWay) -> None:
        """Put what has come of a long message into the journal."""
        data = b"".join(message.pending)
        message.pending = []
        message.pending_bytes = 0
        if self._full_disk.is_resting():
            message.has_gap = True
            return
        place = self._journal.segment, self._journal.offset + HEADER_SIZE, len(data)
        try:
            self._journal.write(record_header(BODY_RECORD, data) + data)
        except JournalFullError as error:
            self._full_disk.rest(error)
            message.has_gap = True
            return
        message.extents.append(place)
        message.is_untold = True
        if not message.number:
            log.last_number = message.number = log.last_number + 1


def _now_us() -> int:
    return int(time.time() * 1e6)
