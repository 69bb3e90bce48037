"""What the list says of a message: pure functions to short texts. No Qt."""

from datetime import UTC, datetime
from typing import NamedTuple

from proxy_core.formats.amount import size_text
from proxy_core.formats.one_line import one_line
from proxy_core.model.exchange import Side
from proxy_core.model.message_row import MessageContent, MessageFlag, MessageRow, Opcode

EXCERPT_BYTES = 600  # of a payload: more than a line of any window shows
_HEX_BYTES = 48
_NAMES: dict[int, str] = {
    Opcode.CONTINUATION: "fragment",
    Opcode.TEXT: "text",
    Opcode.BINARY: "binary",
    Opcode.CLOSE: "close",
    Opcode.PING: "ping",
    Opcode.PONG: "pong",
    Opcode.EVENT: "event",
    Opcode.LINE: "line",
    Opcode.FIRST_BYTES: "bytes",
}
_TEXTS = frozenset((Opcode.TEXT, Opcode.EVENT, Opcode.LINE))
_FACTS = (
    (MessageFlag.CUT, "only the beginning is recorded"),
    (MessageFlag.INCOMPLETE, "it ended before its end"),
    (MessageFlag.UNDECODED, "as it was on the wire"),
    (MessageFlag.DEFLATED, "compressed on the wire"),
    (MessageFlag.FRAGMENTED, "sent in fragments"),
)


class ListedMessage(NamedTuple):
    """A message as its row in the list shows it."""

    row: MessageRow
    kind: str
    excerpt: str
    remark: str  # what is wrong with it

    @property
    def is_unfinished(self) -> bool:
        """Whether more of it may come."""
        return bool(self.row.flags & MessageFlag.INCOMPLETE)


def listed(row: MessageRow, content: MessageContent, beginning: bytes) -> ListedMessage:
    """`beginning` is of the payload: `EXCERPT_BYTES` of it, if it has as many."""
    return ListedMessage(row, kind_text(row, content), excerpt(row, beginning), one_line(content.remark))


def kind_text(row: MessageRow, content: MessageContent) -> str:
    """What it is, in a word or two."""
    if row.opcode == Opcode.EVENT and content.name:
        return one_line(content.name, 80)
    return _NAMES.get(row.opcode, f"opcode {row.opcode}")


def excerpt(row: MessageRow, data: bytes) -> str:
    """The beginning of what it says, in one line."""
    if row.opcode == Opcode.CLOSE:
        return close_text(data)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        # The beginning of a long one may end within a character.
        is_cut = error.start > len(data) - 4 and len(data) >= EXCERPT_BYTES
        if row.opcode not in _TEXTS and not is_cut:
            return _hex(data)
        text = data.decode("utf-8", "replace")
    if row.opcode not in _TEXTS and not _is_readable(text):
        return _hex(data)
    return one_line(" ".join(text.split()), EXCERPT_BYTES)


def _is_readable(text: str) -> bool:
    return all(each.isprintable() or each in "\r\n\t" for each in text)


def copied_text(row: MessageRow, data: bytes) -> str:
    """What is copied of a message: its text, or its bytes in hex."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return data.hex(" ")
    return text if row.opcode in _TEXTS or _is_readable(text) else data.hex(" ")


def close_text(data: bytes) -> str:
    """Code and reason of a close (RFC 6455 §5.5.1)."""
    if len(data) < 2:
        return "without a code"
    reason = one_line(data[2:].decode("utf-8", "replace"))
    return f"{int.from_bytes(data[:2], 'big')} {reason}".strip()


def _hex(data: bytes) -> str:
    return data[:_HEX_BYTES].hex(" ")


def direction_text(row: MessageRow) -> str:
    """An arrow, as the list has it."""
    return "↑" if row.side == Side.CLIENT else "↓"


def direction_name(row: MessageRow) -> str:
    """In words."""
    return "sent" if row.side == Side.CLIENT else "received"


def clock_text(at_us: int) -> str:
    """The time of day, to the millisecond, where the reader is; "" where a file did not tell it."""
    if not at_us:
        return ""
    try:
        moment = datetime.fromtimestamp(at_us / 1e6, UTC).astimezone()
    except (OverflowError, OSError, ValueError):
        return "unknown"
    return f"{moment:%H:%M:%S}.{moment.microsecond // 1000:03d}"


def facts_text(message: ListedMessage, content: MessageContent) -> str:
    """All that is known of one message beside what it says, in a line."""
    row = message.row
    said = [f"{direction_text(row)} {clock_text(row.at_us)}", message.kind, size_text(row.size)]
    if content.event_id:
        said.append(f"id {one_line(content.event_id, 200)}")
    if content.retry_ms is not None:
        said.append(f"retry {content.retry_ms:,} ms")
    said += [text for flag, text in _FACTS if row.flags & flag]
    return " · ".join(said)


def count_text(count: int, of: int | None = None) -> str:
    """`1 message`, `37 of 1,204 messages`."""
    total = count if of is None else of
    what = "message" if total == 1 else "messages"
    return f"{count:,} {what}" if of is None else f"{count:,} of {of:,} {what}"
