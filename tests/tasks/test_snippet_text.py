"""Requests of a capture as texts to paste: all of them, in any format, without a window."""

import pytest

from proxy_core.capture.reader import CaptureReader
from proxy_core.formats.snippets.curl import CURL
from proxy_core.formats.snippets.snippet import SnippetFormat
from proxy_core.formats.snippets.table import SNIPPETS
from proxy_core.formats.snippets.url import URL
from proxy_core.model.exchange import ExchangeKind, ExchangeRow
from proxy_core.tasks.snippet_text import snippet_text
from tests.support.captures import LiveCapture, Sample
from tests.support.shells import ShellTrap


@pytest.fixture(scope="module")
def trap(tmp_path_factory):
    return ShellTrap(tmp_path_factory.mktemp("trap"))


@pytest.fixture
def captured(tmp_path):
    capture = LiveCapture(tmp_path / "a.live")
    readers = []

    def make(*samples: Sample) -> tuple[CaptureReader, list[ExchangeRow]]:
        ids = capture.add(*samples)
        readers.append(CaptureReader(str(capture.folder)))
        rows = readers[-1].rows(ids)
        return readers[-1], [rows[each] for each in ids]

    yield make
    for reader in readers:
        reader.close()
    capture.close()


def test_a_captured_request_survives_the_shell(captured, trap):
    fields = [("X-Odd", 'it\'s "$HOME" `id` \\ !x'), ("Cookie", "a=1; b=2"), ("Content-Length", "9")]
    body = b"a='1'&b=$x\n@file"
    reader, rows = captured(Sample(method="PUT", path="/it's?a=$b&c=`d`", request_fields=fields, request_body=body))
    [words], stdin = trap.run("bash", snippet_text(reader, rows, CURL)[0])
    assert words[0] == b"https://shop.test/it's?a=$b&c=`d`"
    assert words[words.index(b"-X") + 1] == b"PUT"
    assert b'X-Odd: it\'s "$HOME" `id` \\ !x' in words
    assert not any(word.lower().startswith(b"content-length") for word in words)
    assert stdin == body


def test_several_are_several_commands_and_the_rest_is_counted(captured, trap):
    reader, rows = captured(
        Sample(path="/1"),
        Sample(method="CONNECT", kind=ExchangeKind.TUNNEL, status=None),
        Sample(path="/2", method="PUT"),
    )
    text, left_out = snippet_text(reader, rows, CURL)
    calls, _ = trap.run("sh", text)
    assert [words[0] for words in calls] == [b"https://shop.test/1", b"https://shop.test/2"]
    assert left_out == 1
    assert snippet_text(reader, rows[1:2], CURL) == ("", 1)


def test_no_more_is_copied_than_a_clipboard_takes(captured, monkeypatch):
    monkeypatch.setattr("proxy_core.tasks.snippet_text.COPIED_LIMIT", 1000)
    reader, rows = captured(*(Sample(method="PUT", request_body=b"\0" * 100) for _ in range(5)))
    text, left_out = snippet_text(reader, rows, CURL)
    assert text.count("printf") == 2
    assert left_out == 3


def test_a_copied_url_is_one_line_of_visible_characters(captured):
    reader, rows = captured(Sample(path="/a\n'\x1b[201~rm -rf\r\u202ex"), Sample(path="/b"))
    urls = "https://shop.test/a%0A'%1B[201~rm%20-rf%0D%E2%80%AEx\nhttps://shop.test/b"
    assert snippet_text(reader, rows, URL) == (urls, 0)


def test_of_a_tunnel_the_endpoint_is_copied(captured):
    reader, rows = captured(Sample(method="CONNECT", kind=ExchangeKind.TUNNEL, scheme="", host="::1", path=""))
    assert snippet_text(reader, rows, URL) == ("[::1]:443", 0)


def test_what_a_format_does_not_ask_for_is_not_read(captured, monkeypatch):
    reader, rows = captured(Sample(method="PUT", request_body=b"x"))

    def forbidden(*_arguments):
        raise AssertionError

    monkeypatch.setattr(reader, "detail", forbidden)
    assert snippet_text(reader, rows, URL) == ("https://shop.test/", 0)


def test_an_exchange_that_is_gone_is_counted(captured):
    reader, (row,) = captured(Sample())
    assert snippet_text(reader, [row._replace(id=row.id + 100)], CURL) == ("", 1)


def test_a_format_asks_for_what_it_needs(captured):
    def write(recorded) -> str | None:
        detail = recorded.detail()
        return None if detail is None else f"{recorded.row.method} {detail.request.version} {recorded.request_body(3)}"

    reader, rows = captured(Sample(method="PUT", request_body=b"12345"))
    assert snippet_text(reader, rows, SnippetFormat("new", "Copy as New", write)) == ("PUT HTTP/1.1 b'123'", 0)


def test_formats_are_told_apart_by_their_keys_and_titles():
    assert len({each.key for each in SNIPPETS}) == len({each.title for each in SNIPPETS}) == len(SNIPPETS)
