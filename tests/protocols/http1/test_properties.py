"""What holds for any bytes: cuts change nothing, nothing but ProtocolError escapes, and what is written reads back."""

import re

from hypothesis import example, given, settings
from hypothesis import strategies as st

from proxy_core.model.message_head import parse_head
from proxy_core.protocols.http1.head import Http1RequestHead, Http1ResponseHead
from proxy_core.protocols.http1.reader import RequestReader, ResponseReader
from proxy_core.protocols.http1.writer import chunk
from proxy_core.protocols.part import CHUNKED
from tests.support.http1_readings import Reading, comparable, read

# Bytes that look like HTTP more often than noise does: pieces of messages, whole and broken, in any order.
FRAGMENTS = [
    b"GET / HTTP/1.1\r\n",
    b"POST http://a.test:80/x?y HTTP/1.1\r\n",
    b"CONNECT a.test:443 HTTP/1.1\r\n",
    b"OPTIONS * HTTP/1.0\r\n",
    b"HTTP/1.1 200 OK\r\n",
    b"HTTP/1.1 204\r\n",
    b"HTTP/1.1 103 Early\r\n",
    b"HTTP/1.0 200 OK\n",
    b"Host: a.test\r\n",
    b"Content-Length: 5\r\n",
    b"Content-Length: 05\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: Chunked\r\n",
    b"Connection: close, x, Upgrade\r\n",
    b"Upgrade: websocket\r\n",
    b"Expect: 100-continue\r\n",
    b"X: 1\r\n",
    b"x : 2\r\n",
    b" folded\r\n",
    b"\r\n",
    b"\n",
    b"\r",
    b"\n\n",
    b"hello",
    b"5\r\nhello\r\n",
    b"5;x=y\r\nhel",
    b'5;x="\r\nhel',
    b"lo\r\n",
    b"0\r\n",
    b"0\r\n\r\n",
    b"\x00",
    b" ",
    b":",
]
soup = st.lists(st.sampled_from(FRAGMENTS) | st.binary(max_size=4), max_size=14).map(b"".join)
started_soup = st.tuples(
    st.sampled_from([b"", FRAGMENTS[0] + b"Host: a.test\r\n", FRAGMENTS[1] + b"Host: b\r\n", FRAGMENTS[4]]), soup
).map(b"".join)
METHODS = [b"GET", b"HEAD", b"CONNECT"]


def new_response_reader(method: bytes) -> ResponseReader:
    reader = ResponseReader()
    reader.expect(method)
    return reader


def pieces_of(data: bytes, places: list[int]) -> list[bytes]:
    inner = sorted(place % (len(data) + 1) for place in places)
    return [data[start:end] for start, end in zip([0, *inner], [*inner, len(data)], strict=True)]


def same(one: Reading, other: Reading) -> None:
    assert comparable(one) == comparable(other)


@settings(max_examples=400, deadline=None)
@given(started_soup, st.lists(st.integers(0, 500), max_size=8), st.booleans())
@example(b"\r\n\r\n", [1, 2, 3], True)
@example(b"GET / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\n\r\nhellohello", [40, 60], False)
def test_cuts_change_nothing_for_requests(data, places, eof):
    whole = read(RequestReader(), [data], eof=eof)
    same(read(RequestReader(), pieces_of(data, places), eof=eof), whole)
    same(read(RequestReader(), [data[index : index + 1] for index in range(len(data))], eof=eof), whole)


@settings(max_examples=400, deadline=None)
@given(started_soup, st.lists(st.integers(0, 500), max_size=8), st.sampled_from(METHODS), st.booleans())
def test_cuts_change_nothing_for_responses(data, places, method, eof):
    whole = read(new_response_reader(method), [data], eof=eof)
    same(read(new_response_reader(method), pieces_of(data, places), eof=eof), whole)
    single = [data[index : index + 1] for index in range(len(data))]
    same(read(new_response_reader(method), single, eof=eof), whole)


@settings(max_examples=400, deadline=None)
@given(st.lists(st.binary(max_size=60) | soup, max_size=5), st.booleans())
def test_nothing_but_a_protocol_error_escapes(pieces, eof):
    read(RequestReader(), pieces, eof=eof)
    for method in METHODS:
        read(new_response_reader(method), pieces, eof=eof)


@settings(max_examples=400, deadline=None)
@given(started_soup)
def test_what_is_forwarded_has_one_reading(data):
    """The heads that are sent on are clean, and read to the same message; a second passage changes nothing."""
    for message in read(RequestReader(), [data]).messages:
        head = message.head
        assert isinstance(head, Http1RequestHead)
        check_clean(head.forward)
        if not head.host:
            continue  # an HTTP/1.0 request that names no host can't be forwarded
        again = read(RequestReader(), [head.forward]).messages[0].head
        assert isinstance(again, Http1RequestHead)
        assert (again.method, again.body_length) == (head.method, head.body_length)
        assert again.host == head.host
        assert again.forward == head.forward
    for message in read(new_response_reader(b"GET"), [data]).messages:
        head = message.head
        assert isinstance(head, Http1ResponseHead)
        check_clean(head.forward)
        again = read(new_response_reader(b"GET"), [head.forward]).messages[0].head
        assert isinstance(again, Http1ResponseHead)
        assert (again.status, again.body_length) == (head.status, head.body_length)
        assert again.forward == head.forward


def check_clean(forward: bytes) -> None:
    assert forward.endswith(b"\r\n\r\n")
    assert b"\x00" not in forward
    assert re.search(rb"\r(?!\n)|(?<!\r)\n", forward) is None
    names = [name.lower() for name, _ in parse_head(forward).fields]
    assert names.count(b"content-length") + names.count(b"transfer-encoding") <= 1
    assert forward.startswith(b"HTTP/") or names.count(b"host") <= 1


token = st.text("!#$%&'*+-.^_`|~0123456789abcXYZ", min_size=1, max_size=8).map(str.encode)
value = st.binary(max_size=20).map(lambda raw: bytes(byte for byte in raw if byte >= 0x20 and byte != 0x7F).strip(b" "))
own_names = {b"host", b"content-length", b"connection", b"te", b"expect", b"upgrade"}
fields = st.lists(st.tuples(token, value).filter(lambda field: field[0].lower() not in own_names), max_size=6)
path = st.text("/abc%20?=&#;:@[]|", max_size=12).map(lambda text: b"/" + text.encode())


def written(start: bytes, lines: list[tuple[bytes, bytes]]) -> bytes:
    return start + b"\r\n" + b"".join(name + b": " + value + b"\r\n" for name, value in lines) + b"\r\n"


@settings(max_examples=200, deadline=None)
@given(token, path, fields, st.none() | st.binary(max_size=50), st.integers(1, 20))
def test_requests_round_trip(method, target, lines, body, size):
    if method == b"CONNECT":
        return
    lines = [(b"Host", b"a.test"), *lines]
    if body is not None and size > 10:
        lines.append((b"Content-Length", b"%d" % len(body)))
        wire = body
    elif body is not None:
        lines.append((b"Transfer-Encoding", b"chunked"))
        parts = [body[start : start + size] for start in range(0, len(body), size)]
        wire = b"".join(map(chunk, parts)) + b"0\r\n\r\n"
    else:
        wire = b""
    raw = written(method + b" " + target + b" HTTP/1.1", lines)
    reading = read(RequestReader(), [raw + wire])
    message = reading.only
    head = message.head
    assert isinstance(head, Http1RequestHead)
    assert (head.method, head.target, head.raw, head.forward) == (method, target, raw, raw)
    assert parse_head(head.raw).fields == lines
    assert message.data == (body or b"")
    assert message.end is not None
    assert message.wire + message.end.wire == wire
    assert reading.leftover == b""


@settings(max_examples=200, deadline=None)
@given(st.integers(200, 599), value, fields, st.binary(max_size=50), st.booleans())
def test_responses_round_trip(status, reason, lines, body, is_chunked):
    has_body = status not in (204, 304)
    if has_body:
        framing = (b"Transfer-Encoding", b"chunked") if is_chunked else (b"Content-Length", b"%d" % len(body))
        lines = [*lines, framing]
    raw = written(b"HTTP/1.1 %d %b" % (status, reason), lines)
    wire = (chunk(body) if body else b"") + b"0\r\n\r\n" if is_chunked else body
    message = read(new_response_reader(b"GET"), [raw + (wire if has_body else b"")]).only
    head = message.head
    assert isinstance(head, Http1ResponseHead)
    assert (head.status, head.raw, head.forward) == (status, raw, raw)
    assert (head.body_length == CHUNKED) == (is_chunked and has_body)
    assert message.data == (body if has_body else b"")
