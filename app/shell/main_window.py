"""The window: where everything stands. What it does is decided by `WindowController`.

From top to bottom: toolbar, notices, filter, the list with the inspector beneath it, status bar.
"""

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtGui import QAction, QCloseEvent, QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QMenu, QSplitter, QStackedWidget, QVBoxLayout, QWidget

from app.filter.filter_bar import FilterBar
from app.list.exchange_list import ExchangeList
from app.list.exchange_model import ExchangeModel
from app.look.icons import application_icon
from app.look.notices import NoticeStack
from app.preferences import Preferences
from app.shell.actions import LIST_MENU, MAIN_MENU, build_actions
from app.shell.emptiness import Emptiness, why_empty
from app.shell.empty_state import EmptyState, is_focus_in
from app.shell.situation import Situation
from app.shell.status_bar import StatusBar
from app.shell.toolbar import Toolbar

TITLE = "Harrier"
_DEFAULT_SIZE = (1280, 820)
_LEAST_SIZE = (760, 480)
_OPENED_FILES = (".har", ".harrier")


class MainWindow(QWidget):
    """Signals: `closing` when it is about to go, `files_dropped` (paths)."""

    closing = Signal()
    files_dropped = Signal(list)

    def __init__(self, model: ExchangeModel, inspector: QWidget) -> None:
        super().__init__()
        self.setObjectName("window")
        self.setWindowTitle(TITLE)
        self.setWindowIcon(application_icon())
        self.setMinimumSize(*_LEAST_SIZE)
        self.resize(*_DEFAULT_SIZE)
        self.setAcceptDrops(True)
        self.list_area = QWidget()
        self.list_area.setObjectName("listArea")
        self.actions_by_key = build_actions(self, self.list_area)
        self.recent_menu = QMenu("Open Recent", self)
        self.theme_menu = QMenu("Theme", self)
        self.main_menu = QMenu(self)
        self.main_menu.setAccessibleName("Menu")
        self._fill_menu(self.main_menu, MAIN_MENU)
        self.main_menu.aboutToHide.connect(self._enable_all)
        self.toolbar = Toolbar(self.actions_by_key, self.main_menu)
        self.toolbar.theme_button.setMenu(self.theme_menu)
        self.toolbar.theme_button.setPopupMode(self.toolbar.theme_button.ToolButtonPopupMode.InstantPopup)
        self.notices = NoticeStack()
        self.filter_bar = FilterBar()
        self.list = ExchangeList(model)
        self.empty_state = EmptyState(self.actions_by_key)
        self.inspector = inspector
        self.status_bar = StatusBar()
        self._lay_out()

    def _lay_out(self) -> None:
        self._stack = QStackedWidget()
        self._stack.addWidget(self.list)
        self._stack.addWidget(self.empty_state)
        area = QVBoxLayout(self.list_area)
        area.setContentsMargins(0, 0, 0, 0)
        area.setSpacing(0)
        area.addWidget(self.filter_bar)
        area.addWidget(self._stack, 1)
        self.splitter = QSplitter(Qt.Orientation.Vertical)
        self.splitter.setHandleWidth(1)
        self.splitter.setChildrenCollapsible(False)
        self.splitter.addWidget(self.list_area)
        self.splitter.addWidget(self.inspector)
        self.splitter.setStretchFactor(0, 5)
        self.splitter.setStretchFactor(1, 4)
        self.inspector.hide()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        for widget in (self.toolbar, self.notices, self.splitter, self.status_bar):
            column.addWidget(widget, 1 if widget is self.splitter else 0)
        self.focus_list()

    def restore(self, preferences: Preferences) -> None:
        """Look as it was left."""
        geometry = preferences.geometry_bytes()
        if geometry:
            self.restoreGeometry(geometry)
        self.list.header.restore(preferences.columns)
        if len(preferences.splitter) == 2 and min(preferences.splitter) > 0:
            self.splitter.setSizes(list(preferences.splitter))

    def remember(self, preferences: Preferences) -> None:
        """Keep how it looks."""
        preferences.set_geometry(bytes(self.saveGeometry().data()))
        preferences.columns = self.list.header.remembered()
        if self.inspector.isVisible():
            preferences.splitter = tuple(self.splitter.sizes())

    def show_inspector(self, *, is_shown: bool) -> None:
        """Open or close the lower half."""
        if is_shown == self.inspector.isVisibleTo(self):
            return
        self.inspector.setVisible(is_shown)

    def show_title(self, title: str) -> None:
        """Name what is shown; "" for the live capture."""
        self.setWindowTitle(f"{title} – {TITLE}" if title else TITLE)

    def show_engine(self, address: str, places: str, *, is_recording: bool) -> None:
        """Show where the proxy listens, and whether what goes through is recorded."""
        self.toolbar.show_address(address, places)
        self.toolbar.show_recording(is_on=is_recording)

    def show_situation(self, now: Situation) -> None:
        """Say how many there are, in which state the capture is, and why there is nothing to see."""
        self.filter_bar.show_count(now.count_text())
        self.status_bar.show_numbers(
            total=now.total,
            shown=now.shown if now.is_filtering else None,
            size=now.recorded_bytes,
            failed=now.failed,
        )
        self.status_bar.show_capture(now.capture_text())
        self._show_empty(why_empty(now))
        self.list.set_running(is_running=now.is_running and not now.is_file)

    def _show_empty(self, why: Emptiness | None) -> None:
        """Show why the list is empty; None: show the list."""
        if why is not None:
            self.empty_state.show_why(why)
        shown: QWidget = self.list if why is None else self.empty_state
        if self._stack.currentWidget() is not shown:
            has_focus = is_focus_in(self._stack)
            self._stack.setCurrentWidget(shown)
            if has_focus:
                shown.setFocus()

    def focus_list(self) -> None:
        """Give the focus to what stands in the list's place. What is hidden would take it once it is shown again."""
        shown: QWidget = self.empty_state if self.empty_state.isVisibleTo(self) else self.list
        shown.setFocus()

    def open_list_menu(self, position: QPoint) -> None:
        """The context menu of the list."""
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._fill_menu(menu, LIST_MENU)
        menu.aboutToHide.connect(self._enable_all)
        menu.popup(position)

    def _fill_menu(self, menu: QMenu, keys: tuple[str, ...]) -> None:
        submenus = {"@recent": self.recent_menu, "@theme": self.theme_menu}
        for key in keys:
            if key == "-":
                menu.addSeparator()
            elif key in submenus:
                menu.addMenu(submenus[key])
            else:
                menu.addAction(self.action(key))

    def _enable_all(self) -> None:
        """What a menu shows as impossible is so for that moment only: keys must not stay dead."""
        for action in self.actions_by_key.values():
            action.setEnabled(True)

    def action(self, key: str) -> QAction:
        """One of the actions."""
        return self.actions_by_key[key]

    def closeEvent(self, event: QCloseEvent) -> None:
        self.closing.emit()
        super().closeEvent(event)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if any(url.toLocalFile().endswith(_OPENED_FILES) for url in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        paths = [url.toLocalFile() for url in event.mimeData().urls()]
        self.files_dropped.emit([path for path in paths if path.endswith(_OPENED_FILES)])
