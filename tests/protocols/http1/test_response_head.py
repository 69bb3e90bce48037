"""Responses: how long the body is, what is forwarded, what is repaired with a note, and what is refused."""

import pytest

from proxy_core.protocols.http1.head import HeadLimits, Http1ResponseHead
from proxy_core.protocols.http1.reader import ResponseReader
from proxy_core.protocols.part import CHUNKED, UNTIL_CLOSE, EndOfMessage
from tests.support.http1_readings import read, read_response


def head_of(data: bytes, method: bytes = b"GET") -> Http1ResponseHead:
    head = read_response(data, method=method).messages[0].head
    assert isinstance(head, Http1ResponseHead)
    return head


def response(*lines: bytes, start: bytes = b"HTTP/1.1 200 OK") -> bytes:
    return b"\r\n".join([start, *lines, b"", b""])


def test_a_plain_response_is_forwarded_byte_for_byte():
    raw = response(b"conTENT-length: 2", b"Content-Type: Text/HTML; charset=x ", b"Set-Cookie: a", b"set-cookie:b")
    head = head_of(raw + b"ab")
    assert head.raw == raw
    assert head.forward == raw
    assert (head.status, head.minor, head.body_length, head.keep_alive) == (200, 1, 2, True)
    assert (head.content_type, head.notes, head.upgrade) == (b"Text/HTML; charset=x", "", b"")


@pytest.mark.parametrize(
    ("method", "start", "lines", "length"),
    [
        (b"GET", b"HTTP/1.1 200 OK", [b"Content-Length: 5"], 5),
        (b"GET", b"HTTP/1.1 200 OK", [b"Content-Length: 5", b"Content-Length: 5"], 5),
        (b"GET", b"HTTP/1.1 200 OK", [b"Transfer-Encoding: Chunked"], CHUNKED),
        (b"GET", b"HTTP/1.1 200 OK", [], UNTIL_CLOSE),
        (b"GET", b"HTTP/1.0 200 OK", [], UNTIL_CLOSE),
        (b"GET", b"HTTP/1.1 205 Reset Content", [b"Content-Length: 0"], 0),
        (b"HEAD", b"HTTP/1.1 200 OK", [b"Content-Length: 5"], 0),
        (b"HEAD", b"HTTP/1.1 200 OK", [b"Transfer-Encoding: chunked"], 0),
        (b"HEAD", b"HTTP/1.1 200 OK", [], 0),
        (b"GET", b"HTTP/1.1 304 Not Modified", [b"Content-Length: 5"], 0),
        (b"GET", b"HTTP/1.1 304 Not Modified", [b"Transfer-Encoding: chunked"], 0),
        (b"GET", b"HTTP/1.1 204 No Content", [b"Content-Length: 5"], 0),
        (b"GET", b"HTTP/1.1 204 No Content", [b"Transfer-Encoding: chunked"], 0),
        (b"CONNECT", b"HTTP/1.1 200 OK", [b"Content-Length: 5"], 0),
        (b"CONNECT", b"HTTP/1.1 299 OK", [b"Content-Length: 5"], 0),
        (b"CONNECT", b"HTTP/1.1 300 No", [b"Content-Length: 5"], 5),
        (b"CONNECT", b"HTTP/1.1 407 No", [b"Content-Length: 5"], 5),
        (b"GET", b"HTTP/1.1 999 Odd", [b"Content-Length: 5"], 5),
        (b"GET", b"HTTP/1.1 600", [b"Content-Length: 5"], 5),
    ],
)
def test_framing(method, start, lines, length):
    assert head_of(response(*lines, start=start), method).body_length == length


@pytest.mark.parametrize("start", [b"HTTP/1.1 204 No Content", b"HTTP/1.1 103 Early Hints", b"HTTP/1.1 101 Switching"])
def test_framing_fields_where_none_may_stand_are_removed(start):
    for line in (b"Content-Length: 5", b"Transfer-Encoding: chunked"):
        assert head_of(response(b"A: b", line, start=start)).forward == response(b"A: b", start=start)


def test_framing_fields_of_a_tunnel_are_removed():
    assert head_of(response(b"Content-Length: 5"), b"CONNECT").forward == response()


def test_head_and_304_keep_their_framing_fields():
    for method, start in ((b"HEAD", b"HTTP/1.1 200 OK"), (b"GET", b"HTTP/1.1 304 Not Modified")):
        raw = response(b"Content-Length: 5", start=start)
        assert head_of(raw, method).forward == raw


def test_repeated_content_length_is_folded():
    head = head_of(response(b"Content-Length: 1", b"A: b", b"Content-Length: 1") + b"x")
    assert head.forward == response(b"Content-Length: 1", b"A: b")
    assert "repeated" in head.notes


@pytest.mark.parametrize(
    ("start", "lines", "keep_alive"),
    [
        (b"HTTP/1.1 200 OK", [b"Content-Length: 1"], True),
        (b"HTTP/1.1 200 OK", [b"Content-Length: 1", b"Connection: close"], False),
        (b"HTTP/1.1 200 OK", [b"Content-Length: 1", b"Connection: Keep-Alive, Close"], False),
        (b"HTTP/1.1 200 OK", [b"Connection: keep-alive"], False),
        (b"HTTP/1.0 200 OK", [b"Content-Length: 1"], False),
        (b"HTTP/1.0 200 OK", [b"Content-Length: 1", b"Connection: Keep-Alive"], True),
        (b"HTTP/1.1 204 No Content", [b"Content-Length: 0"], True),
        (b"HTTP/1.1 204 No Content", [b"Transfer-Encoding: chunked"], False),
    ],
)
def test_may_the_connection_be_used_again(start, lines, keep_alive):
    assert head_of(response(*lines, start=start)).keep_alive is keep_alive


def test_hop_by_hop_fields_are_removed_and_proxy_status_stays():
    head = head_of(
        response(
            b"Connection: keep-alive, X-Hop",
            b"Keep-Alive: timeout=5",
            b"X-Hop: 1",
            b"Proxy-Authenticate: Basic",
            b"Proxy-Connection: keep-alive",
            b"Upgrade: h2,h2c",
            b"Proxy-Status: origin",
            b"Content-Length: 0",
        )
    )
    assert head.forward == response(b"Proxy-Status: origin", b"Content-Length: 0")
    assert head.upgrade == b""


@pytest.mark.parametrize("start", [b"HTTP/1.1 101 Switching Protocols", b"HTTP/1.1 426 Upgrade Required"])
@pytest.mark.parametrize(
    ("lines", "forwarded"),
    [
        ([b"connection:Upgrade", b"upgrade: WebSocket "], [b"connection:Upgrade", b"upgrade: WebSocket "]),
        ([b"Upgrade: WebSocket", b"Connection: keep-alive, upgrade"], [b"Upgrade: WebSocket", b"Connection: Upgrade"]),
        ([b"Upgrade: WebSocket"], [b"Upgrade: WebSocket"]),
        ([b"Upgrade: WebSocket", b"Connection: keep-alive"], [b"Upgrade: WebSocket"]),
    ],
)
def test_an_upgrade_that_answers_the_client_is_kept(start, lines, forwarded):
    head = head_of(response(b"A: b", *lines, start=start))
    assert head.upgrade == b"WebSocket"
    assert head.forward == response(b"A: b", *forwarded, start=start)


def test_protocols_on_two_lines_are_joined():
    head = head_of(response(b"Upgrade: a/1", b"Upgrade: b", start=b"HTTP/1.1 426 Upgrade Required"))
    assert head.upgrade == b"a/1, b"
    assert head.forward == response(b"Upgrade: a/1, b", start=b"HTTP/1.1 426 Upgrade Required")


def test_http_1_0_is_forwarded_as_1_1():
    head = head_of(response(b"A: b", start=b"HTTP/1.0 200 OK"))
    assert head.minor == 0
    assert head.forward == response(b"A: b")


@pytest.mark.parametrize(
    ("value", "expected"), [(b"NTLM", True), (b"Negotiate abc", True), (b'Basic realm="ntlm"', False)]
)
def test_authentication_that_belongs_to_the_connection(value, expected):
    assert head_of(response(b"WWW-Authenticate: " + value)).connection_auth is expected


# What is odd and has one reading


@pytest.mark.parametrize(
    ("raw", "forward"),
    [
        (b"HTTP/1.1 200\r\n\r\n", b"HTTP/1.1 200 \r\n\r\n"),
        (b"HTTP/1.1 200 \r\n\r\n", b"HTTP/1.1 200 \r\n\r\n"),
        (b"HTTP/1.1 200  OK\r\n\r\n", b"HTTP/1.1 200  OK\r\n\r\n"),
        (b"HTTP/1.1 200 \xc3\xa4\t!\r\n\r\n", b"HTTP/1.1 200 \xc3\xa4\t!\r\n\r\n"),
        (b"HTTP/1.9 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n"),
        (response(b"X \t: 1"), response(b"X: 1")),
        (response(b"X: 1\r\n 2"), response(b"X: 1 2")),
        (b"HTTP/1.1 200 OK\nX: 1\nY: 2\n\n", response(b"X: 1", b"Y: 2")),
        (b"HTTP/1.1 200\nX : 1\n 2\n\n", b"HTTP/1.1 200 \r\nX: 1 2\r\n\r\n"),
        (b"HTTP/1.1 200 OK\n\n", response()),
    ],
)
def test_repairs(raw, forward):
    head = head_of(raw)
    assert head.raw == raw
    assert head.forward == forward


@pytest.mark.parametrize(
    ("raw", "note"),
    [(response(b"X : 1"), "colon"), (response(b"X: 1\r\n 2"), "folded"), (b"HTTP/1.1 200 OK\nX: 1\n\n", "bare LF")],
)
def test_repairs_are_noted(raw, note):
    assert note in head_of(raw).notes


def test_a_body_behind_a_head_with_bare_line_feeds():
    message = read_response(b"HTTP/1.1 200 OK\nContent-Length: 6\n\n\r\n\r\n\n\n").only
    assert message.data == b"\r\n\r\n\n\n"


def test_blanks_before_the_colon_do_not_hide_the_framing():
    assert read_response(response(b"Content-Length : 2") + b"ab").only.data == b"ab"
    assert read_response(response(b"Content-Length : 2", b"Transfer-Encoding: chunked")).failure is not None


# What is refused


@pytest.mark.parametrize(
    "start",
    [
        b"HTTP/2.0 200 OK",
        b"HTTP/2 200",
        b"HTTP/5.6 200 OK",
        b"HTTP/01.1 200 OK",
        b"HTTP/11.1 200 OK",
        b"HTTP/1.01 200 OK",
        b"HTTP/1.1\t200 OK",
        b"HTTP/1.1  200 OK",
        b"HTTP/1.1 2 OK",
        b"HTTP/1.1 20 OK",
        b"HTTP/1.1 2000 OK",
        b"HTTP/1.1 099 OK",
        b"HTTP/1.1 2x0 OK",
        b"HTTP/1.1 200OK",
        b"HTTP/1.1 200 O\x00K",
        b"HTTP/1.1 200 OK\rX: 1",
        b"HTTP/1.1 200 OK\r",
        b"http/1.1 200 OK",
        b" HTTP/1.1 200 OK",
        b"\r\nHTTP/1.1 200 OK",
        b"HTP/1.1 200 OK",
        b"HTTPER/1.1 200 OK",
        b"ICY 200 OK",
        b"RTSP/1.0 200 OK",
        b"SSH-2.0-OpenSSH_9.2",
        b"<html>",
        b"",
    ],
)
def test_bad_status_lines(start):
    reading = read_response(response(b"Content-Length: 0", start=start))
    assert reading.messages == []
    assert reading.refusal == ("http_protocol_error", 0)


@pytest.mark.parametrize(
    "lines",
    [
        [b"Content-Length: 1", b"Transfer-Encoding: chunked"],
        [b"Content-Length: 1", b"Content-Length: 2"],
        [b"Content-Length: 1, 1"],
        [b"Content-Length: +1"],
        [b"Content-Length: 1_0"],
        [b"Content-Length:"],
        [b"Content-Length: 9223372036854775808"],
        [b"X"],
        [b": x"],
        [b"X Y: 1"],
        [b"\xc3\xa4: 1"],
        [b"X: a\x00b"],
        [b"X: a\rb"],
        [b"X: a\nSet-Cookie: b"],
        [b"X: a\x7f"],
        [b" X: folded into nothing"],
    ],
    ids=repr,
)
def test_bad_fields(lines):
    reading = read_response(response(*lines))
    assert reading.messages == []
    assert reading.refusal == ("http_protocol_error", 0)


@pytest.mark.parametrize(
    "raw", [b"HTTP/1.1 200 OK\nX: 1\r\n\r\n", b"HTTP/1.1 200 OK\nX: a\rb\n\n", b"HTTP/1.1 200 OK\r\nX: 1\n\n"]
)
def test_mixed_line_ends(raw):
    assert read_response(raw).refusal == ("http_protocol_error", 0)


@pytest.mark.parametrize(
    "lines",
    [
        [b"Transfer-Encoding: gzip, chunked"],
        [b"Transfer-Encoding: chunked, gzip"],
        [b"Transfer-Encoding: gzip"],
        [b"Transfer-Encoding: identity"],
        [b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"],
        [b"Transfer-Encoding: ,chunked"],
        [b"Transfer-Encoding: xchunked"],
        [b"Transfer-Encoding: chun\xe2\x84\xaaed"],
        [b"Transfer-Encoding:"],
    ],
    ids=repr,
)
def test_bad_transfer_codings(lines):
    assert read_response(response(*lines)).refusal == ("http_response_transfer_coding", 0)


def test_transfer_encoding_in_http_1_0():
    raw = response(b"Transfer-Encoding: chunked", start=b"HTTP/1.0 200 OK")
    assert read_response(raw).refusal == ("http_response_transfer_coding", 0)


@pytest.mark.parametrize("data", [b"SSH-2.0-", b"\x15\x03\x01", b"220 smtp", b"HTTQ", b"HTTP/2"])
def test_another_protocol_is_told_from_its_first_bytes(data):
    assert read_response(data).refusal == ("http_protocol_error", 0)


# Several heads, and the end


def test_interim_responses_come_before_the_final_one():
    interim = [response(b"Link: </a>", start=b"HTTP/1.1 103 Early Hints"), response(start=b"HTTP/1.1 100 Continue")]
    reading = read_response(b"".join(interim) + response(b"Content-Length: 2") + b"ok")
    assert [message.head.status for message in reading.messages] == [103, 100, 200]
    assert [message.end for message in reading.messages] == [None, None, EndOfMessage(b"", b"")]
    assert reading.messages[-1].data == b"ok"


def test_interim_responses_are_counted():
    reader = ResponseReader(HeadLimits(interim_responses=3))
    for _ in range(3):
        reader.expect(b"GET")
        reader.receive(response(start=b"HTTP/1.1 100 Continue"))
        assert reader.next_part().status == 100
    reader.expect(b"GET")
    reading = read(reader, [response(start=b"HTTP/1.1 100 Continue")])
    assert reading.refusal == ("http_protocol_error", 0)


@pytest.mark.parametrize(
    ("method", "start"), [(b"GET", b"HTTP/1.1 101 Switching Protocols"), (b"CONNECT", b"HTTP/1.1 200 OK")]
)
def test_what_follows_a_switch_of_protocols_is_the_tunnels(method, start):
    reading = read_response(
        response(b"Upgrade: x", b"Connection: upgrade", start=start) + b"HTTP/1.1 200 tunnel", method=method
    )
    assert len(reading.messages) == 1
    assert reading.messages[0].end is None
    assert reading.leftover == b"HTTP/1.1 200 tunnel"


def test_surplus_is_seen_and_never_read_as_a_response():
    reader = ResponseReader()
    assert not reader.has_surplus
    reader.expect(b"HEAD")
    reader.receive(response(b"Content-Length: 2"))
    reader.next_part()
    assert isinstance(reader.next_part(), EndOfMessage)
    assert not reader.has_surplus
    reader.receive(b"ab")
    assert reader.next_part() is None
    assert reader.has_surplus


def test_bytes_before_any_request_are_surplus():
    reader = ResponseReader()
    reader.receive(b"220 hello\r\n")
    assert reader.next_part() is None
    assert reader.has_surplus


def test_one_reader_reads_many_responses():
    reader = ResponseReader()
    for method in (b"GET", b"HEAD", b"GET"):
        reader.expect(method)
        raw = response(b"Content-Length: 2") + (b"" if method == b"HEAD" else b"ok")
        assert read(reader, [raw]).only.data == (b"" if method == b"HEAD" else b"ok")
    reader.receive_eof()
    assert reader.is_at_end


def test_where_in_a_message_the_reader_is():
    reader = ResponseReader()
    assert not reader.is_mid_message
    reader.expect(b"GET")
    assert not reader.is_mid_message
    reader.receive(b"HTTP/1.1 ")
    assert reader.next_part() is None
    assert reader.is_mid_message
    assert reader.is_mid_head
    reader.receive(b"200 OK\r\nContent-Length: 1\r\n\r\n")
    assert isinstance(reader.next_part(), Http1ResponseHead)
    assert reader.next_part() is None
    assert reader.is_mid_message
    assert not reader.is_mid_head
    reader.receive(b"x")
    reader.next_part()
    reader.next_part()
    assert not reader.is_mid_message
