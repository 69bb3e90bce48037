"""A dialog that grows with the sentences in it: Qt gives a wrapped label no more room than it had."""

from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QDialog


class GrowingDialog(QDialog):
    """Never lower than what it says needs."""

    def make_room(self) -> None:
        """A sentence has come, or another one has become longer."""
        layout = self.layout()
        if layout is None:
            return
        layout.activate()
        needed = layout.totalHeightForWidth(max(self.width(), self.minimumWidth()))
        if needed > self.height():
            self.resize(self.width(), needed)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.make_room()  # narrower sentences are higher
