"""A CONNECT inside a tunnel goes to the proxy at the tunnel's end, and becomes a tunnel that is recorded."""

import pytest

from proxy_core.model.exchange import ExchangeFlag, ExchangeKind, ExchangeState
from tests.support.tls_conversation import ESTABLISHED, OK, BioPipe, connect_through, https_origin

TARGETS = [b"host.test:443", b"shop.test:443", b"[2001:db8::1]:443", b"192.0.2.1:443"]
AGREED = b"HTTP/1.0 200 Connection established\r\nProxy-Agent: inner\r\n\r\n"
DEMAND = b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\nContent-Length: 2\r\n\r\nno"


def connect_head(target: bytes) -> bytes:
    return b"CONNECT %b HTTP/1.1\r\nHost: %b\r\nProxy-Authorization: Basic eDp5\r\n\r\n" % (target, target)


def host_of(target: bytes) -> str:
    return target.rpartition(b":")[0].strip(b"[]").decode()


@pytest.mark.parametrize(("host", "named"), [("127.0.0.1", b"127.0.0.1"), ("::1", b"[::1]")])
def test_a_request_that_names_no_host_is_for_the_tunnels_end(proxy, start_origin, host, named):
    """HTTP/1.0 knows no Host field."""

    def answer(client) -> None:
        client.reads_head()
        client.sends(OK)

    origin = start_origin(answer, host=host)
    client = proxy.connect()
    client.sends(b"CONNECT %b:%d HTTP/1.1\r\nHost: x\r\n\r\n" % (named, origin.port))
    client.sees(ESTABLISHED)
    client.sends(b"GET / HTTP/1.0\r\n\r\n")
    assert client.reads_head().startswith(b"HTTP/1.1 200 ")
    row = proxy.only().row
    assert (row.host, row.port, row.status) == (host, origin.port, 200)


@pytest.mark.parametrize("target", TARGETS)
def test_inside_a_plain_tunnel(proxy, start_origin, target):
    asked = connect_head(target)

    def inner_proxy(client) -> None:
        client.sees(asked)
        client.sends(AGREED + b"early")
        client.sees(b"\x16\x03ping")
        client.sends(b"pong")

    origin = start_origin(inner_proxy)
    client = proxy.connect()
    client.sends(b"CONNECT 127.0.0.1:%d HTTP/1.1\r\nHost: x\r\n\r\n" % origin.port)
    client.sees(ESTABLISHED)
    client.sends(asked + b"\x16\x03")  # a client may be quick
    client.sees(AGREED + b"early")
    client.sends(b"ping")
    client.sees(b"pong")
    client.closes()
    exchange = proxy.only()
    row = exchange.row
    assert (row.kind, row.method, row.host, row.port) == (ExchangeKind.TUNNEL, "CONNECT", host_of(target), 443)
    assert (row.state, row.status) == (ExchangeState.COMPLETE, 200)
    assert (row.request_bytes, row.response_bytes) == (6, 9)
    assert exchange.detail.request.head == asked
    assert exchange.detail.response.head == AGREED
    assert f"the proxy 127.0.0.1:{origin.port}" in exchange.detail.notes


@pytest.mark.parametrize("target", TARGETS)
def test_inside_an_interception(start_proxy, start_origin, trusting, example_ca, target):
    asked = connect_head(target)

    def inner_proxy(pipe: BioPipe) -> None:
        assert pipe.reads_head().startswith(b"GET /before ")
        pipe.sends(OK)
        assert pipe.reads_head() == asked
        pipe.sends(AGREED)
        pipe.sends(pipe.reads_exactly(4))

    origin = https_origin(start_origin, example_ca.leaf("localhost"), inner_proxy)
    proxy = start_proxy(settings=trusting)
    pipe = connect_through(proxy, "localhost", origin.port)
    pipe.sends(b"GET /before HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert pipe.reads_exactly(len(OK)) == OK
    pipe.sends(asked)
    assert pipe.reads_exactly(len(AGREED)) == AGREED
    pipe.sends(b"ping")
    assert pipe.reads_exactly(4) == b"ping"
    pipe.sock.close()
    _, tunnel = proxy.finished(2)
    assert (tunnel.row.kind, tunnel.row.host, tunnel.row.status) == (ExchangeKind.TUNNEL, host_of(target), 200)
    assert tunnel.row.flags & ExchangeFlag.INTERCEPTED
    assert (tunnel.row.request_bytes, tunnel.row.response_bytes) == (4, 4)
    assert origin.connections == 1


def test_a_demand_for_credentials_reaches_the_client_and_its_second_try_the_proxy(proxy, start_origin):
    target = b"shop.test:443"
    first = b"CONNECT %b HTTP/1.1\r\nHost: %b\r\n\r\n" % (target, target)

    def inner_proxy(client) -> None:
        client.sees(first)
        client.sends(DEMAND)
        client.sees(connect_head(target))
        client.sends(AGREED)
        client.sees(b"ping")

    origin = start_origin(inner_proxy)
    client = proxy.connect()
    client.sends(b"CONNECT 127.0.0.1:%d HTTP/1.1\r\nHost: x\r\n\r\n" % origin.port)
    client.sees(ESTABLISHED)
    client.sends(first)
    client.sees(DEMAND)
    client.sends(connect_head(target))
    client.sees(AGREED)
    client.sends(b"ping")
    client.closes()
    exchange = proxy.only()
    assert (exchange.row.kind, exchange.row.status) == (ExchangeKind.TUNNEL, 407)


def test_a_proxy_that_is_not_there(proxy, nobody):
    client = proxy.connect()
    client.sends(b"CONNECT 127.0.0.1:%d HTTP/1.1\r\nHost: x\r\n\r\n" % nobody.port)
    client.sees(ESTABLISHED)
    client.sends(connect_head(b"shop.test:443"))
    assert client.reads_head().startswith(b"HTTP/1.1 502 ")
    exchange = proxy.only()
    assert (exchange.row.kind, exchange.row.failure) == (ExchangeKind.TUNNEL, "connection_refused")


def test_a_proxy_that_closes_without_an_answer(proxy, start_origin):
    origin = start_origin(lambda client: client.sees(connect_head(b"shop.test:443")))
    client = proxy.connect()
    client.sends(b"CONNECT 127.0.0.1:%d HTTP/1.1\r\nHost: x\r\n\r\n" % origin.port)
    client.sees(ESTABLISHED)
    client.sends(connect_head(b"shop.test:443"))
    assert client.reads_head().startswith(b"HTTP/1.1 502 ")
    assert proxy.only().row.failure == "connection_terminated"
