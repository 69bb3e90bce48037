"""The phases of an exchange as bars on one scale, with their durations."""

from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.inspector.facts import Phase
from app.look.theme import roles_of
from proxy_core.formats.amount import duration_text

ROW = 22
_NAME_WIDTH = 78
_VALUE_WIDTH = 74


class TimingView(QWidget):
    """Draws the phases beneath each other, each bar beginning where the one before ends."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._phases: list[Phase] = []
        self.setAccessibleName("Timing")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_phases(self, phases: list[Phase]) -> None:
        """Show other phases; those that don't apply are listed with a dash."""
        self._phases = phases
        self.setFixedHeight(len(phases) * ROW + 4)
        self.setAccessibleDescription(
            ", ".join(f"{each.name} {duration_text(each.duration_us)}" for each in phases if each.duration_us >= 0)
        )
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        del event
        roles = roles_of(self)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        total = sum(each.duration_us for each in self._phases if each.duration_us > 0) or 1
        room = max(self.width() - _NAME_WIDTH - _VALUE_WIDTH, 20)
        x = 0.0
        for number, phase in enumerate(self._phases):
            y = number * ROW
            applies = phase.duration_us >= 0
            painter.setPen(QColor(roles.muted))
            centred = Qt.AlignmentFlag.AlignVCenter
            painter.drawText(QRect(0, y, _NAME_WIDTH, ROW), centred | Qt.AlignmentFlag.AlignLeft, phase.name)
            if applies:
                width = phase.duration_us / total * room
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(QColor(getattr(roles, phase.role)))
                painter.drawRoundedRect(QRect(_NAME_WIDTH + int(x), y + 7, max(int(width), 2), ROW - 14), 2, 2)
                x += width
            painter.setPen(QColor(roles.text if applies else roles.muted))
            value = duration_text(phase.duration_us) if applies else "—"
            where = QRect(self.width() - _VALUE_WIDTH, y, _VALUE_WIDTH, ROW)
            painter.drawText(where, centred | Qt.AlignmentFlag.AlignRight, value)
