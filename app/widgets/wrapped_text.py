"""Text that can be selected and is broken anywhere: a URL has no blanks, and a label would cut it off.

The breaks are drawn only; what is copied is the text.
"""

import math

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent, QTextOption
from PySide6.QtWidgets import QFrame, QSizePolicy, QTextEdit

_LONGEST_UNBROKEN = 40  # characters: what has no blank for so long may be wider than its room


def needs_breaks(text: str) -> bool:
    """Whether a label, which breaks at blanks only, could cut this off."""
    return any(len(word) > _LONGEST_UNBROKEN for word in text.split())


class WrappedText(QTextEdit):
    """As high as its text needs in the width that it is given."""

    def __init__(self, text: str, role: str) -> None:
        super().__init__()
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

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            event.ignore()  # it belongs to the inspector
        else:
            super().keyPressEvent(event)
