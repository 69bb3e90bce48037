"""TLS to the proxy itself (an `https://` proxy): what is spoken inside is what may be spoken without."""

import ssl

import gevent
import pytest

from proxy_core.engine.limits import Limits
from tests.support.conversation import wait_for
from tests.support.tls_conversation import ESTABLISHED, OK, answer_all, https_origin, tls_inside, tls_over


def answering(start_origin):
    def script(upstream):
        while upstream.reads_head():
            upstream.sends(OK)

    return start_origin(script)


@pytest.mark.parametrize("name", ["proxy.test", None])
def test_a_request_inside(proxy, start_origin, name):
    origin = answering(start_origin)
    pipe = tls_over(proxy, proxy.connect(), name)
    subject = pipe.tls.getpeercert()["subjectAltName"]
    assert subject == ((("DNS", "proxy.test"),) if name else (("IP Address", "127.0.0.1"),))
    for _ in range(2):
        pipe.sends(b"GET http://127.0.0.1:%d/x HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n" % (origin.port, origin.port))
        assert pipe.reads_exactly(len(OK)) == OK
    exchange, _ = proxy.finished(2)
    assert (exchange.row.scheme, exchange.row.path) == ("http", "/x")
    assert proxy.connections[exchange.detail.client_connection].tls is not None


def test_interception_inside_a_connect_inside(start_proxy, start_origin, trusting, example_ca):
    origin = https_origin(start_origin, example_ca.leaf("localhost"), answer_all)
    proxy = start_proxy(settings=trusting)
    outer = tls_over(proxy, proxy.connect(), None)
    outer.sends(b"CONNECT localhost:%d HTTP/1.1\r\nHost: x\r\n\r\n" % origin.port)
    assert outer.reads_exactly(len(ESTABLISHED)) == ESTABLISHED
    inner = tls_inside(proxy, outer, "localhost")
    inner.sends(b"GET /x HTTP/1.1\r\nHost: localhost:%d\r\n\r\n" % origin.port)
    assert inner.reads_exactly(len(OK)) == OK
    exchange = proxy.only()
    assert (exchange.row.scheme, exchange.row.host, exchange.row.path) == ("https", "localhost", "/x")


def test_socks_inside(proxy, start_origin):
    origin = answering(start_origin)
    pipe = tls_over(proxy, proxy.connect(), None)
    pipe.sends(b"\5\1\0")
    assert pipe.reads_exactly(2) == b"\5\0"
    pipe.sends(b"\5\1\0\1\x7f\0\0\1" + origin.port.to_bytes(2, "big"))
    assert pipe.reads_exactly(10)[:2] == b"\5\0"
    pipe.sends(b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n")
    assert pipe.reads_exactly(len(OK)) == OK
    assert proxy.only().row.path == "/x"


def test_there_is_no_proxy_behind_the_proxy(proxy):
    outer = tls_over(proxy, proxy.connect(), None)
    with pytest.raises((ssl.SSLError, EOFError)):
        tls_inside(proxy, outer, "proxy.test")
    assert proxy.only().row.failure == "http_request_error"


def test_a_web_browser_that_is_lost_is_told_so(proxy):
    pipe = tls_over(proxy, proxy.connect(), None)
    pipe.sends(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    assert pipe.reads_head().startswith(b"HTTP/1.1 400 ")


class TestHandshakesThatFail:
    def test_a_client_that_does_not_trust_us(self, proxy):
        client = proxy.connect()
        with pytest.raises((ssl.SSLError, EOFError)):
            tls_over(proxy, client, "proxy.test", trust=False)
        client.closes()
        exchange = proxy.only()
        assert exchange.row.failure == "client_refused_certificate"
        assert (exchange.row.host, exchange.row.port) == ("proxy.test", proxy.port)

    def test_a_hello_that_never_ends(self, start_proxy):
        proxy = start_proxy(limits=Limits(client_tls_s=0.2))
        client = proxy.connect()
        client.sends(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
        with gevent.Timeout(10):
            client.sees_end()
        exchange = proxy.only()
        assert exchange.row.failure == "client_timeout"
        assert "ClientHello" in exchange.detail.failure_text

    @pytest.mark.parametrize(
        ("leaves", "failure", "word"),
        [("closes", "http_request_error", "does not begin with a method"), ("resets", "client_closed", "ClientHello")],
    )
    def test_half_a_hello(self, proxy, leaves, failure, word):
        client = proxy.connect()
        client.sends(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
        wait_for(lambda: proxy.connections)  # it is told a tick later: what was sent has been read by then
        getattr(client, leaves)()
        exchange = proxy.only()
        assert exchange.row.failure == failure
        assert word in exchange.detail.failure_text
        wait_for(lambda: not proxy.worker.serves)

    def test_silence_is_no_exchange(self, start_proxy):
        proxy = start_proxy(limits=Limits(idle_s=0))
        client = proxy.connect()
        with gevent.Timeout(10):
            client.sees_end()
        assert not proxy.exchanges
