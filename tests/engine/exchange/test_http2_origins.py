"""Origins that speak HTTP/2 as they must not: their clients of either version are told, and nobody asks them for ever."""

import contextlib

import h2.events
import pytest
from gevent import Timeout

from proxy_core.model.exchange import ExchangeFlag, ExchangeKind, ExchangeState
from tests.support.http2_peer import Fields, Http2Peer
from tests.support.tls_conversation import BioPipe, connect_through, https_origin

GET: Fields = [(b":method", b"GET"), (b":authority", b"localhost"), (b":scheme", b"https"), (b":path", b"/x")]
POST: Fields = [(b":method", b"POST"), *GET[1:]]
OK: Fields = [(b":status", b"200")]
NO_RESPONSE: list[Fields] = [
    [*OK, (b"x", b"a\r\nset-cookie: evil")],
    [*OK, (b"x", b"a\0")],
    [*OK, (b"x\r\n", b"a")],
    [*OK, (b"x y", b"a")],
    [*OK, (b"X", b"a")],
    [*OK, (b"", b"a")],
    [*OK, (b"connection", b"close")],
    [*OK, (b"transfer-encoding", b"chunked")],
    [*OK, (b"upgrade", b"h2c")],
    [*OK, (b"content-length", b"+5")],
    [*OK, (b"content-length", b"5"), (b"content-length", b"6")],
    [(b":status", b"2 0")],
    [(b":status", b"101")],
    [(b":status", b"200"), (b":path", b"/")],
    [(b"x", b"y")],
]


@pytest.fixture
def house_of_http2(house):
    house.use_http2_upstreams()
    return house


def on_one_line(text: bytes) -> bytes:
    return text.replace(b"\r", b"\\r").replace(b"\n", b"\\n")


def loose(peer: Http2Peer) -> Http2Peer:
    """A peer that says whatever it is told to say."""
    peer.h2.config.validate_outbound_headers = peer.h2.config.normalize_outbound_headers = False
    return peer


class TestAMalformedResponse:
    @pytest.mark.parametrize("fields", NO_RESPONSE, ids=repr)
    def test_is_a_502_to_a_client_of_http1(self, house_of_http2, fields):
        client = house_of_http2.http1_client()
        client.sends(b"GET http://shop.test/ HTTP/1.1\r\nHost: shop.test\r\n\r\n")
        upstream = loose(house_of_http2.http2_upstream())
        upstream.responds(upstream.until(h2.events.RequestReceived).stream_id, fields, b"hello")
        head = client.reads_head()
        assert head.startswith(b"HTTP/1.1 502 ")
        assert b"evil" not in head
        house_of_http2.finishes()
        ((row, detail),) = house_of_http2.recorded()
        assert (row.state, row.failure) == (ExchangeState.FAILED, "http_protocol_error")
        shown = detail.response.head
        assert shown.startswith(b"HTTP/2 " + dict(fields).get(b":status", b"") + b"\r\n")
        assert detail.response.version == "HTTP/2"
        for name, value in fields:
            assert b"%b: %b\r\n" % (on_one_line(name), on_one_line(value)) in shown
        assert detail.response.forwarded_head == head

    @pytest.mark.parametrize("fields", NO_RESPONSE, ids=repr)
    def test_costs_a_client_of_http2_its_stream_alone(self, house_of_http2, fields):
        client = house_of_http2.http2_client()
        bad, good = client.requests(GET), client.requests(GET)
        upstream = loose(house_of_http2.http2_upstream())
        first, second = (upstream.until(h2.events.RequestReceived).stream_id for _ in range(2))
        upstream.responds(first, fields, b"hello")
        upstream.responds(second, OK, b"good")
        assert client.answer(good).body == b"good"
        answer = client.answer(bad)
        assert answer.status == 502
        assert b"evil" not in repr(answer.fields).encode()

    @pytest.mark.parametrize(
        ("length", "data"), [(b"5", b"hell"), (b"5", b"hello!"), (b"0", b"x"), (b"5", b"")], ids=repr
    )
    def test_a_body_of_another_length_never_looks_whole(self, house_of_http2, length, data):
        """RFC 9113 §8.1.1."""
        client = house_of_http2.http1_client()
        client.sends(b"GET http://shop.test/ HTTP/1.1\r\nHost: shop.test\r\n\r\n")
        upstream = loose(house_of_http2.http2_upstream())
        stream = upstream.until(h2.events.RequestReceived).stream_id
        upstream.responds(stream, [*OK, (b"content-length", length)], data)
        answer = client.reads_to_end() if data else client.reads_head()
        assert b" 502 " in answer or len(answer.partition(b"\r\n\r\n")[2]) < 5
        house_of_http2.finishes()
        ((row, _),) = house_of_http2.recorded()
        assert row.state == ExchangeState.FAILED
        assert row.failure in ("http_protocol_error", "http_response_incomplete")

    @pytest.mark.parametrize("name", [b":x", b"connection", b"X", b"x y"])
    def test_trailers_that_are_none_cut_it_short(self, house_of_http2, name):
        client = house_of_http2.http1_client()
        client.sends(b"GET http://shop.test/ HTTP/1.1\r\nHost: shop.test\r\n\r\n")
        upstream = loose(house_of_http2.http2_upstream())
        stream = upstream.until(h2.events.RequestReceived).stream_id
        upstream.responds(stream, OK, b"hello", is_end=False)
        assert client.reads_head().endswith(b"Transfer-Encoding: chunked\r\n\r\n")
        upstream.responds(stream, [(name, b"1")])
        assert client.reads_to_end() in (b"5\r\nhello\r\n", b"5\r\nhello\r\n<reset>")
        ((row, _),) = house_of_http2.recorded()
        assert row.flags & ExchangeFlag.RESPONSE_INCOMPLETE


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (b"content-length", b"2"),
        (b"host", b"evil"),
        (b"set-cookie", b"a=b"),
        (b"content-encoding", b"gzip"),
        (b"te", b"trailers"),
        (b"trailer", b"x"),
        (b"www-authenticate", b"Basic"),
    ],
)
def test_trailers_that_could_change_a_response_go_no_further(house_of_http2, name, value):
    """RFC 9110 §6.5.1: from HTTP/2 to HTTP/1, too, they are shown alone."""
    client = house_of_http2.http1_client()
    client.sends(b"GET http://shop.test/ HTTP/1.1\r\nHost: shop.test\r\n\r\n")
    upstream = loose(house_of_http2.http2_upstream())
    stream = upstream.until(h2.events.RequestReceived).stream_id
    upstream.responds(stream, OK, b"hi", trailers=[(b"ok", b"1"), (name, value)])
    client.reads_head()
    client.sees(b"2\r\nhi\r\n0\r\nok: 1\r\n\r\n")
    house_of_http2.finishes()
    ((_, detail),) = house_of_http2.recorded()
    assert detail.response.trailers == b"ok: 1\r\n%b: %b\r\n" % (name, value)


class TestNoStorm:
    """What was not processed is asked again once, and then the client is told (RFC 9113 §8.7)."""

    @pytest.fixture
    def speak(self, start_proxy, start_origin, trusting, example_ca):
        def start(handle):
            def serve(pipe: BioPipe) -> None:
                handle(Http2Peer(pipe.sends, pipe.reads, is_client=False))

            server = https_origin(start_origin, example_ca.leaf("localhost"), serve, alpn=("h2",))
            proxy = start_proxy(settings=trusting)
            pipe = connect_through(proxy, "localhost", server.port, alpn=("h2",))
            return Http2Peer(pipe.sends, pipe.reads, is_client=True), proxy, server

        return start

    def test_where_every_connection_goes_away(self, speak):
        def handle(peer: Http2Peer) -> None:
            peer.until(h2.events.RequestReceived)
            peer.goes_away(0)
            with contextlib.suppress(EOFError):
                while True:
                    peer.receive()

        client, proxy, server = speak(handle)
        for count in range(1, 4):
            stream = client.requests(GET)
            with Timeout(10):
                while not any(getattr(each, "stream_id", None) == stream for each in client.events):
                    client.receive()
            assert proxy.finished(count)[-1].row.state == ExchangeState.FAILED
            assert server.connections <= 2 * count

    def test_where_every_stream_is_refused(self, speak):
        refused = []

        def handle(peer: Http2Peer) -> None:
            while True:
                stream = peer.until(h2.events.RequestReceived).stream_id
                refused.append(stream)
                peer.resets(stream, 7)

        client, proxy, server = speak(handle)
        stream = client.requests(POST, is_end=True)
        assert client.until(h2.events.StreamReset, stream).error_code == 7
        assert (len(refused), server.connections) == (2, 1)
        assert proxy.only().row.state == ExchangeState.FAILED

    def test_a_hundred_streams_of_a_connection_that_breaks_are_a_hundred_rows(self, speak):
        def handle(peer: Http2Peer) -> None:
            for _ in range(100):
                peer.until(h2.events.RequestReceived)

        client, proxy, server = speak(handle)
        for _ in range(100):
            client.requests([*POST, (b"content-length", b"0")])
        exchanges = proxy.finished(100)
        assert {each.row.failure for each in exchanges} == {"connection_terminated"}
        assert all("localhost" in each.detail.failure_text for each in exchanges)
        assert server.connections == 1


def test_a_protocol_that_we_do_not_know_is_refused(start_proxy, start_origin, trusting, example_ca):
    """RFC 9220 §3: with 501. The origin has said that it takes such requests, not that it takes this one."""
    seen = []

    def serve(pipe: BioPipe) -> None:
        extended = {h2.settings.SettingCodes.ENABLE_CONNECT_PROTOCOL: 1}
        peer = Http2Peer(pipe.sends, pipe.reads, is_client=False, settings=extended)
        seen.append(peer.until(h2.events.RequestReceived).headers)

    server = https_origin(start_origin, example_ca.leaf("localhost"), serve, alpn=("h2",))
    proxy = start_proxy(settings=trusting)
    pipe = connect_through(proxy, "localhost", server.port, alpn=("h2",))
    client = Http2Peer(pipe.sends, pipe.reads, is_client=True)
    client.until(h2.events.RemoteSettingsChanged)
    client.until(h2.events.RemoteSettingsChanged)
    stream = client.requests([(b":method", b"CONNECT"), (b":protocol", b"connect-ip"), *GET[1:]], is_end=False)
    fields = dict(client.until(h2.events.ResponseReceived, stream).headers)
    assert fields[b":status"] == b"501"
    assert fields[b"proxy-status"].startswith(b"harrier; error=http_upgrade_failed")
    client.resets(stream, 8)
    exchange = proxy.only()
    assert (exchange.row.status, exchange.row.failure) == (501, "http_upgrade_failed")
    assert "«connect-ip»" in exchange.detail.failure_text
    assert exchange.row.kind != ExchangeKind.WEBSOCKET
    assert seen == []
