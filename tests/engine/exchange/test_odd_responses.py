"""Responses that no origin should send: each a 502 with its reason, or passed on as the standard says, and told."""

import pytest

from proxy_core.model.exchange import ExchangeFlag, ExchangeState
from tests.support.tls_conversation import connect_through, https_origin

OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nhi"
EARLY = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


def answering(start_origin, response: bytes):
    def script(upstream):
        upstream.reads_head()
        upstream.sends(response)
        upstream.reads_to_end()

    return start_origin(script)


def ask(proxy, origin, *lines: bytes):
    client = proxy.connect()
    authority = b"127.0.0.1:%d" % origin.port
    client.sends(b"\r\n".join((b"GET http://%b/ HTTP/1.1" % authority, b"Host: " + authority, *lines, b"", b"")))
    return client


@pytest.mark.parametrize("interim", [b"", EARLY, CONTINUE * 2, EARLY * 5, CONTINUE + EARLY + CONTINUE])
@pytest.mark.parametrize("expect", [(), (b"Expect: 100-continue",) * 2])
def test_up_to_five_interim_ones_whether_asked_for_or_not(proxy, start_origin, interim, expect):
    client = ask(proxy, answering(start_origin, interim + OK), *expect)
    client.sees(interim + OK)
    exchange = proxy.only()
    assert exchange.row.state == ExchangeState.COMPLETE
    assert (exchange.detail.interim or b"").count(b"HTTP/1.1 1") == interim.count(b"HTTP/1.1 1")


def test_interim_ones_without_end(proxy, start_origin):
    client = ask(proxy, answering(start_origin, EARLY * 1000))
    answer = client.reads_head()
    while b" 103 " in answer:
        answer = client.reads_head()
    assert answer.startswith(b"HTTP/1.1 502 ")
    assert b"error=http_protocol_error" in answer
    assert proxy.only().row.failure == "http_protocol_error"


@pytest.mark.parametrize("large", [b"X: " + b"x" * (1 << 20), b"X: y\r\n" * 2000, b"x" * (1 << 20)])
def test_a_head_that_is_too_large(proxy, start_origin, large):
    def script(upstream):
        upstream.reads_head()
        try:
            upstream.sends(b"HTTP/1.1 200 OK\r\n" + large + b"\r\n\r\n")
        except OSError:
            pass  # it is not read to its end

    client = ask(proxy, start_origin(script))
    assert b"error=http_response_header_section_size" in client.reads_response()[0]
    exchange = proxy.only()
    assert exchange.row.failure == "http_response_header_section_size"


@pytest.mark.parametrize("lines", [(), (b"Upgrade: websocket",), (b"Connection: Upgrade", b"Upgrade: h2c")])
def test_a_switch_of_protocols_that_nobody_asked_for(proxy, start_origin, lines):
    """RFC 9110 §7.8. What was asked of us and went no further (h2c) counts as not asked."""
    switch = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\nwhatever"
    client = ask(proxy, answering(start_origin, switch), *lines)
    head, body = client.reads_response()
    assert head.startswith(b"HTTP/1.1 502 ")
    assert b"had not asked for it" in body
    assert proxy.only().row.failure == "http_protocol_error"


@pytest.mark.parametrize("says_goodbye", [True, False])
def test_what_ends_with_a_tls_connection_ends_with_its_goodbye(
    start_proxy, start_origin, trusting, example_ca, says_goodbye
):
    """RFC 9112 §9.8: without a close_notify nobody knows whether that was all."""

    def handle(pipe):
        pipe.reads_head()
        pipe.sends(b"HTTP/1.1 200 OK\r\n\r\nhello")
        if says_goodbye:
            pipe.says_goodbye()

    origin = https_origin(start_origin, example_ca.leaf("localhost"), handle)
    proxy = start_proxy(settings=trusting)
    pipe = connect_through(proxy, "localhost", origin.port)
    pipe.sends(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    pipe.reads_head()
    exchange = proxy.only()
    assert exchange.response_body == b"hello"
    if says_goodbye:
        assert exchange.row.state == ExchangeState.COMPLETE
    else:
        assert (exchange.row.state, exchange.row.failure) == (ExchangeState.FAILED, "http_response_incomplete")
        assert exchange.row.flags & ExchangeFlag.RESPONSE_INCOMPLETE
