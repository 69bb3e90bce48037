"""Who refuses our certificate again and again: counted for each client and host, in a row.

A client is an address and a ClientHello's fingerprint, so two programs on one computer are two clients. A connection on
which it says something inside our TLS ends the row. The engine counts for all: a worker counts what it sees, tells the
engine, and is told what has become of each row, whoever saw it.
"""

from collections import OrderedDict
from collections.abc import Callable
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
    """The rows, in a worker or in the engine."""

    def __init__(self, tell: Callable[[Pair, bool], None] | None = None) -> None:
        """`tell` is told of each refusal that is counted here (True), and of the end of a row (False)."""
        self._tell = tell
        self._rows: OrderedDict[Pair, int] = OrderedDict()

    def count(self, pair: Pair) -> int:
        """One more. Returns how many there are in a row now."""
        number = self._rows.get(pair, 0) + 1
        self._keep(pair, number)
        if self._tell is not None:
            self._tell(pair, True)
        return number

    def forget(self, pair: Pair) -> int:
        """It has taken our certificate. Returns how many there are in a row now: none."""
        if self._rows.pop(pair, 0) and self._tell is not None:
            self._tell(pair, False)
        return 0

    def take(self, pair: Pair, number: int) -> None:
        """What the engine says that there are in a row; it may not have heard yet of the last ones."""
        if number:
            self._keep(pair, max(number, self._rows.get(pair, 0)))
        else:
            self._rows.pop(pair, None)

    def _keep(self, pair: Pair, number: int) -> None:
        self._rows[pair] = number
        self._rows.move_to_end(pair)
        if len(self._rows) > _KEPT:
            self._rows.popitem(last=False)

    def is_stubborn(self, pair: Pair) -> bool:
        """Whether it has refused again and again."""
        return self._rows.get(pair, 0) >= AGAIN_AND_AGAIN

    def rows(self) -> list[tuple[Pair, int]]:
        """All of them, for a worker that is new."""
        return list(self._rows.items())
