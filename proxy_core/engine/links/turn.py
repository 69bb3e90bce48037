"""A greenlet that has much to do gives way now and then: a worker's other connections wait for no more than a turn.

Whoever waits for a socket gives way by that. Who reads ten thousand messages out of one piece of bytes does not, and
as long as the next piece is always here already, never would.
"""

import gevent

_TURN_BYTES = 32 * 1024
_MESSAGE_BYTES = 256  # what telling one message costs, in bytes that are read: some 16 µs


class Turn:
    """One greenlet's, or of two that work on the same."""

    __slots__ = ("_left",)

    def __init__(self) -> None:
        self._left = _TURN_BYTES

    def has_read(self, length: int) -> None:
        """So many bytes were gone through. May give way."""
        self._left -= length
        if self._left <= 0:
            self._left = _TURN_BYTES
            gevent.sleep(0)

    def has_told(self) -> None:
        """A message was told. May give way."""
        self.has_read(_MESSAGE_BYTES)
