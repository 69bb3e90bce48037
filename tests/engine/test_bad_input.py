"""What breaks the protocol gets a clear answer, is shown, and takes nothing else with it."""

import contextlib
import re

import pytest
from gevent import socket
from gevent.event import Event

from proxy_core.model.exchange import ExchangeFlag, ExchangeKind, ExchangeState
from tests.support.conversation import wait_for

OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nhi"
GOOD = b"GET http://127.0.0.1:9/ HTTP/1.1\r\nHost: 127.0.0.1:9\r\n"


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        pytest.param(b"\x00\x01\x02\x03 garbage\r\n\r\n", 400, id="garbage"),
        pytest.param(
            b"\x16\x03\x01\x02\x00\x02\x00\x01\xfc\x03\x03" + b"\x00" * 40, 400, id="TLS without a ClientHello"
        ),
        pytest.param(b"SSH-2.0-OpenSSH_9.2\r\n\r\n", 400, id="another protocol"),
        pytest.param(b"GET  http://127.0.0.1:9/ HTTP/1.1\r\nHost: a\r\n\r\n", 400, id="two spaces"),
        pytest.param(b"GET http://127.0.0.1:9/ HTTP/1.1\nHost: 127.0.0.1:9\n\n", 400, id="bare LF"),
        pytest.param(GOOD + b"X-Odd: a\x00b\r\n\r\n", 400, id="NUL in a value"),
        pytest.param(GOOD + b"X Odd: a\r\n\r\n", 400, id="a blank in a name"),
        pytest.param(GOOD + b"X-Odd : a\r\n\r\n", 400, id="a blank before the colon"),
        pytest.param(GOOD + b"no colon\r\n\r\n", 400, id="no colon"),
        pytest.param(GOOD + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", 400, id="CL and TE"),
        pytest.param(GOOD + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\n", 400, id="two lengths"),
        pytest.param(GOOD + b"Content-Length: +3\r\n\r\n", 400, id="a length with a sign"),
        pytest.param(GOOD + b"Transfer-Encoding: chunked, identity\r\n\r\n", 400, id="chunked is not the last"),
        pytest.param(GOOD + b"Transfer-Encoding: gzip, chunked\r\n\r\n", 501, id="unknown coding"),
        pytest.param(GOOD + b"Expect: the-unexpected\r\n\r\n", 417, id="expectation"),
        pytest.param(GOOD + b"X-Large: " + b"a" * (1 << 20) + b"\r\n\r\n", 431, id="1 MB of header"),
        pytest.param(GOOD + b"X: y\r\n" * 2000 + b"\r\n", 431, id="2000 fields"),
        pytest.param(b"GET http://127.0.0.1:9/" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n", 414, id="a long line"),
        pytest.param(b"GET http://127.0.0.1:9/ HTTP/2.0\r\n\r\n", 505, id="HTTP/2 by name"),
        pytest.param(b"GET http://a@127.0.0.1:9/ HTTP/1.1\r\nHost: a\r\n\r\n", 400, id="user information"),
        pytest.param(b"GET ftp://127.0.0.1:9/ HTTP/1.1\r\nHost: a\r\n\r\n", 400, id="another scheme"),
        pytest.param(b"CONNECT 127.0.0.1 HTTP/1.1\r\nHost: a\r\n\r\n", 400, id="CONNECT without a port"),
    ],
)
def test_a_request_that_is_none(proxy, sent, status):
    client = proxy.connect()
    try:
        client.sends(sent)
    except OSError:
        pass  # it has answered and closed before all was sent
    answer = client.reads_to_end()
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert re.search(rb"\r\nProxy-Status: harrier; error=", answer, re.IGNORECASE)
    exchange = proxy.only()
    assert exchange.row.state == ExchangeState.FAILED
    assert exchange.row.flags & ExchangeFlag.OWN_RESPONSE
    assert exchange.detail.failure_text
    assert exchange.detail.request.head[:20] == sent[:20]


@pytest.mark.parametrize("chunk", [b"xyz\r\n", b"-1\r\n", b"3\nabc", b"3\r\nabcdef\r\n", b"f" * 20 + b"\r\n"])
def test_bad_chunks_in_a_request(proxy, start_origin, chunk):
    def script(upstream):
        with contextlib.suppress(ConnectionResetError):  # what is cut off must look so
            upstream.reads_head()
            upstream.reads_to_end()

    origin = start_origin(script)
    client = proxy.connect()
    authority = b"127.0.0.1:%d" % origin.port
    client.sends(b"POST http://%b/ HTTP/1.1\r\nHost: %b\r\n" % (authority, authority))
    client.sends(b"Transfer-Encoding: chunked\r\n\r\n" + chunk)
    assert client.reads_to_end().startswith(b"HTTP/1.1 400 ")
    exchange = proxy.only()
    assert (exchange.row.state, exchange.row.failure) == (ExchangeState.FAILED, "http_request_error")


@pytest.mark.parametrize(
    ("sent", "failure"),
    [
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "transfer_coding", id="bad chunk"),
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", "incomplete", id="cut chunk"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", "incomplete", id="shorter than announced"),
    ],
)
def test_a_response_that_breaks_off_never_looks_whole(proxy, start_origin, sent, failure):
    def script(upstream):
        upstream.reads_head()
        upstream.sends(sent)

    origin = start_origin(script)
    client = proxy.connect()
    client.sends(b"GET http://127.0.0.1:%d/ HTTP/1.1\r\nHost: a\r\n\r\n" % origin.port)
    answer = client.reads_to_end()
    assert not answer.endswith(b"0\r\n\r\n")
    exchange = proxy.only()
    assert exchange.row.state == ExchangeState.FAILED
    assert exchange.row.failure.endswith(failure)


def test_more_than_was_announced_is_not_the_next_answer(proxy, start_origin):
    def script(upstream):
        upstream.reads_head()
        upstream.sends(OK + b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
        upstream.reads_to_end()

    origin = start_origin(script)
    client = proxy.connect()
    request = b"GET http://127.0.0.1:%d/ HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n" % (origin.port, origin.port)
    client.sends(request)
    client.sees(OK)
    client.sends(request)
    client.sees(OK)
    assert origin.connections == 2


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
def test_a_status_without_a_body_ends_at_its_head_whatever_the_length_says(proxy, start_origin, status):
    def script(upstream):
        for _ in range(2):
            upstream.reads_head()
            upstream.sends(b'HTTP/1.1 %b\r\nContent-Length: 5\r\nETag: "a"\r\n\r\n' % status)

    origin = start_origin(script)
    client = proxy.connect()
    request = b"GET http://127.0.0.1:%d/ HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n" % (origin.port, origin.port)
    for _ in range(2):
        client.sends(request)
        assert client.reads_head().startswith(b"HTTP/1.1 " + status)
    assert [each.row.state for each in proxy.finished(2)] == [ExchangeState.COMPLETE] * 2
    assert origin.connections == 1


@pytest.mark.parametrize("sent", [b"", b"HTTP/1.1 2", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"])
def test_an_upstream_that_resets(proxy, start_origin, sent):
    def script(upstream):
        upstream.reads_head()
        upstream.sends(sent)
        if sent:
            seen.wait(5)
        upstream.resets()

    seen = Event()
    origin = start_origin(script)
    client = proxy.connect()
    client.sends(b"POST http://127.0.0.1:%d/ HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n" % origin.port)
    if b"abc" in sent:
        assert client.reads_head().startswith(b"HTTP/1.1 200 ")
        client.sees(b"abc")
        seen.set()
        client.sees_end()
        assert proxy.only().response_body == b"abc"
    else:
        seen.set()
        assert client.reads_response()[0].startswith(b"HTTP/1.1 502 ")
    exchange = proxy.only()
    assert (exchange.row.state, exchange.row.failure) == (ExchangeState.FAILED, "connection_terminated")


def test_a_response_without_end_goes_on_until_the_client_leaves(proxy, start_origin):
    def script(upstream):
        upstream.reads_head()
        upstream.sends(b"HTTP/1.1 200 OK\r\n\r\n")
        try:
            while True:
                upstream.sends(b"again and again " * 256)
        except OSError:
            ended.append(True)

    ended: list[bool] = []
    origin = start_origin(script)
    client = proxy.connect()
    client.sends(b"GET http://127.0.0.1:%d/ HTTP/1.1\r\nHost: a\r\n\r\n" % origin.port)
    client.reads_head()
    received = 0
    while received < 1 << 20:
        received += len(client.sock.recv(65536))
    client.resets()
    exchange = proxy.only()
    assert (exchange.row.state, exchange.row.failure) == (ExchangeState.FAILED, "client_closed")
    assert exchange.row.response_bytes >= 1 << 20
    assert len(exchange.response_body) == exchange.row.response_bytes
    wait_for(lambda: bool(ended))


def test_an_origin_at_an_ipv6_address(proxy, start_origin):
    def script(upstream):
        heads.append(upstream.reads_head())
        upstream.sends(OK)

    heads: list[bytes] = []
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine's loopback has no IPv6")
    origin = start_origin(script, host="::1")
    client = proxy.connect()
    authority = b"[::1]:%d" % origin.port
    client.sends(b"GET http://%b/six HTTP/1.1\r\nHost: %b\r\n\r\n" % (authority, authority))
    client.sees(OK)
    assert heads[0].startswith(b"GET /six HTTP/1.1\r\nHost: " + authority)
    exchange = proxy.only()
    assert (exchange.row.host, exchange.row.port, exchange.row.kind) == ("::1", origin.port, ExchangeKind.HTTP)
