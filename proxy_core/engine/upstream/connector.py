"""Making a TCP connection to an upstream: names looked up without blocking, addresses tried as in RFC 8305.

Look-ups run in gevent's thread pool and are kept for a few seconds. The addresses of both families are interleaved and
tried 250 ms apart; the first that answers wins. The loop guard lives here: a connection that ends at Harrier's own port
on this machine is refused before a byte is sent.
"""

import errno
import socket
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import gevent
from gevent import get_hub
from gevent.queue import Empty, SimpleQueue

from proxy_core.engine.upstream.own_address import OwnAddress
from proxy_core.engine.upstream.unix_socket import connect_unix, unix_failure
from proxy_core.model.endpoint import endpoint_text
from proxy_core.model.failure import Failure, FailureKind

NEXT_ADDRESS_S = 0.25  # RFC 8305 §5: Connection Attempt Delay
LOOKUP_KEPT_S = 30.0
LOOKUPS_KEPT = 1024
_LOCALHOST = "localhost"

Address = tuple[socket.AddressFamily, tuple[str | int | bytes, ...]]


class UpstreamError(Exception):
    """No connection: `failure` says why. `connection` is the key of one that TCP had but TLS refused, else 0."""

    def __init__(self, failure: Failure, connection: int = 0) -> None:
        super().__init__(failure.text)
        self.failure = failure
        self.connection = connection
        self.spent_us = 0  # before the request came that this answers


class Connected(NamedTuple):
    """A fresh TCP connection and what it took."""

    sock: socket.socket
    dns_us: int  # -1 for a literal or a remembered name
    connect_us: int


class Connector:
    """Makes TCP connections for one worker."""

    def __init__(self, own_addresses: Sequence[OwnAddress], connect_limit_s: float) -> None:
        """`own_addresses` are those that this proxy listens on."""
        self._own_addresses = own_addresses
        self._connect_limit_s = connect_limit_s
        self._lookups: dict[tuple[str, int], tuple[float, list[Address]]] = {}

    def connect(self, host: str, port: int) -> Connected:
        """Connect to a name or literal. Raises UpstreamError."""
        start_mark = time.perf_counter()
        addresses, was_looked_up = self._addresses(host, port)
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

    def _addresses(self, host: str, port: int) -> tuple[list[Address], bool]:
        """Where to try, and whether a name had to be looked up for it."""
        name = host.removesuffix(".")
        if name == _LOCALHOST or name.endswith("." + _LOCALHOST):
            # RFC 6761 §6.3: these names mean this machine, and nobody is to be asked: a system's file may know one
            # family only, and the server listen on the other. In the order of browsers.
            return [(socket.AF_INET6, ("::1", port)), (socket.AF_INET, ("127.0.0.1", port))], False
        key = (host, port)
        known = self._lookups.get(key)
        now = time.monotonic()
        if known is not None and now < known[0]:
            return known[1], False
        is_literal = _is_literal(host)
        try:
            if is_literal:
                addresses = _look_up(host, port, socket.AI_NUMERICHOST)
            else:
                with gevent.Timeout(self._connect_limit_s):
                    outcome = get_hub().threadpool.apply(_look_up_quietly, (host, port))
                if not isinstance(outcome, list):
                    raise outcome
                addresses = outcome
        except gevent.Timeout:
            raise UpstreamError(
                Failure(FailureKind.DNS_TIMEOUT, f"The name {host} could not be looked up in time.")
            ) from None
        except (OSError, UnicodeError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else "it is not a valid name"
            raise UpstreamError(
                Failure(FailureKind.DNS_ERROR, f"The name {host} could not be found ({reason}). Is it spelled right?")
            ) from None
        addresses = _interleave(addresses)
        if len(self._lookups) >= LOOKUPS_KEPT:
            self._lookups.clear()
        self._lookups[key] = (now + LOOKUP_KEPT_S, addresses)
        return addresses, not is_literal

    def _race(self, addresses: list[Address], host: str, port: int) -> socket.socket:
        if len(addresses) == 1:
            try:
                return _connect_one(addresses[0], self._connect_limit_s)
            except OSError as error:
                self._lookups.pop((host, port), None)
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
                    attempts.append(gevent.spawn(_attempt, waiting.pop(0), end_mark - time.monotonic(), outcomes.put))
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
        self._lookups.pop((host, port), None)
        raise UpstreamError(connect_failure(last_error, host, port))


def _look_up(host: str, port: int, flags: int = 0) -> list[Address]:
    infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)
    return [(family, address) for family, _, _, _, address in infos]


def _look_up_quietly(host: str, port: int) -> list[Address] | OSError | UnicodeError:
    """For the thread pool, which prints what is raised in it."""
    try:
        return _look_up(host, port)
    except (OSError, UnicodeError) as error:
        return error


def _is_literal(host: str) -> bool:
    if ":" in host:
        return True
    try:
        socket.inet_pton(socket.AF_INET, host)
    except (OSError, UnicodeError, ValueError):
        return False
    return True


def _interleave(addresses: list[Address]) -> list[Address]:
    """RFC 8305 §4: the families in turn, beginning with the one that the system prefers."""
    unique = list(dict.fromkeys(addresses))
    first_family = unique[0][0]
    first = [address for address in unique if address[0] == first_family]
    other = [address for address in unique if address[0] != first_family]
    mixed: list[Address] = []
    while first or other:
        if first:
            mixed.append(first.pop(0))
        if other:
            mixed.append(other.pop(0))
    return mixed


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
        if code in (errno.EINPROGRESS, errno.EWOULDBLOCK):
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
