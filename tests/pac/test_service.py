"""Questions to PAC files through the engine's service, with its real process: killed, shunned, started again, told once."""

import os
import signal
import socket
import time

import pytest

from proxy_core.frame import Frames, frame
from proxy_core.model.pac_message import PacAnswer, PacQuestion, decode_pac_answer, encode_pac
from proxy_core.pac import service as service_module
from proxy_core.pac.service import PacService

FILE = """
function FindProxyForURL(url, host) {
  if (host == "loop") while (true) {}
  if (host == "throw") throw new Error("boo");
  return "PROXY " + host + ":1";
}
"""


class Worker:
    """A worker's end."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self._frames = Frames()
        sock.settimeout(60)

    def asks(self, pac_url: str, host: str, number: int = 1) -> None:
        self.sock.sendall(frame(encode_pac(PacQuestion(number, pac_url, f"http://{host}/", host))))

    def hears(self) -> PacAnswer:
        while True:
            data = self.sock.recv(65536)
            assert data
            for message in self._frames.feed(data):
                return decode_pac_answer(message)

    def asked(self, pac_url: str, host: str) -> tuple[str, str]:
        self.asks(pac_url, host)
        answer = self.hears()
        return answer.text, answer.problem


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def service(told):
    service = PacService(told.append)
    yield service
    service.stop()


@pytest.fixture
def worker(service):
    with service.connection() as sock:
        yield Worker(sock)


@pytest.fixture
def pac(tmp_path) -> str:
    (tmp_path / "proxy.pac").write_text(FILE)
    return (tmp_path / "proxy.pac").as_uri()


def test_answers(service, worker, pac, told):
    assert worker.asked(pac, "a") == ("PROXY a:1", "")
    with service.connection() as sock:
        assert Worker(sock).asked(pac, "b") == ("PROXY b:1", "")
    worker.asks(pac, "c", 7)
    assert worker.hears() == PacAnswer(7, "PROXY c:1", "")
    assert told == []


def test_a_problem_is_told_once_and_costs_its_question(worker, pac, told):
    for _ in range(3):
        text, problem = worker.asked(pac, "throw")
        assert (text, problem) == ("", "its function failed (Error: boo)")
    assert worker.asked(pac, "a") == ("PROXY a:1", "")
    assert told == [f"The PAC file {pac} gives no answer: its function failed (Error: boo)."]


def test_an_endless_loop_is_killed_and_shunned(service, worker, pac, told, monkeypatch):
    monkeypatch.setattr(service_module, "SHUNNED_S", 0.5)
    assert worker.asked(pac, "a")[0] == "PROXY a:1"
    process = service._files._process
    service.call_limit_s = 0.3
    assert worker.asked(pac, "loop") == ("", "it took longer than 0 seconds")
    assert not process.is_alive()
    assert worker.asked(pac, "a")[1] == "it took longer than 0 seconds"  # at once: nothing was started for it
    assert service._files._process is None
    assert len(told) == 1
    time.sleep(0.6)
    service.call_limit_s = 60
    assert worker.asked(pac, "a") == ("PROXY a:1", "")


def test_a_process_that_dies_is_replaced(service, worker, pac, monkeypatch):
    monkeypatch.setattr(service_module, "SHUNNED_S", 0.0)
    assert worker.asked(pac, "a")[0] == "PROXY a:1"
    os.kill(service._files._process.pid, signal.SIGKILL)
    assert worker.asked(pac, "a") == ("", "the process that evaluates it has died")
    assert worker.asked(pac, "a") == ("PROXY a:1", "")


def test_a_file_that_is_not_there_is_not_looked_for_all_the_time(service, worker, tmp_path, told):
    url = (tmp_path / "missing.pac").as_uri()
    for host in ("a", "b"):
        assert "No such file" in worker.asked(url, host)[1]
    (tmp_path / "missing.pac").write_text(FILE)
    assert "No such file" in worker.asked(url, "a")[1]
    assert len(told) == 1
    service._files._shunned.clear()
    assert worker.asked(url, "a")[0] == "PROXY a:1"


def test_a_server_that_keeps_silent(service, worker):
    service.fetch_limit_s = 3.0
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/proxy.pac"
        assert worker.asked(url, "a") == ("", "it took longer than 3 seconds")


def test_secrets_of_its_address_are_not_told(worker, told):
    worker.asked("http://joe:geheim@127.0.0.1:9/x.pac", "a")
    assert told
    assert "geheim" not in told[0]


def test_a_worker_that_leaves_is_forgotten(service, worker, pac):
    with service.connection() as sock:
        other = Worker(sock)
        assert other.asked(pac, "a")[0] == "PROXY a:1"
        other.asks(pac, "b")
    assert worker.asked(pac, "c")[0] == "PROXY c:1"


def test_stopping_does_not_wait_for_a_slow_file(service, worker, pac):
    worker.asked(pac, "a")
    process = service._files._process
    service.call_limit_s = 600
    worker.asks(pac, "loop")
    service.stop()
    assert not service._thread.is_alive()
    assert not process.is_alive()
