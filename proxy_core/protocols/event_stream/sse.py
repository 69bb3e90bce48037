"""Server-sent events (WHATWG HTML, §9.2.6 «Interpreting an event stream»), from the bytes of a decoded body.

Where the standard has a browser throw something away that a person would want to see, it is told: an event that the
stream's end cuts (INCOMPLETE), and a reconnection time that came with no data.
"""

from collections.abc import Iterator

from proxy_core.model.message_row import MessageFlag, Opcode
from proxy_core.protocols.event_stream.event import StreamMessage
from proxy_core.protocols.event_stream.lines import LINE_LIMIT_BYTES, Line, LineReader

_EVENT, _CUT, _INCOMPLETE = int(Opcode.EVENT), int(MessageFlag.CUT), int(MessageFlag.INCOMPLETE)
_BOM = b"\xef\xbb\xbf"
_TEXT_LIMIT_BYTES = 4096  # of an event's type or id: they lie in each message's row
_RETRY_DIGITS = 12  # milliseconds: thirty years


class EventReader:
    """A `StreamReader`."""

    def __init__(self) -> None:
        self._lines = LineReader(ends_with_cr=True)
        self._is_first_line = True
        self._last_id = ""
        self._forget()

    def _forget(self) -> None:
        self._data: list[bytes] = []
        self._size = 0  # with the line feeds between
        self._kept = 0
        self._has_data = False
        self._name = ""
        self._retry_ms: int | None = None

    def receive(self, data: bytes) -> Iterator[StreamMessage]:
        """Read some more bytes."""
        for line in self._lines.receive(data):
            yield from self._read(line)

    def finish(self) -> Iterator[StreamMessage]:
        """The stream is over; what had begun is told as far as it came."""
        rest = self._lines.finish()
        if rest is not None:
            yield from self._read(rest)
        if self._has_data or self._name or self._retry_ms is not None:
            yield self._told(_INCOMPLETE)

    def _read(self, line: Line) -> Iterator[StreamMessage]:
        data, size = line
        if self._is_first_line:
            self._is_first_line = False
            if data.startswith(_BOM):
                data, size = data[len(_BOM) :], size - len(_BOM)
        if not data:
            if self._has_data or self._retry_ms is not None:
                yield self._told(0)
            self._forget()
            return
        name, colon, value = data.partition(b":")
        if value[:1] == b" ":
            value = value[1:]
            colon += b" "
        if name == b"data":
            self._add(value, size - len(name) - len(colon))
        elif name == b"event":
            self._name = _text(value)
        elif name == b"id" and b"\0" not in value:
            self._last_id = _text(value)
        elif name == b"retry" and value.isdigit() and len(value) <= _RETRY_DIGITS:
            self._retry_ms = int(value)

    def _add(self, value: bytes, size: int) -> None:
        if self._has_data:
            self._size += 1
            value = b"\n" + value
        self._has_data = True
        self._size += size
        value = value[: LINE_LIMIT_BYTES - self._kept]
        self._kept += len(value)
        if value:
            self._data.append(value)

    def _told(self, flags: int) -> StreamMessage:
        data = b"".join(self._data)
        flags |= _CUT if len(data) < self._size else 0
        return StreamMessage(_EVENT, flags, self._size, data, self._name, self._last_id, self._retry_ms)


def _text(value: bytes) -> str:
    return value[:_TEXT_LIMIT_BYTES].decode("utf-8", "replace")
