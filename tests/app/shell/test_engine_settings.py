"""Settings in force: what the engine is told, what is kept for the next run, and the way back from a host left alone."""

import json

import msgspec
import pytest
from PySide6.QtWidgets import QAbstractButton, QWidget

from app.look.notices import NoticeStack
from app.look.theme import Scheme, Theme
from app.preferences import Preferences, load_preferences
from app.shell import engine_settings
from app.shell.engine_settings import EngineSettings
from proxy_core.model.command import ApplySettings
from proxy_core.model.settings import Settings
from proxy_core.model.ways_in import WaysIn
from proxy_core.model.ways_out import AcceptedCertificate
from tests.support.silent_engine import silent_bridge

FROM_COMMAND_LINE = Settings(listen_port=9000)


class Desk:
    def __init__(self, folder, qapp) -> None:
        self.path = str(folder / "preferences.json")
        self.bridge, self.engine = silent_bridge()
        self.notices = NoticeStack()
        self.theme = Theme(qapp, Scheme.LIGHT)
        self.settings = EngineSettings(
            FROM_COMMAND_LINE, self.bridge, self.notices, Preferences(), self.path, self.theme
        )

    def kept(self) -> Settings:
        return load_preferences(self.path).settings

    def press(self, text: str) -> None:
        buttons = self.notices.findChildren(QAbstractButton)
        next(each for each in buttons if each.text() == text and each.isVisibleTo(self.notices)).click()


@pytest.fixture
def desk(tmp_path, qapp, qtbot):
    desk = Desk(tmp_path, qapp)
    qtbot.addWidget(desk.notices)
    yield desk
    desk.theme.choose(Scheme.LIGHT)
    desk.bridge.stop()


@pytest.fixture
def decide(desk, qtbot, monkeypatch):
    """A person presses OK on these settings."""
    window = QWidget()
    qtbot.addWidget(window)

    def decide(**others: object) -> None:
        decided = msgspec.structs.replace(desk.settings.current, **others)

        class Answered:
            chosen_scheme = Scheme.DARK
            settings = decided

            def __init__(self, *_asked: object) -> None:
                pass

            def exec(self) -> int:
                return 1

        monkeypatch.setattr(engine_settings, "SettingsDialog", Answered)
        desk.settings.ask(window)

    return decide


def test_what_the_command_line_says_holds_for_one_run(desk):
    desk.settings.set_recording(False)
    desk.settings.keep()
    assert desk.kept() == Settings()
    assert desk.settings.current == msgspec.structs.replace(FROM_COMMAND_LINE, recording=False)


def test_what_a_person_decides_is_told_and_kept_and_recording_begins_with_each_start(desk, decide):
    desk.settings.set_recording(False)
    decide(interception=False)
    assert desk.engine.commands == [ApplySettings(desk.settings.current)]
    assert not desk.settings.current.interception
    assert desk.kept() == Settings(interception=False)  # and nothing that only the command line has said
    assert load_preferences(desk.path).theme == Scheme.DARK.value
    assert "restart" not in desk.notices.texts()
    decide()
    assert len(desk.engine.commands) == 1  # nothing was changed


@pytest.mark.parametrize(
    "other",
    [
        {"listen_port": 9001},
        {"listen_host": "::1"},
        {"workers": 2},
        {"ways_in": WaysIn(also_listen=("a:1",))},
        {"ways_in": WaysIn(reverse="http://a")},
    ],
)
def test_what_only_another_engine_takes_up_offers_one(desk, decide, qtbot, other):
    decide(**other)
    with qtbot.waitSignal(desk.settings.restart_wanted, timeout=1000):
        desk.press("Restart Now")


def test_who_may_come_in_is_taken_up_at_once(desk, decide):
    decide(ways_in=WaysIn(users_file="/users"))
    assert desk.engine.commands == [ApplySettings(desk.settings.current)]
    assert "restart" not in desk.notices.texts()


def test_without_an_engine_settings_are_kept_for_the_next_one(desk, decide):
    desk.bridge.stop()
    decide(listen_port=9001)
    assert desk.engine.commands == []
    assert desk.settings.current.listen_port == desk.kept().listen_port == 9001
    assert "restart" not in desk.notices.texts()


def test_a_host_is_left_undecrypted_with_a_way_back(desk):
    desk.settings.leave_undecrypted("pinned.test")
    desk.settings.leave_undecrypted("other.test")
    desk.settings.leave_undecrypted("pinned.test")
    assert desk.settings.current.not_intercepted == ("pinned.test", "other.test")
    assert [each.settings.not_intercepted for each in desk.engine.commands] == [
        ("pinned.test",),
        ("pinned.test", "other.test"),
    ]
    assert desk.notices.texts()["leave"] == "other.test is left undecrypted from its next connection on."
    desk.press("Undo")
    assert desk.settings.current.not_intercepted == desk.kept().not_intercepted == ("pinned.test",)
    assert "leave" not in desk.notices.texts()


def test_a_certificate_is_accepted_with_a_way_back(desk):
    one, other = AcceptedCertificate("nas.test", "0" * 64), AcceptedCertificate("nas.test", "1" * 64)
    for each in (one, other, one):
        desk.settings.accept_certificate("NAS.test", each.fingerprint)
    assert [each.settings.ways_out.accepted_certificates for each in desk.engine.commands] == [(one,), (one, other)]
    assert "no other and nowhere else" in desk.notices.texts()["accept"]
    desk.press("Undo")
    assert desk.settings.current.ways_out.accepted_certificates == (one,)
    assert desk.kept().ways_out.accepted_certificates == (one,)
    assert "accept" not in desk.notices.texts()


def test_preferences_that_cannot_be_kept_are_told(desk, tmp_path):
    (tmp_path / "preferences.json").mkdir()
    (tmp_path / "preferences.json" / "in the way").touch()
    desk.settings.keep()
    assert "can't be kept" in desk.notices.texts()["preferences"]


@pytest.mark.parametrize(("kept", "expected"), [("/ca.pem", ("/ca.pem",)), ("", ()), (["/a", "/b"], ("/a", "/b"))])
def test_what_an_earlier_version_has_kept_of_cas_is_understood(tmp_path, kept, expected):
    path = tmp_path / "preferences.json"
    path.write_text(json.dumps({"theme": "dark", "settings": {"upstream_ca": kept, "workers": 3}}))
    preferences = load_preferences(str(path))
    assert (preferences.settings.upstream_ca, preferences.settings.workers) == (expected, 3)
    assert preferences.theme == "dark"


@pytest.mark.parametrize("kept", ["[]", "7", '{"settings": 1}', '{"settings": {"upstream_ca": 1}}', "{", "\xff"])
def test_what_nobody_has_kept_is_put_aside(tmp_path, kept):
    path = tmp_path / "preferences.json"
    path.write_text(kept, "latin-1")
    assert load_preferences(str(path)) == Preferences()
    assert (tmp_path / "preferences.json.damaged").exists()
