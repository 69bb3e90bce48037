"""What a stream's reader yields, whichever kind of stream it is."""

from collections.abc import Iterator
from typing import NamedTuple, Protocol


class StreamMessage(NamedTuple):
    """One message of a stream."""

    opcode: int
    flags: int
    size: int
    data: bytes
    name: str = ""
    event_id: str = ""
    retry_ms: int | None = None


class StreamReader(Protocol):
    """Messages from the bytes of a decoded body."""

    def receive(self, data: bytes) -> Iterator[StreamMessage]:
        """Read some more bytes."""
        ...

    def finish(self) -> Iterator[StreamMessage]:
        """The body is over, or will not come."""
        ...
