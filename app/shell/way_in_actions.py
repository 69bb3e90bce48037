"""The ways in, as actions of the window: open a browser, copy the address or a line for a terminal, the certificate.

All of them need to know where the engine listens. A browser that is wanted before there is one comes when there is.
"""

import os

from PySide6.QtCore import QObject
from PySide6.QtGui import QGuiApplication

from app.browsing.browser_launch import BrowserLaunch, ProxyFacts
from app.browsing.browsers import BLANK, Family
from app.browsing.ways_in import proxy_address, terminal_line
from app.look.notices import NoticeKind
from app.preferences import Preferences
from app.shell.actions import bind_actions
from app.shell.certificate_dialog import CertificateDialog
from app.shell.main_window import MainWindow
from proxy_core.formats.shell_word import shell_word
from proxy_core.model.notice import EngineStarted


class WayInActions(QObject):
    """`engine_changed` tells it of each engine."""

    def __init__(self, window: MainWindow, preferences: Preferences, browser_folder: str) -> None:
        super().__init__(window)
        self._window = window
        self._preferences = preferences
        self._engine: EngineStarted | None = None
        self._awaited: tuple[str, str] | None = None  # browser and page
        self.browsers = BrowserLaunch(browser_folder, self)
        self.browsers.failed.connect(lambda text: self._tell_of_browser(NoticeKind.ERROR, text))
        self.browsers.remarked.connect(lambda text: self._tell_of_browser(NoticeKind.INFO, text))
        window.toolbar.browser_wanted.connect(self._open_browser)
        window.toolbar.browser_menu.aboutToShow.connect(self._fill_browsers)
        bind_actions(
            window.actions_by_key,
            {
                "open_browser": lambda: self._open_browser(""),
                "close_browsers": self.browsers.close_all,
                "copy_address": self._copy_address,
                "copy_terminal": self._copy_terminal,
                "certificate": self.show_certificate,
            },
        )

    def engine_changed(self, engine: EngineStarted | None) -> None:
        """Another engine runs, or none does."""
        self._engine = engine
        if engine is not None and self._awaited is not None:
            wanted, self._awaited = self._awaited, None
            self._open_browser(*wanted)

    def enable(self) -> None:
        """Let the actions be possible that are."""
        self._window.action("close_browsers").setEnabled(self.browsers.has_open)

    def _copy_address(self) -> None:
        if self._engine is not None:
            QGuiApplication.clipboard().setText(proxy_address(self._engine.host, self._engine.port))
            self._window.toolbar.show_copied()

    def _copy_terminal(self) -> None:
        if self._engine is not None:
            QGuiApplication.clipboard().setText(_terminal_line(self._engine))
            said = "The line is on the clipboard: paste it into a terminal."
            self._window.notices.tell("copied", NoticeKind.GOOD, said, is_passing=True)

    def curl_options(self) -> str:
        """What sends a curl through Harrier, whatever the terminal has set; "" without an engine."""
        if self._engine is None:
            return ""
        proxy = proxy_address(self._engine.host, self._engine.port)
        ca = shell_word(os.fsencode(self._engine.ca_certificate_path))
        return f"--proxy http://{proxy} --noproxy '' --cacert {ca}"

    def show_certificate(self) -> None:
        """What the CA is, and how clients come to trust it."""
        if self._engine is not None:
            CertificateDialog(self._engine, _terminal_line(self._engine), self._window).exec()

    # Browsers

    def _tell_of_browser(self, kind: NoticeKind, text: str) -> None:
        self._window.notices.tell("browser", kind, text)

    def _fill_browsers(self) -> None:
        found = [(browser.key, browser.name) for browser in self.browsers.browsers]
        self.enable()
        self._window.toolbar.fill_browsers(found, has_open=self.browsers.has_open)

    def open_page(self, url: str) -> None:
        """Open a page in the browser that was opened last, or in the first there is."""
        self._open_browser("", url)

    def _open_browser(self, key: str, url: str = "") -> None:
        engine = self._engine
        if engine is None:
            self._awaited = key, url
            return
        found = self.browsers.browsers
        wanted = key or self._preferences.browser
        browser = next((each for each in found if each.key == wanted), found[0] if found else None)
        if browser is None:
            self._tell_of_browser(
                NoticeKind.WARNING,
                "No browser was found on this computer: install Chromium, Chrome, Edge, Brave or Firefox.",
            )
            return
        self._preferences.browser = browser.key
        if url and browser.family is Family.FIREFOX and self.browsers.is_open(browser):
            # One that was started without remote control takes no more orders.
            QGuiApplication.clipboard().setText(url)
            self._tell_of_browser(NoticeKind.INFO, f"{browser.name} is open: paste the address there.")
            return
        host, _, port = proxy_address(engine.host, engine.port).rpartition(":")
        facts = ProxyFacts(host.strip("[]"), int(port), engine.ca_spki, engine.ca_certificate_path)
        self.browsers.launch(browser, facts, url or BLANK)


def _terminal_line(engine: EngineStarted) -> str:
    return terminal_line(engine.host, engine.port, engine.ca_certificate_path)
