"""Requests that come all at once, good and bad (RFC 9112 §9.3.2): answered in order up to the first that is none."""

import pytest

from proxy_core.model.exchange import ExchangeState

GOOD = 49
BAD = [
    b"GET / HTTP/1.1\r\nHost : x\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"\x00\r\n\r\n",
]


@pytest.mark.parametrize("bad", BAD)
def test_fifty_of_which_one_is_none(proxy, start_origin, bad):
    received: list[bytes] = []

    def script(upstream):
        while head := upstream.reads_head():
            body = upstream.sock.recv(5) if head.startswith(b"POST") else b""
            received.append(head.split(b" ", 2)[1] + body)
            upstream.sends(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n%02d" % (len(received) - 1))

    origin = start_origin(script)
    authority = b"127.0.0.1:%d" % origin.port

    def request(number: int, *, has_body: bool) -> bytes:
        method, length, body = (b"POST", b"Content-Length: 5\r\n", b"hello") if has_body else (b"GET", b"", b"")
        return b"%b http://%b/%d HTTP/1.1\r\nHost: %b\r\n%b\r\n%b" % (
            method,
            authority,
            number,
            authority,
            length,
            body,
        )

    client = proxy.connect()
    sent = b"".join(request(number, has_body=number % 3 == 1) for number in range(GOOD))
    client.sends(sent + bad + request(GOOD, has_body=False))
    for number in range(GOOD):
        client.sees(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n%02d" % number)
    answer = client.reads_to_end()
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.count(b"HTTP/1.1 ") == 1
    assert received == [b"/%d" % number + (b"hello" if number % 3 == 1 else b"") for number in range(GOOD)]
    exchanges = proxy.finished(GOOD + 1)
    assert [each.row.state for each in exchanges] == [ExchangeState.COMPLETE] * GOOD + [ExchangeState.FAILED]
    assert exchanges[-1].detail.request.head == bad[: len(exchanges[-1].detail.request.head)]
    received.clear()
    client = proxy.connect()
    client.sends(request(0, has_body=False))
    client.sees(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n00")
