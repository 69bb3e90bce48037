"""Bodies: counted, chunked and until the close; how each ends, and what the end of the connection means in each place."""

import pytest

from proxy_core.protocols.http1.head import HeadLimits, Http1RequestHead, Http1ResponseHead
from proxy_core.protocols.http1.reader import RequestReader, ResponseReader
from proxy_core.protocols.part import BodyPart, EndOfMessage
from tests.support.http1_readings import read, read_requests, read_response

POST = b"POST / HTTP/1.1\r\nHost: a.test\r\n"
SIZED = POST + b"Content-Length: 5\r\n\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
NEXT = b"GET /next HTTP/1.1\r\nHost: a.test\r\n\r\n"
OK_SIZED = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
OK_CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
OK_UNTIL_CLOSE = b"HTTP/1.1 200 OK\r\n\r\n"


def test_a_counted_body_and_the_next_request():
    first, second = read_requests(SIZED + b"he\r\no" + NEXT).messages
    assert (first.data, first.wire, first.end) == (b"he\r\no", b"he\r\no", EndOfMessage(b"", b""))
    assert second.head.target == b"/next"


def test_plain_bytes_are_not_copied():
    reader = RequestReader()
    reader.receive(POST + b"Content-Length: 100000\r\n\r\n")
    reader.next_part()
    data = bytes(60000)
    reader.receive(data)
    part = reader.next_part()
    assert isinstance(part, BodyPart)
    assert part.data is data
    assert part.wire is data


def test_the_middle_of_a_chunk_is_not_copied():
    reader = RequestReader()
    reader.receive(CHUNKED + b"10000\r\nx")
    reader.next_part()
    reader.next_part()
    data = bytes(60000)
    reader.receive(data)
    part = reader.next_part()
    assert isinstance(part, BodyPart)
    assert part.data is data
    assert part.wire is data


@pytest.mark.parametrize(
    ("chunks", "data"),
    [
        (b"5\r\nhello\r\n", b"hello"),
        (b"5\r\nhello\r\n6\r\n world\r\n", b"hello world"),
        (b"a\r\n0123456789\r\n", b"0123456789"),
        (b"A\r\n0123456789\r\n", b"0123456789"),
        (b"000a\r\n0123456789\r\n", b"0123456789"),
        (b"2\r\n\r\n\r\n", b"\r\n"),
        (b"5;name\r\nhello\r\n", b"hello"),
        (b'5 ; name="a\\"b;c" ;x=y\r\nhello\r\n', b"hello"),
        (b'5;a="\x80\t;\\\t";b\r\nhello\r\n', b"hello"),
        (b"5\t;\ta\t=\tb ; c\r\nhello\r\n", b"hello"),
        (b"", b""),
        (b"1\r\nx\r\n" * 500, b"x" * 500),
    ],
)
def test_chunks_are_decoded_and_sent_on_as_they_came(chunks, data):
    first, second = read_requests(CHUNKED + chunks + b"0\r\n\r\n" + NEXT).messages
    assert first.data == data
    assert first.end is not None
    assert first.wire + first.end.wire == chunks + b"0\r\n\r\n"
    assert second.head.target == b"/next"


@pytest.mark.parametrize(
    "extension",
    [
        b";",
        b";;a",
        b";a;",
        b";a=",
        b";=b",
        b";a=b ",
        b";a b",
        b";\x80\t~",
        b';a="',
        b';a="b',
        b';a="b\\"',
        b';a="b"c',
        b';a="b";"',
        b';"a"=b',
        b";a=b;c=d,e",
        b" ;" + b"x" * 3000 + b'"',
    ],
)
def test_an_extension_that_breaks_the_grammar_is_left_out(extension):
    """A reader that honours quotes would run over the line's end, one that doesn't would not."""
    chunks = b"1\r\nx\r\n5%b\r\nhello\r\n0a;good\r\n0123456789\r\n2%b\r\nyz\r\n" % (extension, extension)
    for wire in (CHUNKED + chunks, OK_CHUNKED + chunks):
        read_it = read_requests if wire.startswith(POST) else read_response
        message = read_it(wire + b"0%b\r\nA: 1\r\n\r\n" % extension).only
        assert message.data == b"xhello0123456789yz"
        assert message.wire == b"1\r\nx\r\n5\r\nhello\r\n0a;good\r\n0123456789\r\n2\r\nyz\r\n"
        assert message.end == EndOfMessage(b"A: 1\r\n", b"0\r\nA: 1\r\n\r\n")


@pytest.mark.parametrize("last", [b"0\r\n\r\n", b"000\r\n\r\n", b"0;x=y\r\n\r\n", b"0000000000000000 ;x\r\n\r\n"])
def test_the_last_chunk_is_sent_on_as_it_came(last):
    assert read_requests(CHUNKED + last).only.end == EndOfMessage(b"", last)


def test_the_end_of_a_chunk_is_not_held_back():
    """A client may wait for it before it shows an event."""
    reader = ResponseReader()
    reader.expect(b"GET")
    reader.receive(OK_CHUNKED + b"5\r\nhello")
    reader.next_part()
    assert reader.next_part() == BodyPart(b"hello", b"5\r\nhello")
    reader.receive(b"\r\n")
    assert reader.next_part() == BodyPart(b"", b"\r\n")


def test_trailers_are_kept_for_the_record_and_sent_on():
    message = read_requests(CHUNKED + b"1\r\nx\r\n0\r\nVary: *\r\nX-Sum:\t1 \r\n\r\n").only
    assert message.end == EndOfMessage(b"Vary: *\r\nX-Sum:\t1 \r\n", b"0\r\nVary: *\r\nX-Sum:\t1 \r\n\r\n")


@pytest.mark.parametrize(
    "name",
    [
        b"Content-Length",
        b"transfer-encoding",
        b"HOST",
        b"Trailer",
        b"TE",
        b"Connection",
        b"Authorization",
        b"Proxy-Authorization",
        b"Cookie",
        b"Set-Cookie",
        b"Content-Type",
        b"Content-Encoding",
        b"Max-Forwards",
        b"Upgrade",
    ],
)
def test_trailers_that_could_change_the_message_are_recorded_but_not_sent_on(name):
    trailers = b"A: 1\r\n" + name + b": 5\r\nB: 2\r\n"
    message = read_requests(CHUNKED + b"0\r\n" + trailers + b"\r\n").only
    assert message.end == EndOfMessage(trailers, b"0\r\nA: 1\r\nB: 2\r\n\r\n")


def test_a_folded_trailer_does_not_smuggle_a_forbidden_one():
    message = read_requests(CHUNKED + b"0\r\nA: 1\r\n Host: b\r\nHost: c\r\n d\r\n\r\n").only
    assert message.end is not None
    assert message.end.wire == b"0\r\nA: 1 Host: b\r\n\r\n"


BAD_CHUNKS = [
    b"x\r\n",
    b"\r\n",
    b"-1\r\n",
    b"+5\r\nhello\r\n",
    b"0x5\r\nhello\r\n",
    b"1_0\r\n",
    b" 5\r\nhello\r\n",
    b"5 \r\nhello\r\n",
    b"5\t\r\nhello\r\n",
    b"5 x\r\nhello\r\n",
    b"5\nhello\r\n",
    b"5\rhello\r\n",
    b"5\r\r\nhello\r\n",
    b"5;a\rb\r\nhello\r\n",
    b"5;a\nb\r\nhello\r\n",
    b"5;a\x00b\r\nhello\r\n",
    b"5g\r\nhello\r\n",
    b"\xd9\xa5\r\nhello\r\n",
    b"5\r\nhelloXY\r\n",
    b"5\r\nhello\n",
    b"5\r\nhello\rX",
    b"5\r\nhello0\r\n\r\n",
    b"5\r\nhell\r\n0\r\n\r\n",
    b"8000000000000000\r\n",
    b'8000000000000000;a="\r\n',
    b"ffffffffffffffff\r\n",
    b"10000000000000000\r\n",
    b"00000000000000005\r\nhello\r\n",
    b"0\r\nno colon\r\n\r\n",
    b"0\r\nA : 1\r\n\r\n",
    b"0\r\n A: 1\r\n\r\n",
    b"0\r\nA: 1\n\r\n",
    b"0\r\nA: \x00\r\n\r\n",
    b"0\r\n\nA: 1\r\n\r\n",
]


@pytest.mark.parametrize("chunks", BAD_CHUNKS)
def test_bad_chunks(chunks):
    reading = read_requests(CHUNKED + b"1\r\nx\r\n" + chunks)
    assert reading.refusal == ("http_request_error", 400)
    assert reading.messages[0].end is None
    response = read_response(OK_CHUNKED + chunks)
    assert response.refusal == ("http_response_transfer_coding", 0)
    assert response.messages[0].end is None


@pytest.mark.parametrize(
    ("chunks", "words"),
    [
        (b"x\r\n", "does not begin with its size: «x»"),
        (b"5\r\nhelloXY", "longer than its size says"),
        (b"ffffffffffffffff\r\n", "too large: ffffffffffffffff"),
        (b"0\r\nX: y\n", "bare LF"),
    ],
)
def test_the_sentence_names_what_is_wrong(chunks, words):
    failure = read(RequestReader(), [CHUNKED + chunks]).failure
    assert failure is not None
    assert words in failure.text


@pytest.mark.parametrize("extra", [b"", b"HTTP/1.1 200 OK\r\n\r\n", b"\r\n"])
def test_a_counted_response_ends_where_it_says(extra):
    reading = read_response(OK_SIZED + b"hello" + extra)
    assert reading.only.data == b"hello"
    assert reading.leftover == extra


def test_a_chunked_response_with_trailers():
    reading = read_response(OK_CHUNKED + b"5\r\nhello\r\n0\r\nX: 1\r\n\r\nsurplus")
    assert reading.only.data == b"hello"
    assert reading.only.end == EndOfMessage(b"X: 1\r\n", b"0\r\nX: 1\r\n\r\n")
    assert reading.leftover == b"surplus"


def test_a_body_until_the_close():
    reading = read_response(OK_UNTIL_CLOSE + b"HTTP/1.1 200 OK\r\n\r\n", eof=True)
    assert reading.only.data == b"HTTP/1.1 200 OK\r\n\r\n"
    assert reading.only.end == EndOfMessage(b"", b"")
    assert reading.is_at_end
    assert read_response(OK_UNTIL_CLOSE, eof=True).only.data == b""


# The end of the connection


@pytest.mark.parametrize("data", [b"", NEXT, SIZED + b"hello", CHUNKED + b"0\r\n\r\n", b"\r\n"])
def test_a_client_may_leave_between_requests(data):
    reading = read_requests(data, eof=True)
    assert reading.failure is None
    assert reading.is_at_end


@pytest.mark.parametrize(
    "data",
    [
        b"G",
        NEXT[:-1],
        NEXT + b"GET",
        SIZED,
        SIZED + b"hell",
        CHUNKED,
        CHUNKED + b"5\r\nhello\r\n",
        CHUNKED + b"0\r\n",
        CHUNKED + b"0\r\nX: 1\r\n",
    ],
)
def test_a_client_may_not_leave_within_a_request(data):
    reading = read_requests(data, eof=True)
    assert reading.refusal == ("client_closed", 0)
    assert not reading.is_at_end


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"HTTP/1.1 200 OK\r\nConte", "head"),
        (OK_SIZED, "0 of 5 bytes"),
        (OK_SIZED + b"hel", "3 of 5 bytes"),
        (OK_CHUNKED, "after 0 bytes"),
        (OK_CHUNKED + b"5\r\nhel", "after 3 bytes"),
        (OK_CHUNKED + b"5\r\nhello\r\n0\r\n", "after 5 bytes"),
        (OK_CHUNKED + b"5\r\nhello\r\n5", "after 5 bytes"),
    ],
)
def test_an_incomplete_response(data, words):
    reading = read_response(data, eof=True)
    assert reading.refusal == ("http_response_incomplete", 0)
    assert reading.failure is not None
    assert words in reading.failure.text


def test_an_origin_that_leaves_without_an_answer_is_no_error_of_the_readers():
    reading = read_response(b"", eof=True)
    assert (reading.messages, reading.failure, reading.is_at_end) == ([], None, True)


# Limits


def test_the_request_line_has_a_limit():
    limits = HeadLimits(start_line_bytes=64, head_bytes=256)
    fits = b"GET /" + b"a" * (64 - 16) + b" HTTP/1.1\r\n"
    assert len(fits) == 64
    for line, status in ((fits, 0), (fits.replace(b"/a", b"/aa"), 414), (b"GET /" + b"a" * 1000, 414)):
        for pieces in ([line + b"Host: a.test\r\n\r\n"], [line[:60], line[60:64], line[64:], b"Host: a.test\r\n\r\n"]):
            reading = read(RequestReader(limits=limits), pieces)
            assert (reading.refusal[1] if reading.failure else 0) == status


@pytest.mark.parametrize("size", [256, 257, 100000])
def test_the_head_has_a_limit(size):
    limits = HeadLimits(start_line_bytes=64, head_bytes=256)
    head = b"GET / HTTP/1.1\r\nHost: a.test\r\nX: "
    head += b"x" * (size - len(head) - 4) + b"\r\n\r\n"
    for pieces in ([head], [head[:250], head[250:256], head[256:]], [head[:-1], head[-1:]]):
        reading = read(RequestReader(limits=limits), pieces)
        assert (reading.refusal if reading.failure else ("", 0)) == (
            ("", 0) if size == 256 else ("http_request_error", 431)
        )
    head = b"HTTP/1.1 200 OK\r\nX: "
    head += b"x" * (size - len(head) - 4) + b"\r\n\r\n"
    for pieces in ([head], [head[:250], head[250:256], head[256:]]):
        reader = ResponseReader(limits)
        reader.expect(b"GET")
        reading = read(reader, pieces)
        expected = ("", 0) if size == 256 else ("http_response_header_section_size", 0)
        assert (reading.refusal if reading.failure else ("", 0)) == expected


def test_the_usual_limits():
    long_line = b"GET /" + b"a" * 65536 + b" HTTP/1.1\r\nHost: a.test\r\n\r\n"
    assert read(RequestReader(), [long_line]).refusal == ("http_request_error", 414)
    large_head = b"GET / HTTP/1.1\r\nHost: a.test\r\n" + b"X: %b\r\n" % (b"x" * 1000) * 300 + b"\r\n"
    assert read(RequestReader(), [large_head]).refusal == ("http_request_error", 431)
    large_but_fine = b"GET / HTTP/1.1\r\nHost: a.test\r\n" + b"X: %b\r\n" % (b"x" * 1000) * 200 + b"\r\n"
    assert read(RequestReader(), [large_but_fine]).only.head.raw == large_but_fine


@pytest.mark.parametrize(("count", "fits"), [(999, True), (1000, False)])
def test_the_number_of_fields_has_a_limit(count, fits):
    reading = read(RequestReader(), [b"GET / HTTP/1.1\r\nHost: a.test\r\n" + b"X: y\r\n" * count + b"\r\n"])
    assert (reading.failure is None) is fits
    if not fits:
        assert reading.refusal == ("http_request_error", 431)
    reader = ResponseReader()
    reader.expect(b"HEAD")
    reading = read(reader, [b"HTTP/1.1 200 OK\r\nA: b\r\n" + b"X: y\r\n" * count + b"\r\n"])
    assert (reading.failure is None) is fits
    if not fits:
        assert reading.refusal == ("http_response_header_section_size", 0)


def test_chunk_extensions_and_trailers_have_limits():
    limits = HeadLimits(chunk_line_bytes=32, trailer_bytes=32, fields=3)
    for end in (
        b"5;" + b"x" * 29 + b"\r\n",
        b"5;" + b"x" * 28 + b'"\r\n',
        b"5;" + b"x" * 100,
        b"0\r\nX: " + b"x" * 26 + b"\r\n\r\n",
        b"0\r\nX: " + b"x" * 99,
        b"0\r\n" + b"a:\r\n" * 4 + b"\r\n",
    ):
        for pieces in ([CHUNKED + end], [CHUNKED, *(end[index : index + 1] for index in range(len(end)))]):
            assert read(RequestReader(limits=limits), pieces).refusal == ("http_request_error", 400)
    for end in (
        b"5;" + b"x" * 28 + b"\r\nhello\r\n0\r\n\r\n",
        b"0\r\nX: " + b"x" * 25 + b"\r\n\r\n",
        b"0\r\n" + b"a:\r\n" * 3 + b"\r\n",
    ):
        for pieces in ([CHUNKED + end], [CHUNKED, *(end[index : index + 1] for index in range(len(end)))]):
            assert read(RequestReader(limits=limits), pieces).failure is None


def test_what_is_good_before_a_line_that_is_too_long_is_given_out():
    limits = HeadLimits(chunk_line_bytes=32)
    reading = read(RequestReader(limits=limits), [CHUNKED + b"1\r\nx\r\n5;" + b"y" * 40 + b"\r\nhello\r\n"])
    assert reading.messages[0].data == b"x"
    assert reading.refusal == ("http_request_error", 400)


# Much of it


def test_long_runs_of_blanks_before_folds_cost_no_square():
    blanks = b"X: " + b" \t" * 60_000 + b"y\r\n"
    reading = read(RequestReader(), [b"GET / HTTP/1.1\r\nHost: a.test\r\n" + blanks * 2 + b" z\r\n\r\n"])
    assert reading.only.head.forward.endswith(b"y z\r\n\r\n")
    bad = read(RequestReader(), [b"GET / HTTP/1.1\r\nHost: a.test\r\n" + blanks + b"x\r\n\r\n"])
    assert bad.refusal == ("http_request_error", 400)


@pytest.mark.parametrize("start", [b"GET / HTTP/1.1\r\nHost: a.test\r\n", b"HTTP/1.1 200 OK\r\n"])
def test_tens_of_thousands_of_names_in_connection_cost_no_square(start):
    names = b",".join(b"X%d" % number for number in range(30_000))
    head = start + b"Connection: " + names + b"\r\n" + b"x%d: y\r\n" * 900 % tuple(range(100, 1000)) + b"A: b\r\n\r\n"
    for _ in range(20):
        reader = RequestReader() if start.startswith(b"GET") else ResponseReader()
        if isinstance(reader, ResponseReader):
            reader.expect(b"HEAD")
        assert read(reader, [head]).only.head.forward == start + b"A: b\r\n\r\n"


def test_a_hundred_thousand_chunks_of_one_byte():
    count = 100_000
    reading = read(RequestReader(), [CHUNKED + b"1\r\nx\r\n" * count + b"0\r\n\r\n"])
    assert reading.only.data == b"x" * count
    reader = RequestReader()
    reader.receive(CHUNKED)
    reader.next_part()
    received = 0
    for byte in b"1\r\nx\r\n" * count + b"0\r\n\r\n":
        reader.receive(bytes((byte,)))
        while isinstance(part := reader.next_part(), BodyPart):
            received += len(part.data)
    assert isinstance(part, EndOfMessage)
    assert received == count


def test_a_large_head_byte_by_byte():
    head = b"GET / HTTP/1.1\r\nHost: a.test\r\n" + b"X: %b\r\n" % (b"x" * 994) * 255 + b"\r\n"
    reader = RequestReader()
    for byte in head[:-1]:
        reader.receive(bytes((byte,)))
        assert reader.next_part() is None
    assert reader.is_mid_head
    reader.receive(head[-1:])
    part = reader.next_part()
    assert isinstance(part, Http1RequestHead)
    assert part.raw == head


def test_fifty_pipelined_requests_the_last_one_bad():
    reading = read(
        RequestReader(), [(NEXT + SIZED + b"hello" + CHUNKED + b"5\r\nhello\r\n0\r\n\r\n") * 16 + NEXT + b"BAD\r\n\r\n"]
    )
    assert len(reading.messages) == 49
    assert all(message.end is not None for message in reading.messages)
    assert reading.refusal == ("http_request_error", 400)


def test_nothing_is_held_between_messages():
    reader = ResponseReader()
    reader.expect(b"GET")
    reader.receive(OK_SIZED + b"hello")
    assert isinstance(reader.next_part(), Http1ResponseHead)
    reader.next_part()
    reader.next_part()
    assert reader.leftover() == b""
