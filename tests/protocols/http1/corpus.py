"""Odd messages that parsers in the field were tried with, and our reading of each.

The inputs are of the kinds that llhttp, gunicorn and the published request-smuggling advisories use; the readings are ours
(RFC 9112). `messages` says target or status, body length and
body of each; `refusal` what comes behind them.
"""

from typing import NamedTuple

from proxy_core.protocols.part import CHUNKED, UNTIL_CLOSE


class Case(NamedTuple):
    """One input and its reading."""

    name: str
    data: bytes
    messages: list[tuple[bytes | int, int, bytes]]
    refusal: str | int | None = None  # status for requests, failure kind for responses
    eof: bool = False
    method: bytes = b"GET"


def _request(start: str, *lines: str, body: bytes = b"") -> bytes:
    return "\r\n".join([start, "Host: a.test", *lines, "", ""]).encode("latin-1") + body


def _response(start: str, *lines: str, body: bytes = b"") -> bytes:
    return "\r\n".join([start, *lines, "", ""]).encode("latin-1") + body


_CHUNKED = "Transfer-Encoding: chunked"
_PUT = "PUT /u HTTP/1.1"

REQUESTS = [
    # What is plainly good.
    Case("curl", _request("GET /test HTTP/1.1", "User-Agent: curl/7.18.0", "Accept: */*"), [(b"/test", 0, b"")]),
    Case("a field without a value", _request("GET /f HTTP/1.1", "X-Empty:"), [(b"/f", 0, b"")]),
    Case(
        "quotes in the target",
        _request('GET /with_"lovely"_quotes?foo="bar" HTTP/1.1'),
        [(b'/with_"lovely"_quotes?foo="bar"', 0, b"")],
    ),
    Case("two question marks", _request("GET /t?foo=bar?baz HTTP/1.1"), [(b"/t?foo=bar?baz", 0, b"")]),
    Case("a vertical bar", _request("GET /t?q=| HTTP/1.1"), [(b"/t?q=|", 0, b"")]),
    Case("a fragment", _request("GET /t?page=1#posts-17408 HTTP/1.1"), [(b"/t?page=1#posts-17408", 0, b"")]),
    Case("UTF-8 in the target", _request("GET /\xce\xb4\xc2\xb6/pope HTTP/1.1"), [(b"/\xce\xb4\xc2\xb6/pope", 0, b"")]),
    Case(
        "an odd spelling of a length",
        _request("GET /f HTTP/1.0", "conTENT-Length: 5", body=b"HELLO"),
        [(b"/f", 5, b"HELLO")],
    ),
    Case("blanks around a length", _request(_PUT, "Content-Length:  3 \t", body=b"abc"), [(b"/u", 3, b"abc")]),
    Case("zeroes before a length", _request(_PUT, "Content-Length: 003", body=b"abc"), [(b"/u", 3, b"abc")]),
    Case("a method of WebDAV", _request("REPORT /test HTTP/1.1"), [(b"/test", 0, b"")]),
    Case("a method that nobody knows", _request("MKCOLA / HTTP/1.1"), [(b"/", 0, b"")]),
    Case(
        "an underscore in a host",
        b"CONNECT home_0.a.test:443 HTTP/1.0\r\nUser-agent: x\r\n\r\n",
        [(b"home_0.a.test:443", 0, b"")],
    ),
    Case("capitals in a host", b"CONNECT HOME0.A.TEST:443 HTTP/1.0\r\n\r\n", [(b"HOME0.A.TEST:443", 0, b"")]),
    Case(
        "a length of nothing to CONNECT",
        b"CONNECT a.test:443 HTTP/1.0\r\nContent-Length: 0\r\n\r\n",
        [(b"a.test:443", 0, b"")],
    ),
    Case(
        "a host that a query ends",
        _request("GET http://a.test?hail=all HTTP/1.1"),
        [(b"http://a.test?hail=all", 0, b"")],
    ),
    Case(
        "a port that the target ends with",
        _request("GET http://a.test:1234 HTTP/1.1"),
        [(b"http://a.test:1234", 0, b"")],
    ),
    Case(
        "two requests, the first with a body",
        _request(_PUT, "Content-Length: 3", body=b"abc") + _request("GET /2 HTTP/1.1"),
        [(b"/u", 3, b"abc"), (b"/2", 0, b"")],
    ),
    Case(
        "an empty line between requests",
        _request(_PUT, "Content-Length: 4", body=b"q=42\r\n") + _request("GET /2 HTTP/1.1"),
        [(b"/u", 4, b"q=42"), (b"/2", 0, b"")],
    ),
    Case(
        "folded Connection",
        _request("GET /f HTTP/1.1", "Connection: Something,\r\n Upgrade, ,Keep-Alive", "Upgrade: WebSocket"),
        [(b"/f", 0, b"")],
    ),
    Case(
        "tokens in Connection",
        _request(_PUT, "Connection: close, token, upgrade, token, keep-alive"),
        [(b"/u", 0, b"")],
    ),
    Case(
        "an upgrade with a body",
        _request(_PUT, "Connection: upgrade", "Content-Length: 4", "Upgrade: ws", body=b"abcd"),
        [(b"/u", 4, b"abcd")],
    ),
    # Chunks.
    Case("a last chunk only", _request(_PUT, _CHUNKED, body=b"0\r\n\r\n"), [(b"/u", CHUNKED, b"")]),
    Case(
        "lower-case size",
        _request(_PUT, _CHUNKED, body=b"a\r\n0123456789\r\n0\r\n\r\n"),
        [(b"/u", CHUNKED, b"0123456789")],
    ),
    Case(
        "two digits",
        _request(_PUT, _CHUNKED, body=b"1e\r\nall your base are belong to us\r\n0\r\n\r\n"),
        [(b"/u", CHUNKED, b"all your base are belong to us")],
    ),
    Case(
        "three zeroes",
        _request(_PUT, _CHUNKED, body=b"5\r\nhello\r\n6\r\n world\r\n000\r\n\r\n"),
        [(b"/u", CHUNKED, b"hello world")],
    ),
    Case(
        "trailers",
        _request(_PUT, _CHUNKED, body=b"5\r\nhello\r\n0\r\nVary: *\r\nContent-Type: text/plain\r\n\r\n"),
        [(b"/u", CHUNKED, b"hello")],
    ),
    Case(
        "extensions, quoted and not",
        _request(
            _PUT,
            _CHUNKED,
            body=b'5;love;so="are";it="I \\"love\\"; \\\\x"\r\nhello\r\n6;blah;blah\r\n world\r\n0\r\n\r\n',
        ),
        [(b"/u", CHUNKED, b"hello world")],
    ),
    Case(
        "an extension without its name",
        _request(_PUT, _CHUNKED, body=b"2;\r\naa\r\n0\r\n\r\n"),
        [(b"/u", CHUNKED, b"aa")],
    ),
    Case(
        "an extension without its semicolon",
        _request(_PUT, _CHUNKED, body=b"2 erfr\r\naa\r\n0 rr\r\n\r\n"),
        [(b"/u", CHUNKED, b"")],
        400,
    ),
    Case(
        "a blank behind the size",
        _request(_PUT, _CHUNKED, body=b"a \r\n0123456789\r\n0\r\n\r\n"),
        [(b"/u", CHUNKED, b"")],
        400,
    ),
    Case(
        "CR CR behind the size",
        _request(_PUT, _CHUNKED, body=b"5\r\r;ABCD\r\n34\r\nE\r\n0\r\n\r\n"),
        [(b"/u", CHUNKED, b"")],
        400,
    ),
    Case("LF behind the size", _request(_PUT, _CHUNKED, body=b"3 \n  \r\n\\\r\nfoo\r\n"), [(b"/u", CHUNKED, b"")], 400),
    Case(
        "no CRLF behind the data",
        _request(_PUT, _CHUNKED, body=b"5\r\nABCDE0\r\n\r\n"),
        [(b"/u", CHUNKED, b"ABCDE")],
        400,
    ),
    Case("no last chunk", _request(_PUT, _CHUNKED, body=b"3\r\nfoo\r\n\r\n"), [(b"/u", CHUNKED, b"foo")], 400),
    Case("a size like C's", _request(_PUT, _CHUNKED, body=b"0x5\r\nhello\r\n0\r\n\r\n"), [(b"/u", CHUNKED, b"")], 400),
    Case(
        "a size like Python's",
        _request(_PUT, _CHUNKED, body=b"1_0\r\nhello\r\n0\r\n\r\n"),
        [(b"/u", CHUNKED, b"")],
        400,
    ),
    Case(
        "a size that overflows 64 bits",
        _request(_PUT, _CHUNKED, body=b"fffffffffffffffff\r\nx"),
        [(b"/u", CHUNKED, b"")],
        400,
    ),
    # Framing that two readers would read differently.
    Case("length and coding", _request(_PUT, "Content-Length: 5", _CHUNKED, body=b"0\r\n\r\n"), [], 400),
    Case(
        "length and identity",
        _request(_PUT, "Transfer-Encoding: identity", "Content-Length: 5", body=b"World"),
        [],
        400,
    ),
    Case(
        "length and empty codings",
        _request(_PUT, "Content-Length: 10", *["Transfer-Encoding:"] * 3, body=b"2\r\nAA\r\n0\r\n\r\n"),
        [],
        400,
    ),
    Case("an unknown coding", _request(_PUT, "Transfer-Encoding: pigeons"), [], 400),
    Case(
        "an unknown coding before chunked",
        _request(_PUT, "Transfer-Encoding: deflate, chunked", body=b"0\r\n\r\n"),
        [],
        501,
    ),
    Case("… on two lines", _request(_PUT, "Transfer-Encoding: deflate", _CHUNKED, body=b"0\r\n\r\n"), [], 501),
    Case("chunked before another coding", _request(_PUT, "Transfer-Encoding: chunked, deflate"), [], 400),
    Case("… on two lines, the other way", _request(_PUT, _CHUNKED, "Transfer-Encoding: deflate"), [], 400),
    Case("chunked twice in a word", _request(_PUT, "Transfer-Encoding: chunkedchunked"), [], 400),
    Case("a fold behind chunked", _request(_PUT, _CHUNKED + "\r\n  abc", body=b"5\r\nWorld\r\n0\r\n\r\n"), [], 400),
    Case("a length that overflows", _request(_PUT, "Content-Length: 1000000000000000000000"), [], 400),
    Case("two lengths", _request(_PUT, "Content-Length: 1", "Content-Length: 2", body=b"ab"), [], 400),
    Case("two numbers in a length", _request(_PUT, "Content-Length: 4 2"), [], 400),
    Case("an empty length", _request(_PUT, "Content-Length:"), [], 400),
    Case("a blank before the colon", _request(_PUT, "Content-Length : 4", body=b"abcd"), [], 400),
    Case("CR for a dash", _request(_PUT, "Content\rLength: 003", body=b"abc"), [], 400),
    Case("a body to CONNECT", b"CONNECT a.test:443 HTTP/1.0\r\nContent-Length: 10\r\n\r\nblarfcicle", [], 400),
    # Lines that two readers would cut differently.
    Case("fields parted by CR", _request("GET / HTTP/1.1", "Foo: 1\rBar: 2"), [], 400),
    Case(
        "fields parted by LF", _request(_PUT, "x:x\nTransfer-Encoding: chunked", body=b"1\r\nA\r\n0\r\n\r\n"), [], 400
    ),
    Case("an empty field and LF", _request(_PUT, "x:\nTransfer-Encoding: chunked"), [], 400),
    Case("an empty field and CR", _request(_PUT, "x:\rTransfer-Encoding: chunked"), [], 400),
    Case(
        "CR and a letter for the empty line",
        b"GET / HTTP/1.1\r\nHost: a\r\n\rZGET /evil: HTTP/1.1\r\nHost: a\r\n\r\n",
        [],
        400,
    ),
    Case("CR before the body", b"PUT /u HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\rabc\r\n\r\n", [], 400),
    Case("CR for a dash in a value", _request(_PUT, "Connection: keep\ralive"), [], 400),
    Case("a folded name", _request("GET / HTTP/1.1", "name\r\n : value"), [], 400),
    Case("an at sign in a name", _request("GET / HTTP/1.1", "Fo@: Failure"), [], 400),
    Case("a control in a name", _request("GET / HTTP/1.1", "Foo\x01test: Bar"), [], 400),
    Case("no name", _request("GET / HTTP/1.1", ": Bar"), [], 400),
    Case("a name that is garbage", _request("GET / HTTP/1.1", "Connection\r\x1b\x35\xd5eep-Alive"), [], 400),
    # Start lines.
    Case("ICE", _request("GET /music ICE/1.0"), [], 400),
    Case("RTSP", _request("PUT /music RTSP/1.0"), [], 400),
    Case("not quite HTTP", _request("GET /music IHTTP/1.0"), [], 400),
    Case("HTTP/2's preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", [], 505),
    Case("a blank in the target", _request("GET /foo bar/ HTTP/1.1"), [], 400),
    Case("user and password", _request("GET http://a%12:b!&*$@a.test:1234/toto HTTP/1.1"), [], 400),
    Case("M-SEARCH for all", _request("M-SEARCH * HTTP/1.1"), [], 400),
    Case("HTTP/0.9", b"GET /\r\n\r\n", [], 400),
]

RESPONSES = [
    Case(
        "a length and a close",
        _response("HTTP/1.1 200 OK", "Content-Length: 11", "Proxy-Connection: close", body=b"hello world"),
        [(200, 11, b"hello world")],
    ),
    Case(
        "until the close",
        _response("HTTP/1.1 200 OK", body=b"HTTP/1.1 200 OK"),
        [(200, UNTIL_CLOSE, b"HTTP/1.1 200 OK")],
        eof=True,
    ),
    Case(
        "… in HTTP/1.0, though it would stay",
        _response("HTTP/1.0 200 OK", "Connection: keep-alive", body=b"abc"),
        [(200, UNTIL_CLOSE, b"abc")],
        eof=True,
    ),
    Case(
        "204, and what follows is no body",
        _response("HTTP/1.1 204 No content", body=b"HTTP/1.1 200 OK\r\n\r\n"),
        [(204, 0, b"")],
    ),
    Case("304 with a length", _response("HTTP/1.1 304 Not Modified", "Content-Length: 10"), [(304, 0, b"")]),
    Case("304 with a coding", _response("HTTP/1.1 304 Not Modified", _CHUNKED), [(304, 0, b"")]),
    Case(
        "100 and then 404",
        _response("HTTP/1.1 100 Continue") + _response("HTTP/1.1 404 Not Found", "Content-Length: 3", body=b"404"),
        [(100, 0, b""), (404, 3, b"404")],
    ),
    Case(
        "103 and then 200",
        _response("HTTP/1.1 103 Early Hints", "Link: </s.css>; rel=preload")
        + _response("HTTP/1.1 200 OK", "Content-Length: 2", body=b"ok"),
        [(103, 0, b""), (200, 2, b"ok")],
    ),
    Case(
        "101 with a length",
        _response(
            "HTTP/1.1 101 Switching Protocols", "Connection: upgrade", "Upgrade: h2c", "Content-Length: 4", body=b"body"
        ),
        [(101, 0, b"")],
    ),
    Case(
        "200 with an upgrade",
        _response("HTTP/1.1 200 OK", "Connection: upgrade", "Upgrade: h2c", "Content-Length: 4", body=b"body"),
        [(200, 4, b"body")],
    ),
    Case(
        "a name that only begins like a length",
        _response("HTTP/1.1 200 OK", "Content-Length-X: 0", _CHUNKED, body=b"2\r\nOK\r\n0\r\n\r\n"),
        [(200, CHUNKED, b"OK")],
    ),
    Case("tabs around a length", _response("HTTP/1.1 200 OK", "Content-Length:\t2\t", body=b"ok"), [(200, 2, b"ok")]),
    Case("no reason", _response("HTTP/1.1 301", "Content-Length: 0"), [(301, 0, b"")]),
    Case("an empty reason", _response("HTTP/1.1 200 ", "Content-Length: 0"), [(200, 0, b"")]),
    Case("two blanks before the reason", _response("HTTP/1.1 200  OK", "Content-Length: 0"), [(200, 0, b"")]),
    Case(
        "an underscore in a name",
        _response("HTTP/1.1 200 OK", "DCLK_imp: v7;x;~~cs=o", "Content-Length: 0"),
        [(200, 0, b"")],
    ),
    Case(
        "a dollar in a name",
        _response("HTTP/1.1 200 OK", "X-$PrototypeBI-Version: 1.6.0.3", "Content-Length: 0"),
        [(200, 0, b"")],
    ),
    Case("LF for every line end", b"HTTP/1.1 200 OK\nFoo: abc\nContent-Length: 4\n\nBODY", [(200, 4, b"BODY")]),
    Case("a HEAD with a length", _response("HTTP/1.1 200 OK", "Content-Length: 5"), [(200, 0, b"")], method=b"HEAD"),
    Case(
        "extensions",
        _response("HTTP/1.1 200 OK", _CHUNKED, body=b"5;a;b=c\r\nhello\r\n0\r\n\r\n"),
        [(200, CHUNKED, b"hello")],
    ),
    Case(
        "a blank behind the size",
        _response("HTTP/1.1 200 OK", _CHUNKED, body=b"25  \r\nThis"),
        [(200, CHUNKED, b"")],
        "http_response_transfer_coding",
    ),
    Case(
        "an extension without its semicolon",
        _response("HTTP/1.1 200 OK", _CHUNKED, body=b"2 e\r\naa\r\n"),
        [(200, CHUNKED, b"")],
        "http_response_transfer_coding",
    ),
    Case(
        "chunked before another coding",
        _response("HTTP/1.1 200 OK", "Transfer-Encoding: chunked, deflate"),
        [],
        "http_response_transfer_coding",
    ),
    Case(
        "… on two lines",
        _response("HTTP/1.1 200 OK", _CHUNKED, "Transfer-Encoding: identity"),
        [],
        "http_response_transfer_coding",
    ),
    Case(
        "a fold behind chunked",
        _response("HTTP/1.1 200 OK", _CHUNKED + "\r\n  abc"),
        [],
        "http_response_transfer_coding",
    ),
    Case("length and coding", _response("HTTP/1.1 200 OK", "Content-Length: 5", _CHUNKED), [], "http_protocol_error"),
    Case("a misspelt protocol", _response("HTP/1.1 200 OK"), [], "http_protocol_error"),
    Case("two digits in the major version", _response("HTTP/01.1 200 OK"), [], "http_protocol_error"),
    Case("two digits in the minor version", _response("HTTP/1.01 200 OK"), [], "http_protocol_error"),
    Case("a tab behind the version", _response("HTTP/1.1\t200 OK"), [], "http_protocol_error"),
    Case("CR first", _response("\rHTTP/1.1 200 OK"), [], "http_protocol_error"),
    Case("fields parted by CR", _response("HTTP/1.1 200 OK", "Foo: 1\rBar: 2"), [], "http_protocol_error"),
    Case("CR for the first line end", _response("HTTP/1.1 200 OK\rContent-Length: 0"), [], "http_protocol_error"),
    Case("CR twice", _response("HTTP/1.1 200 OK\r\rContent-Length: 4", body=b"Evil"), [], "http_protocol_error"),
    Case("a version that isn't", _response("HTTP/5.6 200 OK"), [], "http_protocol_error"),
    Case("a blank before the first field", _response("HTTP/1.1 200 OK", " Host: foo"), [], "http_protocol_error"),
    Case("one digit of status", _response("HTTP/1.1 2 OK"), [], "http_protocol_error"),
    Case(
        "a blank within a name", _response("HTTP/1.1 200 OK", "en-US Content-Type: text/xml"), [], "http_protocol_error"
    ),
    Case("RTSP", _response("RTSP/1.1 200 OK"), [], "http_protocol_error"),
    Case("ICE", _response("ICE/1.1 200 OK"), [], "http_protocol_error"),
]
