"""A request or a response: one line that sums it up, its head, and its body beside or beneath."""

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QSplitter, QVBoxLayout, QWidget

from app.inspector.absence import why_no_body
from app.inspector.body_content import BodyContent
from app.inspector.body_view import BodyView
from app.inspector.fact import Fact
from app.inspector.facts import head_lines, request_summary, response_summary
from app.inspector.line_view import LineView
from app.inspector.lines import LaidOutLines
from app.inspector.shown import Shown
from app.inspector.viewers.table import MODES
from app.look.icons import restyle
from app.look.plain_text import plain_label
from proxy_core.formats.highlight import Language
from proxy_core.formats.json_text import Layout
from proxy_core.model.message_record import MessageKind

_SIDE_BY_SIDE = 720  # pixels of width from which head and body stand beside each other
_PATIENCE_MS = 120  # how long the body before may be seen while the next one is loaded


class MessagePage(QWidget):
    """Signal: `modes_changed` when the body has other views or is shown in another one."""

    modes_changed = Signal()

    def __init__(self, name: str, kind: MessageKind) -> None:
        super().__init__()
        self.setObjectName("messagePage")
        self.kind = kind
        self._shown: Shown | None = None
        self._wanted = MODES[0]
        self._mode: str | None = None
        self._keeps_place = False
        self._summary = QHBoxLayout()
        self._summary.setContentsMargins(16, 0, 8, 0)
        self._summary.setSpacing(14)
        self._summary_labels = [plain_label() for _ in range(5)]
        for label in self._summary_labels:
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        bar = QWidget()
        bar.setObjectName("summaryBar")
        bar.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        bar.setFixedHeight(34)
        bar.setLayout(self._summary)
        for label in self._summary_labels:
            label.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Preferred)
            label.setMinimumWidth(1)  # a long media type must not make the window wide
            self._summary.addWidget(label)
        self._summary.addStretch(1)
        self.head = LineView(f"{name} head")
        self.body = BodyView(f"{name} body")
        self._splitter = QSplitter(Qt.Orientation.Horizontal)
        self._splitter.setHandleWidth(1)
        self._splitter.setChildrenCollapsible(False)
        self._splitter.addWidget(self.head)
        self._splitter.addWidget(self.body)
        self._splitter.setStretchFactor(0, 2)
        self._splitter.setStretchFactor(1, 3)
        self.head.setMinimumSize(120, 48)
        self.body.setMinimumSize(160, 60)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(bar)
        column.addWidget(self._splitter, 1)
        self._patience = QTimer(self, interval=_PATIENCE_MS, singleShot=True)
        self._patience.timeout.connect(lambda: self.body.show_message("Loading …"))
        self.setFocusProxy(self.body)

    @property
    def mode(self) -> str | None:
        """How the body is shown."""
        return self._mode

    def put_into_summary(self, widget: QWidget) -> None:
        """Give a widget the right end of the line that sums up."""
        if self._summary.indexOf(widget) < 0:
            self._summary.addWidget(widget)

    # What is shown

    def show_exchange(self, shown: Shown, *, is_new: bool) -> bool:
        """Show the head and the summary of another exchange, or of the same one (not `is_new`) that has changed.

        Returns whether the body has to be loaded; if so, `await_body` comes next.
        """
        before, self._shown = None if is_new else self._shown, shown
        message = shown.detail.message(self.kind)
        interim = shown.detail.interim if self.kind is MessageKind.RESPONSE else None
        self._show_head(head_lines(message, interim), keep_place=not is_new)
        has_changed = before is None or before.detail.message(self.kind).body != message.body
        self._summarise(None if has_changed else self.body.content)
        if not message.body:
            self._say(why_no_body(shown.row, shown.detail, self.kind))
        return has_changed and bool(message.body)

    def show_problem(self, text: str) -> None:
        """Show nothing of an exchange but this sentence."""
        self._shown = None
        self._show_summary([])
        self._show_head([])
        self._say(text)

    def _summarise(self, body: BodyContent | None) -> None:
        shown = self._shown
        if shown is None:
            return
        if self.kind is MessageKind.RESPONSE:
            self._show_summary(response_summary(shown.row, shown.detail, shown.upstream, body))
        else:
            self._show_summary(request_summary(shown.row, shown.detail, body))

    def _show_summary(self, facts: list[Fact]) -> None:
        """As many facts as there is room for."""
        for label, fact in zip(self._summary_labels, [*facts, *([Fact("", "")] * 5)], strict=False):
            label.setText(fact.value)
            label.setAccessibleName(f"{fact.name}: {fact.value}" if fact.value else "")
            label.setVisible(bool(fact.value))
            if label.property("role") != fact.role:
                label.setProperty("role", fact.role)
                restyle(label)

    def _show_head(self, lines: list[str], *, keep_place: bool = False) -> None:
        self.head.show_lines(LaidOutLines(Layout(lines, {}), Language.FIELDS), keep_place=keep_place)

    def await_body(self, *, keep_place: bool) -> None:
        """A body is being loaded; if it takes long, that is said."""
        self._keeps_place = keep_place
        if not keep_place:
            self._patience.start()

    def show_body(self, content: BodyContent) -> None:
        """The awaited body is here."""
        if not content.wire_length and self._shown is not None:
            self._say(why_no_body(self._shown.row, self._shown.detail, self.kind))
            return
        self._patience.stop()
        keeps_place = self._keeps_place and self.body.content is not None
        self._keeps_place = False
        self.body.show_content(content)
        if not keeps_place or self._mode not in self.body.modes():
            self._mode = self.body.best_mode(self._wanted)
            keeps_place = False
        self.body.show_mode(self._mode, keep_place=keeps_place)
        self._summarise(content)
        self.modes_changed.emit()

    def show_body_problem(self, text: str) -> None:
        """The awaited body can't be shown."""
        self._say(text)

    def _say(self, text: str) -> None:
        """Say something in the body's place."""
        self._patience.stop()
        self._mode = None
        self.body.show_message(text)
        self.modes_changed.emit()

    def choose_mode(self, mode: str) -> None:
        """Show this body, and those that come, in this view where they have it."""
        self._wanted = mode
        if mode in self.body.modes():
            self._mode = mode
            self.body.show_mode(mode)
            self.modes_changed.emit()

    def want_mode(self, mode: str) -> None:
        """Show the bodies that come in this view where they have it."""
        self._wanted = mode

    def searched_view(self) -> LineView:
        """The text that has the focus, else the body's, else the head."""
        if self.head.hasFocus() or self.body.shown is not self.body.lines:
            return self.head
        return self.body.lines

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        is_wide = event.size().width() >= _SIDE_BY_SIDE
        orientation = Qt.Orientation.Horizontal if is_wide else Qt.Orientation.Vertical
        if self._splitter.orientation() != orientation:
            self._splitter.setOrientation(orientation)
            room = event.size().width() if is_wide else event.size().height()
            self._splitter.setSizes([room * 2 // 5, room * 3 // 5])
