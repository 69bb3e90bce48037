"""A TCP link as the relays use it: blocking verbs over a non-blocking socket, inside greenlets.

One greenlet may receive and another send at the same time, no more. `receive` waits first when the last read emptied
the socket and reads first when it didn't; the read watcher stays armed from one request to the next, so a keep-alive
exchange costs one wake-up and one `recv` a side, without the EAGAIN that a read-first loop pays each time.

Deadlines are swept: every wait notes the coarse clock `DeadlineSweep.now_s`, and one greenlet looks over all of them
once a second. A wait therefore ends up to a second late, and costs no timer.

While nobody receives, a peer that leaves is noticed all the same, where `on_ahead` is set: what comes is taken in ahead
of time, so that the end behind it shows. Once that is `AHEAD_LIMIT_BYTES`, the rest stays in the socket, and the sweep
asks the system each second whether the peer is still there.
"""

import errno
import os
import select
import socket
import struct
from collections.abc import Callable
from typing import Any, Protocol

import gevent
from gevent import get_hub
from greenlet import getcurrent

from proxy_core.engine.links.link import RECEIVE_LIMIT, PeerState
from proxy_core.fault_log import caught

# After a receive that was filled to the brim: a download then costs a quarter of the system calls. Not always: `recv`
# allocates as much as it is allowed to bring, before it knows how little there is.
BULK_RECEIVE_LIMIT = 256 * 1024
_TURN_BYTES = (
    1024 * 1024
)  # a peer that is always ahead of us has the worker's others wait for no longer than this takes
AHEAD_LIMIT_BYTES = RECEIVE_LIMIT  # taken in while nobody receives; what one receive would bring
_READ, _WRITE = 1, 2
_LINGER_RESET = struct.pack("ii", 1, 0)  # SO_LINGER with no time: closing sends RST, and what is unsent is dropped


class Waiting(Protocol):
    """What the sweep looks over: connections, and what waits within them."""

    @property
    def opener(self) -> object:
        """The greenlet that has opened it."""

    def check_deadlines(self, now_s: int) -> None:
        """End a wait that has lasted longer than its limit."""

    def abort(self) -> None:
        """Close with a reset."""


class DeadlineSweep:
    """Ends waits that last too long, for all connections of a worker."""

    def __init__(self) -> None:
        self.now_s = 0  # coarse seconds since the start
        self.waiting: set[Waiting] = set()
        self._greenlet: gevent.Greenlet[..., None] | None = None

    def start(self) -> None:
        """Begin to sweep."""
        if self._greenlet is None:
            self._greenlet = gevent.spawn(self._run)

    def stop(self) -> None:
        """End the sweeping greenlet."""
        if self._greenlet is not None:
            self._greenlet.kill()
            self._greenlet = None

    def abort_opened_by(self, opener: object) -> None:
        """Reset every connection that a greenlet has opened; for a border, whose relay can't close them any more."""
        for waiting in list(self.waiting):
            if waiting.opener is opener:
                waiting.abort()

    def _run(self) -> None:
        while True:
            gevent.sleep(1.0)
            self.now_s += 1
            now_s = self.now_s
            for waiting in list(self.waiting):
                try:
                    waiting.check_deadlines(now_s)
                except Exception:  # one of them must not keep the others waiting for ever
                    caught("the sweep of deadlines")
                    waiting.abort()


class Transport:
    """A `Link` over a connected socket, which it owns."""

    __slots__ = (
        "_ahead",
        "_armed",
        "_drained",
        "_filled_bytes",
        "_hub",
        "_is_closed",
        "_is_reset",
        "_read_since_s",
        "_read_watcher",
        "_reader",
        "_recv",
        "_send",
        "_socket",
        "_sweep",
        "_write_since_s",
        "_write_watcher",
        "_writer",
        "is_truncated",
        "local_host",
        "local_port",
        "on_ahead",
        "opener",
        "peer_host",
        "peer_port",
        "read_limit_s",
        "write_limit_s",
    )

    def __init__(self, sock: socket.socket, sweep: DeadlineSweep, read_limit_s: float, write_limit_s: float) -> None:
        """Take over `sock`. Raises OSError when the peer is gone already."""
        sock.setblocking(False)
        peer, local = sock.getpeername(), sock.getsockname()
        if isinstance(peer, tuple):  # a Unix socket's is a path; to ask for the family costs an enum's making
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.peer_host, self.peer_port = peer[:2]
            self.local_host, self.local_port = local[:2]
        else:
            # An origin's path is worth knowing; a client has none.
            self.peer_host, self.peer_port, self.local_host, self.local_port = os.fsdecode(peer), 0, "", 0
        self._socket = sock
        self._recv = sock.recv
        self._send = sock.send
        self._hub = get_hub()
        self._read_watcher = self._hub.loop.io(sock.fileno(), _READ)
        self._write_watcher: Any = None
        self._armed = False
        self._drained = True
        self._filled_bytes = 0  # by receives that brought as much as they may, since others had their turn
        self._reader: Any = None
        self._writer: Any = None
        self._is_closed = False
        self._is_reset = False  # looking ahead has met a reset; the system tells it once
        self._ahead = bytearray()
        self._sweep = sweep
        self._read_since_s = self._write_since_s = 0
        self.read_limit_s = read_limit_s
        self.write_limit_s = write_limit_s
        self.is_truncated = False
        self.on_ahead: Callable[[], None] | None = None
        self.opener = getcurrent()
        sweep.waiting.add(self)

    # What is known of the socket without asking it: `_drained` says that the last read took less than there was room
    # for, so nothing was left then; `_armed`, that the loop would have told of anything since. The watcher is level-
    # triggered, so it must be off while nobody takes what has come (the loop would spin), and is left on while nothing
    # has (each start and each stop is a system call). A read that filled its buffer leaves `_drained` false, and the
    # next receive reads first: were the socket empty after all, that costs one EAGAIN.

    def receive(self, limit: int = RECEIVE_LIMIT) -> bytes:
        if self._filled_bytes > _TURN_BYTES:
            self._filled_bytes = 0
            gevent.sleep(0)
        while True:
            if self._drained:
                self._wait_readable()
            elif self._ahead:
                return self._take_ahead(limit)
            elif limit == RECEIVE_LIMIT:
                limit = BULK_RECEIVE_LIMIT
            try:
                data = self._recv(limit)
            except (BlockingIOError, InterruptedError):
                self._drained = True
                continue
            self._drained = len(data) < limit
            if not self._drained:
                self._filled_bytes += limit
            return data

    def _wait_readable(self) -> None:
        if self._is_closed:
            raise OSError(errno.EBADF, "the connection is closed")
        if not self._armed:
            self._arm()
        self._read_since_s = self._sweep.now_s
        self._reader = getcurrent()
        try:
            self._hub.switch()
        finally:
            self._reader = None

    def _on_readable(self) -> None:
        # Runs in the hub.
        reader = self._reader
        if reader is not None:
            reader.switch()  # straight from the hub: a callback or an event between them is another turn of the loop
        else:  # nobody waits: remember it, and don't spin on a level-triggered watcher
            self._drained = False
            self._armed = False
            self._read_watcher.stop()
            if self.on_ahead is not None:
                self.on_ahead()

    def look_ahead(self) -> PeerState:
        while len(self._ahead) < AHEAD_LIMIT_BYTES and not self._is_reset:
            try:
                data = self._recv(RECEIVE_LIMIT)
            except (BlockingIOError, InterruptedError):
                self._drained = not self._ahead
                self._arm()
                return PeerState.PRESENT
            except OSError:
                self._is_reset = True
                break
            if not data:
                # What has been sent since may have been answered with a reset.
                is_reset = peer_state(self._socket) is PeerState.RESET
                return PeerState.RESET if is_reset else PeerState.ENDED
            self._ahead += data
        return PeerState.RESET if self._is_reset else peer_state(self._socket)

    def take_ahead(self) -> bytes:
        return self._take_ahead(len(self._ahead))

    def _take_ahead(self, limit: int) -> bytes:
        data = bytes(memoryview(self._ahead)[:limit])
        del self._ahead[:limit]
        self._drained = self._armed and not self._ahead  # it is watched only when it was seen empty
        return data

    def put_back(self, data: bytes) -> None:
        if data:
            self._ahead[:0] = data
            self._drained = False

    def _arm(self) -> None:
        if not self._armed and not self._is_closed:
            self._armed = True
            self._read_watcher.start(self._on_readable)

    def is_readable(self) -> bool:
        # A peek and not a poll: it tells an end and a reset from silence in the same call, and takes none of them away.
        if self._is_closed or self._ahead:
            return True
        try:
            return len(self._recv(1, socket.MSG_PEEK)) >= 0
        except (BlockingIOError, InterruptedError):
            return False
        except OSError:
            return True

    def is_quiet(self) -> bool:
        return self._armed and self._drained

    def send(self, data: bytes) -> None:
        # Sockets take a response at once nearly always, so sending is tried before anything is watched.
        try:
            sent = self._send(data)
        except (BlockingIOError, InterruptedError):
            sent = 0
        if sent != len(data):
            self._send_rest(memoryview(data)[sent:])

    def _send_rest(self, rest: memoryview) -> None:
        while rest:
            self._wait_writable()
            try:
                sent = self._send(rest)
            except (BlockingIOError, InterruptedError):
                continue
            rest = rest[sent:]

    def _wait_writable(self) -> None:
        if self._is_closed:
            raise OSError(errno.EBADF, "the connection is closed")
        if self._write_watcher is None:
            self._write_watcher = self._hub.loop.io(self._socket.fileno(), _WRITE)
        self._write_since_s = self._sweep.now_s
        self._writer = getcurrent()
        self._write_watcher.start(self._writer.switch)
        try:
            self._hub.switch()
        finally:
            self._writer = None
            if self._write_watcher is not None:
                self._write_watcher.stop()

    def check_deadlines(self, now_s: int) -> None:
        """End a wait that has lasted longer than its limit; runs in the sweep's greenlet."""
        reader, writer = self._reader, self._writer
        if reader is not None and now_s - self._read_since_s > self.read_limit_s:
            self._read_since_s = now_s
            self._hub.loop.run_callback(_throw, self, "_reader", TimeoutError("nothing arrived in time"))
        if writer is not None and now_s - self._write_since_s > self.write_limit_s:
            self._write_since_s = now_s
            self._hub.loop.run_callback(_throw, self, "_writer", TimeoutError("the peer took nothing in time"))
        if reader is None and self.on_ahead is not None and not self._armed:
            self._hub.loop.run_callback(self._look_unasked)

    def _look_unasked(self) -> None:
        # Runs in the hub: more had come than is taken in ahead of time, so the watcher is off.
        if self._reader is None and self.on_ahead is not None and not self._is_closed:
            self.on_ahead()

    def send_eof(self) -> None:
        if not self._is_closed:
            try:
                self._socket.shutdown(socket.SHUT_WR)
            except OSError as error:
                if error.errno not in (errno.ENOTCONN, errno.EPIPE, errno.ECONNRESET):
                    raise

    def close(self) -> None:
        if self._is_closed:
            return
        self._is_closed = True
        self._sweep.waiting.discard(self)
        self._read_watcher.stop()
        self._read_watcher.close()
        if self._write_watcher is not None:
            self._write_watcher.stop()
            self._write_watcher.close()
            self._write_watcher = None
        self._socket.close()
        # Who waits here is woken by the loop and not from this greenlet: that one has to go on closing, and where both
        # are one relay's, the other's end must not begin inside the first's.
        closed = OSError(errno.EBADF, "the connection was closed")
        for name in ("_reader", "_writer"):
            if getattr(self, name) is not None:
                self._hub.loop.run_callback(_throw, self, name, closed)

    def abort(self) -> None:
        if not self._is_closed:
            try:
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_RESET)
            except OSError:
                pass  # reset by the peer already
            self.close()


def peer_state(sock: socket.socket) -> PeerState:
    """What the system knows of the peer of a socket that is not read to its end, or was."""
    if hasattr(select, "POLLRDHUP"):  # Linux
        poll = select.poll()
        poll.register(sock, select.POLLRDHUP)
        events = poll.poll(0)
        if not events:
            return PeerState.PRESENT
        return PeerState.RESET if events[0][1] & select.POLLERR else PeerState.ENDED
    # Elsewhere an end behind unread bytes can't be seen; a reset can.
    return PeerState.RESET if sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) else PeerState.PRESENT


def _throw(transport: Transport, waiter_name: str, error: OSError) -> None:
    # Runs in the hub; the greenlet may have been woken since.
    waiter = getattr(transport, waiter_name)
    if waiter is not None:
        waiter.throw(error)
