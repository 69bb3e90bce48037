"""How a row of the list looks. The list calls it for each visible row, in one paint event.

One Python call paints a row: a delegate would be called for every cell, and each call from Qt waits for the interpreter
when another thread works. Texts are cut only when they don't fit, and both facts are remembered.
"""

import math
import time
from functools import lru_cache
from typing import NamedTuple

from PySide6.QtCore import QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPen
from PySide6.QtWidgets import QWidget

from app.exchange_text import QUIET_METHODS, StatusText, path_parts, running_text
from app.list.columns import COLUMNS
from app.list.listed_row import ListedRow
from app.look.theme import Roles, code_font, text_font
from proxy_core.formats.one_line import one_line
from proxy_core.model.exchange import ExchangeKind, ExchangeRow, ExchangeState
from proxy_core.model.failure import FailureKind

PADDING = 8
MARK = 7.0
LEAST_ROW_HEIGHT = 26
_GAP = 14  # between a path and a sentence
MEND_TEXT = "Leave undecrypted"
MENDABLE = frozenset({FailureKind.CLIENT_REFUSED_CERTIFICATE.value, FailureKind.CLIENT_TLS_ERROR.value})
_SPINS_PER_S = 0.9
_QUIET_COLUMNS = frozenset({"id", "type", "scheme", "app"})


class Cell(NamedTuple):
    """A visible column and where it stands."""

    key: str
    left: int
    width: int


class RowLook(NamedTuple):
    """How a row stands in the list just now."""

    top: int
    width: int
    is_selected: bool
    is_current: bool  # has the keyboard
    is_hovered: bool
    now_us: int = 0  # microseconds since the epoch; 0 where time stands still, for nothing is under way there any more


class ExchangePainter:
    """Fonts, their measures, and the painting. Made anew when the theme or the screen changes."""

    def __init__(self, widget: QWidget, roles: Roles) -> None:
        self.roles = roles
        self._colours = {name: QColor(getattr(roles, name)) for name in Roles.__slots__}
        self._font = text_font()
        self._strong = QFont(self._font)
        self._strong.setWeight(QFont.Weight.DemiBold)
        self._link = QFont(self._font)
        self._link.setUnderline(True)
        self._code = code_font()
        self._code_strong = QFont(self._code)
        self._code_strong.setWeight(QFont.Weight.Bold)
        self._metrics = {
            id(font): QFontMetricsF(font, widget)
            for font in (self._font, self._strong, self._link, self._code, self._code_strong)
        }
        metrics = self._metrics[id(self._font)]
        self.row_height = max(LEAST_ROW_HEIGHT, math.ceil(metrics.height()) + 8)
        self._baseline = (self.row_height + metrics.capHeight()) / 2
        self._advance = lru_cache(maxsize=20_000)(self._measure)
        self._cut = lru_cache(maxsize=8_000)(self._shorten)

    def _measure(self, font: int, text: str) -> float:
        return self._metrics[font].horizontalAdvance(text)

    def _shorten(self, font: int, text: str, width: int) -> str:
        return self._metrics[font].elidedText(text, Qt.TextElideMode.ElideRight, width)

    def advance(self, font: QFont, text: str) -> float:
        """How wide a text is."""
        return self._advance(id(font), text)

    def fits(self, text: str, width: int) -> bool:
        """Whether a text of a cell is shown whole."""
        return self.advance(self._font, text) <= width - 2 * PADDING

    def paint_background(self, painter: QPainter, look: RowLook) -> None:
        """Fill the row as far as it differs from the list's ground."""
        if look.is_selected or look.is_hovered:
            colour = self._colours["sel" if look.is_selected else "hover"]
            painter.fillRect(QRect(0, look.top, look.width, self.row_height), colour)
        if look.is_current:
            painter.fillRect(QRect(0, look.top, 2, self.row_height), self._colours["accent"])

    def paint_row(self, painter: QPainter, listed: ListedRow, cells: list[Cell], look: RowLook) -> QRect | None:
        """Paint all cells. Returns where the link is that mends a failed row, if it has one."""
        row = listed.exchange
        status = listed.status
        link: QRect | None = None
        for place, cell in enumerate(cells):
            if cell.key == "status":
                self._paint_status(painter, status, cell, look)
            elif cell.key == "method":
                self._paint_method(painter, row, cell, look.top, is_failed=status.is_failed)
            elif cell.key == "path":
                width = self._room_for_path(listed, cells, place) if status.is_failed else cell.width
                link = self._paint_path(painter, listed, cell._replace(width=width), look)
            else:
                self._paint_text(painter, listed, cell, look, status)
        return link

    def _write(self, painter: QPainter, text: str, font: QFont, role: str, left: float, top: int, room: int) -> float:
        """Write one piece of text, cut to the room. Returns its width."""
        if not text or room <= 4:
            return 0.0
        width = self.advance(font, text)
        if width > room:
            text = self._cut(id(font), text, room)
            width = float(room)
        painter.setFont(font)
        painter.setPen(self._colours[role])
        painter.drawText(QPointF(left, top + self._baseline), text)
        return width

    def _paint_text(self, painter: QPainter, row: ListedRow, cell: Cell, look: RowLook, status: StatusText) -> None:
        column = _BY_KEY[cell.key]
        is_running = status.is_open and cell.key == "time"
        text = running_text(row.exchange, look.now_us) if is_running and look.now_us else column.text(row)
        if not text:
            return
        role = "muted" if cell.key in _QUIET_COLUMNS or is_running or text == "—" else "text"
        if status.is_failed and cell.key in ("id", "host", "url"):
            role = "s5"
        room = cell.width - 2 * PADDING
        left = float(cell.left + PADDING)
        if column.is_number:
            left += max(0.0, room - self.advance(self._font, text))
        self._write(painter, text, self._font, role, left, look.top, room)

    def _paint_status(self, painter: QPainter, status: StatusText, cell: Cell, look: RowLook) -> None:
        top = look.top
        left = cell.left + PADDING
        middle = top + self.row_height / 2
        if status.is_open:
            self._paint_spinner(painter, QPointF(left + MARK / 2, middle), turns=look.now_us > 0)
        else:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(self._colours[status.role])
            painter.drawRoundedRect(QRectF(left, middle - MARK / 2, MARK, MARK), 2, 2)
        text = f"✕ {status.text}" if status.is_failed else status.text
        room = cell.width - 2 * PADDING - 16 + (PADDING if status.is_failed else 0)
        self._write(painter, text, self._strong, status.role, left + 16, top, room)

    def _paint_spinner(self, painter: QPainter, middle: QPointF, *, turns: bool) -> None:
        turn = time.monotonic() * _SPINS_PER_S % 1.0
        circle = QRectF(middle.x() - 3.75, middle.y() - 3.75, 7.5, 7.5)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(self._colours["line"], 1.6))
        painter.drawEllipse(circle)
        if not turns:
            return
        painter.setPen(QPen(self._colours["s1"], 1.6, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
        painter.drawArc(circle, round(-turn * 360 * 16), 100 * 16)

    def _paint_method(self, painter: QPainter, row: ExchangeRow, cell: Cell, top: int, *, is_failed: bool) -> None:
        is_quiet = row.method in QUIET_METHODS
        font = self._code if is_quiet or row.method == "CONNECT" else self._code_strong
        role = "s5" if is_failed else "muted" if is_quiet or row.method == "CONNECT" else "text"
        self._write(painter, one_line(row.method), font, role, cell.left + PADDING, top, cell.width - 2 * PADDING)

    def _room_for_path(self, row: ListedRow, cells: list[Cell], place: int) -> int:
        """A failed row may say its sentence across the cells behind the path that have nothing to say."""
        width = cells[place].width
        for cell in cells[place + 1 :]:
            if _BY_KEY[cell.key].text(row):
                break
            width += cell.width
        return width

    def _paint_path(self, painter: QPainter, listed: ListedRow, cell: Cell, look: RowLook) -> QRect | None:
        row, sentence = listed.exchange, one_line(listed.sentence)
        left = float(cell.left + PADDING)
        end = cell.left + cell.width - PADDING
        path, query = path_parts(row)
        if sentence and row.kind == ExchangeKind.TUNNEL:
            path = query = ""  # the end of a tunnel stands in the column of hosts: the room is for the reason
        if row.state != ExchangeState.FAILED:
            left += self._write(painter, path, self._font, "text", left, look.top, int(end - left))
            if sentence and path and not query:
                left += _GAP
            behind = query or sentence  # of a tunnel: why it is dark; of a call: how it failed
            self._write(painter, behind, self._font, "muted", left, look.top, int(end - left))
            return None
        link_width = 0
        if row.failure in MENDABLE:  # the link is never what is cut
            link_width = math.ceil(self.advance(self._link, MEND_TEXT)) + 12
        room = int(end - left) - link_width
        if path or query:
            # The sentence matters more than the end of a long path.
            share = room if not sentence else max(room - int(self.advance(self._font, sentence)) - _GAP, room // 3)
            left += self._write(painter, path + query, self._font, "s5", left, look.top, share) + _GAP
        room = int(end - left) - link_width
        left += self._write(painter, sentence, self._font, "muted" if path else "s5", left, look.top, room) + 12
        if not link_width or left + link_width - 12 > end + 1:
            return None
        self._write(painter, MEND_TEXT, self._link, "accent", left, look.top, link_width)
        return QRect(int(left), look.top, link_width - 12, self.row_height)


_BY_KEY = {column.key: column for column in COLUMNS}
