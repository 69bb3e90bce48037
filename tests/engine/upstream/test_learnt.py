"""Origins that could not be asked what they speak are spoken to in what they turned out to speak."""

import h2.events
import pytest

from proxy_core.engine.upstream.learnt import LearntProtocols
from proxy_core.model.exchange import ExchangeState
from proxy_core.model.ways_in import Origin as ServedOrigin
from tests.support.conversation import Client
from tests.support.http2_peer import Fields, Http2Peer
from tests.support.tls_conversation import BioPipe, connect_through, https_origin

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
SETTINGS = b"\0\0\x06\4\0\0\0\0\0\0\3\0\0\0\x80"
GOAWAY = b"\0\0\x08\7\0\0\0\0\0\0\0\0\0\0\0\0\1"
OK: Fields = [(b":status", b"200"), (b"content-length", b"2")]
GET: Fields = [(b":method", b"GET"), (b":authority", b"shop.test"), (b":scheme", b"http"), (b":path", b"/x")]


def answer_all(sends, reads) -> None:
    peer = Http2Peer(sends, reads, is_client=False)
    while True:
        peer.responds(peer.until(h2.events.RequestReceived).stream_id, OK, b"hi")


@pytest.fixture
def http2_alone(start_origin):
    """In clear text; what was said to it in the place of a preface is kept."""
    seen = []

    def script(client: Client) -> None:
        first = client.sock.recv(65536)
        if not first.startswith(PREFACE):
            seen.append(first)
            client.sends(SETTINGS + GOAWAY)
            return
        pieces = [first]
        try:
            answer_all(client.sends, lambda length: pieces.pop() if pieces else client.sock.recv(length))
        except EOFError:
            pass

    origin = start_origin(script)
    origin.seen = seen
    return origin


def get(origin, path: str) -> bytes:
    authority = f"127.0.0.1:{origin.port}"
    return f"GET http://{authority}{path} HTTP/1.1\r\nHost: {authority}\r\n\r\n".encode()


def test_who_speaks_http2_alone(http2_alone, proxy):
    client = proxy.connect()
    for path in ("/a", "/b"):
        client.sends(get(http2_alone, path))
        assert client.reads_response()[1] == b"hi"
    other = proxy.connect()
    other.sends(get(http2_alone, "/c"))
    assert other.reads_response()[1] == b"hi"
    assert [each.split()[1] for each in http2_alone.seen] == [b"/a"]
    assert {each.row.state for each in proxy.finished(3)} == {ExchangeState.COMPLETE}


def test_what_had_a_body_is_told(http2_alone, proxy):
    authority = b"127.0.0.1:%d" % http2_alone.port
    client = proxy.connect()
    client.sends(b"POST http://%b/ HTTP/1.1\r\nHost: %b\r\nContent-Length: 2\r\n\r\nhi" % (authority, authority))
    assert client.reads_response()[0].startswith(b"HTTP/1.1 502 ")
    assert "speaks HTTP/2, and was spoken to in HTTP/1." in proxy.only().detail.failure_text
    client = proxy.connect()
    client.sends(b"POST http://%b/ HTTP/1.1\r\nHost: %b\r\nContent-Length: 2\r\n\r\nhi" % (authority, authority))
    assert client.reads_response()[1] == b"hi"


def test_who_speaks_http1_alone(start_proxy, start_origin):
    def script(upstream: Client) -> None:
        if upstream.sock.recv(65536).startswith(PREFACE):
            upstream.sends(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
        else:
            upstream.sends(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")

    origin = start_origin(script)
    proxy = start_proxy(origin=ServedOrigin("http", "127.0.0.1", origin.port, ""))
    client = proxy.connect()
    peer = Http2Peer(client.sock.sendall, client.sock.recv, is_client=True)
    assert peer.answer(peer.requests(GET)).body == b"hi"
    assert peer.answer(peer.requests(GET)).body == b"hi"
    assert [each.detail.response.version for each in proxy.finished(2)] == ["HTTP/1.1"] * 2


def test_who_ends_tls_without_a_word_where_http2_is_not_offered(start_origin, start_proxy, trusting, example_ca):
    """As gRPC's servers do."""
    chosen = []

    def serve(pipe: BioPipe) -> None:
        chosen.append(pipe.tls.selected_alpn_protocol())
        if chosen[-1] == "h2":
            answer_all(pipe.sends, pipe.reads)

    origin = https_origin(start_origin, example_ca.leaf("localhost"), serve, alpn=("h2",))
    proxy = start_proxy(settings=trusting)
    for _ in range(2):
        pipe = connect_through(proxy, "localhost", origin.port, alpn=("http/1.1",))
        pipe.sends(b"GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert pipe.reads_head().startswith(b"HTTP/1.1 200 ")
        assert pipe.reads_exactly(2) == b"hi"
    # The first was opened for the tunnel, and has ended before anything was asked.
    assert chosen[-2:] == ["h2", "h2"]
    assert set(chosen[:-2]) == {None}


def test_who_ends_so_whatever_is_offered_is_asked_once_more_and_no_further(
    start_origin, start_proxy, trusting, example_ca
):
    chosen = []

    def serve(pipe: BioPipe) -> None:
        chosen.append(pipe.tls.selected_alpn_protocol())

    origin = https_origin(start_origin, example_ca.leaf("localhost"), serve, alpn=("foo",))
    proxy = start_proxy(settings=trusting)
    pipe = connect_through(proxy, "localhost", origin.port, alpn=("http/1.1",))
    pipe.sends(b"GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert pipe.reads_head().startswith(b"HTTP/1.1 502 ")
    assert "without sending a response" in proxy.only().detail.failure_text
    assert set(chosen) == {None}
    assert len(chosen) <= 3


def test_an_http2_client_in_clear_text_has_http2_offered_to_an_origin_with_tls(
    start_origin, start_proxy, trusting, example_ca
):
    def serve(pipe: BioPipe) -> None:
        assert pipe.tls.selected_alpn_protocol() == "h2"
        answer_all(pipe.sends, pipe.reads)

    origin = https_origin(start_origin, example_ca.leaf("localhost"), serve, alpn=("h2", "http/1.1"))
    proxy = start_proxy(settings=trusting, origin=ServedOrigin("https", "localhost", origin.port, ""))
    client = proxy.connect()
    peer = Http2Peer(client.sock.sendall, client.sock.recv, is_client=True)
    assert peer.answer(peer.requests(GET)).body == b"hi"
    assert proxy.only().detail.response.version == "HTTP/2"


def test_what_is_learnt_stays_bounded():
    learnt = LearntProtocols()
    for number in range(1500):
        learnt.learn(("http", "a.test", number), "h2")
    assert learnt.of(("http", "a.test", 0)) == ""
    assert learnt.of(("http", "a.test", 1499)) == "h2"
    learnt.forget(("http", "a.test", 1499))
    assert learnt.of(("http", "a.test", 1499)) == ""
