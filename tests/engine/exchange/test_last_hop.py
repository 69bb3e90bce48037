"""TRACE and OPTIONS with `Max-Forwards: 0` are for us (RFC 9110 §7.6.2), and tell nobody's secrets (§9.3.8)."""

import pytest

from proxy_core.model.exchange import ExchangeFlag, ExchangeState

SECRETS = b"Cookie: a=secret\r\nAuthorization: Basic secret\r\nProxy-Authorization: Basic secret\r\n"


def test_trace_comes_back_without_credentials(house):
    client = house.http1_client()
    request = b"TRACE http://shop.test/%b HTTP/1.1\r\nHost: shop.test\r\nMax-Forwards: 0\r\nX-Odd:  kept\r\n"
    target = b"x" * 60_000
    client.sends(request % target + SECRETS + b"\r\n")
    head = client.reads_head()
    assert head.startswith(b"HTTP/1.1 200 OK\r\nContent-Type: message/http\r\n")
    length = int(head.split(b"Content-Length: ")[1].split(b"\r\n")[0])
    body = client.reads(length)
    assert body.startswith(b"TRACE http://shop.test/%b HTTP/1.1\r\n" % target)
    assert b"X-Odd: kept\r\n" in body
    assert b"secret" not in body
    assert not house.connections
    ((row, _),) = house.recorded()
    assert (row.state, row.status) == (ExchangeState.COMPLETE, 200)
    assert row.flags & ExchangeFlag.OWN_RESPONSE


def test_options_say_what_we_can(house):
    client = house.http1_client()
    client.sends(b"OPTIONS http://shop.test HTTP/1.1\r\nHost: shop.test\r\nMax-Forwards: 0\r\n\r\n")
    assert b"\r\nAllow: " in client.reads_head()
    assert not house.connections


@pytest.mark.parametrize("method", [b"TRACE", b"OPTIONS"])
def test_in_http2_too(house, method):
    client = house.http2_client()
    fields = [(b":method", method), (b":authority", b"shop.test"), (b":scheme", b"http"), (b":path", b"/x")]
    secrets = [(b"cookie", b"a=secret"), (b"authorization", b"Basic secret")]
    answer = client.answer(client.requests([*fields, (b"max-forwards", b"0"), *secrets]))
    assert answer.status == 200
    assert b"secret" not in answer.body
    assert not house.connections


def test_with_another_method_it_means_nothing(house):
    client = house.http1_client()
    client.sends(b"GET http://shop.test/ HTTP/1.1\r\nHost: shop.test\r\nMax-Forwards: 0\r\n\r\n")
    assert b"\r\nMax-Forwards: 0\r\n" in house.upstream().reads_head()
