"""How exchanges of HTTP/2 begin late, wait and end: what was given up isn't sent, and what ended it stands with it."""

import contextlib

import gevent
import h2.connection
import h2.errors
import h2.events
import h2.settings
import pytest
from gevent.event import Event

from proxy_core.engine.limits import HTTP2_LIMITS, Limits
from proxy_core.model.exchange import ExchangeKind, ExchangeState
from proxy_core.model.worker_command import StopServing
from tests.engine.exchange.test_http2 import GET, OK, POST, answer_each, speak
from tests.support.http2_peer import Fields, Http2Peer
from tests.support.tls_conversation import connect_through, https_origin

__all__ = ["speak"]

SHORT = Limits(request_head_s=1.0, idle_s=1.0)
CANCEL = h2.errors.ErrorCodes.CANCEL
PROTOCOL_ERROR = h2.errors.ErrorCodes.PROTOCOL_ERROR
EXTENDED = {h2.settings.SettingCodes.ENABLE_CONNECT_PROTOCOL: 1}
PING = b"\0\0\x08\x06\0\0\0\0\0" + bytes(8)


class TestWhatWasReset:
    def test_before_its_turn_is_not_connected_for(self, house):
        client = house.http2_client()
        for _ in range(20):  # each is here with its reset before anything is served
            client.resets(client.requests(GET), CANCEL)
        gevent.idle()
        house.finishes()
        assert house.connections == []
        assert {(row.state, row.failure) for row, _ in house.recorded()} == {(ExchangeState.FAILED, "client_closed")}

    def test_while_its_upstream_was_connected_is_not_sent(self, house, monkeypatch):
        house.use_http2_upstreams()
        connects = house.services.opener.connect
        is_connecting, goes_on = Event(), Event()

        def connect(*arguments: object, **options: object) -> object:
            is_connecting.set()
            goes_on.wait(10)
            return connects(*arguments, **options)

        monkeypatch.setattr(house.services.opener, "connect", connect)
        client = house.http2_client()
        given_up = client.requests(POST, b"pay")
        is_connecting.wait(10)
        client.resets(given_up, CANCEL)
        gevent.idle()
        goes_on.set()
        house.finishes()
        wanted = client.requests(GET)
        upstream = house.http2_upstream()
        request = upstream.until(h2.events.RequestReceived)
        assert (b":method", b"GET") in request.headers
        upstream.responds(request.stream_id, OK, b"hi")
        assert client.answer(wanted).body == b"hi"
        assert [row.failure for row, _ in house.recorded()] == ["client_closed", ""]


class TestWhatTheClientDidWrong:
    def test_with_its_stream_is_told_as_that(self, speak):
        client, proxy, _ = speak(answer_each(), client={"validates": False})
        stream = client.requests([*POST, (b"content-length", b"5")], is_end=False)
        client.sends_raw(b"\0\0\3\0\1" + stream.to_bytes(4, "big") + b"abc")
        assert client.until(h2.events.StreamReset, stream).error_code == PROTOCOL_ERROR
        exchange = proxy.only()
        assert exchange.row.failure == "http_request_error"
        assert exchange.detail.failure_text == "The request ended after 3 of 5 bytes."

    def test_with_its_connection_is_told_with_each_exchange(self, speak):
        has_come = Event()

        def handle(peer: Http2Peer) -> None:
            peer.until(h2.events.RequestReceived)
            has_come.set()
            peer.until(h2.events.StreamReset)

        client, proxy, _ = speak(handle)
        client.requests(GET)
        has_come.wait(10)
        client.sends_raw(b"\0\0\4\x03\0" + (99).to_bytes(4, "big") + bytes(4))  # resets what never was
        assert client.until(h2.events.ConnectionTerminated).error_code == PROTOCOL_ERROR
        exchange = proxy.only()
        assert exchange.row.failure == "http_request_error"
        assert "RST_STREAM" in exchange.detail.failure_text

    def test_when_nothing_is_under_way_has_a_row_of_its_own(self, speak):
        client, proxy, _ = speak(answer_each())
        assert client.answer(client.requests(GET)).status == 200
        client.sends_raw(PING * 2 * HTTP2_LIMITS.idle_frames)
        ended = client.until(h2.events.ConnectionTerminated)
        assert ended.error_code == h2.errors.ErrorCodes.ENHANCE_YOUR_CALM
        served, broken = proxy.finished(2)
        assert (served.row.status, broken.row.failure) == (200, "http_request_error")
        assert "PING" in broken.detail.failure_text


def test_a_websocket_waits_for_what_a_new_connection_takes(start_proxy, start_origin, trusting, example_ca):
    """RFC 8441 §3: the connection that has offered it may be gone."""
    connections = []

    def serve(pipe) -> None:
        connections.append(pipe)
        peer = Http2Peer(pipe.sends, pipe.reads, is_client=False, settings=EXTENDED)
        while True:
            request = peer.until(h2.events.RequestReceived)
            if (b":method", b"CONNECT") in request.headers:
                peer.responds(request.stream_id, [(b":status", b"200")], is_end=False)
                peer.until(h2.events.ConnectionTerminated)
            peer.responds(request.stream_id, OK, b"x")
            peer.goes_away(request.stream_id)
            return

    server = https_origin(start_origin, example_ca.leaf("localhost"), serve, alpn=("h2",))
    proxy = start_proxy(settings=trusting)
    pipe = connect_through(proxy, "localhost", server.port, alpn=("h2",))
    client = Http2Peer(pipe.sends, pipe.reads, is_client=True)
    assert client.answer(client.requests(GET)).status == 200
    asked: Fields = [(b":method", b"CONNECT"), (b":protocol", b"websocket"), *GET[1:]]
    stream = client.requests(asked, is_end=False)
    assert (b":status", b"200") in client.until(h2.events.ResponseReceived, stream).headers
    client.resets(stream, CANCEL)
    assert proxy.finished(2)[1].row.kind == ExchangeKind.WEBSOCKET
    assert len(connections) == 2


def test_who_listens_may_keep_silent(speak):
    """A call of gRPC that streams both ways: the client has said one thing, and hears for longer than it may be silent
    before it is answered.
    """
    is_over = Event()

    def handle(peer: Http2Peer) -> None:
        stream = peer.until(h2.events.RequestReceived).stream_id
        peer.responds(stream, OK, is_end=False)
        for _ in range(10):
            peer.sends_data(stream, b"event")
            gevent.sleep(0.4)
        peer.sends_data(stream, b"last", is_end=True)
        is_over.wait(10)

    client, proxy, _ = speak(handle, limits=Limits(request_body_s=1.0))
    stream = client.requests(POST, b"hello", is_end=False)
    client.until(h2.events.StreamEnded, stream)
    client.sends_data(stream, b"", is_end=True)
    assert proxy.only().row.state == ExchangeState.COMPLETE
    is_over.set()


class TestWindows:
    def test_do_not_open_before_the_client_has_taken_what_came(self, house):
        house.use_http2_upstreams()
        slow = {h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: 1000}
        client = house.http2_client(opens_windows=False, settings=slow)
        client.requests(GET)
        upstream = house.http2_upstream()
        stream = upstream.until(h2.events.RequestReceived).stream_id
        upstream.responds(stream, OK, is_end=False)
        sent = 0
        with gevent.Timeout(10):
            while room := upstream.h2.local_flow_control_window(stream):
                data = bytes(min(room, upstream.h2.max_outbound_frame_size))
                upstream.sends_data(stream, data)
                sent += len(data)
        gevent.idle()
        with gevent.Timeout(0.2, False):
            upstream.until(h2.events.WindowUpdated, stream)
        assert sent == HTTP2_LIMITS.stream_window_bytes
        assert upstream.h2.local_flow_control_window(stream) == 0

    def test_of_a_hundred_slow_streams_stall_no_other(self):
        limits = HTTP2_LIMITS
        assert limits.connection_window_bytes >= limits.streams * limits.stream_window_bytes


FORBIDDEN: Fields = [(b"content-length", b"3"), (b"host", b"evil"), (b"set-cookie", b"a=b"), (b"trailer", b"q")]


class TestTrailersThatMeanSomethingBeforeABody:
    """RFC 9110 §6.5.1: they are recorded, and not sent on."""

    def test_between_two_of_http2(self, speak):
        seen = []

        def handle(peer: Http2Peer) -> None:
            stream = peer.until(h2.events.RequestReceived).stream_id
            seen.append(peer.until(h2.events.TrailersReceived, stream).headers)
            peer.h2.send_headers(stream, OK)
            peer.h2.send_data(stream, b"x")
            peer.h2.send_headers(stream, [*FORBIDDEN, (b"ok", b"2")], end_stream=True)
            peer.flush()
            peer.until(h2.events.ConnectionTerminated)

        client, proxy, _ = speak(handle, client={"validates": False}, origin={"validates": False})
        answer = client.answer(client.requests(POST, b"hello", trailers=[*FORBIDDEN, (b"ok", b"1")]))
        assert seen == [[(b"ok", b"1")]]
        assert answer.trailers == [(b"ok", b"2")]
        detail = proxy.only().detail
        assert b"host: evil" in detail.request.trailers
        assert b"host: evil" in detail.response.trailers

    def test_from_http2_to_http1(self, house):
        client = house.http2_client(validates=False)
        client.requests(POST, b"hello", trailers=[*FORBIDDEN, (b"ok", b"1")])
        upstream = house.upstream()
        upstream.reads_head()
        upstream.sees(b"5\r\nhello\r\n0\r\nok: 1\r\n\r\n")

    def test_alone_leave_none(self, house):
        client = house.http2_client(validates=False)
        client.requests(POST, b"hello", trailers=FORBIDDEN)
        upstream = house.upstream()
        upstream.reads_head()
        upstream.sees(b"5\r\nhello\r\n0\r\n\r\n")


def test_a_hop_further_max_forwards_is_less(speak):
    """RFC 9110 §7.6.2."""
    seen = []

    def handle(peer: Http2Peer) -> None:
        request = peer.until(h2.events.RequestReceived)
        seen.extend(request.headers)
        peer.responds(request.stream_id, OK, b"x")
        peer.until(h2.events.ConnectionTerminated)

    client, proxy, _ = speak(handle)
    assert client.answer(client.requests([(b":method", b"OPTIONS"), *GET[1:], (b"max-forwards", b"5")])).status == 200
    assert (b"max-forwards", b"4") in seen
    assert b"max-forwards: 5" in proxy.only().detail.request.head


class TestAConnectionThatTakesItsTime:
    def test_over_a_head(self, speak):
        """A byte now and then is no head."""
        client, proxy, _ = speak(lambda peer: peer.until(h2.events.ConnectionTerminated), limits=SHORT)
        block = b"\0\0\x20\x01\x05\0\0\0\x01" + bytes(32)
        with pytest.raises((EOFError, OSError)):  # noqa: PT012 - which of these
            for byte in block:
                client.sends_raw(bytes([byte]))
                gevent.sleep(0.3)
        (exchange,) = proxy.finished(1)
        assert exchange.row.failure == "client_timeout"

    def test_without_a_request_is_ended_whatever_it_asks(self, speak):
        client, proxy, _ = speak(lambda peer: peer.until(h2.events.ConnectionTerminated), limits=SHORT)

        def ping() -> None:
            with contextlib.suppress(OSError):
                while True:
                    client.sends_raw(PING)
                    gevent.sleep(0.3)

        pinging = gevent.spawn(ping)
        assert client.until(h2.events.ConnectionTerminated).error_code == 0
        pinging.kill()
        assert proxy.exchanges == []


def test_a_request_without_a_body_and_without_an_end_is_forgotten_after_its_answer(speak):
    client, _, _ = speak(answer_each(), limits=Limits(linger_s=0.05))
    for _ in range(HTTP2_LIMITS.streams + 5):
        stream = client.requests([*POST, (b"content-length", b"0")], is_end=False)
        assert client.answer(stream).status == 200
        assert client.until(h2.events.StreamReset, stream).error_code == h2.errors.ErrorCodes.NO_ERROR


def test_what_many_streams_may_say_does_not_wait_in_one_queue(house):
    """A client whose windows are wide and who takes slowly: little is between a small response and the wire."""
    house.use_http2_upstreams()
    client = house.http2_client(
        opens_windows=False, settings={h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: 2 * 1024 * 1024}
    )
    streams = [client.requests(GET) for _ in range(12)]
    upstream = house.http2_upstream()
    for _ in streams:
        large = upstream.until(h2.events.RequestReceived).stream_id
        upstream.responds(large, OK, is_end=False)
        upstream.sends_data(large, bytes(400_000), is_end=True)
    small = client.requests(GET)
    upstream.responds(upstream.until(h2.events.RequestReceived).stream_id, OK, b"hi")
    gevent.idle()  # all that may wait does
    while not any(isinstance(each, h2.events.StreamEnded) and each.stream_id == small for each in client.events):
        client.receive()
    before = sum(len(each.data) for each in client.events if isinstance(each, h2.events.DataReceived))
    assert before < 2_000_000


def test_what_only_the_client_may_repeat_is_answered(speak):
    """Its connection can't end for one exchange of many, as it would in HTTP/1."""

    def handle(peer: Http2Peer) -> None:
        peer.responds(peer.until(h2.events.RequestReceived).stream_id, OK, b"x")
        peer.until(h2.events.StreamEnded)
        if peer.until(h2.events.RequestReceived):
            return

    client, proxy, _ = speak(handle)
    assert client.answer(client.requests(GET)).status == 200
    answer = client.answer(client.requests(POST, b"hello"))
    assert answer.status == 502
    assert proxy.finished(2)[1].row.failure == "connection_terminated"


def test_a_client_that_has_closed_wants_no_response(house):
    """There is no half of HTTP/2: unlike in HTTP/1 an end is not an end of the requests alone."""
    house.use_http2_upstreams()
    client = house.http2_client()
    client.requests(GET)
    upstream = house.http2_upstream()
    stream = upstream.until(h2.events.RequestReceived).stream_id
    house.client_links[0].send_eof()
    assert upstream.until(h2.events.StreamReset, stream).error_code == CANCEL
    house.finishes()
    assert [row.failure for row, _ in house.recorded()] == ["client_closed"]


def test_what_is_refused_before_it_is_read_has_its_path_in_the_row(speak):
    client, proxy, _ = speak(answer_each())
    stream = client.requests([*GET, (b"expect", b"200-ok")])
    client.until(h2.events.StreamReset, stream)
    exchange = proxy.only()
    assert (exchange.row.method, exchange.row.host, exchange.row.path) == ("GET", "localhost", "/x")
    assert exchange.detail.request.version == "HTTP/2"
    client.answer(client.requests(GET))


class TestAWorkerThatStops:
    """RFC 9113 §6.8."""

    def test_says_so_at_once_and_lets_what_is_under_way_end(self, speak):
        has_come, goes_on = Event(), Event()

        def handle(peer: Http2Peer) -> None:
            stream = peer.until(h2.events.RequestReceived).stream_id
            has_come.set()
            goes_on.wait(10)
            peer.responds(stream, OK, b"hi")
            peer.until(h2.events.ConnectionTerminated)

        client, proxy, _ = speak(handle)
        stream = client.requests(GET)
        has_come.wait(10)
        proxy.worker.obey(StopServing(grace_s=10))
        stopping = gevent.spawn(proxy.worker.stop)
        ended = client.until(h2.events.ConnectionTerminated)
        assert (ended.error_code, ended.last_stream_id) == (0, stream)
        client.h2.state_machine.state = h2.connection.ConnectionState.CLIENT_OPEN  # h2 takes it for the end of all
        late = client.requests(GET)
        refused = client.until(h2.events.StreamReset, late)
        assert refused.error_code == h2.errors.ErrorCodes.REFUSED_STREAM
        goes_on.set()
        assert client.answer(stream).body == b"hi"
        with pytest.raises(EOFError):
            client.receive()
        for each in proxy.clients:
            each.closes()
        stopping.join(10)
        assert stopping.ready()
        assert [each.row.state for each in proxy.exchanges] == [ExchangeState.COMPLETE]

    def test_ends_what_is_idle(self, speak):
        client, proxy, _ = speak(answer_each())
        assert client.answer(client.requests(GET)).status == 200
        proxy.worker.obey(StopServing(grace_s=10))
        stopping = gevent.spawn(proxy.worker.stop)
        assert client.until(h2.events.ConnectionTerminated).error_code == 0
        with pytest.raises(EOFError):
            client.receive()
        for each in proxy.clients:
            each.closes()
        stopping.join(10)
        assert stopping.ready()
