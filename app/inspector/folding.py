"""Which lines are folded away, and on which row each of the others is. No Qt.

A fold hides the lines behind its first one. Folds lie inside each other; an inner one is remembered while an outer one
hides it. Rows are counted as they are seen; finding a row's line and a line's row is a binary search in the folds that
lie in no other.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping


class Folding:
    """The folds of one text."""

    def __init__(self) -> None:
        self._folded: dict[int, int] = {}  # first line -> last hidden line
        self._rows: list[int] = []  # of the outer folds, the rows of their first lines …
        self._firsts: list[int] = []  # … the lines …
        self._hidden: list[int] = []  # … and how many lines are hidden up to their ends

    def __contains__(self, line: int) -> bool:
        """Whether a fold begins in this line."""
        return line in self._folded

    @property
    def hidden_count(self) -> int:
        """How many lines are hidden."""
        return self._hidden[-1] if self._hidden else 0

    def last_hidden(self, line: int) -> int:
        """The last line that the fold which begins in this one hides."""
        return self._folded[line]

    def replace(self, folded: Mapping[int, int]) -> None:
        """Fold these, first lines and last ones, and no others."""
        self._folded = dict(folded)
        self._count()

    def toggle(self, line: int, last: int) -> None:
        """Fold up to `last`, or unfold, what begins in this line."""
        if line in self._folded:
            del self._folded[line]
        else:
            self._folded[line] = last
        self._count()

    def show(self, line: int) -> bool:
        """Unfold what hides a line. Whether anything did."""
        around = [first for first, last in self._folded.items() if first < line <= last]
        for first in around:
            del self._folded[first]
        if around:
            self._count()
        return bool(around)

    def line_of_row(self, row: int) -> int:
        """The line that is seen on a row."""
        index = bisect_right(self._rows, row - 1) - 1
        return row + (self._hidden[index] if index >= 0 else 0)

    def row_of_line(self, line: int) -> int:
        """The row of a line that is not hidden."""
        index = bisect_left(self._firsts, line) - 1
        return line - (self._hidden[index] if index >= 0 else 0)

    def _count(self) -> None:
        self._rows, self._firsts, self._hidden = [], [], []
        total = 0
        last_hidden = -1
        for first in sorted(self._folded):
            if first <= last_hidden:
                continue  # inside another fold
            last_hidden = self._folded[first]
            self._firsts.append(first)
            self._rows.append(first - total)
            total += last_hidden - first
            self._hidden.append(total)
