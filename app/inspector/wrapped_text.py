"""Text that can be selected and is broken anywhere: a URL has no blanks, and a label would cut it off.

The breaks are drawn only; what is copied is the text.
"""

import math

from PySide6.QtCore import QMimeData, Qt
from PySide6.QtGui import QKeyEvent, QTextOption, QWheelEvent
from PySide6.QtWidgets import QFrame, QSizePolicy, QTextEdit


def needs_breaks(text: str, room: int) -> bool:
    """Whether a label, which breaks at blanks only, could cut this off where `room` characters have room."""
    return any(len(word) > room for word in text.split())


class WrappedText(QTextEdit):
    """As high as its text needs in the width that it is given."""

    def __init__(self, text: str, role: str) -> None:
        super().__init__()
        self._text = text
        self.setObjectName("wrappedText")
        self.setProperty("role", role)
        self.setAcceptRichText(False)
        self.setReadOnly(True)
        self.setUndoRedoEnabled(False)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setWordWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self.setTabChangesFocus(True)
        self.document().setDocumentMargin(0)
        self.setPlainText(text)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.document().documentLayout().documentSizeChanged.connect(self._fit)

    def _fit(self) -> None:
        self.setFixedHeight(math.ceil(self.document().size().height()))

    def createMimeDataFromSelection(self) -> QMimeData:
        """The selected part of the text itself: Qt's own copy makes blanks of no-break spaces."""
        cursor = self.textCursor()
        units = self._text.encode("utf-16-le", "surrogatepass")  # in which Qt counts
        part = units[2 * cursor.selectionStart() : 2 * cursor.selectionEnd()]
        # One that Qt has made: the clipboard keeps it, and one of Python's would be gone when the program ends.
        data = super().createMimeDataFromSelection()
        data.text()  # makes it what it is, once
        for form in data.formats():
            data.removeFormat(form)
        data.setText(part.decode("utf-16-le", "replace"))
        return data

    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()  # the page scrolls

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            event.ignore()  # it belongs to the inspector
        else:
            super().keyPressEvent(event)
