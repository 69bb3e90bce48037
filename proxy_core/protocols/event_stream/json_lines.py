"""JSON a line at a time (ndjson, JSON Lines), also with RFC 7464's record separators, from a decoded body's bytes."""

from collections.abc import Iterator

from proxy_core.model.message_row import MessageFlag, Opcode
from proxy_core.protocols.event_stream.event import StreamMessage
from proxy_core.protocols.event_stream.lines import Line, LineReader

_LINE, _CUT = int(Opcode.LINE), int(MessageFlag.CUT)
_BLANK = b" \t\r\x1e"  # RFC 7464 §2.1: a record separator stands before each text


class JsonLineReader:
    """A `StreamReader`. Whether a line is JSON is not looked at: it is shown as what it is."""

    def __init__(self) -> None:
        self._lines = LineReader(ends_with_cr=False)

    def receive(self, data: bytes) -> Iterator[StreamMessage]:
        """Read some more bytes."""
        for line in self._lines.receive(data):
            yield from self._told(line)

    def finish(self) -> Iterator[StreamMessage]:
        """The last line may do without an end."""
        rest = self._lines.finish()
        if rest is not None:
            yield from self._told(rest)

    @staticmethod
    def _told(line: Line) -> Iterator[StreamMessage]:
        data = line.data.strip(_BLANK)
        if data:
            is_cut = line.size > len(line.data)
            yield StreamMessage(_LINE, _CUT if is_cut else 0, line.size if is_cut else len(data), data)
