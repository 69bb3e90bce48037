"""Finding within what the inspector shows: a field, «3 of 18», back and forth. It speaks to one `LineView` a time."""

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QWidget

from app.inspector.line_view import LineView
from app.look.icons import IconButton
from app.look.plain_text import plain_label, set_tip

_WAIT_MS = 120  # for the next letter
_WIDTH = 150


class FindBar(QWidget):
    """Signal: `closed` when the person is done, so that the focus can go back."""

    closed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._view: LineView | None = None
        self._field = QLineEdit()
        self._field.setPlaceholderText("Find")
        self._field.setAccessibleName("Find in this text")
        self._field.setFixedWidth(_WIDTH)
        self._field.textEdited.connect(self._begin_wait)
        self._count = plain_label("", "muted")
        self._wait = QTimer(self, interval=_WAIT_MS, singleShot=True)
        self._wait.timeout.connect(self._find)
        back = self._button("chevron-up", "Previous", -1)
        forth = self._button("chevron-down", "Next", 1)
        close = IconButton("close")
        set_tip(close, "Close", "Esc")
        close.clicked.connect(self.end)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(2)
        row.addWidget(self._field)
        row.addSpacing(6)
        row.addWidget(self._count)
        for button in (back, forth, close):
            row.addWidget(button)
        self.hide()

    def _button(self, icon: str, name: str, step: int) -> IconButton:
        button = IconButton(icon)
        set_tip(button, name)
        button.clicked.connect(lambda: self._go(step))
        return button

    @property
    def is_open(self) -> bool:
        """Whether the person is finding something."""
        return not self.isHidden()

    def begin(self) -> None:
        """Let the person write what is sought; `look_in` first."""
        self.show()
        self._field.setFocus()
        self._field.selectAll()
        self._find()

    def look_in(self, view: LineView) -> None:
        """The text to search has become another; what is sought stays."""
        if self._view is not view:
            if self._view is not None:
                self._view.find_changed.disconnect(self._count.setText)
                self._view.find_text("")
            self._view = view
            view.find_changed.connect(self._count.setText)
        if self.is_open:
            self._find()

    def _begin_wait(self, _text: str) -> None:
        self._wait.start()

    def _find(self) -> None:
        self._wait.stop()
        if self._view is not None:
            self._view.find_text(self._field.text())

    def _go(self, step: int) -> None:
        if self._wait.isActive():
            self._find()
        elif self._view is not None:
            self._view.find_next(step)

    def end(self) -> None:
        """Close it, take the marks away, and say so."""
        self.end_quietly()
        self.closed.emit()

    def end_quietly(self) -> None:
        """Close it and take the marks away."""
        self._wait.stop()
        self.hide()
        if self._view is not None:
            self._view.find_text("")

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.end()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._go(-1 if event.modifiers() & Qt.KeyboardModifier.ShiftModifier else 1)
        else:
            super().keyPressEvent(event)
