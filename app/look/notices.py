"""Bars in the window that say something and offer the way out, where other programs open a dialog.

Each has a key: a new one with the same key takes the place of the old. They never take the focus.
"""

from collections.abc import Callable, Sequence
from enum import StrEnum

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QHBoxLayout, QProgressBar, QPushButton, QVBoxLayout, QWidget

from app.look.icons import IconButton, role_colour, tinted_icon
from app.look.plain_text import plain_label, set_tip


class NoticeKind(StrEnum):
    """How grave it is; the value names the icon."""

    INFO = "info"
    GOOD = "check"
    WARNING = "warning"
    ERROR = "error"


_ICON_ROLES = {
    NoticeKind.INFO: "accent",
    NoticeKind.GOOD: "s2",
    NoticeKind.WARNING: "s4",
    NoticeKind.ERROR: "s5",
}
NoticeAction = tuple[str, Callable[[], object]]


class Notice(QFrame):
    """One bar."""

    def __init__(self, kind: NoticeKind, text: str, actions: Sequence[NoticeAction], close: Callable[[], None]) -> None:
        super().__init__()
        self.setProperty("kind", "notice")
        self.setAccessibleName(text)
        self._kind = kind
        row = QHBoxLayout(self)
        row.setContentsMargins(14, 6, 10, 6)
        row.setSpacing(10)
        self._icon = plain_label()
        self._icon.setFixedSize(18, 18)
        self.label = plain_label(text, wraps=True)
        row.addWidget(self._icon)
        row.addWidget(self.label, 1)
        self.progress = QProgressBar()
        self.progress.setTextVisible(False)
        self.progress.setFixedWidth(180)
        self.progress.setRange(0, 0)
        self.progress.hide()
        row.addWidget(self.progress)
        for title, act in actions:
            button = QPushButton(title)
            button.setProperty("kind", "link")
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            button.setAccessibleName(title)
            button.clicked.connect(lambda _checked=False, act=act: act())
            row.addWidget(button)
        self.close_button = IconButton("close", role="muted")
        self.close_button.setFixedSize(26, 26)
        set_tip(self.close_button, "Close this notice")
        self.close_button.clicked.connect(close)
        row.addWidget(self.close_button)
        self._icon.setPixmap(tinted_icon(kind.value, role_colour(self, _ICON_ROLES[kind])).pixmap(18, 18))

    def show_progress(self, done: int, total: int) -> None:
        """So much of so much; an unknown whole runs to and fro."""
        self.progress.setVisible(True)
        scale = 1000
        self.progress.setRange(0, scale if total else 0)
        if total:
            self.progress.setValue(min(scale, done * scale // total))


class NoticeStack(QWidget):
    """All bars, one beneath the other."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("noticeStack")
        self.setAccessibleName("Notices")
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(0)
        self._notices: dict[str, Notice] = {}
        self.hide()

    def tell(
        self,
        key: str,
        kind: NoticeKind,
        text: str,
        actions: Sequence[NoticeAction] = (),
        *,
        closed: Callable[[], None] | None = None,
        can_close: bool = True,
    ) -> Notice:
        """Show a bar; `closed` is called when the person closes it."""

        def close() -> None:
            self.withdraw(key)
            if closed is not None:
                closed()

        self.withdraw(key)
        notice = Notice(kind, text, actions, close)
        notice.close_button.setVisible(can_close)
        self._notices[key] = notice
        self._column.addWidget(notice)
        self.show()
        return notice

    def withdraw(self, key: str) -> None:
        """Take a bar away."""
        notice = self._notices.pop(key, None)
        if notice is not None:
            self._column.removeWidget(notice)
            notice.hide()
            notice.deleteLater()
        if not self._notices:
            self.hide()

    def texts(self) -> dict[str, str]:
        """What is being said, by key."""
        return {key: notice.label.text() for key, notice in self._notices.items()}
