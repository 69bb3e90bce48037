"""The toolbar: recording, clearing, the browser, files, and the address that clients are pointed at."""

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QAction, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QMenu, QToolButton, QWidget

from app.look.icons import IconButton, restyle, role_colour, tinted_icon
from app.look.plain_text import separator, set_tip
from app.look.theme import code_font
from app.shell.actions import keys_text

_COPIED_MS = 1600
_WIDE = 1000


class Toolbar(QWidget):
    """Signal: `browser_wanted` (key; "" for the usual one). All else goes through the window's actions."""

    browser_wanted = Signal(str)

    def __init__(self, actions: dict[str, QAction], main_menu: QMenu) -> None:
        super().__init__()
        self.setObjectName("toolbar")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setAccessibleName("Toolbar")
        self._actions = actions
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 7, 12, 7)
        row.setSpacing(4)
        self._record = IconButton("record", "Recording", kind="recording", role="s5")
        self._record.clicked.connect(actions["record"].trigger)
        row.addWidget(self._record)
        clear = self._button("clear", "Clear", "clear")
        row.addWidget(clear)
        row.addSpacing(4)
        row.addWidget(separator())
        row.addSpacing(4)
        row.addWidget(self._make_browser_button())
        row.addSpacing(4)
        row.addWidget(separator())
        row.addSpacing(4)
        self._yielding = [
            self._button("open", "Open", "open"),
            self._button("save", "Save", "save"),
            self._button("export", "Export HAR", "export_all"),
        ]
        for button in self._yielding:
            row.addWidget(button)
        self._yielding.append(clear)
        row.addStretch(1)
        row.addWidget(self._make_chip())
        self._theme = self._icon_button("theme", "Theme: dark or light")
        self.theme_button = self._theme
        row.addWidget(self._theme)
        row.addWidget(self._button("settings", "", "settings"))
        row.addWidget(self._make_menu_button(main_menu))
        self.show_recording(is_on=True)
        self.show_address("")

    def resizeEvent(self, event: QResizeEvent) -> None:
        """In a narrow window some buttons show their icon only; their names stay in the tips."""
        super().resizeEvent(event)
        style = Qt.ToolButtonStyle
        wanted = style.ToolButtonTextBesideIcon if self.width() >= _WIDE else style.ToolButtonIconOnly
        for button in self._yielding:
            if button.toolButtonStyle() != wanted:
                button.setToolButtonStyle(wanted)

    def _button(self, icon: str, text: str, action: str) -> IconButton:
        button = IconButton(icon, text)
        button.clicked.connect(self._actions[action].trigger)
        set_tip(button, self._actions[action].text().rstrip("…"), keys_text(action))
        return button

    def _icon_button(self, icon: str, tip: str) -> IconButton:
        button = IconButton(icon)
        set_tip(button, tip)
        return button

    def _make_browser_button(self) -> QToolButton:
        self._browser = IconButton("browser", "Open browser", kind="primary", role="on_accent")
        self._browser.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.browser_menu = QMenu(self._browser)
        self.browser_menu.setAccessibleName("Browsers")
        self._browser.setMenu(self.browser_menu)
        self._browser.setText("Open browser  ▾")
        set_tip(self._browser, "Open a browser that trusts Harrier already", keys_text("open_browser"))
        return self._browser

    def _make_chip(self) -> QToolButton:
        self._chip = IconButton("copy", "…", kind="chip", role="muted")
        self._chip.setLayoutDirection(Qt.LayoutDirection.RightToLeft)  # the icon stands behind the text
        self._chip.setFont(code_font())
        self._chip.clicked.connect(self._actions["copy_address"].trigger)
        self._copied = QTimer(self, interval=_COPIED_MS, singleShot=True)
        self._copied.timeout.connect(lambda: self._chip.show_icon("copy", "muted"))
        return self._chip

    def _make_menu_button(self, main_menu: QMenu) -> QToolButton:
        button = self._icon_button("menu", "Menu")
        button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        button.setMenu(main_menu)
        return button

    def show_recording(self, *, is_on: bool) -> None:
        """Show whether traffic is being recorded."""
        self._record.setText("Recording" if is_on else "Paused")
        self._record.setProperty("kind", "recording" if is_on else "")
        self._record.show_icon("record" if is_on else "pause", "s5" if is_on else "muted")
        restyle(self._record)
        tip = "Pause recording: traffic goes on, unrecorded" if is_on else "Record again"
        self._record.setAccessibleName("Recording" if is_on else "Recording is paused")
        set_tip(self._record, tip, keys_text("record"))
        self._record.setMinimumWidth(self._record.sizeHint().width() if is_on else self._record.minimumWidth())

    def show_address(self, address: str, places: str = "") -> None:
        """Show where the proxy listens, "" for nowhere; `places` tells the other ways in."""
        self._chip.setText(address or "not listening")
        self._chip.setEnabled(bool(address))
        self._chip.setAccessibleName(f"Proxy address {address}: copy" if address else "The proxy is not listening")
        tip = f"Copy the proxy's address  ({keys_text('copy_address')})"
        set_tip(self._chip, f"{tip}\n{places}" if places else tip)

    def show_copied(self) -> None:
        """The address is on the clipboard."""
        self._chip.show_icon("check", "s2")
        self._copied.start()

    def fill_browsers(self, browsers: list[tuple[str, str]], *, has_open: bool) -> None:
        """Offer (key, name) of the browsers that were found."""
        menu = self.browser_menu
        menu.clear()
        icon = tinted_icon("browser", role_colour(self, "muted"))
        for key, name in browsers:
            action = menu.addAction(icon, name.replace("&", "&&"))
            action.triggered.connect(lambda _checked=False, key=key: self.browser_wanted.emit(key))
        if not browsers:
            nothing = menu.addAction("No browser was found on this computer")
            nothing.setEnabled(False)
        if has_open:
            menu.addSeparator()
            menu.addAction(self._actions["close_browsers"])
