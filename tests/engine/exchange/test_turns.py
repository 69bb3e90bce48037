"""Whoever has others' messages told by the thousand doesn't keep a worker from its other connections."""

import gevent
import pytest

PING = b"\x89\x00"
MASKED_PING = b"\x89\x80\0\0\0\0"
EMPTY = b"\x00\x00"  # a fragment
SWITCH = (
    b"GET /chat HTTP/1.1\r\nHost: shop.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
)


class Sibling:
    """Another greenlet, which counts the turns that it gets."""

    def __init__(self) -> None:
        self.turns = 0
        self._greenlet = gevent.spawn(self._run)

    def _run(self) -> None:
        while True:
            self.turns += 1
            gevent.sleep(0)

    def stop(self) -> None:
        self._greenlet.kill()


@pytest.fixture
def sibling():
    sibling = Sibling()
    yield sibling
    sibling.stop()


def switched(house):
    client = house.http1_client()
    client.sends(b"GET http://shop.test/chat HTTP/1.1" + SWITCH[0].partition(b"HTTP/1.1")[2])
    upstream = house.upstream()
    upstream.reads_head()
    upstream.sends(SWITCH[1])
    client.reads_head()
    return client, upstream


@pytest.mark.parametrize("frame", [MASKED_PING, b"\x00\x80\0\0\0\0"])
def test_a_websocket_s_frames(house, sibling, frame):
    client, upstream = switched(house)
    data = frame * 30_000
    before = sibling.turns
    client.sends(data)
    upstream.sees(data)
    assert sibling.turns - before > 2


def test_messages_that_come_together(house, sibling):
    client, upstream = switched(house)
    data = PING * 10_000  # in one piece
    before = sibling.turns
    upstream.sends(data)
    client.sees(data)
    assert sibling.turns - before > 20


@pytest.mark.parametrize("body", [b"\n" * 200_000, b"data\n" * 40_000, b"data: x\n\n" * 20_000])
def test_the_lines_of_an_event_stream(house, sibling, body):
    client = house.http1_client()
    client.sends(b"GET http://shop.test/ HTTP/1.1\r\nHost: shop.test\r\n\r\n")
    upstream = house.upstream()
    upstream.reads_head()
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: %d\r\n\r\n" % len(body)
    before = sibling.turns
    upstream.sends(head + body)
    client.reads_head()
    client.sees(body)
    house.finishes()
    assert sibling.turns - before > 5
