"""The pill over the list that says how many exchanges have come out of sight; a click leads to them."""

from PySide6.QtCore import QRect, Qt
from PySide6.QtWidgets import QPushButton, QWidget

from app.exchange_text import count_text

_MARGIN = 16


class NewPill(QPushButton):
    """Hidden while there is nothing new."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._count = 0
        self.setObjectName("newPill")
        self.setAccessibleName("Show the newest exchanges")
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.hide()

    def add(self, count: int, area: QRect, *, at_top: bool) -> None:
        """So many more have come, to that end of the list whose rows are seen in `area`."""
        self._count += count
        arrow = "↑" if at_top else "↓"
        self.setText(f"{count_text(self._count)} new {arrow}")
        self.setAccessibleName(f"{self._count} new exchanges: follow the newest")
        self.adjustSize()
        self.place(area, at_top=at_top)
        self.show()

    def place(self, area: QRect, *, at_top: bool) -> None:
        """Stand in a corner of `area`."""
        size = self.sizeHint()
        top = area.top() + _MARGIN if at_top else area.bottom() - size.height() - _MARGIN
        self.setGeometry(area.right() - size.width() - _MARGIN, top, size.width(), size.height())

    def forget(self) -> None:
        """All have been seen."""
        self._count = 0
        self.hide()
