"""What is kept of a head that is refused is small, however large its fields are once they are decoded."""

import pytest

from proxy_core.protocols.http2 import frame
from proxy_core.protocols.http2.error import Http2ConnectionError
from proxy_core.protocols.http2.event import StreamMalformed
from tests.protocols.http2.conversation import GET, Peer, fields

LARGE = b"a" * 4000
WHOLE = frame.END_HEADERS | frame.END_STREAM


def test_a_block_of_references_leaves_little():
    peer = Peer(is_client=True)
    peer.says_head(1, [*GET, (b"x", LARGE)], is_end=True)  # the table has it now
    (refused,) = peer.says_frame(frame.HEADERS, WHOLE, 3, b"\xbe" * 900)
    assert isinstance(refused, StreamMalformed)
    assert refused.failure.status == 431
    assert b"x: aaaa" in refused.raw
    assert refused.raw.endswith(b"more fields]\r\n")
    assert len(refused.raw) < 20_000


def test_blocks_that_make_large_heads_without_end_are_a_flood():
    """Each of them may be sent; all together they would fill a disk."""
    peer = Peer(is_client=True)
    peer.says_head(1, [*GET, (b"x", LARGE)], is_end=True)
    block = b"\x82\x87\x84\x01\x04shop" + b"\xbe" * 60  # GET https / of «shop», nothing of it for the table
    served = 0
    with pytest.raises(Http2ConnectionError, match="too many large heads"):
        for stream in range(3, 3000, 2):
            assert peer.says_frame(frame.HEADERS, WHOLE, stream, block)
            peer.ours.send_head(stream, fields((b":status", b"200")), True)
            served += 1
    assert 10 < served < 60


def test_large_heads_that_are_sent_as_large_are_none():
    peer = Peer(is_client=True)
    for stream in range(1, 200, 2):
        # Never indexed: each comes whole.
        peer.says_frame(frame.HEADERS, WHOLE, stream, peer.encoder.encode(large_fields()))
        peer.ours.send_head(stream, fields((b":status", b"200")), True)


def large_fields():
    return (*fields(*GET), *((b"x%d" % number, b"\xff" * 1300, True) for number in range(12)))
