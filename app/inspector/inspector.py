"""The inspector: one exchange in five tabs. The tab that was chosen, and the view of bodies, stay for the next one.

Heads and facts are read from the index at once; bodies come from `BodyLoader`, and an answer that is no longer wanted
is thrown away. Signals: `save_body_wanted` (ExchangeRow, MessageKind, without its content coding),
`closed` when the person has done with it.
"""

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QAction, QKeyEvent, QKeySequence, QResizeEvent
from PySide6.QtWidgets import QButtonGroup, QHBoxLayout, QMenu, QSplitter, QStackedWidget, QVBoxLayout, QWidget

from app.inspector.absence import why_no_body
from app.inspector.body_content import EMPTY, BodyContent
from app.inspector.body_loader import BodyLoader, BodyWish
from app.inspector.fact_view import FactView
from app.inspector.facts import (
    connection_sections,
    head_lines,
    overview,
    phases,
    request_summary,
    response_summary,
    shown_head,
    timing_sections,
    timing_title,
)
from app.inspector.find_bar import FindBar
from app.inspector.message_page import MessagePage
from app.inspector.timing_view import TimingView
from app.inspector.viewers.table import MODES
from app.look.icons import IconButton
from app.look.plain_text import plain_label, set_tip
from app.look.tab_button import TabButton
from proxy_core.capture.reader import CaptureError, CaptureReader
from proxy_core.formats.one_line import one_line
from proxy_core.model.exchange import FIRST_FINAL_STATE, ConnectionRow, ExchangeDetail, ExchangeRow
from proxy_core.model.failure import FailureKind
from proxy_core.model.message_record import MessageKind

_REQUEST, _RESPONSE = MessageKind.REQUEST, MessageKind.RESPONSE
TABS = ("Overview", "Request", "Response", "Timing", "Connection")
_RESPONSE_TAB = TABS.index("Response")
_SIDE_FROM = 1080  # pixels of width from which timing and connection stand beside the response
_LEAST_HEIGHT = 150
_DAMAGED = "This exchange is damaged."
_GONE = "This exchange is no longer in the capture."


class Inspector(QWidget):
    """Shows one exchange of one capture; `set_reader` first. The reader stays the caller's, and reads all but the row:
    that comes from who has painted it.
    """

    save_body_wanted = Signal(object, object, bool)
    closed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("inspector")
        self.setAccessibleName("Inspector")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setMinimumHeight(_LEAST_HEIGHT)
        self._reader: CaptureReader | None = None
        self._row: ExchangeRow | None = None
        self._detail: ExchangeDetail | None = None
        self._upstream: ConnectionRow | None = None
        self._ticket = 0
        self._awaited: dict[int, MessageKind] = {}  # ticket -> whose body
        self._loader = BodyLoader(self)
        self._loader.loaded.connect(self._body_loaded)
        self._loader.failed.connect(self._body_failed)
        self._overview = FactView("Overview")
        self.request = MessagePage("Request")
        self.response = MessagePage("Response")
        self._connection = FactView("Connection")
        self.find_bar = FindBar()
        self.find_bar.closed.connect(self._find_closed)
        self._make_timing()
        self._pages = QStackedWidget()
        response_area = QSplitter(Qt.Orientation.Horizontal)
        response_area.setHandleWidth(1)
        response_area.setChildrenCollapsible(False)
        response_area.addWidget(self.response)
        response_area.addWidget(self._side)
        response_area.setStretchFactor(0, 1)
        response_area.setSizes([1000, 300])
        for page in (self._overview, self.request, response_area, self._timing, self._connection):
            self._pages.addWidget(page)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._make_tab_bar())
        column.addWidget(self._pages, 1)
        for page in (self.request, self.response):
            page.modes_changed.connect(self._show_modes)
        self._add_keys()
        self.choose_tab(_RESPONSE_TAB)

    def _make_timing(self) -> None:
        self._timing = FactView("Timing")
        self._timing_title = plain_label("", "title")
        self._timing_bars = TimingView()
        self._timing_bars.setMaximumWidth(720)
        self._timing.put_above(self._timing_title)
        self._timing.put_above(self._timing_bars)
        self._side = FactView("Timing and connection", is_narrow=True)
        self._side.setMinimumWidth(250)
        self._side_title = plain_label("", "title")
        self._side_bars = TimingView()
        self._side.put_above(self._side_title)
        self._side.put_above(self._side_bars)

    def _make_tab_bar(self) -> QWidget:
        bar = QWidget()
        bar.setObjectName("tabBar")
        bar.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        row = QHBoxLayout(bar)
        row.setContentsMargins(10, 4, 6, 4)
        row.setSpacing(2)
        self._tabs = QButtonGroup(self)
        for number, name in enumerate(TABS):
            button = TabButton(name)
            set_tip(button, name, f"Alt+{number + 1}")
            self._tabs.addButton(button, number)
            row.addWidget(button)
        self._tabs.idClicked.connect(self.choose_tab)
        row.addStretch(1)
        self._modes = {mode: TabButton(mode) for mode in MODES}
        modes = QButtonGroup(self)
        for mode, button in self._modes.items():
            button.setAccessibleName(f"Show the body: {mode}")
            button.clicked.connect(partial(self._choose_mode, mode))
            modes.addButton(button)
            row.addWidget(button)
        row.addSpacing(4)
        self._find_button = self._bar_button("search", "Find in this text", "Ctrl+F", self.find_in_text)
        self._save_button = self._bar_button("save", "Save the body to a file", "", self._open_save_menu)
        close = self._bar_button("close", "Close the inspector", "Esc", self.closed.emit)
        for each in (self._find_button, self._save_button, close):
            row.addWidget(each)
        return bar

    def _bar_button(self, icon: str, name: str, keys: str, handler: Callable[[], object]) -> IconButton:
        button = IconButton(icon)
        set_tip(button, name, keys)
        button.clicked.connect(lambda _is_checked: handler())
        return button

    def _add_keys(self) -> None:
        find = QAction("Find", self)
        find.setShortcut(QKeySequence(QKeySequence.StandardKey.Find))
        find.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        find.triggered.connect(self.find_in_text)
        self.addAction(find)
        for number, name in enumerate(TABS):
            action = QAction(name, self)
            action.setShortcut(QKeySequence(f"Alt+{number + 1}"))
            action.triggered.connect(lambda _checked=False, number=number: self.choose_tab(number))
            self.addAction(action)

    # What is shown

    def set_reader(self, reader: CaptureReader | None) -> None:
        """Show exchanges of another capture; None ends the inspector's thread, for a window that closes."""
        self._reader = reader
        self.show_nothing()
        if reader is None:
            self._loader.close()
            for page in (self.request, self.response):
                page.body.end()

    def show_nothing(self) -> None:
        """Let go of the exchange."""
        self._loader.forget()
        self._awaited.clear()
        self._row = self._detail = self._upstream = None

    def show_gone(self) -> None:
        """Say that there is no such exchange any more."""
        self.show_nothing()
        self._show_problem(_GONE)

    def show_exchange(self, row: ExchangeRow) -> None:
        """Show another exchange."""
        self.show_nothing()
        self._show(row, is_new=True)

    def refresh(self, row: ExchangeRow) -> None:
        """The exchange that is shown may have changed; where it is looked at stays."""
        if self._row is not None and row.id == self._row.id and row != self._row:
            self._show(row, is_new=False)

    def _show(self, row: ExchangeRow, *, is_new: bool) -> None:
        reader, before = self._reader, self._detail
        if reader is None:
            return
        self._row = row
        self._detail = self._upstream = None
        try:
            detail = reader.detail(row.id)
            if detail is None or row.failure == FailureKind.CAPTURE_DAMAGED:
                self._show_problem(self._why_not_whole(reader, row))
                return
            client = reader.connection(detail.client_connection)
            upstream = reader.connection(detail.upstream_connection)
        except CaptureError as error:
            self._show_problem(one_line(str(error)))
            return
        self._detail, self._upstream = detail, upstream
        self._overview.show_sections(overview(row, detail, upstream))
        self._connection.show_sections(connection_sections(row, client, upstream))
        self._show_timing(row, detail, upstream)
        request_lines = head_lines(detail.request, None)
        response_lines = head_lines(detail.response, detail.interim)
        self.request.show_head(request_lines, keep_place=not is_new)
        self.response.show_head(response_lines, keep_place=not is_new)
        self._summarise(_REQUEST, None)
        self._summarise(_RESPONSE, None)
        if is_new or before is None or before.request.body != detail.request.body:
            self._load(_REQUEST, is_new=is_new)
        if is_new or before is None or before.response.body != detail.response.body or not detail.response.body:
            self._load(_RESPONSE, is_new=is_new)
        else:
            self._summarise(_RESPONSE, self.response.body.content)

    @staticmethod
    def _why_not_whole(reader: CaptureReader, row: ExchangeRow) -> str:
        """The list may still have a row that was deleted a moment ago."""
        if row.failure == FailureKind.CAPTURE_DAMAGED:
            return _DAMAGED
        damaged: set[int] = set()
        return _DAMAGED if reader.rows([row.id], damaged) or damaged else _GONE

    def _show_problem(self, text: str) -> None:
        self._loader.forget()
        self._awaited.clear()
        for page in (self.request, self.response):
            page.show_summary([])
            page.show_head([])
            page.show_message(text)
        for view in (self._overview, self._connection, self._timing, self._side):
            view.show_sections([])
        for bars in (self._timing_bars, self._side_bars):
            bars.show_phases([])

    def _show_timing(self, row: ExchangeRow, detail: ExchangeDetail, upstream: ConnectionRow | None) -> None:
        shown = phases(detail)
        title = timing_title(shown, is_open=row.state < FIRST_FINAL_STATE)
        for label, bars in ((self._timing_title, self._timing_bars), (self._side_title, self._side_bars)):
            label.setText(title)
            bars.show_phases(shown)
        self._timing.show_sections(timing_sections(row, upstream))
        self._side.show_sections(timing_sections(row, upstream))

    def _summarise(self, kind: MessageKind, body: BodyContent | None) -> None:
        assert self._row is not None
        assert self._detail is not None
        if kind is _RESPONSE:
            self.response.show_summary(response_summary(self._row, self._detail, self._upstream, body))
        else:
            self.request.show_summary(request_summary(self._row, self._detail, body))

    # Bodies

    def _page_of(self, kind: MessageKind) -> MessagePage:
        return self.response if kind is _RESPONSE else self.request

    def _load(self, kind: MessageKind, *, is_new: bool) -> None:
        assert self._detail is not None
        assert self._reader is not None
        message, page = self._detail.message(kind), self._page_of(kind)
        if not message.body:
            page.show_message(self._why_no_body(kind))
            return
        self._ticket += 1
        self._awaited = {ticket: each for ticket, each in self._awaited.items() if each is not kind}
        self._awaited[self._ticket] = kind
        page.await_body(keep_place=not is_new)
        self._loader.load(BodyWish(self._ticket, self._reader.path, message.body, shown_head(message.head), kind))

    def _why_no_body(self, kind: MessageKind) -> str:
        assert self._row is not None
        assert self._detail is not None
        return why_no_body(self._row, self._detail, kind)

    def _body_loaded(self, ticket: int, content: BodyContent) -> None:
        kind = self._awaited.pop(ticket, None)
        if kind is None or self._row is None:
            return
        page = self._page_of(kind)
        if content is EMPTY or not content.wire_length:
            page.show_message(self._why_no_body(kind))
            return
        page.show_body(content)
        self._summarise(kind, content)

    def _body_failed(self, ticket: int, sentence: str) -> None:
        kind = self._awaited.pop(ticket, None)
        if kind is not None:
            self._page_of(kind).show_message(one_line(sentence))

    # Tabs and views

    @property
    def page(self) -> MessagePage | None:
        """The message that is shown, None where a tab shows facts."""
        return {1: self.request, 2: self.response}.get(self._pages.currentIndex())

    def choose_tab(self, number: int) -> None:
        """Show a tab, now and for the next exchanges."""
        self._tabs.button(number).setChecked(True)
        self._pages.setCurrentIndex(number)
        self._show_modes()

    def _choose_mode(self, mode: str, _is_checked: bool = True) -> None:
        for page in (self.request, self.response):
            if page is self.page:
                page.choose_mode(mode)
            else:
                page.want_mode(mode)

    def _show_modes(self) -> None:
        page = self.page
        modes = page.body.modes() if page is not None else []
        for mode, button in self._modes.items():
            button.setVisible(mode in modes)
            if page is not None and mode == page.mode:
                button.setChecked(True)
        self._save_button.setVisible(bool(modes))
        self._find_button.setVisible(page is not None)
        if page is None:
            self.find_bar.end_quietly()
        elif self.find_bar.is_open:
            self._find_in(page)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._side.setVisible(event.size().width() >= _SIDE_FROM)

    # Finding, saving, leaving

    def find_in_text(self) -> None:
        """Open the field for finding in the text that is shown."""
        if self.page is None:
            self.choose_tab(_RESPONSE_TAB)
        if self.page is not None:
            self._find_in(self.page)
            self.find_bar.begin()

    def _find_in(self, page: MessagePage) -> None:
        page.put_into_summary(self.find_bar)
        self.find_bar.look_in(page.searched_view())

    def _find_closed(self) -> None:
        if self.page is not None:
            self.page.setFocus()

    def _open_save_menu(self) -> None:
        page, row = self.page, self._row
        content = page.body.content if page is not None else None
        if row is None or content is None:
            return
        kind = _RESPONSE if page is self.response else _REQUEST
        if not content.coding:
            self.save_body_wanted.emit(row, kind, False)
            return
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction("Decoded…", lambda: self.save_body_wanted.emit(row, kind, True))
        menu.addAction(
            f"As on the wire ({one_line(content.coding)})…",
            lambda: self.save_body_wanted.emit(row, kind, False),
        )
        menu.popup(self._save_button.mapToGlobal(self._save_button.rect().bottomLeft()))

    def focus_content(self) -> None:
        """Give the focus to what is shown."""
        (self.page or self._pages).setFocus()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.closed.emit()
        else:
            super().keyPressEvent(event)
