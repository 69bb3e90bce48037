"""What waits in a stream costs as much as its window says."""

import pytest

from proxy_core.engine.limits import HTTP2_LIMITS
from proxy_core.engine.links.memory import memory_links
from proxy_core.engine.links.transport import DeadlineSweep
from proxy_core.engine.sides.http2_session import Http2Session
from proxy_core.engine.sides.http2_stream import Http2Stream
from proxy_core.protocols.http2.connection import Http2Connection
from proxy_core.protocols.part import BodyPart, EndOfMessage


@pytest.fixture
def stream():
    ours, theirs = memory_links("client")
    session = Http2Session(ours, Http2Connection(is_client=False, limits=HTTP2_LIMITS), DeadlineSweep())
    yield Http2Stream(session, 1)
    session.abort()
    theirs.close()


def taken(stream):
    parts = []
    while (part := stream.take(wait=False)) is not None:
        parts.append(part)
    return parts


def test_bytes_that_come_singly_wait_together(stream):
    sent = bytes(number % 251 for number in range(200_000))
    for byte in sent:
        stream.give_data(bytes((byte,)), 1)
    stream.give(EndOfMessage(b"", b""), 0)
    *parts, end = taken(stream)
    assert isinstance(end, EndOfMessage)
    assert len(parts) < 10
    assert b"".join(part.data for part in parts) == sent


def test_order_is_kept_between_small_and_large(stream):
    pieces = [b"a", b"b", b"c" * 10_000, b"d", b"e", b"f" * 4097, b"g"]
    for piece in pieces:
        stream.give_data(piece, len(piece))
    parts = taken(stream)
    assert all(type(part) is BodyPart for part in parts)
    assert b"".join(part.data for part in parts) == b"".join(pieces)
