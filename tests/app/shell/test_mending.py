"""Every button that offers to mend something, pressed in the overview of a row that has it."""

import subprocess
from collections.abc import Callable
from hashlib import sha256

import msgspec
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QComboBox, QDialog, QFileDialog, QLineEdit

from app.browsing.browser_launch import BrowserLaunch
from app.browsing.browsers import Browser, Family
from app.inspector.inspector import Inspector
from app.list.exchange_model import ExchangeModel
from app.look.theme import Scheme, Theme
from app.preferences import Preferences
from app.shell.certificate_dialog import CertificateDialog
from app.shell.engine_settings import EngineSettings
from app.shell.inspection_control import Inspection
from app.shell.main_window import MainWindow
from app.shell.mending import Mending
from app.shell.settings_dialog import SettingsDialog
from app.shell.way_in_actions import WayInActions
from app.shell.ways_out_dialog import WaysOutDialog
from proxy_core.model.dark_cause import DarkCause
from proxy_core.model.exchange import ExchangeKind, ExchangeState
from proxy_core.model.notice import EngineStarted
from proxy_core.model.settings import Settings
from proxy_core.model.tls_facts import TlsFacts, encode_tls_facts
from proxy_core.model.ways_out import AcceptedCertificate, ClientCertificate
from tests.support.captures import LiveCapture, Sample
from tests.support.live_feed import LiveFeed
from tests.support.screen import button
from tests.support.silent_engine import silent_bridge

CHAIN = (b"the certificate", b"its issuer")
ENGINE = EngineStarted("127.0.0.1", 8080, 8080, "", "/my ca/ca.pem", "Harrier CA", "AB:CD", "x=", 1)
PINNED = DarkCause.PINNED.told("shop.test", 3)


def failed(text: str, failure: str = "tls_certificate_error", **others) -> Sample:
    return Sample(state=ExchangeState.FAILED, failure=failure, failure_text=text, **others)


def tunnel(notes: str = "", **others) -> Sample:
    return Sample(kind=ExchangeKind.TUNNEL, method="CONNECT", path="", scheme="", notes=notes, **others)


def refused_tunnel(text: str) -> Sample:
    return failed(
        text, "client_refused_certificate", kind=ExchangeKind.TUNNEL, method="CONNECT", path="", scheme="", status=None
    )


class Desk:
    """The window's parts that mend, over a live capture; the engine says nothing."""

    def __init__(self, folder, qapp) -> None:
        self.capture = LiveCapture(folder / "a.live")
        refused = TlsFacts(sni="shop.test", verify_error="It is too old.", chain=CHAIN)
        self.capture.add_connections(encode_tls_facts(refused))
        self.bridge, self.engine = silent_bridge()
        self.model = ExchangeModel()
        self.inspector = Inspector()
        self.window = MainWindow(self.model, self.inspector)
        preferences, theme = Preferences(browser="chromium"), Theme(qapp, Scheme.LIGHT)
        self.preferences = preferences
        path = str(folder / "preferences.json")
        self.settings = EngineSettings(Settings(), self.bridge, self.window.notices, preferences, path, theme)
        self.ways_in = WayInActions(self.window, preferences, str(folder))
        self.ways_in.engine_changed(ENGINE)
        self.mending = Mending(self.window, self.model, self.settings, self.ways_in)
        self.inspector.mend_wanted.connect(self.mending.mend)
        self.inspection = Inspection(self.window, self.model, self.inspector)
        self.feed = LiveFeed(self.capture, self.model)
        self.inspector.set_reader(self.model.reader)

    def close(self) -> None:
        self.inspector.set_reader(None)
        self.model.close()
        self.bridge.stop()
        self.capture.close()

    def decide(self, monkeypatch, **others: object) -> None:
        """A person chooses other settings in the dialog."""
        decided = msgspec.structs.replace(self.settings.current, **others)
        monkeypatch.setattr(SettingsDialog, "exec", lambda _dialog: 1)
        monkeypatch.setattr(SettingsDialog, "settings", decided)
        self.settings.ask(self.window)

    def notice(self, key: str) -> str:
        return self.window.notices.texts().get(key, "")

    def possible(self) -> set[str]:
        """What the list's menu offers of what mends."""
        keys = ("leave_host", "decrypt_host", "accept_certificate", "client_certificate", "open_again")
        self.mending.enable()
        return {key for key in keys if self.window.action(key).isEnabled()}


@pytest.fixture
def desk(tmp_path, qapp, qtbot):
    desk = Desk(tmp_path, qapp)
    qtbot.addWidget(desk.window)
    desk.window.resize(1200, 800)
    desk.window.show()
    yield desk
    desk.close()


@pytest.fixture
def press(desk, qtbot) -> Callable[..., None]:
    """Record a sample, select its row and press a button of its overview."""

    def press(sample: Sample, *names: str) -> None:
        (number,) = desk.feed.arrive(sample)
        qtbot.waitUntil(lambda: desk.model.row_of(number) >= 0 and desk.feed.is_settled, timeout=10_000)
        desk.window.list.select_id(number)
        desk.inspector.choose_tab("overview")
        QTest.qWait(0)  # what is new in a layout is shown then
        for name in names:
            button(desk.inspector, name).click()

    return press


@pytest.fixture
def answer(monkeypatch):
    """A dialog is answered by a function that sees it; the result is what it returns."""
    seen: list[QDialog] = []

    def set_answer(kind: type[QDialog], act: Callable[..., object]) -> list[QDialog]:
        def exec_(dialog) -> int:
            dialog.show()
            seen.append(dialog)
            result = act(dialog)
            dialog.hide()
            return int(bool(result))

        monkeypatch.setattr(kind, "exec", exec_)
        return seen

    return set_answer


def test_the_host_is_left_undecrypted(desk, press):
    press(refused_tunnel(PINNED), "Leave Undecrypted")
    assert desk.settings.current.not_intercepted == ("shop.test",)
    assert "left undecrypted" in desk.notice("leave")
    button(desk.inspector, "Leave Undecrypted").click()
    assert "already" in desk.notice("already")
    button(desk.window.notices, "Undo").click()
    assert desk.settings.current.not_intercepted == ()


def test_what_is_refused_is_passed_on(desk, press):
    press(refused_tunnel(PINNED), "Pass On What Is Refused")
    assert desk.settings.current.after_refusals == "pass"
    assert "passed on unread" in desk.notice("after_refusals")
    button(desk.window.notices, "Undo").click()
    assert desk.settings.current.after_refusals == "ask"


def test_what_was_passed_on_is_decrypted_again(desk, press):
    desk.settings.pass_refused(is_on=True)
    press(tunnel(DarkCause.REFUSED.told()), "Decrypt All the Same")
    assert desk.settings.current.after_refusals == "ask"


def test_harriers_ca_is_shown_with_the_steps(desk, press, answer):
    seen = answer(CertificateDialog, lambda _dialog: True)
    press(refused_tunnel(DarkCause.CLIENT_LEFT.told("shop.test")), "Trust Harrier's CA…")
    (dialog,) = seen
    clients = dialog.findChild(QComboBox)
    assert isinstance(clients, QComboBox)
    assert "Firefox" in [clients.itemText(place) for place in range(clients.count())]


def test_a_certificate_is_accepted(desk, press):
    press(failed(DarkCause.EXPIRED.told("shop.test:443", "then", "now")), "Accept This Certificate")
    accepted = AcceptedCertificate("shop.test", sha256(CHAIN[0]).hexdigest())
    assert desk.settings.current.ways_out.accepted_certificates == (accepted,)
    button(desk.inspector, "Accept This Certificate").click()
    assert desk.settings.current.ways_out.accepted_certificates == (accepted,)
    assert "already" in desk.notice("already")


def test_a_client_certificate_is_added_for_the_host(desk, press, answer, monkeypatch, tmp_path, qtbot):
    path = str(tmp_path / "me.p12")

    def write(dialog: WaysOutDialog) -> bool:
        assert dialog.shown.isVisible()
        assert dialog.shown.toPlainText() == "shop.test="
        assert not button(dialog, "OK").isEnabled()
        monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (path, ""))
        button(dialog, "Choose the file of a client certificate").click()
        assert dialog.shown.toPlainText() == f"shop.test={path}"
        return button(dialog, "OK").isEnabled()

    answer(WaysOutDialog, write)
    press(failed(DarkCause.WANTS_CERTIFICATE.told("shop.test:443", "")), "Add a Client Certificate…")
    assert desk.settings.current.ways_out.client_certificates == (ClientCertificate("shop.test", path, ""),)


def test_another_client_certificate_comes_behind_those_there_are(desk, qtbot):
    first = ClientCertificate("bank.test", "/a.pem", "")
    dialog = WaysOutDialog(Settings().ways_out, desk.window)
    qtbot.addWidget(dialog)
    dialog.shown.setPlainText(f"{first.hosts}={first.path}")
    dialog.begin_client_certificate("shop.test")
    assert dialog.shown.toPlainText() == "bank.test=/a.pem\nshop.test="
    dialog.shown.insertPlainText("/b.pem")
    assert dialog.ways_out.client_certificates == (first, ClientCertificate("shop.test", "/b.pem", ""))


def test_another_ca_is_trusted(desk, press, answer):
    def look(dialog: SettingsDialog) -> bool:
        assert isinstance(dialog.focusWidget(), QLineEdit)
        assert dialog.focusWidget() is dialog.upstream_ca
        return False

    seen = answer(SettingsDialog, look)
    press(failed(DarkCause.UNKNOWN_CA.told("shop.test:443", "")), "Trust Another CA…")
    assert len(seen) == 1


def test_older_tls_is_allowed(desk, press, answer):
    def choose(dialog: WaysOutDialog) -> bool:
        assert dialog.version.isVisible()
        dialog.version.setCurrentIndex(0)
        return True

    answer(WaysOutDialog, choose)
    press(failed(DarkCause.OLD_TLS.told("shop.test:443", ""), "tls_alert_received"), "Allow Older TLS…")
    assert desk.settings.current.ways_out.tls_minimum == "1.0"


def test_a_host_is_decrypted_again_with_whatever_pattern_meant_it(desk, press):
    desk.settings.leave_undecrypted("*.test", "shop.test", "bank.example")
    press(tunnel(DarkCause.LEFT_ALONE.told()), "Decrypt This Host")
    assert desk.settings.current.not_intercepted == ("bank.example",)
    assert "*.test, shop.test" in desk.notice("leave")
    button(desk.inspector, "Decrypt This Host").click()
    assert "already" in desk.notice("already")
    button(desk.window.notices, "Undo").click()
    assert desk.settings.current.not_intercepted == ("bank.example", "*.test", "shop.test")


def test_https_is_decrypted_again(desk, press, monkeypatch):
    press(tunnel(DarkCause.SWITCHED_OFF.told()), "Decrypt HTTPS")
    assert desk.engine.commands == []  # it is on already
    assert "is decrypted" in desk.notice("already")
    desk.decide(monkeypatch, interception=False)
    button(desk.inspector, "Decrypt HTTPS").click()
    assert desk.settings.current.interception


@pytest.fixture
def launched(monkeypatch):
    """Browsers that would have been started, with the page."""
    pages: list[tuple[str, str]] = []

    def launch(_self: BrowserLaunch, browser: Browser, _proxy, page: str) -> None:
        pages.append((browser.key, page))

    found = [
        Browser("firefox", "Firefox", Family.FIREFOX, "/f"),
        Browser("chromium", "Chromium", Family.CHROMIUM, "/c"),
    ]
    monkeypatch.setattr(BrowserLaunch, "browsers", found)
    monkeypatch.setattr(BrowserLaunch, "launch", launch)
    return pages


def test_a_page_is_opened_again(desk, press, launched):
    press(failed(DarkCause.SELF_SIGNED.told("shop.test:443"), path="/a b?c=\u202e"), "Open in a Browser")
    press(refused_tunnel(DarkCause.CLIENT_LEFT.told("shop.test")), "Open in a Browser")
    assert launched == [("chromium", "https://shop.test/a%20b?c=%E2%80%AE"), ("chromium", "https://shop.test/")]


def test_without_an_engine_the_page_waits_for_one(desk, press, launched):
    desk.ways_in.engine_changed(None)
    press(failed(DarkCause.SELF_SIGNED.told("shop.test:443")), "Open in a Browser")
    assert launched == []
    desk.ways_in.engine_changed(ENGINE)
    assert launched == [("chromium", "https://shop.test/")]


def test_a_firefox_that_is_open_takes_no_orders(desk, press, launched, monkeypatch):
    monkeypatch.setattr(BrowserLaunch, "is_open", lambda _self, _browser: True)
    desk.preferences.browser = "firefox"
    press(failed(DarkCause.SELF_SIGNED.told("shop.test:443")), "Open in a Browser")
    assert launched == []
    assert QGuiApplication.clipboard().text() == "https://shop.test/"
    assert "paste the address" in desk.notice("browser")


def arguments_of(command: str) -> list[str]:
    """What a shell makes of a command, the program's name first."""
    script = f"curl() {{ printf '%s\\n' curl \"$@\"; }}\n{command}"
    return subprocess.run(["/bin/sh", "-c", script], check=True, capture_output=True, text=True).stdout.splitlines()


def test_a_request_is_copied_as_a_command_that_goes_through_harrier(desk, press):
    sample = failed(DarkCause.SELF_SIGNED.told("shop.test:443"), method="POST", request_body=b"a=1")
    press(sample, "Copy as cURL")
    found = arguments_of(QGuiApplication.clipboard().text())
    assert found[:2] == ["curl", "https://shop.test/"]
    assert found[found.index("--data-raw") + 1] == "a=1"
    assert found[-6:] == ["--proxy", "http://127.0.0.1:8080", "--noproxy", "", "--cacert", "/my ca/ca.pem"]


def test_of_a_tunnel_it_is_a_new_request_to_its_end(desk, press):
    press(refused_tunnel(DarkCause.CLIENT_LEFT.told("shop.test")), "Copy as cURL")
    assert arguments_of(QGuiApplication.clipboard().text())[:3] == ["curl", "https://shop.test/", "--proxy"]


def test_without_an_engine_there_is_nothing_to_go_through(desk, press):
    desk.ways_in.engine_changed(None)
    press(refused_tunnel(DarkCause.CLIENT_LEFT.told("shop.test")), "Copy as cURL")
    assert "isn't running" in desk.notice("copied")


@pytest.mark.parametrize(
    ("sample", "offered"),
    [
        (Sample(), {"leave_host"}),
        (failed(DarkCause.EXPIRED.told("a", "b", "c")), {"leave_host", "accept_certificate", "open_again"}),
        (
            failed(DarkCause.WANTS_CERTIFICATE.told("a", "")),
            {"leave_host", "client_certificate", "open_again"},
        ),
        (tunnel(DarkCause.LEFT_ALONE.told()), {"leave_host", "decrypt_host"}),
        (tunnel(DarkCause.NOT_WEB.told()), {"leave_host"}),
        (Sample(host=""), set()),
    ],
)
def test_the_menu_offers_what_helps_the_row(desk, press, sample, offered):
    press(sample)
    assert desk.possible() == offered


def test_the_menu_does_it_too(desk, press):
    press(failed(DarkCause.EXPIRED.told("a", "b", "c")))
    desk.window.action("accept_certificate").trigger()
    assert len(desk.settings.current.ways_out.accepted_certificates) == 1
    desk.window.action("leave_host").trigger()
    assert desk.possible() == {"accept_certificate", "open_again"}


def test_who_asks_for_an_address_and_names_the_host_in_tls_has_the_name_left_alone(desk, press):
    desk.capture.client_named("Shop.test")
    press(failed(PINNED, "client_refused_certificate", host="10.0.0.7"), "Leave Undecrypted")
    assert desk.settings.current.not_intercepted == ("shop.test",)


def test_without_a_name_it_is_the_address(desk, press):
    press(failed(PINNED, "client_refused_certificate", host="10.0.0.7"), "Leave Undecrypted")
    assert desk.settings.current.not_intercepted == ("10.0.0.7",)


def test_what_can_be_pressed_is_reached_by_the_keyboard_and_named(desk, press):
    press(refused_tunnel(PINNED))
    leave = button(desk.inspector, "Leave Undecrypted")
    leave.setFocus(Qt.FocusReason.TabFocusReason)
    assert leave.hasFocus()
    assert "next connection" in leave.accessibleDescription()
    QTest.keyClick(leave, Qt.Key.Key_Space)
    assert desk.settings.current.not_intercepted == ("shop.test",)
