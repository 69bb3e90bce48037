"""The filter bar: the field with its count, and the buttons of resource types. Both together make one filter.

A filter is applied a moment after the last key. What of it is none is underlined, the reason is told beneath the field,
and it is searched as text; only while it may still be on its way to a good one, the list keeps the last good one.
Signal: `filter_changed` (Filter or None).
"""

from PySide6.QtCore import QEvent, QObject, QPoint, Qt, QTimer, Signal
from PySide6.QtGui import QFocusEvent, QMouseEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QToolButton, QWidget

from app.filter.filter_field import FilterField
from app.filter.filtering import TYPE_BUTTONS, Wish, combined_filter
from app.look.icons import THEME_EVENTS, IconButton, restyle, role_colour, tinted_icon
from app.look.plain_text import plain_label, set_tip
from app.look.theme import code_font
from proxy_core.model.exchange import ResourceType
from proxy_core.model.filter import Filter

_APPLY_MS = 120
_COMPLAIN_MS = 500  # a filter that is being written is often wrong for a moment


# The keyboard is elsewhere, but comes back: nobody has gone on to the list.
_STILL_WRITING = (
    Qt.FocusReason.ActiveWindowFocusReason,
    Qt.FocusReason.PopupFocusReason,
    Qt.FocusReason.MenuBarFocusReason,
)


class FilterBar(QWidget):
    """See the module."""

    filter_changed = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("filterBar")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._types: frozenset[ResourceType] = frozenset()
        self._applied: Filter | None = None
        self._wish = Wish(None, None)
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 7, 12, 7)
        row.setSpacing(10)
        row.addWidget(self._make_field(), 1)
        row.addLayout(self._make_buttons())
        self._reason = QLabel(self)
        self._reason.setObjectName("filterReason")
        self._reason.setTextFormat(Qt.TextFormat.PlainText)
        self._reason.hide()
        self._apply_soon = QTimer(self, interval=_APPLY_MS, singleShot=True)
        self._apply_soon.timeout.connect(self.apply)
        self._complain_soon = QTimer(self, interval=_COMPLAIN_MS, singleShot=True)
        self._complain_soon.timeout.connect(self._lingered)

    def _make_field(self) -> QFrame:
        self._frame = QFrame()
        self._frame.setObjectName("filterField")
        self._frame.setFixedHeight(30)
        inside = QHBoxLayout(self._frame)
        inside.setContentsMargins(9, 0, 4, 0)
        inside.setSpacing(7)
        self._glass = plain_label()
        self.field = FilterField()
        self.field.textEdited.connect(self._edited)
        self.field.returnPressed.connect(self._entered)
        self.field.installEventFilter(self)
        self._count = plain_label("", "muted")
        self._count.setFont(code_font())
        self._clear = IconButton("close", role="muted")
        self._clear.setFixedSize(24, 24)
        set_tip(self._clear, "Clear the filter", "Esc")
        self._clear.clicked.connect(self.clear)
        self._clear.hide()
        for widget in (self._glass, self.field, self._count, self._clear):
            inside.addWidget(widget, 1 if widget is self.field else 0)
        self._tint()
        return self._frame

    def _make_buttons(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(2)
        self._all = self._type_button("All", "All types")
        self._all.setChecked(True)
        self._all.clicked.connect(lambda: self.set_types(frozenset()))
        row.addWidget(self._all)
        self._buttons: dict[ResourceType, QToolButton] = {}
        for which, title, _ in TYPE_BUTTONS:
            button = self._type_button(title, f"Only {title}; with Ctrl several")
            button.installEventFilter(self)
            button.clicked.connect(lambda _checked=False, which=which: self._choose(which, adds=False))
            self._buttons[which] = button
            row.addWidget(button)
        return row

    def _type_button(self, title: str, tip: str) -> QToolButton:
        button = QToolButton()
        button.setText(title)
        button.setCheckable(True)
        button.setProperty("kind", "type")
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        button.setToolTip(tip)
        button.setAccessibleName(f"Type {title}")
        return button

    # What is chosen

    @property
    def text(self) -> str:
        """What is written."""
        return self.field.text()

    def set_text(self, text: str) -> None:
        """Write a filter and apply it."""
        self.field.setText(text)
        self._entered()

    def add_condition(self, condition: str) -> None:
        """Write a condition behind what is there, and apply both."""
        text = self.text.strip()
        self.set_text(f"{text} {condition}" if text and condition not in text.split() else condition or text)

    def begin(self) -> None:
        """Let a person write another filter."""
        self.field.setFocus()
        self.field.selectAll()

    def clear(self) -> None:
        """Let everything through."""
        self.field.clear()
        self.set_types(frozenset())

    def set_types(self, types: frozenset[ResourceType]) -> None:
        """Choose resource types; none means all."""
        self._types = types
        self._all.setChecked(not types)
        for which, button in self._buttons.items():
            button.setChecked(which in types)
        self._entered()

    def _choose(self, which: ResourceType, *, adds: bool) -> None:
        if adds:
            self.set_types(self._types ^ {which})
        else:
            self.set_types(frozenset() if self._types == {which} else frozenset({which}))

    def apply(self) -> None:
        """Read the filter and tell it when it is a new one; one with a mistake only if it stays for a moment."""
        self._apply_soon.stop()
        self._clear.setVisible(bool(self.text or self._types))
        self._wish = combined_filter(self.text, self._types)
        if self._wish.mistake is not None:
            self._complain_soon.start()
            return
        self._complain()
        self._tell()

    def _tell(self) -> None:
        if self._wish.filter != self._applied:
            self._applied = self._wish.filter
            self.filter_changed.emit(self._applied)

    @property
    def is_filtering(self) -> bool:
        """Whether anything is held back."""
        return self._applied is not None

    def show_count(self, text: str) -> None:
        """Show how many are left, or that they are being looked for."""
        self._count.setText(text)

    # Inside

    def _edited(self) -> None:
        self._clear.setVisible(bool(self.text or self._types))
        self._hide_reason()
        self._apply_soon.start()

    def _entered(self) -> None:
        """A person is done writing: what they have written is what is to be searched."""
        self.apply()
        if self._wish.mistake is not None:
            self._search_as_text()

    def _lingered(self) -> None:
        """What is no filter has stood there for a moment."""
        mistake = self._wish.mistake
        if mistake is not None and mistake.is_unfinished:
            self._complain()
        else:
            self._search_as_text()

    def _search_as_text(self) -> None:
        self._complain(is_searched=True)
        self._tell()

    def _complain(self, *, is_searched: bool = False) -> None:
        """Say what is wrong and whether it is searched all the same, or stop saying it."""
        self._complain_soon.stop()
        mistake = self._wish.mistake
        tone = "" if mistake is None else "hint" if is_searched else "wrong"
        for widget in (self._frame, self._reason):
            widget.setProperty("tone", tone)
            restyle(widget)
        if mistake is None:
            self.field.show_mistake(None)
            self._hide_reason()
            return
        self.field.show_mistake((mistake.position, mistake.length), "s4" if is_searched else "s5")
        reason = f"Searched as text. {mistake}" if is_searched else str(mistake)
        self._reason.setText(reason)
        self.field.setAccessibleDescription(reason)
        self._place_reason()
        self._reason.show()

    def _place_reason(self) -> None:
        """Under the field, over whatever is there: a row of its own would push the list to and fro."""
        host = self.parentWidget() or self
        if self._reason.parentWidget() is not host:
            self._reason.setParent(host)
        self._reason.adjustSize()
        at = self._frame.mapTo(host, QPoint(0, self._frame.height() + 3))
        self._reason.setGeometry(at.x(), at.y(), min(self._reason.width(), host.width() - at.x() - 12), 28)
        self._reason.raise_()

    def _hide_reason(self) -> None:
        self._reason.hide()
        self.field.setAccessibleDescription("")

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        kind = event.type()
        if watched is self.field and isinstance(event, QFocusEvent):
            if event.lostFocus() and event.reason() not in _STILL_WRITING:
                self._entered()
            self._frame.setProperty("focused", kind == QEvent.Type.FocusIn)
            restyle(self._frame)
            # It lies over the head of the list: it goes with who has read it, and the field's description keeps it.
            self._reason.setVisible(kind == QEvent.Type.FocusIn and bool(self.field.accessibleDescription()))
        elif kind == QEvent.Type.MouseButtonPress and isinstance(event, QMouseEvent):
            adds = event.modifiers() & (Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier)
            for which, button in self._buttons.items():
                if watched is button and adds:
                    self._choose(which, adds=True)
                    return True
        return super().eventFilter(watched, event)

    def changeEvent(self, event: QEvent) -> None:
        if event.type() in THEME_EVENTS:
            self._tint()
        super().changeEvent(event)

    def _tint(self) -> None:
        self._glass.setPixmap(tinted_icon("search", role_colour(self, "muted"), 16).pixmap(16, 16))
