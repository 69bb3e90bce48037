"""Server-sent events (WHATWG HTML §9.2.6): the body of a `text/event-stream`, without its content coding.

A line ends with CR, LF or both, an event with an empty line; either may be cut anywhere. What a browser would not hand
on (comments, an event without data) is no item; what has begun when the body ends is one that is not whole. Of lines
and events without end only the beginning is kept.
"""

from proxy_core.protocols.event_stream.item import KEPT_LIMIT_BYTES, Item

_NAME_LIMIT_BYTES = 4096  # of an event's type or id
_MOST_DIGITS = 15
_BOM = b"\xef\xbb\xbf"


class EventReader:
    """Reads one body."""

    def __init__(self) -> None:
        self._line = bytearray()  # the beginning of the line under way …
        self._line_bytes = 0  # … and its length
        self._is_behind_cr = False
        self._is_first = True  # of all lines
        self._data = bytearray()
        self._data_bytes = self._kept_bytes = 0
        self._has_data = False
        self._event = ""
        self._last_id = ""
        self._retry: int | None = None

    def receive(self, data: bytes) -> list[Item]:
        """The events that these bytes complete."""
        items: list[Item] = []
        if self._is_behind_cr and data:
            self._is_behind_cr = False
            if data[:1] == b"\n":
                data = data[1:]
        *whole, rest = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        self._is_behind_cr = self._is_behind_cr or data[-1:] == b"\r"
        for line in whole:
            if self._line:
                self._add(line)
                line = bytes(self._line)
                self._line.clear()
            self._take(line, self._line_bytes or len(line), items)
            self._line_bytes = 0
        if rest:
            self._add(rest)
        return items

    def receive_eof(self) -> list[Item]:
        """The body has ended."""
        if self._line:
            self._take(bytes(self._line), self._line_bytes, [])
        return [self._item(is_whole=False)] if self._has_data else []

    def _add(self, piece: bytes) -> None:
        room = KEPT_LIMIT_BYTES - self._line_bytes
        self._line_bytes += len(piece)
        if room > 0:
            self._line += piece[:room]

    def _take(self, line: bytes, size: int, items: list[Item]) -> None:
        if self._is_first:
            self._is_first = False
            if line.startswith(_BOM):
                line, size = line[len(_BOM) :], size - len(_BOM)
        if not line:
            if self._has_data:
                items.append(self._item(is_whole=True))
            self._forget()
            return
        name, _, value = line.partition(b":")
        lost = size - len(line)  # of the line's end
        value = value.removeprefix(b" ")
        match name:
            case b"data":
                self._add_data(value, lost)
            case b"event":
                self._event = value[:_NAME_LIMIT_BYTES].decode("utf-8", "replace")
            case b"id":
                if b"\x00" not in value:
                    self._last_id = value[:_NAME_LIMIT_BYTES].decode("utf-8", "replace")
            case b"retry":
                if value.isdigit():
                    self._retry = int(value[:_MOST_DIGITS])
            case _:
                pass  # a comment, or a field that is none

    def _add_data(self, value: bytes, lost: int) -> None:
        if self._has_data:
            value = b"\n" + value
        self._has_data = True
        self._data_bytes += len(value) + lost
        value = value[: KEPT_LIMIT_BYTES - self._kept_bytes]
        self._kept_bytes += len(value)
        self._data += value

    def _item(self, *, is_whole: bool) -> Item:
        return Item(bytes(self._data), self._data_bytes, is_whole, self._event, self._last_id, self._retry)

    def _forget(self) -> None:
        self._data.clear()
        self._data_bytes = self._kept_bytes = 0
        self._has_data = False
        self._event = ""
        self._retry = None
