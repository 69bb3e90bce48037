"""A DNS server that the settings name is asked, and nobody else; what it says is told."""

import random
import socket as stdlib_socket

import dns.message
import dns.rcode
import dns.rrset
import gevent
import pytest
from gevent.server import DatagramServer, StreamServer

from proxy_core.engine.limits import Limits
from proxy_core.engine.upstream import dns_server
from proxy_core.model.settings import Settings
from proxy_core.model.ways_out import WaysOut

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"


class FakeDns:
    """Answers over UDP and TCP with what it knows; `code` where it knows nothing."""

    def __init__(self) -> None:
        self.known: dict[str, list[str]] = {}
        self.code = dns.rcode.NXDOMAIN
        self.asked: list[tuple[str, str, str]] = []
        self.never_says = ""  # a kind of record
        self.loses = 0  # so many datagrams are lost
        self.is_truncating = False
        self.first_says = b""
        # An address of its own: on 127.0.0.1, a port that is free for UDP may be in use for TCP.
        self.host = f"127.{random.randint(1, 250)}.{random.randint(1, 250)}.{random.randint(1, 250)}"
        self._udp = DatagramServer((self.host, 0), self._datagram)
        self._udp.start()
        self.port = self._udp.server_port
        self._tcp = StreamServer((self.host, self.port), self._stream)
        self._tcp.start()

    def stop(self) -> None:
        self._udp.stop()
        self._tcp.stop()

    def _datagram(self, data: bytes, address) -> None:
        if self.never_says and dns.message.from_wire(data).question[0].rdtype.name == self.never_says:
            return
        if self.loses:
            self.loses -= 1
            return
        if self.first_says:
            self._udp.sendto(self.first_says, address)
        self._udp.sendto(self._answer(data, "UDP", is_truncated=self.is_truncating), address)

    def _stream(self, sock, _address) -> None:
        with sock:
            size = int.from_bytes(sock.recv(2))
            answer = self._answer(sock.recv(size), "TCP", is_truncated=False)
            sock.sendall(len(answer).to_bytes(2) + answer)

    def _answer(self, data: bytes, by: str, *, is_truncated: bool) -> bytes:
        query = dns.message.from_wire(data)
        (question,) = query.question
        name, kind = str(question.name), question.rdtype.name
        self.asked.append((name, kind, by))
        response = dns.message.make_response(query)
        if is_truncated:
            response.flags |= dns.flags.TC
            return response.to_wire()
        addresses = [each for each in self.known.get(name, []) if (":" in each) == (kind == "AAAA")]
        if name not in self.known:
            response.set_rcode(self.code)
        if addresses:
            response.answer.append(dns.rrset.from_text(name, 60, "IN", kind, *addresses))
        return response.to_wire()


@pytest.fixture
def server(monkeypatch):
    def asked(host, *_arguments, flags=0, **_options):
        if flags & stdlib_socket.AI_NUMERICHOST or host in ("127.0.0.1", server.host):
            return real(host, *_arguments, flags=flags, **_options)
        raise AssertionError(f"the system was asked for {host}")

    server = FakeDns()
    real = stdlib_socket.getaddrinfo
    monkeypatch.setattr(stdlib_socket, "getaddrinfo", asked)
    yield server
    server.stop()


@pytest.fixture
def proxy(start_proxy, server):
    ways = WaysOut(resolver=f"{server.host}:{server.port}")
    return start_proxy(settings=Settings(ways_out=ways), limits=Limits(connect_s=1.0, linger_s=0.2))


@pytest.fixture
def origin(start_origin):
    return start_origin(lambda client: (client.reads_head(), client.sends(OK)))


def ask(proxy, host: str, port: int) -> bytes:
    client = proxy.connect()
    client.sends(f"GET http://{host}:{port}/ HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    with gevent.Timeout(20):
        return client.reads_head()


def test_it_is_asked_for_both_families(proxy, server, origin):
    server.known["shop.test."] = ["127.0.0.1"]
    for _ in range(2):
        assert ask(proxy, "shop.test", origin.port).startswith(b"HTTP/1.1 200 ")
    assert sorted(server.asked) == [("shop.test.", "A", "UDP"), ("shop.test.", "AAAA", "UDP")]


def test_a_dead_family_does_no_harm(proxy, server, origin):
    server.known["shop.test."] = ["::1", "127.0.0.1"]  # nobody listens on the first
    assert ask(proxy, "shop.test", origin.port).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("kind", ["AAAA", "A"])
def test_a_family_that_is_never_answered_is_not_waited_for(proxy, server, kind):
    """RFC 8305 §3; there are servers that drop questions for AAAA."""
    server.never_says = kind
    server.known["shop.test."] = ["127.0.0.1", "::1"]
    closed = 9  # whatever the address, nobody is there: what counts is that it was found
    assert b"look" not in ask(proxy, "shop.test", closed).lower()
    assert "refused" in proxy.only().detail.failure_text


def test_a_long_answer_comes_over_tcp(proxy, server, origin):
    server.known["shop.test."] = ["127.0.0.1"]
    server.is_truncating = True
    assert ask(proxy, "shop.test", origin.port).startswith(b"HTTP/1.1 200 ")
    assert ("shop.test.", "A", "TCP") in server.asked


def test_a_lost_datagram_is_sent_again(proxy, server, origin, monkeypatch):
    monkeypatch.setattr(dns_server, "ASKED_AGAIN_S", 0.05)
    server.known["shop.test."] = ["127.0.0.1"]
    server.loses = 3
    assert ask(proxy, "shop.test", origin.port).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("nonsense", [b"x", b"\0" * 600])
def test_nonsense_before_the_answer_is_passed_over(proxy, server, origin, nonsense):
    server.known["shop.test."] = ["127.0.0.1"]
    server.first_says = nonsense
    assert ask(proxy, "shop.test", origin.port).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    ("code", "text"),
    [(dns.rcode.NXDOMAIN, "no such name"), (dns.rcode.SERVFAIL, "the DNS server said SERVFAIL")],
)
def test_what_it_does_not_know(proxy, server, code, text):
    server.code = code
    assert b"error=dns_error" in ask(proxy, "shop.test", 80)
    assert text in proxy.only().detail.failure_text


def test_one_that_keeps_silent(proxy, server):
    server.loses = 1000
    assert b"error=dns_timeout" in ask(proxy, "shop.test", 80)


def test_one_that_is_not_there(proxy, server):
    server.stop()
    assert b"error=dns_error" in ask(proxy, "shop.test", 80)
    assert f"the DNS server {server.host}: Connection refused" in proxy.only().detail.failure_text


def test_literals_and_localhost_need_nobody(proxy, server, origin):
    for host in ("127.0.0.1", "localhost", "app.localhost"):
        assert ask(proxy, host, origin.port).startswith(b"HTTP/1.1 200 ")
    assert server.asked == []
