"""Labels and tips that never take text for markup: what comes from the network is shown letter by letter."""

from html import escape

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QLabel, QWidget


def plain_label(text: str = "", role: str = "", *, wraps: bool = False) -> QLabel:
    """A label of plain text; `role` is what the style sheet looks at."""
    label = QLabel()
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setText(text)
    label.setWordWrap(wraps)
    if role:
        label.setProperty("role", role)
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
