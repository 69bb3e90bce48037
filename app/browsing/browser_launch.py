"""Starting browsers through Harrier, knowing which are open, and closing them when asked and at the end.

Preparing a Firefox profile calls other programs, so it happens in a thread; the browser starts when it is ready.
"""

import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass

from PySide6.QtCore import QObject, QTimer, Signal

from app.browsing.browsers import (
    BLANK,
    Browser,
    Family,
    certutil_path,
    chromium_arguments,
    chromium_preferences,
    clean_environment,
    find_browsers,
    firefox_arguments,
    firefox_user_js,
    needs_no_sandbox,
    nss_folders,
    profile_folder,
)
from app.browsing.nss_store import NssError, trust_ca
from proxy_core.model.endpoint import endpoint_text

_LOOK_MS = 500
_CLOSE_WITHIN_S = 3.0
_AT_ONCE_S = 10.0  # a browser that fails sooner has not been used


@dataclass(slots=True)
class _Running:
    """A browser that was started here."""

    name: str
    process: "subprocess.Popen[bytes]"
    started_mark: float
    is_closing: bool = False

    def failed_at_once(self) -> bool:
        """Whether it ended by itself, with a complaint, before anyone could use it."""
        status = self.process.poll()
        return bool(status) and not self.is_closing and time.monotonic() - self.started_mark < _AT_ONCE_S


@dataclass(frozen=True, slots=True)
class ProxyFacts:
    """What a browser must know."""

    host: str
    port: int
    spki: str
    ca_path: str


class BrowserLaunch(QObject):
    """Signals: `open_changed` when one was opened or has ended, `remarked` (sentence), `failed` (sentence)."""

    open_changed = Signal()
    remarked = Signal(str)
    failed = Signal(str)
    _prepared = Signal(object, object, object, str)

    def __init__(self, browsers_home: str, parent: QObject) -> None:
        super().__init__(parent)
        self._home = browsers_home
        self._open: list[_Running] = []
        self._found: list[Browser] | None = None
        self._prepared.connect(self._start_firefox)
        self._look = QTimer(self, interval=_LOOK_MS)
        self._look.timeout.connect(self._reap)

    @property
    def browsers(self) -> list[Browser]:
        """Those on this computer; looked for once."""
        if self._found is None:
            self._found = find_browsers()
        return self._found

    @property
    def has_open(self) -> bool:
        """Whether a browser that was started here is still there."""
        return bool(self._open)

    def is_open(self, browser: Browser) -> bool:
        """Whether this one was started here and is still there."""
        return any(running.name == browser.name and running.process.poll() is None for running in self._open)

    def launch(self, browser: Browser, proxy: ProxyFacts, page: str = BLANK) -> None:
        """Start a browser whose traffic goes through the proxy. A Chromium that is open already opens the page."""
        profile = profile_folder(browser, self._home, proxy.port)
        try:
            os.makedirs(profile, mode=0o700, exist_ok=True)
        except OSError as error:
            self.failed.emit(f"{browser.name} can't have a profile at {profile} ({error.strerror}).")
            return
        if browser.family is Family.FIREFOX:
            threading.Thread(
                target=self._prepare_firefox, args=(browser, proxy, profile, page), name="firefox-profile", daemon=True
            ).start()
            return
        _write_new(os.path.join(profile, "Default", "Preferences"), chromium_preferences())
        without_sandbox = needs_no_sandbox()
        if without_sandbox:
            self.remarked.emit(f"{browser.name} runs without its sandbox, because Harrier runs as root.")
        address = endpoint_text(proxy.host, proxy.port)
        arguments = chromium_arguments(address, profile, proxy.spki, without_sandbox=without_sandbox, page=page)
        self._start(browser, arguments)

    def _prepare_firefox(self, browser: Browser, proxy: ProxyFacts, profile: str, page: str) -> None:
        problem = ""
        try:
            with open(os.path.join(profile, "user.js"), "w", encoding="utf-8") as file:
                file.write(firefox_user_js(proxy.host, proxy.port))
            trust_ca(profile, proxy.ca_path, certutil_path(), nss_folders(browser))
        except NssError as error:
            problem = str(error)
        except OSError as error:
            problem = f"{browser.name}'s profile at {profile} can't be written ({error.strerror})."
        self._prepared.emit(browser, profile, page, problem)

    def _start_firefox(self, browser: Browser, profile: str, page: str, problem: str) -> None:
        if problem:
            self.remarked.emit(problem)
        self._start(browser, firefox_arguments(profile, page))

    def _start(self, browser: Browser, arguments: list[str]) -> None:
        environment = clean_environment()
        environment.pop("MOZ_NO_REMOTE", None)
        try:
            process = subprocess.Popen(
                [browser.path, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=environment,
                start_new_session=sys.platform != "win32",
            )
        except OSError as error:
            self.failed.emit(f"{browser.name} can't be started ({error.strerror}).")
            return
        self._open.append(_Running(browser.name, process, time.monotonic()))
        self._look.start()
        self.open_changed.emit()

    def _reap(self) -> None:
        ended = [running for running in self._open if running.process.poll() is not None]
        for running in ended:
            self._open.remove(running)
            if running.failed_at_once():
                self.failed.emit(
                    f"{running.name} ended at once (status {running.process.returncode}). "
                    "Started from a terminal it tells why."
                )
        if not self._open:
            self._look.stop()
        if ended:
            self.open_changed.emit()

    def close_all(self) -> None:
        """Ask every browser to close. They save what they want to save, and go."""
        for running in self._open:
            running.is_closing = True
            if running.process.poll() is None:
                running.process.terminate()

    def end(self) -> None:
        """Close all and wait a little; for a window that closes."""
        self._look.stop()
        self.close_all()
        for running in self._open:
            try:
                running.process.wait(_CLOSE_WITHIN_S)
            except subprocess.TimeoutExpired:
                running.process.kill()
                running.process.wait()
        self._open.clear()


def _write_new(path: str, text: str) -> None:
    """Write a file that a profile starts with; what the browser has written since stays. Without it, it works too."""
    try:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        with open(path, "x", encoding="utf-8") as file:
            file.write(text)
    except OSError:
        pass
