"""CONNECT: interception, plain HTTP inside, tunnels, and what becomes of failures."""

import ssl

import gevent
import pytest
from gevent import socket

from proxy_core.model.exchange import ExchangeFlag, ExchangeKind, ExchangeState
from proxy_core.model.settings import Settings
from tests.support.conversation import wait_for
from tests.support.test_ca import Fault
from tests.support.tls_conversation import ESTABLISHED, OK, BioPipe, answer_all, connect_through, https_origin


class TestInterception:
    @pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
    def test_requests_inside_tls_are_recorded_decrypted(self, start_proxy, start_origin, trusting, example_ca, host):
        origin = https_origin(start_origin, example_ca.leaf(host), answer_all)
        proxy = start_proxy(settings=trusting)
        pipe = connect_through(proxy, host, origin.port, alpn=("h2", "http/1.1"))
        assert pipe.tls.selected_alpn_protocol() == "http/1.1"
        for _ in range(2):
            pipe.sends(b"GET /x HTTP/1.1\r\nHost: %b:%d\r\n\r\n" % (host.encode(), origin.port))
            assert pipe.reads_exactly(len(OK)) == OK
        first, second = proxy.finished(2)
        assert (first.row.scheme, first.row.host, first.row.port, first.row.path) == ("https", host, origin.port, "/x")
        assert first.row.flags & ExchangeFlag.INTERCEPTED
        assert not first.row.flags & ExchangeFlag.UPSTREAM_REUSED
        assert second.row.flags & ExchangeFlag.UPSTREAM_REUSED
        assert second.response_body == b"hi"
        upstream = proxy.connections[first.detail.upstream_connection]
        assert upstream.peer_port == origin.port
        assert upstream.tls is not None
        client = proxy.connections[first.detail.client_connection]
        assert client.tls is not None
        # Connecting may take longer than the client's handshake: what it took counts to the first exchange.
        assert first.row.duration_us is not None
        assert client.opened_at <= upstream.opened_at <= first.row.started_at + first.row.duration_us
        assert origin.connections == 1

    def test_without_a_server_name_the_leaf_is_for_the_connect_host(
        self, start_proxy, start_origin, trusting, example_ca
    ):
        origin = https_origin(start_origin, example_ca.leaf("127.0.0.1"), answer_all)
        proxy = start_proxy(settings=trusting)
        pipe = connect_through(proxy, "127.0.0.1", origin.port, name=None)
        assert ("IP Address", "127.0.0.1") in pipe.tls.getpeercert()["subjectAltName"]

    @pytest.mark.parametrize(
        ("fault", "word"),
        [
            (Fault.EXPIRED, "expired"),
            (Fault.SELF_SIGNED, "self-signed"),
        ],
    )
    def test_a_bad_certificate_is_told_inside(self, start_proxy, start_origin, trusting, example_ca, fault, word):
        origin = https_origin(start_origin, example_ca.leaf("localhost", fault=fault), answer_all)
        proxy = start_proxy(settings=trusting)
        pipe = connect_through(proxy, "localhost", origin.port)
        pipe.sends(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        head = pipe.reads_head()
        assert head.startswith(b"HTTP/1.1 502 ")
        assert b"error=tls_certificate_error" in head
        exchange = proxy.only()
        assert exchange.row.failure == "tls_certificate_error"
        assert word in exchange.detail.failure_text

    def test_a_wrong_name_is_told_and_insecure_upstream_lets_it_pass(
        self, start_proxy, start_origin, trusting, example_ca
    ):
        origin = https_origin(start_origin, example_ca.leaf("other.test"), answer_all)
        for settings, status in ((trusting, b"HTTP/1.1 502 "), (Settings(insecure_upstream=True), b"HTTP/1.1 200 ")):
            pipe = connect_through(start_proxy(settings=settings), "localhost", origin.port)
            pipe.sends(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert pipe.reads_head().startswith(status)

    def test_a_client_that_refuses_our_certificate_is_named(self, start_proxy, start_origin, trusting, example_ca):
        origin = https_origin(start_origin, example_ca.leaf("localhost"), answer_all)
        proxy = start_proxy(settings=trusting)
        with pytest.raises(ssl.SSLError):
            connect_through(proxy, "localhost", origin.port, trust=False)
        exchange = proxy.only()
        assert exchange.row.failure == "client_refused_certificate"
        assert (exchange.row.kind, exchange.row.host) == (ExchangeKind.TUNNEL, "localhost")

    def test_what_only_begins_like_tls_is_relayed_unread(self, start_proxy, start_origin, trusting, example_ca):
        origin = https_origin(start_origin, example_ca.leaf("localhost"), answer_all)
        proxy = start_proxy(settings=trusting)
        client = proxy.connect()
        client.sends(b"CONNECT localhost:%d HTTP/1.1\r\nHost: x\r\n\r\n" % origin.port)
        client.sees(ESTABLISHED)
        client.sends(b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\xff" + b"\0" * 50)
        wait_for(lambda: bool(proxy.exchanges) and proxy.exchanges[0].row.request_bytes == 60)
        client.closes()
        assert proxy.only().row.kind == ExchangeKind.TUNNEL

    def test_a_client_hello_that_openssl_refuses_is_shown(self, start_proxy, start_origin, trusting, example_ca):
        origin = https_origin(start_origin, example_ca.leaf("localhost"), answer_all)
        proxy = start_proxy(settings=trusting)
        client = proxy.connect()
        client.sends(b"CONNECT localhost:%d HTTP/1.1\r\nHost: x\r\n\r\n" % origin.port)
        client.sees(ESTABLISHED)
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        tls = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
        with pytest.raises(ssl.SSLWantReadError):
            tls.do_handshake()
        client.sends(outgoing.read() + b"\x17\x03\x03\x00\x05wrong")
        client.reads_to_end()
        assert proxy.only().row.failure == "client_tls_error"


class TestTunnels:
    def echo(self, upstream) -> None:
        while data := upstream.sock.recv(65536):
            upstream.sends(data)

    def test_hosts_not_to_be_intercepted_are_relayed_unread(self, start_proxy, start_origin):
        origin = start_origin(self.echo)
        proxy = start_proxy(settings=Settings(not_intercepted=("local*",)))
        client = proxy.connect()
        client.sends(b"CONNECT localhost:%d HTTP/1.1\r\nHost: x\r\n\r\n" % origin.port)
        client.sees(ESTABLISHED)
        client.sends(b"\x16\x03\x01 whatever")
        client.sees(b"\x16\x03\x01 whatever")
        client.sock.shutdown(socket.SHUT_WR)
        client.sees_end()
        row = proxy.only().row
        assert (row.kind, row.state) == (ExchangeKind.TUNNEL, ExchangeState.COMPLETE)
        assert (row.request_bytes, row.response_bytes) == (12, 12)

    def test_refused_tunnel_is_a_502_to_the_connect(self, start_proxy, nobody):
        proxy = start_proxy(settings=Settings(interception=False))
        client = proxy.connect()
        client.sends(b"CONNECT 127.0.0.1:%d HTTP/1.1\r\nHost: x\r\n\r\n" % nobody.port)
        assert client.reads_head().startswith(b"HTTP/1.1 502 ")
        assert proxy.only().row.failure == "connection_refused"

    def test_bytes_that_are_neither_tls_nor_http(self, proxy, start_origin):
        origin = start_origin(self.echo)
        client = proxy.connect()
        client.sends(b"CONNECT 127.0.0.1:%d HTTP/1.1\r\nHost: x\r\n\r\n\x00\x01binary" % origin.port)
        client.sees(ESTABLISHED + b"\x00\x01binary")

    def test_a_server_that_speaks_first(self, proxy, start_origin):
        def script(upstream):
            upstream.sends(b"220 mail\r\n")
            self.echo(upstream)

        origin = start_origin(script)
        client = proxy.connect()
        client.sends(b"CONNECT 127.0.0.1:%d HTTP/1.1\r\nHost: x\r\n\r\n" % origin.port)
        client.sees(ESTABLISHED + b"220 mail\r\n")
        client.sends(b"EHLO\r\n")
        client.sees(b"EHLO\r\n")

    def test_a_client_that_hesitates_is_intercepted_all_the_same(self, start_proxy, start_origin, trusting, example_ca):
        origin = https_origin(start_origin, example_ca.leaf("localhost"), answer_all)
        proxy = start_proxy(settings=trusting)
        client = proxy.connect()
        client.sends(b"CONNECT localhost:%d HTTP/1.1\r\nHost: x\r\n\r\n" % origin.port)
        client.sees(ESTABLISHED)
        wait_for(lambda: origin.connections == 1)  # Harrier has begun to wait for the server instead
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=proxy.authority.certificate_pem.decode())
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
        pipe = BioPipe(client.sock, tls, incoming, outgoing)
        pipe.run(tls.do_handshake)
        pipe.sends(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert pipe.reads_exactly(len(OK)) == OK

    def test_plain_http_inside_a_tunnel_is_http(self, proxy, start_origin):
        def script(upstream):
            upstream.reads_head()
            upstream.sends(OK)

        origin = start_origin(script)
        client = proxy.connect()
        client.sends(b"CONNECT 127.0.0.1:%d HTTP/1.1\r\nHost: x\r\n\r\n" % origin.port)
        client.sees(ESTABLISHED)
        client.sends(b"GET /ws HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n" % origin.port)
        client.sees(OK)
        row = proxy.only().row
        assert (row.kind, row.scheme, row.path) == (ExchangeKind.HTTP, "http", "/ws")

    def is_reset(self, upstream) -> None:
        with pytest.raises(ConnectionResetError):
            upstream.sock.recv(1)

    def switching(
        self, proxy, start_origin, protocol: bytes, method: bytes, body: bytes = b"", length: int = 0, then=None
    ):
        """A client whose request for another protocol goes to an origin that switches at once, and then echoes."""
        switched = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: %b\r\nConnection: Upgrade\r\n\r\n" % protocol

        def script(upstream):
            assert b"Upgrade: " + protocol in upstream.reads_head()
            upstream.sends(switched + b"early")
            upstream.sees(body)
            (then or self.echo)(upstream)

        authority = b"127.0.0.1:%d" % start_origin(script).port
        announced = b"Content-Length: %d\r\n" % length if length else b""
        client = proxy.connect()
        client.sends(
            b"%b http://%b/ HTTP/1.1\r\nHost: %b\r\nUpgrade: %b\r\nConnection: Upgrade\r\n%b\r\n%b"
            % (method, authority, authority, protocol, announced, body)
        )
        client.sees(switched)
        return client

    def test_switching_protocols_becomes_a_tunnel(self, proxy, start_origin):
        client = self.switching(proxy, start_origin, b"websocket", b"GET")
        client.sees(b"early")
        client.sends(b"frame")
        client.sees(b"frame")
        client.closes()
        row = proxy.only().row
        assert (row.kind, row.status, row.request_bytes, row.response_bytes) == (ExchangeKind.WEBSOCKET, 101, 5, 10)

    def test_a_101_before_the_end_of_the_request(self, proxy, start_origin):
        client = self.switching(proxy, start_origin, b"echo", b"POST", b"01234", 10)
        client.sends(b"56789unread")
        client.sees(b"early56789unread")
        client.closes()
        exchange = proxy.only()
        assert (exchange.row.state, exchange.row.status) == (ExchangeState.COMPLETE, 101)
        assert exchange.request_body == b"0123456789"

    def test_a_client_that_leaves_between_the_101_and_the_end_of_its_request(self, proxy, start_origin):
        self.switching(proxy, start_origin, b"echo", b"POST", b"01234", 10, then=self.is_reset).closes()
        exchange = proxy.only()
        assert exchange.row.failure == "client_closed"
        assert exchange.request_body == b"01234"

    def test_a_server_that_ends_first(self, proxy, start_origin):
        origin = start_origin(lambda upstream: None)
        client = proxy.connect()
        client.sends(b"CONNECT 127.0.0.1:%d HTTP/1.1\r\nHost: x\r\n\r\n" % origin.port)
        client.sees(ESTABLISHED)
        client.sees_end()
        client.closes()
        row = proxy.only().row
        assert (row.kind, row.state) == (ExchangeKind.TUNNEL, ExchangeState.COMPLETE)


def test_no_greenlet_is_left_behind(start_proxy, start_origin, trusting, example_ca):
    origin = https_origin(start_origin, example_ca.leaf("localhost"), answer_all)
    proxy = start_proxy(settings=trusting)
    pipe = connect_through(proxy, "localhost", origin.port)
    pipe.sends(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    pipe.reads_exactly(len(OK))
    pipe.sock.close()
    wait_for(lambda: not proxy.worker.serves)
    assert len(proxy.worker.services.sweep.waiting) == 0
    gevent.sleep(0)
