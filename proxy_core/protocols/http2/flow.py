"""What a peer may still send: one window of a stream or of the connection (RFC 9113 §6.9).

A window opens only when its bytes were taken further, and in steps of half its size: a relay that can't get rid of
what it holds makes the peer wait, and one that can spends few frames on saying so.
"""


class ReceiveWindow:
    """`left` may be below zero while a peer doesn't know yet that the window is smaller than it was."""

    __slots__ = ("_returned", "left", "size")

    def __init__(self, size: int, left: int) -> None:
        self.size = size
        self.left = left
        self._returned = 0  # taken further, and not said yet

    def take(self, count: int) -> bool:
        """So many bytes came; False when the peer may not have sent them."""
        self.left -= count
        return self.left >= 0

    def give_back(self, count: int) -> int:
        """So many bytes were taken further; by how much to open the window now."""
        self._returned += count
        if self._returned * 2 < self.size:
            return 0
        increment = self._returned
        self._returned = 0
        self.left += increment
        return increment
