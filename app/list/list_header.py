"""The header of the list: columns are moved, sized, sorted by a click, chosen in its menu, and remembered."""

import math

from PySide6.QtCore import QEvent, QPoint, QRect, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QMouseEvent, QPainter, QResizeEvent
from PySide6.QtWidgets import QHeaderView, QMenu, QWidget

from app.list.columns import COLUMN_INDEX, COLUMNS, STRETCHED
from app.list.exchange_painter import PADDING
from app.look.icons import THEME_EVENTS
from app.look.theme import roles_of, text_font
from app.preferences import ColumnPreference

HEIGHT = 30
_LEAST_WIDTH = 36
_LEAST_STRETCHED = 140
_MOST_WIDTH = 2000


class ListHeader(QHeaderView):
    """Signal: `columns_changed` when a person moved, sized, showed or hid one."""

    columns_changed = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self.setAccessibleName("Columns")
        self._is_restoring = False
        self._digits = 0  # of the longest number there is room for
        self._hovered = -1
        self.setMouseTracking(True)
        self._make_fonts()

    def set_up(self) -> None:
        """To be called once the model is set."""
        self.setSectionsMovable(True)
        self.setSectionsClickable(True)
        self.setHighlightSections(False)
        self.setMinimumSectionSize(_LEAST_WIDTH)
        self.setFixedHeight(HEIGHT)
        self.setTextElideMode(Qt.TextElideMode.ElideRight)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.customContextMenuRequested.connect(self._open_menu)
        self.setSortIndicator(0, Qt.SortOrder.AscendingOrder)
        for index, column in enumerate(COLUMNS):
            stretches = column.key == STRETCHED
            mode = QHeaderView.ResizeMode.Stretch if stretches else QHeaderView.ResizeMode.Interactive
            self.setSectionResizeMode(index, mode)
        self.restore(())
        self.sectionMoved.connect(self._changed)
        self.sectionResized.connect(self._changed)

    def restore(self, wanted: tuple[ColumnPreference, ...]) -> None:
        """Arrange the columns as remembered; those that are unknown or new stand where they stand by default."""
        self._is_restoring = True
        self._digits = 0
        known = {each.key: each for each in wanted if each.key in COLUMN_INDEX}
        order = list(known) + [column.key for column in COLUMNS if column.key not in known]
        for place, key in enumerate(order):
            index = COLUMN_INDEX[key]
            column = COLUMNS[index]
            self.moveSection(self.visualIndex(index), place)
            remembered = known.get(key)
            is_shown = column.is_shown if remembered is None else remembered.is_shown or not column.can_hide
            width = column.width if remembered is None else remembered.width
            self.setSectionHidden(index, not is_shown)
            if key != STRETCHED:
                self.resizeSection(index, min(max(width, _LEAST_WIDTH), _MOST_WIDTH))
        self._is_restoring = False

    def remembered(self) -> tuple[ColumnPreference, ...]:
        """How the columns are arranged now."""
        found = []
        for place in range(self.count()):
            index = self.logicalIndex(place)
            is_hidden = self.isSectionHidden(index)
            width = COLUMNS[index].width if is_hidden else self.sectionSize(index)
            found.append(ColumnPreference(COLUMNS[index].key, width, not is_hidden))
        return tuple(found)

    def make_room_for(self, number: int) -> None:
        """Widen the first column when `number` has more digits than any before; half a number is a wrong one.

        A person who narrows it again is obeyed up to the next digit.
        """
        digits = len(str(number))
        if digits <= self._digits:
            return
        self._digits = digits
        needed = math.ceil(QFontMetricsF(self._font, self).horizontalAdvance("0" * digits)) + 2 * PADDING
        index = COLUMN_INDEX["id"]
        if not self.isSectionHidden(index) and self.sectionSize(index) < needed:
            self.resizeSection(index, needed)

    def show_column(self, index: int, *, is_shown: bool) -> None:
        """Show or hide a column."""
        self.setSectionHidden(index, not is_shown)
        self._digits = 0
        if is_shown and COLUMNS[index].key != STRETCHED:
            self.resizeSection(index, COLUMNS[index].width)
        self._leave_room_for_path()
        self.columns_changed.emit()

    def column_menu(self) -> QMenu:
        """The menu that chooses columns."""
        menu = QMenu(self)
        for place in range(self.count()):
            index = self.logicalIndex(place)
            column = COLUMNS[index]
            action = menu.addAction(column.name)
            action.setCheckable(True)
            action.setChecked(not self.isSectionHidden(index))
            action.setEnabled(column.can_hide)
            action.toggled.connect(lambda is_shown, index=index: self.show_column(index, is_shown=is_shown))
        menu.addSeparator()
        menu.addAction("Default Columns", self._reset)
        return menu

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._leave_room_for_path()
        super().resizeEvent(event)

    def _leave_room_for_path(self) -> None:
        """The column that takes what is left keeps a width in which something can be read; then the list scrolls."""
        index = COLUMN_INDEX[STRETCHED]
        room = self.viewport().width() - (self.length() - self.sectionSize(index))
        mode = QHeaderView.ResizeMode.Stretch if room >= _LEAST_STRETCHED else QHeaderView.ResizeMode.Interactive
        if mode != self.sectionResizeMode(index):
            self.setSectionResizeMode(index, mode)
            if mode == QHeaderView.ResizeMode.Interactive:
                self.resizeSection(index, _LEAST_STRETCHED)

    def paintSection(self, painter: QPainter, rect: QRect, index: int) -> None:
        roles = roles_of(self)
        column = COLUMNS[index]
        is_hovered = self._hovered == index
        painter.fillRect(rect, QColor(roles.hover if is_hovered else roles.bg))
        painter.fillRect(rect.left(), rect.bottom(), rect.width(), 1, QColor(roles.line))
        if is_hovered:  # where it can be sized
            painter.fillRect(rect.right(), rect.top() + 8, 1, rect.height() - 16, QColor(roles.line))
        is_sorted = self._is_sorted_by(index)
        font = self._sorted_font if is_sorted else self._font
        painter.setFont(font)
        painter.setPen(QColor(roles.text if is_sorted or is_hovered else roles.muted))
        arrow = ""
        if is_sorted:
            arrow = " ↓" if self.sortIndicatorOrder() == Qt.SortOrder.DescendingOrder else " ↑"
        room = rect.adjusted(PADDING, 0, -PADDING, -1)
        side = Qt.AlignmentFlag.AlignRight if column.is_number else Qt.AlignmentFlag.AlignLeft
        text = painter.fontMetrics().elidedText(column.title + arrow, Qt.TextElideMode.ElideRight, room.width())
        painter.drawText(room, side | Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextSingleLine, text)

    def _is_sorted_by(self, index: int) -> bool:
        """The order of arrival is no order that needs an arrow."""
        is_natural = index == 0 and self.sortIndicatorOrder() == Qt.SortOrder.AscendingOrder
        return self.sortIndicatorSection() == index and not is_natural

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._hover(self.logicalIndexAt(event.position().toPoint()))
        super().mouseMoveEvent(event)

    def leaveEvent(self, event: QEvent) -> None:
        self._hover(-1)
        super().leaveEvent(event)

    def changeEvent(self, event: QEvent) -> None:
        if event.type() in THEME_EVENTS:
            self._make_fonts()
        super().changeEvent(event)

    def _hover(self, index: int) -> None:
        if index != self._hovered:
            self._hovered = index
            self.viewport().update()

    def _make_fonts(self) -> None:
        self._font = text_font()
        self._sorted_font = text_font()
        self._sorted_font.setWeight(QFont.Weight.DemiBold)

    def _open_menu(self, position: QPoint) -> None:
        menu = self.column_menu()
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(self.mapToGlobal(position))

    def _reset(self) -> None:
        self.restore(())
        self.columns_changed.emit()

    def _changed(self) -> None:
        self._leave_room_for_path()
        if not self._is_restoring:
            self.columns_changed.emit()
