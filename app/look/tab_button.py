"""A button of a row of which one is chosen."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QToolButton


class TabButton(QToolButton):
    """Text alone; the style sheet raises the chosen one."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.setText(text)
        self.setCheckable(True)
        self.setAccessibleName(text)
        self.setProperty("kind", "tab")
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
