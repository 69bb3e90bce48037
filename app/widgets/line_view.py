"""A viewer of lines: paints what is on the screen, and nothing else is asked for. For heads, bodies and hexadecimal.

Folding, selection by character, copying, and finding with all hits marked. It takes any `Lines`; a body of a hundred
megabytes opens as fast as one of a kilobyte. Signals: `find_changed` with a text such as «3 of 18».
"""

import time
from bisect import bisect_right

from PySide6.QtCore import QPoint, QRect, Qt, QTimer, Signal
from PySide6.QtGui import (
    QColor,
    QContextMenuEvent,
    QFontMetricsF,
    QKeyEvent,
    QKeySequence,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
)
from PySide6.QtWidgets import QAbstractScrollArea, QApplication, QMenu, QWidget

from app.inspection.lines import Find, Lines, find_in
from app.theme import code_font, roles_of
from proxy_core.formats.highlight import spans

GUTTER = 22  # room for the fold marks
_MARGIN = 8
_TOP = 6
_COPY_LIMIT_LINES = 200_000
_FIND_LIMIT = 1000
_SHARING = 4
_SEARCH_S = 0.012  # of the window's time at once
_SEARCHED_AT_ONCE = 50  # lines
_MEASURED = 200  # lines whose width decides about the horizontal scroll bar

Place = tuple[int, int]  # line, character


class LineView(QAbstractScrollArea):
    """Shows `Lines`."""

    find_changed = Signal(str)

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(name)
        self.setFrameShape(QAbstractScrollArea.Shape.NoFrame)
        self.setObjectName("lineView")
        self.setFont(code_font())
        self.setViewportMargins(0, _TOP, 0, 0)
        self.viewport().setCursor(Qt.CursorShape.IBeamCursor)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        metrics = QFontMetricsF(self.font())
        self._line_height = int(metrics.height() * 1.28)
        self._ascent = int(metrics.ascent() + (self._line_height - metrics.height()) / 2)
        self._char_width = metrics.horizontalAdvance("0")
        self._lines: Lines | None = None
        self._folded: dict[int, int] = {}  # first line -> last hidden line
        self._hidden_before: tuple[list[int], list[int]] = ([], [])  # view rows where a fold ends, and lines hidden
        self._anchor: Place | None = None
        self._cursor: Place | None = None
        self._found: list[Find] = []
        self._found_index = -1
        self._sought = ""
        self._searched_lines = self._find_from = 0
        self._search = QTimer(self, interval=0, singleShot=True)
        self._search.timeout.connect(self._search_on)
        self._widest = 0.0  # of the lines that were measured
        self.verticalScrollBar().setSingleStep(3)

    # Content

    def show_lines(self, lines: Lines | None, *, keep_place: bool = False) -> None:
        """Show other lines; `keep_place` for the same content that has grown."""
        row = self.verticalScrollBar().value()
        self._lines = lines
        if not keep_place:
            self._folded = {}
            self._anchor = self._cursor = None
        self._search.stop()
        self._found, self._found_index = [], -1
        self._widest = self._measured_width()
        self._folds_changed()
        self.verticalScrollBar().setValue(row if keep_place else 0)
        if not keep_place:
            self.horizontalScrollBar().setValue(0)

    def _measured_width(self) -> float:
        if self._lines is None:
            return 0.0
        longest = max(
            (self._lines.text(each) for each in range(min(self._lines.count, _MEASURED))), key=len, default=""
        )
        return QFontMetricsF(self.font()).horizontalAdvance(longest)  # one width for all characters, or nearly

    def _folds_changed(self) -> None:
        rows: list[int] = []
        hidden: list[int] = []
        total = 0
        last_hidden = -1
        for first in sorted(self._folded):
            if first <= last_hidden:
                continue  # inside another fold
            last_hidden = self._folded[first]
            rows.append(first - total)
            total += last_hidden - first
            hidden.append(total)
        self._hidden_before = (rows, hidden)
        self._place_bars()
        self.viewport().update()

    def _row_count(self) -> int:
        if self._lines is None:
            return 0
        hidden = self._hidden_before[1]
        return self._lines.count - (hidden[-1] if hidden else 0)

    def _line_of_row(self, row: int) -> int:
        rows, hidden = self._hidden_before
        index = bisect_right(rows, row - 1) - 1
        return row + (hidden[index] if index >= 0 else 0)

    def _row_of_line(self, line: int) -> int:
        row = line
        last_hidden = -1
        for first in sorted(self._folded):
            if first <= last_hidden or first >= line:
                continue
            last_hidden = self._folded[first]
            row -= min(last_hidden, line) - first
        return row

    def _place_bars(self) -> None:
        rows_shown = max(self.viewport().height() // self._line_height, 1)
        self.verticalScrollBar().setPageStep(rows_shown)
        self.verticalScrollBar().setRange(0, max(self._row_count() - rows_shown, 0))
        width = int(self._widest) + self._left() + _MARGIN
        self.horizontalScrollBar().setPageStep(self.viewport().width())
        self.horizontalScrollBar().setSingleStep(24)
        self.horizontalScrollBar().setRange(0, max(width - self.viewport().width(), 0))

    def _left(self) -> int:
        return GUTTER if self._lines is not None and self._lines.folds else _MARGIN + 4

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._place_bars()

    # Painting

    def paintEvent(self, event: QPaintEvent) -> None:
        del event
        roles = roles_of(self)
        painter = QPainter(self.viewport())
        painter.fillRect(self.viewport().rect(), QColor(roles.bg))
        painter.setFont(self.font())
        if self._lines is None:
            return
        metrics = QFontMetricsF(self.font())
        first_row = self.verticalScrollBar().value()
        rows = self.viewport().height() // self._line_height + 2
        selection = self._selection()
        found: dict[int, list[Find]] = {}
        for each in self._found:
            found.setdefault(each.line, []).append(each)
        x = self._left() - self.horizontalScrollBar().value()
        for row in range(first_row, min(first_row + rows, self._row_count())):
            line = self._line_of_row(row)
            y = (row - first_row) * self._line_height
            text = self._lines.text(line)
            self._paint_marks(painter, metrics, text, line, x, y, selection, found.get(line, []))
            self._paint_text(painter, metrics, text, line, x, y)

    def _paint_marks(
        self,
        painter: QPainter,
        metrics: QFontMetricsF,
        text: str,
        line: int,
        x: int,
        y: int,
        selection: tuple[Place, Place] | None,
        found: list[Find],
    ) -> None:
        roles = roles_of(self)

        def fill(start: int, end: int, colour: QColor) -> None:
            left = self._width(metrics, text[:start])
            width = self._width(metrics, text[:end]) - left
            painter.fillRect(QRect(int(x + left), y, max(int(width), 3), self._line_height), colour)

        for each in found:
            is_current = self._found_index >= 0 and self._found[self._found_index] is each
            colour = QColor(roles.s4)
            colour.setAlpha(150 if is_current else 70)
            fill(each.start, each.end, colour)
        if selection is not None and selection[0][0] <= line <= selection[1][0]:
            start = selection[0][1] if line == selection[0][0] else 0
            end = selection[1][1] if line == selection[1][0] else len(text) + 1
            if end > start:
                fill(min(start, len(text)), min(end, len(text) + 1), QColor(roles.sel))

    def _paint_text(self, painter: QPainter, metrics: QFontMetricsF, text: str, line: int, x: int, y: int) -> None:
        assert self._lines is not None
        roles = roles_of(self)
        baseline = y + self._ascent
        position = 0
        advance = 0.0
        right = self.viewport().width() - x
        # Only what can be seen is looked at. Outside ASCII several characters may share a place.
        text = text[: (int(right / self._char_width) + 2) * (1 if text.isascii() else _SHARING)]
        for start, end, role in [*spans(text, self._lines.language), (len(text), len(text), "")]:
            if advance > right:
                break
            for piece, colour in (
                (text[position:start], roles.text),
                (text[start:end], getattr(roles, role, roles.text)),
            ):
                if piece:
                    width = self._width(metrics, piece)
                    if x + advance + width > 0:
                        painter.setPen(QColor(colour))
                        painter.drawText(QPoint(int(x + advance), baseline), piece)
                    advance += width
            position = end
        if line in self._lines.folds:
            painter.setPen(QColor(roles.muted))
            is_folded = line in self._folded
            painter.drawText(QPoint(x - 15, baseline), "▸" if is_folded else "▾")
            if is_folded:
                hidden = self._folded[line] - line
                closing = self._lines.text(self._folded[line]).strip()
                painter.drawText(QPoint(int(x + advance) + 6, baseline), f"… {hidden - 1:,} lines … {closing}")

    def _width(self, metrics: QFontMetricsF, text: str) -> float:
        return len(text) * self._char_width if text.isascii() else metrics.horizontalAdvance(text)

    # Folding

    def toggle_fold(self, line: int) -> None:
        """Fold or unfold what begins in this line."""
        if self._lines is None or line not in self._lines.folds:
            return
        if line in self._folded:
            del self._folded[line]
        else:
            self._folded[line] = self._lines.folds[line]
        self._folds_changed()

    def fold_all(self, *, is_folded: bool) -> None:
        """Fold everything below the outermost level, or unfold all."""
        if self._lines is not None:
            outermost = min(self._lines.folds, default=-1)
            inner = {first: last for first, last in self._lines.folds.items() if first != outermost}
            self._folded = inner if is_folded else {}
            self._folds_changed()

    # Selection

    def _selection(self) -> tuple[Place, Place] | None:
        if self._anchor is None or self._cursor is None or self._anchor == self._cursor:
            return None
        return min(self._anchor, self._cursor), max(self._anchor, self._cursor)

    def selected_text(self) -> str:
        """What is selected, as text; "" for nothing."""
        selection = self._selection()
        if selection is None or self._lines is None:
            return ""
        (first, start), (last, end) = selection
        last = min(last, first + _COPY_LIMIT_LINES)
        if first == last:
            return self._lines.text(first)[start:end]
        middle = [self._lines.text(line) for line in range(first + 1, last)]
        return "\n".join([self._lines.text(first)[start:], *middle, self._lines.text(last)[:end]])

    def select_all(self) -> None:
        """Select from the first to the last line."""
        if self._lines is not None and self._lines.count:
            self._anchor = (0, 0)
            last = self._lines.count - 1
            self._cursor = (last, len(self._lines.text(last)))
            self.viewport().update()

    def copy(self) -> None:
        """Copy the selection, or the line under the cursor when nothing is selected."""
        text = self.selected_text()
        if not text and self._cursor is not None and self._lines is not None:
            text = self._lines.text(self._cursor[0])
        if text:
            QApplication.clipboard().setText(text)

    def _place_at(self, point: QPoint) -> Place | None:
        if self._lines is None or not self._row_count():
            return None
        row = self.verticalScrollBar().value() + point.y() // self._line_height
        line = self._line_of_row(max(0, min(row, self._row_count() - 1)))
        text = self._lines.text(line)
        x = point.x() + self.horizontalScrollBar().value() - self._left()
        metrics = QFontMetricsF(self.font())
        low, high = 0, len(text)
        while low < high:
            middle = (low + high + 1) // 2
            if self._width(metrics, text[:middle]) <= x + metrics.averageCharWidth() / 2:
                low = middle
            else:
                high = middle - 1
        return line, low

    def mousePressEvent(self, event: QMouseEvent) -> None:
        place = self._place_at(event.position().toPoint())
        if place is None or self._lines is None or event.button() is not Qt.MouseButton.LeftButton:
            return
        if event.position().x() < self._left() - self.horizontalScrollBar().value() and place[0] in self._lines.folds:
            self.toggle_fold(place[0])
            return
        if not event.modifiers() & Qt.KeyboardModifier.ShiftModifier or self._anchor is None:
            self._anchor = place
        self._cursor = place
        self.viewport().update()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if event.buttons() & Qt.MouseButton.LeftButton and self._anchor is not None:
            point = event.position().toPoint()
            bar = self.verticalScrollBar()
            if point.y() < 0 or point.y() > self.viewport().height():
                bar.setValue(bar.value() + (1 if point.y() > 0 else -1))
            self._cursor = self._place_at(point) or self._cursor
            self.viewport().update()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        place = self._place_at(event.position().toPoint())
        if place is None or self._lines is None:
            return
        text = self._lines.text(place[0])
        start = end = place[1]
        while start > 0 and (text[start - 1].isalnum() or text[start - 1] in "_-."):
            start -= 1
        while end < len(text) and (text[end].isalnum() or text[end] in "_-."):
            end += 1
        self._anchor, self._cursor = (place[0], start), (place[0], end)
        self.viewport().update()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        bar = self.verticalScrollBar()
        if event.matches(QKeySequence.StandardKey.Copy):
            self.copy()
        elif event.matches(QKeySequence.StandardKey.SelectAll):
            self.select_all()
        elif event.key() == Qt.Key.Key_Down:
            bar.setValue(bar.value() + 1)
        elif event.key() == Qt.Key.Key_Up:
            bar.setValue(bar.value() - 1)
        elif event.key() == Qt.Key.Key_PageDown:
            bar.setValue(bar.value() + bar.pageStep())
        elif event.key() == Qt.Key.Key_PageUp:
            bar.setValue(bar.value() - bar.pageStep())
        elif event.key() == Qt.Key.Key_Home:
            bar.setValue(0)
        elif event.key() == Qt.Key.Key_End:
            bar.setValue(bar.maximum())
        else:
            super().keyPressEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        menu = QMenu(self)
        menu.addAction("Copy", self.copy).setShortcut(QKeySequence.StandardKey.Copy)
        place = self._place_at(event.pos())
        if place is not None and self._lines is not None:
            line = self._lines.text(place[0])
            menu.addAction("Copy line", lambda: QApplication.clipboard().setText(line))
            _, colon, value = line.partition(": ")
            if colon:
                menu.addAction("Copy value", lambda: QApplication.clipboard().setText(value.strip().rstrip(",")))
        menu.addAction("Select all", self.select_all).setShortcut(QKeySequence.StandardKey.SelectAll)
        if self._lines is not None and self._lines.folds:
            menu.addSeparator()
            menu.addAction("Fold all", lambda: self.fold_all(is_folded=True))
            menu.addAction("Unfold all", lambda: self.fold_all(is_folded=False))
        menu.exec(event.globalPos())

    # Finding

    def find_text(self, wanted: str) -> None:
        """Mark all occurrences and go to the first at or below what is seen. A long text is searched bit by bit."""
        self._found, self._found_index = [], -1
        self._sought, self._searched_lines = wanted, 0
        self._find_from = self._line_of_row(self.verticalScrollBar().value()) if self._lines is not None else 0
        if self._lines is None or not wanted:
            self._search.stop()
            self.find_changed.emit("")
            self.viewport().update()
            return
        self._search_on()

    def _search_on(self) -> None:
        """Search for some milliseconds, then let the window do other things."""
        lines = self._lines
        if lines is None:
            return
        end_mark = time.monotonic() + _SEARCH_S
        while self._searched_lines < lines.count and len(self._found) < _FIND_LIMIT and time.monotonic() < end_mark:
            behind = min(self._searched_lines + _SEARCHED_AT_ONCE, lines.count)
            self._found += find_in(lines, self._sought, self._searched_lines, behind)
            self._searched_lines = behind
        del self._found[_FIND_LIMIT:]
        is_over = self._searched_lines >= lines.count or len(self._found) >= _FIND_LIMIT
        if self._found_index < 0 and self._found and (is_over or self._found[-1].line >= self._find_from):
            later = (index for index, each in enumerate(self._found) if each.line >= self._find_from)
            self._found_index = next(later, 0)
            self._go_to_found()
        self._tell_found(is_over=is_over)
        if is_over:
            self._search.stop()
        else:
            self._search.start()

    def find_next(self, step: int) -> None:
        """Go to the next (1) or previous (-1) occurrence."""
        if self._found:
            self._found_index = (self._found_index + step) % len(self._found)
            self._go_to_found()
            self._tell_found(is_over=not self._search.isActive())

    def _go_to_found(self) -> None:
        each = self._found[self._found_index]
        for first in [first for first, last in self._folded.items() if first < each.line <= last]:
            self.toggle_fold(first)
        row = self._row_of_line(each.line)
        bar = self.verticalScrollBar()
        if not bar.value() <= row < bar.value() + bar.pageStep():
            bar.setValue(max(row - bar.pageStep() // 3, 0))

    def _tell_found(self, *, is_over: bool) -> None:
        more = "" if is_over and len(self._found) < _FIND_LIMIT else "+"
        self.find_changed.emit(f"{self._found_index + 1} of {len(self._found)}{more}")
        self.viewport().update()
