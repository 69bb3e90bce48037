"""Standing for an origin (reverse mode): for clients that know of no proxy."""

import contextlib
import ssl

import h2.events
import pytest
from gevent import socket

from proxy_core.model.exchange import ExchangeKind, ExchangeState
from proxy_core.model.ways_in import Origin, read_origin
from tests.support.conversation import Client, wait_for
from tests.support.http2_peer import Http2Peer
from tests.support.tls_conversation import OK, answer_all, https_origin, tls_over


def echoing(start_origin):
    """An origin that answers each request with its head."""

    def script(upstream):
        while head := upstream.reads_head():
            upstream.sends(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(head) + head)

    return start_origin(script)


def test_a_request_goes_to_the_origin_with_its_host(start_proxy, start_origin):
    origin = echoing(start_origin)
    proxy = start_proxy(origin=Origin("http", "127.0.0.1", origin.port))
    client = proxy.connect()
    for path in (b"/one", b"/two"):
        client.sends(b"GET %b HTTP/1.1\r\nHost: here.test:9\r\nX: y\r\nCookie: a=b\r\n\r\n" % path)
        _, body = client.reads_response()
        authority = b"127.0.0.1:%d" % origin.port
        assert body == b"GET %b HTTP/1.1\r\nHost: %b\r\nX: y\r\nCookie: a=b\r\n\r\n" % (path, authority)
    first, second = proxy.finished(2)
    assert (first.row.scheme, first.row.host, first.row.port) == ("http", "127.0.0.1", origin.port)
    assert (first.row.path, second.row.path) == ("/one", "/two")
    assert b"Host: here.test:9\r\n" in first.detail.request.head
    assert first.detail.notes == "The client's Host, «here.test:9», became the origin's."
    assert origin.connections == 1


def test_http_1_0_without_a_host(start_proxy, start_origin):
    origin = echoing(start_origin)
    proxy = start_proxy(origin=Origin("http", "127.0.0.1", origin.port))
    client = proxy.connect()
    client.sends(b"GET /one HTTP/1.0\r\n\r\n")
    assert b"\r\nHost: 127.0.0.1:%d\r\n" % origin.port in client.reads_to_end()


def test_an_origin_with_tls(start_proxy, start_origin, trusting, example_ca):
    origin = https_origin(start_origin, example_ca.leaf("localhost"), answer_all)
    proxy = start_proxy(settings=trusting, origin=Origin("https", "localhost", origin.port))
    client = proxy.connect()
    client.sends(b"GET /x HTTP/1.1\r\nHost: here.test\r\n\r\n")
    client.sees(OK)
    exchange = proxy.only()
    assert (exchange.row.scheme, exchange.row.host, exchange.row.port) == ("https", "localhost", origin.port)


def test_a_client_with_tls(start_proxy, start_origin):
    origin = echoing(start_origin)
    proxy = start_proxy(origin=Origin("http", "127.0.0.1", origin.port))
    pipe = tls_over(proxy, proxy.connect(), "here.test")
    assert pipe.tls.getpeercert()["subjectAltName"] == (("DNS", "here.test"),)
    pipe.sends(b"GET /x HTTP/1.1\r\nHost: here.test\r\n\r\n")
    assert pipe.reads_head().startswith(b"HTTP/1.1 200 ")
    assert proxy.only().row.path == "/x"


def test_an_upgrade(start_proxy, start_origin):
    def script(upstream):
        assert b"\r\nUpgrade: websocket\r\n" in upstream.reads_head()
        upstream.sends(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
        upstream.sees(b"\x81\x02hi")
        upstream.sends(b"\x81\x02ho")

    origin = start_origin(script)
    proxy = start_proxy(origin=Origin("http", "127.0.0.1", origin.port))
    client = proxy.connect()
    client.sends(b"GET /chat HTTP/1.1\r\nHost: here.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
    assert client.reads_head().startswith(b"HTTP/1.1 101 ")
    client.sends(b"\x81\x02hi")
    client.sees(b"\x81\x02ho")
    client.closes()
    exchange = proxy.only()
    assert exchange.row.kind == ExchangeKind.WEBSOCKET
    assert exchange.row.state == ExchangeState.COMPLETE


@pytest.mark.parametrize(
    ("location", "word"),
    [
        (b"https://elsewhere.test/x", "elsewhere.test"),
        (b"http://127.0.0.1:%d/x", "leads past Harrier"),
        (b"http://here.test/x", None),
        (b"/x", None),
        (b"x", None),
    ],
)
def test_a_location_is_left_alone_and_remarked_where_it_leads_past_us(start_proxy, start_origin, location, word):
    def script(upstream):
        upstream.reads_head()
        upstream.sends(b"HTTP/1.1 302 Found\r\nLocation: %b\r\nContent-Length: 0\r\n\r\n" % location)

    origin = start_origin(script)
    if b"%d" in location:
        location %= origin.port
    proxy = start_proxy(origin=Origin("http", "127.0.0.1", origin.port))
    client = proxy.connect()
    client.sends(b"GET / HTTP/1.1\r\nHost: Here.test\r\n\r\n")
    assert b"\r\nLocation: %b\r\n" % location in client.reads_head()
    notes = proxy.only().detail.notes
    assert (word in notes) if word else "Location" not in notes


def test_what_names_its_host_is_taken_there(start_proxy, start_origin):
    served, other = echoing(start_origin), echoing(start_origin)
    proxy = start_proxy(origin=Origin("http", "127.0.0.1", served.port))
    client = proxy.connect()
    client.sends(b"GET http://127.0.0.1:%d/x HTTP/1.1\r\nHost: a\r\n\r\n" % other.port)
    _, body = client.reads_response()
    assert b"Host: 127.0.0.1:%d\r\n" % other.port in body
    assert (served.connections, other.connections) == (0, 1)


def test_an_origin_that_is_ourselves(start_proxy, tmp_path):
    path = str(tmp_path / "own.sock")
    proxy = start_proxy(path=path, origin=read_origin(f"unix:{path}"))
    client = proxy.connect()
    client.sends(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    assert client.reads_head().startswith(b"HTTP/1.1 502 ")
    assert proxy.only().row.failure == "proxy_loop_detected"


class TestHttp2:
    def fields(self, authority, method=b"GET", **more):
        named = [(b":method", method), (b":scheme", b"https"), (b":authority", authority), (b":path", b"/x")]
        return named + [(name.encode(), value) for name, value in more.items()]

    def test_from_the_client(self, start_proxy, start_origin):
        origin = echoing(start_origin)
        proxy = start_proxy(origin=Origin("http", "127.0.0.1", origin.port))
        pipe = tls_over(proxy, proxy.connect(), "here.test", alpn=("h2", "http/1.1"))
        assert pipe.tls.selected_alpn_protocol() == "h2"
        peer = Http2Peer(pipe.sends, pipe.reads, is_client=True)
        answer = peer.answer(peer.requests(self.fields(b"here.test", cookie=b"a=b")))
        assert answer.status == 200
        assert answer.body == b"GET /x HTTP/1.1\r\nHost: 127.0.0.1:%d\r\ncookie: a=b\r\n\r\n" % origin.port
        exchange = proxy.only()
        assert (exchange.row.scheme, exchange.row.host, exchange.row.port) == ("http", "127.0.0.1", origin.port)
        assert exchange.detail.notes == "The client's Host, «here.test», became the origin's."
        assert b"here.test" in exchange.detail.request.head

    def test_to_an_origin_that_speaks_it(self, start_proxy, start_origin, trusting, example_ca):
        seen = []

        def answer(pipe):
            peer = Http2Peer(pipe.sends, pipe.reads, is_client=False)
            event = peer.until(h2.events.RequestReceived)
            seen.append(dict(event.headers))
            peer.responds(event.stream_id, [(b":status", b"200")], b"hi")
            with contextlib.suppress(EOFError):
                peer.until(h2.events.StreamReset)

        origin = https_origin(start_origin, example_ca.leaf("localhost"), answer, alpn=("h2",))
        proxy = start_proxy(settings=trusting, origin=Origin("https", "localhost", origin.port))
        pipe = tls_over(proxy, proxy.connect(), "here.test", alpn=("h2",))
        peer = Http2Peer(pipe.sends, pipe.reads, is_client=True)
        assert peer.answer(peer.requests(self.fields(b"here.test"))).body == b"hi"
        assert seen[0][b":authority"] == b"localhost:%d" % origin.port

    def test_with_prior_knowledge(self, start_proxy, start_origin):
        def answer(upstream):
            peer = Http2Peer(upstream.sock.sendall, upstream.sock.recv, is_client=False)
            event = peer.until(h2.events.RequestReceived)
            fields = dict(event.headers)
            peer.responds(event.stream_id, [(b":status", b"200")], fields[b":scheme"] + b"://" + fields[b":authority"])
            upstream.reads_to_end()

        origin = start_origin(answer)
        proxy = start_proxy(origin=Origin("http", "127.0.0.1", origin.port))
        client = proxy.connect()
        peer = Http2Peer(client.sock.sendall, client.sock.recv, is_client=True)
        assert peer.answer(peer.requests(self.fields(b"here.test"))).body == b"http://127.0.0.1:%d" % origin.port

    def test_is_no_way_to_a_proxy(self, start_proxy, start_origin):
        other = echoing(start_origin)
        proxy = start_proxy(origin=Origin("http", "127.0.0.1", 9))
        pipe = tls_over(proxy, proxy.connect(), "here.test", alpn=("h2",))
        peer = Http2Peer(pipe.sends, pipe.reads, is_client=True)
        authority = b"127.0.0.1:%d" % other.port
        stream = peer.requests([(b":method", b"CONNECT"), (b":authority", authority)])
        assert peer.answer(stream).status == 403
        assert proxy.only().row.failure == "http_request_denied"
        peer.answer(peer.requests(self.fields(authority)))
        assert other.connections == 0

    def test_without_an_origin_it_is_not_spoken(self, proxy):
        pipe = tls_over(proxy, proxy.connect(), None, alpn=("h2", "http/1.1"))
        assert pipe.tls.selected_alpn_protocol() == "http/1.1"
        client = proxy.connect()
        client.sends(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        assert client.reads_head().startswith(b"HTTP/1.1 505 ")


class TestUnixSockets:
    def test_a_proxy_on_one(self, start_proxy, start_origin, tmp_path):
        origin = echoing(start_origin)
        proxy = start_proxy(path=str(tmp_path / "proxy.sock"))
        client = proxy.connect()
        client.sends(b"GET http://127.0.0.1:%d/x HTTP/1.1\r\nHost: a\r\n\r\n" % origin.port)
        assert client.reads_response()[0].startswith(b"HTTP/1.1 200 ")
        assert proxy.only().row.path == "/x"

    def test_tls_on_one_is_for_this_machine(self, start_proxy, tmp_path):
        proxy = start_proxy(path=str(tmp_path / "proxy.sock"))
        pipe = tls_over(proxy, proxy.connect(), None)
        assert pipe.tls.getpeercert()["subjectAltName"] == (("DNS", "localhost"),)

    def test_an_origin_on_one(self, start_proxy, start_origin, tmp_path):
        path = str(tmp_path / "app.sock")
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(path)
        listener.listen(8)
        proxy = start_proxy(origin=read_origin(f"unix:{path}"))
        client = proxy.connect()
        client.sends(b"GET /x HTTP/1.1\r\nHost: here.test\r\n\r\n")
        sock, _ = listener.accept()
        app = Client(sock)
        assert app.reads_head() == b"GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n"
        app.sends(OK)
        client.sees(OK)
        app.closes()
        listener.close()
        exchange = proxy.only()
        assert (exchange.row.scheme, exchange.row.host, exchange.row.port) == ("http", "localhost", 80)
        assert proxy.connections[exchange.detail.upstream_connection].peer_host == path

    @pytest.mark.parametrize("is_there", [False, True])
    def test_an_origin_that_does_not_run(self, start_proxy, tmp_path, is_there):
        path = str(tmp_path / "app.sock")
        if is_there:
            left = socket.socket(socket.AF_UNIX)
            left.bind(path)
            left.close()
        proxy = start_proxy(origin=read_origin(f"unix:{path}"))
        client = proxy.connect()
        client.sends(b"GET /x HTTP/1.1\r\nHost: here.test\r\n\r\n")
        assert client.reads_response()[0].startswith(b"HTTP/1.1 502 ")
        exchange = proxy.only()
        assert exchange.row.failure == "connection_refused"
        assert path in exchange.detail.failure_text


def test_a_client_that_refuses_our_leaf(start_proxy):
    proxy = start_proxy(origin=Origin("http", "127.0.0.1", 9))
    client = proxy.connect()
    with pytest.raises((ssl.SSLError, EOFError)):
        tls_over(proxy, client, "here.test", trust=False)
    client.closes()
    assert proxy.only().row.failure == "client_refused_certificate"
    wait_for(lambda: not proxy.worker.serves)
