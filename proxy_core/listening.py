"""The listening sockets: made and owned by the engine process, so that no worker's death closes one.

A Unix socket is the user's alone (mode 0600). A file that lies in its place is taken away only where it is a socket of
this user's on which nobody listens any more.
"""

import errno
import os
import socket
import stat
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from proxy_core.model.endpoint import endpoint_text
from proxy_core.model.settings import Settings, listen_points
from proxy_core.model.ways_in import ListenPoint, WayInError

BACKLOG = 1024
FALLBACK_PORTS = 50  # how many ports behind the wanted one are tried
_PROBE_S = 1.0  # for somebody who listens on a Unix socket to take or refuse a connection


class AddressError(Exception):
    """An address can't be listened on: one sentence that says which and why. Where another is chosen, its teller
    knows.
    """


class Listener(NamedTuple):
    """A socket that listens, and where that is; the port is the real one."""

    sock: socket.socket
    point: ListenPoint
    inode: int = 0  # of a Unix socket's file, which others may have replaced since


def listen(settings: Settings) -> tuple[Listener, ...]:
    """Listen wherever the settings want it; none is left open where one can't be. Raises AddressError.

    With `port_fallback` the first takes the next free port.
    """
    listeners: list[Listener] = []
    try:
        for point in listen_points(settings):
            if point.path:
                listeners.append(_listen_on_path(point))
            else:
                more = FALLBACK_PORTS if settings.port_fallback and point.port and not listeners else 0
                sock = _listen_on_port(point.host, point.port, more)
                port = sock.getsockname()[1]
                listeners.append(Listener(sock, msgspec.structs.replace(point, port=port)))
    except WayInError as error:
        close(listeners)
        raise AddressError(f"{error}.") from None
    except AddressError:
        close(listeners)
        raise
    return tuple(listeners)


def close(listeners: Sequence[Listener]) -> None:
    """Listen no more, and take the files of Unix sockets away that are still these."""
    for sock, point, inode in listeners:
        sock.close()
        if point.path and _inode(point.path) == inode:
            _remove(point.path)


def _listen_on_port(host: str, port: int, more: int) -> socket.socket:
    try:
        infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError):
        raise AddressError(f"{host} is no address of this machine.") from None
    family, _, _, _, address = infos[0]
    error: OSError | None = None
    for candidate in range(port, min(port + more, 65535) + 1):
        listener = socket.socket(family, socket.SOCK_STREAM)
        try:
            if os.name == "posix":
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((address[0], candidate, *address[2:]))
            listener.listen(BACKLOG)
            return listener
        except OSError as caught:
            listener.close()
            error = caught
    assert error is not None
    raise AddressError(f"Harrier can't listen on {endpoint_text(host, port)} ({error.strerror}).")


def _listen_on_path(point: ListenPoint) -> Listener:
    path = point.path
    family = getattr(socket, "AF_UNIX", None)
    if family is None:
        raise AddressError(f"Harrier can't listen on {path}: there are no Unix sockets on this system.")
    if os.path.lexists(path):
        if not _is_dead_and_ours(path):
            raise AddressError(f"Harrier can't listen on {path} ({_why_not_ours(path)}).")
        _remove(path)
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        # From its first moment nobody else's: the mask is the process's, in which nothing else runs yet.
        former_mask = os.umask(0o177)
        try:
            listener.bind(path)
        finally:
            os.umask(former_mask)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise AddressError(f"Harrier can't listen on {path} ({error.strerror or error}).") from None
    return Listener(listener, point, _inode(path))


def _is_dead_and_ours(path: str) -> bool:
    """Whether a socket of this user's lies there (and no link to one), on which nobody listens."""
    try:
        status = os.lstat(path)
        if not stat.S_ISSOCK(status.st_mode) or status.st_uid != os.getuid():
            return False
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.settimeout(_PROBE_S)
            return probe.connect_ex(path) == errno.ECONNREFUSED
    except OSError:
        return False


def _why_not_ours(path: str) -> str:
    try:
        status = os.lstat(path)
    except OSError as error:
        return error.strerror or str(error)
    if not stat.S_ISSOCK(status.st_mode):
        return "a file that is no socket lies there"
    return "another program listens there" if status.st_uid == os.getuid() else "it is another user's"


def _inode(path: str) -> int:
    try:
        return os.lstat(path).st_ino
    except OSError:
        return -1


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        pass  # binding says what is wrong
