"""Each bound on what a peer may cost us is crossed here, and what a busy but well-meaning peer does is not."""

import pytest

from proxy_core.protocols.http2 import frame
from proxy_core.protocols.http2.error import Http2ConnectionError
from proxy_core.protocols.http2.event import HeadReceived, StreamMalformed
from proxy_core.protocols.http2.limits import Http2Limits
from tests.protocols.http2.conversation import GET, OK, POST, Peer, fields, frame_bytes

CALM = frame.ENHANCE_YOUR_CALM
LIMIT = Http2Limits().idle_frames
IDLE = {
    "PING": frame_bytes(frame.PING, 0, 0, b"x" * 8),
    "SETTINGS": frame.settings_frame([]),
    "acknowledgements": frame.SETTINGS_ACK,
    "PRIORITY": frame_bytes(frame.PRIORITY, 0, 9, b"\0\0\0\1\0"),
    "WINDOW_UPDATE": frame_bytes(frame.WINDOW_UPDATE, 0, 0, b"\0\0\0\1"),
    "windows of streams": frame_bytes(frame.WINDOW_UPDATE, 0, 1, b"\0\0\0\1"),
    "empty DATA": frame_bytes(frame.DATA, 0, 1),
    "padding": frame_bytes(frame.DATA, frame.PADDED, 1, b"\x04\0\0\0\0"),
    "unknown": frame_bytes(0x99, 0, 0, b"x"),
    "late resets": frame_bytes(frame.RST_STREAM, 0, 3, b"\0\0\0\0"),
    "GOAWAY": frame_bytes(frame.GOAWAY, 0, 0, b"\0" * 8),
}


def peer_at_work():
    peer = Peer(is_client=True)
    peer.says_head(1, POST)
    peer.says_head(3, GET, is_end=True)
    peer.ours.send_head(3, fields(*OK), True)
    peer.now_s += 20.0
    peer.says(b"")
    peer.now_s += 20.0
    return peer


@pytest.mark.parametrize("name", IDLE)
def test_frames_that_move_nothing(name):
    peer = peer_at_work()
    peer.says(IDLE[name] * LIMIT)
    assert peer.breaks_with(IDLE[name]) == CALM


@pytest.mark.parametrize("name", IDLE)
def test_as_many_again_may_come_in_another_period(name):
    peer = peer_at_work()
    for _ in range(5):
        peer.says(IDLE[name] * LIMIT)
        peer.now_s += 10.0


@pytest.mark.parametrize("name", ["PING", "WINDOW_UPDATE"])
def test_who_moves_data_may_say_more_about_it(name):
    peer = peer_at_work()
    for _ in range(1000):
        peer.ours.consumed(1, peer.says_data(1, b"x" * 1000)[0].credit)
        peer.says(IDLE[name] * 2)
    peer.now_s += 10.0  # the period ends; the answers to its last frames may come in the next
    peer.says(IDLE[name] * 2000)


def test_requests_that_are_reset_at_once():
    """CVE-2023-44487."""
    peer = Peer(is_client=True)
    for stream in range(1, 2 * LIMIT, 2):
        peer.says_head(stream, GET, is_end=True)
        peer.says_frame(frame.RST_STREAM, 0, stream, b"\0\0\0\x08")
    peer.says_head(2 * LIMIT + 1, GET, is_end=True)
    assert peer.breaks_with(frame_bytes(frame.RST_STREAM, 0, 2 * LIMIT + 1, b"\0\0\0\x08")) == CALM


def test_a_page_that_is_left_again_and_again_is_no_flood():
    peer = Peer(is_client=True)
    stream = 1
    for _ in range(500):
        for is_reset in (True, True, False):
            peer.says_head(stream, GET, is_end=True)
            if is_reset:
                peer.says_frame(frame.RST_STREAM, 0, stream, b"\0\0\0\x08")
            else:
                peer.ours.send_head(stream, fields(*OK), True)
            stream += 2


@pytest.mark.parametrize("wrong", ["window", "malformed", "refused"])
def test_resets_that_the_peer_makes_us_send(wrong):
    """CVE-2025-8671."""
    peer = Peer(is_client=True, limits=Http2Limits(streams=1) if wrong == "refused" else None)
    if wrong == "refused":
        peer.says_head(1, POST)
    stream = 3
    with pytest.raises(Http2ConnectionError) as caught:
        for _ in range(LIMIT + 1):
            peer.says_head(stream, [] if wrong == "malformed" else GET, is_end=True)
            if wrong == "window":
                peer.says_frame(frame.WINDOW_UPDATE, 0, stream, b"\0\0\0\0")
            stream += 2
    assert caught.value.code == CALM
    assert stream == 3 + 2 * LIMIT


def test_a_server_that_refuses_all_costs_only_what_we_ask():
    peer = Peer(is_client=False)
    for _ in range(3 * LIMIT):
        stream = peer.ours.open_stream(fields(*GET), True)
        peer.says_frame(frame.RST_STREAM, 0, stream, b"\0\0\0\x07")
    assert peer.ours.room == 100


def test_a_field_block_in_too_many_pieces():
    peer = Peer(is_client=True)
    peer.says_frame(frame.HEADERS, 0, 1, b"")
    for _ in range(63):
        peer.says_frame(frame.CONTINUATION, 0, 1, b"")
    assert peer.breaks_with(frame_bytes(frame.CONTINUATION, 0, 1)) == CALM


def test_a_field_block_that_is_too_large():
    peer = Peer(is_client=True)
    peer.says_frame(frame.HEADERS, 0, 1, b"x" * 16_384)
    for _ in range(15):
        peer.says_frame(frame.CONTINUATION, 0, 1, b"x" * 16_384)
    assert peer.breaks_with(frame_bytes(frame.CONTINUATION, 0, 1, b"x")) == CALM


def test_a_small_block_of_a_large_list():
    """CVE-2016-6581: one field goes into the table, and is meant a thousand times."""
    peer = Peer(is_client=True)
    entry = peer.encoder.encode(fields((b"x", b"y" * 4000)))
    assert peer.breaks_with(frame_bytes(frame.HEADERS, 5, 1, entry + b"\xbe" * 12_000)) == CALM
    peer = Peer(is_client=True)
    assert peer.breaks_with(frame_bytes(frame.HEADERS, 5, 1, b"\x82" * 16_001)) == CALM


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ([(b"x", b"y")] * 997, "more than 1000 header fields"),
        ([(b"x", b"y" * 1000)] * 254, "larger than 262144 bytes"),
    ],
)
def test_a_head_that_is_too_large_costs_its_stream_alone(more, words):
    peer = Peer(is_client=True)
    (event,) = peer.says_head(1, [*GET, *more], is_end=True)
    assert isinstance(event, StreamMalformed)
    assert words in event.failure.text
    assert event.failure.status == 431
    assert isinstance(peer.says_head(3, [*GET, *more[:-5]], is_end=True)[0], HeadReceived)


def test_answers_that_nobody_reads():
    peer = Peer(is_client=True, limits=Http2Limits(unsent_control_bytes=1700, idle_frames=1000))
    ping = frame_bytes(frame.PING, 0, 0, b"x" * 8)
    for _ in range(3):
        peer.says(ping * 100)
        peer.sees()
    peer.says(ping * 100)
    assert peer.breaks_with(ping) == CALM


def test_what_is_kept_of_streams_that_we_reset_is_bounded():
    peer = Peer(is_client=True)
    for stream in range(1, 2400, 2):
        peer.says_head(stream, POST)
        peer.ours.reset(stream, frame.CANCEL)
        peer.sees()
    # The last thousand are known, and what comes late for them is ignored; the first ones are like any that are closed.
    assert peer.says_data(2399, b"x") == []
    assert peer.resets() == []
    assert peer.breaks_with(frame_bytes(frame.DATA, 0, 1, b"x")) == frame.STREAM_CLOSED
