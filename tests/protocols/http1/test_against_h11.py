"""An oracle: h11 and we read the same messages in the same way wherever both accept them.

h11 is stricter in places (fragments of obs-text in names, blanks) and laxer in others (bare LF, HTTP/1.0 with a transfer
coding, Content-Length lists), so acceptance may differ, and where it must not is spelled out below. What both accept must
agree in method, target, status, every field, the body and the trailers.
"""

import h11
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy_core.model.message_head import parse_head
from proxy_core.protocols.http1.head import Http1RequestHead
from proxy_core.protocols.http1.reader import RequestReader, ResponseReader
from tests.protocols.http1.test_properties import fields, path, token, value, written
from tests.support.http1_readings import Reading, read

Facts = tuple[object, ...]


def h11_reads(connection: h11.Connection, data: bytes) -> Facts | None:
    """Start line, fields, body and trailers of the first message; None when h11 refuses it or wants more."""
    connection.receive_data(data)
    connection.receive_data(b"")
    start: Facts = ()
    lines: list[tuple[bytes, bytes]] = []
    body = b""
    try:
        while True:
            event = connection.next_event()
            if isinstance(event, h11.Request):
                start = (event.method, event.target)
                lines = list(event.headers)
            elif isinstance(event, h11.Response):
                start = (event.status_code,)
                lines = list(event.headers)
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                return (*start, lines, body, list(event.headers))
            elif event in (h11.NEED_DATA, h11.PAUSED) or isinstance(event, h11.ConnectionClosed):
                return None
    except h11.RemoteProtocolError:
        return None


def we_read(reading: Reading) -> Facts | None:
    """The same facts as we see them."""
    final = [
        message
        for message in reading.messages
        if isinstance(message.head, Http1RequestHead) or message.head.status >= 200
    ]
    if not final or final[0].end is None:
        return None
    head, end = final[0].head, final[0].end
    start: Facts = (head.method, head.target) if isinstance(head, Http1RequestHead) else (head.status,)
    trailers = parse_head(b"\r\n" + end.trailers).fields
    return (*start, lowered(parse_head(head.raw).fields), final[0].data, lowered(trailers))


def lowered(lines: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    return [(name.lower(), value) for name, value in lines]


def compare_request(data: bytes) -> tuple[Facts | None, Facts | None]:
    ours = we_read(read(RequestReader(), [data]))
    theirs = h11_reads(h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20), data)
    return ours, theirs


def compare_response(data: bytes, method: bytes = b"GET") -> tuple[Facts | None, Facts | None]:
    reader = ResponseReader()
    reader.expect(method)
    ours = we_read(read(reader, [data], eof=True))
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=1 << 20)
    connection.send(h11.Request(method=method, target=b"/", headers=[(b"Host", b"a.test")]))
    connection.send(h11.EndOfMessage())
    return ours, h11_reads(connection, data)


POST_CHUNKED = b"POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n"
start_lines = st.sampled_from([b"GET / HTTP/1.1", b"POST /x?y HTTP/1.1", b"HEAD / HTTP/1.0", b"OPTIONS * HTTP/1.1"])
framings = st.sampled_from(
    [
        [],
        [(b"Content-Length", b"5")],
        [(b"content-length", b"5"), (b"Content-Length", b"5")],
        [(b"Content-Length", b"5"), (b"Content-Length", b"6")],
        [(b"Content-Length", b"05")],
        [(b"Content-Length", b"+5")],
        [(b"Transfer-Encoding", b"chunked")],
        [(b"Transfer-Encoding", b"Chunked")],
        [(b"Transfer-Encoding", b"gzip, chunked")],
        [(b"Transfer-Encoding", b"chunked"), (b"Transfer-Encoding", b"chunked")],
        [(b"Transfer-Encoding", b"xchunked")],
    ]
)
bodies = st.sampled_from(
    [
        b"",
        b"hello",
        b"hello, and more",
        b"5\r\nhello\r\n0\r\n\r\n",
        b"5;a=b\r\nhello\r\n1\r\n!\r\n0\r\nX-Sum: 1\r\nY:\r\n\r\n",
        b"5\r\nhell",
        b"5\r\nhelloXX0\r\n\r\n",
        b"0005\r\nhello\r\n000\r\n\r\n",
        b"5 \r\nhello\r\n0\r\n\r\n",
        b"\r\n0\r\n\r\n",
    ]
)


@settings(max_examples=400, deadline=None)
@given(start_lines, fields, framings, bodies)
def test_requests_that_both_accept_read_the_same(start, lines, framing, body):
    ours, theirs = compare_request(written(start, [(b"Host", b"a.test"), *lines, *framing]) + body)
    if ours is not None and theirs is not None:
        # h11 folds repeated lengths into one; so do we, but only in what we forward.
        assert without_lengths(ours) == without_lengths(theirs)


@settings(max_examples=400, deadline=None)
@given(
    st.sampled_from([b"HTTP/1.1 200 OK", b"HTTP/1.1 404 ", b"HTTP/1.0 200 OK", b"HTTP/1.1 304 x", b"HTTP/1.1 204 y"]),
    fields,
    framings,
    bodies,
    st.sampled_from([b"GET", b"HEAD"]),
)
def test_responses_that_both_accept_read_the_same(start, lines, framing, body, method):
    ours, theirs = compare_response(written(start, [*lines, *framing]) + body, method)
    if ours is not None and theirs is not None:
        assert without_lengths(ours) == without_lengths(theirs)


EXTENSIONS = st.text('";\\=a \t\x80', max_size=8).map(lambda text: b";" + text.encode("latin-1"))


@settings(max_examples=400, deadline=None)
@given(st.lists(st.tuples(st.binary(min_size=1, max_size=5), st.just(b"") | EXTENSIONS), max_size=4), EXTENSIONS)
def test_chunks_as_we_send_them_on_have_one_reading(chunks, last):
    """Whatever extensions came, h11 reads the body that we read."""
    wire = b"".join(b"%x%b\r\n%b\r\n" % (len(data), extension, data) for data, extension in chunks)
    message = read(RequestReader(), [POST_CHUNKED + wire + b"0%b\r\n\r\n" % last]).only
    assert message.end is not None
    body = h11_reads(h11.Connection(h11.SERVER), POST_CHUNKED + message.wire + message.end.wire)
    assert body is not None
    assert body[-2:] == (message.data, [])
    assert message.data == b"".join(data for data, _ in chunks)


def without_lengths(facts: Facts) -> Facts:
    *start, lines, body, trailers = facts
    assert isinstance(lines, list)
    # h11 also lowers the one value that it acts upon.
    kept = [
        (name, value.lower() if name == b"transfer-encoding" else value)
        for name, value in lines
        if name != b"content-length"
    ]
    return (*start, kept, body, trailers)


@settings(max_examples=200, deadline=None)
@given(token, path, fields, st.binary(max_size=40))
def test_well_formed_requests_are_accepted_by_both(method, target, lines, body):
    if method == b"CONNECT":
        return
    raw = written(
        method + b" " + target + b" HTTP/1.1", [(b"Host", b"a.test"), *lines, (b"Content-Length", b"%d" % len(body))]
    )
    ours, theirs = compare_request(raw + body)
    assert ours is not None
    assert ours == theirs


@settings(max_examples=200, deadline=None)
@given(st.integers(200, 599).filter(lambda status: status not in (204, 304)), value, fields, st.binary(max_size=40))
def test_well_formed_responses_are_accepted_by_both(status, reason, lines, body):
    raw = written(b"HTTP/1.1 %d %b" % (status, reason), [*lines, (b"Content-Length", b"%d" % len(body))])
    ours, theirs = compare_response(raw + body)
    assert ours is not None
    assert ours == theirs


@pytest.mark.parametrize(
    "lines",
    [
        b"Content-Length: 5\r\nContent-Length: 6",
        b"Content-Length: +5",
        b"Content-Length: 1_0",
        b"Content-Length: 5\r\nX : y",
        b"Transfer-Encoding: xchunked",
        b"X: a\x00b",
        b"X: a\rb",
        b"X\x00: a",
        b": a",
        b"X",
    ],
)
def test_what_h11_refuses_we_refuse(lines):
    ours, theirs = compare_request(b"POST / HTTP/1.1\r\nHost: a.test\r\n" + lines + b"\r\n\r\nhello")
    assert theirs is None
    assert ours is None


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"GET / HTTP/1.1\nHost: a.test\n\n", "bare line feeds"),
        (b"POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5, 5\r\n\r\nhello", "a list of lengths"),
        (
            b"POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "both",
        ),
        (b"GET /a@b:0 HTTP/1.1\r\nHost: a b\r\n\r\n", "Host with a blank"),
        (b"GET http://u@a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n", "userinfo"),
    ],
)
def test_where_we_are_stricter_on_purpose(data, why):
    ours, theirs = compare_request(data)
    assert theirs is not None, why
    assert ours is None
