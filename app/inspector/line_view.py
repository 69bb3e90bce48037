"""A viewer of lines: paints what is on the screen, and nothing else is asked for. For heads, bodies and hexadecimal.

Folding, selection by character, copying, and finding with all hits marked. It takes any `Lines`; a body of a hundred
megabytes opens as fast as one of a kilobyte. What is copied is the original, not what is drawn of it. Signals:
`find_changed` with a text such as «3 of 18», `copy_refused` with a sentence.
"""

import time

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

from app.inspector.excerpt import Place, excerpt, has_value, value_of, whole_line, word_at
from app.inspector.folding import Folding
from app.inspector.lines import LONGEST_LINE, Lines
from app.inspector.search import SOUGHT_LIMIT, Search, Span, spans_of
from app.look.theme import code_font, roles_of
from proxy_core.formats.highlight import spans

GUTTER = 22  # room for the fold marks
_MARGIN = 8
_TOP = 6
_FIND_LIMIT = 1000
_SHARING = 4
_SEARCH_S = 0.012  # of the window's time at once
_MEASURED = 200  # lines whose width decides about the horizontal scroll bar
_BEFORE_FOUND = 0.25  # of the width is left before what was gone to, so that it is seen where it stands
_LEAST_IN_LINE = LONGEST_LINE // 4  # characters of a line that goes on, for each may have four bytes


class LineView(QAbstractScrollArea):
    """Shows `Lines`."""

    find_changed = Signal(str)
    copy_refused = Signal(str)

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
        self._folding = Folding()
        self._anchor: Place | None = None
        self._cursor: Place | None = None
        self._search_so_far: Search | None = None
        self._found_index = -1
        self._sought = ""
        self._find_from = 0
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
            self._folding = Folding()
            self._anchor = self._cursor = None
        self._search.stop()
        self._search_so_far, self._found_index = None, -1
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

    def _widen(self, width: float) -> None:
        """A line is wider than those that were measured: it can be scrolled to."""
        if width > self._widest:
            self._widest = width
            self._place_bars()

    def scrollContentsBy(self, dx: int, dy: int) -> None:
        super().scrollContentsBy(dx, dy)
        if dy and self._lines is not None:
            first_row = self.verticalScrollBar().value()
            rows = range(first_row, min(first_row + self.verticalScrollBar().pageStep() + 1, self.row_count))
            longest = max((self._lines.text(self._folding.line_of_row(row)) for row in rows), key=len, default="")
            self._widen(QFontMetricsF(self.font()).horizontalAdvance(longest))

    def _folds_changed(self) -> None:
        self._place_bars()
        self.viewport().update()

    @property
    def row_count(self) -> int:
        """How many rows there are, without what is folded away."""
        return 0 if self._lines is None else self._lines.count - self._folding.hidden_count

    def _place_bars(self) -> None:
        rows_shown = max(self.viewport().height() // self._line_height, 1)
        self.verticalScrollBar().setPageStep(rows_shown)
        self.verticalScrollBar().setRange(0, max(self.row_count - rows_shown, 0))
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
        found = self._found_in_rows(first_row, first_row + rows)
        x = self._left() - self.horizontalScrollBar().value()
        for row in range(first_row, min(first_row + rows, self.row_count)):
            line = self._folding.line_of_row(row)
            y = (row - first_row) * self._line_height
            text = self._lines.text(line)
            self._paint_marks(painter, metrics, text, line, x, y, selection, found.get(line, []))
            self._paint_text(painter, metrics, text, line, x, y)

    def _found_in_rows(self, first_row: int, behind_row: int) -> dict[int, list[tuple[Span, bool]]]:
        """What was found in the lines of these rows, and whether it is what was gone to."""
        found: dict[int, list[tuple[Span, bool]]] = {}
        if self._lines is None or self._search_so_far is None or first_row >= self.row_count:
            return found
        first = self._folding.line_of_row(first_row) - len(self._sought) // _LEAST_IN_LINE - 1
        last = self._folding.line_of_row(min(behind_row, self.row_count) - 1)
        for index, each in enumerate(self._search_so_far.found):
            if first <= each.line <= last:
                for span in spans_of(self._lines, each):
                    found.setdefault(span.line, []).append((span, index == self._found_index))
        return found

    def _paint_marks(
        self,
        painter: QPainter,
        metrics: QFontMetricsF,
        text: str,
        line: int,
        x: int,
        y: int,
        selection: tuple[Place, Place] | None,
        found: list[tuple[Span, bool]],
    ) -> None:
        roles = roles_of(self)

        def fill(start: int, end: int, colour: QColor) -> None:
            left = self._width(metrics, text[:start])
            width = self._width(metrics, text[:end]) - left
            painter.fillRect(QRect(int(x + left), y, max(int(width), 3), self._line_height), colour)

        for span, is_current in found:
            colour = QColor(roles.s4)
            colour.setAlpha(150 if is_current else 70)
            fill(span.start, span.end, colour)
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
            is_folded = line in self._folding
            painter.drawText(QPoint(x - 15, baseline), "▸" if is_folded else "▾")
            if is_folded:
                last = self._folding.last_hidden(line)
                closing = self._lines.text(last).strip()
                painter.drawText(QPoint(int(x + advance) + 6, baseline), f"… {last - line - 1:,} lines … {closing}")

    def _width(self, metrics: QFontMetricsF, text: str) -> float:
        return len(text) * self._char_width if text.isascii() else metrics.horizontalAdvance(text)

    # Folding

    def toggle_fold(self, line: int) -> None:
        """Fold or unfold what begins in this line."""
        if self._lines is not None and line in self._lines.folds:
            self._folding.toggle(line, self._lines.folds[line])
            self._folds_changed()

    def fold_all(self, *, is_folded: bool) -> None:
        """Fold everything below the outermost level, or unfold all."""
        if self._lines is not None:
            outermost = min(self._lines.folds, default=-1)
            inner = {first: last for first, last in self._lines.folds.items() if first != outermost}
            self._folding.replace(inner if is_folded else {})
            self._folds_changed()

    # Selection

    def _selection(self) -> tuple[Place, Place] | None:
        if self._anchor is None or self._cursor is None or self._anchor == self._cursor:
            return None
        return min(self._anchor, self._cursor), max(self._anchor, self._cursor)

    def selected_text(self) -> str:
        """What is selected, as it is in the original; "" for nothing."""
        selection = self._selection()
        if selection is None or self._lines is None:
            return ""
        return excerpt(self._lines, *selection)

    def select_all(self) -> None:
        """Select from the first to the last line."""
        if self._lines is not None and self._lines.count:
            self._anchor = (0, 0)
            self._cursor = (self._lines.count, 0)
            self.viewport().update()

    def copy(self) -> None:
        """Copy the selection, or the line under the cursor when nothing is selected."""
        if self._lines is None or self._cursor is None:
            return
        selection = self._selection()
        if selection is None:
            QApplication.clipboard().setText(whole_line(self._lines, min(self._cursor[0], self._lines.count - 1)))
        elif self._lines.most_copied is not None and selection[1][0] - selection[0][0] > self._lines.most_copied:
            self.copy_refused.emit(
                f"More than {self._lines.most_copied:,} of these lines are not copied at once; "
                "«Save body» writes the body to a file."
            )
        else:
            QApplication.clipboard().setText(excerpt(self._lines, *selection))

    def _place_at(self, point: QPoint) -> Place | None:
        if self._lines is None or not self.row_count:
            return None
        row = self.verticalScrollBar().value() + point.y() // self._line_height
        line = self._folding.line_of_row(max(0, min(row, self.row_count - 1)))
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
        self._anchor, self._cursor = word_at(self._lines, place)
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
            lines, number = self._lines, place[0]
            clipboard = QApplication.clipboard()
            menu.addAction("Copy line", lambda: clipboard.setText(whole_line(lines, number)))
            if has_value(lines, number):
                menu.addAction("Copy value", lambda: clipboard.setText(value_of(lines, number) or ""))
        menu.addAction("Select all", self.select_all).setShortcut(QKeySequence.StandardKey.SelectAll)
        if self._lines is not None and self._lines.folds:
            menu.addSeparator()
            menu.addAction("Fold all", lambda: self.fold_all(is_folded=True))
            menu.addAction("Unfold all", lambda: self.fold_all(is_folded=False))
        menu.exec(event.globalPos())

    # Finding

    def find_text(self, wanted: str) -> None:
        """Mark all occurrences and go to the first at or below what is seen. A long text is searched bit by bit."""
        self._search_so_far, self._found_index = None, -1
        self._sought = wanted
        is_too_long = len(wanted) > SOUGHT_LIMIT
        if self._lines is None or not wanted or is_too_long:
            self._search.stop()
            self.find_changed.emit(f"At most {SOUGHT_LIMIT} characters can be sought." if is_too_long else "")
            self.viewport().update()
            return
        self._search_so_far = Search(self._lines, wanted, _FIND_LIMIT)
        self._find_from = self._folding.line_of_row(self.verticalScrollBar().value())
        self._search_on()

    def _search_on(self) -> None:
        """Search for some milliseconds, then let the window do other things."""
        search = self._search_so_far
        if search is None:
            return
        end_mark = time.monotonic() + _SEARCH_S
        while not search.is_over and time.monotonic() < end_mark:
            search.go_on()
        found = search.found
        if self._found_index < 0 and found and (search.is_over or found[-1].line >= self._find_from):
            later = (index for index, each in enumerate(found) if each.line >= self._find_from)
            self._found_index = next(later, 0)
            self._go_to_found(search)
        self._tell_found(search)
        if search.is_over:
            self._search.stop()
        else:
            self._search.start()

    def find_next(self, step: int) -> None:
        """Go to the next (1) or previous (-1) occurrence."""
        search = self._search_so_far
        if search is not None and search.found:
            self._found_index = (self._found_index + step) % len(search.found)
            self._go_to_found(search)
            self._tell_found(search)

    def _go_to_found(self, search: Search) -> None:
        assert self._lines is not None
        span = spans_of(self._lines, search.found[self._found_index])[0]
        if self._folding.show(span.line):
            self._folds_changed()
        row = self._folding.row_of_line(span.line)
        bar = self.verticalScrollBar()
        if not bar.value() <= row < bar.value() + bar.pageStep():
            bar.setValue(max(row - bar.pageStep() // 3, 0))
        self._show_span(span)

    def _show_span(self, span: Span) -> None:
        """Scroll sideways until a part of a line is seen."""
        assert self._lines is not None
        metrics = QFontMetricsF(self.font())
        text = self._lines.text(span.line)
        left = self._width(metrics, text[: span.start])
        right = self._width(metrics, text[: span.end])
        self._widen(self._width(metrics, text))
        bar = self.horizontalScrollBar()
        room = self.viewport().width() - self._left() - _MARGIN
        if left < bar.value() or right > bar.value() + room:
            # All of the line's beginning, if it is seen then; else with something before it.
            bar.setValue(0 if right <= room else int(left - room * _BEFORE_FOUND))

    def _tell_found(self, search: Search) -> None:
        more = "" if search.is_over and not search.is_full else "+"
        self.find_changed.emit(f"{self._found_index + 1} of {len(search.found)}{more}")
        self.viewport().update()
