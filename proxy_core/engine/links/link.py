"""What relays, sides, TLS and tunnels ask of a connection, whatever it runs over: blocking verbs in greenlets."""

from collections.abc import Callable
from enum import Enum
from typing import Protocol

RECEIVE_LIMIT = 64 * 1024  # bytes of one receive


class PeerState(Enum):
    """What looking ahead has found of the peer."""

    PRESENT = 0
    ENDED = 1  # it sends no more; it may still receive (RFC 9112 §9.6)
    RESET = 2


class Link(Protocol):
    """A connection that is open. One greenlet may receive and another send at the same time, no more."""

    peer_host: str
    peer_port: int
    local_host: str
    local_port: int
    read_limit_s: float  # a receive that waits longer raises TimeoutError
    write_limit_s: float
    is_truncated: bool  # the end that was received is not a proper one (TLS without close_notify)
    on_ahead: Callable[[], None] | None  # told in the hub, while nobody receives, that `look_ahead` has news

    def receive(self, limit: int = RECEIVE_LIMIT) -> bytes:
        """Wait for bytes; b"" is the end. Raises OSError, TimeoutError."""
        ...

    def send(self, data: bytes) -> None:
        """Hand all of `data` to the system, waiting for a slow reader. Raises OSError, TimeoutError."""
        ...

    def send_eof(self) -> None:
        """Close our direction only."""
        ...

    def close(self) -> None:
        """Close in order; calling it again does nothing."""
        ...

    def abort(self) -> None:
        """Close with a reset, so that the peer can't take what it has for the whole."""
        ...

    def is_readable(self) -> bool:
        """Whether bytes, an end or an error are there to be received, without waiting."""
        ...

    def look_ahead(self) -> PeerState:
        """Take in what has come, as long as there is room, for later receives; only while nobody waits for it."""
        ...

    def take_ahead(self) -> bytes:
        """All that `look_ahead` has taken in, b"" for nothing."""
        ...

    def put_back(self, data: bytes) -> None:
        """Give back what was received and is another's: the next receive begins with it. Nobody may be receiving."""

    def is_quiet(self) -> bool:
        """Whether nothing was there to be received when the event loop last looked; costs no system call."""
        ...
