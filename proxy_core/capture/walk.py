"""Going over a capture from end to end, for saving and exporting: what is sound comes, what is damaged is counted.

No byte of a capture belongs to two bodies. Who goes over all of them holds to that, lest a few MB in a file from
elsewhere be written a thousand times: a body that has a part of another one is left out.
"""

from collections.abc import Iterator, Sequence

from proxy_core.capture.extents import Extent
from proxy_core.capture.reader import CaptureError, CaptureReader
from proxy_core.model.exchange import ConnectionRow, ExchangeDetail, ExchangeRow
from proxy_core.model.message_record import MessageRecord
from proxy_core.model.message_row import MessageContent, MessageRow

_PAGE = 200


class Walk:
    """One pass over exchanges, in the order of `ids`. Iterate over its pages, and over the exchanges of each."""

    def __init__(self, reader: CaptureReader, ids: Sequence[int]) -> None:
        self.done = 0  # exchanges gone over once this page is, damaged ones too
        self.total = len(ids)
        self._reader = reader
        self._ids = ids
        self._ledger = _Ledger(reader)
        self._lost = reader.lost()
        self._bodies_left_out = 0
        self._bodies_missing = reader.bodies_missing()
        self._connections_lost: set[int] = set()
        self._messages_lost = 0

    def __iter__(self) -> Iterator[Iterator[tuple[ExchangeRow, ExchangeDetail]]]:
        for begin in range(0, self.total, _PAGE):
            page = list(self._ids[begin : begin + _PAGE])
            self.done = begin + len(page)
            yield self._sound(page)

    def _sound(self, page: list[int]) -> Iterator[tuple[ExchangeRow, ExchangeDetail]]:
        damaged: set[int] = set()
        rows = self._rows(page, damaged)
        self._lost += len(damaged)
        for exchange_id in page:
            row = rows.get(exchange_id)
            if row is None:
                continue
            try:
                detail = self._reader.detail(exchange_id)
            except CaptureError:
                detail = None
            if detail is None:
                self._lost += 1
            else:
                yield row, self._with_sound_bodies(detail)

    def _rows(self, page: list[int], damaged: set[int]) -> dict[int, ExchangeRow]:
        try:
            return self._reader.rows(page, damaged)
        except CaptureError:  # too large to be read at once
            singly = [self._reader.rows([exchange_id], damaged) for exchange_id in page]
        return {exchange_id: row for rows in singly for exchange_id, row in rows.items()}

    def _with_sound_bodies(self, detail: ExchangeDetail) -> ExchangeDetail:
        request, response = self._with_sound_body(detail.request), self._with_sound_body(detail.response)
        if request is detail.request and response is detail.response:
            return detail
        self._bodies_left_out += 1
        return detail._replace(request=request, response=response)

    def _with_sound_body(self, message: MessageRecord) -> MessageRecord:
        body, forwarded = self._sound_body(message.body), self._sound_body(message.forwarded_body)
        if body is message.body and forwarded is message.forwarded_body:
            return message
        return message._replace(body=body, forwarded_body=forwarded)

    def _sound_body(self, encoded: bytes | None) -> bytes | None:
        if not encoded:
            return encoded
        try:
            return encoded if self._ledger.enter(self._reader.extents(encoded)) else None
        except CaptureError:
            return None

    def messages(self, exchange_id: int) -> Iterator[tuple[MessageRow, MessageContent]]:
        """The messages of an exchange that can be read, in order."""
        after = 0
        while after >= 0:
            damaged: set[int] = set()
            try:
                page = self._reader.messages(exchange_id, after, damaged=damaged)
            except CaptureError:
                self._messages_lost += 1
                return
            self._messages_lost += len(damaged)
            after = max((*(message.number for message in page), *damaged), default=-1)
            for message in page:
                try:
                    content = self._reader.content(message)
                except CaptureError:
                    self._messages_lost += 1
                    continue
                if content.extents and self._sound_body(content.extents) is None:
                    self._messages_lost += 1
                    content = content._replace(extents=None)
                yield message, content

    def connection(self, key: int) -> ConnectionRow | None:
        """The facts about a connection; None when there are none, or none that can be read."""
        if not key or key in self._connections_lost:
            return None
        try:
            return self._reader.connection(key)
        except CaptureError:
            self._connections_lost.add(key)
            return None

    def remarks(self) -> list[str]:
        """What is not as it was recorded, for a person. To be asked at the end."""
        bodies = self._bodies_left_out + self._reader.bodies_missing() - self._bodies_missing
        told = []
        if self._lost:
            told.append(lost_text(self._lost))
        if bodies:
            told.append(f"Of {_counted(bodies, 'exchange')} the bodies are damaged, and not all there.")
        if self._messages_lost:
            told.append(f"{_counted(self._messages_lost, 'message')} within exchanges can't be read, or not whole.")
        if self._connections_lost:
            told.append(f"The facts about {_counted(len(self._connections_lost), 'connection')} are damaged.")
        return told


class _Ledger:
    """Which parts of a capture bodies have laid claim to."""

    def __init__(self, reader: CaptureReader) -> None:
        self._reader = reader
        self._chunks = bytearray()  # a bit for each chunk of a saved file
        self._claimed: dict[int, int] = {}  # bytes by segment

    def enter(self, extents: list[Extent]) -> bool:
        """Whether nobody else has laid claim to these."""
        return all(self._enter(*extent) for extent in extents)

    def _enter(self, segment: int, offset: int, length: int) -> bool:
        if segment == 0:
            return self._enter_chunk(offset)
        room = self._reader.room(segment)
        claimed = self._claimed.get(segment, 0) + min(length, max(room - offset, 0))
        self._claimed[segment] = claimed
        return claimed <= room

    def _enter_chunk(self, chunk: int) -> bool:
        place, bit = chunk >> 3, 1 << (chunk & 7)
        if place >= len(self._chunks):
            if chunk > self._reader.room(0):
                return False  # they are numbered from 1 on: a file has fewer of them than bytes
            self._chunks.extend(bytes(place - len(self._chunks) + 1024))
        is_free = not self._chunks[place] & bit
        self._chunks[place] |= bit
        return is_free


def lost_text(count: int) -> str:
    """A sentence about exchanges that can't be read."""
    return f"{_counted(count, 'exchange')} can't be read, since the capture is damaged."


def _counted(count: int, what: str) -> str:
    return f"1 {what}" if count == 1 else f"{count:,} {what}s"
