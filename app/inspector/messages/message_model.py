"""The list of messages as a model: an array of numbers, and rows that come from `MessageReading` when they are painted.

What is not here yet is painted empty and asked for, a block at a time; what may still change (a message that had not
ended) is asked for again when the list goes on. It keeps no payload.
"""

from array import array
from collections import OrderedDict

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt, QTimer, Signal
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QWidget

from app.inspector.messages.message_filter import MessageFilter
from app.inspector.messages.message_reading import MessageReading, Source
from app.inspector.messages.message_text import ListedMessage, clock_text, direction_name, direction_text
from app.look.theme import roles_of
from proxy_core.formats.amount import size_text
from proxy_core.model.exchange import Side

COLUMNS = ("", "Time", "Type", "Size", "Message")
DIRECTION, TIME, KIND, SIZE, TEXT = range(5)
_ROW_LIMIT = 2048  # kept; of a KB each at the most
_BLOCK = 64
_DISPLAY = Qt.ItemDataRole.DisplayRole
_FOREGROUND = Qt.ItemDataRole.ForegroundRole
_TIP = Qt.ItemDataRole.ToolTipRole
_ACCESSIBLE = Qt.ItemDataRole.AccessibleTextRole
_Index = QModelIndex | QPersistentModelIndex
_NO_INDEX = QModelIndex()


class MessageModel(QAbstractTableModel):
    """Signals: `counted` (shown, gone over, whether that is all for now), `grown` before and after rows are added."""

    counted = Signal(int, int, bool)
    about_to_grow = Signal()
    grown = Signal()
    failed = Signal(str)

    def __init__(self, reading: MessageReading, owner: QWidget, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._reading = reading
        self._owner = owner  # whose colours are taken
        self._ticket = 0
        self._numbers = array("q")
        self._rows: OrderedDict[int, ListedMessage] = OrderedDict()
        self._asked: set[int] = set()  # blocks
        self._wanted: set[int] = set()  # blocks that are to be asked for once this paint event is over
        self._asking = QTimer(self, interval=0, singleShot=True)
        self._asking.timeout.connect(self._ask)
        reading.found.connect(self._add)
        reading.rows_read.connect(self._take_rows)
        reading.failed.connect(self._fail)

    def show_messages(self, source: Source | None, wanted: MessageFilter) -> None:
        """List the messages of an exchange; None for nothing."""
        self.beginResetModel()
        self._numbers = array("q")
        self._rows.clear()
        self._asked.clear()
        if source is None:
            self._reading.forget()
            self._ticket = -1
        else:
            self._ticket = self._reading.follow(source, wanted)
        self.endResetModel()

    def look_again(self) -> None:
        """There may be more of them, and what had not ended may have."""
        for number in [number for number, each in self._rows.items() if each.is_unfinished]:
            self._asked.discard(self.row_of(number) // _BLOCK)
        self._reading.look_again()

    def number_at(self, row: int) -> int:
        """Which message stands in a row."""
        return self._numbers[row]

    def row_of(self, number: int) -> int:
        """Where a message stands, or where it would."""
        low, high = 0, len(self._numbers)
        while low < high:
            middle = (low + high) // 2
            if self._numbers[middle] < number:
                low = middle + 1
            else:
                high = middle
        return low

    def message_at(self, row: int) -> ListedMessage | None:
        """What a row shows; None when that is not here yet."""
        block = row // _BLOCK
        if block not in self._asked:
            self._wanted.add(block)
            self._asking.start()
        return self._rows.get(self._numbers[row])

    # What comes of the thread

    def _add(self, ticket: int, numbers: "array[int]", seen: int, is_end: bool) -> None:
        if ticket != self._ticket:
            return
        if numbers:
            first = len(self._numbers)
            self.about_to_grow.emit()
            self._asked.discard(first // _BLOCK)  # it was asked for when it was shorter
            self.beginInsertRows(_NO_INDEX, first, first + len(numbers) - 1)
            self._numbers.extend(numbers)
            self.endInsertRows()
            self.grown.emit()
        self.counted.emit(len(self._numbers), seen, is_end)

    def _take_rows(self, ticket: int, rows: list[ListedMessage]) -> None:
        if ticket != self._ticket or not rows:
            return
        for each in rows:
            self._rows[each.row.number] = each
            self._rows.move_to_end(each.row.number)
        while len(self._rows) > _ROW_LIMIT:
            number, _ = self._rows.popitem(last=False)
            self._asked.discard(self.row_of(number) // _BLOCK)
        first, last = self.row_of(rows[0].row.number), self.row_of(rows[-1].row.number)
        self.dataChanged.emit(self.index(first, 0), self.index(last, len(COLUMNS) - 1))

    def _ask(self) -> None:
        for block in sorted(self._wanted):
            numbers = self._numbers[block * _BLOCK : (block + 1) * _BLOCK]
            if numbers:
                self._asked.add(block)
                self._reading.read_rows(numbers)
        self._wanted.clear()

    def _fail(self, ticket: int, sentence: str) -> None:
        if ticket == self._ticket:
            self.failed.emit(sentence)

    # Qt's side

    def rowCount(self, parent: _Index = _NO_INDEX) -> int:
        return 0 if parent.isValid() else len(self._numbers)

    def columnCount(self, parent: _Index = _NO_INDEX) -> int:
        return 0 if parent.isValid() else len(COLUMNS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = _DISPLAY) -> object:
        if role == _DISPLAY and orientation == Qt.Orientation.Horizontal:
            return COLUMNS[section]
        return None

    def data(self, index: _Index, role: int = _DISPLAY) -> object:
        if not index.isValid() or role not in (_DISPLAY, _FOREGROUND, _TIP, _ACCESSIBLE):
            return None
        message = self.message_at(index.row())
        if message is None:
            return "" if role == _DISPLAY else None
        column = index.column()
        if role == _FOREGROUND:
            return self._colour(message, column)
        if role == _TIP:
            return message.remark or None
        if role == _ACCESSIBLE and column == DIRECTION:
            return direction_name(message.row)
        return _text(message, column)

    def _colour(self, message: ListedMessage, column: int) -> QColor:
        roles = roles_of(self._owner)
        if message.remark and column in (KIND, TEXT):
            return QColor(roles.s4)
        if column == DIRECTION:
            return QColor(roles.s2 if message.row.side == Side.CLIENT else roles.s3)
        return QColor(roles.text if column == TEXT else roles.muted)


def _text(message: ListedMessage, column: int) -> str:
    match column:
        case 0:
            return direction_text(message.row)
        case 1:
            return clock_text(message.row.at_us)
        case 2:
            return f"⚠ {message.kind}" if message.remark else message.kind
        case 3:
            return size_text(message.row.size)
        case _:
            return message.excerpt
