"""A request on an upstream connection that was kept open, and was closed in the same moment."""

import gevent
import pytest
from gevent import socket
from gevent.event import Event

from proxy_core.engine.sides.http1_upstream import Http1Upstream
from proxy_core.model.exchange import ExchangeFlag, ExchangeState
from tests.support.conversation import wait_for
from tests.support.tls_conversation import connect_through, https_origin

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"


def request(origin, method: bytes, body: bytes = b"", extra: bytes = b"") -> bytes:
    authority = b"127.0.0.1:%d" % origin.port
    if body:
        extra += b"Content-Length: %d\r\n" % len(body)
    return b"%b http://%b/ HTTP/1.1\r\nHost: %b\r\n%b\r\n%b" % (method, authority, authority, extra, body)


@pytest.fixture
def unnoticed(monkeypatch) -> None:
    """What becomes of a connection, the relay comes to know only from what it sends: as if it came just after the look."""
    monkeypatch.setattr(Http1Upstream, "room", lambda self, *, is_sure: 0 if self._is_closed else 1)


def ending_once(start_origin, how: str):
    """An origin whose first connection ends behind its first answer; the others go on."""

    def script(upstream):
        is_first = origin.connections == 1
        while head := upstream.reads_head():
            heads.append(head)
            upstream.sends(OK)
            if is_first:
                if how == "reset":
                    upstream.resets()
                elif how == "reset later":
                    upstream.reads_head()
                    upstream.resets()
                return

    heads: list[bytes] = []
    origin = start_origin(script)
    return origin, heads


HOW = ["end", "reset", "reset later"]


@pytest.mark.usefixtures("unnoticed")
@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("method", [b"GET", b"HEAD", b"OPTIONS", b"DELETE", b"PUT"])
def test_what_is_safe_to_repeat_is_repeated_once(proxy, start_origin, method, how):
    origin, heads = ending_once(start_origin, how)
    client = proxy.connect()
    client.sends(request(origin, b"GET"))
    client.sees(OK)
    gevent.idle()  # until the origin has ended it
    client.sends(request(origin, method))
    assert client.reads_head() == OK[:-2]
    assert len(heads) == origin.connections == 2
    second = proxy.finished(2)[1]
    assert second.row.state == ExchangeState.COMPLETE
    assert not second.row.flags & ExchangeFlag.UPSTREAM_REUSED


@pytest.mark.usefixtures("unnoticed")
@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize(
    ("method", "body"),
    [(b"POST", b""), (b"POST", b"body"), (b"POST", b"x" * 300_000), (b"PUT", b"body"), (b"FROB", b"")],
)
def test_what_is_not_is_the_clients_to_repeat(proxy, start_origin, method, body, how):
    """It sees what it would see without us: its connection, reused as well, ends without an answer."""
    origin, heads = ending_once(start_origin, how)
    client = proxy.connect()
    client.sends(request(origin, b"GET"))
    client.sees(OK)
    gevent.idle()  # until the origin has ended it
    client.sends(request(origin, method, body))
    client.sees_end()
    assert len(heads) == origin.connections == 1
    second = proxy.finished(2)[1]
    assert (second.row.state, second.row.failure) == (ExchangeState.FAILED, "connection_terminated")
    assert second.row.status is None
    assert second.row.flags & ExchangeFlag.UPSTREAM_REUSED
    assert "only the client may repeat" in second.detail.failure_text


@pytest.mark.usefixtures("unnoticed")
def test_inside_an_interception(start_proxy, start_origin, trusting, example_ca):
    def handle(pipe):
        pipe.reads_head()
        pipe.sends(OK)
        if origin.connections == 1:
            pipe.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # its close is a reset

    origin = https_origin(start_origin, example_ca.leaf("localhost"), handle)
    pipe = connect_through(start_proxy(settings=trusting), "localhost", origin.port)
    for _ in range(2):
        pipe.sends(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert pipe.reads_exactly(len(OK)) == OK
    assert origin.connections == 2


@pytest.mark.usefixtures("unnoticed")
@pytest.mark.parametrize("method", [b"GET", b"POST"])
def test_a_connection_that_was_opened_ahead_of_time(
    start_proxy, start_origin, trusting, example_ca, monkeypatch, method
):
    """Browsers open some to have them at hand; the upstream of such a tunnel may be closed before it is ever used."""

    def handle(pipe):
        if origin.connections > 1:
            pipe.reads_head()
            pipe.sends(OK)

    monkeypatch.setattr("proxy_core.engine.sides.http1_upstream._FRESH_S", 0.0)
    origin = https_origin(start_origin, example_ca.leaf("localhost"), handle)
    proxy = start_proxy(settings=trusting)
    pipe = connect_through(proxy, "localhost", origin.port)
    gevent.idle()  # until the origin has ended it
    pipe.sends(method + b" / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    if method == b"GET":
        assert pipe.reads_exactly(len(OK)) == OK
    else:
        with pytest.raises(EOFError):
            pipe.reads(1)
        assert proxy.only().row.failure == "connection_terminated"


def test_a_fresh_connection_that_is_closed_is_told(proxy, start_origin):
    """There the client sees it for the first time, and would not try again by itself."""
    origin = start_origin(lambda upstream: upstream.reads_head())
    client = proxy.connect()
    client.sends(request(origin, b"POST"))
    assert client.reads_response()[0].startswith(b"HTTP/1.1 502 ")


def test_after_an_interim_response_nothing_is_repeated(proxy, start_origin):
    def script(upstream):
        upstream.reads_head()
        upstream.sends(OK)
        upstream.reads_head()
        upstream.sends(b"HTTP/1.1 103 Early Hints\r\n\r\n")

    origin = start_origin(script)
    client = proxy.connect()
    client.sends(request(origin, b"GET"))
    client.sees(OK)
    client.sends(request(origin, b"GET"))
    assert client.reads_head().startswith(b"HTTP/1.1 103 ")
    assert client.reads_response()[0].startswith(b"HTTP/1.1 502 ")
    assert origin.connections == 1


def test_a_client_that_has_left_has_nothing_repeated(proxy, start_origin):
    def script(upstream):
        upstream.reads_head()
        upstream.sends(OK)
        upstream.reads_head()
        has_come.set()
        upstream.reads_to_end()

    has_come = Event()
    origin = start_origin(script)
    client = proxy.connect()
    client.sends(request(origin, b"GET"))
    client.sees(OK)
    client.sends(request(origin, b"GET"))
    assert has_come.wait(5)
    client.resets()
    assert proxy.finished(2)[1].row.failure == "client_closed"
    wait_for(lambda: not proxy.worker.services.sweep.waiting)
    assert origin.connections == 1
