"""The selection of the list, as ranges of rows, and over replaced lists: Qt forgets it with every reset of a model.

Everything is reckoned from ranges: a million selected rows are one range, and nobody asks their cells.
"""

from collections.abc import Sequence

from PySide6.QtCore import QItemSelection, QItemSelectionModel
from PySide6.QtWidgets import QAbstractItemView

from app.list.exchange_model import ExchangeModel

# What is more doesn't survive a replaced list: finding the rows again would hold the window.
_MOST_KEPT = 100_000
_MOST_RANGES = 2000  # each paint looks at all of them


class KeptSelection:
    """`keep` before the model is reset, `restore` behind."""

    def __init__(self, view: QAbstractItemView, model: ExchangeModel) -> None:
        self._view = view
        self._model = model
        self._kept: Sequence[int] = ()

    def ranges(self) -> list[tuple[int, int]]:
        """First and last row of each range, in the list's order."""
        selection = self._view.selectionModel().selection()
        places = (selection.at(place) for place in range(selection.count()))
        return sorted((each.top(), each.bottom()) for each in places)

    def count(self) -> int:
        """How many rows are selected."""
        return sum(last - first + 1 for first, last in self.ranges())

    def ids(self) -> list[int]:
        """The selected exchanges, in the list's order."""
        ids: list[int] = []
        for first, last in self.ranges():
            ids.extend(self._model.ids_between(first, last))
        return ids

    def select_all(self) -> None:
        """Select the rows that are there now; those that come are not among them."""
        self._select([(0, self._model.rowCount() - 1)] if self._model.rowCount() else [])

    def keep(self) -> None:
        """Remember which exchanges are selected."""
        self._kept = self.ids() if self.count() <= _MOST_KEPT else ()

    def restore(self) -> None:
        """Select those that are still in the list."""
        ranges: list[tuple[int, int]] = []
        for row in self._model.rows_of(self._kept):
            if ranges and ranges[-1][1] == row - 1:
                ranges[-1] = (ranges[-1][0], row)
            else:
                ranges.append((row, row))
        self._kept = ()
        self._select(ranges if len(ranges) <= _MOST_RANGES else [])

    def _select(self, ranges: list[tuple[int, int]]) -> None:
        selection = QItemSelection()
        last_column = self._model.columnCount() - 1
        for first, last in ranges:
            selection.select(self._model.index(first, 0), self._model.index(last, last_column))
        self._view.selectionModel().select(selection, QItemSelectionModel.SelectionFlag.ClearAndSelect)
