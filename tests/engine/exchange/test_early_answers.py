"""A final response that comes before the request's body was read: whose bytes are whose afterwards, and who closes."""

import gevent
import gevent.subprocess
import pytest
from gevent import socket
from gevent.event import Event

from proxy_core.engine.exchange.upload import Upload
from proxy_core.engine.limits import Limits
from proxy_core.engine.recording.report import Report
from proxy_core.engine.sides.http1_client import Http1Client
from proxy_core.engine.sides.http1_upstream import Http1Upstream
from proxy_core.engine.upstream.connection import UpstreamConnection
from proxy_core.model.exchange import ExchangeFlag, ExchangeState
from proxy_core.protocols.part import BodyPart
from tests.support.conversation import wait_for
from tests.support.link_pair import link_pair

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
CHALLENGE = b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: NTLM TlRMTVNTUAAC\r\nContent-Length: 0\r\n\r\n"


def put(origin, length: int, extra: bytes = b"Expect: 100-continue\r\n") -> bytes:
    authority = b"127.0.0.1:%d" % origin.port
    head = b"PUT http://%b/up HTTP/1.1\r\nHost: %b\r\nContent-Length: %d\r\n%b\r\n"
    return head % (authority, authority, length, extra)


@pytest.mark.parametrize("status", [b"417 Expectation Failed", b"401 Unauthorized", b"413 Too Large", b"200 OK"])
def test_an_answer_before_the_body_ends_the_connection(proxy, start_origin, status):
    """What the client sends next must not be taken for the body that it was spared."""

    def script(upstream):
        upstream.reads_head()
        upstream.sends(b"HTTP/1.1 %b\r\nContent-Length: 2\r\n\r\nno" % status)
        received.append(upstream.reads_to_end())

    received: list[bytes] = []
    origin = start_origin(script)
    client = proxy.connect()
    client.sends(put(origin, 5))
    head, body = client.reads_response()
    client.sends(put(origin, 5, b""))
    assert head.startswith(b"HTTP/1.1 " + status)
    # curl repeats what a 417 refused only where that doesn't say «close».
    assert head.endswith(b"\r\nConnection: close\r\n\r\n") is (status[:3] != b"417")
    assert body == b"no"
    client.sees_end()
    wait_for(lambda: bool(received))
    assert received == [b""]
    exchange = proxy.only()
    assert (exchange.row.state, exchange.row.status) == (ExchangeState.COMPLETE, int(status[:3]))
    assert exchange.row.flags & ExchangeFlag.REQUEST_INCOMPLETE


def test_a_client_that_reads_late_gets_the_whole_answer(proxy, start_origin):
    """A close while its bytes lie unread would reset the connection, and wipe out the answer on its way."""
    answer = bytes(range(256)) * 1024

    def script(upstream):
        upstream.reads_head()
        upstream.sends(b"HTTP/1.1 413 Too Large\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(answer))
        upstream.sends(answer)
        upstream.sock.shutdown(socket.SHUT_WR)
        upstream.reads_to_end()

    origin = start_origin(script)
    client = proxy.connect()
    client.sends(put(origin, 50_000_000, b"") + b"x" * 300_000)
    proxy.only()
    client.sends(b"x" * 300_000)
    assert client.reads_response()[1] == answer


def test_a_body_on_its_way_is_passed_on_where_the_origin_reads_on(proxy, start_origin):
    """Some clients read no answer before they have sent everything, and some origins answer before they have read it."""

    def script(upstream):
        upstream.reads_head()
        upstream.sees(b"01234")
        upstream.sends(OK)
        answered.set()
        upstream.sees(b"56789")
        is_read.set()

    answered, is_read = Event(), Event()
    origin = start_origin(script)
    client = proxy.connect()
    client.sends(put(origin, 10, b"") + b"01234")
    assert answered.wait(5)
    assert client.reads_response()[0].endswith(b"\r\nConnection: close\r\n\r\n")
    client.sends(b"56789")
    assert is_read.wait(5)
    client.sees_end()
    exchange = proxy.only()
    assert exchange.request_body == b"0123456789"
    assert not exchange.row.flags & ExchangeFlag.REQUEST_INCOMPLETE


def test_a_challenge_that_belongs_to_the_connection_leaves_it_open(proxy, start_origin):
    """NTLM is lost with the connection; its clients know that they owe the body."""

    def script(upstream):
        upstream.reads_head()
        upstream.sends(CHALLENGE)
        upstream.sees(b"01234")
        upstream.reads_head()
        upstream.sends(OK)

    origin = start_origin(script)
    client = proxy.connect()
    client.sends(put(origin, 5))
    client.sees(CHALLENGE)
    client.sends(b"01234" + put(origin, 0))
    client.sees(OK)
    assert origin.connections == 1


def test_an_origin_that_closes_while_the_body_is_sent_has_its_answer_read_and_the_client_its_body():
    """What is left of that body is none of the client's next request."""

    class Closed:
        def send(self, data: bytes) -> None:
            raise BrokenPipeError

    link, theirs = link_pair()
    first_bytes = b"PUT http://a/ HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n01234"
    client = Http1Client(link, Limits(), first_bytes=first_bytes)
    head = client.next_request()
    upstream = Http1Upstream(UpstreamConnection(Closed(), "http", "a", 80, 1, 0, 0, -1))
    upstream.send_head(head)
    taken = []
    upload = Upload(client, upstream, Report(1, 1), taken.append)
    assert not upload.send_what_is_here()
    upload.start()
    theirs.send(b"56789GET ")
    assert upload.finish(wait=True)
    assert b"".join(part.data for part in taken if isinstance(part, BodyPart)) == b"0123456789"
    assert client.leftover() == b"GET "


def test_curl_uploads_though_an_origin_refuses_the_expectation(start_proxy, start_origin, tmp_path):
    """By itself, curl asks whether a body of more than 1 MB is wanted."""

    def script(upstream):
        head = upstream.reads_head()
        if b"Expect" in head:
            upstream.sends(b"HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n")
            head = upstream.reads_head()  # directly, curl goes on on the same connection
        if head:
            upstream.sees(body)
            upstream.sends(OK)

    body = b"0123456789" * 200_000
    (tmp_path / "body").write_bytes(body)
    proxy = start_proxy(limits=Limits())
    origin = start_origin(script)
    command = ["curl", "-sS", "-m", "20", "-x", f"http://127.0.0.1:{proxy.port}"]
    command += ["-T", str(tmp_path / "body"), f"http://127.0.0.1:{origin.port}/up"]
    curl = gevent.subprocess.run(command, capture_output=True, check=False)
    assert (curl.returncode, curl.stdout, curl.stderr) == (0, b"hi", b"")
    assert [each.row.status for each in proxy.finished(2)] == [417, 200]
    assert proxy.exchanges[1].request_body == body
