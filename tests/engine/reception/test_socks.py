"""SOCKS on the port of the proxy: what comes of it is what comes of a CONNECT."""

import ssl

import gevent
import pytest

from proxy_core.engine.limits import Limits
from proxy_core.model.exchange import ExchangeKind, ExchangeState
from proxy_core.model.settings import Settings
from tests.support.conversation import wait_for
from tests.support.tls_conversation import OK, answer_all, https_origin, tls_over

GRANTED_5 = b"\5\0\0\1" + bytes(6)
GRANTED_4 = b"\0\x5a" + bytes(6)


def port_bytes(port):
    return port.to_bytes(2, "big")


def greets(client):
    client.sends(b"\5\1\0")
    client.sees(b"\5\0")


def answering(start_origin, answer=OK, **options):
    def script(upstream):
        while upstream.reads_head():
            upstream.sends(answer)

    return start_origin(script, **options)


ASKING = {
    "4": lambda port: b"\4\1" + port_bytes(port) + b"\x7f\0\0\1me\0",
    "4a": lambda port: b"\4\1" + port_bytes(port) + b"\0\0\0\1me\0localhost\0",
    "5 by name": lambda port: b"\5\1\0\3\x09localhost" + port_bytes(port),
    "5 by IPv4 address": lambda port: b"\5\1\0\1\x7f\0\0\1" + port_bytes(port),
    "5 by IPv6 address": lambda port: b"\5\1\0\4" + bytes(15) + b"\1" + port_bytes(port),
}


def asks(client, how, port):
    if how.startswith("5"):
        greets(client)
    client.sends(ASKING[how](port))
    client.sees(GRANTED_5 if how.startswith("5") else GRANTED_4)


@pytest.mark.parametrize("how", ASKING)
def test_http_inside_is_recorded_as_http(proxy, start_origin, how):
    origin = answering(start_origin, host="::1" if "IPv6" in how else "127.0.0.1")
    client = proxy.connect()
    asks(client, how, origin.port)
    client.sends(b"GET /x HTTP/1.1\r\nHost: localhost:%d\r\n\r\n" % origin.port)
    client.sees(OK)
    exchange = proxy.only()
    assert (exchange.row.scheme, exchange.row.port, exchange.row.path) == ("http", origin.port, "/x")
    assert exchange.row.kind == ExchangeKind.HTTP
    assert exchange.response_body == b"hi"


@pytest.mark.parametrize("how", ["4a", "5 by name"])
def test_tls_inside_is_decrypted(start_proxy, start_origin, trusting, example_ca, how):
    origin = https_origin(start_origin, example_ca.leaf("localhost"), answer_all)
    proxy = start_proxy(settings=trusting)
    client = proxy.connect()
    asks(client, how, origin.port)
    pipe = tls_over(proxy, client, "localhost")
    pipe.sends(b"GET /x HTTP/1.1\r\nHost: localhost:%d\r\n\r\n" % origin.port)
    assert pipe.reads_exactly(len(OK)) == OK
    exchange = proxy.only()
    assert (exchange.row.scheme, exchange.row.host, exchange.row.path) == ("https", "localhost", "/x")


@pytest.mark.parametrize("how", ["4a", "5 by name"])
def test_anything_else_is_a_tunnel(proxy, start_origin, how):
    def script(upstream):
        upstream.sees(b"\x01ping")
        upstream.sends(b"pong")

    origin = start_origin(script)
    client = proxy.connect()
    asks(client, how, origin.port)
    client.sends(b"\x01ping")
    client.sees(b"pong")
    client.closes()
    exchange = proxy.only()
    assert exchange.row.kind == ExchangeKind.TUNNEL
    assert exchange.row.state == ExchangeState.COMPLETE
    assert (exchange.row.method, exchange.row.host, exchange.row.port) == ("CONNECT", "localhost", origin.port)
    assert (exchange.row.request_bytes, exchange.row.response_bytes) == (5, 4)
    assert exchange.detail.request.version == ("SOCKS4a" if how == "4a" else "SOCKS5")
    assert "neither TLS nor HTTP" in exchange.detail.notes


def test_what_comes_with_the_request_is_the_tunnels(proxy, start_origin):
    origin = answering(start_origin)
    client = proxy.connect()
    client.sends(b"\5\1\0" + ASKING["5 by name"](origin.port) + b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    client.sees(b"\5\0" + GRANTED_5 + OK)


def test_byte_by_byte(proxy, start_origin):
    origin = answering(start_origin)
    client = proxy.connect()
    for byte in b"\5\1\0" + ASKING["5 by name"](origin.port):
        client.sends(bytes([byte]))
        gevent.sleep(0)
    client.sees(b"\5\0" + GRANTED_5)


@pytest.mark.parametrize(("how", "answer"), [("4a", b"\0\x5b" + bytes(6)), ("5 by name", b"\5\5\0\1" + bytes(6))])
def test_where_nothing_is_read_the_answer_is_the_connections(start_proxy, nobody, how, answer):
    proxy = start_proxy(settings=Settings(interception=False))
    client = proxy.connect()
    if how.startswith("5"):
        greets(client)
    client.sends(ASKING[how](nobody.port))
    client.sees(answer)
    client.sees_end()
    exchange = proxy.only()
    assert exchange.row.failure == "connection_refused"
    assert exchange.row.host == "localhost"


def test_where_nothing_is_read_a_tunnel_is_granted_when_it_is_there(start_proxy, start_origin):
    proxy = start_proxy(settings=Settings(interception=False))
    origin = answering(start_origin)
    client = proxy.connect()
    asks(client, "5 by name", origin.port)
    client.sends(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    client.sees(OK)
    client.closes()
    assert proxy.only().row.kind == ExchangeKind.TUNNEL


@pytest.mark.parametrize("how", ["5 by name", "5 by IPv4 address"])
def test_a_host_is_left_undecrypted_by_its_name_also_where_an_address_is_asked_for(
    start_proxy, start_origin, example_ca, how
):
    leaf = example_ca.leaf("localhost")
    origin = https_origin(start_origin, leaf, answer_all)
    proxy = start_proxy(settings=Settings(not_intercepted=("LOCAL*",)))
    client = proxy.connect()
    asks(client, how, origin.port)
    with pytest.raises(ssl.SSLCertVerificationError):  # the origin's own certificate, which nobody here trusts
        tls_over(proxy, client, "localhost")
    client.closes()
    exchange = proxy.only()
    assert exchange.row.kind == ExchangeKind.TUNNEL
    assert "leave this host undecrypted" in exchange.detail.notes


class TestRefusals:
    @pytest.mark.parametrize(
        ("sent", "seen", "word"),
        [
            pytest.param(b"\4\2\0\x50\1\2\3\4\0", b"\0\x5b" + bytes(6), "command 2", id="4 BIND"),
            pytest.param(b"\5\1\1", b"\5\xff", "log in", id="5 GSSAPI"),
            pytest.param(b"\5\1\0GET / HTTP/1.1\r\n\r\n", b"\5\0\5\1\0\1" + bytes(6), "no SOCKS 5", id="junk behind"),
            pytest.param(b"\5\1\0\5\1\0\3\3a\0b\0\x50", b"\5\0\5\4\0\1" + bytes(6), "«a\\x00b»", id="NUL in a name"),
        ],
    )
    def test_are_answered_and_shown(self, proxy, sent, seen, word):
        client = proxy.connect()
        client.sends(sent)
        client.sees(seen)
        client.sees_end()
        exchange = proxy.only()
        assert exchange.row.failure == "http_request_error"
        assert word in exchange.detail.failure_text
        wait_for(lambda: not proxy.worker.serves)

    def test_a_client_that_leaves_in_the_middle(self, proxy):
        client = proxy.connect()
        greets(client)
        client.sends(b"\5\1")
        client.closes()
        exchange = proxy.only()
        assert exchange.row.failure == "client_closed"
        assert "SOCKS" in exchange.detail.failure_text

    def test_a_client_that_never_ends_its_request(self, start_proxy):
        proxy = start_proxy(limits=Limits(request_head_s=0.3, linger_s=0.2))
        client = proxy.connect()
        greets(client)
        with gevent.Timeout(10):
            for _ in range(20):  # single bytes don't hold the connection
                try:
                    client.sends(b"\5" if _ == 0 else b"")
                except OSError:
                    break
                gevent.sleep(0.05)
            client.sees_end()
        assert proxy.only().row.failure == "client_timeout"

    def test_a_connection_to_ourselves(self, proxy):
        client = proxy.connect()
        asks(client, "5 by IPv4 address", proxy.port)
        client.sends(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        head, _ = client.reads_response()
        assert head.startswith(b"HTTP/1.1 502 ")
        assert proxy.only().row.failure == "proxy_loop_detected"

    def test_a_name_that_is_none(self, proxy):
        client = proxy.connect()
        greets(client)
        client.sends(b"\5\1\0\3\xff" + b"a" * 255 + b"\0\x50")
        client.sees(GRANTED_5)
        client.sends(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        head, _ = client.reads_response()
        assert head.startswith(b"HTTP/1.1 502 ")
        assert proxy.only().row.failure == "dns_error"


def test_untrusting_clients_are_told_apart_from_others(start_proxy, start_origin, trusting, example_ca):
    origin = https_origin(start_origin, example_ca.leaf("localhost"), answer_all)
    proxy = start_proxy(settings=trusting)
    client = proxy.connect()
    asks(client, "5 by name", origin.port)
    with pytest.raises((ssl.SSLError, EOFError)):
        tls_over(proxy, client, "localhost", trust=False)
    client.closes()
    assert proxy.only().row.failure == "client_refused_certificate"
