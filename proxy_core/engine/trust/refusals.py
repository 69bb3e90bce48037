"""Who refuses our certificate again and again: counted for each client and host, in a row.

A client is an address and a ClientHello's fingerprint, so two programs on one computer are two clients. A connection on
which it says something inside our TLS ends the row. Each worker counts for itself: a client may have to refuse as often
with each of them.
"""

from collections import OrderedDict
from typing import NamedTuple

AGAIN_AND_AGAIN = 3  # once is a person at a warning, twice a program that tries again at once
AT_ONCE_S = 1.0  # who leaves later, silently, has perhaps connected ahead of need, as browsers do
_KEPT = 1000  # rows; the oldest go first


class Pair(NamedTuple):
    """A client and the host that it wants."""

    client: str
    ja4: str
    host: str


class Refusals:
    """The rows that one worker has seen."""

    def __init__(self) -> None:
        self._rows: OrderedDict[Pair, int] = OrderedDict()

    def count(self, pair: Pair) -> int:
        """One more. Returns how many there are in a row now."""
        number = self._rows.pop(pair, 0) + 1
        self._rows[pair] = number
        if len(self._rows) > _KEPT:
            self._rows.popitem(last=False)
        return number

    def forget(self, pair: Pair) -> None:
        """It has taken our certificate."""
        self._rows.pop(pair, None)

    def is_stubborn(self, pair: Pair) -> bool:
        """Whether it has refused again and again."""
        return self._rows.get(pair, 0) >= AGAIN_AND_AGAIN
