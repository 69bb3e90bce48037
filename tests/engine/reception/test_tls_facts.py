"""What is recorded of TLS: of the client's also where it is relayed unread or fails, and of our own to the origin."""

import ssl

import gevent
import pytest

from proxy_core.model.settings import Settings
from proxy_core.model.tls_facts import decode_tls_facts
from proxy_core.protocols.client_hello import ClientHelloReader
from proxy_core.protocols.fingerprint import fingerprint_of
from proxy_core.protocols.first_words import LOOKED_AT_BYTES
from tests.support.tls_conversation import ESTABLISHED, OK, answer_all, connect_through, https_origin

LONG = tuple(f"{number:0100}" for number in range(60))  # more than is kept of what a side says first


def hello_bytes(name: str, *others: str) -> bytes:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_alpn_protocols(["http/1.1", *others])
    outgoing = ssl.MemoryBIO()
    with pytest.raises(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=name).do_handshake()
    return outgoing.read()


def fingerprint(hello: bytes):
    reader = ClientHelloReader()
    reader.receive(hello)
    return fingerprint_of(reader.next_part())


def prints(facts):
    return facts.ja3, facts.ja4


def test_of_an_intercepted_connection_both_sides_have_a_fingerprint(start_proxy, start_origin, trusting, example_ca):
    origin = https_origin(start_origin, example_ca.leaf("localhost"), answer_all)
    proxy = start_proxy(settings=trusting)
    pipe = connect_through(proxy, "localhost", origin.port, alpn=("http/1.1",))
    pipe.sends(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert pipe.reads_exactly(len(OK)) == OK
    exchange = proxy.only()
    client = decode_tls_facts(proxy.connections[exchange.detail.client_connection].tls)
    upstream = decode_tls_facts(proxy.connections[exchange.detail.upstream_connection].tls)
    assert prints(client) == fingerprint(hello_bytes("localhost"))
    assert upstream.ja4.startswith("t13d")
    assert len(upstream.ja3) == 32


@pytest.mark.parametrize(("host", "kind"), [("localhost", "d"), ("127.0.0.1", "i")])
def test_our_own_fingerprint_is_that_of_the_hello_that_we_send(start_proxy, start_origin, host, kind):
    seen = []

    def script(upstream):
        seen.append(upstream.sock.recv(65536))

    origin = start_origin(script)
    proxy = start_proxy()
    client = proxy.connect()
    client.sends(b"CONNECT %b:%d HTTP/1.1\r\nHost: x\r\n\r\n" % (host.encode(), origin.port))
    client.sees(ESTABLISHED)
    client.sends(hello_bytes(host))
    client.closes()
    exchange = proxy.only()
    facts = [decode_tls_facts(row.tls) for row in proxy.connections.values() if row.peer_port == origin.port]
    assert [prints(each) for each in facts] == [fingerprint(seen[0])]
    assert facts[0].ja4[3] == kind
    assert exchange.row.failure


@pytest.mark.parametrize(
    "settings",
    [Settings(not_intercepted=("shop.test",)), Settings(not_intercepted=("127.*",)), Settings(interception=False)],
)
@pytest.mark.parametrize("pieces", [1, 3, 12])
@pytest.mark.parametrize("others", [(), LONG], ids=["short", "long"])
def test_of_tls_that_is_relayed_unread_its_hello_is_known(start_proxy, start_origin, settings, pieces, others):
    hello = hello_bytes("shop.test", *others)
    assert (len(hello) > LOOKED_AT_BYTES) == (others == LONG)

    def script(upstream):
        upstream.sees(hello)
        upstream.sends(b"bye")

    origin = start_origin(script)
    proxy = start_proxy(settings=settings)
    client = proxy.connect()
    client.sends(b"CONNECT 127.0.0.1:%d HTTP/1.1\r\nHost: x\r\n\r\n" % origin.port)
    client.sees(ESTABLISHED)
    size = len(hello) // pieces + 1
    for begin in range(0, len(hello), size):
        client.sends(hello[begin : begin + size])
        gevent.sleep(0.02)
    client.sees(b"bye")
    client.closes()
    exchange = proxy.only()
    facts = decode_tls_facts(proxy.connections[exchange.detail.client_connection].tls)
    assert facts.is_unread
    assert facts.sni == "shop.test"
    assert prints(facts) == fingerprint(hello)


def test_of_a_client_that_refuses_our_certificate_its_hello_is_known(start_proxy, start_origin, trusting, example_ca):
    origin = https_origin(start_origin, example_ca.leaf("localhost"), answer_all)
    proxy = start_proxy(settings=trusting)
    with pytest.raises(ssl.SSLError):
        connect_through(proxy, "localhost", origin.port, trust=False)
    exchange = proxy.only()
    facts = decode_tls_facts(proxy.connections[exchange.detail.client_connection].tls)
    assert not facts.version
    assert not facts.is_unread
    assert facts.sni == "localhost"
    assert facts.ja4.startswith("t13d")
