"""The queues between processes: bytes in, bytes out. No other module names `multiprocessing.Queue`.

A pipe tells of the other side's death only to who holds no copy of the other side's end. A queue brings both ends into
both processes, so each gives up the one that is not its own when it begins to use the channel: by then the process on
the other side must have been started.

A channel has one reader and one writer process. What is put is handed to a native thread (the feeder), which needs the
interpreter now and then: a process whose hub is always busy sets `sys.setswitchinterval(0.0005)`.
"""

import multiprocessing
import queue
from multiprocessing.context import SpawnContext
from multiprocessing.queues import Queue

SPAWN: SpawnContext = multiprocessing.get_context("spawn")  # the same on every system


class Outlet:
    """The writer's end."""

    def __init__(self, messages: "Queue[bytes]") -> None:
        self._messages = messages
        self._is_begun = False

    def put(self, data: bytes) -> None:
        """Send; never waits. The writer keeps account of what lies in the channel, which itself has no bound."""
        if not self._is_begun:
            self._is_begun = True
            # The queue has no words for it. Its feeder ends, in silence, when there is no reader any more.
            self._messages._ignore_epipe = True  # type: ignore[attr-defined]
            self._messages._reader.close()  # type: ignore[attr-defined]
        self._messages.put_nowait(data)

    def close(self) -> None:
        """Send what is left, then end: waits for the reader to take it, unless that one is dead."""
        self._messages.close()
        self._messages.join_thread()

    def abandon(self) -> None:
        """End without waiting for a reader that may be gone; what is left is lost."""
        self._messages.close()
        self._messages.cancel_join_thread()


class Inlet:
    """The reader's end."""

    def __init__(self, messages: "Queue[bytes]") -> None:
        self._messages = messages
        self._is_begun = False

    def get(self, timeout_s: float) -> bytes | None:
        """The next message; None when none came in time. Raises EOFError or OSError when the writer is dead."""
        if not self._is_begun:
            self._is_begun = True
            # Else the rest of a killed writer's half message would be waited for for ever.
            self._messages._writer.close()  # type: ignore[attr-defined]
        try:
            return self._messages.get(timeout=timeout_s)
        except queue.Empty:
            return None

    def close(self) -> None:
        """Read no more."""
        self._messages.close()


def make_channel() -> tuple[Outlet, Inlet]:
    """Both ends of a new channel; one goes to the child as an argument of its process."""
    messages: Queue[bytes] = SPAWN.Queue()
    return Outlet(messages), Inlet(messages)
