"""Bars in the window that say something and offer the way out, where other programs open a dialog.

Each has a key: a new one with the same key takes the place of the old, and so does one that says the same. They never
take the focus. However many there are, they leave the window to what it is for: three are shown at once, the others
behind a button, and the oldest of very many go.
"""

from collections.abc import Callable, Sequence
from enum import StrEnum

from PySide6.QtCore import QEvent, Qt, QTimer
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QApplication, QFrame, QHBoxLayout, QProgressBar, QPushButton, QVBoxLayout, QWidget

from app.look.icons import THEME_EVENTS, IconButton, role_colour, tinted_icon
from app.look.plain_text import plain_label, set_tip


class NoticeKind(StrEnum):
    """How grave it is, the gravest last; the value names the icon."""

    GOOD = "check"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


_MOST_SHOWN = 3
_MOST_KEPT = 8  # unfolded they take half of the smallest window
PASSING_MS = 10_000  # long enough to be read, and to reach for «Show in Folder»
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
        self.is_passing = False  # goes by itself
        self.is_lasting = False  # something hangs on it: what is under way, a way back
        self.kind = kind
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
        self._show_icon()

    def _show_icon(self) -> None:
        self._icon.setPixmap(tinted_icon(self.kind.value, role_colour(self, _ICON_ROLES[self.kind])).pixmap(18, 18))

    def changeEvent(self, event: QEvent) -> None:
        if event.type() in THEME_EVENTS:
            self._show_icon()
        super().changeEvent(event)

    def says_the_same_as(self, other: "Notice") -> bool:
        """Whether a person would take the one for the other."""
        is_told = not self.is_lasting and not other.is_lasting
        return is_told and (self.kind, self.label.text()) == (other.kind, other.label.text())

    def pass_after(self, after_ms: int, passed: Callable[[], None]) -> None:
        """Call `passed` after a while, unless a person is about to use the bar: then later."""
        self.is_passing = True
        timer = QTimer(self, interval=after_ms)
        timer.timeout.connect(lambda: None if self._is_in_use() else passed())
        timer.start()

    def _is_in_use(self) -> bool:
        focused = QApplication.focusWidget()
        return self.underMouse() or (focused is not None and self.isAncestorOf(focused))

    def show_progress(self, done: int, total: int) -> None:
        """So much of so much; an unknown whole runs to and fro."""
        self.progress.setVisible(True)
        scale = 1000
        self.progress.setRange(0, scale if total else 0)
        if total:
            self.progress.setValue(min(scale, done * scale // total))


class NoticeStack(QWidget):
    """All bars, one beneath the other, the latest last. Of many the latest are shown, and a button shows the others."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("noticeStack")
        self.setAccessibleName("Notices")
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(0)
        self._notices: dict[str, Notice] = {}  # in the order in which they are shown
        self._is_unfolded = False
        self._others = QPushButton()
        self._others.setProperty("kind", "link")
        self._others.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._others.clicked.connect(self._fold_or_unfold)
        self._foot = QFrame()
        self._foot.setProperty("kind", "notice")
        foot = QHBoxLayout(self._foot)
        foot.setContentsMargins(5, 2, 10, 2)  # with the button's own, its icon stands beneath those of the bars
        foot.addWidget(self._others)
        foot.addStretch(1)
        self._column.addWidget(self._foot)
        self._show_some()

    def tell(
        self,
        key: str,
        kind: NoticeKind,
        text: str,
        actions: Sequence[NoticeAction] = (),
        *,
        closed: Callable[[], None] | None = None,
        can_close: bool = True,
        is_passing: bool = False,
    ) -> Notice:
        """Show a bar; `closed` is called when the person closes it.

        One that `is_passing` needs no answer: it goes by itself, and with the next of its sort.
        """

        def close() -> None:
            self.withdraw(key)
            if closed is not None:
                closed()

        notice = Notice(kind, text, actions, close)
        notice.close_button.setVisible(can_close)
        notice.is_lasting = closed is not None or not can_close
        if is_passing:
            for other in [each for each, shown in self._notices.items() if shown.is_passing and each != key]:
                self.withdraw(other)
            notice.pass_after(PASSING_MS, lambda: self._has_passed(key, notice))
        for other in [each for each, shown in self._notices.items() if each != key and shown.says_the_same_as(notice)]:
            self.withdraw(other)
        self._put(key, notice)
        self._drop_the_oldest()
        self._show_some()
        return notice

    def _put(self, key: str, notice: Notice) -> None:
        """In the place of its former self, if there is one, else behind all others."""
        former = self._notices.get(key)
        self._notices[key] = notice
        if former is None:
            self._column.insertWidget(self._column.indexOf(self._foot), notice)
        else:
            self._column.replaceWidget(former, notice)
            self._remove(former)

    def _drop_the_oldest(self) -> None:
        dispensable = [key for key, notice in self._notices.items() if not notice.is_lasting]
        for key in dispensable[: max(len(self._notices) - _MOST_KEPT, 0)]:
            self.withdraw(key)

    def withdraw(self, key: str) -> None:
        """Take a bar away."""
        notice = self._notices.pop(key, None)
        if notice is not None:
            self._column.removeWidget(notice)
            self._remove(notice)
            self._show_some()

    @staticmethod
    def _remove(notice: Notice) -> None:
        notice.hide()
        notice.deleteLater()

    def _has_passed(self, key: str, notice: Notice) -> None:
        if self._notices.get(key) is notice:
            self.withdraw(key)

    def _fold_or_unfold(self) -> None:
        self._is_unfolded = not self._is_unfolded
        self._show_some()

    def _show_some(self) -> None:
        others = max(len(self._notices) - _MOST_SHOWN, 0)
        self._is_unfolded = self._is_unfolded and others > 0
        notices = list(self._notices.values())
        for number, notice in enumerate(notices):
            notice.setVisible(self._is_unfolded or number >= others)
        self._foot.setVisible(others > 0)
        icon = QIcon()
        if others and not self._is_unfolded:  # how grave is what can't be seen
            gravest = max((each.kind for each in notices[:others]), key=list(NoticeKind).index)
            icon = tinted_icon(gravest.value, role_colour(self, _ICON_ROLES[gravest]))
        self._others.setIcon(icon)
        self._others.setText("Show fewer" if self._is_unfolded else f"{others} more")
        self._others.setAccessibleName("Show fewer notices" if self._is_unfolded else f"Show {others} more notices")
        self.setVisible(bool(self._notices))

    def texts(self) -> dict[str, str]:
        """What is being said, by key; also what is folded away."""
        return {key: notice.label.text() for key, notice in self._notices.items()}
