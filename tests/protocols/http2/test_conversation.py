"""Messages over one connection, told as what each end says and is told."""

import pytest

from proxy_core.model.message_head import parse_head
from proxy_core.protocols.http2 import frame
from proxy_core.protocols.http2.error import Http2ConnectionError
from proxy_core.protocols.http2.event import (
    DataReceived,
    EndReceived,
    GoAwayReceived,
    HeadReceived,
    RoomChanged,
    SettingsReceived,
    StreamMalformed,
    StreamReset,
)
from proxy_core.protocols.http2.limits import Http2Limits
from proxy_core.protocols.part import CHUNKED
from tests.protocols.http2.conversation import GET, OK, POST, Pair, Peer, fields, frames_of


def test_a_request_and_its_response():
    pair = Pair()
    stream = pair.client.open_stream(fields(*POST, (b"content-length", b"5"), (b"accept", b"*/*")), False)
    assert pair.client.send_data(stream, b"hello", True) == 5
    (head, data, end), _ = pair.talk()
    assert head == HeadReceived(stream, head.head, False)
    assert head.head.raw == (
        b"POST /cart HTTP/2\r\n:method: POST\r\n:scheme: https\r\n:authority: shop.test\r\n:path: /cart\r\n"
        b"content-length: 5\r\naccept: */*\r\n\r\n"
    )
    assert parse_head(head.head.raw).fields == [(b"content-length", b"5"), (b"accept", b"*/*")]
    assert parse_head(head.head.raw).pseudo == list(POST)
    assert (head.head.host, head.head.port, head.head.scheme, head.head.body_length) == ("shop.test", 443, "https", 5)
    assert head.head.fields == fields(*POST, (b"content-length", b"5"), (b"accept", b"*/*"))
    assert data == DataReceived(stream, b"hello", 5)
    assert end == EndReceived(stream, b"")

    pair.server.send_head(stream, fields((b":status", b"103"), (b"link", b"</a.css>")), False)
    pair.server.send_head(stream, fields((b":status", b"200"), (b"content-type", b"text/plain")), False)
    pair.server.send_data(stream, b"x" * 40_000)
    pair.server.send_trailers(stream, fields((b"x-sum", b"1")))
    _, (hint, head, *data, end) = pair.talk()
    assert hint.head.status == 103
    assert head.head.raw == b"HTTP/2 200\r\n:status: 200\r\ncontent-type: text/plain\r\n\r\n"
    assert (head.head.body_length, head.head.content_type) == (CHUNKED, b"text/plain")
    assert [len(part.data) for part in data] == [16_384, 16_384, 7_232]
    assert end == EndReceived(stream, b"x-sum: 1\r\n")
    assert pair.client.stream_count == pair.server.stream_count == 0


def test_a_message_without_a_body_ends_with_its_head():
    pair = Pair()
    stream = pair.client.open_stream(fields(*GET), True)
    (head, end), _ = pair.talk()
    assert (head.is_end, head.head.body_length, end) == (True, 0, EndReceived(stream, b""))
    pair.server.send_head(stream, fields(*OK), True)
    _, (head, end) = pair.talk()
    assert (head.is_end, head.head.body_length, end) == (True, 0, EndReceived(stream, b""))


def test_streams_live_beside_each_other():
    pair = Pair()
    streams = [pair.client.open_stream(fields(*GET), True) for _ in range(3)]
    assert streams == [1, 3, 5]
    pair.talk()
    for stream in reversed(streams):
        pair.server.send_head(stream, fields(*OK), False)
        pair.server.send_data(stream, b"%d" % stream, True)
    _, events = pair.talk()
    assert [(event.stream, event.data) for event in events if isinstance(event, DataReceived)] == [
        (5, b"5"),
        (3, b"3"),
        (1, b"1"),
    ]


def test_data_stop_where_the_window_is_shut_and_go_on_when_it_opens():
    pair = Pair(Http2Limits(stream_window_bytes=100_000, connection_window_bytes=1_000_000))
    stream = pair.client.open_stream(fields(*POST), False)
    assert pair.client.can_send(stream) == 100_000
    assert pair.client.send_data(stream, b"x" * 150_000, True) == 100_000
    assert pair.client.send_data(stream, b"x", True) == 0
    (_, *data), _ = pair.talk()
    assert sum(part.credit for part in data) == 100_000
    for part in data[:3]:  # less than half of the window
        pair.server.consumed(stream, part.credit)
    assert not pair.server.has_output
    for part in data[3:]:
        pair.server.consumed(stream, part.credit)
    assert pair.talk()[1] == [RoomChanged(stream)]
    assert pair.client.send_data(stream, b"x" * 50_000, True) == 50_000


def test_the_windows_of_the_connection_are_everybodys():
    pair = Pair(Http2Limits(stream_window_bytes=100_000, connection_window_bytes=100_000))
    one, other = (pair.client.open_stream(fields(*POST), False) for _ in range(2))
    assert pair.client.send_data(one, b"x" * 100_000) == 100_000
    assert pair.client.send_data(other, b"x") == 0
    events, _ = pair.talk()
    pair.server.reset(one, frame.CANCEL)  # its bytes go to nobody, but the windows must open
    for event in events[2:]:
        pair.server.consumed(one, event.credit)
    assert RoomChanged(0) in pair.talk()[1]
    assert pair.client.send_data(other, b"x") == 1


def test_a_stream_that_is_reset_is_gone_at_both_ends():
    pair = Pair()
    stream = pair.client.open_stream(fields(*POST), False)
    pair.talk()
    pair.client.reset(stream, frame.CANCEL)
    assert pair.talk()[0] == [StreamReset(stream, frame.CANCEL, False, False)]
    assert pair.client.stream_count == pair.server.stream_count == 0
    # Whoever has not heard of it yet speaks into the void.
    pair.server.send_head(stream, fields(*OK), False)
    assert pair.server.send_data(stream, b"x") == 0
    pair.server.end(stream)
    pair.server.reset(stream, frame.CANCEL)
    assert not pair.server.has_output


def test_what_is_under_way_on_a_stream_that_we_reset_is_taken_and_ignored():
    peer = Peer(is_client=True)
    peer.says_head(1, POST)
    peer.ours.reset(1, frame.CANCEL)
    peer.sees()
    assert peer.says_data(1, b"x" * 100) == []
    assert peer.says_head(1, [(b"x-sum", b"1")], is_end=True) == []
    assert peer.says_frame(frame.WINDOW_UPDATE, 0, 1, b"\0\0\0\1") == []
    assert peer.says_frame(frame.RST_STREAM, 0, 1, b"\0\0\0\0") == []
    assert peer.sees() == []
    # The tables of HPACK are still those of the peer.
    assert peer.says_head(3, [*GET, (b"x-sum", b"1")], is_end=True)[0].head.fields[-1] == (b"x-sum", b"1", False)


def test_going_away_tells_which_streams_were_not_processed():
    pair = Pair()
    one, two = (pair.client.open_stream(fields(*GET), True) for _ in range(2))
    pair.server.receive(pair.client.take_output()[: -len(b"x")], 0.0)  # the second request is not whole yet
    pair.server.go_away(frame.NO_ERROR)
    events = pair.client.receive(pair.server.take_output(), 0.0)
    assert events == [GoAwayReceived(one, 0, b""), StreamReset(two, frame.REFUSED_STREAM, False, True)]
    assert pair.client.room == 0
    assert pair.client.is_open(one)
    assert not pair.client.is_open(two)


def test_streams_are_opened_as_far_as_the_peer_allows():
    pair = Pair(Http2Limits(streams=2))
    assert pair.client.room == 2
    one = pair.client.open_stream(fields(*GET), True)
    pair.client.open_stream(fields(*GET), True)
    assert pair.client.room == 0
    with pytest.raises(RuntimeError):
        pair.client.open_stream(fields(*GET), True)
    pair.talk()
    pair.server.send_head(one, fields(*OK), True)
    pair.talk()
    assert pair.client.room == 1


def test_a_stream_too_many_is_refused_and_its_siblings_live():
    peer = Peer(is_client=True, limits=Http2Limits(streams=1))
    peer.says_head(1, GET, is_end=True)
    assert peer.says_head(3, GET, is_end=True) == []
    assert peer.resets() == [(3, frame.REFUSED_STREAM)]
    assert peer.ours.is_open(1)


def test_a_refused_request_was_not_processed():
    peer = Peer(is_client=False)
    stream = peer.ours.open_stream(fields(*GET), True)
    events = peer.says_frame(frame.RST_STREAM, 0, stream, frame.REFUSED_STREAM.to_bytes(4, "big"))
    assert events == [StreamReset(stream, frame.REFUSED_STREAM, False, True)]


def test_a_malformed_request_costs_its_stream_alone():
    peer = Peer(is_client=True)
    (event,) = peer.says_head(1, [*GET, (b"x", b"a\r\nb: c")], is_end=True)
    assert isinstance(event, StreamMalformed)
    assert event.failure.text == "The value of x holds the control character 0x0d."
    assert event.raw.endswith(b":path: /cart\r\nx: a\\r\\nb: c\r\n\r\n")
    assert peer.resets() == [(1, frame.PROTOCOL_ERROR)]
    assert isinstance(peer.says_head(3, GET, is_end=True)[0], HeadReceived)


@pytest.mark.parametrize("is_end", [True, False])
def test_a_body_that_is_not_as_long_as_promised_is_malformed(is_end):
    peer = Peer(is_client=True)
    peer.says_head(1, [*POST, (b"content-length", b"5")])
    events = peer.says_data(1, b"four" if is_end else b"sixsix", is_end)
    assert isinstance(events[-1], StreamMalformed)
    assert events[-1].raw == b""
    assert peer.resets() == [(1, frame.PROTOCOL_ERROR)]


def test_a_pair_that_opens_a_tunnel():
    pair = Pair()
    stream = pair.client.open_stream(fields((b":method", b"CONNECT"), (b":authority", b"shop.test:443")), False)
    (head,), _ = pair.talk()
    assert head.head.raw.startswith(b"CONNECT shop.test:443 HTTP/2\r\n:method: CONNECT\r\n")
    assert (head.head.scheme, head.head.host, head.head.port, head.head.body_length) == ("", "shop.test", 443, 0)
    pair.server.send_head(stream, fields(*OK), False)
    pair.client.send_data(stream, b"ping")
    pair.server.send_data(stream, b"pong")
    at_server, at_client = pair.talk()
    assert at_server == [DataReceived(stream, b"ping", 4)]
    assert at_client[1:] == [DataReceived(stream, b"pong", 4)]


def test_an_extended_connect_is_taken_only_where_it_was_offered():
    request = fields(*((b":method", b"CONNECT"), (b":protocol", b"websocket"), *GET[1:]))
    pair = Pair()
    assert not pair.client.peer_allows_connect_protocol
    pair.client.open_stream(request, False)
    assert isinstance(pair.talk()[0][0], StreamMalformed)
    pair.server.announce_connect_protocol()
    assert pair.talk()[1] == [SettingsReceived()]
    assert pair.client.peer_allows_connect_protocol
    stream = pair.client.open_stream(request, False)
    (head,), _ = pair.talk()
    assert (head.head.method, head.head.protocol, head.head.upgrade) == (b"CONNECT", b"websocket", b"websocket")
    assert (head.head.origin_target, head.head.scheme, head.head.body_length) == (b"/cart", "https", 0)
    pair.client.send_data(stream, b"frame")
    assert pair.talk()[0] == [DataReceived(stream, b"frame", 5)]


def test_the_end_of_the_connection_is_an_error_while_somebody_waits_for_a_message():
    peer = Peer(is_client=False)
    peer.ours.receive_eof()
    stream = peer.ours.open_stream(fields(*GET), True)
    with pytest.raises(Http2ConnectionError, match="closed the connection in the middle"):
        peer.ours.receive_eof()
    assert peer.ours.is_open(stream)


def test_what_came_before_an_error_is_told_with_it():
    peer = Peer(is_client=True)
    good = peer.encoder.encode(fields(*GET))
    data = frame.frame_header(len(good), frame.HEADERS, 5, 1) + good + frame.frame_header(0, frame.DATA, 0, 0)
    with pytest.raises(Http2ConnectionError) as caught:
        peer.says(data)
    assert [type(event) for event in caught.value.events] == [HeadReceived, EndReceived]
    with pytest.raises(Http2ConnectionError) as again:
        peer.says(b"more")
    assert again.value.events == []


def test_a_head_larger_than_a_frame_goes_on_in_another():
    pair = Pair()
    large = (b"x-large", b"\xff" * 20_000, True)
    pair.client.open_stream((*fields(*GET), large), True)
    kinds = [kind for kind, *_ in frames_of(pair.client.take_output())]
    assert kinds[0] == frame.HEADERS
    assert set(kinds[1:]) == {frame.CONTINUATION}
    pair = Pair()
    pair.client.open_stream((*fields(*GET), large), True)
    assert pair.talk()[0][0].head.fields[-1] == large
