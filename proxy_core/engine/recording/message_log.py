"""The messages of one exchange that are not in the journal yet (see `MessageWriter`)."""

import msgspec

from proxy_core.capture.extents import Extent

WAITING_LIMIT_BYTES = 64 * 1024  # as bodies: more would be memory held for nothing
Extras = tuple[str, str, str, int | None]  # remark, name, event id, retry_ms


class UnderWay(msgspec.Struct, eq=False):
    """A message whose end has not come."""

    opcode: int
    number: int = 0  # 0 until some of it has been written
    size: int = 0
    pending: list[bytes] = []
    pending_bytes: int = 0
    extents: list[Extent] = []
    is_untold: bool = False  # more of it was written than told
    has_gap: bool = False


class Ended(msgspec.Struct, eq=False):
    """A message that waits to be told."""

    number: int
    at_us: int
    side: int
    opcode: int
    flags: int
    size: int
    data: bytes  # behind what lies in the extents
    extents: list[Extent]
    extras: Extras


class MessageLog(msgspec.Struct, eq=False):
    """The messages of one exchange that are not in the journal yet; it hangs on the exchange's record."""

    last_number: int = 0
    ended: list[Ended] = []
    waiting_bytes: int = 0
    under_way: list[UnderWay | None] = msgspec.field(default_factory=lambda: [None, None])  # by Side

    @property
    def is_full(self) -> bool:
        """Whether more is waiting than should wait for the tick."""
        return self.waiting_bytes > WAITING_LIMIT_BYTES

    @property
    def has_news(self) -> bool:
        """Whether there is anything to tell."""
        return bool(self.ended) or any(each is not None and each.is_untold for each in self.under_way)
