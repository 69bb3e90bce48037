"""What holds for any bytes: no error but the one, the same events however they are cut, and nothing kept beyond bounds."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy_core.protocols.http2 import frame
from proxy_core.protocols.http2.connection import Http2Connection
from proxy_core.protocols.http2.error import Http2ConnectionError
from proxy_core.protocols.http2.event import DataReceived, HeadReceived, StreamMalformed
from proxy_core.protocols.http2.hpack import FieldEncoder
from proxy_core.protocols.http2.limits import Http2Limits
from tests.protocols.http2.conversation import GET, OK, POST, fields, frame_bytes

LIMITS = Http2Limits(stream_window_bytes=70_000, connection_window_bytes=70_000, streams=3, idle_frames=20)
BLOCKS = st.sampled_from(
    [
        FieldEncoder().encode(fields(*pairs))
        for pairs in (GET, POST, OK, [(b":status", b"103")], [*POST, (b"content-length", b"5")], [(b"x", b"y")], [])
    ]
)
STREAMS = st.sampled_from([0, 1, 1, 3, 3, 5, 7, 9, 2, 101])
PAYLOADS = st.binary(max_size=20) | BLOCKS | st.sampled_from([b"\0\0\0\0", b"\0\0\0\1", b"x" * 8, b"x" * 16_384])
FRAMES = st.builds(frame_bytes, st.integers(0, 10), st.sampled_from([0, 1, 4, 5, 8, 9, 0x20, 0x2D]), STREAMS, PAYLOADS)
HEADS = st.builds(frame_bytes, st.just(frame.HEADERS), st.sampled_from([4, 5]), STREAMS, BLOCKS)
BODIES = st.builds(frame_bytes, st.just(frame.DATA), st.sampled_from([0, 1]), STREAMS, st.binary(max_size=9))
SPEECH = st.lists(HEADS | BODIES | FRAMES | st.binary(max_size=30), max_size=25).map(b"".join)


def connection(is_client):
    ours = Http2Connection(is_client, LIMITS)
    ours.start()
    if is_client:
        for method in (b"GET", b"HEAD", b"CONNECT"):
            ours.open_stream(fields((b":method", method), *GET[1:]), method != b"CONNECT")
    ours.take_output()
    return ours


def hear(ours, pieces):
    """All that was told, the error last."""
    told = []
    for piece in pieces:
        try:
            told += ours.receive(piece, 0.0)
        except Http2ConnectionError as error:
            told += error.events
            told.append((error.code, error.failure))
            break
    return told


def kept(ours):
    return len(ours._rest) + sum(map(len, ours._block))


@pytest.mark.parametrize("is_client", [True, False])
@given(speech=SPEECH, is_greeted=st.booleans())
@settings(deadline=None, max_examples=300)
def test_any_bytes_end_in_events_or_the_one_error(is_client, speech, is_greeted):
    if is_greeted:
        speech = (b"" if is_client else frame.PREFACE) + frame.settings_frame([]) + speech
    ours = connection(is_client)
    for event in hear(ours, [speech]):
        match event:
            case HeadReceived():
                assert event.head.raw.endswith(b"\r\n\r\n")
                assert event.head.raw.count(b"\n") == len(event.head.fields) + 2
            case DataReceived():
                assert 0 < len(event.data) <= event.credit
            case StreamMalformed():
                assert event.failure.text
    assert kept(ours) < 2 * (frame.SMALLEST_FRAME_LIMIT + 9) + LIMITS.head_bytes
    assert ours.stream_count <= LIMITS.streams
    assert ours.output_bytes < 20_000


@pytest.mark.parametrize("is_client", [True, False])
@given(speech=SPEECH, cuts=st.lists(st.integers(1, 400), min_size=1, max_size=8))
@settings(deadline=None, max_examples=200)
def test_events_and_answers_are_the_same_however_the_bytes_are_cut(is_client, speech, cuts):
    speech = (b"" if is_client else frame.PREFACE) + frame.settings_frame([(3, 9)]) + speech
    whole = connection(is_client)
    told = hear(whole, [speech])
    pieces, position, turn = [], 0, 0
    while position < len(speech):
        size = cuts[turn % len(cuts)]
        pieces.append(speech[position : position + size])
        position += size
        turn += 1
    cut = connection(is_client)
    assert hear(cut, pieces) == told
    assert cut.take_output() == whole.take_output()


def test_byte_by_byte():
    speech = frame.PREFACE + frame.settings_frame([(3, 9)])
    speech += frame_bytes(frame.HEADERS, 0, 1, FieldEncoder().encode(fields(*POST))[:3])
    speech += frame_bytes(frame.CONTINUATION, 4, 1, FieldEncoder().encode(fields(*POST))[3:])
    speech += frame_bytes(frame.DATA, 9, 1, b"\x03hello\0\0\0")
    told = hear(connection(False), [speech])
    assert len(told) == 4
    assert hear(connection(False), [speech[i : i + 1] for i in range(len(speech))]) == told
