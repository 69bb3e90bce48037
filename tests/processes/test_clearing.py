"""What was cleared and given up is deleted from the disk, and nothing else is."""

import http.client
import socket
import threading

import pytest

from proxy_core.capture.reader import CaptureReader
from proxy_core.capture.segment import segments_in
from proxy_core.engine_entry import Engine
from proxy_core.home import open_home
from proxy_core.model.command import ClearCapture, ForgetCleared
from proxy_core.model.exchange import ExchangeState
from proxy_core.model.settings import Settings
from tests.integration.recording import read_capture, wait_for

LARGE = 1_000_000  # its body goes to a segment of its own


@pytest.fixture
def engine(tmp_path):
    """An engine at work, of one worker."""
    made = Engine(Settings(listen_port=0, workers=1), open_home(str(tmp_path / "home")), publish=lambda _notice: None)
    made.start()
    running = threading.Thread(target=made.run)
    running.start()
    yield made
    made.stop()
    running.join()


class Exchange:
    """A request that has gone through the proxy, and whose answer the test plays."""

    def __init__(self, engine: Engine, path: str) -> None:
        listener = socket.create_server(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        self.client = socket.create_connection(("127.0.0.1", engine.port), timeout=20)
        self.client.sendall(b"GET http://127.0.0.1:%d%b HTTP/1.1\r\nHost: a\r\n\r\n" % (port, path.encode()))
        self.upstream, _ = listener.accept()
        listener.close()
        self.upstream.settimeout(20)
        assert b"GET" in self.upstream.recv(10_000)

    def begins(self, length: int, data: bytes) -> None:
        self.upstream.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (length, data))

    def ends(self, data: bytes = b"") -> None:
        self.upstream.sendall(data)
        self.upstream.close()
        response = http.client.HTTPResponse(self.client)
        response.begin()
        response.read()
        response.close()
        self.client.close()


def whole(engine: Engine, path: str, length: int) -> None:
    exchange = Exchange(engine, path)
    answering = threading.Thread(target=exchange.begins, args=(length, b"x" * length))
    answering.start()
    received = 0
    while received < length:
        received += len(exchange.client.recv(1 << 20))
    answering.join()
    exchange.upstream.close()
    exchange.client.close()


def seen(engine: Engine, path: str):
    return next((each for each in read_capture(engine.capture_folder) if each.row.path == path), None)


def forget_all(engine: Engine) -> None:
    engine.obey(ClearCapture())
    engine.obey(ForgetCleared())


@pytest.mark.parametrize("body", [b"", b"early", b"e" * LARGE], ids=len)
def test_with_an_exchange_under_way(engine, body):
    """What it has of its body so far stays, and nothing that it doesn't need."""
    whole(engine, "/small", 3000)
    whole(engine, "/large", LARGE)
    before = set(segments_in(engine.capture_folder))
    assert len(before) == 2
    pending = Exchange(engine, "/pending")
    if body:
        threading.Thread(target=pending.begins, args=(len(body) + 4, body)).start()
    wait_for(lambda: (known := seen(engine, "/pending")) and known.row.response_bytes == len(body))
    forget_all(engine)
    if body:
        wait_for(lambda: len(before & set(segments_in(engine.capture_folder))) == 1)
        pending.ends(b"late")
    else:
        wait_for(lambda: not before & set(segments_in(engine.capture_folder)))
        pending.begins(4, b"late")
        pending.ends()
    wait_for(lambda: (known := seen(engine, "/pending")) and known.row.state == ExchangeState.COMPLETE)
    reader = CaptureReader(engine.capture_folder)
    (left,) = reader.ids()
    assert reader.read_body(reader.detail(left).response.body) == body + b"late"
    reader.close()
    forget_all(engine)
    wait_for(lambda: len(segments_in(engine.capture_folder)) == 1)


def test_with_nothing_under_way(engine):
    whole(engine, "/small", 3000)
    whole(engine, "/large", LARGE)
    before = set(segments_in(engine.capture_folder))
    wait_for(lambda: (known := seen(engine, "/large")) and known.is_final)
    forget_all(engine)
    wait_for(lambda: not before & set(segments_in(engine.capture_folder)))
    whole(engine, "/next", 3000)
    wait_for(lambda: (known := seen(engine, "/next")) and known.response_body == b"x" * 3000)
