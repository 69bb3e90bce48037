"""Harrier's own responses: readable, marked, and unable to carry what hostile bytes would like them to."""

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy_core.model.failure import FAILURES, Failure, FailureKind
from proxy_core.model.message_head import parse_head
from proxy_core.protocols.http1.head import Http1ResponseHead
from proxy_core.protocols.http1.reader import ResponseReader
from proxy_core.protocols.http1.writer import accepts_html, chunk, own_response, with_close, without_chunking
from tests.support.http1_readings import Message, read

BROWSER = b"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
REFUSED = Failure(FailureKind.CONNECTION_REFUSED, "a.test:81 refused the connection.")
NASTY = '<script>alert("1")</script>\r\n\r\nSet-Cookie: a=b\x00\x1b[31m "quoted\\" {title} ä \u202e \ud800'


def read_back(raw: bytes, method: bytes = b"GET") -> Message:
    """The response as a client of ours would read it; nothing is left over."""
    reader = ResponseReader()
    reader.expect(method)
    reading = read(reader, [raw])
    assert reading.leftover == b""
    message = reading.only
    assert message.end is not None
    return message


def fields_of(raw: bytes) -> dict[bytes, bytes]:
    fields = parse_head(raw.partition(b"\r\n\r\n")[0]).fields
    names = [name for name, _ in fields]
    assert len(set(names)) == len(names)
    return dict(fields)


def test_a_browser_gets_a_page():
    raw = own_response(502, REFUSED, accept=BROWSER)
    message = read_back(raw)
    assert message.head.status == 502
    assert raw.startswith(b"HTTP/1.1 502 Bad Gateway\r\n")
    page = message.data.decode()
    assert "<h1>502 Bad Gateway</h1>" in page
    assert "a.test:81 refused the connection." in page
    assert "Check that the server is running" in page
    assert "not the server" in page
    fields = fields_of(raw)
    assert fields[b"Content-Type"] == b"text/html; charset=utf-8"
    assert fields[b"X-Content-Type-Options"] == b"nosniff"
    assert fields[b"Content-Security-Policy"].startswith(b"default-src 'none'; style-src 'unsafe-inline'")
    assert fields[b"Cache-Control"] == b"no-store"
    assert fields[b"Proxy-Status"] == b'harrier; error=connection_refused; details="a.test:81 refused the connection."'
    assert fields[b"Server"].startswith(b"Harrier")
    assert b"Connection" not in fields  # whoever sends it knows whether the connection ends


def test_a_program_gets_plain_text():
    raw = own_response(502, REFUSED, accept=b"*/*")
    fields = fields_of(raw)
    assert fields[b"Content-Type"] == b"text/plain; charset=utf-8"
    assert b"Connection" not in fields
    text = read_back(raw).data.decode()
    assert text.startswith("502 Bad Gateway\n\na.test:81 refused the connection.\nCheck that")
    assert "<" not in text


def test_head_gets_the_same_fields_and_no_body():
    whole = own_response(502, REFUSED, accept=BROWSER)
    head = own_response(502, REFUSED, accept=BROWSER, head_only=True)
    assert whole.startswith(head)
    assert read_back(head, b"HEAD").data == b""


def test_the_advice_can_be_given():
    text = read_back(own_response(400, REFUSED, advice="Do this.")).data.decode()
    assert "Do this." in text
    assert "Check" not in text


@pytest.mark.parametrize("kind", FailureKind)
@pytest.mark.parametrize("accept", [b"", BROWSER])
def test_every_kind_of_failure_can_be_told(kind, accept):
    status = FAILURES[kind].status or 502
    message = read_back(own_response(status, Failure(kind, "So it is."), accept=accept))
    assert message.head.status == status
    assert b"So it is." in message.data


def test_a_slow_client_is_told_in_a_registered_word():
    """RFC 9209 knows no error type for it but that of requests."""
    fields = fields_of(own_response(408, Failure(FailureKind.CLIENT_TIMEOUT, "Slow.")))
    assert fields[b"Proxy-Status"].startswith(b"harrier; error=http_request_error;")


@pytest.mark.parametrize("accept", [b"", BROWSER])
def test_hostile_words_stay_words(accept):
    raw = own_response(502, Failure(FailureKind.DNS_ERROR, NASTY), accept=accept)
    head, _, body = raw.partition(b"\r\n\r\n")
    fields = fields_of(raw)
    assert b"Set-Cookie" not in fields
    assert re.fullmatch(rb'harrier; error=dns_error; details="(?:[ !#-\[\]-~]|\\["\\])*"', fields[b"Proxy-Status"])
    assert head.isascii()
    assert not re.search(rb"[\x00-\x09\x0b-\x1f\x7f]", body)
    if accept:
        assert tags_of(body) == tags_of(own_response(502, REFUSED, accept=accept).partition(b"\r\n\r\n")[2])
        assert b"<script" not in body


def tags_of(page: bytes) -> list[str]:
    tags: list[str] = []

    class Tags(HTMLParser):
        def handle_starttag(self, tag: str, attrs: object) -> None:
            tags.append(f"{tag} {attrs}")

    Tags().feed(page.decode())
    return tags


@given(st.text(max_size=700), st.binary(max_size=100), st.integers(200, 999))
def test_any_words_make_one_well_formed_response(text, accept, status):
    if status in (204, 304):
        return
    message = read_back(own_response(status, Failure(FailureKind.PROXY_INTERNAL_ERROR, text), accept=accept))
    assert message.head.status == status


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (BROWSER, True),
        (b"TEXT/HTML", True),
        (b"image/png, text/html ; q=0.5", True),
        (b"application/xhtml+xml", True),
        (b"text/html;q=0", False),
        (b"text/html; q=0.000", False),
        (b"text/html;level=1;q=0.001", True),
        (b"*/*", False),
        (b"text/*", False),
        (b"text/htmlx", False),
        (b"", False),
        (b"application/json", False),
    ],
)
def test_who_wants_html(accept, expected):
    assert accepts_html(accept) is expected


def test_with_close():
    assert with_close(b"HTTP/1.1 200 OK\r\nA: b\r\n\r\n") == b"HTTP/1.1 200 OK\r\nA: b\r\nConnection: close\r\n\r\n"
    assert with_close(b"HTTP/1.1 200 OK\r\n\r\n") == b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"


@pytest.mark.parametrize("line", [b"Transfer-Encoding: chunked", b"transfer-encoding:chunked"])
def test_without_chunking(line):
    raw = b"HTTP/1.1 200 OK\r\nA: b\r\n" + line + b"\r\nX-Transfer-Encoding: x\r\n\r\n"
    assert without_chunking(raw) == b"HTTP/1.1 200 OK\r\nA: b\r\nX-Transfer-Encoding: x\r\n\r\n"
    assert without_chunking(b"HTTP/1.1 200 OK\r\n\r\n") == b"HTTP/1.1 200 OK\r\n\r\n"


def test_a_chunk():
    assert chunk(b"x" * 26) == b"1a\r\n" + b"x" * 26 + b"\r\n"
    message = read_back(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(b"hello") + b"0\r\n\r\n")
    assert message.data == b"hello"
    assert isinstance(message.head, Http1ResponseHead)
