"""Labels and tips that never take text for markup: what comes from the network is shown letter by letter."""

from html import escape

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QFrame, QLabel, QSizePolicy, QWidget


def plain_label(text: str = "", role: str = "", *, wraps: bool = False) -> QLabel:
    """A label of plain text; `role` is what the style sheet looks at."""
    label = QLabel()
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setText(text)
    label.setWordWrap(wraps)
    if role:
        label.setProperty("role", role)
    return label


class _Hint(QLabel):
    """Wrapped, in a form: as wide as the fields, and as high as that needs."""

    def sizeHint(self) -> QSize:
        # A form takes the height of the hint, which is of a narrow column, and adds to it what a width needs.
        return QSize(super().sizeHint().width(), self.minimumSizeHint().height())


def hint_label(text: str = "", role: str = "muted") -> QLabel:
    """Sentences beneath a field of a form."""
    label = _Hint(text)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(True)
    label.setProperty("role", role)
    policy = label.sizePolicy()
    policy.setHorizontalPolicy(QSizePolicy.Policy.Expanding)  # else a form gives it no more than Qt finds handsome
    label.setSizePolicy(policy)
    return label


def tip_text(text: str) -> str:
    """Text for a tool tip; Qt would read tags in it."""
    return f'<span style="white-space:pre-wrap">{escape(text)}</span>'


def set_tip(widget: QWidget, text: str, keys: str = "") -> None:
    """Give a widget its tool tip and, when it has none yet, its accessible name."""
    widget.setToolTip(tip_text(f"{text}  ({keys})" if keys else text))
    if not widget.accessibleName():
        widget.setAccessibleName(text)


def separator(*, vertical: bool = True) -> QFrame:
    """A hairline between groups."""
    line = QFrame()
    line.setProperty("kind", "separator")
    if vertical:
        line.setFixedSize(1, 18)
    else:
        line.setFixedHeight(1)
    return line
