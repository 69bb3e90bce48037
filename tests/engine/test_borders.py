"""Borders inside a worker: something of ours throws, and nothing else is harmed by it. Each test throws inside one."""

import contextlib
import socket as stdlib_socket

import gevent
import gevent.event
import pytest

from proxy_core.engine import worker
from proxy_core.engine.exchange import tunnel
from proxy_core.engine.exchange.relay import ExchangeRelay
from proxy_core.engine.links.tls import TlsTransport
from proxy_core.engine.links.transport import DeadlineSweep, Transport
from proxy_core.engine.reception import connect
from proxy_core.engine.reception.intake import Intake
from proxy_core.engine.recording.exchange_record import Telling
from proxy_core.engine.recording.full_disk import FullDisk
from proxy_core.engine.recording.outbox import Outbox
from proxy_core.engine.recording.reporter import Reporter
from proxy_core.engine.sides.http1_client import Http1Client
from proxy_core.engine.upstream import connector
from proxy_core.engine.upstream.names import Names
from proxy_core.frame import frame
from proxy_core.model.exchange import ExchangeState, Side
from proxy_core.model.failure import FailureKind
from proxy_core.model.settings import Settings
from proxy_core.model.worker_command import BytesTaken, RotateSegments, UseSettings, encode_worker_command
from tests.support.conversation import Client, wait_for
from tests.support.tls_conversation import answer_all, connect_through, https_origin

pytestmark = pytest.mark.replaces_inside

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


@pytest.fixture
def answering(start_origin):
    """Answers every request, until it is reset or left."""

    def script(client: Client) -> None:
        with contextlib.suppress(ConnectionResetError):
            while client.reads_head():
                client.sends(OK)

    return start_origin(script)


@pytest.fixture
def silent(start_origin):
    """Takes everything, says nothing."""
    return start_origin(lambda client: client.reads_to_end())


@pytest.fixture
def tls_origin(start_origin, example_ca):
    return https_origin(start_origin, example_ca.leaf("localhost"), answer_all)


@pytest.fixture
def proxy(start_proxy, trusting):
    return start_proxy(settings=trusting)


def throw(*_: object, **__: object) -> None:
    raise RuntimeError("a fault of ours")


def once(method):
    """The method, which throws the first time."""
    thrown = []

    def call(*arguments, **options):
        if not thrown:
            thrown.append(True)
            throw()
        return method(*arguments, **options)

    return call


def get(proxy, origin, path: str = "/") -> Client:
    client = proxy.connect()
    client.sends(b"GET http://127.0.0.1:%d%b HTTP/1.1\r\nHost: a\r\n\r\n" % (origin.port, path.encode()))
    return client


def is_ours(exchange) -> bool:
    return (
        exchange.row.state == ExchangeState.FAILED
        and exchange.row.failure == FailureKind.OWN_FAULT
        and exchange.detail.failure_text == "Harrier's own fault (RuntimeError)."
    )


def ended_by_us(proxy):
    """The one exchange, which ended as our fault, with both sides closed and nobody left waiting."""
    exchange = proxy.only()
    assert is_ours(exchange)
    wait_for(lambda: not proxy.worker.services.sweep.waiting and not proxy.worker.serves)
    assert not proxy.worker.services.reporter.under_way()
    return exchange


class TestARelay:
    @pytest.mark.parametrize("name", ["_run", "_connect", "_send_request", "_relay_response"])
    def test_that_throws_before_there_is_a_response_answers_so(self, proxy, answering, monkeypatch, name):
        monkeypatch.setattr(ExchangeRelay, name, throw)
        got = get(proxy, answering).reads_to_end()
        assert got.startswith(b"HTTP/1.1 500 ")
        assert b"error=proxy_internal_error" in got
        assert b"Connection: close" in got
        assert b"Harrier's own fault" in got
        assert ended_by_us(proxy).row.status == 500

    @pytest.mark.parametrize("name", ["send_head", "send_part"])
    def test_that_throws_elsewhere_ends_without_a_word(self, proxy, answering, monkeypatch, name):
        monkeypatch.setattr(Http1Client, name, throw)
        assert get(proxy, answering).reads_to_end() == b""
        ended_by_us(proxy)

    def test_the_next_connection_is_served(self, proxy, answering, monkeypatch):
        monkeypatch.setattr(ExchangeRelay, "_run", once(ExchangeRelay._run))
        get(proxy, answering).reads_to_end()
        assert get(proxy, answering, "/next").reads_response()[1] == b"hello"
        failed, good = proxy.finished(2)
        assert is_ours(failed)
        assert good.row.state == ExchangeState.COMPLETE

    def test_that_throws_in_the_greenlet_of_its_upload(self, proxy, silent, monkeypatch):
        monkeypatch.setattr(ExchangeRelay, "_record_request", throw)
        client = proxy.connect()
        client.sends(b"POST http://127.0.0.1:%d/ HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n" % silent.port)
        wait_for(lambda: silent.connections == 1)
        client.sends(b"0123")
        assert client.reads_to_end().startswith(b"HTTP/1.1 500 ")
        ended_by_us(proxy)

    def test_that_throws_inside_an_interception(self, proxy, tls_origin, monkeypatch):
        monkeypatch.setattr(ExchangeRelay, "_connect", throw)
        pipe = connect_through(proxy, "localhost", tls_origin.port)
        pipe.sends(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert pipe.reads_head().startswith(b"HTTP/1.1 500 ")
        assert ended_by_us(proxy).row.scheme == "https"

    @pytest.mark.parametrize("name", ["recognise", "_tunnel", "_await_first_bytes"])
    def test_whose_connect_throws_is_a_row(self, proxy, silent, monkeypatch, name):
        monkeypatch.setattr(connect if hasattr(connect, name) else connect.Connect, name, throw)
        client = proxy.connect()
        client.sends(b"CONNECT 127.0.0.1:%d HTTP/1.1\r\nHost: a\r\n\r\n" % silent.port)
        if name != "_await_first_bytes":
            client.sends(b"\x00no TLS")
        client.reads_to_end()
        assert ended_by_us(proxy).row.method == "CONNECT"

    @pytest.mark.parametrize("is_server", [True, False])
    def test_whose_handshake_throws_closes_what_it_had_connected(self, proxy, tls_origin, monkeypatch, is_server):
        shake = TlsTransport.handshake

        def handshake(link: TlsTransport) -> None:
            if link._server_side == is_server:
                throw()
            shake(link)

        monkeypatch.setattr(TlsTransport, "handshake", handshake)
        with pytest.raises((EOFError, OSError)):
            connect_through(proxy, "localhost", tls_origin.port)
        assert ended_by_us(proxy).row.host == "localhost"

    @pytest.mark.parametrize("way", Side)
    def test_whose_tunnel_throws_in_one_direction(self, proxy, answering, monkeypatch, way):
        copy = tunnel._copy

        def throwing(source, target, limits, passed, side, broke):
            copy(source, target, limits, throw if side == way else passed, side, broke)

        monkeypatch.setattr(tunnel, "_copy", throwing)
        client = proxy.connect()
        client.sends(b"CONNECT 127.0.0.1:%d HTTP/1.1\r\nHost: a\r\n\r\n\x00" % answering.port)
        client.reads_head()
        client.sends(b"GET / HTTP/1.1\r\n\r\n")
        client.reads_to_end()
        ended_by_us(proxy)

    def test_that_throws_when_its_client_leaves_closes_the_client(self, proxy, start_origin, monkeypatch, capsys):
        let_go = gevent.event.Event()

        def script(upstream: Client) -> None:
            upstream.reads_head()
            let_go.wait()
            upstream.sends(OK)

        monkeypatch.setattr(ExchangeRelay, "_client_gone", throw)
        client = get(proxy, start_origin(script))
        gevent.spawn_later(0.05, client.sock.shutdown, stdlib_socket.SHUT_WR)
        client.reads_to_end()
        let_go.set()
        exchange = proxy.only()
        assert exchange.row.state >= ExchangeState.COMPLETE
        wait_for(lambda: not proxy.worker.services.sweep.waiting)
        assert "a fault of ours" in capsys.readouterr().err

    def test_one_of_whose_attempts_to_connect_throws(self, proxy, answering, monkeypatch):
        monkeypatch.setattr(connector, "_connect_one", throw)
        addresses = [(stdlib_socket.AF_INET, (f"127.0.0.{last}", answering.port)) for last in (1, 2)]
        monkeypatch.setattr(Names, "find", lambda *_: (addresses, False))
        assert get(proxy, answering).reads_to_end().startswith(b"HTTP/1.1 500 ")
        ended_by_us(proxy)

    def test_whose_report_cannot_be_told_is_told_without_it(self, proxy, answering, monkeypatch):
        relay_body = ExchangeRelay._relay_response_body

        def spoil(relay, *arguments, **options):
            relay._report.path = object()
            relay_body(relay, *arguments, **options)

        monkeypatch.setattr(ExchangeRelay, "_relay_response_body", spoil)
        assert get(proxy, answering).reads_response()[1] == b"hello"
        exchange = proxy.only()
        assert exchange.row.failure == FailureKind.OWN_FAULT
        assert "TypeError" in exchange.detail.failure_text


class TestTheFlusher:
    @pytest.mark.parametrize(("owner", "name"), [(Reporter, "_announce"), (Outbox, "send"), (FullDisk, "tell")])
    def test_ticks_on(self, proxy, answering, monkeypatch, owner, name):
        monkeypatch.setattr(owner, name, once(getattr(owner, name)))
        for _ in range(3):
            assert get(proxy, answering).reads_response()[1] == b"hello"
        assert len(proxy.finished(3)) == 3

    def test_tells_of_the_others_when_one_cannot_be_told(self, proxy, silent):
        bad, good = get(proxy, silent, "/bad"), get(proxy, silent, "/good")
        reporter = proxy.worker.services.reporter
        wait_for(lambda: len(proxy.exchanges) == 2)
        for report in reporter.under_way():
            if report.path == "/bad":
                report.notes = object()
            reporter.changed(report)
            report.record.telling = Telling.NEW
        told = len(proxy.events.batches)
        wait_for(lambda: len(proxy.events.batches) > told)
        assert [each.row.path for each in proxy.exchanges] == ["/bad", "/good"]
        bad.closes()
        good.closes()


class TestTheIntake:
    def test_accepts_on(self, proxy, answering, monkeypatch):
        monkeypatch.setattr(Intake, "_accept", once(Intake._accept))
        assert get(proxy, answering).reads_response()[1] == b"hello"


class TestTheSweep:
    def test_goes_on_and_ends_the_link_that_fails(self, monkeypatch):
        sweep = DeadlineSweep()
        ours, theirs = stdlib_socket.socketpair()
        other, others = stdlib_socket.socketpair()
        bad, good = Transport(ours, sweep, 1.0, 1.0), Transport(other, sweep, 1.0, 1.0)
        check = Transport.check_deadlines

        def check_deadlines(transport: Transport, now_s: int) -> None:
            if transport is bad:
                throw()
            check(transport, now_s)

        monkeypatch.setattr(Transport, "check_deadlines", check_deadlines)
        sweep.start()
        with pytest.raises(TimeoutError), gevent.Timeout(10, AssertionError("the sweep has stopped")):
            good.receive()
        assert sweep.waiting == {good}
        sweep.stop()
        good.close()
        theirs.close()
        others.close()


class ControlLink:
    """The worker's end of a control socket, as it was fed."""

    def __init__(self, *frames: bytes) -> None:
        self._data = [frame(each) for each in frames]

    def receive(self, _limit: int = 0) -> bytes:
        if not self._data:
            raise OSError("the engine is gone")
        return self._data.pop(0)


class TestTheEnginesCommands:
    def test_one_that_fails_costs_itself(self, proxy, monkeypatch):
        reporter = proxy.worker.services.reporter
        monkeypatch.setattr(Outbox, "bytes_taken", throw)

        def full(_reporter: Reporter) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(Reporter, "rotate", full)
        orders = BytesTaken(5), RotateSegments(), UseSettings(Settings(recording=False))
        commands = [encode_worker_command(each) for each in orders]
        worker.obey_all(proxy.worker, ControlLink(b"\xc1", b"garbage", *commands))
        assert not reporter.is_recording
        assert proxy.worker.stopped.is_set()


def test_what_a_greenlet_or_the_loop_raises_is_caught_and_the_loop_goes_on(monkeypatch):
    hub = gevent.get_hub()
    monkeypatch.setattr(hub, "exception_stream", None)
    monkeypatch.setattr(hub, "handle_error", hub.handle_error)
    told: list[str] = []
    monkeypatch.setattr(worker, "told", lambda where, error: told.append(f"{type(error).__name__} {where}"))
    worker.log_what_nobody_catches()
    gevent.spawn(throw)
    hub.loop.run_callback(throw)
    wait_for(lambda: len(told) == 2)
    assert all(each.startswith("RuntimeError a greenlet (") for each in told)
