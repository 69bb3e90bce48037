"""Two links in memory, connected to each other: for what is to be relayed though no socket is involved.

Each direction is a queue of pieces, bounded in bytes as a socket's buffer is: who sends more waits until the other side
has received. Waiting needs a greenlet for each side, as with sockets.
"""

import errno
import time
from collections import deque
from collections.abc import Callable

from gevent import get_hub
from gevent.event import Event

from proxy_core.engine.links.link import RECEIVE_LIMIT, PeerState

BUFFER_BYTES = 256 * 1024  # in each direction
_LOOK_S = 0.25  # a limit that is lowered during a wait takes effect so late at the most, as the sweep does for sockets
_clock = time.monotonic


class MemoryLink:
    """One end; a `Link`."""

    def __init__(self, name: str) -> None:
        """`name` stands where another link has its peer's address."""
        self.peer_host = self.local_host = name
        self.peer_port = self.local_port = 0
        self.read_limit_s = self.write_limit_s = 60.0
        self.is_truncated = False
        self.on_ahead: Callable[[], None] | None = None
        self._other: MemoryLink | None = None
        self._pieces: deque[bytes] = deque()
        self._buffered = 0
        self._error: OSError | None = None  # a reset by the other side
        self._has_ended = False  # the other side sends no more
        self._is_closed = False
        self._arrived = Event()
        self._has_room = Event()
        self._has_room.set()
        self._is_receiving = False

    def receive(self, limit: int = RECEIVE_LIMIT) -> bytes:
        since = _clock()
        while not self._pieces:
            if self._is_closed:
                raise OSError(errno.EBADF, "the link is closed")
            if self._error is not None:
                raise self._error
            if self._has_ended:
                return b""
            self._arrived.clear()
            self._is_receiving = True
            try:
                if not self._arrived.wait(_left(since, self.read_limit_s)) and _clock() - since >= self.read_limit_s:
                    raise TimeoutError("nothing arrived in time")
            finally:
                self._is_receiving = False
        piece = self._pieces.popleft()
        if len(piece) > limit:
            self._pieces.appendleft(piece[limit:])
            piece = piece[:limit]
        self._buffered -= len(piece)
        if self._buffered < BUFFER_BYTES:
            self._has_room.set()
        return piece

    def send(self, data: bytes) -> None:
        other = self._peer()
        if data:
            since = _clock()
            while not other._has_room.wait(_left(since, self.write_limit_s)):
                if _clock() - since >= self.write_limit_s:
                    raise TimeoutError("the peer took nothing in time")
            other = self._peer()
            other._pieces.append(bytes(data))
            other._buffered += len(data)
            if other._buffered >= BUFFER_BYTES:
                other._has_room.clear()
            other._wake()

    def _peer(self) -> "MemoryLink":
        """The other end, if it still takes anything. Raises OSError."""
        other = self._other
        if self._is_closed or other is None or other._is_closed:
            raise BrokenPipeError(errno.EPIPE, "the link is closed")
        if self._error is not None:
            raise self._error
        return other

    def _wake(self) -> None:
        self._arrived.set()
        if not self._is_receiving and self.on_ahead is not None:
            get_hub().loop.run_callback(self._tell_ahead)  # in the hub, as the contract has it

    def _tell_ahead(self) -> None:
        if not self._is_receiving and not self._is_closed and self.on_ahead is not None:
            self.on_ahead()

    def send_eof(self) -> None:
        if self._other is not None and not self._other._has_ended:
            self._other._has_ended = True
            self._other._wake()

    def close(self) -> None:
        if not self._is_closed:
            self.send_eof()
            self._is_closed = True
            self._let_go()

    def abort(self) -> None:
        if not self._is_closed and self._other is not None:
            self._other._error = ConnectionResetError(errno.ECONNRESET, "the peer has reset the link")
            self._other._pieces.clear()  # as a socket's reset takes back what was not received
            self._other._wake()
        self._is_closed = True
        self._let_go()

    def _let_go(self) -> None:
        """Whoever waits on this end, or for room in it, is to see that it is closed."""
        self._arrived.set()
        self._has_room.set()

    def is_readable(self) -> bool:
        return bool(self._pieces or self._has_ended or self._error is not None or self._is_closed)

    def is_quiet(self) -> bool:
        return not self.is_readable()

    def look_ahead(self) -> PeerState:
        if self._error is not None:
            return PeerState.RESET
        return PeerState.ENDED if self._has_ended else PeerState.PRESENT

    def take_ahead(self) -> bytes:
        taken = b"".join(self._pieces)
        self._pieces.clear()
        self._buffered = 0
        self._has_room.set()
        return taken

    def put_back(self, data: bytes) -> None:
        if data:
            self._pieces.appendleft(data)
            self._buffered += len(data)


def _left(since: float, limit_s: float) -> float:
    """How long to wait before looking again."""
    return max(0.0, min(_LOOK_S, since + limit_s - _clock()))


def memory_links(name: str) -> tuple[MemoryLink, MemoryLink]:
    """Two connected ends."""
    left, right = MemoryLink(name), MemoryLink(name)
    left._other, right._other = right, left
    return left, right
