"""A tunnel's end, the server name and Host may all differ (standards: T11): it goes where the tunnel leads, and is said."""

import h2.events

from tests.support.http2_peer import Http2Peer
from tests.support.tls_conversation import OK, BioPipe, answer_all, connect_through, https_origin


def test_in_http1(start_proxy, start_origin, trusting, example_ca):
    heads = []

    def handle(pipe: BioPipe) -> None:
        heads.append(pipe.reads_head())
        pipe.sends(OK)

    origin = https_origin(start_origin, example_ca.leaf("shop.test"), handle)
    proxy = start_proxy(settings=trusting)
    pipe = connect_through(proxy, "localhost", origin.port, name="shop.test")
    pipe.sends(b"GET / HTTP/1.1\r\nHost: other.test\r\n\r\n")
    assert pipe.reads_exactly(len(OK)) == OK
    assert heads == [b"GET / HTTP/1.1\r\nHost: other.test\r\n\r\n"]
    exchange = proxy.only()
    assert exchange.row.host == "other.test"
    assert f"Sent to localhost:{origin.port}, though its Host says other.test" in exchange.detail.notes


def test_in_http2(start_proxy, start_origin, trusting, example_ca):
    def handle(pipe: BioPipe) -> None:
        peer = Http2Peer(pipe.sends, pipe.reads, is_client=False)
        request = peer.until(h2.events.RequestReceived)
        assert (b":authority", b"other.test") in request.headers
        peer.responds(request.stream_id, [(b":status", b"421")])
        peer.until(h2.events.ConnectionTerminated)

    origin = https_origin(start_origin, example_ca.leaf("shop.test"), handle, alpn=("h2",))
    proxy = start_proxy(settings=trusting)
    pipe = connect_through(proxy, "localhost", origin.port, name="shop.test", alpn=("h2",))
    client = Http2Peer(pipe.sends, pipe.reads, is_client=True)
    asked = [(b":method", b"GET"), (b":authority", b"other.test"), (b":scheme", b"https"), (b":path", b"/")]
    assert client.answer(client.requests(asked)).status == 421  # RFC 9110 §15.5.20: forwarded, and never made by us
    assert "though its Host says other.test" in proxy.only().detail.notes


def test_a_certificate_for_the_host_inside_alone_is_refused(start_proxy, start_origin, trusting, example_ca):
    origin = https_origin(start_origin, example_ca.leaf("other.test"), answer_all)
    proxy = start_proxy(settings=trusting)
    pipe = connect_through(proxy, "localhost", origin.port, name="shop.test")
    pipe.sends(b"GET / HTTP/1.1\r\nHost: other.test\r\n\r\n")
    assert pipe.reads_head().startswith(b"HTTP/1.1 502 ")
    assert "not for shop.test" in proxy.only().detail.failure_text
