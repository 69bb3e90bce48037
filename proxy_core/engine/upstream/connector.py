"""Making a TCP connection to an upstream: addresses tried as in RFC 8305.

The addresses of both families are interleaved (`Names`) and tried 250 ms apart; the first that answers wins. The loop
guard lives here: a connection that ends at Harrier's own port on this machine is refused before a byte is sent.
"""

import errno
import platform
import socket
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import gevent
from gevent import get_hub
from gevent.queue import Empty, SimpleQueue

from proxy_core.engine.upstream.address import Address
from proxy_core.engine.upstream.names import Names
from proxy_core.engine.upstream.own_address import OwnAddress
from proxy_core.engine.upstream.unix_socket import connect_unix, unix_failure
from proxy_core.engine.upstream.upstream_error import UpstreamError
from proxy_core.model.endpoint import endpoint_text
from proxy_core.model.failure import Failure, FailureKind

NEXT_ADDRESS_S = 0.25  # RFC 8305 §5: Connection Attempt Delay
_UNDER_WAY = (errno.EINPROGRESS, errno.EWOULDBLOCK, errno.EALREADY)
_TELLS_AGAIN = platform.system() == "Linux"  # connect(2): 0 or what it has failed with, EALREADY before


class Connected(NamedTuple):
    """A fresh TCP connection and what it took."""

    sock: socket.socket
    dns_us: int  # -1 for a literal or a remembered name
    connect_us: int


class Connector:
    """Makes TCP connections for one worker."""

    def __init__(self, own_addresses: Sequence[OwnAddress], names: Names, connect_limit_s: float) -> None:
        """`own_addresses` are those that this proxy listens on."""
        self.names = names
        self._own_addresses = own_addresses
        self._connect_limit_s = connect_limit_s

    def connect(self, host: str, port: int) -> Connected:
        """Connect to a name or literal. Raises UpstreamError."""
        start_mark = time.perf_counter()
        addresses, was_looked_up = self.names.find(host, port)
        found_mark = time.perf_counter()
        sock = self._race(addresses, host, port)
        connected_mark = time.perf_counter()
        self._guard(sock, endpoint_text(host, port))
        return Connected(
            sock,
            int((found_mark - start_mark) * 1e6) if was_looked_up else -1,
            int((connected_mark - found_mark) * 1e6),
        )

    def connect_unix(self, path: str) -> Connected:
        """Connect to a Unix socket. Raises UpstreamError."""
        start_mark = time.perf_counter()
        try:
            sock = connect_unix(path, self._connect_limit_s)
        except OSError as error:
            raise UpstreamError(unix_failure(error, path)) from None
        self._guard(sock, path)
        return Connected(sock, -1, int((time.perf_counter() - start_mark) * 1e6))

    def _guard(self, sock: socket.socket, where: str) -> None:
        """Raise UpstreamError, the socket closed, when it leads back to us."""
        if any(own.is_reached_by(sock) for own in self._own_addresses):
            sock.close()
            text = f"{where} is Harrier's own address: the request would come back here for ever."
            raise UpstreamError(Failure(FailureKind.PROXY_LOOP_DETECTED, text))

    def resolve(self, host: str, port: int) -> list[str]:
        """The addresses of a name in the order in which to try them, for who wants no names. Raises UpstreamError."""
        return [str(address[0]) for _, address in self.names.find(host, port)[0]]

    def _race(self, addresses: list[Address], host: str, port: int) -> socket.socket:
        if len(addresses) == 1:
            try:
                return _connect_one(addresses[0], self._connect_limit_s)
            except OSError as error:
                self.names.forget(host, port)
                raise UpstreamError(connect_failure(error, host, port)) from None
        outcomes: SimpleQueue[socket.socket | Exception] = SimpleQueue()
        attempts: list[gevent.Greenlet[..., None]] = []
        end_mark = time.monotonic() + self._connect_limit_s
        waiting = list(addresses)
        last_error: OSError = TimeoutError()
        running = 0
        try:
            while waiting or running:
                if waiting:
                    left_s = end_mark - time.monotonic()
                    attempts.append(gevent.spawn(partial(_attempt, waiting.pop(0), left_s, outcomes.put)))
                    running += 1
                left_s = end_mark - time.monotonic()
                if left_s <= 0:
                    last_error = TimeoutError()
                    break
                outcome = _next_outcome(outcomes, min(NEXT_ADDRESS_S, left_s) if waiting else left_s)
                if outcome is None:
                    continue
                running -= 1
                if isinstance(outcome, OSError):
                    last_error = outcome
                    continue
                if isinstance(outcome, Exception):
                    raise outcome  # our own fault: in the greenlet of the relay, whose border tells it
                return outcome
        finally:
            gevent.killall(attempts)  # each closes its own socket
            while not outcomes.empty():
                late = outcomes.get()
                if isinstance(late, socket.socket):
                    late.close()
        self.names.forget(host, port)
        raise UpstreamError(connect_failure(last_error, host, port))


def _attempt(address: Address, limit_s: float, put: Callable[[socket.socket | Exception], object]) -> None:
    try:
        put(_connect_one(address, limit_s))
    except Exception as error:
        put(error)


def _next_outcome(
    outcomes: "SimpleQueue[socket.socket | Exception]", wait_s: float
) -> "socket.socket | Exception | None":
    try:
        return outcomes.get(timeout=wait_s)
    except Empty:
        return None


def _connect_one(address: Address, limit_s: float) -> socket.socket:
    """One TCP connection; closes the socket itself when it fails or is killed. Raises OSError."""
    sock = socket.socket(address[0], socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        code = sock.connect_ex(address[1])
        if code == errno.EINPROGRESS and _TELLS_AGAIN:
            # On this machine it is there already. To ask again is one system call; to wait until the loop says so takes
            # several, a timer, and a turn of the loop.
            code = sock.connect_ex(address[1])
        if code in _UNDER_WAY:
            with gevent.Timeout(limit_s, TimeoutError(errno.ETIMEDOUT, "the connection was not answered")):
                watcher = get_hub().loop.io(sock.fileno(), 2)
                try:
                    get_hub().wait(watcher)
                finally:
                    watcher.close()
            code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            raise OSError(code, errno.errorcode.get(code, str(code)))
    except BaseException:
        sock.close()
        raise
    return sock


def connect_failure(error: OSError, host: str, port: int) -> Failure:
    """Say why no connection to host:port came about."""
    where = endpoint_text(host, port)
    if isinstance(error, TimeoutError) or error.errno == errno.ETIMEDOUT:
        return Failure(
            FailureKind.CONNECTION_TIMEOUT, f"{where} did not answer in time. Is it switched on and reachable?"
        )
    if error.errno == errno.ECONNREFUSED:
        return Failure(FailureKind.CONNECTION_REFUSED, f"{where} refused the connection. Is the server running there?")
    if error.errno in (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
        return Failure(FailureKind.DESTINATION_IP_UNROUTABLE, f"There is no route to {where} from this machine.")
    if error.errno in (errno.EMFILE, errno.ENFILE):
        return Failure(FailureKind.PROXY_INTERNAL_ERROR, "Harrier has run out of file descriptors: raise `ulimit -n`.")
    return Failure(
        FailureKind.CONNECTION_TERMINATED, f"The connection to {where} broke off ({error.strerror or error})."
    )
