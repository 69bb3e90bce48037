"""The list of keys: read from the table of actions, so it can't be out of date."""

from PySide6.QtWidgets import QDialog, QDialogButtonBox, QGridLayout, QVBoxLayout, QWidget

from app.look.plain_text import plain_label
from app.look.theme import code_font
from app.shell.actions import ACTIONS, keys_text

_OTHERS = (
    ("List", "Move, extend the selection", "↑ ↓ PgUp PgDn, Shift"),
    ("List", "First, last; where new ones arrive, follow them", "Home End"),
    ("List", "Look into the exchange", "Enter"),
    ("List", "Let go of the selection", "Esc"),
)


class KeysDialog(QDialog):
    """Every action that has keys, by group."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("Keyboard Shortcuts")
        grid = QGridLayout()
        grid.setHorizontalSpacing(28)
        grid.setVerticalSpacing(5)
        place = 0
        for group in dict.fromkeys(spec.group for spec in ACTIONS):
            if place:
                grid.setRowMinimumHeight(place, 10)
                place += 1
            grid.addWidget(plain_label(group, "strong"), place, 0)
            place += 1
            lines = [
                (spec.text.rstrip("…"), keys_text(spec.key)) for spec in ACTIONS if spec.group == group and spec.keys
            ]
            lines += [(text, keys) for other, text, keys in _OTHERS if other == group]
            for text, keys in lines:
                shown = plain_label(keys, "muted")
                shown.setFont(code_font())
                grid.addWidget(plain_label(text), place, 0)
                grid.addWidget(shown, place, 1)
                place += 1
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        column = QVBoxLayout(self)
        column.setContentsMargins(22, 18, 22, 16)
        column.setSpacing(14)
        column.addLayout(grid)
        column.addWidget(buttons)
