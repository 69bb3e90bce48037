"""The field in which a filter is written: keys and strings coloured, a mistake underlined where it is."""

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QColor, QFocusEvent, QInputMethodEvent, QKeyEvent, QTextCharFormat
from PySide6.QtWidgets import QApplication, QLineEdit

from app.filter.filtering import highlights
from app.look.icons import THEME_EVENTS
from app.look.theme import code_font, roles_of


class FilterField(QLineEdit):
    """A QLineEdit with formats. Qt gives line edits none but through an input method's attributes, so we are one."""

    def __init__(self) -> None:
        super().__init__()
        self.mistake: tuple[int, int] | None = None  # what is underlined: position, length
        self._mistake_role = "s5"
        self._is_formatting = False
        self.setFont(code_font())
        self.setPlaceholderText("Filter: words, host:api.* status>=400 -type:image method:POST")
        self.setAccessibleName("Filter")
        self.textChanged.connect(self._format)
        self.textEdited.connect(self._edited)

    def show_mistake(self, mistake: tuple[int, int] | None, role: str = "s5") -> None:
        """Underline (position, length) in a role's colour; None for nothing wrong."""
        self.mistake = mistake
        self._mistake_role = role
        self._format()

    def _edited(self) -> None:
        self.mistake = None
        self._format()

    def _format(self) -> None:
        if self._is_formatting:
            return
        roles = roles_of(self)
        attributes = []
        for start, length, role in highlights(self.text()):
            colour = QTextCharFormat()
            colour.setForeground(QColor(getattr(roles, role)))
            attributes.append(self._attribute(start, length, colour))
        if self.mistake is not None:
            line = QTextCharFormat()
            line.setUnderlineStyle(QTextCharFormat.UnderlineStyle.WaveUnderline)
            colour_of_mistake = QColor(getattr(roles, self._mistake_role))
            line.setUnderlineColor(colour_of_mistake)
            line.setForeground(colour_of_mistake)
            attributes.append(self._attribute(*self.mistake, line))
        self._is_formatting = True
        QApplication.sendEvent(self, QInputMethodEvent("", attributes))
        self._is_formatting = False

    def _attribute(self, start: int, length: int, format_: QTextCharFormat) -> QInputMethodEvent.Attribute:
        kind = QInputMethodEvent.AttributeType.TextFormat
        return QInputMethodEvent.Attribute(kind, start - self.cursorPosition(), length, format_)

    def changeEvent(self, event: QEvent) -> None:
        if event.type() in THEME_EVENTS:
            self._format()
        super().changeEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape and self.text():
            self.clear()
            self.textEdited.emit("")
            return
        super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self._format()
