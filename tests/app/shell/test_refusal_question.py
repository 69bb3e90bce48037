"""What becomes of clients that keep refusing: asked once for each host, in one bar, and what is answered holds."""

import pytest

from app.look.notices import NoticeStack
from app.look.theme import Scheme, Theme
from app.preferences import Preferences
from app.shell.engine_settings import EngineSettings
from app.shell.refusal_question import RefusalQuestion, question_text
from proxy_core.model.notice import CertificateRefused
from proxy_core.model.settings import Settings
from tests.support.screen import button
from tests.support.silent_engine import silent_bridge


class Desk:
    def __init__(self, folder, qapp, settings: Settings) -> None:
        self.bridge, _ = silent_bridge()
        self.notices = NoticeStack()
        theme = Theme(qapp, Scheme.LIGHT)
        path = str(folder / "preferences.json")
        self.settings = EngineSettings(settings, self.bridge, self.notices, Preferences(), path, theme)
        self.question = RefusalQuestion(self.bridge, self.settings, self.notices)

    def refuse(self, *hosts: str) -> None:
        for host in hosts:
            self.bridge.certificate_refused.emit(CertificateRefused(host))

    @property
    def asked(self) -> str:
        return self.notices.texts().get("refusals", "")


@pytest.fixture
def open_desk(tmp_path, qapp, qtbot):
    made = []

    def make(settings: Settings | None = None) -> Desk:
        made.append(Desk(tmp_path, qapp, settings or Settings()))
        qtbot.addWidget(made[-1].notices)
        return made[-1]

    yield make
    for desk in made:
        desk.bridge.stop()


def test_a_host_is_left_undecrypted(open_desk):
    desk = open_desk()
    desk.refuse("shop.test")
    assert "for shop.test again and again" in desk.asked
    button(desk.notices, "Leave Undecrypted").click()
    assert desk.settings.current.not_intercepted == ("shop.test",)
    assert desk.asked == ""


def test_all_that_is_refused_is_passed_on(open_desk):
    desk = open_desk()
    desk.refuse("shop.test")
    button(desk.notices, "Always Pass On").click()
    assert desk.settings.current.after_refusals == "pass"
    assert desk.settings.current.not_intercepted == ()
    assert desk.asked == ""
    desk.refuse("other.test")  # of a worker that has not heard of it yet
    assert desk.asked == ""


def test_several_hosts_are_one_question(open_desk):
    desk = open_desk()
    desk.refuse("a.test", "b.test", "a.test", "c.test", "d.test")
    assert "for a.test, b.test, c.test and 1 more again" in desk.asked
    button(desk.notices, "Leave Them Undecrypted").click()
    assert desk.settings.current.not_intercepted == ("a.test", "b.test", "c.test", "d.test")
    assert desk.notices.texts()["leave"].startswith("4 hosts are")
    button(desk.notices, "Undo").click()
    assert desk.settings.current.not_intercepted == ()


def test_who_closes_it_is_not_asked_again_about_these_hosts(open_desk):
    desk = open_desk()
    desk.refuse("a.test")
    button(desk.notices, "Close this notice").click()
    assert desk.asked == ""
    desk.refuse("a.test")
    assert desk.asked == ""
    desk.refuse("b.test")
    assert "for b.test again" in desk.asked
    assert desk.settings.current == Settings()


@pytest.mark.parametrize("settings", [Settings(after_refusals="pass"), Settings(not_intercepted=("shop.test",))])
def test_what_is_decided_is_not_asked(open_desk, settings):
    desk = open_desk(settings)
    desk.refuse("shop.test")
    assert desk.asked == ""


def test_a_client_that_names_hosts_without_end_is_not_asked_about_without_end(open_desk):
    desk = open_desk()
    desk.refuse(*(f"{number}.test" for number in range(150)))
    button(desk.notices, "Leave Them Undecrypted").click()
    assert len(desk.settings.current.not_intercepted) == 100


def test_a_name_cannot_change_how_the_question_looks():
    assert "\u202e" not in question_text(["a\u202e.test"])
