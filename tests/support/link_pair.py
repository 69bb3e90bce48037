"""Two links in memory, connected to each other: TLS and relays without sockets.

Each direction is a queue of the pieces that were sent; `cut` says in what pieces the other side receives them, so a test
can deliver byte by byte. What goes over is kept in `sent`, for looking at the wire. Waiting needs a greenlet for each
side, as with sockets.
"""

import errno
from collections.abc import Callable, Iterator

from gevent.queue import Queue

from proxy_core.engine.links.link import RECEIVE_LIMIT

Cut = Callable[[bytes], Iterator[bytes]]


def whole(data: bytes) -> Iterator[bytes]:
    """As it was sent."""
    yield data


def byte_by_byte(data: bytes) -> Iterator[bytes]:
    """Single bytes."""
    return (data[at : at + 1] for at in range(len(data)))


class MemoryLink:
    """One end; satisfies `Link`."""

    def __init__(self, cut: Cut) -> None:
        self.peer_host = self.local_host = "memory"
        self.peer_port = self.local_port = 0
        self.read_limit_s = self.write_limit_s = 10.0
        self.is_truncated = False
        self.sent: list[bytes] = []
        self.is_closed = self.is_aborted = self.has_sent_eof = False
        self.peer: MemoryLink | None = None
        self.cut = cut  # what is sent from now on
        self._pieces: Queue[bytes | OSError] = Queue()
        self._rest = b""

    def receive(self, limit: int = RECEIVE_LIMIT) -> bytes:
        if self.is_closed:
            raise OSError(errno.EBADF, "the link is closed")
        if not self._rest:
            piece = self._pieces.get(timeout=self.read_limit_s)
            if isinstance(piece, OSError) or not piece:
                self._pieces.put(piece)  # an end stays an end
                if isinstance(piece, OSError):
                    raise piece
                return b""
            self._rest = piece
        data, self._rest = self._rest[:limit], self._rest[limit:]
        return data

    def send(self, data: bytes) -> None:
        if self.is_closed or self.has_sent_eof:
            raise BrokenPipeError(errno.EPIPE, "the link is closed")
        assert self.peer is not None
        self.sent.append(bytes(data))
        if not self.peer.is_closed:
            for piece in self.cut(bytes(data)):
                self.peer._pieces.put(piece)

    def send_eof(self) -> None:
        self._put_end(b"")

    def close(self) -> None:
        self._put_end(b"")
        self.is_closed = True

    def abort(self) -> None:
        self._put_end(ConnectionResetError(errno.ECONNRESET, "reset"))
        self.is_closed = self.is_aborted = True

    def _put_end(self, end: bytes | OSError) -> None:
        if not self.has_sent_eof:
            self.has_sent_eof = True
            assert self.peer is not None
            self.peer._pieces.put(end)

    def is_readable(self) -> bool:
        return bool(self._rest) or not self._pieces.empty()


def link_pair(cut: Cut = whole) -> tuple[MemoryLink, MemoryLink]:
    """Two connected ends; both directions are cut alike."""
    left, right = MemoryLink(cut), MemoryLink(cut)
    left.peer, right.peer = right, left
    return left, right
