"""What a peer of a WebSocket has got whole is on the disk, whatever becomes of the worker in the next instant."""

import pytest

from proxy_core.capture.journal import EVENT_RECORD, read_records
from proxy_core.capture.segment import segment_name
from proxy_core.model.event import MessagesEvent, decode_event
from proxy_core.model.message_row import decode_content

ASKED = (
    b"GET http://shop.test/live HTTP/1.1\r\nHost: shop.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
SWITCHED = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"


def in_journal(house) -> list[bytes]:
    """The small payloads that a recovery would find; nothing flushes the reporter of a house but its own need."""
    path = str(house._folder / segment_name(house.reporter._journal.segment))
    events = [decode_event(data) for kind, data, _ in read_records(path) if kind == EVENT_RECORD]
    return [
        decode_content(row[-1]).data or b""
        for event in events
        if isinstance(event, MessagesEvent)
        for row in event.rows
    ]


@pytest.fixture
def switched(house):
    client = house.http1_client()
    client.sends(ASKED)
    upstream = house.upstream()
    upstream.reads_head()
    upstream.sends(SWITCHED)
    client.reads_head()
    yield client, upstream
    client.link.close()
    upstream.link.close()
    house.finishes()


def test_what_the_client_has_got(house, switched):
    client, upstream = switched
    for number in range(5):
        upstream.sends(b"\x81\x05news%d" % number)
        client.sees(b"\x81\x05news%d" % number)
        assert in_journal(house)[-1] == b"news%d" % number


def test_what_the_origin_has_got(house, switched):
    client, upstream = switched
    client.sends(b"\x81\x82\0\0\0\0hi")
    upstream.sees(b"\x81\x82\0\0\0\0hi")
    assert in_journal(house) == [b"hi"]


def test_what_came_together_is_one_event(house, switched):
    client, upstream = switched
    upstream.sends(b"\x81\x01a\x81\x01b\x81\x01c")
    client.sees(b"\x81\x01a\x81\x01b\x81\x01c")
    assert in_journal(house) == [b"a", b"b", b"c"]
