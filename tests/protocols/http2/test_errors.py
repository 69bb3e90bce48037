"""What a peer may not do (RFC 9113 §3.4, §4 to §6, §8): which frames end the connection, which a stream, which nothing."""

import pytest

from proxy_core.protocols.http2 import frame
from proxy_core.protocols.http2.connection import Http2Connection
from proxy_core.protocols.http2.error import Http2ConnectionError
from proxy_core.protocols.http2.event import EndReceived, HeadReceived, RoomChanged, StreamMalformed, StreamReset
from proxy_core.protocols.http2.limits import Http2Limits
from tests.protocols.http2.conversation import GET, OK, POST, Peer, fields, frame_bytes

PROTOCOL_ERROR = frame.PROTOCOL_ERROR
WHOLE = frame.END_HEADERS | frame.END_STREAM


def setting(identifier, value):
    return identifier.to_bytes(2, "big") + value.to_bytes(4, "big")


def number(value):
    return value.to_bytes(4, "big")


def greeted(is_client=True):
    """A peer with stream 1 open, on which it said a head and no end, and stream 3, on which it has said all."""
    peer = Peer(is_client)
    if is_client:
        peer.says_head(1, POST)
        peer.says_head(3, GET, is_end=True)
    else:
        for _ in range(2):
            peer.ours.open_stream(fields(*GET), False)
        peer.says_head(1, OK)
        peer.says_head(3, OK, is_end=True)
    peer.sees()
    return peer


BLOCK = b"\x82\x87\x84\x41\x84shop"  # GET https / of «shop»
RESPONSE_BLOCK = b"\x88"

BROKEN = {
    # §3.4, §4.1, §4.2
    "a frame larger than the limit": (frame_bytes(frame.DATA, 0, 1, b"x" * 16_385), frame.FRAME_SIZE_ERROR),
    "HEADERS larger than the limit": (frame_bytes(frame.HEADERS, 5, 5, b"x" * 16_385), frame.FRAME_SIZE_ERROR),
    "an unknown frame larger than the limit": (frame_bytes(77, 0, 0, b"x" * 16_385), frame.FRAME_SIZE_ERROR),
    # §4.3
    "a field block that can't be decoded": (frame_bytes(frame.HEADERS, WHOLE, 5, b"\xff\xff"), frame.COMPRESSION_ERROR),
    "a field block with an index that is not there": (
        frame_bytes(frame.HEADERS, WHOLE, 5, BLOCK + b"\xfe"),
        frame.COMPRESSION_ERROR,
    ),
    "a field block that is cut short": (frame_bytes(frame.HEADERS, WHOLE, 5, BLOCK[:-1]), frame.COMPRESSION_ERROR),
    "a field block inside of another": (
        frame_bytes(frame.HEADERS, 0, 5, BLOCK) + frame_bytes(frame.HEADERS, WHOLE, 7, BLOCK),
        PROTOCOL_ERROR,
    ),
    "PRIORITY inside of a field block": (
        frame_bytes(frame.HEADERS, 0, 5, BLOCK) + frame_bytes(frame.PRIORITY, 0, 5, b"\0\0\0\0\0"),
        PROTOCOL_ERROR,
    ),
    "DATA inside of a field block": (
        frame_bytes(frame.HEADERS, 0, 5, BLOCK) + frame_bytes(frame.DATA, 0, 5, b"x"),
        PROTOCOL_ERROR,
    ),
    "an unknown frame inside of a field block": (
        frame_bytes(frame.HEADERS, 0, 5, BLOCK) + frame_bytes(77, 0, 0),
        PROTOCOL_ERROR,
    ),
    "a field block that goes on for another stream": (
        frame_bytes(frame.HEADERS, 0, 5, BLOCK) + frame_bytes(frame.CONTINUATION, 4, 7, BLOCK),
        PROTOCOL_ERROR,
    ),
    # §5.1
    "DATA on an idle stream": (frame_bytes(frame.DATA, 0, 5, b"x"), PROTOCOL_ERROR),
    "RST_STREAM on an idle stream": (frame_bytes(frame.RST_STREAM, 0, 5, number(8)), PROTOCOL_ERROR),
    "WINDOW_UPDATE on an idle stream": (frame_bytes(frame.WINDOW_UPDATE, 0, 5, number(1)), PROTOCOL_ERROR),
    "CONTINUATION on an idle stream": (frame_bytes(frame.CONTINUATION, 4, 5, BLOCK), PROTOCOL_ERROR),
    "DATA on a stream of even number": (frame_bytes(frame.DATA, 0, 2, b"x"), PROTOCOL_ERROR),
    # §6.1
    "DATA for no stream": (frame_bytes(frame.DATA, 0, 0, b"x"), PROTOCOL_ERROR),
    "DATA with more padding than room": (frame_bytes(frame.DATA, frame.PADDED, 1, b"\x02x"), PROTOCOL_ERROR),
    "DATA of nothing but a padding that is not there": (frame_bytes(frame.DATA, 8, 1, b"\x01"), PROTOCOL_ERROR),
    "DATA that has no length of its padding": (frame_bytes(frame.DATA, frame.PADDED, 1), frame.FRAME_SIZE_ERROR),
    # §6.2
    "HEADERS for no stream": (frame_bytes(frame.HEADERS, WHOLE, 0, BLOCK), PROTOCOL_ERROR),
    "HEADERS with more padding than room": (frame_bytes(frame.HEADERS, WHOLE | 8, 5, b"\x0a" + BLOCK), PROTOCOL_ERROR),
    "HEADERS without room for a priority": (frame_bytes(frame.HEADERS, WHOLE | 0x20, 5, b"\0"), frame.FRAME_SIZE_ERROR),
    "HEADERS that depend on themselves": (
        frame_bytes(frame.HEADERS, WHOLE | 0x20, 5, number(5) + b"\0" + BLOCK),
        PROTOCOL_ERROR,
    ),
    # §6.3
    "PRIORITY for no stream": (frame_bytes(frame.PRIORITY, 0, 0, b"\0\0\0\1\0"), PROTOCOL_ERROR),
    "PRIORITY that is too short": (frame_bytes(frame.PRIORITY, 0, 1, b"\0\0\0\0"), frame.FRAME_SIZE_ERROR),
    "PRIORITY that depends on itself": (frame_bytes(frame.PRIORITY, 0, 5, number(5) + b"\0"), PROTOCOL_ERROR),
    # §6.4
    "RST_STREAM for no stream": (frame_bytes(frame.RST_STREAM, 0, 0, number(8)), PROTOCOL_ERROR),
    "RST_STREAM that is too short": (frame_bytes(frame.RST_STREAM, 0, 1, b"\0\0\0"), frame.FRAME_SIZE_ERROR),
    # §6.5
    "SETTINGS for a stream": (frame_bytes(frame.SETTINGS, 0, 1), PROTOCOL_ERROR),
    "SETTINGS that end in a setting": (frame_bytes(frame.SETTINGS, 0, 0, b"\0\3\0\0\0"), frame.FRAME_SIZE_ERROR),
    "an acknowledgement with content": (
        frame_bytes(frame.SETTINGS, frame.ACK, 0, setting(3, 1)),
        frame.FRAME_SIZE_ERROR,
    ),
    "ENABLE_PUSH of 2": (frame_bytes(frame.SETTINGS, 0, 0, setting(2, 2)), PROTOCOL_ERROR),
    "INITIAL_WINDOW_SIZE of 2^31": (frame_bytes(frame.SETTINGS, 0, 0, setting(4, 2**31)), frame.FLOW_CONTROL_ERROR),
    "MAX_FRAME_SIZE of 16,383": (frame_bytes(frame.SETTINGS, 0, 0, setting(5, 16_383)), PROTOCOL_ERROR),
    "MAX_FRAME_SIZE of 2^24": (frame_bytes(frame.SETTINGS, 0, 0, setting(5, 2**24)), PROTOCOL_ERROR),
    "ENABLE_CONNECT_PROTOCOL of 2": (frame_bytes(frame.SETTINGS, 0, 0, setting(8, 2)), PROTOCOL_ERROR),
    "ENABLE_CONNECT_PROTOCOL taken back": (
        frame_bytes(frame.SETTINGS, 0, 0, setting(8, 1) + setting(8, 0)),
        PROTOCOL_ERROR,
    ),
    # §6.6, §8.4
    "a push": (frame_bytes(frame.PUSH_PROMISE, 4, 1, number(2) + BLOCK), PROTOCOL_ERROR),
    # §6.7
    "PING for a stream": (frame_bytes(frame.PING, 0, 1, b"x" * 8), PROTOCOL_ERROR),
    "PING of seven bytes": (frame_bytes(frame.PING, 0, 0, b"x" * 7), frame.FRAME_SIZE_ERROR),
    "an answered PING of seven bytes": (frame_bytes(frame.PING, frame.ACK, 0, b"x" * 7), frame.FRAME_SIZE_ERROR),
    # §6.8
    "GOAWAY for a stream": (frame_bytes(frame.GOAWAY, 0, 1, b"\0" * 8), PROTOCOL_ERROR),
    "GOAWAY that is too short": (frame_bytes(frame.GOAWAY, 0, 0, b"\0" * 7), frame.FRAME_SIZE_ERROR),
    # §6.9
    "WINDOW_UPDATE by nothing": (frame_bytes(frame.WINDOW_UPDATE, 0, 0, number(0)), PROTOCOL_ERROR),
    "WINDOW_UPDATE that is too short": (frame_bytes(frame.WINDOW_UPDATE, 0, 1, b"\0\0\1"), frame.FRAME_SIZE_ERROR),
    "WINDOW_UPDATE by more than there can be": (
        frame_bytes(frame.WINDOW_UPDATE, 0, 0, number(2**31 - 1)),
        frame.FLOW_CONTROL_ERROR,
    ),
    "INITIAL_WINDOW_SIZE that opens a window too far": (
        frame_bytes(frame.WINDOW_UPDATE, 0, 1, number(2**31 - 1 - 65_535))
        + frame_bytes(frame.SETTINGS, 0, 0, setting(4, 65_536)),
        frame.FLOW_CONTROL_ERROR,
    ),
    # §6.10
    "CONTINUATION for no stream": (frame_bytes(frame.CONTINUATION, 4, 0, b""), PROTOCOL_ERROR),
    "CONTINUATION behind a whole block": (frame_bytes(frame.CONTINUATION, 4, 1, b"\x88"), PROTOCOL_ERROR),
}


@pytest.mark.parametrize("is_client", [True, False])
@pytest.mark.parametrize("name", BROKEN)
def test_what_ends_the_connection(name, is_client):
    data, code = BROKEN[name]
    assert greeted(is_client).breaks_with(data) == code


@pytest.mark.parametrize(
    ("is_client", "stream", "code"),
    [
        (True, 2, PROTOCOL_ERROR),  # §5.1.1: a client's numbers are odd,
        (False, 2, PROTOCOL_ERROR),  # those of a server even, and we take no push
        (False, 5, PROTOCOL_ERROR),  # no response without a request
        (True, 1 << 31, PROTOCOL_ERROR),  # §4.1: the first bit is none of the number, which is 0 then
    ],
)
def test_heads_on_streams_that_nobody_opened(is_client, stream, code):
    block = BLOCK if is_client else RESPONSE_BLOCK
    assert greeted(is_client).breaks_with(frame_bytes(frame.HEADERS, WHOLE, stream, block)) == code


def test_numbers_of_streams_only_grow():
    peer = greeted()
    peer.says_head(9, GET, is_end=True)
    assert peer.breaks_with(frame_bytes(frame.HEADERS, WHOLE, 7, BLOCK)) == frame.STREAM_CLOSED


def test_a_server_can_neither_allow_nor_ask_for_pushes():
    assert greeted(is_client=False).breaks_with(frame.settings_frame([(2, 1)])) == PROTOCOL_ERROR
    assert greeted(is_client=False).says(frame.settings_frame([(2, 0)]))


@pytest.mark.parametrize(
    "start",
    [b"GET / HTTP/1.1\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\r", b"\x16\x03\x01", b"PRI * HTTP/2.0\r\n\r\nXX"],
)
def test_a_client_begins_with_the_preface(start):
    ours = Http2Connection(False)
    ours.start()
    with pytest.raises(Http2ConnectionError, match="first bytes are not those of HTTP/2"):
        for position in range(len(start)):
            ours.receive(start[position : position + 1], 0.0)


@pytest.mark.parametrize(
    "first", [frame.SETTINGS_ACK, frame_bytes(frame.PING, 0, 0, b"x" * 8), frame_bytes(frame.HEADERS, WHOLE, 1, BLOCK)]
)
@pytest.mark.parametrize("is_client", [True, False])
def test_the_first_frame_is_settings(first, is_client):
    ours = Http2Connection(not is_client)
    ours.start()
    with pytest.raises(Http2ConnectionError, match="first frame is not SETTINGS"):
        ours.receive((frame.PREFACE if is_client else b"") + first, 0.0)


def test_frames_on_a_stream_whose_peer_has_said_all():
    assert greeted().says_data(3, b"x") == [StreamReset(3, frame.STREAM_CLOSED, True, False)]
    assert greeted().says_head(3, GET) == [StreamReset(3, frame.STREAM_CLOSED, True, False)]
    peer = greeted()
    assert peer.says_frame(frame.WINDOW_UPDATE, 0, 3, number(1)) == []
    assert peer.says_frame(frame.PRIORITY, 0, 3, b"\0\0\0\1\0") == []
    assert peer.says_frame(frame.RST_STREAM, 0, 3, number(8)) == [StreamReset(3, 8, False, False)]


def closed(is_client=True):
    """Stream 1 came to its end."""
    peer = Peer(is_client)
    if is_client:
        peer.says_head(1, GET, is_end=True)
        peer.ours.send_head(1, fields(*OK), True)
    else:
        peer.ours.open_stream(fields(*GET), True)
        peer.says_head(1, OK, is_end=True)
    peer.sees()
    assert peer.ours.stream_count == 0
    return peer


@pytest.mark.parametrize("is_client", [True, False])
def test_frames_on_a_stream_that_is_closed(is_client):
    peer = closed(is_client)
    assert peer.says_frame(frame.WINDOW_UPDATE, 0, 1, number(1)) == []
    assert peer.says_frame(frame.RST_STREAM, 0, 1, number(0)) == []
    assert peer.says_frame(frame.PRIORITY, 0, 1, b"\0\0\0\3\0") == []
    assert peer.sees() == []
    assert closed(is_client).breaks_with(frame_bytes(frame.DATA, 0, 1, b"x")) == frame.STREAM_CLOSED
    block = BLOCK if is_client else RESPONSE_BLOCK
    late = frame_bytes(frame.HEADERS, WHOLE, 1, block)
    assert closed(is_client).breaks_with(late) == frame.STREAM_CLOSED
    assert closed(is_client).breaks_with(frame_bytes(frame.CONTINUATION, 4, 1, block)) == PROTOCOL_ERROR


def test_frames_behind_the_peers_own_reset():
    for late in (frame_bytes(frame.DATA, 0, 1, b"x"), frame_bytes(frame.HEADERS, WHOLE, 1, BLOCK)):
        peer = greeted()
        peer.says_frame(frame.RST_STREAM, 0, 1, number(8))
        assert peer.breaks_with(late) == frame.STREAM_CLOSED


def test_frames_on_a_stream_that_the_peer_did_not_mean_to_process():
    peer = greeted(is_client=False)
    peer.ours.open_stream(fields(*GET), False)
    peer.says_frame(frame.GOAWAY, 0, 0, number(1) + number(0))
    assert peer.says_head(5, OK) == []
    assert peer.says_data(5, b"x", is_end=True) == []


@pytest.mark.parametrize("is_client", [True, False])
def test_a_window_of_a_stream_that_is_opened_wrongly(is_client):
    peer = greeted(is_client)
    reset = StreamReset(1, PROTOCOL_ERROR, True, False)
    assert peer.says_frame(frame.WINDOW_UPDATE, 0, 1, number(0)) == [reset]
    assert peer.resets() == [(1, PROTOCOL_ERROR)]
    peer = greeted(is_client)
    reset = StreamReset(1, frame.FLOW_CONTROL_ERROR, True, False)
    assert peer.says_frame(frame.WINDOW_UPDATE, 0, 1, number(2**31 - 1)) == [reset]


def test_who_sends_more_than_a_window_allows():
    limits = Http2Limits(stream_window_bytes=100_000, connection_window_bytes=150_000)
    peer = Peer(True, limits)
    for stream in (1, 3):
        peer.says_head(stream, POST)
    part = b"x" * 10_000
    for _ in range(10):
        peer.says_data(1, part)
    assert peer.says_data(1, b"x") == [StreamReset(1, frame.FLOW_CONTROL_ERROR, True, False)]
    assert peer.resets() == [(1, frame.FLOW_CONTROL_ERROR)]
    for _ in range(4):
        peer.says_data(3, part)
    assert peer.breaks_with(frame_bytes(frame.DATA, 0, 3, part)) == frame.FLOW_CONTROL_ERROR


def test_a_first_window_smaller_than_everybodys_counts_when_the_peer_knows_of_it():
    ours = Http2Connection(False, Http2Limits(stream_window_bytes=10_000))
    ours.start()
    head = frame_bytes(frame.HEADERS, 4, 1, b"\x83\x87\x84\x41\x84shop")
    ours.receive(frame.PREFACE + frame.settings_frame([]) + head, 0.0)
    early = ours.receive(frame_bytes(frame.DATA, 0, 1, b"x" * 16_000), 0.0)
    assert [part.credit for part in early] == [16_000]
    ours.receive(frame.SETTINGS_ACK, 0.0)
    assert ours.receive(frame_bytes(frame.DATA, 0, 1, b"x"), 0.0) == [
        StreamReset(1, frame.FLOW_CONTROL_ERROR, True, False)
    ]


def test_padding_takes_of_the_windows_and_is_given_back():
    limits = Http2Limits(stream_window_bytes=65_535, connection_window_bytes=65_535)
    peer = Peer(True, limits)
    peer.says_head(1, POST)
    (event,) = peer.says_frame(frame.DATA, frame.PADDED, 1, b"\xc8" + b"x" * 10_000 + b"\0" * 200)
    assert (event.data, event.credit) == (b"x" * 10_000, 10_201)
    assert peer.says_frame(frame.DATA, frame.PADDED, 1, b"\xff" + b"\0" * 255) == []  # nobody sees these
    peer.ours.consumed(1, 10_201)
    assert peer.sees() == []
    for _ in range(3):
        (event,) = peer.says_data(1, b"x" * 10_000)
        peer.ours.consumed(1, event.credit)
    assert [payload for *_, payload in peer.sees()] == [number(10_201 + 256 + 30_000)] * 2


def test_padded_heads_are_read():
    peer = Peer(True)
    block = peer.encoder.encode(fields(*GET))
    payload = b"\x05" + number(0) + b"\x10" + block + b"\0" * 5
    head, end = peer.says_frame(frame.HEADERS, WHOLE | frame.PADDED | frame.HAS_PRIORITY, 1, payload)
    assert head.head.fields == fields(*GET)
    assert end == EndReceived(1, b"")


def test_first_windows_change_those_of_streams_that_live():
    peer = Peer(True)
    peer.says_head(1, GET, is_end=True)
    peer.ours.send_head(1, fields(*OK), False)
    assert peer.ours.send_data(1, b"x" * 1000) == 1000
    peer.says(frame.settings_frame([(4, 0)]))
    assert peer.ours.can_send(1) == 0  # it is at -1,000
    assert peer.ours.send_data(1, b"x") == 0
    assert peer.says_frame(frame.WINDOW_UPDATE, 0, 1, number(1000)) == []
    assert peer.says_frame(frame.WINDOW_UPDATE, 0, 1, number(1)) == [RoomChanged(1)]
    assert peer.ours.send_data(1, b"xy") == 1
    assert RoomChanged(1) in peer.says(frame.settings_frame([(4, 100)]))
    assert peer.ours.can_send(1) == 100


def test_frames_are_as_large_as_the_peer_takes_them():
    peer = Peer(True)
    peer.says(frame.settings_frame([(5, 20_000), (4, 100_000)]))
    peer.says_head(1, GET, is_end=True)
    peer.sees()
    peer.ours.send_head(1, fields(*OK), False)
    peer.ours.send_data(1, b"x" * 45_000, True)
    assert [(kind, flags, len(payload)) for kind, flags, _, payload in peer.sees()[1:]] == [
        (frame.DATA, 0, 20_000),
        (frame.DATA, 0, 20_000),
        (frame.DATA, frame.END_STREAM, 5_000),
    ]


def test_settings_are_acknowledged_in_order_and_what_is_unknown_is_ignored():
    peer = Peer(True)
    peer.says(frame.settings_frame([(0x99, 5), (3, 7)]) + frame_bytes(frame.PING, 0, 0, b"12345678"))
    assert peer.sees() == [(frame.SETTINGS, frame.ACK, 0, b""), (frame.PING, frame.ACK, 0, b"12345678")]
    assert peer.says_frame(frame.PING, frame.ACK, 0, b"12345678") == []
    assert peer.says_frame(0x99, 0xFF, 1, b"whatever") == []
    assert peer.says_frame(frame.PRIORITY, 0, 21, b"\0\0\0\1\0") == []
    assert peer.sees() == []
    # §4.1: flags without a meaning, and the reserved bit of the number, say nothing.
    block = peer.encoder.encode(fields(*GET))
    assert peer.says_frame(frame.HEADERS, WHOLE | 0xC2, 1 << 31 | 1, block)[0].stream == 1


@pytest.mark.parametrize(
    "second", [[(b"x", b"y")], [(b":status", b"200")], [(b":x", b"y"), (b"x", b"y")]], ids=["no end", "head", "pseudo"]
)
@pytest.mark.parametrize("is_client", [True, False])
def test_a_second_head_where_a_body_was_to_be(second, is_client):
    peer = greeted(is_client)
    (event,) = peer.says_head(1, second, is_end=second[0][0] == b":x")
    assert isinstance(event, StreamMalformed)
    assert event.raw == b""
    assert peer.resets() == [(1, PROTOCOL_ERROR)]


def test_a_body_before_its_head():
    peer = Peer(False)
    peer.ours.open_stream(fields(*GET), True)
    (event,) = peer.says_data(1, b"x")
    assert event.failure.text == "The response's body came before its head."


def test_a_body_that_the_request_forbids():
    peer = Peer(False)
    peer.ours.open_stream(fields((b":method", b"HEAD"), *GET[1:]), True)
    peer.says_head(1, [*OK, (b"content-length", b"5")])
    assert isinstance(peer.says_data(1, b"hello", is_end=True)[0], StreamMalformed)
    peer = Peer(False)
    peer.ours.open_stream(fields((b":method", b"HEAD"), *GET[1:]), True)
    head, end = peer.says_head(1, [*OK, (b"content-length", b"5")], is_end=True)
    assert (head.head.body_length, end) == (0, EndReceived(1, b""))


def test_too_many_interim_responses():
    peer = Peer(False, Http2Limits(interim_responses=3))
    peer.ours.open_stream(fields(*GET), True)
    for _ in range(3):
        assert isinstance(peer.says_head(1, [(b":status", b"102")])[0], HeadReceived)
    assert isinstance(peer.says_head(1, [(b":status", b"102")])[0], StreamMalformed)


def test_a_tunnel_has_no_trailers():
    peer = Peer(True)
    peer.says_head(1, [(b":method", b"CONNECT"), (b":authority", b"shop.test:443")])
    assert isinstance(peer.says_head(1, [(b"x", b"y")], is_end=True)[0], StreamMalformed)


def test_new_streams_are_refused_once_we_go_away():
    peer = greeted()
    peer.ours.go_away(frame.NO_ERROR)
    assert peer.sees()[0][3] == number(3) + number(0)
    assert peer.says_head(5, GET, is_end=True) == []
    assert peer.resets() == [(5, frame.REFUSED_STREAM)]
    assert peer.ours.is_open(1)
