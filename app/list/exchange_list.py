"""The list of exchanges: a table view that paints its rows itself, follows the tail, and never steals the scroll.

What follows the newest is `ListTail`, what is selected `KeptSelection`. A replaced list keeps selection and place; one
in another order begins at its top. Signals: `current_changed` (id or None), `selected_changed` (how many rows),
`picked` (a row was activated), `mend_wanted` (id: leave this host undecrypted), `menu_wanted` (position, column).
"""

import time

from PySide6.QtCore import (
    QEvent,
    QItemSelection,
    QItemSelectionModel,
    QModelIndex,
    QPersistentModelIndex,
    QPoint,
    QRect,
    Qt,
    QTimer,
    Signal,
)
from PySide6.QtGui import (
    QContextMenuEvent,
    QFocusEvent,
    QHelpEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QAbstractItemView, QAbstractScrollArea, QTableView, QToolTip, QWidget

from app.list.columns import APP, COLUMNS, program_text
from app.list.exchange_model import ExchangeModel
from app.list.exchange_painter import Cell, ExchangePainter, RowLook
from app.list.kept_selection import KeptSelection
from app.list.list_header import ListHeader
from app.list.list_tail import ListTail
from app.look.plain_text import tip_text
from app.look.theme import roles_of
from proxy_core.formats.one_line import one_line
from proxy_core.model.exchange import FIRST_FINAL_STATE

_SPIN_MS = 90
_SPOKEN_ROWS = 200  # a selection that is told to assistive technology: Qt asks for each of its cells
_ENDS = (Qt.Key.Key_Home, Qt.Key.Key_End)
_STEPS = (Qt.Key.Key_Up, Qt.Key.Key_PageUp, Qt.Key.Key_Down, Qt.Key.Key_PageDown)
_JUMPS = (*_ENDS, Qt.Key.Key_PageUp, Qt.Key.Key_PageDown)
_Index = QModelIndex | QPersistentModelIndex


class ExchangeList(QTableView):
    """See the module."""

    current_changed = Signal(object)
    selected_changed = Signal(int)
    picked = Signal()
    mend_wanted = Signal(int)
    menu_wanted = Signal(QPoint, int)

    def __init__(self, model: ExchangeModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("exchangeList")
        self.setAccessibleName("Exchanges")
        self._exchanges = model
        self._painter: ExchangePainter | None = None
        self._hovered_row = -1
        self._links: list[tuple[QRect, int]] = []
        self._kept_current = 0
        self._kept_scroll = 0
        self._kept_order = model.order
        self._shown_current: int | None = None
        self._selected = KeptSelection(self, model)
        self._told_selected = 0
        self.header = ListHeader(self)
        self.tail = ListTail(self, model)
        self.tail.pill.clicked.connect(self.follow)
        self._set_up(model)
        self._spin = QTimer(self, interval=_SPIN_MS, singleShot=True)
        self._spin.timeout.connect(self._turn_spinners)
        self._spinning: list[int] = []
        self._is_running = True

    def _set_up(self, model: ExchangeModel) -> None:
        self.setHorizontalHeader(self.header)
        self.setModel(model)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setCornerButtonEnabled(False)
        self.setTabKeyNavigation(False)
        self.setMouseTracking(True)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setDragDropMode(QAbstractItemView.DragDropMode.NoDragDrop)
        self.setAutoScroll(False)
        rows = self.verticalHeader()
        rows.hide()
        rows.setMinimumSectionSize(1)
        rows.setSectionResizeMode(rows.ResizeMode.Fixed)
        self.header.set_up()
        self.setSortingEnabled(True)
        model.modelAboutToBeReset.connect(self._keep_place)
        model.modelReset.connect(self._restore_place)
        model.modelReset.connect(self._make_room_for_numbers)
        model.rowsInserted.connect(self._rows_inserted)
        model.rowsInserted.connect(self._make_room_for_numbers)
        model.rowsRemoved.connect(self._rows_removed)
        self.clicked.connect(self.tail.let_go)
        self.doubleClicked.connect(lambda _index: self.picked.emit())

    @property
    def painter(self) -> ExchangePainter:
        """How rows are painted now."""
        if self._painter is None:
            self._painter = ExchangePainter(self, roles_of(self))
            self.verticalHeader().setDefaultSectionSize(self._painter.row_height)
        return self._painter

    # What is selected

    def selected_ids(self) -> list[int]:
        """The selected exchanges in the list's order."""
        return self._selected.ids()

    def selected_count(self) -> int:
        """How many rows are selected."""
        return self._selected.count()

    @property
    def current_id(self) -> int | None:
        """The exchange that the inspector shows."""
        return self._shown_current

    def select_id(self, exchange_id: int) -> bool:
        """Select one exchange and bring it into sight; False when it isn't in the list."""
        row = self._exchanges.row_of(exchange_id)
        if row < 0:
            return False
        self.setCurrentIndex(self._exchanges.index(row, 0))
        return True

    def select_nothing(self) -> None:
        """Let go of the selection."""
        self.selectionModel().clear()
        self._show_current()

    def selectAll(self) -> None:
        self.tail.let_go()
        self._selected.select_all()

    def selectionChanged(self, selected: QItemSelection, deselected: QItemSelection) -> None:
        changed = sum(each.at(place).height() for each in (selected, deselected) for place in range(each.count()))
        if changed <= _SPOKEN_ROWS:
            super().selectionChanged(selected, deselected)
        else:
            # Measured 2026-11-24: with assistive technology at work, QTableView's own takes 8 s for 100,000 rows.
            QAbstractItemView.selectionChanged(self, selected, deselected)
        self.viewport().update()
        self._tell_selected()

    def _tell_selected(self) -> None:
        count = self._selected.count()
        if count != self._told_selected:
            self._told_selected = count
            self.selected_changed.emit(count)

    def currentChanged(self, current: _Index, previous: _Index) -> None:
        super().currentChanged(current, previous)
        self._show_current()

    def _show_current(self) -> None:
        index = self.currentIndex()
        current = self._exchanges.id_at(index.row()) if index.isValid() else None
        if current != self._shown_current:
            self._shown_current = current
            if current is not None:
                self.tail.let_go()
            self.current_changed.emit(current)

    def follow(self) -> None:
        """Let go of the selection, go to the newest and stay there."""
        self.select_nothing()
        self.tail.follow()

    def _make_room_for_numbers(self) -> None:
        """In their order the greatest number is at an end; in another the count of rows is the least it can be."""
        count = self._exchanges.rowCount()
        if count:
            self.header.make_room_for(max(count, self._exchanges.id_at(0), self._exchanges.id_at(count - 1)))

    def _rows_inserted(self, _parent: QModelIndex, first: int, last: int) -> None:
        self.tail.rows_came(first, last - first + 1, self.painter.row_height)

    def _rows_removed(self, _parent: QModelIndex, _first: int, _last: int) -> None:
        self._hovered_row = -1
        self._tell_selected()

    # A replaced list

    def _keep_place(self) -> None:
        self._selected.keep()
        self._kept_current = self._shown_current or 0
        self._kept_scroll = self.verticalScrollBar().value()
        self._kept_order = self._exchanges.order
        self.tail.is_own_scroll = True

    def _restore_place(self) -> None:
        self._hovered_row = -1
        self._links.clear()
        row = self._exchanges.row_of(self._kept_current) if self._kept_current else -1
        if row >= 0:
            self.selectionModel().setCurrentIndex(
                self._exchanges.index(row, 0), QItemSelectionModel.SelectionFlag.NoUpdate
            )
        self._selected.restore()
        self._tell_selected()  # a reset says nothing of what it deselects
        self.updateGeometries()
        if row >= 0:
            self.scrollTo(self._exchanges.index(row, 0))
        elif not self.tail.is_carried:
            # What a person sorts by, they want to see the first of.
            is_in_that_order = self._exchanges.order == self._kept_order
            self.verticalScrollBar().setValue(self._kept_scroll if is_in_that_order else 0)
        self.tail.is_own_scroll = False
        if self._exchanges.rowCount() == 0:
            self.tail.is_following = True
        self.tail.pill.forget()
        self._show_current()
        self.tail.go_soon()

    # Painting

    def visible_cells(self) -> list[Cell]:
        """The columns in sight from left to right."""
        header = self.header
        cells = []
        for place in range(header.count()):
            column = header.logicalIndex(place)
            if not header.isSectionHidden(column):
                left, width = header.sectionViewportPosition(column), header.sectionSize(column)
                cells.append(Cell(COLUMNS[column].key, left, width))
        return cells

    def paintEvent(self, event: QPaintEvent) -> None:
        rows = self._exchanges.rowCount()
        height = self.painter.row_height
        scroll = self.verticalHeader().offset()
        rect = event.rect()
        first = max(0, (scroll + rect.top()) // height)
        last = min(rows - 1, (scroll + rect.bottom()) // height)
        painter = QPainter(self.viewport())
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        cells = self.visible_cells()
        selected = self._selected_rows_between(first, last)
        current = self.currentIndex().row() if self.hasFocus() else -1
        now_us = int(time.time() * 1e6) if self._is_running else 0
        names_program = any(cell.key == APP for cell in cells)
        is_whole = rect.height() >= self.viewport().height() - height
        if is_whole:
            self._links.clear()
            self._spinning.clear()
        for row in range(first, last + 1):
            exchange = self._exchanges.exchange_at(row)
            if exchange is None:
                continue
            look = RowLook(
                top=row * height - scroll,
                width=self.viewport().width(),
                is_selected=row in selected,
                is_current=row == current,
                is_hovered=row == self._hovered_row,
                now_us=now_us,
            )
            self.painter.paint_background(painter, look)
            listed = self._exchanges.listed_row(row, exchange, names_program=names_program)
            link = self.painter.paint_row(painter, listed, cells, look)
            if link is not None and is_whole:
                self._links.append((link, exchange.id))
            if exchange.state < FIRST_FINAL_STATE and is_whole and now_us:
                self._spinning.append(row)
        painter.end()
        if self._spinning and not self._spin.isActive():
            self._spin.start()

    def _selected_rows_between(self, first: int, last: int) -> set[int]:
        selected: set[int] = set()
        for begin, end in self._selected.ranges():
            selected.update(range(max(first, begin), min(last, end) + 1))
        return selected

    def set_running(self, *, is_running: bool) -> None:
        """Whether what is open goes on: not in a file, and not without an engine."""
        if is_running != self._is_running:
            self._is_running = is_running
            self.viewport().update()

    def _turn_spinners(self) -> None:
        height, scroll = self.painter.row_height, self.verticalHeader().offset()
        for row in self._spinning:
            self.viewport().update(0, row * height - scroll, self.viewport().width(), height)

    # Qt's side

    def changeEvent(self, event: QEvent) -> None:
        if event.type() in (QEvent.Type.PaletteChange, QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self._painter = None
            self.viewport().update()
        super().changeEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        current = self.currentIndex()
        was_in_sight = self.visualRect(current).intersects(QRect(QPoint(), event.oldSize()))
        super().resizeEvent(event)
        self.tail.resized()
        if was_in_sight:  # a notice above the list, or the inspector beneath it, hides nothing that is looked at
            self.scrollTo(current)

    def wheelEvent(self, event: QWheelEvent) -> None:
        self.tail.wheel_turned(is_upwards=event.angleDelta().y() > 0)
        super().wheelEvent(event)
        self.tail.scrolled()

    def focusInEvent(self, event: QFocusEvent) -> None:
        # Qt's own makes the first row current, which nobody asked for.
        QAbstractScrollArea.focusInEvent(self, event)
        self.viewport().update()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = event.key()
        if key in _STEPS and not self.currentIndex().isValid():
            is_upwards = key in (Qt.Key.Key_Up, Qt.Key.Key_PageUp)
            is_last = key == Qt.Key.Key_Up or key == Qt.Key.Key_PageDown or (self.tail.is_following and not is_upwards)
            self._select_in_sight(is_last=is_last)
            return
        if key == Qt.Key.Key_Escape and (self.currentIndex().isValid() or self.selectionModel().hasSelection()):
            self.select_nothing()
            return
        if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.currentIndex().isValid():
            self.picked.emit()
            return
        modifiers = event.modifiers()
        if key in _JUMPS and modifiers & Qt.KeyboardModifier.ControlModifier:
            # With Ctrl Qt would move a mark and leave the selection where it is.
            modifiers &= ~Qt.KeyboardModifier.ControlModifier
            event = QKeyEvent(event.type(), key, modifiers)
        super().keyPressEvent(event)
        if key in (*_STEPS, *_ENDS):
            self.scrollTo(self.currentIndex())
        if key in _ENDS and not modifiers & Qt.KeyboardModifier.ShiftModifier:
            self.tail.follow_from_end(is_last=key == Qt.Key.Key_End)

    def moveCursor(self, action: QAbstractItemView.CursorAction, modifiers: Qt.KeyboardModifier) -> QModelIndex:
        # In a table of Qt's, Home and End stay in their row.
        rows = self._exchanges.rowCount()
        if rows and action in (self.CursorAction.MoveHome, self.CursorAction.MoveEnd):
            row = 0 if action == self.CursorAction.MoveHome else rows - 1
            return self._exchanges.index(row, max(self.currentIndex().column(), 0))
        return super().moveCursor(action, modifiers)

    def _select_in_sight(self, *, is_last: bool) -> None:
        rows = self._exchanges.rowCount()
        height, scroll = self.painter.row_height, self.verticalHeader().offset()
        row = (scroll + self.viewport().height()) // height - 1 if is_last else -(-scroll // height)
        if rows:
            self.setCurrentIndex(self._exchanges.index(min(max(row, 0), rows - 1), 0))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        position = event.position().toPoint()
        row = self.rowAt(position.y())
        if row != self._hovered_row:
            self._hovered_row = row
            self.viewport().update()
        is_link = self._link_at(position) is not None
        self.viewport().setCursor(Qt.CursorShape.PointingHandCursor if is_link else Qt.CursorShape.ArrowCursor)
        super().mouseMoveEvent(event)

    def leaveEvent(self, event: QEvent) -> None:
        self._hovered_row = -1
        self.viewport().update()
        super().leaveEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        position = event.position().toPoint()
        link = self._link_at(position)
        if link is not None and event.button() == Qt.MouseButton.LeftButton:
            self.mend_wanted.emit(link)
            return
        if self.rowAt(position.y()) < 0 and event.button() == Qt.MouseButton.LeftButton:
            self.select_nothing()
        super().mousePressEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        column = self.columnAt(event.pos().x())
        if event.reason() == QContextMenuEvent.Reason.Keyboard:
            current = self.currentIndex()
            place = self.visualRect(current).bottomLeft() if current.isValid() else self.viewport().rect().center()
            self.menu_wanted.emit(self.viewport().mapToGlobal(place), max(current.column(), 0))
        elif self.rowAt(event.pos().y()) >= 0:
            self.menu_wanted.emit(event.globalPos(), column)

    def viewportEvent(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            self._show_tip(event)
            return True
        return super().viewportEvent(event)

    def _link_at(self, position: QPoint) -> int | None:
        return next((exchange_id for rect, exchange_id in self._links if rect.contains(position)), None)

    def _show_tip(self, event: QHelpEvent) -> None:
        """The whole text of a cell that is cut, and what belongs to it."""
        row, column = self.rowAt(event.pos().y()), self.columnAt(event.pos().x())
        exchange = self._exchanges.exchange_at(row) if row >= 0 else None
        if exchange is None or column < 0:
            QToolTip.hideText()
            return
        key = COLUMNS[column].key
        listed = self._exchanges.listed_row(row, exchange, names_program=key == APP)
        text = COLUMNS[column].text(listed)
        if key == "path":
            text = "\n".join(part for part in (text, one_line(listed.sentence)) if part)
        elif key == APP:
            text = program_text(listed)
        elif self.painter.fits(text, self.header.sectionSize(column)):
            text = ""
        if text:
            QToolTip.showText(event.globalPos(), tip_text(text[:1500]), self.viewport())
        else:
            QToolTip.hideText()
