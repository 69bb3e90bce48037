"""What stands where the list would be when it is empty: why, and what to do about it, with the ways in as buttons."""

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QSize, Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QApplication, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from app.look.icons import ICON_PIXELS, THEME_EVENTS, application_icon, role_colour, tinted_icon
from app.look.plain_text import plain_label
from app.look.theme import text_font
from app.shell.emptiness import EMPTINESS_TEXTS, Emptiness

_LOGO = 60
_TEXT_WIDTH = 460
_WAYS_IN = (
    ("open_browser", "browser", "Open a browser"),
    ("copy_address", "copy", "Copy the proxy address"),
    ("copy_terminal", "terminal", "Copy the line for a terminal"),
)
_BUTTONS: dict[Emptiness, tuple[tuple[str, str, str], ...]] = {  # (action, icon, text); the first one is the primary
    Emptiness.FIRST_MINUTE: _WAYS_IN,
    Emptiness.CLEARED: _WAYS_IN,
    Emptiness.PAUSED: (("record", "record", "Record"),),
    Emptiness.STARTING: (),
    Emptiness.NO_ENGINE: (),
    Emptiness.FILTERED: (("clear_filter", "close", "Clear the filter"),),
    Emptiness.EMPTY_FILE: (("back_to_live", "back", "Back to the live capture"),),
}


def is_focus_in(widget: QWidget) -> bool:
    """Whether the keyboard belongs to a widget or to something inside it."""
    focused = QApplication.focusWidget()
    return focused is not None and widget.isAncestorOf(focused)


class EmptyState(QWidget):
    """Laid over the list."""

    def __init__(self, actions: dict[str, QAction]) -> None:
        super().__init__()
        self.setObjectName("emptyState")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setAccessibleName("Nothing to show")
        # It takes the focus over from the list itself: a key that was meant for the list must not press a button.
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._actions = actions
        self.why: Emptiness | None = None  # as said last
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 16, 24, 24)
        column.setSpacing(0)
        column.addStretch(2)
        self._logo = plain_label()
        self._logo.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._logo.setPixmap(application_icon().pixmap(QSize(_LOGO, _LOGO)))
        self._title = plain_label()
        self._title.setAlignment(Qt.AlignmentFlag.AlignCenter)
        title_font = text_font(1.45)
        title_font.setWeight(title_font.Weight.DemiBold)
        self._title.setFont(title_font)
        self._text = plain_label("", "muted", wraps=True)
        self._text.setAlignment(Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop)
        self._text.setMaximumWidth(_TEXT_WIDTH)
        column.addWidget(self._logo)
        column.addSpacing(14)
        column.addWidget(self._title)
        column.addSpacing(8)
        line = QHBoxLayout()
        line.addStretch(1)
        line.addWidget(self._text, 100)
        line.addStretch(1)
        column.addLayout(line)
        column.addSpacing(20)
        self._row = QHBoxLayout()
        self._row.setSpacing(8)
        column.addLayout(self._row)
        column.addStretch(3)

    def show_why(self, why: Emptiness) -> None:
        """Say why there is nothing."""
        if why is self.why:
            return
        self.why = why
        title, text = EMPTINESS_TEXTS[why]
        self._title.setText(title)
        self._text.setText(text)
        self.setAccessibleDescription(f"{title}. {text}")
        self._logo.setVisible(why in (Emptiness.FIRST_MINUTE, Emptiness.STARTING))
        self._fill(_BUTTONS[why])

    def _fill(self, buttons: Sequence[tuple[str, str, str]]) -> None:
        had_focus = is_focus_in(self)
        while (item := self._row.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()  # at once: the keyboard finds what is only going to be deleted
                widget.deleteLater()
        self._row.addStretch(1)
        for place, (action, icon, text) in enumerate(buttons):
            button = QPushButton(text)
            role = "text"
            if place == 0:
                button.setProperty("kind", "primary")
                role = "on_accent"
            button.setIcon(tinted_icon(icon, role_colour(self, role)))
            button.setIconSize(QSize(ICON_PIXELS, ICON_PIXELS))
            button.setAccessibleName(text)
            button.clicked.connect(self._actions[action].trigger)
            self._row.addWidget(button)
        self._row.addStretch(1)
        if had_focus:
            self.setFocus()

    def changeEvent(self, event: QEvent) -> None:
        if event.type() in THEME_EVENTS and self.why is not None:
            self._fill(_BUTTONS[self.why])
        super().changeEvent(event)
