"""The settings: what can't be is said while it is written, and can't be chosen."""

import pytest
from PySide6.QtWidgets import QDialog, QFileDialog, QLabel, QWidget

from app.look.theme import Scheme
from app.shell.listen_address import address_problem, listen_host
from app.shell.settings_dialog import SettingsDialog, host_lines, hosts_problem
from app.shell.ways_in_dialog import WaysInDialog
from app.shell.ways_in_texts import ways_in_text
from proxy_core.model.settings import Settings
from proxy_core.model.ways_in import WaysIn
from tests.support.screen import button
from tests.support.test_ca import ExampleCa


@pytest.mark.parametrize(
    "text", ["127.0.0.1", " 127.0.0.1 ", "::1", "[::1]", "0.0.0.0", "::", "localhost", "my-box.lan"]
)
def test_addresses_that_can_be_listened_on(text):
    assert address_problem(text) == ""


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "needed"),
        ("999.1.1.1", "IPv4"),
        ("127.0.0.256", "IPv4"),
        ("127.0.0", "IPv4"),
        ("1234", "IPv4"),
        ("127.0.0.1.5", "IPv4"),
        ("127.0.0.1:8080", "write 127.0.0.1 here"),
        (":8080", "write 127.0.0.1 here"),
        ("localhost:8080", "write localhost here"),
        ("[::1]:8080", "write ::1 here"),
        ("[::1", "bracket"),
        ("::1]", "bracket"),
        ("[127.0.0.1]", "IPv6"),
        ("::12345", "IPv6"),
        ("1:2:3", "IPv6"),
        ("http://127.0.0.1", "more than an address"),
        ("127.0.0.1/8", "more than an address"),
        ("a b", "neither"),
        ("-a", "neither"),
        ("a..b", "neither"),
        ("a" * 64, "neither"),
        ("a." * 127 + "a", "neither"),
        ("203.0.113.7", "no address of this computer"),  # RFC 5737: nobody's
        ("2001:db8::7", "no address of this computer"),  # RFC 3849
    ],
)
def test_what_is_no_address_is_said_in_a_sentence(text, word):
    problem = address_problem(text)
    assert word in problem
    assert problem.endswith(".")


def test_brackets_are_taken_off():
    assert listen_host(" [::1] ") == "::1"


@pytest.mark.parametrize("text", ["", "a.test\n*.b.test", "10.0.0.?", "::1", "db[12].test", "under_score.test"])
def test_hosts_that_connections_can_have(text):
    assert hosts_problem(host_lines(text)) == ""


@pytest.mark.parametrize("line", ["https://bank.test/", "bank.test:443", "bank.test/path", "a b", "[::1]:443"])
def test_hosts_that_no_connection_has_are_told(line):
    problem = hosts_problem(host_lines(f"fine.test\n{line}"))
    assert f"«{line}»" in problem


@pytest.fixture
def dialog(qtbot):
    parent = QWidget()
    qtbot.addWidget(parent)
    yield SettingsDialog(Settings(), Scheme.LIGHT, parent)


def warnings(dialog: QDialog) -> list[str]:
    return [label.text() for label in warning_labels(dialog)]


def warning_labels(dialog: QDialog) -> list[QLabel]:
    labels = dialog.findChildren(QLabel)
    return [label for label in labels if label.property("role") == "failed" and label.isVisibleTo(dialog)]


def can_be_chosen(dialog: QDialog) -> bool:
    return button(dialog, "OK").isEnabled()


def test_what_is_wrong_stands_beneath_its_field_and_cannot_be_chosen(dialog, tmp_path):
    assert warnings(dialog) == []
    assert can_be_chosen(dialog)
    dialog.host.setText("999.1.1.1")
    dialog.not_intercepted.setPlainText("https://bank.test")
    dialog.upstream_ca.setText(str(tmp_path / "no such file"))
    assert len(warnings(dialog)) == 3
    assert not can_be_chosen(dialog)
    dialog.not_intercepted.setPlainText("bank.test")
    dialog.upstream_ca.setText("")
    assert len(warnings(dialog)) == 1
    assert not can_be_chosen(dialog)
    dialog.host.setText("[::1]")
    assert warnings(dialog) == []
    assert can_be_chosen(dialog)
    assert dialog.settings.listen_host == "::1"


def test_listening_to_everybody_is_warned_of_and_allowed(dialog):
    dialog.host.setText("0.0.0.0")
    assert "Every computer" in warnings(dialog)[0]
    assert can_be_chosen(dialog)


def test_the_dialog_makes_room_for_what_it_says(dialog, qtbot):
    dialog.show()
    dialog.host.setText("999.1.1.1")
    dialog.not_intercepted.setPlainText("https://bank.test")
    labels = warning_labels(dialog)
    assert len(labels) == 2
    for label in labels:
        qtbot.waitUntil(lambda label=label: label.height() >= label.heightForWidth(label.width()))
        assert dialog.rect().contains(label.geometry())


def test_cas_of_several_files(dialog, tmp_path, monkeypatch):
    good, other = ExampleCa().write(str(tmp_path)), ExampleCa("Another").write(str(tmp_path), "other.pem")
    dialog.upstream_ca.setText(f" {good};;{good} ")
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (other, ""))
    button(dialog, "Choose…").click()
    assert warnings(dialog) == []
    assert dialog.settings.upstream_ca == (good, other)
    dialog.upstream_ca.setText(f"{good}; {tmp_path}/no such file")
    assert "no such file" in warnings(dialog)[0]
    assert not can_be_chosen(dialog)


def test_a_file_without_certificates_is_no_ca(dialog, tmp_path):
    path = tmp_path / "passwords"
    path.write_text("root:x:0:0")
    dialog.upstream_ca.setText(str(path))
    assert "holds no certificates" in warnings(dialog)[0]
    assert not can_be_chosen(dialog)


@pytest.fixture
def ways_in(qtbot):
    parent = QWidget()
    qtbot.addWidget(parent)
    yield WaysInDialog(WaysIn(), parent)


def test_ways_in_that_are_none_are_told_and_can_not_be_chosen(ways_in, tmp_path):
    assert warnings(ways_in) == []
    ways_in.places.setPlainText("127.0.0.1")
    ways_in.reverse.setText("shop.test")
    ways_in.users_file.setText(str(tmp_path / "no such file"))
    assert len(warnings(ways_in)) == 3
    assert not can_be_chosen(ways_in)
    users = tmp_path / "users"
    users.write_text("me:x\n")
    ways_in.places.setPlainText(" [::1]:0 \n\nunix:/a=https://shop.test\n[::1]:0")
    ways_in.reverse.setText(" https://shop.test ")
    ways_in.users_file.setText(str(users))
    assert warnings(ways_in) == []
    assert can_be_chosen(ways_in)
    assert ways_in.ways_in == WaysIn(
        reverse="https://shop.test", also_listen=("[::1]:0", "unix:/a=https://shop.test"), users_file=str(users)
    )


def test_a_place_that_is_open_to_everybody_is_warned_of(ways_in, tmp_path):
    ways_in.places.setPlainText("unix:/a\n0.0.0.0:1")
    assert warnings(ways_in) == ["Every computer that can reach this one will be able to use 0.0.0.0:1."]
    assert can_be_chosen(ways_in)
    users = tmp_path / "users"
    users.write_text("me:x\n")
    ways_in.users_file.setText(str(users))
    assert warnings(ways_in) == []


def test_what_becomes_of_refusals_is_decided_in_the_dialog(dialog):
    assert dialog.settings.after_refusals == "ask"
    assert dialog.after_refusals.currentText() == "Ask me"
    dialog.after_refusals.setCurrentIndex(1)
    assert dialog.settings.after_refusals == "pass"


def test_the_dialog_says_what_ways_in_there_are_and_keeps_them(qtbot, monkeypatch):
    parent = QWidget()
    qtbot.addWidget(parent)
    dialog = SettingsDialog(Settings(ways_in=WaysIn(also_listen=("unix:/a",))), Scheme.LIGHT, parent)
    assert "1 more place" in [label.text() for label in dialog.findChildren(QLabel)]
    decided = WaysIn(reverse="https://shop.test", users_file="/users")

    def exec_(asked: WaysInDialog) -> int:
        assert asked.ways_in == WaysIn(also_listen=("unix:/a",))
        asked.places.setPlainText("")
        asked.reverse.setText(decided.reverse)
        asked.users_file.setText(decided.users_file)
        return 1

    monkeypatch.setattr(WaysInDialog, "exec", exec_)
    button(dialog, "Places, Origin, Users…").click()
    assert dialog.settings.ways_in == decided
    assert "stands for https://shop.test · for those who log in" in [
        label.text() for label in dialog.findChildren(QLabel)
    ]
    dialog.host.setText("0.0.0.0")
    assert warnings(dialog) == []  # not everybody is let in


def test_what_there_is_besides_the_address_is_told_in_a_line():
    assert ways_in_text(WaysIn()) == "this address alone, for everybody who can connect"
    assert ways_in_text(WaysIn(also_listen=("a:1", "b:2"))) == "2 more places"
