"""What the window says about exchanges, without Qt: short texts, commands to copy, colours, preferences."""

import json
import os

import pytest

from app.exchange_text import host_text, messages_text, path_parts, row_size_text, running_text, status_text, type_text
from app.look.theme import DARK, LIGHT, luminance
from app.preferences import ColumnPreference, Preferences, load_preferences, save_preferences
from proxy_core.capture.reader import CaptureReader
from proxy_core.model.endpoint import url_of
from proxy_core.model.exchange import ExchangeKind, ExchangeState
from tests.support.captures import LiveCapture, Sample

HOSTILE = "a\u202egpj.exe\x00\x1b[31m\u2028b\u200b\r\nc"


TEXT_ROLES = ("text", "muted", "accent", "s1", "s2", "s3", "s4", "s5", "pause", "jk", "js", "jn", "jb")
SURFACE_ROLES = ("bg", "panel", "sel")


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two colours, 1 to 21 (WCAG 2.2)."""
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.fixture
def captured(tmp_path):
    """Adds samples; gives a reader and the rows in order."""
    capture = LiveCapture(tmp_path / "a.live")
    readers = []

    def make(*samples: Sample):
        ids = capture.add(*samples)
        readers.append(CaptureReader(str(capture.folder)))
        rows = readers[-1].rows(ids)
        return readers[-1], [rows[each] for each in ids]

    yield make
    for reader in readers:
        reader.close()
    capture.close()


@pytest.mark.parametrize("roles", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("surface", SURFACE_ROLES)
@pytest.mark.parametrize("role", TEXT_ROLES)
def test_every_text_can_be_read_on_every_surface(roles, surface, role):
    assert contrast(getattr(roles, role), getattr(roles, surface)) >= 4.5


@pytest.mark.parametrize("roles", [LIGHT, DARK], ids=["light", "dark"])
def test_text_on_the_primary_button_can_be_read(roles):
    assert contrast(roles.on_accent, roles.accent) >= 4.5


def test_hostile_parts_of_a_row_stay_in_their_cells(captured):
    _, (row,) = captured(Sample(host=f"x{HOSTILE}", path=f"/{HOSTILE}?{HOSTILE}", content_type=f"text/{HOSTILE}"))
    for text in (host_text(row), *path_parts(row), type_text(row), status_text(row).text):
        assert all(character.isprintable() for character in text)


def test_the_status_is_a_code_or_words(captured):
    _, rows = captured(
        Sample(status=204),
        Sample(status=None, state=ExchangeState.WAITING),
        Sample(status=None, state=ExchangeState.FAILED, failure="connection_refused", failure_text="Refused."),
        Sample(method="CONNECT", kind=ExchangeKind.TUNNEL, status=None),
    )
    texts = [status_text(row) for row in rows]
    assert [(each.text, each.role) for each in texts[:2]] == [("204", "s2"), ("", "s1")]
    assert texts[1].is_open
    assert texts[2].is_failed
    assert texts[2].role == "s5"
    assert texts[2].text
    assert texts[3].text == "Tunnel"


@pytest.mark.parametrize(
    ("elapsed_s", "text"),
    [(-5, "open"), (0, "open"), (0.9, "open"), (1, "1 s"), (59.9, "59 s"), (119, "119 s"), (125, "2 min 5 s")],
)
def test_how_long_something_has_been_open(captured, elapsed_s, text):
    _, (row,) = captured(Sample(status=101, kind=ExchangeKind.WEBSOCKET, state=ExchangeState.RESPONDING))
    assert running_text(row, row.started_at + int(elapsed_s * 1e6)) == text


def test_urls_and_sizes_of_rows(captured):
    _, rows = captured(
        Sample(host="shop.test", path="/a?b=c"),
        Sample(host="::1", port=8443, path="/"),
        Sample(status=304),
        Sample(response_body=b"x" * 4130),
    )
    assert [url_of(row) for row in rows[:2]] == ["https://shop.test/a?b=c", "https://[::1]:8443/"]
    assert [row_size_text(row) for row in rows[2:]] == ["—", "4.1 kB"]


def test_a_websocket_counts_both_ways(captured):
    _, (silent, refused) = captured(
        Sample(status=101, kind=ExchangeKind.WEBSOCKET), Sample(status=403, kind=ExchangeKind.WEBSOCKET)
    )
    talked = silent._replace(request_bytes=100, response_bytes=4000)
    assert [row_size_text(row) for row in (silent, talked, refused)] == ["—", "⇅ 4.1 kB", "0 B"]
    assert messages_text(1204) == "⇅ 1,204"


def test_preferences_come_back(tmp_path):
    path = str(tmp_path / "preferences.json")
    preferences = Preferences(theme="dark", browser="firefox", columns=(ColumnPreference("host", 200, True),))
    preferences.set_geometry(b"\0\x01\xff")
    preferences.remember_file("/tmp/a.har")
    save_preferences(preferences, path)
    assert load_preferences(path) == preferences
    assert load_preferences(path).geometry_bytes() == b"\0\x01\xff"
    assert os.stat(path).st_mode & 0o077 == 0


@pytest.mark.parametrize("damage", [b"", b"\xff\xfe", b"{", b"[]", json.dumps({"splitter": "wide"}).encode()])
def test_damaged_preferences_are_put_aside(tmp_path, damage):
    path = tmp_path / "preferences.json"
    path.write_bytes(damage)
    assert load_preferences(str(path)) == Preferences()
    assert (tmp_path / "preferences.json.damaged").read_bytes() == damage


def test_recent_files_stand_once_and_are_few():
    preferences = Preferences()
    for number in [*range(20), 3]:
        preferences.remember_file(f"/tmp/{number}.har")
    assert preferences.recent[:2] == ("/tmp/3.har", "/tmp/19.har")
    assert len(preferences.recent) == 12
