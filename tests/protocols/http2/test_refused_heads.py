"""What is kept of a head that is refused is small, however large its fields are once they are decoded."""

from proxy_core.protocols.http2 import frame
from proxy_core.protocols.http2.event import StreamMalformed
from tests.protocols.http2.conversation import GET, Peer

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
