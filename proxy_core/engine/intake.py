"""Accepting client connections on the listening socket that all workers share.

The engine process owns the socket, so a worker that dies takes no waiting connection with it. All workers wake for one
connection and one gets it (a herd of at most four); each takes one at a time, so that the next goes to whoever is free.
"""

import errno
import socket
from collections.abc import Callable

import gevent
from gevent import get_hub

_ACCEPT_PAUSE_S = 0.2  # after running out of descriptors: serve those that are here, then look again
_OUT_OF_DESCRIPTORS = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class Intake:
    """Accepts until it is stopped; each connection is served in a greenlet of its own."""

    def __init__(self, listener: socket.socket, serve: Callable[[socket.socket], None]) -> None:
        """`serve` owns the socket that it is given."""
        self._listener = listener
        self._serve = serve
        self._loop = get_hub().loop
        listener.setblocking(False)
        self._watcher = self._loop.io(listener.fileno(), 1)
        self._is_stopped = False
        self.serving: set[gevent.Greenlet[..., None]] = set()

    def start(self) -> None:
        """Begin to accept."""
        self._watcher.start(self._on_connection)

    def stop(self) -> None:
        """Accept no more. Connections under way go on."""
        self._is_stopped = True
        self._watcher.stop()
        self._watcher.close()
        self._listener.close()

    def _on_connection(self) -> None:
        # Runs in the hub.
        try:
            sock, _ = self._listener.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return  # another worker was quicker, or the client has gone again
        except OSError as error:
            if error.errno in _OUT_OF_DESCRIPTORS:
                self._watcher.stop()
                gevent.spawn_later(_ACCEPT_PAUSE_S, self._resume)
                return
            raise
        greenlet = gevent.spawn(self._serve, sock)
        self.serving.add(greenlet)
        greenlet.rawlink(self.serving.discard)

    def _resume(self) -> None:
        if not self._is_stopped:
            self._watcher.start(self._on_connection)
