"""Peers that take nothing, or say nothing, where they should: each wait has its end, and what was waited for is told."""

import contextlib

import h2.events
import h2.settings
import pytest

from proxy_core.engine.limits import Limits
from proxy_core.model.exchange import ExchangeFlag, ExchangeState
from tests.support.conversation import wait_for
from tests.support.http2_peer import Fields, Http2Peer
from tests.support.tls_conversation import BioPipe, connect_through, https_origin

SHORT = Limits(client_write_s=0.3, response_s=0.3, upstream_tls_s=0.3, linger_s=0.2)
GET: Fields = [(b":method", b"GET"), (b":authority", b"localhost"), (b":scheme", b"https"), (b":path", b"/x")]
POST: Fields = [(b":method", b"POST"), *GET[1:]]


def test_an_origin_that_takes_nothing_of_a_request(start_proxy, start_origin):
    def script(upstream):
        is_over.append(upstream.sock)
        with contextlib.suppress(OSError):
            upstream.reads_head()
            wait_for(lambda: bool(proxy.exchanges) and proxy.exchanges[0].row.state >= ExchangeState.COMPLETE)

    is_over: list[object] = []
    proxy = start_proxy(limits=SHORT)
    origin = start_origin(script)
    client = proxy.connect()
    authority = b"127.0.0.1:%d" % origin.port
    client.sends(b"POST http://%b/ HTTP/1.1\r\nHost: %b\r\nContent-Length: 100000000\r\n\r\n" % (authority, authority))
    with contextlib.suppress(OSError):  # it is cut off
        while True:
            client.sends(bytes(1 << 20))
    exchange = proxy.only()
    assert exchange.row.state == ExchangeState.FAILED
    assert exchange.row.failure in ("connection_write_timeout", "http_response_timeout")
    assert exchange.row.flags & ExchangeFlag.REQUEST_INCOMPLETE


def test_an_origin_that_does_not_answer_a_hello(start_proxy, start_origin, trusting):
    def script(upstream):
        assert upstream.sock.recv(1) == b"\x16"
        upstream.reads_to_end()

    origin = start_origin(script)
    proxy = start_proxy(settings=trusting, limits=SHORT)
    pipe = connect_through(proxy, "localhost", origin.port)
    pipe.sends(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert pipe.reads_head().startswith(b"HTTP/1.1 50")
    exchange = proxy.only()
    assert exchange.row.state == ExchangeState.FAILED
    assert "localhost" in exchange.detail.failure_text


class TestHttp2:
    @pytest.fixture
    def speak(self, start_proxy, start_origin, trusting, example_ca):
        def start(handle, **options):
            def serve(pipe: BioPipe) -> None:
                handle(Http2Peer(pipe.sends, pipe.reads, is_client=False))

            server = https_origin(start_origin, example_ca.leaf("localhost"), serve, alpn=("h2",))
            proxy = start_proxy(settings=trusting, limits=SHORT)
            pipe = connect_through(proxy, "localhost", server.port, alpn=("h2",))
            return Http2Peer(pipe.sends, pipe.reads, is_client=True, **options), proxy

        return start

    def test_a_client_that_opens_no_window(self, speak):
        """RFC 9113 §10.5: its stream is reset after a while, and the others live."""

        def handle(peer: Http2Peer) -> None:
            while True:
                request = peer.until(h2.events.RequestReceived)
                if (b":path", b"/large") in request.headers:
                    peer.responds(request.stream_id, [(b":status", b"200")], bytes(16_000))
                else:
                    peer.responds(request.stream_id, [(b":status", b"204")])

        client, proxy = speak(handle, settings={h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: 0})
        stream = client.requests([*GET[:3], (b":path", b"/large")])
        client.until(h2.events.ResponseReceived, stream)
        client.until(h2.events.StreamReset, stream)
        assert client.answer(client.requests(GET)).status == 204
        assert [each.row.failure for each in proxy.finished(2)] == ["client_closed", ""]

    def test_an_origin_that_opens_no_window(self, speak):
        def handle(peer: Http2Peer) -> None:
            peer.h2.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: 0})
            peer.flush()
            peer.until(h2.events.ConnectionTerminated)

        client, proxy = speak(handle)
        stream = client.requests(POST, is_end=False)
        client.sends_data(stream, bytes(16_000), is_end=True)
        answer = client.answer(stream)
        assert answer.status == 504
        exchange = proxy.only()
        assert exchange.row.failure in ("connection_write_timeout", "http_response_timeout")

    def test_an_origin_that_says_nothing(self, speak):
        client, proxy = speak(lambda peer: peer.until(h2.events.ConnectionTerminated))
        assert client.answer(client.requests(GET)).status == 504
        assert proxy.only().row.failure == "http_response_timeout"

    def test_an_origin_that_stops_in_its_body(self, speak):
        def handle(peer: Http2Peer) -> None:
            peer.responds(peer.until(h2.events.RequestReceived).stream_id, [(b":status", b"200")], b"x", is_end=False)
            peer.until(h2.events.ConnectionTerminated)

        client, proxy = speak(handle)
        stream = client.requests(GET)
        client.until(h2.events.StreamReset, stream)
        exchange = proxy.only()
        assert exchange.row.failure == "connection_read_timeout"
        assert exchange.response_body == b"x"
