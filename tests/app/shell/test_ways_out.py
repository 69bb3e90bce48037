"""The ways out in the window: what is written in the dialog, what is wrong with it, and what a line says of it all."""

import pytest
from PySide6.QtWidgets import QDialogButtonBox, QFileDialog, QLabel, QPushButton, QWidget

from app.look.theme import Scheme
from app.shell.hidden_password import DOTS, give_passwords, hide_passwords, missing_password
from app.shell.settings_dialog import SettingsDialog
from app.shell.ways_out_dialog import WaysOutDialog
from app.shell.ways_out_texts import lines, ways_out_text, words
from proxy_core.model.settings import Settings
from proxy_core.model.ways_out import (
    AcceptedCertificate,
    ClientCertificate,
    HostOverride,
    ProxyForHosts,
    WaysOut,
)
from tests.support.screen import button
from tests.support.test_ca import ExampleCa

FINGERPRINT = "ab" * 32


@pytest.fixture
def parent(qtbot) -> QWidget:
    parent = QWidget()
    qtbot.addWidget(parent)
    return parent


def shown_warnings(dialog: QWidget) -> list[str]:
    return [
        label.text() for label in dialog.findChildren(QLabel) if label.property("role") == "failed" and label.text()
    ]


def press_ok(dialog: WaysOutDialog) -> None:
    dialog.findChild(QDialogButtonBox).button(QDialogButtonBox.StandardButton.Ok).click()


def can_be_chosen(dialog: WaysOutDialog) -> bool:
    return dialog.findChild(QDialogButtonBox).button(QDialogButtonBox.StandardButton.Ok).isEnabled()


def test_an_untouched_dialog_changes_nothing(parent, tmp_path):
    for ways in (
        WaysOut(),
        WaysOut(
            upstream_proxy="pac+http://a/p.pac",
            proxies_by_host=(ProxyForHosts("*.a", "http://u:p=x@b:1"), ProxyForHosts("c", "none")),
            no_proxy=("10.0.0.0/8", "x"),
            pac_failure="fail",
            host_overrides=(HostOverride("a.test", "::1"),),
            resolver="9.9.9.9",
            client_certificates=(ClientCertificate("*.bank.test", "/me.p12", "secret"),),
            tls_minimum="1.3",
            roots="system",
            accepted_certificates=(AcceptedCertificate("nas.test", FINGERPRINT),),
            keylog="/keys",
        ),
        WaysOut(no_proxy=()),
    ):
        dialog = WaysOutDialog(ways, parent)
        assert dialog.ways_out == ways
        assert can_be_chosen(dialog)


@pytest.mark.parametrize(
    ("field", "text", "problem"),
    [
        ("proxy", "gopher://x", "not by «gopher»"),
        ("by_host", "http://a:1", "Write the hosts before the proxy"),
        ("by_host", "*.a=ftp://b", "not by «ftp»"),
        ("overrides", "a", "«a» is no NAME=ADDRESS"),
        ("overrides", "a=b c", "is no name and address"),
        ("resolver", "dns.test", "no address of a DNS server"),
        ("accepted_certificates", "a=12", "no SHA-256 fingerprint"),
        ("shown", "file", "is no HOSTS=FILE"),
        ("shown", "shop.test=", "«shop.test=» lacks what belongs behind it: HOSTS=FILE"),
    ],
)
def test_what_is_wrong_is_told_while_it_is_written(parent, field, text, problem):
    dialog = WaysOutDialog(WaysOut(), parent)
    widget = getattr(dialog, field)
    write = widget.setPlainText if hasattr(widget, "setPlainText") else widget.setText
    write(text)
    (told,) = shown_warnings(dialog)
    assert problem in told
    assert not can_be_chosen(dialog)
    write("")
    assert shown_warnings(dialog) == []
    assert can_be_chosen(dialog)


def test_files_are_looked_at_in_the_end(parent, tmp_path):
    dialog = WaysOutDialog(WaysOut(), parent)
    dialog.shown.setPlainText(f"*.bank.test={tmp_path}/me.pem")
    assert can_be_chosen(dialog)
    press_ok(dialog)
    assert "me.pem can't be read" in shown_warnings(dialog)[0]
    assert dialog.result() == 0
    ExampleCa().leaf("me").write(str(tmp_path), "me.pem")
    dialog.keylog.setText(f"{tmp_path}/keys")
    press_ok(dialog)
    assert dialog.result() == 1
    assert dialog.ways_out.client_certificates == (ClientCertificate("*.bank.test", f"{tmp_path}/me.pem"),)
    assert dialog.ways_out.keylog == f"{tmp_path}/keys"


def test_the_settings_say_what_ways_out_there_are_and_keep_them(parent, monkeypatch):
    settings = Settings(ways_out=WaysOut(upstream_proxy="http://joe:geheim@proxy.test:3128"))
    dialog = SettingsDialog(settings, Scheme.LIGHT, parent)
    assert "by http://proxy.test:3128" in [label.text() for label in dialog.findChildren(QLabel)]

    def exec_(asked: WaysOutDialog) -> int:
        asked.proxy.setText("system")
        return 1

    monkeypatch.setattr(WaysOutDialog, "exec", exec_)
    button(dialog, "Proxy, Names, TLS…").click()
    assert dialog.settings.ways_out == WaysOut(upstream_proxy="system")
    assert "as the system has it" in [label.text() for label in dialog.findChildren(QLabel)]


@pytest.mark.parametrize(
    ("ways", "text"),
    [
        (WaysOut(), "directly"),
        (WaysOut(upstream_proxy="pac+http://u:p@a/x"), "by pac+http://a/x"),
        (WaysOut(upstream_proxy="gopher://u:p@a"), "by a proxy that can't be read"),
        (
            WaysOut(
                host_overrides=(HostOverride("a", "::1"), HostOverride("b", "::1")),
                accepted_certificates=(AcceptedCertificate("a", FINGERPRINT),),
                resolver="9.9.9.9",
                tls_minimum="1.0",
                keylog="/k",
            ),
            (
                "directly · 2 names led elsewhere · 1 accepted certificate · DNS by 9.9.9.9 · TLS from 1.0 on · "
                "TLS secrets are logged"
            ),
        ),
    ],
)
def test_all_of_it_in_a_line(ways, text):
    assert ways_out_text(ways) == text


def test_lines_and_words():
    assert lines(" a \n\nb\na") == ("a", "b")
    assert words("a, b c,,a") == ("a", "b", "c")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("http://u:secret@proxy.test:3128", f"http://u:{DOTS}@proxy.test:3128"),
        ("*.a=socks5h://u:p@x:y@b:1\nc=none", f"*.a=socks5h://u:{DOTS}@b:1\nc=none"),
        ("pac+HTTP://u:p%40@a/p.pac?x=1:2@3", f"pac+HTTP://u:{DOTS}@a/p.pac?x=1:2@3"),
        ("http://u@a:1 http://u:@a:1 system", "http://u@a:1 http://u:@a:1 system"),
    ],
)
def test_passwords_are_shown_as_dots_and_stay_what_they_were(text, shown):
    assert hide_passwords(text) == shown
    assert give_passwords(shown, text) == text
    assert not missing_password(text)
    another = shown.replace("//u:", "//v:")
    if DOTS in shown:
        assert "Write the password of «v» at " in missing_password(give_passwords(another, text))
    assert give_passwords(shown.replace(DOTS, "new"), text) == shown.replace(DOTS, "new")


def test_no_field_shows_a_proxys_password(parent):
    ways = WaysOut(
        upstream_proxy="http://u:secret@proxy.test:3128",
        proxies_by_host=(ProxyForHosts("*.a", "http://v:hidden@b:1"), ProxyForHosts("c", "http://w:other@b:1")),
    )
    dialog = WaysOutDialog(ways, parent)
    written = dialog.proxy.text() + dialog.by_host.toPlainText()
    assert not [each for each in ("secret", "hidden", "other") if each in written]
    assert dialog.ways_out == ways
    dialog.proxy.setText(dialog.proxy.text().replace("3128", "3129"))
    assert shown_warnings(dialog) == ["Write the password of «u» at proxy.test:3129 again: it was another one's."]
    assert not can_be_chosen(dialog)
    dialog.proxy.setText("http://u:new@proxy.test:3129")
    assert dialog.ways_out.upstream_proxy == "http://u:new@proxy.test:3129"
    assert can_be_chosen(dialog)


def test_sentences_are_as_wide_as_their_fields_and_the_dialog_grows_with_them(parent, qtbot):
    dialog = WaysOutDialog(WaysOut(), parent)
    dialog.show()
    qtbot.waitExposed(dialog)
    hints = [each for each in dialog.findChildren(QLabel) if each.property("role") == "muted" and each.isVisible()]
    assert hints
    assert {each.width() for each in hints} == {dialog.proxy.width()}
    before = dialog.height()
    dialog.resize(dialog.width(), before)
    dialog.proxy.setText("gopher://x")
    layout = dialog.layout()
    assert layout is not None
    assert dialog.height() >= layout.totalHeightForWidth(dialog.width())
    assert shown_warnings(dialog)


def test_files_are_chosen(parent, monkeypatch):
    dialog = WaysOutDialog(WaysOut(), parent)
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_args, **_options: ("/keys.log", ""))
    named(dialog, "Choose the file for TLS secrets").click()
    assert dialog.ways_out.keylog == "/keys.log"


def named(dialog: QWidget, name: str) -> QPushButton:
    (found,) = [each for each in dialog.findChildren(QPushButton) if each.accessibleName() == name]
    return found
