"""The name of a body's file leads nowhere else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.files.opened_folder import OpenedFolder
from app.files.suggested_name import safe_name, suggested_name
from proxy_core.model.exchange import ExchangeKind, ExchangeRow, ExchangeState, ResourceType
from proxy_core.model.message_record import MessageKind


@pytest.mark.parametrize(
    ("path", "media_type", "name"),
    [
        ("/img/a.png?x=1", "image/png", "a.png"),
        ("/api/wares", "application/json", "wares.json"),
        ("/", "text/html", "shop.test.html"),
        ("/%2e%2e%2f%2e%2e%2fetc%2fpasswd", "text/plain", "_.._etc_passwd.txt"),
        ("/a/..", "", "shop.test"),
        ("/caf%C3%A9.txt", "text/plain", "café.txt"),
    ],
)
def test_names(path, media_type, name):
    assert suggested_name(row_of(path, media_type), MessageKind.RESPONSE) == name


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/CON", "_CON.txt"),
        ("/nul.txt", "_nul.txt"),
        ("/Com1.tar.gz", "_Com1.tar.gz"),
        ("/lpt%C2%B9", "_lpt¹.txt"),
        ("/aux%20.json", "_aux.json"),
        ("/con%s.x" % ("%20" * 100), "_con.x"),
        ("/CONOUT$", "_CONOUT$.txt"),
        ("/console", "console.txt"),
        ("/-rf", "rf.txt"),
        ("/.%2e.bashrc", "bashrc.txt"),
        ("/%20-%20.-x.js", "x.js"),
        ("/%E2%80%AEgpj.exe", "_gpj.exe"),
        ("/a%E2%80%8F%E2%80%8B%EF%BB%BFb.png", "a___b.png"),
        ("/a%1b%5b31m%00%c2%9b%e2%80%a8.png", "a_[31m___.png"),
        ("/a%ff.png", "a\ufffd.png"),
        ("/a.", "a.txt"),
        ("/a%20%20.", "a.txt"),
    ],
)
def test_a_name_is_one_on_every_system_and_looks_like_what_it_is(path, name):
    assert suggested_name(row_of(path, "text/plain"), MessageKind.RESPONSE) == name


@pytest.mark.parametrize("letter", ["a", "é", "☃", "\U0001f600"])
def test_a_long_name_is_cut_and_keeps_its_ending(letter):
    name = suggested_name(row_of(f"/{letter * 500}.png", "image/png"), MessageKind.RESPONSE)
    assert name.startswith(letter)
    assert name.endswith(f"{letter}.png")
    assert len(name) <= 80
    assert len(f"{name}.request.4194304.part".encode()) <= 255
    assert len(safe_name(letter * 500, ".harrier").encode()) <= 200


@given(st.text(max_size=300), st.sampled_from(["", ".har", ".harrier"]))
def test_any_text_is_a_name_or_none(text, ending):
    name = safe_name(text, ending)
    if name:
        assert name.isprintable()
        assert not name.startswith(("-", ".", " "))
        assert not name.endswith((" ", "."))
        assert not set(name) & set('<>:"/\\|?*')
        assert name.endswith(ending)
        assert safe_name(name.removesuffix(ending), ending) == name


def test_a_capture_of_a_file_with_a_long_name_has_a_name(tmp_path):
    opened = OpenedFolder(str(tmp_path))
    for name in ("x" * 250 + ".har", "\u202e.har", "\udcff" * 80 + ".har"):
        with open(opened.path_for(name) + ".4194304.part", "w"):
            pass
    opened.remove()


def row_of(path: str, media_type: str) -> ExchangeRow:
    return ExchangeRow(
        id=1,
        started_at=0,
        duration_us=1,
        state=ExchangeState.COMPLETE,
        kind=ExchangeKind.HTTP,
        method="GET",
        scheme="http",
        host="shop.test",
        port=80,
        path=path,
        status=200,
        media_type=media_type,
        resource_type=ResourceType.OTHER,
        request_bytes=0,
        response_bytes=1,
        failure="",
        flags=0,
    )
