"""Accepting client connections on the listening socket that all workers share.

The engine process owns the socket, so a worker that dies or hangs takes no waiting connection with it. All workers wake
for one connection and one gets it (a herd of at most four); one that serves more than others steps back.

Measured 2026-11-23 on 2 cores with 2 workers, medians of 3 (tests/benchmarks/accept_schemes.py):

| scheme | new connections/s | requests/s on four busy of eight long-lived ones | share of the busier worker there |
|---|---|---|---|
| shared socket, whoever is quickest | 8,565 | 18,489 | 100 % |
| shared socket, the busier steps back | 8,069 | 31,716 | 52 % |
| SO_REUSEPORT (the kernel's hash) | 7,722 | 31,874 | 52 % |
| one acceptor hands sockets over in turn | 6,545 | 30,064 | 53 % |

SO_REUSEPORT exists on Linux alone, gives a hung worker its share all the same, and loses a dead one's backlog.
"""

import errno
import socket
import time
from collections.abc import Callable
from functools import partial
from typing import cast

import gevent
from gevent import get_hub

from proxy_core.fault_log import caught
from proxy_core.worker_loads import WorkerLoads

_STEP_BACK_S = 0.001
_ACCEPT_PAUSE_S = 0.2  # after running out of descriptors: serve those that are here, then look again
_TOLD_AGAIN_S = 60.0
_IDLE_LIMIT = 32  # greenlets kept for the next connections: each new one costs, above all in pages of its own stack
_WAITING = "Harrier has run out of file descriptors: new clients wait until others leave. Raise `ulimit -n`."
_OUT_OF_DESCRIPTORS = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class Intake:
    """Accepts until it is stopped; each connection is served in a greenlet that is its own meanwhile."""

    def __init__(
        self,
        listener: socket.socket,
        serve: Callable[[socket.socket], None],
        loads: WorkerLoads | None = None,
        slot: int = 0,
        remark: Callable[[str], None] | None = None,
    ) -> None:
        """`serve` owns the socket that it is given. Without `loads` this worker is the only one. `remark` takes a
        sentence for a person, and doesn't wait.
        """
        self._listener = listener
        self._serve = serve
        self._loop = get_hub().loop
        listener.setblocking(False)
        self._watcher = self._loop.io(listener.fileno(), 1)
        self._is_stopped = False
        self._loads = loads
        self._slot = slot
        self._remark = remark
        self._told_mark = -_TOLD_AGAIN_S
        self._has_stepped_back = False
        self._idle: list[gevent.Greenlet[..., None]] = []
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
        gevent.killall(self._idle, block=False)
        self._idle = []

    def _on_connection(self) -> None:
        # Runs in the hub, which would never call it again if it raised.
        try:
            self._accept()
        except Exception:
            caught("accepting a connection")
            self._pause(_ACCEPT_PAUSE_S)

    def _accept(self) -> None:
        loads = self._loads
        if loads is not None and not self._has_stepped_back and loads.is_ahead(self._slot):
            self._has_stepped_back = True
            self._pause(_STEP_BACK_S)
            return
        self._has_stepped_back = False
        try:
            sock, _ = self._listener.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return  # another worker was quicker, or the client has gone again
        except OSError as error:
            if error.errno in _OUT_OF_DESCRIPTORS:
                self._pause(_ACCEPT_PAUSE_S)
                self._tell_of_it()
                return
            raise
        if loads is not None:
            loads.add(self._slot, 1)
        if self._idle:
            greenlet = self._idle.pop()
            self.serving.add(greenlet)
            greenlet.switch(sock)  # straight from the hub, which goes on when it waits for something
            return
        # WORKAROUND gevent 26.9.0, `Greenlet._maybe_kill_before_start`: one that is killed lets go of its arguments
        # while it still runs with them, and compiled code only borrows those that it is given. So no greenlet of the
        # engine is spawned with any: `partial` keeps them.
        greenlet = gevent.spawn(partial(self._serve_one_after_another, sock))
        self.serving.add(greenlet)
        greenlet.rawlink(self._on_served)

    def _serve_one_after_another(self, sock: socket.socket) -> None:
        """Serve a connection, and then those that come while there is none of ours."""
        greenlet = cast("gevent.Greenlet[..., None]", gevent.getcurrent())
        while True:
            self._serve(sock)
            del sock
            if self._is_stopped or len(self._idle) >= _IDLE_LIMIT:
                return
            self._on_served(greenlet)
            self._idle.append(greenlet)
            sock = get_hub().switch()

    def _on_served(self, greenlet: "gevent.Greenlet[..., None]") -> None:
        if greenlet in self.serving:
            self.serving.discard(greenlet)
            if self._loads is not None:
                self._loads.add(self._slot, -1)

    def _tell_of_it(self) -> None:
        now = time.monotonic()
        if self._remark is not None and now - self._told_mark >= _TOLD_AGAIN_S:
            self._told_mark = now
            self._remark(_WAITING)

    def _pause(self, pause_s: float) -> None:
        """Leave the next connection to another worker, or to later."""
        self._watcher.stop()
        timer = self._loop.timer(pause_s)
        timer.start(self._resume)
        self._timer = timer  # kept, for the loop doesn't

    def _resume(self) -> None:
        if not self._is_stopped:
            self._watcher.start(self._on_connection)
