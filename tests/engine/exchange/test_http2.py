"""HTTP/2 on both sides, over real TLS and sockets; the peers are spoken by h2."""

import contextlib
import ssl

import h2.errors
import h2.events
import h2.settings
import pytest

from proxy_core.model.exchange import ExchangeFlag, ExchangeKind, ExchangeState
from tests.support.conversation import Client
from tests.support.http2_peer import Fields, Http2Peer
from tests.support.tls_conversation import BioPipe, connect_through, https_origin

GET: Fields = [(b":method", b"GET"), (b":authority", b"localhost"), (b":scheme", b"https"), (b":path", b"/x")]
POST: Fields = [(b":method", b"POST"), *GET[1:]]
OK: Fields = [(b":status", b"200"), (b"content-type", b"text/plain")]


@pytest.fixture
def speak(start_proxy, start_origin, trusting, example_ca):
    """Both ends of an intercepted connection: the client, and a handler's peer as the origin."""

    def start(handle, *, client: dict | None = None, origin: dict | None = None, **options):
        def serve(pipe: BioPipe) -> None:
            assert pipe.tls.selected_alpn_protocol() == "h2"
            handle(Http2Peer(pipe.sends, pipe.reads, is_client=False, **(origin or {})))

        server = https_origin(start_origin, example_ca.leaf("localhost"), serve, alpn=("h2", "http/1.1"))
        proxy = start_proxy(settings=trusting, **options)
        pipe = connect_through(proxy, "localhost", server.port, alpn=("h2", "http/1.1"))
        assert pipe.tls.selected_alpn_protocol() == "h2"
        return Http2Peer(pipe.sends, pipe.reads, is_client=True, **(client or {})), proxy, server

    return start


def answer_each(body: bytes = b"hi"):
    def handle(peer: Http2Peer) -> None:
        while True:
            request = peer.until(h2.events.RequestReceived)
            peer.until(h2.events.StreamEnded, request.stream_id)
            peer.responds(request.stream_id, OK, body)

    return handle


def test_an_exchange_is_relayed_and_recorded(speak):
    client, proxy, server = speak(answer_each())
    for _ in range(2):
        answer = client.answer(client.requests([*GET, (b"x-odd", b"kept")]))
        assert (answer.fields, answer.body) == (OK, b"hi")
    first, second = proxy.finished(2)
    assert first.row.state == ExchangeState.COMPLETE
    assert (first.row.scheme, first.row.host, first.row.path, first.row.status) == ("https", "localhost", "/x", 200)
    assert first.row.flags & ExchangeFlag.INTERCEPTED
    assert second.row.flags & ExchangeFlag.UPSTREAM_REUSED
    assert first.detail.request.version == first.detail.response.version == "HTTP/2"
    assert first.detail.request.head.startswith(b"GET /x HTTP/2\r\n:method: GET\r\n:authority: localhost\r\n")
    assert first.response_body == b"hi"
    assert server.connections == 1


def echo(peer: Http2Peer) -> None:
    """Send each body back as it comes, stream by stream, with its trailers."""
    while True:
        event = next((each for each in peer.events), None)
        if event is None:
            peer.receive()
            continue
        peer.events.remove(event)
        if isinstance(event, h2.events.RequestReceived):
            peer.responds(event.stream_id, OK, is_end=False)
        elif isinstance(event, h2.events.DataReceived):
            peer.sends_data(event.stream_id, event.data)
        elif isinstance(event, h2.events.TrailersReceived):
            peer.responds(event.stream_id, list(event.headers))
        elif isinstance(event, h2.events.StreamEnded) and event.stream_id in peer.h2.streams:
            peer.h2.end_stream(event.stream_id)
            peer.flush()


class TestFields:
    def test_they_keep_order_duplicates_crumbs_and_bytes(self, speak):
        odd: Fields = [(b"b", b"2"), (b"cookie", b"a=1"), (b"a", b"\xe9 x"), (b"cookie", b"b=2"), (b"b", b"1")]
        seen = []

        def handle(peer: Http2Peer) -> None:
            request = peer.until(h2.events.RequestReceived)
            seen.extend(request.headers)
            peer.responds(request.stream_id, [*OK, *odd[::-1]], b"x")
            peer.until(h2.events.ConnectionTerminated)

        client, proxy, _ = speak(handle)
        answer = client.answer(client.requests([*GET, *odd]))
        assert seen == [*GET, *odd]
        assert answer.fields == [*OK, *odd[::-1]]
        assert b"cookie: a=1\r\na: \xe9 x\r\ncookie: b=2\r\n" in proxy.only().detail.request.head

    def test_trailers_go_both_ways(self, speak):
        client, proxy, _ = speak(echo)
        answer = client.answer(client.requests(POST, b"hello", trailers=[(b"grpc-status", b"0")]))
        assert answer.body == b"hello"
        assert answer.trailers == [(b"grpc-status", b"0")]
        exchange = proxy.only()
        assert exchange.detail.request.trailers == exchange.detail.response.trailers == b"grpc-status: 0\r\n"

    def test_interim_responses_pass(self, speak):
        def handle(peer: Http2Peer) -> None:
            request = peer.until(h2.events.RequestReceived)
            peer.h2.send_headers(request.stream_id, [(b":status", b"103"), (b"link", b"</x>")])
            peer.responds(request.stream_id, OK, b"x")
            peer.until(h2.events.ConnectionTerminated)

        client, proxy, _ = speak(handle)
        answer = client.answer(client.requests(GET))
        assert answer.interim == [[(b":status", b"103"), (b"link", b"</x>")]]
        assert answer.status == 200
        assert b"HTTP/2 103\r\n" in proxy.only().detail.interim


class TestBodies:
    def test_large_ones_pass_both_ways_through_small_windows(self, speak):
        body = bytes(range(256)) * 4096 * 3
        client, proxy, _ = speak(echo)
        stream = client.requests(POST, is_end=False)
        client.sends_data(stream, body, is_end=True)
        assert client.answer(stream).body == body
        exchange = proxy.only()
        assert exchange.request_body == exchange.response_body == body

    def test_a_slow_stream_does_not_stall_its_siblings(self, speak):
        """A client that doesn't open a stream's window stops that stream alone, and the origin with it."""

        def handle(peer: Http2Peer) -> None:
            slow = peer.until(h2.events.RequestReceived).stream_id
            peer.responds(slow, OK, is_end=False)
            sent = 0
            other = None
            while other is None:
                room = min(peer.h2.local_flow_control_window(slow), peer.h2.max_outbound_frame_size)
                if room:
                    peer.h2.send_data(slow, bytes(room))
                    peer.flush()
                    sent += room
                else:
                    peer.receive()
                other = next((each for each in peer.events if isinstance(each, h2.events.RequestReceived)), None)
            peer.responds(other.stream_id, OK, b"%d" % sent)
            peer.until(h2.events.StreamReset, slow)

        client, proxy, _ = speak(handle, client={"opens_windows": False})
        slow = client.requests(GET)
        client.until(h2.events.ResponseReceived, slow)
        client.until(h2.events.DataReceived, slow)
        sent = int(client.answer(client.requests(GET)).body)
        assert sent < 2 * 1024 * 1024  # the windows on both sides and what lies between
        client.resets(slow, 8)
        assert [each.row.failure for each in proxy.finished(2)] == ["client_closed", ""]


class TestResets:
    @pytest.mark.parametrize("code", [8, 5, 0x1234])
    def test_the_client_s_reset_reaches_the_origin_with_its_code(self, speak, code):
        codes = []

        def handle(peer: Http2Peer) -> None:
            stream = peer.until(h2.events.RequestReceived).stream_id
            codes.append(peer.until(h2.events.StreamReset, stream).error_code)
            answer_each()(peer)

        client, proxy, server = speak(handle)
        stream = client.requests(GET)
        client.until(h2.events.SettingsAcknowledged)
        client.resets(stream, code)
        assert client.answer(client.requests(GET)).body == b"hi"
        assert codes == [code]
        assert server.connections == 1
        assert [each.row.failure for each in proxy.finished(2)] == ["client_closed", ""]

    @pytest.mark.parametrize("begun", [False, True])
    def test_the_origin_s_reset_reaches_the_client_with_its_code(self, speak, begun):
        def handle(peer: Http2Peer) -> None:
            stream = peer.until(h2.events.RequestReceived).stream_id
            if begun:
                peer.responds(stream, OK, b"half", is_end=False)
            peer.resets(stream, 11)
            answer_each()(peer)

        client, proxy, _ = speak(handle)
        stream = client.requests(GET)
        assert client.until(h2.events.StreamReset, stream).error_code == 11
        assert client.answer(client.requests(GET)).body == b"hi"
        first = proxy.finished(2)[0]
        assert first.row.failure == "connection_terminated"
        assert "ENHANCE_YOUR_CALM" in first.detail.failure_text
        assert bool(first.row.flags & ExchangeFlag.RESPONSE_INCOMPLETE) == begun

    def test_what_was_refused_unprocessed_is_sent_again_whatever_its_method(self, speak):
        refused = []

        def handle(peer: Http2Peer) -> None:
            stream = peer.until(h2.events.RequestReceived).stream_id
            refused.append(stream)
            peer.resets(stream, 7)
            answer_each()(peer)

        client, proxy, _ = speak(handle)
        assert client.answer(client.requests([*POST, (b"content-length", b"0")])).body == b"hi"
        assert proxy.only().row.state == ExchangeState.COMPLETE
        assert refused == [1]

    def test_what_a_goaway_leaves_unprocessed_goes_over_a_new_connection(self, speak):
        def handle(peer: Http2Peer) -> None:
            first = peer.until(h2.events.RequestReceived)
            if server_turns.pop():
                peer.goes_away(0)
                return
            peer.responds(first.stream_id, OK, b"hi")
            peer.until(h2.events.ConnectionTerminated)

        server_turns = [False, True]
        client, proxy, server = speak(handle)
        assert client.answer(client.requests(POST)).body == b"hi"
        assert server.connections == 2
        assert proxy.only().row.state == ExchangeState.COMPLETE

    def test_an_origin_that_vanishes_fails_each_stream_with_the_reason(self, speak):
        def handle(peer: Http2Peer) -> None:
            for _ in range(5):
                peer.until(h2.events.RequestReceived)

        client, proxy, _ = speak(handle)
        streams = [client.requests(POST) for _ in range(5)]
        for stream in streams:
            assert client.answer(stream).status == 502
        assert {each.row.failure for each in proxy.finished(5)} == {"connection_terminated"}


class TestTunnels:
    WEBSOCKET: Fields = [(b":method", b"CONNECT"), (b":protocol", b"websocket"), *GET[1:]]

    def test_a_websocket_is_a_stream_where_both_ends_know_that(self, speak):
        def handle(peer: Http2Peer) -> None:
            request = peer.until(h2.events.RequestReceived)
            assert (b":protocol", b"websocket") in request.headers
            peer.responds(request.stream_id, [(b":status", b"200")], is_end=False)
            while True:
                peer.sends_data(request.stream_id, peer.until(h2.events.DataReceived).data.upper())

        extended = {h2.settings.SettingCodes.ENABLE_CONNECT_PROTOCOL: 1}
        client, proxy, _ = speak(handle, origin={"settings": extended})
        client.until(h2.events.RemoteSettingsChanged)
        changed = client.until(h2.events.RemoteSettingsChanged).changed_settings
        assert changed[h2.settings.SettingCodes.ENABLE_CONNECT_PROTOCOL].new_value == 1
        stream = client.requests(self.WEBSOCKET, is_end=False)
        client.until(h2.events.ResponseReceived, stream)
        client.sends_data(stream, b"hello")
        assert client.until(h2.events.DataReceived, stream).data == b"HELLO"
        client.resets(stream, 8)
        exchange = proxy.only()
        assert exchange.row.kind == ExchangeKind.WEBSOCKET
        assert (exchange.row.status, exchange.row.request_bytes, exchange.row.response_bytes) == (200, 5, 5)

    def test_where_the_origin_does_not_it_is_not_offered(self, speak):
        client, proxy, _ = speak(answer_each(), client={"validates": False})
        assert client.answer(client.requests(GET)).status == 200
        assert not client.h2.remote_settings.enable_connect_protocol
        stream = client.requests(self.WEBSOCKET, is_end=False)
        assert client.until(h2.events.StreamReset, stream).error_code == 1
        assert proxy.finished(2)[1].row.failure == "http_request_error"

    def test_a_connect_inside_reaches_the_proxy_at_the_tunnel_s_end(self, speak):
        def handle(peer: Http2Peer) -> None:
            stream = peer.until(h2.events.RequestReceived).stream_id
            peer.responds(stream, [(b":status", b"200")], is_end=False)
            data = peer.until(h2.events.DataReceived).data
            peer.until(h2.events.StreamEnded, stream)
            peer.sends_data(stream, data[::-1], is_end=True)
            peer.until(h2.events.ConnectionTerminated)

        client, proxy, _ = speak(handle)
        stream = client.requests([(b":method", b"CONNECT"), (b":authority", b"inner.test:443")], b"abc")
        answer = client.answer(stream)
        assert (answer.status, answer.body) == (200, b"cba")
        exchange = proxy.only()
        assert (exchange.row.kind, exchange.row.host) == (ExchangeKind.TUNNEL, "inner.test")
        assert (exchange.row.request_bytes, exchange.row.response_bytes) == (3, 3)


class TestAnOriginThatSpeaksHttp2Alone:
    @pytest.fixture
    def origin(self, start_origin, example_ca):
        """It refuses whoever doesn't offer h2 with the alert that RFC 7301 §3.2 has for that."""
        context = example_ca.leaf("localhost").server_context(("h2",))
        offers = []

        def script(upstream: Client) -> None:
            hello = upstream.sock.recv(65536)
            offers.append(b"\x02h2" in hello)
            if not offers[-1]:
                upstream.sends(b"\x15\x03\x03\x00\x02\x02\x78")
                return
            incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
            incoming.write(hello)
            pipe = BioPipe(upstream.sock, context.wrap_bio(incoming, outgoing, server_side=True), incoming, outgoing)
            with contextlib.suppress(EOFError, ssl.SSLError, ConnectionError):
                pipe.run(pipe.tls.do_handshake)
                answer_each()(Http2Peer(pipe.sends, pipe.reads, is_client=False))

        server = start_origin(script)
        server.offers = offers
        return server

    def test_is_spoken_to_in_it_for_a_client_of_http1(self, origin, start_proxy, trusting):
        proxy = start_proxy(settings=trusting)
        pipe = connect_through(proxy, "localhost", origin.port, alpn=("http/1.1",))
        assert pipe.tls.selected_alpn_protocol() == "http/1.1"
        for _ in range(2):
            pipe.sends(b"GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert pipe.reads_head().startswith(b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n")
            assert pipe.reads_exactly(12) == b"2\r\nhi\r\n0\r\n\r\n"
        first = proxy.finished(2)[0]
        assert (first.detail.request.version, first.detail.response.version) == ("HTTP/1.1", "HTTP/2")
        assert origin.offers == [False, True]


def test_who_breaks_the_protocol_is_told_how_though_it_goes_on_sending(speak):
    """RFC 9113 §5.4.1: a GOAWAY comes before the end; a reset, for what is unread, would wipe it out on its way."""
    client, _, _ = speak(answer_each())
    client.answer(client.requests(GET))
    two_steps_too_far = b"\0\0\x04\x08\0\0\0\0\0\x7f\xff\xff\xff" * 2
    client.sends_raw(two_steps_too_far + b"\0\0\x08\x06\0\0\0\0\0pingpong" * 10)
    assert client.until(h2.events.ConnectionTerminated).error_code == h2.errors.ErrorCodes.FLOW_CONTROL_ERROR
    with contextlib.suppress(EOFError):
        client.receive()
        pytest.fail("more came behind the GOAWAY")
