"""Requests: what the head says, what is forwarded, and what is refused with which status."""

import pytest

from proxy_core.protocols.http1.head import Http1RequestHead, TargetForm
from proxy_core.protocols.http1.reader import RequestReader
from proxy_core.protocols.part import CHUNKED, EndOfMessage
from tests.support.http1_readings import read, read_requests


def head_of(data: bytes, scheme: str = "http") -> Http1RequestHead:
    head = read_requests(data, scheme=scheme).messages[0].head
    assert isinstance(head, Http1RequestHead)
    return head


def request(*lines: bytes, start: bytes = b"GET / HTTP/1.1", host: bytes | None = b"a.test") -> bytes:
    hosts = [] if host is None else [b"Host: " + host]
    return b"\r\n".join([start, *hosts, *lines, b"", b""])


# Heads that pass


def test_a_plain_request_is_forwarded_byte_for_byte():
    raw = b"GET /a/%7Eb?q=1&q=2 HTTP/1.1\r\nhOST: A.test:8080\r\nX-Odd:\tv \r\nx-odd:\r\nAccept:*/*\r\n\r\n"
    head = head_of(raw)
    assert head.raw == raw
    assert head.forward == raw
    assert (head.method, head.target, head.form) == (b"GET", b"/a/%7Eb?q=1&q=2", TargetForm.ORIGIN)
    assert (head.scheme, head.host, head.port) == ("http", "a.test", 8080)
    assert (head.minor, head.body_length, head.keep_alive) == (1, 0, True)
    assert (head.notes, head.upgrade, head.max_forwards) == ("", b"", -1)


@pytest.mark.parametrize("method", [b"FROB", b"PROPFIND", b"M-SEARCH", b"get", b"!#$%&'*+-.^_`|~09", b"PATCH"])
def test_any_token_is_a_method(method):
    assert head_of(request(start=method + b" / HTTP/1.1")).method == method


@pytest.mark.parametrize(
    ("target", "destination", "origin_target"),
    [
        (b"http://b.test/x?y", ("http", "b.test", 80), b"/x?y"),
        (b"HTTP://B.Test:8080/x", ("http", "b.test", 8080), b"/x"),
        (b"http://b.test", ("http", "b.test", 80), b"/"),
        (b"http://b.test?hail=all", ("http", "b.test", 80), b"/?hail=all"),
        (b"http://b.test:1234?hail", ("http", "b.test", 1234), b"/?hail"),
        (b"http://b.test:/x", ("http", "b.test", 80), b"/x"),
        (b"https://b.test/x", ("https", "b.test", 443), b"/x"),
        (b"ws://b.test/x", ("http", "b.test", 80), b"/x"),
        (b"http://[::1]:81/", ("http", "::1", 81), b"/"),
        (b"http://[FE80::1%25eth0]/", ("http", "fe80::1%eth0", 80), b"/"),
        (b"http://127.0.0.1/", ("http", "127.0.0.1", 80), b"/"),
        (b"http://under_score.test/", ("http", "under_score.test", 80), b"/"),
        (b"http://b.test//double//slash", ("http", "b.test", 80), b"//double//slash"),
        (b'http://b.test/\xc3\xa4"<>\\^`{|}', ("http", "b.test", 80), b'/\xc3\xa4"<>\\^`{|}'),
        (b"http://b.test/http://c.test/", ("http", "b.test", 80), b"/http://c.test/"),
    ],
)
def test_absolute_form(target, destination, origin_target):
    head = head_of(request(start=b"GET " + target + b" HTTP/1.1", host=b"b.test"))
    assert head.form is TargetForm.ABSOLUTE
    assert (head.scheme, head.host, head.port) == destination
    assert head.origin_target == origin_target
    assert head.forward.startswith(b"GET " + origin_target + b" HTTP/1.1\r\nHost: ")


def test_bytes_beyond_ascii_in_a_target_are_kept_and_noted():
    head = head_of(request(start=b"GET /\xc3\xa4?\xff HTTP/1.1"))
    assert head.forward.startswith(b"GET /\xc3\xa4?\xff HTTP/1.1\r\n")
    assert "not ASCII" in head.notes


def test_the_target_overrides_a_different_host_and_that_is_noted():
    head = head_of(request(b"X: 1", start=b"GET http://b.test:81/ HTTP/1.1", host=b"evil.test"))
    assert head.host == "b.test"
    assert head.forward == b"GET / HTTP/1.1\r\nHost: b.test:81\r\nX: 1\r\n\r\n"
    assert head.notes == "Host differed from the target: «evil.test»."


@pytest.mark.parametrize("host", [b"B.Test", b"b.test:80", b"b.test:", b""])
def test_a_host_that_means_the_same_is_no_difference(host):
    head = head_of(request(start=b"GET http://b.test/ HTTP/1.1", host=host))
    assert head.notes == ""


def test_a_wrong_port_in_host_is_a_difference():
    assert "differed" in head_of(request(start=b"GET http://b.test/ HTTP/1.1", host=b"b.test:81")).notes


def test_connect():
    head = head_of(request(b"Proxy-Connection: keep-alive", start=b"CONNECT B.test:443 HTTP/1.1", host=b"b.test:443"))
    assert head.form is TargetForm.AUTHORITY
    assert (head.scheme, head.host, head.port, head.origin_target) == ("", "b.test", 443, b"B.test:443")
    assert head.notes == ""


def test_what_follows_connect_is_the_tunnels():
    reader = RequestReader()
    reader.receive(b"CONNECT b.test:443 HTTP/1.0\r\n\r\n\x16\x03\x01GET / HTTP/1.1\r\n\r\n")
    head, end = reader.next_part(), reader.next_part()
    assert isinstance(head, Http1RequestHead)
    assert end == EndOfMessage(b"", b"")
    assert reader.leftover() == b"\x16\x03\x01GET / HTTP/1.1\r\n\r\n"


def test_asterisk_form_and_options_for_a_whole_server():
    assert head_of(request(start=b"OPTIONS * HTTP/1.1")).form is TargetForm.ASTERISK
    head = head_of(request(start=b"OPTIONS http://a.test HTTP/1.1"))
    assert head.forward.startswith(b"OPTIONS * HTTP/1.1\r\n")
    assert head_of(request(start=b"OPTIONS http://a.test/ HTTP/1.1")).origin_target == b"/"


def test_inside_an_interception_the_scheme_is_https():
    head = head_of(request(), scheme="https")
    assert (head.scheme, head.host, head.port) == ("https", "a.test", 443)


def test_http_1_0_is_forwarded_as_1_1_and_not_kept_alive():
    head = head_of(b"GET http://b.test/ HTTP/1.0\r\nConnection: keep-alive\r\nA: b\r\n\r\n")
    assert (head.minor, head.keep_alive) == (0, False)
    assert head.forward == b"GET / HTTP/1.1\r\nHost: b.test\r\nA: b\r\n\r\n"


def test_http_1_0_without_host_takes_the_connects_authority():
    reader = RequestReader("https", default_authority=b"c.test:8443")
    head = read(reader, [b"GET /x HTTP/1.0\r\n\r\n"]).only.head
    assert isinstance(head, Http1RequestHead)
    assert (head.scheme, head.host, head.port) == ("https", "c.test", 8443)
    assert head.forward == b"GET /x HTTP/1.1\r\nHost: c.test:8443\r\n\r\n"


def test_http_1_0_may_name_no_host_at_all():
    head = head_of(b"GET / HTTP/1.0\r\n\r\n")
    assert (head.host, head.port) == ("", 80)


@pytest.mark.parametrize("version", [b"HTTP/1.2", b"HTTP/1.9"])
def test_a_later_minor_version_counts_as_1_1(version):
    head = head_of(request(start=b"GET / " + version))
    assert head.minor == 1
    assert head.forward.startswith(b"GET / HTTP/1.1\r\n")


@pytest.mark.parametrize(
    ("value", "keep_alive"),
    [(b"close", False), (b"CLOSE", False), (b"keep-alive, close", False), (b"keep-alive", True), (b"closed", True)],
)
def test_connection_says_whether_another_request_follows(value, keep_alive):
    assert head_of(request(b"Connection: " + value)).keep_alive is keep_alive


def test_hop_by_hop_fields_and_those_that_connection_names_are_removed():
    head = head_of(
        request(
            b"A: 1",
            b"Connection: X-Hop, keep-alive ,, Close",
            b"Keep-Alive: timeout=5",
            b"x-hop: secret",
            b"X-Hop-Not: kept",
            b"Proxy-Connection: keep-alive",
            b"Proxy-Authorization: Basic eDp5",
            b"TE: trailers",
            b"CONNECTION: Max-Forwards",
            b"Max-Forwards: 3",
            b"B: 2",
        )
    )
    assert head.forward == request(b"A: 1", b"X-Hop-Not: kept", b"B: 2")


def test_a_field_that_is_named_and_would_be_changed_is_removed():
    head = head_of(request(b"Max-Forwards: 5", b"Connection: max-forwards", b"A: b", start=b"TRACE / HTTP/1.1"))
    assert head.forward == request(b"A: b", start=b"TRACE / HTTP/1.1")


def test_a_host_of_any_length():
    host = b"x" * 300 + b".test"
    assert head_of(request(host=host)).host == host.decode()


def test_connection_can_not_remove_host_and_framing():
    raw = request(b"Connection: host, content-length, transfer-encoding, connection", b"Content-Length: 2")
    assert head_of(raw + b"ab").forward == request(b"Content-Length: 2")


def test_a_websocket_upgrade_is_kept():
    head = head_of(request(b"Connection: keep-alive, Upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Version: 13"))
    assert head.upgrade == b"websocket"
    assert head.forward == request(b"Connection: Upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Version: 13")


def test_a_proper_upgrade_is_forwarded_byte_for_byte():
    raw = request(b"upgrade:  WebSocket, x", b"CONNECTION: UPGRADE", b"Sec-WebSocket-Version: 13")
    assert head_of(raw).forward == raw
    assert head_of(raw).upgrade == b"WebSocket, x"
    assert head_of(request(b"Connection: upgrade", b"Upgrade: ,x,")).notes == ""


@pytest.mark.parametrize("value", [b"h2c", b"H2C", b"h2c ,", b"h2"])
def test_an_upgrade_to_h2c_is_not_forwarded(value):
    head = head_of(request(b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: " + value, b"HTTP2-Settings: AAMAAABk"))
    assert head.upgrade == b""
    assert head.forward == request()
    assert "h2c" in head.notes


def test_h2c_is_taken_out_of_a_list():
    head = head_of(request(b"Upgrade: h2c, Foo/2", b"Connection: upgrade", b"Upgrade: websocket"))
    assert head.upgrade == b"Foo/2, websocket"
    assert head.forward == request(b"Upgrade: Foo/2, websocket", b"Connection: upgrade")


@pytest.mark.parametrize("start", [b"GET / HTTP/1.1", b"GET / HTTP/1.0"])
def test_an_upgrade_that_connection_does_not_name_or_of_http_1_0_is_dropped(start):
    connection = b"Connection: keep-alive" if start.endswith(b"1") else b"Connection: Upgrade"
    head = head_of(request(connection, b"Upgrade: websocket", start=start))
    assert head.upgrade == b""
    assert b"pgrade" not in head.forward


@pytest.mark.parametrize(
    ("lines", "length", "forwarded"),
    [
        ([b"Content-Length: 3"], 3, [b"Content-Length: 3"]),
        ([b"content-LENGTH:\t3 "], 3, [b"content-LENGTH:\t3 "]),
        ([b"content-LENGTH:\t10"], 10, [b"content-LENGTH:\t10"]),
        ([b"Content-Length:0 "], 0, [b"Content-Length:0 "]),
        ([b"Content-Length: 3", b"A: b", b"content-length:3"], 3, [b"Content-Length: 3", b"A: b"]),
        ([b"Content-Length: 003"], 3, [b"Content-Length: 3"]),
        ([b"Content-Length: 0"], 0, [b"Content-Length: 0"]),
        ([b"Content-Length: 9223372036854775807"], 2**63 - 1, [b"Content-Length: 9223372036854775807"]),
        ([b"Transfer-Encoding: chunked"], CHUNKED, [b"Transfer-Encoding: chunked"]),
        ([b"Transfer-Encoding:  ChunKed\t"], CHUNKED, [b"Transfer-Encoding: chunked"]),
        ([b"Transfer-Encoding:\r\n chunked"], CHUNKED, [b"Transfer-Encoding: chunked"]),
    ],
)
def test_framing(lines, length, forwarded):
    head = head_of(request(*lines, start=b"POST / HTTP/1.1"))
    assert head.body_length == length
    assert head.forward.replace(b":  ", b": ") == request(*forwarded, start=b"POST / HTTP/1.1")


@pytest.mark.parametrize("value", [b"100-continue", b"100-Continue", b"100-continue, 100-continue"])
def test_expect_100_continue(value):
    head = head_of(request(b"Expect: " + value, b"Content-Length: 1") + b"x")
    assert head.expect_continue
    assert b"Expect: " + value in head.forward


def test_expect_without_a_body_waits_for_nothing():
    assert not head_of(request(b"Expect: 100-continue")).expect_continue


def test_expect_in_http_1_0_is_ignored():
    head = head_of(request(b"Expect: 100-continue", b"Content-Length: 1", start=b"POST / HTTP/1.0") + b"x")
    assert not head.expect_continue
    assert b"Expect" not in head.forward


@pytest.mark.parametrize(
    ("value", "expected"),
    [(b"NTLM TlRM", True), (b"negotiate YII", True), (b"Basic eDp5", False), (b"Bearer ntlm", False)],
)
def test_authentication_that_belongs_to_the_connection(value, expected):
    head = head_of(request(b"Authorization: " + value))
    assert head.connection_auth is expected
    assert b"Authorization: " + value in head.forward


@pytest.mark.parametrize(
    ("method", "value", "hops", "forwarded"),
    [
        (b"TRACE", b"5", 5, b"4"),
        (b"OPTIONS", b"1", 1, b"0"),
        (b"TRACE", b"0", 0, b"0"),
        (b"GET", b"5", -1, b"5"),
        (b"TRACE", b"+5", -1, b"+5"),
    ],
)
def test_max_forwards(method, value, hops, forwarded):
    head = head_of(request(b"Max-Forwards: " + value, start=method + b" / HTTP/1.1"))
    assert head.max_forwards == hops
    assert b"\r\nMax-Forwards: " + forwarded + b"\r\n" in head.forward


def test_folded_lines_are_joined_and_noted():
    raw = request(b"X: a \r\n \t b\r\n\tc", b"Y: d")
    head = head_of(raw)
    assert head.raw == raw
    assert head.forward == request(b"X: a b c", b"Y: d")
    assert "folded" in head.notes


@pytest.mark.parametrize("value", [b"\x80\xff\x85\xa0", b"caf\xc3\xa9", b"", b" \t ", b"a:b:c"])
def test_values_keep_their_bytes(value):
    raw = request(b"X:" + value)
    assert head_of(raw).forward == raw


def test_empty_lines_before_a_request_are_skipped():
    reading = read_requests(b"\r\n\r\n\r\n" + request() + b"\r\n" + request())
    assert [message.head.raw for message in reading.messages] == [request(), request()]


# Heads that are refused

BAD_LINES = [
    (b"", "no method"),
    (b"GET", "no target"),
    (b"GET /", "HTTP/0.9"),
    (b"GET / HTTP/0.9", "HTTP/0.9"),
    (b"GET / HTTP/1.32", "two digits"),
    (b"GET / HTTP/01.1", "two digits"),
    (b"GET / http/1.1", "lower case"),
    (b"GET / HTTP/1.1 ", "blank at the end"),
    (b"GET  / HTTP/1.1", "two blanks"),
    (b"GET\t/ HTTP/1.1", "tab"),
    (b" GET / HTTP/1.1", "blank at the beginning"),
    (b"GET /a b HTTP/1.1", "blank in target"),
    (b"GET /a\tb HTTP/1.1", "tab in target"),
    (b"GET /a\x00b HTTP/1.1", "NUL in target"),
    (b"GET /a\x7fb HTTP/1.1", "DEL in target"),
    (b"GET /a\rb HTTP/1.1", "CR in target"),
    (b"GET / HTTP/1.1\r", "CR at the end"),
    (b"G(T / HTTP/1.1", "method"),
    (b"G\xc3\x89T / HTTP/1.1", "method"),
    (b"GET / ICE/1.0", "other protocol"),
    (b"GET / IHTTP/1.0", "other protocol"),
    (b"GET a.test HTTP/1.1", "authority with GET"),
    (b"GET * HTTP/1.1", "asterisk with GET"),
    (b"GET ftp://a.test/ HTTP/1.1", "scheme"),
    (b"GET gopher://a.test/ HTTP/1.1", "scheme"),
    (b"GET file:///etc/passwd HTTP/1.1", "scheme"),
    (b"GET javascript:alert(1) HTTP/1.1", "scheme"),
    (b"GET http:/a.test/ HTTP/1.1", "no authority"),
    (b"GET http:///x HTTP/1.1", "no host"),
    (b"GET http://:80/ HTTP/1.1", "no host"),
    (b"GET http://user@a.test/ HTTP/1.1", "userinfo"),
    (b"GET http://user:pass@a.test/ HTTP/1.1", "userinfo"),
    (b"GET http://a.test:0/ HTTP/1.1", "port"),
    (b"GET http://a.test:65536/ HTTP/1.1", "port"),
    (b"GET http://a.test:+80/ HTTP/1.1", "port"),
    (b"GET http://a.test:8_0/ HTTP/1.1", "port"),
    (b"GET http://a.test:080000/ HTTP/1.1", "port"),
    (b"GET http://a.test\\@b.test/ HTTP/1.1", "host"),
    (b"GET http://a%zz.test/ HTTP/1.1", "host"),
    (b"GET http://\xc3\xa4.test/ HTTP/1.1", "host"),
    (b"GET http://[::1/ HTTP/1.1", "host"),
    (b"GET http://[1::2::3]/ HTTP/1.1", "host"),
    (b"GET http://[v1.x]/ HTTP/1.1", "host"),
    (b"GET http://[::1]x/ HTTP/1.1", "host"),
    (b"CONNECT a.test HTTP/1.1", "no port"),
    (b"CONNECT a.test: HTTP/1.1", "empty port"),
    (b"CONNECT a.test:0 HTTP/1.1", "port"),
    (b"CONNECT a.test:65536 HTTP/1.1", "port"),
    (b"CONNECT a.test:443x HTTP/1.1", "port"),
    (b"CONNECT :443 HTTP/1.1", "no host"),
    (b"CONNECT /x HTTP/1.1", "origin-form"),
    (b"CONNECT http://a.test/ HTTP/1.1", "absolute-form"),
    (b"CONNECT u@a.test:443 HTTP/1.1", "userinfo"),
    (b"CONNECT * HTTP/1.1", "asterisk"),
]


@pytest.mark.parametrize(("line", "why"), BAD_LINES)
def test_bad_request_lines(line, why):
    reading = read_requests(line + b"\r\nHost: a.test\r\n\r\n" if line else b"\r\x00\r\n\r\n")
    assert reading.messages == []
    assert reading.refusal == ("http_request_error", 400)


@pytest.mark.parametrize("line", [b"GET / HTTP/2.0", b"PRI * HTTP/2.0", b"GET / HTTP/3.0", b"GET / HTTP/9.9"])
def test_other_major_versions(line):
    assert read_requests(line + b"\r\n\r\nSM\r\n\r\n").refusal == ("http_request_error", 505)


BAD_FIELDS = [
    [b"Content-Length: 1", b"Transfer-Encoding: chunked"],
    [b"Transfer-Encoding: chunked", b"Content-Length: 1"],
    [b"Content-Length: 1", b"Content-Length: 2"],
    [b"Content-Length: 1", b"Content-Length: 01"],
    [b"Content-Length: 1, 1"],
    [b"Content-Length: 1,"],
    [b"Content-Length: +5"],
    [b"Content-Length: -5"],
    [b"Content-Length: 0x10"],
    [b"Content-Length: 1_0"],
    [b"Content-Length: 4 2"],
    [b"Content-Length: 5.0"],
    [b"Content-Length:"],
    [b"Content-Length: \xb2"],
    [b"Content-Length: \xd9\xa3"],  # another script's digit, in UTF-8
    [b"Content-Length: \x855"],
    [b"Content-Length: 9223372036854775808"],
    [b"Content-Length: 99999999999999999999"],
    [b"Transfer-Encoding:"],
    [b"Transfer-Encoding: identity"],
    [b"Transfer-Encoding: xchunked"],
    [b"Transfer-Encoding: chunkedchunked"],
    [b"Transfer-Encoding: chunked, gzip"],
    [b"Transfer-Encoding: chunked", b"Transfer-Encoding: gzip"],
    [b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"],
    [b"Transfer-Encoding: chunked, chunked"],
    [b"Transfer-Encoding: ,chunked"],
    [b"Transfer-Encoding: chunked,"],
    [b"Transfer-Encoding: chunked;q=1"],
    [b'Transfer-Encoding: "chunked"'],
    [b"Transfer-Encoding: chunked\x85"],
    [b"Transfer-Encoding: chunked\xa0"],
    [b"Transfer-Encoding: chun\xe2\x84\xaaed"],  # the Kelvin sign, which str.lower makes a k
    [b"Transfer-Encoding: chunked\r\n  abc"],
    [b"Host: a.test"],
    [b"host: b.test"],
    [b"X : 1"],
    [b"X\t: 1"],
    [b"Content-Length : 1"],
    [b"Transfer-Encoding : chunked"],
    [b": 1"],
    [b"X"],
    [b"X Y: 1"],
    [b"X@Y: 1"],
    [b"X\x00: 1"],
    [b"\xc3\xa4: 1"],
    [b"X: \x00"],
    [b"X: \x01"],
    [b"X: \x0b"],
    [b"X: \x7f"],
    [b"X: \x1b[31m"],
    [b"X: a\rb"],
    [b"X: a\r"],
    [b"X: a\nY: b"],
    [b"X: a\n"],
    [b"name\r\n : value"],
]


@pytest.mark.parametrize("lines", BAD_FIELDS, ids=repr)
def test_bad_fields(lines):
    reading = read_requests(request(*lines, start=b"POST / HTTP/1.1"))
    assert reading.messages == []
    assert reading.refusal == ("http_request_error", 400)


@pytest.mark.parametrize("first", [b" X: 1", b"\tX: 1", b" Host: b.test"])
def test_a_blank_before_the_first_field(first):
    assert read_requests(b"GET / HTTP/1.1\r\n" + first + b"\r\nHost: a.test\r\n\r\n").refusal[1] == 400


@pytest.mark.parametrize(
    "host", [None, b"", b"a b", b"a/b", b"u@a.test", b"a.test:x", b"a.test:99999", b"a\\b", b"[::1", b"a.test, b.test"]
)
def test_missing_and_invalid_host(host):
    assert read_requests(request(host=host)).refusal == ("http_request_error", 400)


def test_missing_and_invalid_host_beside_an_absolute_target():
    start = b"GET http://a.test/ HTTP/1.1"
    assert read_requests(request(start=start, host=None)).refusal[1] == 400
    assert read_requests(request(start=start, host=b"a b")).refusal[1] == 400


@pytest.mark.parametrize(
    "lines", [[b"Transfer-Encoding: gzip, chunked"], [b"Transfer-Encoding: x", b"Transfer-Encoding: chunked"]]
)
def test_an_unknown_transfer_coding(lines):
    assert read_requests(request(*lines, start=b"POST / HTTP/1.1")).refusal == ("http_request_error", 501)


def test_transfer_encoding_in_http_1_0():
    assert read_requests(request(b"Transfer-Encoding: chunked", start=b"POST / HTTP/1.0")).refusal[1] == 400


@pytest.mark.parametrize("value", [b"200-ok", b"100-continue, x", b"100-continue=1", b"100"])
def test_other_expectations(value):
    assert read_requests(request(b"Expect: " + value, b"Content-Length: 1")).refusal == ("http_request_error", 417)


@pytest.mark.parametrize("line", [b"Content-Length: 10", b"Transfer-Encoding: chunked"])
def test_connect_with_a_body(line):
    assert read_requests(request(line, start=b"CONNECT a.test:443 HTTP/1.1")).refusal[1] == 400


def test_line_feeds_alone_end_no_line():
    assert read_requests(b"GET / HTTP/1.1\nHost: a.test\n\n").refusal == ("http_request_error", 400)
    assert read_requests(b"\n" + request()).refusal == ("http_request_error", 400)


@pytest.mark.parametrize(
    "data", [b"\x16\x03\x01\x02\x00\x01\x00", b"\x05\x01\x00", b"SSH-2.0-OpenSSH\r\n", b"GET /\r\n", b"("]
)
def test_what_can_not_become_a_request_is_refused_at_once(data):
    assert read_requests(data).refusal == ("http_request_error", 400)


def test_the_error_carries_what_was_read_and_stays():
    raw = request(b"X : 1")
    reader = RequestReader()
    reading = read(reader, [raw])
    assert "between the field name «X» and its colon" in reading.failure.text
    with pytest.raises(Exception, match="blank") as caught:
        reader.next_part()
    assert caught.value.raw == raw
    reader.receive(request())
    with pytest.raises(Exception, match="blank"):
        reader.next_part()


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"GET /\r\n", "names no HTTP version: «GET /»"),
        (b"GET / HTTP/1.1 x\r\n", "request line is malformed"),
        (b"GET / HTTP/2.0\r\n", "is in HTTP/2,"),
        (request(start=b"GET http://u:p@a.test/ HTTP/1.1"), "user name or password"),
        (request(start=b"GET http:///x HTTP/1.1"), "names no host"),
        (request(start=b"GET http://a..b:x/ HTTP/1.1"), "«a..b:x» is not a valid host"),
        (request(start=b"GET http://a:99999/ HTTP/1.1"), "«a:99999» names a port that doesn't exist"),
        (request(start=b"GET http://[::g]/ HTTP/1.1"), "not a valid"),
        (request(start=b"GET ftp://a.test/ HTTP/1.1"), "scheme «ftp»"),
        (request(start=b"CONNECT a.test HTTP/1.1"), "names no port"),
        (request(host=None), "has no Host field"),
        (request(b"Host: b"), "more than one Host field"),
        (request(b"Content-Length: x"), "Content-Length is not a number: «x»"),
        (request(b"Content-Length: 9999999999999999999"), "too large"),
        (request(b"Content-Length: 1", b"Content-Length: 2"), "twice with different values"),
        (request(b"Content-Length: 1", b"Transfer-Encoding: chunked"), "both Content-Length and Transfer-Encoding"),
        (request(b"Transfer-Encoding: gzip"), "does not end with one «chunked»: «gzip»"),
        (request(b"Transfer-Encoding: gzip, chunked"), "doesn't know the transfer coding «gzip»"),
        (request(b"Expect: the-worst"), "«the-worst»"),
        (request(b"X"), "has no colon: «X»"),
        (request(b": 1"), "has no name: «: 1»"),
        (request(b"X Y: 1"), "not allowed: «X Y»"),
        (request(b"X: \x00"), "The value of X holds a NUL byte"),
        (request(b"X: a\rb"), "The value of X holds a bare CR"),
        (request(b"X: \x1b"), "The value of X holds the control character 0x1b"),
        (request(b"X: a\nb"), "bare LF"),
    ],
)
def test_the_sentence_names_what_is_wrong(raw, words):
    failure = read(RequestReader(), [raw]).failure
    assert failure is not None
    assert words in failure.text
    assert failure.text.endswith(".")


def test_a_sentence_shows_hostile_bytes_harmlessly():
    failure = read_requests(request(b"X\x1b[31m\xe2\x80\xae" + b"y" * 300 + b": 1")).failure
    assert failure.text.isprintable()
    assert len(failure.text) < 200
