"""Each limit, crossed: slow, silent and half-dead peers hold nothing for ever, and what they did is shown."""

import gevent
from gevent import socket

from proxy_core.engine.limits import Limits
from proxy_core.model.exchange import ExchangeFlag, ExchangeState
from tests.support.conversation import wait_for
from tests.support.tls_conversation import connect_through, https_origin

SHORT_S = 0.3  # deadlines are swept once a second, so each of these tests takes between one and two


def silent(upstream):
    upstream.reads_head()
    upstream.reads_to_end()


def get(origin, path=b"/") -> bytes:
    return b"GET http://127.0.0.1:%d%b HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n" % (origin.port, path, origin.port)


def test_a_head_that_stops(start_proxy):
    proxy = start_proxy(limits=Limits(request_head_s=SHORT_S, linger_s=0.2))
    client = proxy.connect()
    client.sends(b"GET http://127.0.0.1/ HTTP/1.1\r\nHos")
    assert client.reads_to_end().startswith(b"HTTP/1.1 408 ")
    exchange = proxy.only()
    assert exchange.row.failure == "client_timeout"
    assert exchange.detail.request.head.endswith(b"Hos")


def test_a_head_that_drips(start_proxy):
    proxy = start_proxy(limits=Limits(request_head_s=1.0, linger_s=0.2))
    client = proxy.connect()

    def drip():
        client.sends(b"GET http://127.0.0.1/ HTTP/1.1\r\nX: ")
        while True:
            client.sends(b"a")
            gevent.sleep(0.05)

    dripping = gevent.spawn(lambda: _until_closed(drip))
    assert client.reads_to_end().startswith(b"HTTP/1.1 408 ")
    dripping.kill()
    assert proxy.only().row.failure == "client_timeout"


def test_empty_lines_that_drip(start_proxy):
    """They may come before a request (RFC 9112 §2.2), but not for ever."""
    proxy = start_proxy(limits=Limits(request_head_s=1.0))
    client = proxy.connect()

    def drip():
        while True:
            client.sends(b"\r\n")
            gevent.sleep(0.05)

    dripping = gevent.spawn(lambda: _until_closed(drip))
    client.sees_end()
    dripping.kill()
    assert proxy.exchanges == []


def _until_closed(action) -> None:
    try:
        action()
    except OSError:
        pass


def test_a_body_that_stops(start_proxy, start_origin):
    proxy = start_proxy(limits=Limits(request_body_s=SHORT_S, linger_s=0.2))
    origin = start_origin(silent)
    client = proxy.connect()
    client.sends(b"POST http://127.0.0.1:%d/ HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf" % origin.port)
    client.reads_to_end()
    exchange = proxy.only()
    assert exchange.row.state == ExchangeState.FAILED
    assert exchange.request_body == b"half"
    assert exchange.row.failure == "client_timeout"


def test_an_idle_client_is_let_go_without_a_word(start_proxy):
    proxy = start_proxy(limits=Limits(idle_s=SHORT_S))
    proxy.connect().sees_end()
    assert proxy.exchanges == []


def test_an_origin_that_does_not_answer(start_proxy, start_origin):
    proxy = start_proxy(limits=Limits(response_s=SHORT_S, linger_s=0.2))
    origin = start_origin(silent)
    client = proxy.connect()
    client.sends(get(origin))
    head, body = client.reads_response()
    assert head.startswith(b"HTTP/1.1 504 ")
    assert b"error=http_response_timeout" in head
    assert b"did not answer" in body
    assert proxy.only().row.failure == "http_response_timeout"


def test_an_origin_that_stops_in_its_body(start_proxy, start_origin):
    def script(upstream):
        upstream.reads_head()
        upstream.sends(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
        upstream.reads_to_end()

    proxy = start_proxy(limits=Limits(response_s=SHORT_S))
    origin = start_origin(script)
    client = proxy.connect()
    client.sends(get(origin))
    client.reads_head()
    assert client.reads_to_end() in (b"half", b"")  # cut off, with a reset
    exchange = proxy.only()
    assert exchange.row.failure == "connection_read_timeout"
    assert exchange.response_body == b"half"
    assert exchange.row.flags & ExchangeFlag.RESPONSE_INCOMPLETE


def test_an_address_that_swallows_connections(start_proxy):
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        waiting = []
        for _ in range(3):  # the backlog is full: what comes now is neither taken nor refused (Linux)
            link = socket.socket()
            link.setblocking(False)
            link.connect_ex(full.getsockname())
            waiting.append(link)
        proxy = start_proxy(limits=Limits(connect_s=SHORT_S, linger_s=0.2))
        client = proxy.connect()
        client.sends(b"GET http://127.0.0.1:%d/ HTTP/1.1\r\nHost: a\r\n\r\n" % full.getsockname()[1])
        head, _ = client.reads_response()
        assert head.startswith(b"HTTP/1.1 504 ")
        assert proxy.only().row.failure == "connection_timeout"
        for link in waiting:
            link.close()


def test_a_client_that_takes_nothing(start_proxy, start_origin):
    def script(upstream):
        upstream.reads_head()
        upstream.sends(b"HTTP/1.1 200 OK\r\n\r\n")
        try:
            while True:
                upstream.sends(bytes(1 << 16))
        except OSError:
            ended.append(True)

    ended: list[bool] = []
    proxy = start_proxy(limits=Limits(client_write_s=SHORT_S))
    origin = start_origin(script)
    client = proxy.connect()
    client.sends(get(origin))
    exchange = proxy.only()
    assert exchange.row.failure == "client_closed"
    wait_for(lambda: bool(ended))
    assert exchange.row.response_bytes < 64 << 20  # what the sockets hold, and no more


def test_a_silent_tunnel(start_proxy, start_origin):
    def script(upstream):
        upstream.sends(b"220 at your service\r\n")
        upstream.reads_to_end()

    proxy = start_proxy(limits=Limits(tunnel_idle_s=SHORT_S, first_bytes_s=0.05))
    origin = start_origin(script)
    client = proxy.connect()
    client.sends(b"CONNECT 127.0.0.1:%d HTTP/1.1\r\nHost: a\r\n\r\n" % origin.port)
    assert client.reads_head().startswith(b"HTTP/1.1 200 ")
    client.sees(b"220 at your service\r\n")
    client.sees_end()
    exchange = proxy.only()
    assert exchange.row.state == ExchangeState.FAILED
    assert "silent" in exchange.detail.failure_text


def test_a_tunnel_of_which_one_half_is_closed(start_proxy, start_origin):
    def script(upstream):
        upstream.sends(b"220 at your service\r\n")
        upstream.reads_to_end()
        gevent.sleep(10)  # never says anything again

    proxy = start_proxy(limits=Limits(half_closed_s=SHORT_S, first_bytes_s=0.05))
    origin = start_origin(script)
    client = proxy.connect()
    client.sends(b"CONNECT 127.0.0.1:%d HTTP/1.1\r\nHost: a\r\n\r\n" % origin.port)
    client.reads_head()
    client.sees(b"220 at your service\r\n")
    client.sock.shutdown(socket.SHUT_WR)
    client.sees_end()
    assert proxy.only().row.state == ExchangeState.FAILED


def test_a_client_hello_that_stops(start_proxy, start_origin):
    proxy = start_proxy(limits=Limits(client_tls_s=SHORT_S))
    origin = start_origin(lambda upstream: upstream.reads_to_end())
    client = proxy.connect()
    client.sends(b"CONNECT 127.0.0.1:%d HTTP/1.1\r\nHost: a\r\n\r\n" % origin.port)
    client.reads_head()
    client.sends(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
    client.reads_to_end()
    assert proxy.only().row.failure == "client_timeout"


def test_a_client_hello_that_drips(start_proxy, start_origin):
    proxy = start_proxy(limits=Limits(client_tls_s=1.5))
    origin = start_origin(lambda upstream: upstream.reads_to_end())
    client = proxy.connect()
    client.sends(b"CONNECT 127.0.0.1:%d HTTP/1.1\r\nHost: a\r\n\r\n" % origin.port)
    client.reads_head()

    def drip():
        client.sends(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
        while True:
            client.sends(b"a")
            gevent.sleep(0.05)

    dripping = gevent.spawn(lambda: _until_closed(drip))
    client.reads_to_end()
    dripping.kill()
    assert proxy.only().row.failure == "client_timeout"


def test_a_tls_record_that_drips(start_proxy, start_origin, trusting, example_ca):
    """It is no request yet, and no end of the silence between requests."""
    proxy = start_proxy(settings=trusting, limits=Limits(idle_s=1.5))
    origin = https_origin(start_origin, example_ca.leaf("localhost"), lambda pipe: pipe.reads(1))
    sock = connect_through(proxy, "localhost", origin.port).sock
    sock.sendall(b"\x17\x03\x03\x40\x00")

    def drip():
        while True:
            sock.sendall(b"a")
            gevent.sleep(0.05)

    dripping = gevent.spawn(lambda: _until_closed(drip))
    wait_for(lambda: not proxy.worker.services.sweep.waiting)
    dripping.kill()
    assert proxy.exchanges == []
