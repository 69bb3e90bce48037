"""JSON texts one after the other: a line each (JSON Lines, NDJSON), or RFC 7464's sequence, with RS before each.

A text is told as it stands; whether it is JSON is for who looks at it. Of one without end only the beginning is kept.
"""

from proxy_core.protocols.event_stream.item import KEPT_LIMIT_BYTES, Item

LINES = b"\n"
RECORDS = b"\x1e"


class JsonTextReader:
    """Reads one body."""

    def __init__(self, separator: bytes) -> None:
        self._separator = separator
        self._kept = bytearray()
        self._size = 0

    def receive(self, data: bytes) -> list[Item]:
        """The texts that these bytes complete."""
        items: list[Item] = []
        *whole, rest = data.split(self._separator)
        for each in whole:
            self._add(each)
            self._end(items, is_whole=True)
        self._add(rest)
        if self._separator == RECORDS and rest[-1:] == b"\n":
            self._end(items, is_whole=True)  # RFC 7464 §2.4: each text ends so; the next one may be long in coming
        return items

    def receive_eof(self) -> list[Item]:
        """The body has ended; a last line may do without its end."""
        items: list[Item] = []
        # RFC 7464 §2.4: a number without its line feed may be the beginning of another one.
        self._end(items, is_whole=self._separator == LINES)
        return items

    def _add(self, piece: bytes) -> None:
        room = KEPT_LIMIT_BYTES - self._size
        self._size += len(piece)
        if room > 0:
            self._kept += piece[:room]

    def _end(self, items: list[Item], *, is_whole: bool) -> None:
        if not self._size:
            return
        kept = bytes(self._kept)
        data = kept.strip(b" \t\r\n")
        if data:
            items.append(Item(data, self._size - len(kept) + len(data), is_whole))
        self._kept.clear()
        self._size = 0
