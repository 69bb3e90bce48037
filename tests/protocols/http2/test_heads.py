"""What is a message and what is not (RFC 9113 §8), one list of fields each."""

import pytest

from proxy_core.protocols.http1.fields import MalformedError
from proxy_core.protocols.http2.head import Http2RequestHead
from proxy_core.protocols.http2.validation import raw_text, read_request_head, read_response_head, read_trailers
from proxy_core.protocols.part import CHUNKED
from tests.protocols.http2.conversation import GET, fields

METHOD, SCHEME, AUTHORITY, PATH = GET
CONNECT = (b":method", b"CONNECT")
STATUS = (b":status", b"200")


def request(*pairs, is_end=False, may_extend=False) -> Http2RequestHead:
    return read_request_head(fields(*pairs), is_end=is_end, may_extend=may_extend)


def with_path(path, method=b"GET"):
    return [(b":method", method), SCHEME, AUTHORITY, (b":path", path)]


def with_authority(authority, *more):
    return [METHOD, SCHEME, (b":authority", authority), PATH, *more]


@pytest.mark.parametrize(
    ("pairs", "words"),
    [
        ([SCHEME, AUTHORITY, PATH], "no «:method»"),
        ([METHOD, AUTHORITY, PATH], "no «:scheme»"),
        ([METHOD, SCHEME, AUTHORITY], "no «:path»"),
        ([METHOD, SCHEME, PATH], "names no host"),
        ([], "no «:method»"),
        ([*GET, METHOD], "«:method» stands there twice"),
        ([*GET, PATH], "«:path» stands there twice"),
        ([*GET, SCHEME], "«:scheme» stands there twice"),
        ([*GET, AUTHORITY], "«:authority» stands there twice"),
        ([*GET, STATUS], "no pseudo-field «:status» in a request"),
        ([*GET, (b":unknown", b"x")], "no pseudo-field «:unknown»"),
        ([*GET, (b":", b"x")], "no pseudo-field «:»"),
        ([METHOD, SCHEME, PATH, (b"x", b"y"), AUTHORITY], "«:authority» stands where it may not"),
        ([*GET, (b":protocol", b"websocket")], "was not offered"),
        ([(b":method", b""), *GET[1:]], "not a method"),
        ([(b":method", b"GET /x"), *GET[1:]], "not a method"),
        ([(b":method", b"GE\r\nT"), *GET[1:]], "not a method"),
        ([METHOD, (b":scheme", b"ftp"), AUTHORITY, PATH], "scheme «ftp»"),
        ([METHOD, (b":scheme", b""), AUTHORITY, PATH], "scheme «»"),
        (with_path(b""), "not a path"),
        (with_path(b"*"), "not a path"),
        (with_path(b"cart"), "not a path"),
        (with_path(b"https://shop.test/"), "not a path"),
        (with_path(b"/a b"), "not a path"),
        (with_path(b"/a\tb"), "not a path"),
        (with_path(b"/a\r\nx: y"), "not a path"),
        (with_path(b"/a\x00"), "not a path"),
        (with_path(b"/a\x7f"), "not a path"),
        (with_authority(b""), "names no host"),
        (with_authority(b"user@shop.test"), "user name"),
        (with_authority(b"shop test"), "not a valid host"),
        (with_authority(b"shop.test/x"), "not a valid host"),
        (with_authority(b"shop.test\r\n"), "not a valid host"),
        (with_authority(b"shop.test:0"), "port that doesn't exist"),
        (with_authority(b"shop.test:65536"), "port that doesn't exist"),
        (with_authority(b"[::1"), "not a valid host"),
        (with_authority(b"shop.test", (b"host", b"other.test")), "Host differs"),
        (with_authority(b"shop.test", (b"host", b"shop.test:80")), "Host differs"),
        (with_authority(b"shop.test", (b"host", b"a b")), "not a valid host"),
        (with_authority(b"shop.test", (b"host", b"shop.test"), (b"host", b"shop.test")), "more than one Host"),
        ([CONNECT, AUTHORITY], "names no port"),
        ([CONNECT], "no «:authority»"),
        ([CONNECT, (b":authority", b"shop.test:443"), PATH], "neither «:scheme» nor «:path»"),
        ([CONNECT, (b":authority", b"shop.test:443"), SCHEME], "neither «:scheme» nor «:path»"),
        ([CONNECT, (b":authority", b"shop.test:443"), (b"content-length", b"3")], "can't have a body"),
        ([*GET, (b"expect", b"200-ok")], "expects what Harrier can't do"),
    ],
)
def test_a_request_that_is_malformed(pairs, words):
    with pytest.raises(MalformedError) as caught:
        request(*pairs)
    assert words in caught.value.text
    assert raw_text(fields(*pairs)).count(b"\n") == len(pairs) + 2


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        (b"Accept", b"x", "capital letters"),
        (b"", b"x", "no name"),
        (b"a b", b"x", "character that is not allowed"),
        (b"a:", b"x", "character that is not allowed"),
        (b"a\x00b", b"x", "character that is not allowed"),
        (b"a\r\n", b"x", "character that is not allowed"),
        (b"\xc3\xa9", b"x", "character that is not allowed"),
        (b"x", b"a\rb", "control character 0x0d"),
        (b"x", b"a\nb", "control character 0x0a"),
        (b"x", b"a\x00b", "control character 0x00"),
        (b"x", b"\x01", "control character 0x01"),
        (b"x", b"\x7f", "control character 0x7f"),
        (b"x", b" a", "blank"),
        (b"x", b"a\t", "blank"),
        (b"x", b" ", "blank"),
        (b"connection", b"close", "may not stand in HTTP/2"),
        (b"proxy-connection", b"keep-alive", "may not stand in HTTP/2"),
        (b"keep-alive", b"5", "may not stand in HTTP/2"),
        (b"transfer-encoding", b"chunked", "may not stand in HTTP/2"),
        (b"upgrade", b"websocket", "may not stand in HTTP/2"),
        (b"http2-settings", b"AAA", "may not stand in HTTP/2"),
        (b"te", b"gzip", "says more than «trailers»"),
        (b"te", b"trailers, deflate", "says more than «trailers»"),
        (b"content-length", b"+5", "not a number"),
        (b"content-length", b" 5", "blank"),
        (b"content-length", b"1_0", "not a number"),
        (b"content-length", b"0x10", "not a number"),
        (b"content-length", b"", "not a number"),
        (b"content-length", b"5, 5", "not a number"),
        (b"content-length", "\u0665".encode(), "not a number"),
        (b"content-length", b"9" * 20, "not a number"),
        (b"content-length", b"9" * 19, "too large"),
    ],
)
def test_a_field_that_is_malformed_in_requests_responses_and_trailers(name, value, words):
    for read in (
        lambda: request(*GET, (name, value)),
        lambda: read_response_head(fields(STATUS, (name, value)), b"GET", is_end=False),
        lambda: read_trailers(fields((name, value))),
    ):
        with pytest.raises(MalformedError) as caught:
            read()
        assert words in caught.value.text


@pytest.mark.parametrize("hidden", [(b"a\x00b\x00c", b"d"), (b"a", b"b\x00c\x00d"), (b"a", b"b\x00"), (b"\x00a", b"b")])
def test_no_field_hides_in_another(hidden):
    with pytest.raises(MalformedError):
        read_trailers(fields(hidden))


@pytest.mark.parametrize(
    ("pairs", "words"),
    [
        ([], "does not begin with «:status»"),
        ([(b"x", b"y"), STATUS], "does not begin with «:status»"),
        ([*GET], "does not begin with «:status»"),
        ([STATUS, STATUS], "«:status» stands where it may not"),
        ([STATUS, PATH], "«:path» stands where it may not"),
        ([(b":status", b"")], "not a status"),
        ([(b":status", b"20")], "not a status"),
        ([(b":status", b"099")], "not a status"),
        ([(b":status", b"2000")], "not a status"),
        ([(b":status", b"+20")], "not a status"),
        ([(b":status", b"200 OK")], "not a status"),
        ([(b":status", b"101")], "status 101"),
    ],
)
def test_a_response_that_is_malformed(pairs, words):
    with pytest.raises(MalformedError) as caught:
        read_response_head(fields(*pairs), b"GET", is_end=False)
    assert words in caught.value.text


def test_an_interim_response_does_not_end_the_stream():
    with pytest.raises(MalformedError, match="ends after an interim head"):
        read_response_head(fields((b":status", b"103")), b"GET", is_end=True)


@pytest.mark.parametrize("pairs", [[], GET, [STATUS], [(b":x", b"y")], [(b"x", b"y"), (b":path", b"/")]])
def test_trailers_have_no_pseudo_fields(pairs):
    if not pairs:
        assert read_trailers(()) == b""
        return
    with pytest.raises(MalformedError, match="pseudo-field"):
        read_trailers(fields(*pairs))


def test_a_length_must_be_that_of_the_body():
    length = (b"content-length", b"5")
    assert request(*GET, length).body_length == 5
    assert request(*GET, length, length).body_length == 5
    assert request(*GET, (b"content-length", b"0"), is_end=True).body_length == 0
    assert request(*GET).body_length == CHUNKED
    assert request(*GET, is_end=True).body_length == 0
    for wrong in ([length, (b"content-length", b"6")], [length, (b"content-length", b"05")]):
        with pytest.raises(MalformedError, match="twice"):
            request(*GET, *wrong)
    with pytest.raises(MalformedError, match="no body"):
        request(*GET, length, is_end=True)
    with pytest.raises(MalformedError, match="no body"):
        read_response_head(fields(STATUS, length), b"GET", is_end=True)


@pytest.mark.parametrize(
    ("status", "method"),
    [(b"200", b"HEAD"), (b"204", b"GET"), (b"304", b"GET"), (b"103", b"GET"), (b"200", b"CONNECT")],
)
def test_a_response_without_content_may_tell_a_length_all_the_same(status, method):
    head = read_response_head(fields((b":status", status), (b"content-length", b"5")), method, is_end=False)
    assert head.body_length == 0


def test_what_a_request_says():
    head = request(
        (b":method", b"OPTIONS"),
        SCHEME,
        (b":path", b"*"),
        (b"host", b"Shop.Test:8443"),
        (b"expect", b"100-Continue"),
        (b"max-forwards", b"3"),
        (b"te", b"trailers"),
        (b"cookie", b"a=1"),
        (b"cookie", b"b=2"),
    )
    assert (head.host, head.port, head.origin_target, head.scheme) == ("shop.test", 8443, b"*", "https")
    assert (head.expect_continue, head.max_forwards, head.version, head.notes) == (True, 3, "HTTP/2", "")
    assert head.raw.endswith(b"te: trailers\r\ncookie: a=1\r\ncookie: b=2\r\n\r\n")
    # RFC 9110 §10.1.1, §7.6.2: these mean nothing without a body, and with another method.
    head = request(*GET, (b"expect", b"100-continue"), (b"max-forwards", b"3"), is_end=True)
    assert (head.expect_continue, head.max_forwards) == (False, -1)


def test_a_path_that_is_not_ascii_is_kept_and_noted():
    head = request(*with_path(b"/caf\xc3\xa9"))
    assert head.origin_target == b"/caf\xc3\xa9"
    assert "not ASCII" in head.notes


@pytest.mark.parametrize(
    ("authority", "host", "port"),
    [
        (b"Shop.test", "shop.test", 443),
        (b"shop.test:8443", "shop.test", 8443),
        (b"[::1]:8443", "::1", 8443),
        (b"shop.test:", "shop.test", 443),
    ],
)
def test_the_authority_names_host_and_port(authority, host, port):
    head = request(*with_authority(authority, (b"host", authority.lower())))
    assert (head.host, head.port) == (host, port)


def test_hosts_that_name_the_same_agree():
    assert request(*with_authority(b"shop.test", (b"host", b"SHOP.test:443"))).host == "shop.test"


def test_an_extended_connect_needs_what_other_requests_need():
    protocol = (b":protocol", b"websocket")
    assert request(CONNECT, protocol, *GET[1:], may_extend=True).upgrade == b"websocket"
    for pairs in (
        [CONNECT, protocol, AUTHORITY, PATH],
        [CONNECT, protocol, SCHEME, AUTHORITY],
        [CONNECT, protocol, SCHEME, PATH, (b"host", b"shop.test")],
        [*GET, protocol],
        [CONNECT, (b":protocol", b"web socket"), *GET[1:]],
        [CONNECT, protocol, protocol, *GET[1:]],
    ):
        with pytest.raises(MalformedError):
            request(*pairs, may_extend=True)


def test_what_a_response_says():
    head = read_response_head(
        fields((b":status", b"401"), (b"content-type", b"text/html"), (b"www-authenticate", b"NTLM"), (b"x", b"")),
        b"GET",
        is_end=False,
    )
    assert (head.status, head.content_type, head.connection_auth, head.body_length) == (
        401,
        b"text/html",
        True,
        CHUNKED,
    )
    assert head.raw == b"HTTP/2 401\r\n:status: 401\r\ncontent-type: text/html\r\nwww-authenticate: NTLM\r\nx: \r\n\r\n"


def test_sections_that_are_remembered_are_told_apart():
    for value in (b"1", b"2", b"x" * 5000, b"1"):  # longer ones are not remembered
        assert request(*GET, (b"x", value)).raw.endswith(b"x: %b\r\n\r\n" % value)
