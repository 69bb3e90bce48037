"""Questions to PAC files through the engine's service, with its real processes: killed, replaced, beside one another, told
once.
"""

import http.server
import os
import signal
import socket
import threading
import time
from collections import deque
from collections.abc import Callable

import pytest

from proxy_core.frame import Frames, frame
from proxy_core.model.pac_message import PacAnswer, PacQuestion, decode_pac_answer, encode_pac
from proxy_core.pac.pac_file import MOST_EVALUATORS, PacTimes
from proxy_core.pac.service import PacService

FILE = """
function FindProxyForURL(url, host) {
  if (host.startsWith("loop")) while (true) {}
  if (host == "throw") throw new Error("boo");
  return "PROXY " + host + ":1";
}
"""
NEVER_S = 600.0


class Worker:
    """A worker's end."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self._frames = Frames()
        self._heard: deque[PacAnswer] = deque()
        sock.settimeout(60)

    def asks(self, pac_url: str, host: str, number: int = 1) -> None:
        self.sock.sendall(frame(encode_pac(PacQuestion(number, pac_url, f"http://{host}/", host))))

    def hears(self) -> PacAnswer:
        while not self._heard:
            data = self.sock.recv(65536)
            assert data
            self._heard.extend(map(decode_pac_answer, self._frames.feed(data)))
        return self._heard.popleft()

    def asked(self, pac_url: str, host: str) -> tuple[str, str]:
        self.asks(pac_url, host)
        answer = self.hears()
        return answer.text, answer.problem


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def times() -> PacTimes:
    """Nothing is late, but where a test says so."""
    return PacTimes(fetch_s=NEVER_S, call_s=NEVER_S, crowd_s=NEVER_S)


@pytest.fixture
def service(told, times):
    service = PacService(told.append, times=times)
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


def pids(service: PacService) -> list[int | None]:
    return [each.pid for file in service._files.values() for each in list(file._evaluators)]


def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_answers(service, worker, pac, told):
    assert worker.asked(pac, "a") == ("PROXY a:1", "")
    with service.connection() as sock:
        assert Worker(sock).asked(pac, "b") == ("PROXY b:1", "")
    worker.asks(pac, "c", 7)
    assert worker.hears() == PacAnswer(7, "PROXY c:1", "")
    assert told == []
    assert len(pids(service)) == 1


def test_a_name_is_asked_for(worker, tmp_path):
    path = tmp_path / "names.pac"
    path.write_text("function FindProxyForURL(url, host) { return 'PROXY ' + dnsResolve(host) + ':1'; }")
    worker.asks(path.as_uri(), "a.test")
    assert worker.hears() == PacAnswer(1, "", "", "a.test")
    question = PacQuestion(2, path.as_uri(), "http://a.test/", "a.test", {"a.test": "10.1.1.1"})
    worker.sock.sendall(frame(encode_pac(question)))
    assert worker.hears() == PacAnswer(2, "PROXY 10.1.1.1:1", "")


def test_a_question_as_large_as_they_come(worker, pac):
    names = {f"{number:0254}": "255.255.255.255" for number in range(32)}
    host = "h" * 500_000
    worker.sock.sendall(frame(encode_pac(PacQuestion(1, pac, f"http://{host}/", host, names))))
    assert worker.hears().problem == "its function returned more text than anyone reads"


def test_a_problem_is_told_once_and_costs_its_question(worker, pac, told):
    for _ in range(3):
        text, problem = worker.asked(pac, "throw")
        assert (text, problem) == ("", "its function failed (Error: boo)")
    assert worker.asked(pac, "a") == ("PROXY a:1", "")
    assert told == [f"The PAC file {pac} gives no answer: its function failed (Error: boo)."]


class TestSlowHosts:
    def test_others_are_answered_meanwhile(self, service, worker, pac):
        """With all processes busy but one."""
        for number in range(MOST_EVALUATORS - 1):
            worker.asks(pac, f"loop{number}", number)
        for host in "abc":
            worker.asks(pac, host, 100)
            assert worker.hears() == PacAnswer(100, f"PROXY {host}:1", "")
        assert len(pids(service)) == MOST_EVALUATORS

    def test_its_failure_is_its_own_and_remembered(self, service, worker, pac, told, times):
        assert worker.asked(pac, "a")[0] == "PROXY a:1"
        (pid,) = pids(service)
        times.call_s = 0.3
        late = ("", "it took longer than 0.3 s")
        assert worker.asked(pac, "loop") == late
        assert pid not in pids(service)
        times.call_s = NEVER_S
        assert worker.asked(pac, "a") == ("PROXY a:1", "")
        assert worker.asked(pac, "loop") == late  # at once: nobody is asked
        assert len(told) == 1
        times.shunned_s = 0.0
        times.call_s = 0.3
        assert worker.asked(pac, "loop2") == late
        assert worker.asked(pac, "loop2") == late  # asked anew: it is not remembered any more
        assert len(told) == 1

    def test_while_others_wait_for_the_last_process_slowness_is_cut_short(self, worker, pac, times):
        times.crowd_s = 0.5
        for number in range(2 * MOST_EVALUATORS):
            worker.asks(pac, f"loop{number}", number)
        worker.asks(pac, "b", 100)
        answers = {}
        while 100 not in answers:
            answer = worker.hears()
            answers[answer.number] = answer
        assert answers.pop(100) == PacAnswer(100, "PROXY b:1", "")
        assert {answer.problem for answer in answers.values()} == {"it took longer than 0.5 s"}
        assert len(answers) > MOST_EVALUATORS

    def test_one_host_keeps_one_process(self, service, worker, pac, times):
        times.patience_s = 0.01
        for number in range(2 * MOST_EVALUATORS):
            worker.asks(pac, "loop", number)
        assert worker.asked(pac, "a")[0] == "PROXY a:1"
        assert len(pids(service)) == 2


class TestSlowFiles:
    def test_one_that_loops_before_it_is_asked(self, worker, tmp_path, times):
        (tmp_path / "loop.pac").write_text("while (true) {}")
        times.call_s = 0.3
        url = (tmp_path / "loop.pac").as_uri()
        assert worker.asked(url, "a") == ("", "it took longer than 0.3 s")
        assert worker.asked(url, "b") == ("", "it took longer than 0.3 s")

    def test_it_does_not_keep_another_file_waiting(self, worker, tmp_path, pac):
        (tmp_path / "loop.pac").write_text("while (true) {}")
        worker.asks((tmp_path / "loop.pac").as_uri(), "a")
        assert worker.asked(pac, "a") == ("PROXY a:1", "")

    def test_a_server_that_keeps_silent(self, worker, times):
        times.fetch_s = 3.0
        with socket.create_server(("127.0.0.1", 0)) as silent:
            url = f"http://127.0.0.1:{silent.getsockname()[1]}/proxy.pac"
            assert worker.asked(url, "a") == ("", "it took longer than 3 s")


class TestProcesses:
    def test_one_that_has_died_is_replaced(self, service, worker, pac):
        assert worker.asked(pac, "a")[0] == "PROXY a:1"
        (pid,) = pids(service)
        os.kill(pid, signal.SIGKILL)
        assert worker.asked(pac, "a") == ("PROXY a:1", "")

    def test_a_host_that_kills_two_is_asked_for_no_more(self, service, worker, pac):
        assert worker.asked(pac, "a")[0] == "PROXY a:1"
        worker.asks(pac, "loop")
        known = pids(service)
        for _ in range(2):
            until(lambda: set(pids(service)) - {None})
            file = next(iter(service._files.values()))
            until(lambda: any(asked is not None for asked in list(file._evaluators.values())))
            (pid,) = pids(service)
            os.kill(pid, signal.SIGKILL)
            until(lambda pid=pid: pid not in pids(service))
        assert known
        assert worker.hears() == PacAnswer(1, "", "the process that evaluates it has died")
        assert worker.asked(pac, "a") == ("PROXY a:1", "")

    def test_one_that_nobody_asks_ends(self, service, worker, pac, times):
        assert worker.asked(pac, "a")[0] == "PROXY a:1"
        times.idle_s = 0.0
        worker.asks(pac, "throw")
        assert worker.hears().problem
        until(lambda: not pids(service))
        times.idle_s = NEVER_S
        assert worker.asked(pac, "a") == ("PROXY a:1", "")

    def test_there_is_none_to_be_had(self, worker, pac, monkeypatch):
        def refuse(_process: object) -> None:
            raise OSError(11, "Resource temporarily unavailable")

        monkeypatch.setattr("multiprocessing.process.BaseProcess.start", refuse)
        assert worker.asked(pac, "a") == ("", "no process could be started for it")

    def test_stopping_does_not_wait_for_a_slow_file(self, service, worker, pac):
        worker.asked(pac, "a")
        (pid,) = pids(service)
        worker.asks(pac, "loop")
        service.stop()
        assert not service._thread.is_alive()
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


class Server:
    """A web server with one PAC file: its text, or silence for None."""

    def __init__(self) -> None:
        self.text: str | None = FILE
        self.fetched = 0
        self.hung_up = threading.Event()
        pages = self

        class Pages(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                pages.fetched += 1
                if pages.text is None:
                    pages.hung_up.wait(60)
                    return
                self.send_response(200)
                self.end_headers()
                self.wfile.write(pages.text.encode())

            def log_message(self, *_arguments: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Pages)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/proxy.pac"

    def stop(self) -> None:
        self.hung_up.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def server():
    server = Server()
    yield server
    server.stop()


class TestFetchingAnew:
    @pytest.fixture(autouse=True)
    def read_once(self, worker, server, times):
        times.fresh_s = 0.0
        assert worker.asked(server.url, "a") == ("PROXY a:1", "")
        until(lambda: server.fetched)

    def test_another_text_takes_its_place(self, service, worker, server, told):
        server.text = "function FindProxyForURL(url, host) { return 'DIRECT'; }"
        until(lambda: worker.asked(server.url, "a") == ("DIRECT", ""))
        assert told == []

    def test_the_same_text_changes_nothing(self, service, worker, server):
        known = set(pids(service))
        until(lambda: worker.asked(server.url, "a") == ("PROXY a:1", "") and server.fetched > 3)
        assert known & set(pids(service))

    def test_a_server_that_keeps_silent_leaves_the_old_one(self, worker, server, times, told):
        server.text = None
        times.fetch_s = 0.5

        def is_told() -> bool:
            assert worker.asked(server.url, "a") == ("PROXY a:1", "")
            return bool(told)

        until(is_told)
        problem = "could not be read anew, and holds on as it was: it took longer than 0.5 s"
        assert told == [f"The PAC file {server.url} {problem}."]
        assert worker.asked(server.url, "b") == ("PROXY b:1", "")

    @pytest.mark.parametrize("text", ["<html>Log in, please", "while (true) {}"])
    def test_a_text_that_is_no_file_leaves_the_old_one(self, worker, server, times, told, text):
        server.text = text
        times.call_s = 1.0

        def is_told() -> bool:
            assert worker.asked(server.url, "a") == ("PROXY a:1", "")
            return bool(told)

        until(is_told)
        assert "holds on as it was" in told[0]

    def test_what_is_being_answered_is_not_cut(self, worker, server):
        worker.asks(server.url, "loop", 7)
        server.text = "function FindProxyForURL(url, host) { return 'DIRECT'; }"
        until(lambda: worker.asked(server.url, "a") == ("DIRECT", ""))


def test_a_file_that_is_not_there_is_not_looked_for_all_the_time(service, worker, tmp_path, told, times):
    url = (tmp_path / "missing.pac").as_uri()
    for host in ("a", "b"):
        assert "No such file" in worker.asked(url, host)[1]
    (tmp_path / "missing.pac").write_text(FILE)
    assert "No such file" in worker.asked(url, "a")[1]
    assert len(told) == 1
    service._files[url]._failure = (0.0, "")
    assert worker.asked(url, "a")[0] == "PROXY a:1"


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
