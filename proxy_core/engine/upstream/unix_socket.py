"""A connection to an origin on a Unix socket of this machine."""

import errno
import socket
import time

import gevent

from proxy_core.model.failure import Failure, FailureKind

_FULL_PAUSE_S = 0.02


def connect_unix(path: str, limit_s: float) -> socket.socket:
    """Raises OSError."""
    end_mark = time.monotonic() + limit_s
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        while code := sock.connect_ex(path):
            # There is nothing to be waited for when too many wait already: the system says «again».
            if code != errno.EAGAIN:
                raise OSError(code, errno.errorcode.get(code, str(code)))
            if time.monotonic() > end_mark:
                raise TimeoutError(errno.ETIMEDOUT, "the connection was not taken")
            gevent.sleep(_FULL_PAUSE_S)
    except BaseException:
        sock.close()
        raise
    return sock


def unix_failure(error: OSError, path: str) -> Failure:
    """Say why no connection came about."""
    if isinstance(error, TimeoutError):
        return Failure(FailureKind.CONNECTION_TIMEOUT, f"The server on {path} did not take the connection in time.")
    if error.errno == errno.ENOENT:
        return Failure(FailureKind.CONNECTION_REFUSED, f"There is no {path}. Is the server running?")
    if error.errno == errno.ECONNREFUSED:
        return Failure(FailureKind.CONNECTION_REFUSED, f"Nobody listens on {path}. Is the server running?")
    if error.errno in (errno.EACCES, errno.EPERM):
        return Failure(FailureKind.CONNECTION_REFUSED, f"{path} may not be used by this user.")
    return Failure(FailureKind.CONNECTION_REFUSED, f"{path} can't be connected to ({error.strerror or error}).")
