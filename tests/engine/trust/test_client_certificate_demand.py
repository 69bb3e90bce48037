"""A server that wants a client certificate is told as such, whenever it says so."""

import ssl
import struct

import gevent
import pytest
from gevent import socket

from proxy_core.engine.links.tls import TlsTransport
from proxy_core.engine.links.transport import DeadlineSweep, Transport
from proxy_core.engine.sides.http1_upstream import Http1Upstream
from proxy_core.engine.upstream.connection import UpstreamConnection
from tests.support.tls_conversation import BioPipe, connect_through, https_origin

REQUESTS = {
    "GET": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "POST": b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello",
    "POST in two": b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 500005\r\n\r\nhello",
}


@pytest.mark.parametrize("request_name", list(REQUESTS))
@pytest.mark.parametrize("newest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_demand_is_told(start_proxy, start_origin, trusting, example_ca, newest, request_name):
    def demand(context: ssl.SSLContext) -> None:
        context.maximum_version = newest
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(cadata=example_ca.pem.decode())

    def unreachable(pipe: BioPipe) -> None:
        raise AssertionError("a client without a certificate was let in")

    origin = https_origin(start_origin, example_ca.leaf("localhost"), unreachable, (), demand)
    proxy = start_proxy(settings=trusting)
    pipe = connect_through(proxy, "localhost", origin.port)
    pipe.sends(REQUESTS[request_name])
    if request_name == "POST in two":
        pipe.sends(b"x" * 500_000)
    assert pipe.reads_head().startswith(b"HTTP/1.1 502 ")
    exchange = proxy.only()
    assert "wants a client certificate" in exchange.detail.failure_text
    assert exchange.row.failure == "tls_alert_received"


@pytest.mark.parametrize("is_reset", [False, True])
def test_a_demand_that_came_before_the_request_was_sent(start_origin, example_ca, is_reset):
    context = example_ca.leaf("localhost").server_context()
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cadata=example_ca.pem.decode())

    def demand(client) -> None:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        pipe = BioPipe(client.sock, context.wrap_bio(incoming, outgoing, server_side=True), incoming, outgoing)
        with pytest.raises(ssl.SSLError):
            pipe.run(pipe.tls.do_handshake)
        if is_reset:
            gevent.sleep(0)  # the alert arrives first
            client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    origin = start_origin(demand)
    trusting = ssl.create_default_context(cadata=example_ca.pem.decode())
    sock = socket.create_connection(("127.0.0.1", origin.port))
    link = TlsTransport(
        Transport(sock, DeadlineSweep(), 30.0, 30.0), trusting, server_side=False, server_hostname="localhost"
    )
    link.handshake()
    upstream = Http1Upstream(UpstreamConnection(link, "https", "localhost", origin.port, 1, -1, -1, -1))
    with gevent.Timeout(10), pytest.raises(OSError) as caught:
        while True:
            link.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            gevent.sleep(0.001)
    assert "wants a client certificate" in upstream.send_failure(caught.value).text
    upstream.close()


def test_an_upstream_that_left_without_a_word(start_origin):
    origin = start_origin(lambda client: None)
    sock = socket.create_connection(("127.0.0.1", origin.port))
    link = Transport(sock, DeadlineSweep(), 30.0, 30.0)
    upstream = Http1Upstream(UpstreamConnection(link, "http", "a.test", 80, 1, -1, -1, -1))
    assert (
        upstream.send_failure(BrokenPipeError()).text == "a.test:80 closed the connection while the request was sent."
    )
    upstream.close()
