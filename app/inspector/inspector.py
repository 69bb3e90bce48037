"""The inspector: one exchange on the pages of a table. The page and the view of bodies that were chosen stay for the
next one.

Heads and facts are read from the index at once; bodies come from `BodyLoader`, and an answer that is no longer wanted
is thrown away. Signals: `save_body_wanted` (ExchangeRow, MessageKind, without its content coding),
`save_message_wanted` (ExchangeRow, number of a message within it), `mend_wanted` (ExchangeRow, Mend), `closed` when the
person has done with it.
"""

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QAction, QKeyEvent, QKeySequence
from PySide6.QtWidgets import QButtonGroup, QHBoxLayout, QMenu, QStackedWidget, QVBoxLayout, QWidget

from app.inspector.body_content import BodyContent
from app.inspector.body_loader import BodyLoader, BodyWish
from app.inspector.facts import shown_head
from app.inspector.find_bar import FindBar
from app.inspector.message_page import MessagePage
from app.inspector.pages.table import FIRST_SHOWN, PAGES
from app.inspector.shown import Shown
from app.inspector.viewers.table import MODES
from app.look.icons import IconButton
from app.look.plain_text import set_tip
from app.look.tab_button import TabButton
from proxy_core.capture.reader import CaptureError, CaptureReader
from proxy_core.formats.one_line import one_line
from proxy_core.model.dark_cause import Mend
from proxy_core.model.exchange import ExchangeRow
from proxy_core.model.failure import FailureKind
from proxy_core.model.message_record import MessageKind, MessageRecord

_LEAST_HEIGHT = 150
_DAMAGED = "This exchange is damaged."
_GONE = "This exchange is no longer in the capture."


class Inspector(QWidget):
    """Shows one exchange of one capture; `set_reader` first. The reader stays the caller's, and reads all but the row:
    that comes from who has painted it.
    """

    save_body_wanted = Signal(object, object, bool)
    save_message_wanted = Signal(object, int)
    mend_wanted = Signal(object, object)
    closed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("inspector")
        self.setAccessibleName("Inspector")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setMinimumHeight(_LEAST_HEIGHT)
        self._reader: CaptureReader | None = None
        self._row: ExchangeRow | None = None
        self._ticket = 0
        self._awaited: dict[int, MessageKind] = {}  # ticket -> whose body
        self._loader = BodyLoader(self)
        self._loader.loaded.connect(self._body_loaded)
        self._loader.failed.connect(self._body_failed)
        self._made = {spec.key: spec.make() for spec in PAGES}
        for page in self._made.values():
            if page.save_wanted is not None:
                page.save_wanted.connect(self.save_message_wanted)
            if page.pressed is not None:
                page.pressed.connect(self._want_mend)
        messages = {page.message.kind: page.message for page in self._made.values() if page.message is not None}
        self.request, self.response = messages[MessageKind.REQUEST], messages[MessageKind.RESPONSE]
        self._messages = messages
        self._tab = FIRST_SHOWN
        self.find_bar = FindBar()
        self.find_bar.closed.connect(self._find_closed)
        self._pages = QStackedWidget()
        for page in self._made.values():
            self._pages.addWidget(page.widget)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._make_tab_bar())
        column.addWidget(self._pages, 1)
        for message in messages.values():
            message.modes_changed.connect(self._show_modes)
        self._add_keys()
        self.choose_tab(FIRST_SHOWN)

    def _make_tab_bar(self) -> QWidget:
        bar = QWidget()
        bar.setObjectName("tabBar")
        bar.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        row = QHBoxLayout(bar)
        row.setContentsMargins(10, 4, 6, 4)
        row.setSpacing(2)
        self._tabs = {spec.key: TabButton(spec.title) for spec in PAGES}
        tabs = QButtonGroup(self)
        for place, spec in enumerate(PAGES, start=1):
            button = self._tabs[spec.key]
            set_tip(button, spec.title, _keys(place))
            button.clicked.connect(partial(self.choose_tab, spec.key))
            tabs.addButton(button)
            row.addWidget(button)
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
        for place, spec in enumerate(PAGES, start=1):
            action = QAction(spec.title, self)
            action.setShortcut(QKeySequence(_keys(place)))
            action.triggered.connect(partial(self.choose_tab, spec.key))
            self.addAction(action)

    # What is shown

    def set_reader(self, reader: CaptureReader | None) -> None:
        """Show exchanges of another capture; None ends the inspector's thread, for a window that closes."""
        self._reader = reader
        self.show_nothing()
        if reader is None:
            self._loader.close()
            for message in self._messages.values():
                message.body.end()
            for page in self._made.values():
                if page.end is not None:
                    page.end()

    def show_nothing(self) -> None:
        """Let go of the exchange."""
        self._loader.forget()
        self._awaited.clear()
        self._row = None

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
        reader = self._reader
        if reader is None:
            return
        self._row = row
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
        shown = Shown(row, detail, client, upstream, reader.path)
        for page in self._made.values():
            if page.show is not None:
                page.show(shown)
        for message in self._messages.values():
            if message.show_exchange(shown, is_new=is_new):
                self._load(message, detail.message(message.kind), reader.path, is_new=is_new)

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
        for page in self._made.values():
            if page.show is not None:
                page.show(None)
        for message in self._messages.values():
            message.show_problem(text)

    # Bodies

    def _load(self, page: MessagePage, message: MessageRecord, path: str, *, is_new: bool) -> None:
        self._ticket += 1
        self._awaited = {ticket: kind for ticket, kind in self._awaited.items() if kind is not page.kind}
        self._awaited[self._ticket] = page.kind
        page.await_body(keep_place=not is_new)
        self._loader.load(BodyWish(self._ticket, path, message.body, shown_head(message.head), page.kind))

    def _body_loaded(self, ticket: int, content: BodyContent) -> None:
        kind = self._awaited.pop(ticket, None)
        if kind is not None:
            self._messages[kind].show_body(content)

    def _body_failed(self, ticket: int, sentence: str) -> None:
        kind = self._awaited.pop(ticket, None)
        if kind is not None:
            self._messages[kind].show_body_problem(one_line(sentence))

    # Tabs and views

    @property
    def page(self) -> MessagePage | None:
        """The message that is shown, None where a tab shows facts."""
        return self._made[self._tab].message

    def choose_tab(self, key: str, _is_checked: bool = True) -> None:
        """Show a page by its key (see `pages.table`), now and for the next exchanges."""
        self._tab = key
        self._tabs[key].setChecked(True)
        self._pages.setCurrentWidget(self._made[key].widget)
        self._show_modes()

    def _choose_mode(self, mode: str, _is_checked: bool = True) -> None:
        for message in self._messages.values():
            if message is self.page:
                message.choose_mode(mode)
            else:
                message.want_mode(mode)

    def _show_modes(self) -> None:
        page = self.page
        modes = page.body.modes() if page is not None else []
        for mode, button in self._modes.items():
            button.setVisible(mode in modes)
            if page is not None and mode == page.mode:
                button.setChecked(True)
        self._save_button.setVisible(bool(modes))
        self._find_button.setVisible(page is not None or self._made[self._tab].find is not None)
        if page is None:
            self.find_bar.end_quietly()
        elif self.find_bar.is_open:
            self._find_in(page)

    # Finding, saving, leaving

    def find_in_text(self) -> None:
        """Open the field for finding in the text that is shown."""
        find = self._made[self._tab].find
        if find is not None:
            find()
            return
        if self.page is None:
            self.choose_tab(FIRST_SHOWN)
        if self.page is not None:
            self._find_in(self.page)
            self.find_bar.begin()

    def _find_in(self, page: MessagePage) -> None:
        page.put_into_summary(self.find_bar)
        self.find_bar.look_in(page.searched_view())

    def _find_closed(self) -> None:
        if self.page is not None:
            self.page.setFocus()

    def _want_mend(self, mend: str) -> None:
        if self._row is not None:
            self.mend_wanted.emit(self._row, Mend(mend))

    def _open_save_menu(self) -> None:
        page, row = self.page, self._row
        content = page.body.content if page is not None else None
        if row is None or page is None or content is None:
            return
        kind = page.kind
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


def _keys(place: int) -> str:
    return f"Alt+{place}"
