"""Waiting for the next part of a message: the one loop in which bytes go from a link to a protocol's reader."""

from collections.abc import Callable
from typing import Protocol, TypeVar

from proxy_core.engine.links.link import Link

P_co = TypeVar("P_co", covariant=True)
P = TypeVar("P")


class PartReader(Protocol[P_co]):
    """What every protocol's reader can do."""

    def receive(self, data: bytes) -> None: ...
    def receive_eof(self) -> None: ...
    def next_part(self) -> P_co | None: ...
    @property
    def is_at_end(self) -> bool: ...


def await_part(reader: PartReader[P], link: Link, before_wait: Callable[[], None] | None = None) -> P | None:
    """The next part; None when the peer has ended between messages.

    `before_wait` is called each time before more bytes are waited for. Raises what reader and link raise
    (ProtocolError, TimeoutError, OSError); a side knows what these mean for its exchange.
    """
    while (part := reader.next_part()) is None:
        if before_wait is not None:
            before_wait()
        if data := link.receive():
            reader.receive(data)
        else:
            reader.receive_eof()
            if reader.is_at_end:
                return None
    return part
