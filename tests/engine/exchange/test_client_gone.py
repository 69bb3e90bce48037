"""A client that leaves while its exchange is under way: noticed whatever it has sent before, and told as what it is."""

import gevent
import gevent.subprocess
import pytest
from gevent import socket
from gevent.event import Event

from proxy_core.engine.limits import Limits
from proxy_core.model.exchange import ExchangeFlag, ExchangeState
from tests.support.conversation import wait_for
from tests.support.tls_conversation import connect_through, https_origin

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
BEGUN = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"
SHORT = Limits(half_closed_s=0.3, linger_s=0.2)
LONG = Limits(half_closed_s=600.0, linger_s=0.2)  # what ends then has not waited for it
AHEAD = [b"", b"\r\n", b"GET", b"x" * 100_000]


def get(origin) -> bytes:
    authority = b"127.0.0.1:%d" % origin.port
    return b"GET http://%b/ HTTP/1.1\r\nHost: %b\r\n\r\n" % (authority, authority)


def holding(start_origin, begin: bytes = b""):
    """An origin that says no more than how it begins, and an event for its being let go."""

    def script(upstream):
        upstream.reads_head()
        upstream.sends(begin)
        has_request.set()
        upstream.reads_to_end()
        is_let_go.set()

    has_request, is_let_go = Event(), Event()
    return start_origin(script), has_request, is_let_go


def sends_what_fits(client, data: bytes) -> None:
    with gevent.Timeout(0.2, False):
        client.sends(data)


class TestBeyondTheRequest:
    """The end lies behind bytes that nobody reads yet."""

    @pytest.mark.parametrize("ahead", [*AHEAD, b"x" * 20_000_000], ids=len)
    def test_a_reset_lets_the_upstream_go_at_once(self, start_proxy, start_origin, ahead):
        proxy = start_proxy(limits=LONG)
        origin, has_request, is_let_go = holding(start_origin)
        client = proxy.connect()
        client.sends(get(origin))
        assert has_request.wait(5)
        sends_what_fits(client, ahead)
        client.resets()
        assert is_let_go.wait(5)
        assert proxy.only().row.failure == "client_closed"
        wait_for(lambda: not proxy.worker.services.sweep.waiting)

    @pytest.mark.parametrize("ahead", AHEAD, ids=len)
    def test_an_end_is_waited_for_a_little(self, start_proxy, start_origin, ahead):
        proxy = start_proxy(limits=SHORT)
        origin, has_request, is_let_go = holding(start_origin)
        client = proxy.connect()
        client.sends(get(origin))
        assert has_request.wait(5)
        sends_what_fits(client, ahead)
        client.sock.shutdown(socket.SHUT_WR)
        assert is_let_go.wait(5)
        assert client.reads_head().startswith(b"HTTP/1.1 504 ")  # half of it may be there still, and is told
        exchange = proxy.only()
        assert exchange.row.failure == "http_response_timeout"
        assert exchange.row.status == 504
        client.closes()
        wait_for(lambda: not proxy.worker.services.sweep.waiting)

    @pytest.mark.parametrize("ahead", AHEAD, ids=len)
    def test_who_is_gone_altogether_is_told_from_half_a_client(self, start_proxy, start_origin, ahead):
        proxy = start_proxy(limits=SHORT)
        origin, has_request, is_let_go = holding(start_origin)
        client = proxy.connect()
        client.sends(get(origin))
        assert has_request.wait(5)
        sends_what_fits(client, ahead)
        client.closes()
        assert is_let_go.wait(5)
        exchange = proxy.only()
        assert (exchange.row.failure, exchange.row.status) == ("client_closed", None)
        wait_for(lambda: not proxy.worker.services.sweep.waiting)

    @pytest.mark.parametrize("ahead", AHEAD, ids=len)
    def test_in_the_middle_of_the_response(self, start_proxy, start_origin, ahead):
        proxy = start_proxy(limits=SHORT)
        origin, has_request, is_let_go = holding(start_origin, BEGUN)
        client = proxy.connect()
        client.sends(get(origin))
        assert has_request.wait(5)
        client.sees(BEGUN)
        sends_what_fits(client, ahead)
        client.sock.shutdown(socket.SHUT_WR)
        assert is_let_go.wait(5)
        exchange = proxy.only()
        assert exchange.row.failure == "client_closed"
        assert exchange.row.flags & ExchangeFlag.RESPONSE_INCOMPLETE


@pytest.mark.parametrize(
    "leaving", ["goodbye and end", "goodbye", "end", "reset", "more and reset", "more and goodbye"]
)
def test_inside_an_interception(start_proxy, start_origin, trusting, example_ca, leaving):
    def handle(pipe):
        pipe.reads_head()
        has_request.set()
        try:
            pipe.reads(1)
        except (EOFError, OSError):
            is_let_go.set()

    has_request, is_let_go = Event(), Event()
    origin = https_origin(start_origin, example_ca.leaf("localhost"), handle)
    proxy = start_proxy(settings=trusting, limits=LONG if "reset" in leaving else SHORT)
    pipe = connect_through(proxy, "localhost", origin.port)
    pipe.sends(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert has_request.wait(5)
    if "more" in leaving:
        pipe.sends(b"GET /next HTTP/1.1\r\n")
        gevent.idle()  # until it was read
        pipe.sends(b"Host: localhost\r\n")
    if "goodbye" in leaving:
        pipe.says_goodbye()
    if "reset" in leaving:
        pipe.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    if "end" in leaving or "reset" in leaving:
        pipe.sock.close()
    assert is_let_go.wait(5)
    # A goodbye alone is half an end (RFC 8446 §6.1): its TCP connection takes the answer.
    is_half = leaving.endswith("goodbye")
    assert proxy.only().row.failure == ("http_response_timeout" if is_half else "client_closed")
    wait_for(lambda: not proxy.worker.services.sweep.waiting)


def test_curl_that_loses_patience(start_proxy, start_origin, trusting, example_ca, tmp_path):
    def handle(pipe):
        pipe.reads_head()
        try:
            pipe.reads(1)
        except (EOFError, OSError):
            is_let_go.set()

    is_let_go = Event()
    origin = https_origin(start_origin, example_ca.leaf("localhost"), handle)
    proxy = start_proxy(settings=trusting, limits=SHORT)
    (tmp_path / "ca.pem").write_bytes(proxy.authority.certificate_pem)
    command = ["curl", "-sS", "-m", "1", "--cacert", str(tmp_path / "ca.pem"), "-x", f"http://127.0.0.1:{proxy.port}"]
    curl = gevent.subprocess.run([*command, f"https://localhost:{origin.port}/"], capture_output=True, check=False)
    assert curl.returncode == 28, curl.stderr
    assert is_let_go.wait(5)
    assert proxy.only().row.failure == "client_closed"


@pytest.mark.parametrize("length", [10, 60_000, 3_000_000])
@pytest.mark.parametrize("is_intercepted", [False, True])
def test_what_came_ahead_is_the_next_request(start_proxy, start_origin, trusting, example_ca, is_intercepted, length):
    """Nothing of it is lost or comes twice, though the end is behind it."""
    body = bytes(range(251)) * (length // 251 + 1)
    body = body[:length]

    def play(upstream, read_exactly):
        upstream.reads_head()
        may_answer.wait(5)
        upstream.sends(OK)
        upstream.reads_head()
        bodies.append(read_exactly(length))
        upstream.sends(OK)

    def script(upstream):
        def read_exactly(size: int) -> bytes:
            got = b""
            while len(got) < size:
                got += upstream.sock.recv(size - len(got))
            return got

        play(upstream, read_exactly)

    bodies: list[bytes] = []
    may_answer = Event()
    proxy = start_proxy(settings=trusting)
    first = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
    second = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % length
    if is_intercepted:
        leaf = example_ca.leaf("localhost")
        origin = https_origin(start_origin, leaf, lambda pipe: play(pipe, pipe.reads_exactly))
        client = connect_through(proxy, "localhost", origin.port)
    else:
        origin = start_origin(script)
        client = proxy.connect()
        first, second = (data.replace(b" /", b" http://localhost:%d/" % origin.port, 1) for data in (first, second))
    client.sends(first)
    wait_for(lambda: origin.connections == 1)
    sending = gevent.spawn(client.sends, second + body)
    gevent.idle()  # until as much was read ahead as is read
    may_answer.set()
    sending.join()
    client.sock.shutdown(socket.SHUT_WR)
    wait_for(lambda: bool(bodies))
    assert bodies == [body]
    assert [each.row.state for each in proxy.finished(2)] == [ExchangeState.COMPLETE] * 2
    assert proxy.exchanges[1].request_body == body


def test_a_reset_while_the_body_waits_for_its_upstream(start_proxy, start_origin):
    def script(upstream):
        upstream.reads_head()
        is_left.wait(10)
        upstream.reads_to_end()

    is_left = Event()
    proxy = start_proxy(limits=LONG)
    origin = start_origin(script)
    client = proxy.connect()
    authority = b"127.0.0.1:%d" % origin.port
    client.sends(b"PUT http://%b/ HTTP/1.1\r\nHost: %b\r\nContent-Length: 90000000\r\n\r\n" % (authority, authority))
    with gevent.Timeout(1.0, False):
        client.sends(bytes(90_000_000))
    client.resets()
    exchange = proxy.only()
    assert exchange.row.failure == "client_closed"
    assert exchange.row.flags & ExchangeFlag.REQUEST_INCOMPLETE
    is_left.set()


def test_half_a_client_is_still_told_what_failed(proxy, start_origin):
    """It has ended its side, and waits."""

    def script(upstream):
        upstream.reads_head()
        has_ended.wait(10)

    has_ended = Event()
    origin = start_origin(script)
    client = proxy.connect()
    client.sends(get(origin))
    wait_for(lambda: origin.connections == 1)
    client.sock.shutdown(socket.SHUT_WR)
    gevent.idle()  # until it was noticed
    has_ended.set()
    assert client.reads_head().startswith(b"HTTP/1.1 502 ")
    assert proxy.only().row.failure == "connection_terminated"


@pytest.mark.parametrize("is_reset", [False, True])
def test_who_left_before_the_upstream_was_there(start_proxy, start_origin, monkeypatch, is_reset):
    class SlowOpener:
        def connect(self, *arguments, **options):
            is_connecting.set()
            may_connect.wait(5)
            return opener.connect(*arguments, **options)

    is_connecting, may_connect = Event(), Event()
    proxy = start_proxy(limits=LONG if is_reset else SHORT)
    opener = proxy.worker.services.opener
    monkeypatch.setattr(proxy.worker.services, "opener", SlowOpener())
    origin = start_origin(lambda upstream: upstream.reads_to_end())
    client = proxy.connect()
    client.sends(get(origin))
    assert is_connecting.wait(5)
    if is_reset:
        client.resets()
    else:
        client.closes()
    gevent.idle()  # until it was noticed
    may_connect.set()
    assert proxy.only().row.failure == "client_closed"


def test_half_a_client_is_not_kept_by_an_origin_that_answered_and_takes_no_more(start_proxy, start_origin):
    """What is left of the request waits for an upstream that doesn't read; the answer is there already."""

    def script(upstream):
        upstream.reads_head()
        upstream.sends(OK)
        is_over.wait(60)

    is_over = Event()
    proxy = start_proxy(limits=SHORT)
    origin = start_origin(script)
    client = proxy.connect()
    client.sends(b"POST http://127.0.0.1:%d/ HTTP/1.1\r\nHost: a\r\nContent-Length: 60000000\r\n\r\n" % origin.port)
    client.sees(OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
    sent = 0

    def is_taken() -> bool:
        return sum(each.row.request_bytes for each in proxy.exchanges) == sent

    while is_taken():  # until the way up is full
        client.sends(b"x" * 500_000)
        sent += 500_000
        with gevent.Timeout(0.6, False):  # progress is told four times a second
            wait_for(is_taken)
    client.closes()
    wait_for(lambda: not proxy.worker.services.sweep.waiting)
    is_over.set()
    assert proxy.only().row.flags & ExchangeFlag.REQUEST_INCOMPLETE
