"""Points over real sockets and TLS: a wait for a body that is broken off loses nothing, and a client's reset is seen."""

import contextlib

import gevent
import h2.events
import pytest

from proxy_core.engine.exchange.point import Pass, Replace
from proxy_core.engine.limits import Limits
from proxy_core.model.exchange import ExchangeState
from tests.support.conversation import Client
from tests.support.http2_peer import Http2Peer
from tests.support.points import HOLDS, Pause, Script, with_field
from tests.support.tls_conversation import BioPipe, connect_through, https_origin

BODY = bytes(range(256)) * 16
PIECES = [BODY[place : place + 97] for place in range(0, len(BODY), 97)]
IMPATIENT = Limits(linger_s=0.2, held_body_s=0.05)


def trickle(sends) -> None:
    """Send the body in odd pieces, so that the time is over in the middle of one or between two."""
    for piece in PIECES:
        for part in (piece[:11], piece[11:]):
            sends(part)
            gevent.sleep(0.002)


class TestABodyThatDoesNotEndInTime:
    def test_of_http1_inside_tls(self, start_proxy, start_origin, trusting, example_ca):
        def serve(pipe: BioPipe) -> None:
            pipe.reads_head()
            pipe.sends(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            trickle(lambda data: pipe.sends(b"%x\r\n%b\r\n" % (len(data), data)))
            pipe.sends(b"0\r\n\r\n")

        server = https_origin(start_origin, example_ca.leaf("localhost"), serve)
        proxy = start_proxy(settings=trusting, limits=IMPATIENT)
        proxy.worker.services.points = lambda _message, _report: Script(**HOLDS)
        pipe = connect_through(proxy, "localhost", server.port)
        pipe.sends(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert b"Transfer-Encoding: chunked\r\n" in pipe.reads_head()
        got = b""
        with contextlib.suppress(EOFError):
            while True:
                got += pipe.reads(65536)
        body = b""
        while not got.startswith(b"0\r\n"):
            size, _, got = got.partition(b"\r\n")
            body += got[: int(size, 16)]
            got = got[int(size, 16) + 2 :]
        assert body == BODY
        exchange = proxy.only()
        assert exchange.response_body == BODY
        assert "had not ended" in exchange.detail.notes

    def test_of_http2_both_ways(self, start_proxy, start_origin, trusting, example_ca):
        def serve(pipe: BioPipe) -> None:
            peer = Http2Peer(pipe.sends, pipe.reads, is_client=False)
            stream = peer.until(h2.events.RequestReceived).stream_id
            peer.until(h2.events.StreamEnded, stream)
            got = b"".join(each.data for each in peer.events if isinstance(each, h2.events.DataReceived))
            peer.responds(stream, [(b":status", b"200")], is_end=False)
            half = len(got) // 2
            peer.sends_data(stream, got[:half])
            gevent.sleep(0.1)
            peer.sends_data(stream, got[half:], is_end=True)
            with contextlib.suppress(EOFError):
                peer.until(h2.events.ConnectionTerminated)

        server = https_origin(start_origin, example_ca.leaf("localhost"), serve, alpn=("h2",))
        proxy = start_proxy(settings=trusting, limits=IMPATIENT)
        proxy.worker.services.points = lambda _message, _report: Script(**HOLDS)
        pipe = connect_through(proxy, "localhost", server.port, alpn=("h2",))
        client = Http2Peer(pipe.sends, pipe.reads, is_client=True)
        pseudo = [(b":method", b"POST"), (b":authority", b"localhost"), (b":scheme", b"https"), (b":path", b"/")]
        stream = client.requests(pseudo, is_end=False)
        trickle(lambda data: client.sends_data(stream, data))
        client.sends_data(stream, b"", is_end=True)
        assert client.answer(stream).body == BODY
        exchange = proxy.only()
        assert exchange.request_body == exchange.response_body == BODY
        assert exchange.detail.notes.count("had not ended") == 2


@pytest.mark.parametrize("size", [3 * 1024 * 1024, 700 * 1024])
def test_a_large_body_is_held_through_the_windows_of_http2(start_proxy, start_origin, trusting, example_ca, size):
    def serve(pipe: BioPipe) -> None:
        peer = Http2Peer(pipe.sends, pipe.reads, is_client=False)
        stream = peer.until(h2.events.RequestReceived).stream_id
        peer.responds(stream, [(b":status", b"200")], is_end=False)
        peer.sends_data(stream, bytes(size), is_end=True)
        with contextlib.suppress(EOFError):
            peer.until(h2.events.ConnectionTerminated)

    server = https_origin(start_origin, example_ca.leaf("localhost"), serve, alpn=("h2",))
    proxy = start_proxy(settings=trusting)
    script = Script(**HOLDS, at_response_body=lambda m: Replace(with_field(m, b"x-size", b"%d" % len(m.body))))
    proxy.worker.services.points = lambda _message, _report: script
    pipe = connect_through(proxy, "localhost", server.port, alpn=("h2",))
    client = Http2Peer(pipe.sends, pipe.reads, is_client=True)
    pseudo = [(b":method", b"GET"), (b":authority", b"localhost"), (b":scheme", b"https"), (b":path", b"/")]
    answer = client.answer(client.requests(pseudo))
    assert len(answer.body) == size
    assert dict(answer.fields).get(b"x-size") == (b"%d" % size if size < 1024 * 1024 else None)


def test_a_client_that_resets_while_somebody_decides_connects_to_nothing(start_proxy, start_origin):
    pause = Pause(Pass())

    def script(client: Client) -> None:
        client.reads_head()

    origin, proxy = start_origin(script), start_proxy()
    proxy.worker.services.points = lambda _message, _report: Script(at_request_head=pause)
    client = proxy.connect()
    client.sends(b"GET http://127.0.0.1:%d/ HTTP/1.1\r\nHost: x\r\n\r\n" % origin.port)
    pause.is_asked.wait(10)
    client.resets()
    gevent.sleep(0.02)  # the system tells the loop in its next turns
    pause.go.set()
    assert proxy.only().row.failure == "client_closed"
    assert origin.connections == 0
    assert proxy.only().row.state == ExchangeState.FAILED
