"""The list of messages: follows the end until a person scrolls away from it or chooses one, then stays still.

Signals: `chosen` (number), `copy_wanted`, `save_wanted`.
"""

from PySide6.QtCore import QItemSelection, QPoint, QRect, Qt, Signal
from PySide6.QtGui import QContextMenuEvent, QKeyEvent, QKeySequence, QResizeEvent
from PySide6.QtWidgets import QAbstractButton, QAbstractItemView, QHeaderView, QMenu, QTableView

from app.inspector.messages.message_model import DIRECTION, KIND, SIZE, TIME, MessageModel

_WIDEST = {DIRECTION: "⇅", TIME: "00:00:00.000", KIND: "⚠ opcode 15", SIZE: "999.9 MB"}  # that is shown whole
_CELL_PADDING = 24  # pixels: what the style sheet and Qt leave free beside a text
_ROW_PADDING = 8


class MessageList(QTableView):
    """See the module."""

    chosen = Signal(int)
    copy_wanted = Signal()
    save_wanted = Signal()

    def __init__(self, model: MessageModel) -> None:
        super().__init__()
        self.setObjectName("messageList")
        self.setAccessibleName("Messages")
        self._messages = model
        self._was_at_end = True
        self._chosen = 0
        self.setModel(model)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setTabKeyNavigation(False)
        self.setCornerButtonEnabled(False)
        for each in self.findChildren(QAbstractButton):
            each.setAccessibleName("All messages")  # the corner, which is never seen
        rows = self.verticalHeader()
        rows.hide()
        rows.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        rows.setMinimumSectionSize(16)
        rows.setDefaultSectionSize(self.fontMetrics().height() + _ROW_PADDING)
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        header.setStretchLastSection(True)
        for column, widest in _WIDEST.items():
            header.resizeSection(column, self.fontMetrics().horizontalAdvance(widest) + _CELL_PADDING)
        model.about_to_grow.connect(self._note_place)
        model.grown.connect(self._follow)
        model.modelReset.connect(self._forget)

    @property
    def chosen_number(self) -> int:
        """The message that is chosen, 0 for none."""
        return self._chosen

    def _note_place(self) -> None:
        bar = self.verticalScrollBar()
        self._was_at_end = not self._chosen and bar.value() >= bar.maximum()

    def _follow(self) -> None:
        if self._was_at_end:
            self.scrollToBottom()

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._note_place()
        current = self.currentIndex()
        was_in_sight = self.visualRect(current).intersects(QRect(QPoint(), event.oldSize()))
        super().resizeEvent(event)
        self._follow()
        if was_in_sight:  # the message that was chosen opens beneath it
            self.scrollTo(current)

    def _forget(self) -> None:
        self._chosen = 0

    def selectionChanged(self, selected: QItemSelection, deselected: QItemSelection) -> None:
        super().selectionChanged(selected, deselected)
        rows = self.selectionModel().selectedRows()
        number = self._messages.number_at(rows[0].row()) if rows else 0
        if number != self._chosen:
            self._chosen = number
            self.chosen.emit(number)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.matches(QKeySequence.StandardKey.Copy):
            self.copy_wanted.emit()
        elif event.key() in (Qt.Key.Key_Home, Qt.Key.Key_End) and self._messages.rowCount():
            self.selectRow(0 if event.key() == Qt.Key.Key_Home else self._messages.rowCount() - 1)
        elif event.key() == Qt.Key.Key_Escape and self._chosen:
            self.clearSelection()  # and follow the end again
            self.scrollToBottom()
        else:
            super().keyPressEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        if not self._chosen:
            return
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction("Copy message", self.copy_wanted.emit).setShortcut(QKeySequence.StandardKey.Copy)
        menu.addAction("Save message…", self.save_wanted.emit)
        menu.popup(event.globalPos())
