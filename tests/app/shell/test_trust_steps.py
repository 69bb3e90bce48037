"""How clients come to trust the CA: every step names its file, and the system at hand comes first."""

import shlex

import pytest
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QWidget

from app.shell.certificate_dialog import CertificateDialog
from app.shell.trust_steps import trust_steps
from proxy_core.model.notice import EngineStarted
from tests.support.screen import button, texts

PATH = "/it's mine/harrier-ca.pem"


@pytest.mark.parametrize(("system", "first"), [("linux", "Debian, Ubuntu"), ("darwin", "macOS"), ("win32", "Windows")])
def test_a_terminal_comes_first_then_this_system(system, first):
    steps = trust_steps(PATH, "the line", system)
    assert [each.client for each in steps[:2]] == ["Programs in a terminal", first]
    assert steps[0].command == "the line"
    assert len({each.client for each in steps}) == len(steps)
    assert {"Firefox", "Java", "Android", "iPhone and iPad"} <= {each.client for each in steps}


def test_a_path_is_one_word_of_each_command():
    commands = [each.command for each in trust_steps(PATH, "", "linux") if each.command]
    assert len(commands) >= 6
    assert all(PATH in shlex.split(command) for command in commands)


def test_the_dialog_shows_one_sort_of_clients_at_a_time(qtbot):
    parent = QWidget()
    qtbot.addWidget(parent)
    engine = EngineStarted("127.0.0.1", 8080, 8080, "", PATH, "Harrier CA", "AB:CD", "x=", 1)
    dialog = CertificateDialog(engine, "export the=line", parent)
    dialog.show()
    button(dialog, "Copy the Command").click()
    assert QGuiApplication.clipboard().text() == "export the=line"
    dialog.clients.setCurrentText("Firefox")
    assert any("Authorities" in text for text in texts(dialog))
    assert not dialog.command.isVisible()
    dialog.clients.setCurrentText("Java")
    assert dialog.command.toPlainText().startswith("keytool ")
