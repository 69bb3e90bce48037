"""The list's model: an array of ids over a capture, with rows read when they are painted.

It holds no exchanges. `CaptureQuery` filters and sorts in its own thread; `RowCache` reads what is seen. While the list
is in the order of ids, newcomers are appended at once (without a filter) or as soon as the query thread has said which
of them match; in any other order the list is asked for again, not more often than it takes. Many changes at once become
one reset.
"""

import time
from array import array
from bisect import bisect_left
from collections.abc import Collection, Sequence
from typing import assert_never

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt, QTimer, Signal

from app.list.capture_query import CaptureQuery, IdsMatched, Listed, ListQuery, RangeListed
from app.list.columns import APP, COLUMN_INDEX, COLUMNS
from app.list.id_list import Edit, apply_edit, edits_for_ids, edits_for_range, position_of
from app.list.listed_row import ListedRow
from app.list.row_cache import PATIENCE_S, RowCache
from proxy_core.capture.left_out import NOTHING_LEFT_OUT, LeftOut
from proxy_core.capture.reader import CaptureReader
from proxy_core.model.exchange import ExchangeRow
from proxy_core.model.filter import mentions
from proxy_core.model.notice import RowsChanged

MOST_EDITS = 64  # more at once are a reset
_MOST_EXACT_IDS = 2000  # changed ids that are asked for one by one; more are asked for as a range
_FEW_IDS = 20  # are looked for one by one, more in one pass over the list
_NAMED_LATE = 5000  # so many ids back an exchange may still get the name of its program
_RESORT_AFTER_MS = 300  # at the earliest; a list that takes long to sort is sorted less often
_DISPLAY = Qt.ItemDataRole.DisplayRole
_Index = QModelIndex | QPersistentModelIndex
_NO_INDEX = QModelIndex()
_FLAGS = Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemNeverHasChildren


class ExchangeModel(QAbstractTableModel):
    """Signals: `listed` after a whole list came, `counted` before that (exchanges in the capture; how many of them
    failed, or None), `grown` (rows added), `rows_changed` (from id, to id), `busy_changed`, `failed` (sentence),
    `searched` (whether all messages were, where they are filtered by).
    `modelAboutToBeReset` and `modelReset` surround every replacement of the list.
    """

    listed = Signal()
    counted = Signal(int, object)
    grown = Signal(int)
    rows_changed = Signal(int, int)
    busy_changed = Signal(bool)
    failed = Signal(str)
    searched = Signal(bool)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.cache = RowCache()
        self.query = ListQuery()
        self.is_busy = False
        self._ids = array("q")  # ascending when in the order of ids, else as shown
        self._reader: CaptureReader | None = None
        self._left_out = NOTHING_LEFT_OUT
        self._generation = 0
        self._known_id = 0  # every id up to this one is in the list, or known not to match
        self._newest_id = 0  # that was told, or is listed
        self._changed: set[int] = set()  # to be matched again: these …
        self._changed_from = self._changed_to = 0  # … and this range
        self._is_matching = False
        self._asked_mark = 0.0
        self._took_s = 0.0
        self._knows_failed = False  # later the notices tell it
        self._shown_query = self.query
        self._resort = QTimer(self, singleShot=True)
        self._resort.timeout.connect(self._ask_again)
        self._questions = CaptureQuery(self)
        self._questions.answered.connect(self._take_answer)
        self._questions.failed.connect(self._question_failed)

    # Which capture, which list

    def set_capture(self, path: str | None) -> None:
        """Show this capture. Raises CaptureError, and then shows what it showed before."""
        self.read_with(None if path is None else CaptureReader(path, patience_s=PATIENCE_S))

    def read_with(self, reader: CaptureReader | None) -> None:
        """Show what this one reads, and close it in the end. It stays with the window's thread."""
        self.cache.use(reader)
        if self._reader is not None:
            self._reader.close()
        self._reader = reader
        self._questions.open(None if reader is None else reader.path)
        self._left_out = NOTHING_LEFT_OUT
        self._knows_failed = False
        self._start_anew()

    def set_filter(self, query: ListQuery) -> None:
        """Show another selection or order; the old list stays until the new one is there."""
        if query == self.query:
            return
        self.query = query
        is_same_list = query._replace(descending=False) == self._shown_query._replace(descending=False)
        if is_same_list and query.is_in_id_order and not self.is_busy:  # else an answer to another question is coming
            self._turn_around()
        else:
            self._ask()

    def search_on(self) -> None:
        """Search the messages that there was no time for."""
        if not self.is_busy:
            self._ask()

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Qt's wish, from a click on a header."""
        if 0 <= column < len(COLUMNS):
            is_descending = order == Qt.SortOrder.DescendingOrder
            self.set_filter(self.query._replace(order_by=COLUMNS[column].order_by, descending=is_descending))

    def close(self) -> None:
        """Let go of the capture and end the query thread."""
        self._resort.stop()
        self._questions.close()
        self.cache.use(None)
        if self._reader is not None:
            self._reader.close()
        self._reader = None

    @property
    def reader(self) -> CaptureReader | None:
        """What rows are read with; belongs to the window's thread."""
        return self._reader

    @property
    def is_reversed(self) -> bool:
        """The last id stands at the top."""
        return self._shown_query.is_in_id_order and self._shown_query.descending

    @property
    def is_in_id_order(self) -> bool:
        """Either way round."""
        return self._shown_query.is_in_id_order

    @property
    def order(self) -> tuple[str, bool]:
        """What the list that is shown is sorted by, and whether descending."""
        return self._shown_query.order_by, self._shown_query.descending

    # Rows by place

    def id_at(self, row: int) -> int:
        """The exchange in a row."""
        return self._ids[len(self._ids) - 1 - row] if self.is_reversed else self._ids[row]

    def row_of(self, exchange_id: int) -> int:
        """The row of an exchange, -1 when it isn't in the list."""
        if self._shown_query.is_in_id_order:
            place = position_of(self._ids, exchange_id)
        else:
            try:
                place = self._ids.index(exchange_id)
            except ValueError:
                place = -1
        return len(self._ids) - 1 - place if self.is_reversed and place >= 0 else place

    def rows_of(self, ids: Collection[int]) -> list[int]:
        """The rows of those that are in the list, ascending."""
        if len(ids) < _FEW_IDS:
            return sorted(row for row in map(self.row_of, ids) if row >= 0)
        wanted = set(ids)
        places = [place for place, each in enumerate(self._ids) if each in wanted]
        return [len(self._ids) - 1 - place for place in reversed(places)] if self.is_reversed else places

    def exchange_at(self, row: int) -> ExchangeRow | None:
        """What is painted in a row; None for one that vanished meanwhile."""
        place = len(self._ids) - 1 - row if self.is_reversed else row
        return self.cache.row(self._ids, place)

    def listed_row(self, row: int, exchange: ExchangeRow, *, names_program: bool) -> ListedRow:
        """What is painted in a row with what is said of it beside: of the program only where somebody sees it."""
        place = len(self._ids) - 1 - row if self.is_reversed else row
        return self.cache.listed(exchange, self.cache.program(self._ids, place) if names_program else None)

    def exchange(self, exchange_id: int) -> ExchangeRow | None:
        """What is painted of an exchange; None when it isn't in the list."""
        row = self.row_of(exchange_id)
        return self.exchange_at(row) if row >= 0 else None

    def ids_between(self, first: int, last: int) -> Sequence[int]:
        """The exchanges of some rows (both ends included), in the list's order."""
        if self.is_reversed:
            count = len(self._ids)
            return self._ids[count - 1 - last : count - first][::-1]
        return self._ids[first : last + 1]

    def all_ids(self) -> "array[int]":
        """A copy of the whole list, in its order."""
        return self._ids[::-1] if self.is_reversed else self._ids[:]

    # Qt's side

    def rowCount(self, parent: _Index = _NO_INDEX) -> int:
        return 0 if parent.isValid() else len(self._ids)

    def columnCount(self, parent: _Index = _NO_INDEX) -> int:
        return 0 if parent.isValid() else len(COLUMNS)

    def data(self, index: _Index, role: int = _DISPLAY) -> object:
        """The text of a cell; it is painted by the list itself, this serves accessibility and copying."""
        if role != _DISPLAY or not index.isValid():
            return None
        row, column = self.exchange_at(index.row()), COLUMNS[index.column()]
        if row is None:
            return ""
        return column.text(self.listed_row(index.row(), row, names_program=column.key == APP))

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = _DISPLAY) -> object:
        if orientation == Qt.Orientation.Vertical or not 0 <= section < len(COLUMNS):
            return None
        column = COLUMNS[section]
        if role == _DISPLAY:
            return column.title
        if role == Qt.ItemDataRole.TextAlignmentRole:
            side = Qt.AlignmentFlag.AlignRight if column.is_number else Qt.AlignmentFlag.AlignLeft
            return side | Qt.AlignmentFlag.AlignVCenter
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return column.name
        return None

    def flags(self, index: _Index) -> Qt.ItemFlag:
        return _FLAGS if index.isValid() else Qt.ItemFlag.NoItemFlags

    # News

    def take(self, notice: RowsChanged) -> None:
        """Rows of the live capture are new or have changed. Only for a model that shows the live capture."""
        if notice.changed_from_id and not notice.rows:
            self.cache.forget_range(notice.changed_from_id, notice.changed_to_id)
        self._newest_id = max(self._newest_id, notice.last_new_id)
        if notice.has_programs:
            self._programs_came()
        changed = [row[0] for row in notice.rows]
        if notice.rows:
            self.cache.put(map(ExchangeRow._make, notice.rows))
        if notice.changed_from_id:
            self.rows_changed.emit(notice.changed_from_id, notice.changed_to_id)
        if not self._shown_query.is_in_id_order or self.query != self._shown_query:
            self._note_changed(notice, changed)
            self._resort_soon()
            return
        if self.query.filter is None:
            if notice.changed_from_id:
                self._repaint(notice.changed_from_id, notice.changed_to_id)
            if notice.last_new_id > self._known_id and not self.is_busy:
                self._append(range(max(notice.first_new_id, self._known_id + 1), notice.last_new_id + 1))
                self._known_id = notice.last_new_id
            elif self.is_busy:
                self._note_changed(notice, changed)
            return
        self._note_changed(notice, changed)
        if notice.changed_from_id:
            self._repaint(notice.changed_from_id, notice.changed_to_id)
        self._match_changed()

    def look_again(self) -> None:
        """Somebody has written into the capture and tells nobody what: each row may be another, more may be there."""
        self.cache.forget()
        self._knows_failed = False
        if self._ids:
            self.rows_changed.emit(1, self._known_id)
            self.dataChanged.emit(self.index(0, 0), self.index(len(self._ids) - 1, len(COLUMNS) - 1))
        self._forget_changed()
        self._ask()

    def _programs_came(self) -> None:
        """Who is behind some exchanges is known by now, also behind some that have ended and are told no more."""
        self.cache.look_for_programs()
        if self._ids:
            column = COLUMN_INDEX[APP]
            self.dataChanged.emit(self.index(0, column), self.index(len(self._ids) - 1, column))
        if self.query.filter is not None and mentions(self.query.filter, "app"):
            late_id = max(self._newest_id - _NAMED_LATE, 1)
            self._changed_from = min(self._changed_from or late_id, late_id)
            self._changed_to = max(self._changed_to, self._newest_id)

    def leave_out(self, left_out: LeftOut) -> None:
        """Show the capture without these."""
        self._left_out = left_out
        self._questions.leave_out(left_out)
        self._knows_failed = False
        self._start_anew()

    # The list

    def _start_anew(self) -> None:
        self.beginResetModel()
        self._ids = array("q")
        self._known_id = self._newest_id = 0
        self._shown_query = self.query
        self._forget_changed()
        self.cache.forget()
        self.endResetModel()
        self._ask()

    def _ask(self) -> None:
        self._resort.stop()
        self._generation += 1
        self._is_matching = False
        if self._reader is None:
            self._set_busy(is_busy=False)
            return
        self._asked_mark = time.monotonic()
        self._set_busy(is_busy=True)
        self._questions.list_all(self._generation, self.query, counts_failed=not self._knows_failed)

    def _ask_again(self) -> None:
        if self.is_busy:
            return  # the answer looks for what has changed meanwhile
        self._forget_changed()
        self._ask()

    def _set_busy(self, *, is_busy: bool) -> None:
        if is_busy != self.is_busy:
            self.is_busy = is_busy
            self.busy_changed.emit(is_busy)

    def _turn_around(self) -> None:
        self.beginResetModel()
        self._shown_query = self.query
        self.endResetModel()
        self.listed.emit()

    def _take_answer(self, answer: Listed | RangeListed | IdsMatched) -> None:
        if answer.generation != self._generation:
            return
        match answer:
            case Listed():
                self._take_list(answer)
            case RangeListed(from_id=from_id, to_id=to_id, ids=ids):
                self._is_matching = False
                self._edit(edits_for_range(self._ids, from_id, to_id, ids))
                self._match_changed()
            case IdsMatched(among=among, matching=matching):
                self._is_matching = False
                self._edit(edits_for_ids(self._ids, among, matching))
                self._match_changed()
            case _:
                assert_never(answer)

    def _take_list(self, answer: Listed) -> None:
        self._took_s = time.monotonic() - self._asked_mark
        if answer.ids != self._ids or self.query != self._shown_query:
            self.beginResetModel()
            self._ids = answer.ids
            self._shown_query = self.query
            self.endResetModel()
        self._known_id = answer.upto_id
        self._newest_id = max(self._newest_id, answer.upto_id)
        self._knows_failed = self._knows_failed or answer.failed is not None
        self.counted.emit(answer.total, answer.failed)
        self._set_busy(is_busy=False)
        self.searched.emit(not answer.is_cut)
        self.listed.emit()
        if not self.query.is_in_id_order:
            if self._changed or self._changed_to:
                self._resort_soon()
        else:
            self._match_changed()

    def _question_failed(self, generation: int, sentence: str) -> None:
        if generation == self._generation:
            self._is_matching = False
            self._set_busy(is_busy=False)
            self.failed.emit(sentence)

    # Keeping it up to date

    def _note_changed(self, notice: RowsChanged, exact: list[int]) -> None:
        if exact and len(self._changed) + len(exact) <= _MOST_EXACT_IDS:
            self._changed.update(exact)
            return
        low = [each for each in (notice.first_new_id, notice.changed_from_id, self._changed_from) if each]
        self._changed_from = min(low, default=0)
        self._changed_to = max(notice.last_new_id, notice.changed_to_id, self._changed_to)

    def _forget_changed(self) -> None:
        self._changed = set()
        self._changed_from = self._changed_to = 0

    def _match_changed(self) -> None:
        """Have the query thread look at what has changed; one question at a time, the next gathers meanwhile."""
        if self._is_matching or self.is_busy or not (self._changed or self._changed_to):
            return
        if self._changed_to:
            from_id = min(self._changed_from, min(self._changed, default=self._changed_from))
            to_id = max(self._changed_to, max(self._changed, default=0))
            self._is_matching = True
            self._questions.list_range(self._generation, self.query, from_id, to_id)
        elif self.query.filter is None:
            shown = {each for each in self._changed if not self._left_out.holds(each)}
            self._edit(edits_for_ids(self._ids, self._changed, shown))
        else:
            self._is_matching = True
            self._questions.match(self._generation, self.query, sorted(self._changed))
        self._forget_changed()

    def _resort_soon(self) -> None:
        if not self._resort.isActive() and not self.is_busy:
            took_ms = int(self._took_s * 1000)
            self._resort.start(max(_RESORT_AFTER_MS, took_ms * 4))

    def _append(self, ids: Sequence[int]) -> None:
        if ids:
            self._edit([Edit(len(self._ids), len(self._ids), ids)])

    def _edit(self, edits: list[Edit]) -> None:
        """Carry out edits of the ascending array, last place first, and tell the views."""
        if len(edits) > MOST_EDITS:
            self.beginResetModel()
            for edit in edits:
                apply_edit(self._ids, edit)
            self.endResetModel()
            self.listed.emit()
            return
        added = 0
        for edit in edits:
            self._edit_one(edit)
            added += len(edit.ids)
        if edits:
            self._known_id = max(self._known_id, self._ids[-1] if self._ids else 0)
            self.grown.emit(added)

    def _edit_one(self, edit: Edit) -> None:
        count = len(self._ids)
        if edit.ids:
            first = count - edit.begin if self.is_reversed else edit.begin
            self.beginInsertRows(_NO_INDEX, first, first + len(edit.ids) - 1)
            apply_edit(self._ids, edit)
            self.endInsertRows()
        else:
            first = count - edit.end if self.is_reversed else edit.begin
            self.beginRemoveRows(_NO_INDEX, first, first + edit.end - edit.begin - 1)
            apply_edit(self._ids, edit)
            self.endRemoveRows()

    def _repaint(self, from_id: int, to_id: int) -> None:
        begin, end = bisect_left(self._ids, from_id), bisect_left(self._ids, to_id + 1)
        if begin < end:
            first, last = (len(self._ids) - end, len(self._ids) - begin - 1) if self.is_reversed else (begin, end - 1)
            self.dataChanged.emit(self.index(first, 0), self.index(last, len(COLUMNS) - 1))
