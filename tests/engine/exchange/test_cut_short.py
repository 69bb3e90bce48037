"""A response that the origin cuts short: the client gets all that came, and can tell that it is not the whole."""

import pytest
from gevent.event import Event

from proxy_core.engine.limits import Limits
from proxy_core.model.exchange import ExchangeFlag, ExchangeState
from tests.support.conversation import wait_for
from tests.support.tls_conversation import connect_through, https_origin

SENT = bytes(range(256)) * 12_000  # 3 MB: more than the sockets hold for a client that doesn't read yet
COUNTED = b"HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
UNTIL_CLOSE = b"HTTP/1.1 200 OK\r\n\r\n"


def get(origin, minor: int = 1) -> bytes:
    authority = b"127.0.0.1:%d" % origin.port
    return b"GET http://%b/ HTTP/1.%d\r\nHost: %b\r\n\r\n" % (authority, minor, authority)


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def slowly(client) -> bytes:
    """Read to an end in order; a reset fails the test."""
    got = b""
    while data := client.sock.recv(100_000):
        got += data
    return got


def cut(start_origin, sent: bytes, how: str, may_end: Event | None = None):
    def script(upstream):
        upstream.reads_head()
        upstream.sends(sent)
        if may_end is not None:
            may_end.wait(10)
        if how == "reset":
            upstream.resets()
        elif how == "silence":
            upstream.reads_to_end()

    return start_origin(script)


@pytest.mark.parametrize("how", ["end", "reset", "silence"])
@pytest.mark.parametrize(
    ("head", "wire"),
    [pytest.param(COUNTED, SENT, id="counted"), pytest.param(CHUNKED, chunk(SENT) + b"5\r\nab", id="chunked")],
)
def test_a_client_that_reads_slowly_gets_all_that_came(start_proxy, start_origin, head, wire, how):
    has_come = Event()
    proxy = start_proxy(limits=Limits(response_s=0.3, linger_s=0.2))
    origin = cut(start_origin, head + wire, how, has_come)
    client = proxy.connect()
    client.sends(get(origin))
    wait_for(lambda: bool(proxy.exchanges) and proxy.exchanges[0].row.response_bytes > 100_000)
    has_come.set()
    assert client.reads_head() == head
    assert slowly(client) == wire
    exchange = proxy.only()
    assert exchange.row.state == ExchangeState.FAILED
    assert exchange.row.flags & ExchangeFlag.RESPONSE_INCOMPLETE
    assert exchange.response_body == SENT + (b"ab" if head is CHUNKED else b"")


def test_chunks_that_go_wrong_end_in_order_too(proxy, start_origin):
    origin = cut(start_origin, CHUNKED + b"2\r\nhi\r\nnonsense\r\n", "end")
    client = proxy.connect()
    client.sends(get(origin))
    assert client.reads_head() == CHUNKED
    assert slowly(client) == b"2\r\nhi\r\n"
    assert proxy.only().row.failure == "http_response_transfer_coding"


@pytest.mark.parametrize(
    ("sent", "minor"),
    [pytest.param(UNTIL_CLOSE + b"hi", 1, id="the origin's"), pytest.param(CHUNKED + b"2\r\nhi\r\n", 0, id="ours")],
)
def test_a_body_that_ends_with_the_connection_is_cut_by_a_reset(proxy, start_origin, sent, minor):
    """There an end in order would say: this was all."""
    is_read = Event()
    origin = cut(start_origin, sent, "reset", is_read)
    client = proxy.connect()
    client.sends(get(origin, minor))
    client.reads_head()
    client.sees(b"hi")
    is_read.set()
    with pytest.raises(ConnectionResetError):
        client.sock.recv(1)
    assert proxy.only().row.flags & ExchangeFlag.RESPONSE_INCOMPLETE


def test_inside_an_interception(start_proxy, start_origin, trusting, example_ca):
    def handle(pipe):
        pipe.reads_head()
        pipe.sends(b"HTTP/1.1 200 OK\r\nContent-Length: 300001\r\n\r\n" + bytes(300_000))

    origin = https_origin(start_origin, example_ca.leaf("localhost"), handle)
    proxy = start_proxy(settings=trusting)
    pipe = connect_through(proxy, "localhost", origin.port)
    pipe.sends(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    pipe.reads_head()
    assert pipe.reads_exactly(300_000) == bytes(300_000)
    with pytest.raises(EOFError):  # a goodbye, and no reset
        pipe.reads(1)
    assert proxy.only().row.failure == "http_response_incomplete"


def test_a_client_that_has_pipelined_reads_its_last_response_all_the_same(proxy, start_origin):
    """Its next request lies unread when we close, and must not make of that a reset."""
    answer = SENT[:600_000]
    has_pipelined = Event()

    def script(upstream):
        upstream.reads_head()
        has_pipelined.wait(5)
        upstream.sends(UNTIL_CLOSE + answer)

    origin = start_origin(script)
    client = proxy.connect()
    client.sends(get(origin))
    wait_for(lambda: origin.connections == 1)
    client.sends(get(origin) * 3)
    has_pipelined.set()
    wait_for(lambda: not proxy.worker.services.sweep.waiting)  # both sides are closed
    assert client.reads_head().startswith(UNTIL_CLOSE[:-2])
    assert slowly(client) == answer
    assert proxy.only().row.state == ExchangeState.COMPLETE
