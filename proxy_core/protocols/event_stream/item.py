"""What readers of such bodies yield: an event of an event stream, or one JSON text."""

from typing import NamedTuple

# Kept of one item. What is behind it lies in the body, which is recorded as a whole; pages and programs that put whole
# answers of a model or pictures into an event stay below.
KEPT_LIMIT_BYTES = 1024 * 1024


class Item(NamedTuple):
    """An item that has come whole, or was cut off."""

    data: bytes
    size: int  # of all its data
    is_whole: bool  # else the body ended in the middle of it
    event: str = ""
    event_id: str = ""
    retry_ms: int | None = None
