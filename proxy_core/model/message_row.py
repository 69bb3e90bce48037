"""A message within an exchange as data: of a WebSocket, or of a response that goes on for ever (events, lines).

An exchange has none, or any number of them, in the order in which they ended. The `MessageRow` is bound to SQL as it
is; what only some have is packed in its `body` (see `MessageContent`). Small payloads lie in there, larger ones where
bodies do.
"""

from collections.abc import Callable
from enum import IntEnum, IntFlag
from typing import NamedTuple

import msgspec

INLINE_LIMIT_BYTES = 1024  # a larger payload has extents: below, they and a record's header would cost about as much
KEPT_LIMIT_BYTES = 16 * 1024 * 1024  # of one message; browsers' tools show far less, and give up beyond 100 MB in all


class Opcode(IntEnum):
    """What a message is: RFC 6455 §5.2, and beyond its sixteen what others have."""

    CONTINUATION = 0  # only where no message had begun
    TEXT = 1
    BINARY = 2
    CLOSE = 8
    PING = 9
    PONG = 10
    EVENT = 16  # of an event stream
    LINE = 17  # of line-delimited JSON
    FIRST_BYTES = 18  # what one side of a tunnel said first


MOST_OPCODE = 255


class MessageFlag(IntFlag):
    """Facts about a message that are yes or no."""

    DEFLATED = 1  # it came compressed; the payload is what it inflates to
    CUT = 2  # only the first bytes of it were kept
    INCOMPLETE = 4  # the connection ended within it
    UNDECODED = 8  # the payload is as it was on the wire: it could not be inflated, or was not to be
    INVALID = 16  # it breaks its standard; `MessageContent.remark` says how
    FRAGMENTED = 32  # it came in several frames


class MessageRow(NamedTuple):
    """In the order of the table `message`."""

    exchange_id: int
    number: int  # within its exchange, from 1 on
    at_us: int  # when its last byte came, microseconds since the epoch
    side: int  # Side: who said it
    opcode: int  # Opcode, or another that stood in the frame
    flags: int  # MessageFlag
    size: int  # bytes of the payload, inflated, also of those that were not kept
    body: bytes | None  # packed MessageContent, absent where nothing of it is there


class MessageContent(NamedTuple):
    """The rest of a message, as it lies packed in `MessageRow.body`."""

    data: bytes | None = None  # the payload itself, when it is small …
    extents: bytes | None = None  # … else where it lies
    remark: str = ""  # sentences about what is odd, one a line
    name: str = ""  # the type of an event, "" where it said none
    event_id: str = ""  # the last event id when it was told
    retry_ms: int | None = None  # the reconnection time that came with it


encode_content: Callable[[tuple[object, ...]], bytes] = msgspec.msgpack.Encoder().encode
_content_decoder = msgspec.msgpack.Decoder(MessageContent)
NO_CONTENT = MessageContent()


def decode_content(data: bytes | None) -> MessageContent:
    """Unpack. Raises msgspec.DecodeError on anything else."""
    if data is None:
        return NO_CONTENT
    try:
        return _content_decoder.decode(data)
    except UnicodeDecodeError as error:
        raise msgspec.DecodeError(str(error)) from None
