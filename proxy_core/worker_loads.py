"""How many connections each worker serves, in shared memory: how the workers share a listening socket evenly.

All workers wake for a connection, and on a quiet machine the same one is always the quickest: measured, eight browser
connections opened one by one all went to one worker of two. A worker that serves more than the least busy one therefore
steps back for a moment. The counts are hints: nobody waits for them, and a worker's death only leaves a number behind,
which the supervisor takes away.
"""

from multiprocessing.context import BaseContext

_ABSENT = -1
_LEAD = 2  # so many more are no reason to step back: with none, short connections came in at a fifth of the rate


class WorkerLoads:
    """One number for each slot. Made by the supervisor; handed to a worker in its `WorkerStart`."""

    def __init__(self, context: BaseContext, slots: int) -> None:
        self._counts = context.RawArray("i", [_ABSENT] * slots)

    def begin(self, slot: int) -> None:
        """A worker starts in this slot (the supervisor)."""
        self._counts[slot] = 0

    def end(self, slot: int) -> None:
        """The worker of this slot is gone (the supervisor)."""
        self._counts[slot] = _ABSENT

    def add(self, slot: int, change: int) -> None:
        """A connection began (1) or ended (-1); only the slot's own worker writes."""
        self._counts[slot] += change

    def is_ahead(self, slot: int) -> bool:
        """Whether another worker serves clearly fewer connections."""
        least = self._counts[slot] - _LEAD
        return any(_ABSENT < count < least for count in self._counts)
