"""The beat in which a worker tells its news: a greenlet that sleeps while there is none."""

from collections.abc import Callable

import gevent
from gevent.event import Event as GreenEvent

from proxy_core.fault_log import caught

TICK_S = 0.02  # what is told in the same tick leaves together; a person doesn't see so short a delay


class Flusher:
    """Calls `flush` once a tick from a `wake` on, for as long as that says it wants to be called again."""

    def __init__(self, flush: Callable[[], bool]) -> None:
        self._flush = flush
        self._work = GreenEvent()
        self._greenlet: gevent.Greenlet[..., None] | None = None
        self.is_awake = False  # look here before calling `wake`: it is so nearly always

    def start(self) -> None:
        """Begin."""
        self._greenlet = gevent.spawn(self._run)

    def stop(self) -> None:
        """End; what was not flushed is the caller's."""
        if self._greenlet is not None:
            self._greenlet.kill()
            self._greenlet = None

    def wake(self) -> None:
        """There is news."""
        if not self.is_awake:
            self.is_awake = True
            self._work.set()

    def _run(self) -> None:
        while True:
            self._work.wait()
            self._work.clear()
            gevent.sleep(TICK_S)
            self.is_awake = False  # before flushing: what comes meanwhile wants another tick
            try:
                wants_more = self._flush()
            except Exception:  # the next tick comes all the same: without it nothing more would be told
                caught("the flusher")
                wants_more = True
            if wants_more:
                self.wake()
