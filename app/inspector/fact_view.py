"""Facts under titles: names at the left, values that can be selected and copied at the right."""

from functools import partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QGridLayout, QPushButton, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from app.inspector.fact import Fact, Section
from app.inspector.wrapped_text import WrappedText, needs_breaks
from app.look.plain_text import plain_label

_NAME_WIDTH = 118
_NARROW_NAME_WIDTH = 72
_ROOM = 40  # characters beside a name in a small window
_NARROW_ROOM = 18


class FactView(QScrollArea):
    """A scrolling page of sections; further widgets may be put above them. Signal: `pressed` (`press` of a fact)."""

    pressed = Signal(str)

    def __init__(self, name: str, *, is_narrow: bool = False) -> None:
        super().__init__()
        self._name_width = _NARROW_NAME_WIDTH if is_narrow else _NAME_WIDTH
        self._room = _NARROW_ROOM if is_narrow else _ROOM
        self.setAccessibleName(name)
        self.setObjectName("factView")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setWidgetResizable(True)
        self._page = QWidget()
        self._page.setObjectName("factPage")
        self._layout = QVBoxLayout(self._page)
        self._layout.setContentsMargins(16, 10, 16, 8)
        self._layout.setSpacing(4)
        self._sections: list[QWidget] = []
        self._layout.addStretch(1)
        self.setWidget(self._page)

    def put_above(self, widget: QWidget) -> None:
        """Add a widget before the sections."""
        self._layout.insertWidget(self._layout.count() - 1 - len(self._sections), widget)

    def show_sections(self, sections: list[Section]) -> None:
        """Show other facts."""
        for widget in self._sections:
            self._layout.removeWidget(widget)
            widget.hide()
            widget.deleteLater()
        self._sections = [self._section(section) for section in sections]
        for widget in self._sections:
            self._layout.insertWidget(self._layout.count() - 1, widget)

    def _section(self, section: Section) -> QWidget:
        box = QWidget()
        grid = QGridLayout(box)
        grid.setContentsMargins(0, 4, 0, 8)
        grid.setHorizontalSpacing(12)
        grid.setVerticalSpacing(5)
        grid.setColumnMinimumWidth(0, self._name_width)
        grid.setColumnStretch(1, 1)
        grid.addWidget(plain_label(section.title, "title"), 0, 0, 1, 2)
        for number, fact in enumerate(section.facts, start=1):
            name = self._button(fact) if fact.press else plain_label(fact.name, "muted")
            value = _value(fact, self._room)
            value.setAccessibleName(f"{fact.name}: {fact.value}")
            grid.addWidget(name, number, 0, Qt.AlignmentFlag.AlignTop)
            grid.addWidget(value, number, 1)
        return box

    def _button(self, fact: Fact) -> QPushButton:
        button = QPushButton(fact.name)
        button.setAccessibleName(fact.name)
        button.setAccessibleDescription(fact.value)
        button.setSizePolicy(QSizePolicy.Policy.MinimumExpanding, QSizePolicy.Policy.Fixed)
        button.clicked.connect(partial(self._tell_pressed, fact.press))
        return button

    def _tell_pressed(self, press: str, _is_checked: bool = False) -> None:
        self.pressed.emit(press)


def _value(fact: Fact, room: int) -> QWidget:
    role = fact.role or "value"
    if needs_breaks(fact.value, room):
        return WrappedText(fact.value, role)
    label = plain_label(fact.value, role, wraps=True)
    label.setTextInteractionFlags(
        Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
    )
    label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
    return label
