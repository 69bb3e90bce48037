"""Which messages are wanted: by what they say, who said it, and what they are. No Qt."""

from typing import NamedTuple

from proxy_core.formats.one_line import one_line
from proxy_core.model.exchange import Side
from proxy_core.model.message_row import MessageContent, MessageFlag, MessageRow, Opcode

_TITLE_LIMIT = 40  # characters of an event's type, as the field offers it


class Kind(NamedTuple):
    """A kind of message that one may want alone."""

    title: str
    opcodes: frozenset[int] = frozenset()  # none: whatever they are
    event: str | None = None  # events of this type alone, "" for those that said none
    flag: int = 0  # MessageFlag that all of them have

    def has(self, row: MessageRow) -> bool:
        """Whether a message is of this kind, but for the type of an event."""
        return (not self.opcodes or row.opcode in self.opcodes) and row.flags & self.flag == self.flag


ALL = Kind("All types")
FLAWED = Kind("Flawed", flag=MessageFlag.INVALID)
KINDS = (
    Kind("Text", frozenset((Opcode.TEXT,))),
    Kind("Binary", frozenset((Opcode.BINARY, Opcode.CONTINUATION))),
    Kind("Control", frozenset((Opcode.CLOSE, Opcode.PING, Opcode.PONG))),
    Kind("Lines", frozenset((Opcode.LINE,))),
    Kind("First bytes", frozenset((Opcode.FIRST_BYTES,))),
)
_EVENTS = frozenset((Opcode.EVENT,))

# What the field offers, in its order: the first is both.
DIRECTIONS: tuple[tuple[str, Side | None], ...] = (
    ("Both ways", None),
    ("Sent", Side.CLIENT),
    ("Received", Side.UPSTREAM),
)


def kinds_of(row: MessageRow, content: MessageContent) -> list[Kind]:
    """The kinds that a message belongs to; an event's type is one of its own."""
    if row.opcode == Opcode.EVENT:
        title = one_line(content.name, _TITLE_LIMIT) if content.name else "event"
        kinds = [Kind(title, _EVENTS, content.name)]
    else:
        kinds = [each for each in KINDS if each.has(row)]
    return [*kinds, FLAWED] if FLAWED.has(row) else kinds


def in_order(kinds: set[Kind]) -> list[Kind]:
    """As the field offers them: all, those that every connection has, the types of events by name, what is flawed."""
    events = sorted((each for each in kinds if each.event is not None), key=lambda each: each.title.lower())
    return [ALL, *(each for each in KINDS if each in kinds), *events, *([FLAWED] if FLAWED in kinds else [])]


class MessageFilter(NamedTuple):
    """What the fields say; the direction as its place in the table."""

    text: str = ""
    direction: int = 0
    kind: Kind = ALL

    @property
    def is_empty(self) -> bool:
        """Whether all are wanted."""
        return self == _ALL

    @property
    def needs_content(self) -> bool:
        """Whether a message's row alone doesn't tell whether it is wanted."""
        return bool(self.text) or self.kind.event is not None

    def wants(self, row: MessageRow) -> bool:
        """Whether a message is one of those, as far as its row tells."""
        side = DIRECTIONS[self.direction][1]
        return (side is None or row.side == side) and self.kind.has(row)

    def wants_event(self, content: MessageContent) -> bool:
        """Whether the type of an event is the wanted one."""
        return self.kind.event is None or content.name == self.kind.event

    def sought(self) -> bytes:
        """What `says` wants."""
        return self.text.lower().encode("utf-8", "replace")


_ALL = MessageFilter()
