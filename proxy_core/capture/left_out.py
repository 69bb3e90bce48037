"""What a person has cleared and may want back: it is still in the index, and left out of everything that is shown.

A clearing has two steps. At first the exchanges are left out only, and can be brought back at no cost; when nobody
wants them back any more they are forgotten (deleted). A crash in between leaves them in the capture: nothing is lost
that was not given up.
"""

from collections.abc import Collection
from typing import NamedTuple


class LeftOut(NamedTuple):
    """All exchanges up to one, but those that were under way: their results are still to come."""

    upto_id: int
    kept: Collection[int] = ()

    def holds(self, exchange_id: int) -> bool:
        """Whether this exchange is left out."""
        return exchange_id <= self.upto_id and exchange_id not in self.kept

    def condition(self, column: str = "id") -> str:
        """In SQL over `exchange`, or over what has an exchange's id in `column`: what is left out."""
        kept = f" AND {column} NOT IN ({','.join(map(str, self.kept))})" if self.kept else ""
        return f"({column} <= {self.upto_id:d}{kept})"


NOTHING_LEFT_OUT = LeftOut(0)
