"""A new user's path as the README tells it, in real processes: the window, *Open Browser*, a real Chromium or Firefox on
an X display of their own, HTTPS pages, the live capture, the filter, HAR, closing, opening again.

The window and the browser get what a person would give them, keys, and are judged by what a person would see or find:
titles of windows, files. Waiting is for a condition, with a deadline.
"""

import base64
import json
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.shell.actions import LIST_MENU
from proxy_core.capture.reader import CaptureReader
from proxy_core.model.exchange import ExchangeFlag, ExchangeRow, ExchangeState
from proxy_core.model.failure import FailureKind
from tests.support.demonstration_site import DemonstrationSite
from tests.support.display import Display
from tests.support.har_validation import check_har
from tests.support.program import FROM_SOURCES, ROOT, Program, are_gone

PACKAGED = (str(ROOT / "dist" / "Harrier" / "Harrier"),)
MAIN_WINDOW = "Harrier$"
CHROMIUM, FIREFOX = "Chromium$", "Mozilla Firefox"
PAGE_FILES = {"/", "/style.css", "/shop.js", "/api/wares", "/coded/br?what=weather", "/picture/1.png"}

pytestmark = [
    pytest.mark.skipif(shutil.which("xdotool") is None, reason="xdotool presses the keys"),
    pytest.mark.timeout(300),
]
needs_chromium = pytest.mark.skipif(shutil.which("chromium") is None, reason="no Chromium here")


@pytest.fixture
def site() -> Iterator[DemonstrationSite]:
    with DemonstrationSite() as running:
        yield running


@pytest.fixture
def display() -> Iterator[Display]:
    with Display() as running:
        yield running


@pytest.fixture(params=[FROM_SOURCES, PACKAGED], ids=["sources", "package"])
def command(request) -> tuple[str, ...]:
    if not Path(request.param[0]).exists():
        pytest.skip("no package here: build_scripts/package.py makes one")
    return request.param


def until(condition: Callable[[], object], within_s: float = 60.0) -> bool:
    end = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def shows(display: Display, text: str) -> bool:
    return any(text in name for name in display.window_names())


class Person:
    """One run of the program, used by keys. The window is closed as a person does it, or killed."""

    def __init__(self, display: Display, home: Path, command: tuple[str, ...], *arguments: str) -> None:
        self._display = display
        self._home = home
        words = ["--home", str(home), "--listen", "127.0.0.1:0", "--workers", "2", *arguments]
        # Chromium leaves a folder behind when it is asked to end; pytest's paths are too long for the socket in it.
        self._scratch = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        environment = {**display.environment, "LC_ALL": "C.UTF-8", "TMPDIR": self._scratch.name}
        self.program = Program(words, command=command, environment=environment)

    def __enter__(self) -> "Person":
        self.program.__enter__()
        assert until(lambda: shows(self._display, "Harrier")), self.program.errors
        return self

    def __exit__(self, *what: object) -> None:
        left = self.program.descendants()
        self.program.__exit__(None, None, None)
        for pid in left:  # only a test that failed leaves any
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self._scratch.cleanup()

    def open_browser(self, title: str) -> None:
        """*Open Browser*, again when it was pressed before the engine was there."""

        def pressed() -> bool:
            self._display.press(MAIN_WINDOW, "ctrl+b")
            return until(lambda: self._display.find(title), 5)

        assert until(lambda: list((self._home / "captures").glob("*.live/index.sqlite"))), self.program.errors
        assert until(pressed), (self._display.window_names(), self.program.errors)

    def visit(self, browser: str, url: str, title: str) -> None:
        """Type an address into the browser until its window has that title."""

        def visited() -> bool:
            self._display.press(browser, "ctrl+l")
            self._display.enter(browser, url)
            self._display.press(browser, "Delete", "Return")  # what was completed by guessing goes first
            return until(lambda: shows(self._display, title), 10)

        assert until(visited), self._display.window_names()

    def filter(self, text: str) -> None:
        self._display.press(MAIN_WINDOW, "F6", "ctrl+f")
        self._display.enter(MAIN_WINDOW, text)
        self._display.press(MAIN_WINDOW, "Return")

    def choose_file(self, title: str, path: Path) -> None:
        assert until(lambda: self._display.find(title)), self._display.window_names()
        self._display.press(title, "ctrl+a")
        self._display.enter(title, str(path))
        self._display.press(title, "Return")
        assert until(lambda: not self._display.find(title)), self._display.window_names()

    def export_all(self, path: Path) -> list[dict]:
        self._display.press(MAIN_WINDOW, "ctrl+shift+s")
        self.choose_file("Export as HAR", path)
        assert until(path.exists)
        return check_har(path)["entries"]

    def export_list(self, path: Path) -> list[dict]:
        """Select the whole list and export that by its menu; nothing when nothing could be selected."""
        self._display.press(MAIN_WINDOW, "F6", "Down", "ctrl+a")
        # Counted from the menu's end: above it stands what only some rows have.
        ups = [key for key in reversed(LIST_MENU) if key != "-"].index("export_selected") + 1
        self._display.press(MAIN_WINDOW, "Menu", *["Up"] * ups, "Return")
        if not until(lambda: self._display.find("Export as HAR"), 5):
            self._display.press(MAIN_WINDOW, "Escape")
            return []
        self.choose_file("Export as HAR", path)
        assert until(path.exists)
        return check_har(path)["entries"]

    def save(self, path: Path) -> None:
        self._display.press(MAIN_WINDOW, "ctrl+s")
        self.choose_file("Save the capture", path)
        assert until(path.exists)

    def open(self, path: Path) -> None:
        self._display.press(MAIN_WINDOW, "ctrl+o")
        self.choose_file("Open a capture", path)
        assert until(lambda: shows(self._display, path.name)), self._display.window_names()

    def live_capture(self) -> Path:
        """The capture that is being recorded."""
        found = []
        for folder in (self._home / "captures").glob("*.live"):
            reader = CaptureReader(str(folder))
            if reader.meta("closed") != "1":
                found.append(folder)
            reader.close()
        assert len(found) == 1
        return found[0]

    def rows(self) -> list[ExchangeRow]:
        """What the capture holds at this moment, read beside the recorder."""
        reader = CaptureReader(str(self.live_capture()))
        try:
            return list(reader.rows(reader.ids()).values())
        finally:
            reader.close()

    def paths(self, host: str) -> set[str]:
        """What has come whole from a host."""
        return {row.path for row in self.rows() if row.state == ExchangeState.COMPLETE and row.host == host}

    def close(self) -> None:
        """Close the window by its frame's button; the browser and the engine go with it."""
        processes = self.program.descendants()
        self._display.close(MAIN_WINDOW)
        assert self.program.wait() == 0, self.program.errors
        assert are_gone(processes)
        assert not self._display.window_names()


def urls(entries: list[dict]) -> set[str]:
    return {entry["request"]["url"] for entry in entries}


@needs_chromium
def test_from_start_to_har_and_back(command, display, site, tmp_path):
    home = tmp_path / "home"
    with Person(display, home, command, "--upstream-ca", site.write_ca(tmp_path)) as person:
        person.open_browser(CHROMIUM)
        person.visit(CHROMIUM, f"{site.https_url}/", "Shop · Fieldnotes")
        # The pictures come from the site's other name.
        assert until(lambda: person.paths("localhost") | person.paths("127.0.0.1") >= PAGE_FILES), person.rows()
        rows = [row for row in person.rows() if row.host in ("localhost", "127.0.0.1")]
        assert all(row.scheme == "https" and row.flags & ExchangeFlag.INTERCEPTED for row in rows)
        person.visit(CHROMIUM, f"{site.http_url}/order", "Order · Fieldnotes")
        assert until(lambda: "/order" in person.paths("localhost"))
        assert "GET /order" in site.seen

        person.filter("type:json host:localhost")
        filtered = {f"{site.https_url}/api/wares", f"{site.https_url}/coded/br?what=weather"}
        # The filter works in the background: a person would see when it is done, we see what the list exports.
        paths = (tmp_path / f"shown{count}.har" for count in range(1000))
        assert until(lambda: urls(person.export_list(next(paths))) == filtered)
        person.save(tmp_path / "shop.harrier")
        everything = person.export_all(tmp_path / "all.har")
        assert filtered < urls(everything)
        live = person.live_capture()
        person.close()
    check_contents(site, everything)
    reader = CaptureReader(str(live))
    assert reader.meta("closed") == "1"
    reader.close()

    with Person(display, home, command) as person:
        person.open(tmp_path / "shop.harrier")
        again = person.export_all(tmp_path / "again.har")
        assert urls(again) >= filtered
        check_contents(site, again)
        person.open(tmp_path / "all.har")
        from_har = person.export_all(tmp_path / "from-har.har")
        assert [entry["request"]["url"] for entry in from_har] == [entry["request"]["url"] for entry in everything]
        check_contents(site, from_har)
        person.close()


def check_contents(site: DemonstrationSite, entries: list[dict]) -> None:
    """A JSON body and a picture, decrypted and whole."""
    found = {entry["request"]["url"]: entry["response"]["content"] for entry in entries}
    wares = json.loads(found[f"{site.https_url}/api/wares"]["text"])["wares"]
    assert wares[0]["name"].startswith("Marsh")
    assert "wind" in found[f"{site.https_url}/coded/br?what=weather"]["text"]
    [picture] = [content for url, content in found.items() if url.endswith("/picture/1.png")]
    assert base64.b64decode(picture["text"]).startswith(b"\x89PNG")


@needs_chromium
def test_a_failing_origin_is_told_in_the_browser_and_in_the_capture(display, site, tmp_path):
    with Person(display, tmp_path / "home", FROM_SOURCES, "--upstream-ca", site.write_ca(tmp_path)) as person:
        person.open_browser(CHROMIUM)
        person.visit(CHROMIUM, f"{site.https_url}/order", "Order · Fieldnotes")
        person.visit(CHROMIUM, f"{site.https_url}/fail/reset-before-head", "502 Bad Gateway")

        def failures() -> set[tuple[int | None, str]]:
            return {(row.status, row.failure) for row in person.rows() if row.path == "/fail/reset-before-head"}

        assert until(failures), person.rows()
        assert failures() == {(502, FailureKind.CONNECTION_TERMINATED)}
        person.close()


@needs_chromium
def test_a_killed_window_loses_nothing(display, site, tmp_path):
    home = tmp_path / "home"
    with Person(display, home, FROM_SOURCES, "--upstream-ca", site.write_ca(tmp_path)) as person:
        person.open_browser(CHROMIUM)
        person.visit(CHROMIUM, f"{site.https_url}/", "Shop · Fieldnotes")
        assert until(lambda: person.paths("localhost") | person.paths("127.0.0.1") >= PAGE_FILES), person.rows()
        live = person.live_capture()
        processes = person.program.descendants()
        engines = [pid for pid in processes if b"chrom" not in Path(f"/proc/{pid}/cmdline").read_bytes()]
        browsers = [pid for pid in processes if pid not in engines]
        person.program.signal(signal.SIGKILL)
        assert person.program.wait() == -signal.SIGKILL
        assert are_gone(engines)
        for pid in browsers:
            try:
                os.kill(pid, signal.SIGTERM)
            except ProcessLookupError:
                continue
        assert are_gone(browsers)
    with Person(display, home, FROM_SOURCES, str(live)) as person:
        assert until(lambda: shows(display, live.name.removesuffix(".live"))), display.window_names()
        check_contents(site, person.export_all(tmp_path / "kept.har"))
        person.close()


def programs_without(name: str, folder: Path) -> Path:
    """A folder for PATH with every program but one."""
    folder.mkdir()
    for place in ("/usr/bin", "/usr/local/bin"):
        for program in Path(place).iterdir():
            if program.name != name and not (folder / program.name).exists():
                (folder / program.name).symlink_to(program)
    return folder


@pytest.mark.skipif(
    shutil.which("firefox") is None and shutil.which("firefox-esr") is None, reason="no Firefox is installed"
)
@pytest.mark.parametrize("has_certutil", [True, False], ids=["certutil", "library"])
def test_firefox_trusts_harrier(has_certutil, display, site, tmp_path, monkeypatch):
    if has_certutil and shutil.which("certutil") is None:
        pytest.skip("no certutil is installed")
    if not has_certutil:
        monkeypatch.setenv("PATH", str(programs_without("certutil", tmp_path / "bin")))
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    (home / "preferences.json").write_text('{"browser": "firefox"}')
    with Person(display, home, FROM_SOURCES, "--upstream-ca", site.write_ca(tmp_path)) as person:
        person.open_browser(FIREFOX)
        # With a warning about the certificate the title would be another.
        person.visit(FIREFOX, f"{site.https_url}/", "Shop · Fieldnotes")
        assert until(lambda: person.paths("localhost") | person.paths("127.0.0.1") >= PAGE_FILES), person.rows()
        person.close()
