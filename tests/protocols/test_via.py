"""Via: our line, and finding ourselves in those of a request."""

import pytest

from proxy_core.protocols.via import came_by, has_passed, via_line

NAME = b"harrier-1a2b3c4d"


def head(*lines: bytes) -> bytes:
    return b"\r\n".join((b"GET / HTTP/1.1", b"Host: a", *lines)) + b"\r\n\r\n"


@pytest.mark.parametrize(("version", "told"), [("HTTP/1.0", b"1.0"), ("HTTP/1.1", b"1.1"), ("HTTP/2", b"2")])
def test_our_line(version, told):
    assert via_line(version, NAME) == b"Via: %b %b\r\n" % (told, NAME)


def test_who_has_no_name_writes_none():
    assert via_line("HTTP/1.1", b"") == b""


def test_proxies_on_several_lines_are_one_list():
    assert (
        came_by(head(b"Via: 1.0 fred", b"X: y", b"via: 1.1 p.example (Apache)")) == b"1.0 fred, 1.1 p.example (Apache)"
    )
    assert came_by(head(b"X-Via: 1.0 fred")) == b""


@pytest.mark.parametrize(
    "line", [b"Via: 1.1 " + NAME, b"VIA:1.0 fred,HTTP/2 %b (x) , 1.1 p" % NAME, b"Via: 1.0 fred, 1.1\t" + NAME]
)
def test_found(line):
    assert has_passed(head(line), NAME)


@pytest.mark.parametrize(
    "line",
    [b"X: 1.1 " + NAME, b"Via: 1.1 " + NAME + b"5", b"Via: 1.1 fred (" + NAME + b")", b"Via: " + NAME, b"Via: ,, ,"],
)
def test_not_found(line):
    assert not has_passed(head(line, b"Cookie: " + NAME), NAME)


def test_who_has_no_name_is_nowhere():
    assert not has_passed(head(b"Via: 1.1 "), b"")
