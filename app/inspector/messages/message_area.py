"""The messages of one exchange: a bar with the filter, the list, and the message that is chosen in the views of bodies.

Signal: `save_wanted` (ExchangeRow, number of the message).
"""

from PySide6.QtCore import QSignalBlocker, Qt, QTimer, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QApplication,
    QButtonGroup,
    QComboBox,
    QHBoxLayout,
    QLineEdit,
    QSizePolicy,
    QSplitter,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.inspector.body_view import BodyView
from app.inspector.find_bar import FindBar
from app.inspector.messages.message_filter import ALL, DIRECTIONS, Kind, MessageFilter
from app.inspector.messages.message_list import MessageList
from app.inspector.messages.message_model import MessageModel
from app.inspector.messages.message_reading import Chosen, MessageReading, Source
from app.inspector.messages.message_text import copied_text, count_text, facts_text
from app.inspector.shown import Shown
from app.inspector.viewers.table import MODES
from app.look.icons import IconButton
from app.look.plain_text import plain_label, set_tip, tip_text
from app.look.tab_button import TabButton
from proxy_core.formats.one_line import one_line
from proxy_core.model.exchange import FIRST_FINAL_STATE, ExchangeKind, ExchangeRow

_TYPING_MS = 200  # from the last letter to the search
_SIDE_BY_SIDE = 900  # pixels of width from which list and message stand beside each other
_CHOICE_CHARACTERS = 10  # a choice is so wide whatever it offers: what is found must not move it
_MOST_COPIED_BYTES = 16 * 1024 * 1024


class MessageArea(QWidget):
    """See the module."""

    save_wanted = Signal(object, int)

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("messagePage")
        self._exchange: ExchangeRow | None = None
        self._source: Source | None = None
        self._chosen: Chosen | None = None
        self._wanted_mode = MODES[0]
        self._kinds = [ALL]  # as the field offers them
        self._reading = MessageReading(self)
        self.model = MessageModel(self._reading, self, self)
        self.list = MessageList(self.model)
        self._none = plain_label("", "muted", wraps=True)
        self._none.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._stack = QStackedWidget()
        self._stack.addWidget(self._none)
        self._stack.addWidget(self.list)
        self._splitter = QSplitter(Qt.Orientation.Vertical)
        self._splitter.setHandleWidth(1)
        self._splitter.setChildrenCollapsible(False)
        self._splitter.addWidget(self._stack)
        self._splitter.addWidget(self._make_detail())
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._make_bar())
        column.addWidget(self._splitter, 1)
        self._typing = QTimer(self, interval=_TYPING_MS, singleShot=True)
        self._typing.timeout.connect(self._list)
        self._connect()
        self.setFocusProxy(self.list)
        self.show_exchange(None)

    def _make_bar(self) -> QWidget:
        bar = QWidget()
        bar.setObjectName("summaryBar")
        bar.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        row = QHBoxLayout(bar)
        row.setContentsMargins(10, 3, 8, 3)
        row.setSpacing(6)
        self.field = QLineEdit()
        self.field.setPlaceholderText("Find in messages")
        self.field.setAccessibleName("Find in messages")
        self.field.setClearButtonEnabled(True)
        for each in self.field.findChildren(QToolButton):
            each.setAccessibleName("Clear")
        self.direction = _choice("Direction", [text for text, _ in DIRECTIONS])
        self.kind = _choice("Type of message", [ALL.title])
        self.count = plain_label("", "muted")
        self.count.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        # It takes what is its own, however long it gets: the fields stay where they are.
        self.count.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        row.addWidget(self.field, 3)
        row.addWidget(self.direction)
        row.addWidget(self.kind)
        row.addWidget(self.count, 2)
        self._bar = bar
        return bar

    def _make_detail(self) -> QWidget:
        self._detail = QWidget()
        self.facts = plain_label("", "muted")
        self.facts.setMinimumWidth(1)
        self.facts.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.remark = plain_label("", "problem", wraps=True)
        self.body = BodyView("Message")
        self.find_bar = FindBar()
        finding = QHBoxLayout()
        finding.setContentsMargins(16, 0, 8, 0)
        finding.addWidget(self.find_bar)
        finding.addStretch(1)
        self.find_bar.closed.connect(self.body.setFocus)
        bar = QWidget()
        bar.setObjectName("summaryBar")
        bar.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        row = QHBoxLayout(bar)
        row.setContentsMargins(16, 2, 8, 2)
        row.setSpacing(2)
        row.addWidget(self.facts, 1)
        self._modes = {mode: TabButton(mode) for mode in MODES}
        group = QButtonGroup(self)
        for mode, button in self._modes.items():
            button.setAccessibleName(f"Show the message: {mode}")
            button.clicked.connect(lambda _is_checked, each=mode: self._choose_mode(each))
            group.addButton(button)
            row.addWidget(button)
        for icon, name, handler in (
            ("copy", "Copy this message", self.copy),
            ("save", "Save this message", self._save),
        ):
            action = IconButton(icon)
            set_tip(action, name, "")
            action.clicked.connect(lambda _is_checked, call=handler: call())
            row.addWidget(action)
        column = QVBoxLayout(self._detail)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(bar)
        column.addLayout(finding)
        column.addWidget(self.remark)
        column.addWidget(self.body, 1)
        self._detail.setMinimumSize(160, 90)
        return self._detail

    def _connect(self) -> None:
        self.field.textChanged.connect(lambda _text: self._typing.start())
        self.direction.currentIndexChanged.connect(lambda _index: self._list())
        self.kind.currentIndexChanged.connect(lambda _index: self._list())
        self.list.chosen.connect(self._choose)
        self.list.copy_wanted.connect(self.copy)
        self.list.save_wanted.connect(self._save)
        self.model.counted.connect(self._counted)
        self.model.failed.connect(self._say)
        self._reading.chosen_read.connect(self._show_chosen)
        self._reading.kinds_found.connect(self._offer_kinds)

    def end(self) -> None:
        """End what was begun; nothing is shown any more."""
        self._reading.close()
        self.body.end()

    def begin_finding(self) -> None:
        """Let the person say what is sought: in the message that is looked at, else in all of them."""
        if self._chosen is not None and self.body.shown is self.body.lines:
            self.find_bar.look_in(self.body.lines)
            self.find_bar.begin()
            return
        self.field.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.field.selectAll()

    # What is shown

    def show_exchange(self, shown: Shown | None) -> None:
        """Show the messages of another exchange, or those that the same one has got meanwhile."""
        source = None if shown is None else Source(shown.path, shown.row.id)
        self._exchange = None if shown is None else shown.row
        if source is not None and source == self._source:
            self.model.look_again()
            return
        self._source = source
        self.direction.setVisible(shown is None or shown.row.kind != ExchangeKind.HTTP)  # else all of it was received
        self._kinds = [ALL] if self._kind() is ALL else [ALL, self._kind()]
        self._fill_kinds(self._kind())
        self._list()

    def _kind(self) -> Kind:
        return self._kinds[max(self.kind.currentIndex(), 0)]

    def _offer_kinds(self, source: Source, kinds: list[Kind]) -> None:
        """More was found of what the exchange has."""
        if source != self._source:
            return
        chosen = self._kind()
        self._kinds = kinds if chosen in kinds else [*kinds, chosen]
        self._fill_kinds(chosen)

    def _fill_kinds(self, chosen: Kind) -> None:
        with QSignalBlocker(self.kind):
            self.kind.clear()
            self.kind.addItems([each.title for each in self._kinds])
            self.kind.setCurrentIndex(self._kinds.index(chosen))

    def _list(self) -> None:
        self._typing.stop()
        self._let_go()
        self.model.show_messages(self._source, self._filter())
        self.count.setText("")
        self._bar.setEnabled(self._source is not None)
        self._say("" if self._source is not None else "No messages")

    def _filter(self) -> MessageFilter:
        direction = 0 if self.direction.isHidden() else self.direction.currentIndex()
        return MessageFilter(self.field.text(), direction, self._kind())

    def _counted(self, shown: int, seen: int, is_end: bool) -> None:
        is_all = self._filter().is_empty
        text = count_text(shown) if is_all else count_text(shown, seen)
        self.count.setText(text if is_end else f"{text} …")
        if shown:
            self._stack.setCurrentWidget(self.list)
        elif is_end:
            self.count.setText("")
            self._say(self._why_none(seen))

    def _why_none(self, seen: int) -> str:
        row = self._exchange
        if seen:
            return f"None of {count_text(seen)} is like that."
        if row is not None and row.kind == ExchangeKind.WEBSOCKET and row.state < FIRST_FINAL_STATE:
            return "No message yet"
        return "No messages: this exchange is one request and one response."

    def _say(self, text: str) -> None:
        self._none.setText(one_line(text))
        self._stack.setCurrentWidget(self._none)

    # The one that is chosen

    def _choose(self, number: int) -> None:
        if number:
            self._reading.choose(number)
        else:
            self._let_go()

    def _let_go(self) -> None:
        self._chosen = None
        self.find_bar.end_quietly()
        self._detail.hide()

    def _show_chosen(self, _ticket: int, chosen: Chosen) -> None:
        if chosen.message.row.number != self.list.chosen_number:
            return
        self._chosen = chosen
        self.facts.setText(facts_text(chosen.message, chosen.content))
        self.facts.setToolTip(tip_text(self.facts.text()))
        self.remark.setText(chosen.message.remark)
        self.remark.setVisible(bool(chosen.message.remark))
        if chosen.body.views:
            self.body.show_content(chosen.body)
            self._show_mode()
        else:
            self.body.show_message("It is empty." if not chosen.message.row.size else "Nothing of it was recorded.")
        modes = self.body.modes()
        for mode, button in self._modes.items():
            button.setVisible(mode in modes)
        self._detail.show()

    def _choose_mode(self, mode: str) -> None:
        self._wanted_mode = mode
        self._show_mode()

    def _show_mode(self) -> None:
        mode = self.body.best_mode(self._wanted_mode)
        self.body.show_mode(mode)
        if mode is not None:
            self._modes[mode].setChecked(True)
        if self.find_bar.is_open:
            self.find_bar.look_in(self.body.lines)

    def copy(self) -> None:
        """Copy the message that is chosen: its text, or its bytes in hex."""
        if self._chosen is None:
            return
        data = self._chosen.body.data[:_MOST_COPIED_BYTES]
        QApplication.clipboard().setText(copied_text(self._chosen.message.row, data))

    def _save(self) -> None:
        if self._chosen is not None and self._exchange is not None:
            self.save_wanted.emit(self._exchange, self._chosen.message.row.number)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        is_wide = event.size().width() >= _SIDE_BY_SIDE
        orientation = Qt.Orientation.Horizontal if is_wide else Qt.Orientation.Vertical
        if self._splitter.orientation() != orientation:
            self._splitter.setOrientation(orientation)
            room = event.size().width() if is_wide else event.size().height()
            self._splitter.setSizes([room * 11 // 20, room * 9 // 20])


def _choice(name: str, texts: list[str]) -> QComboBox:
    box = QComboBox()
    box.addItems(texts)
    box.setAccessibleName(name)
    box.setMinimumContentsLength(_CHOICE_CHARACTERS)
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    return box
