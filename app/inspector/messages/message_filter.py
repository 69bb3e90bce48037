"""Which messages are wanted: by what they say, who said it, and what they are. No Qt."""

from collections.abc import Callable
from typing import NamedTuple

from proxy_core.model.exchange import Side
from proxy_core.model.message_row import MessageFlag, MessageRow, Opcode

_CONTROL = frozenset((Opcode.CLOSE, Opcode.PING, Opcode.PONG))
_BINARY = frozenset((Opcode.BINARY, Opcode.FIRST_BYTES, Opcode.CONTINUATION))
_TEXT = frozenset((Opcode.TEXT, Opcode.EVENT, Opcode.LINE))

# What the fields offer, in their order: the first of each is all of them.
DIRECTIONS: tuple[tuple[str, Side | None], ...] = (
    ("Both ways", None),
    ("Sent", Side.CLIENT),
    ("Received", Side.UPSTREAM),
)
KINDS: tuple[tuple[str, Callable[[MessageRow], bool] | None], ...] = (
    ("All types", None),
    ("Text", lambda row: row.opcode in _TEXT),
    ("Binary", lambda row: row.opcode in _BINARY),
    ("Control", lambda row: row.opcode in _CONTROL),
    ("Flawed", lambda row: bool(row.flags & MessageFlag.INVALID)),
)


class MessageFilter(NamedTuple):
    """What the fields say; each as its place in the table."""

    text: str = ""
    direction: int = 0
    kind: int = 0

    @property
    def is_empty(self) -> bool:
        """Whether all are wanted."""
        return self == _ALL

    def wants(self, row: MessageRow) -> bool:
        """Whether a message is one of those, but for its text."""
        side, is_kind = DIRECTIONS[self.direction][1], KINDS[self.kind][1]
        return (side is None or row.side == side) and (is_kind is None or is_kind(row))

    def sought(self) -> bytes:
        """What `says` wants."""
        return self.text.lower().encode("utf-8", "replace")


_ALL = MessageFilter()
