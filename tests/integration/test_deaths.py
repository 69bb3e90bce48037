"""Processes that are killed or frozen in the middle of traffic: what a client had got whole is in the capture."""

import contextlib
import json
import os
import signal
import socket
import sys
from collections import Counter

import pytest

from proxy_core.capture.live import stored_captures
from proxy_core.channel import SPAWN, Outlet, make_channel
from proxy_core.control import EngineControl
from proxy_core.frame import frame
from proxy_core.listening import Listener
from proxy_core.model.exchange import ExchangeState
from proxy_core.model.notice import EngineStarted
from proxy_core.model.settings import Settings
from proxy_core.model.ways_in import ListenPoint
from proxy_core.model.worker_command import WorkerFailed, encode_word
from proxy_core.supervisor import Supervisor
from proxy_core.worker_start import WorkerStart
from tests.integration.origin import Hall, Origin, Traffic, open_request, read_exactly, read_head, read_to_end
from tests.integration.recording import Recording, Seen, read_capture, wait_for
from tests.integration.test_command_line import fetch, run
from tests.support.program import Program, are_gone


@pytest.fixture
def hall():
    return Hall()


@pytest.fixture
def origin(hall):
    with Origin(hall) as running:
        yield running
        hall.release.set()


@pytest.fixture
def hold(origin):
    """Begins exchanges that stay under way, by path: each client has the half of its response."""
    held: dict[str, socket.socket] = {}

    def begin(port: int, count: int) -> dict[str, socket.socket]:
        for number in range(count):
            path = f"/held/{number}"
            held[path] = open_request(port, origin.url + path)
            read_head(held[path])
            assert read_exactly(held[path], 6) == b"answer"
        return held

    yield begin
    for link in held.values():
        link.close()


def knows_halves(exchanges: list[Seen], held: dict[str, socket.socket]) -> bool:
    """Whether the capture has what has come of these by now (what is under way is told four times a second)."""
    return held.keys() <= {each.row.path for each in exchanges if each.response_body == b"answer"}


def is_over(link: socket.socket) -> bool:
    """Whether the other side has ended this connection."""
    link.setblocking(False)
    try:
        return link.recv(1, socket.MSG_PEEK) == b""
    except BlockingIOError:
        return False
    except ConnectionResetError:
        return True


def check_whole(exchanges: list[Seen], traffic: Traffic) -> None:
    """What the clients have got whole is there whole, once; nothing is there that nobody asked for."""
    complete = Counter(each.row.path for each in exchanges if each.row.state == ExchangeState.COMPLETE)
    assert traffic.done
    assert not set(traffic.done) - set(complete)
    assert all(count == 1 for count in complete.values())
    bodies = {each.row.path: each.response_body for each in exchanges}
    assert all(bodies[path] == b"answer to " + path.encode() for path in traffic.done)
    asked = {*traffic.done, *traffic.broken}
    assert not {path for path in complete if not path.startswith("/held/")} - asked


class TestAWorker:
    def test_killed_it_is_replaced_and_what_it_had_open_is_marked(self, tmp_path, origin, hall, hold):
        with Recording(tmp_path, workers=2) as recording, Traffic(recording.port, origin.url) as traffic:
            held = hold(recording.port, 8)
            wait_for(lambda: knows_halves(recording.exchanges(), held) and len(traffic.done) > 50)
            victim = max(recording.worker_pids(), key=_sockets)
            os.kill(victim, signal.SIGKILL)
            wait_for(lambda: "was replaced" in recording.program.errors)
            more = len(traffic.done) + 50
            wait_for(lambda: len(traffic.done) > more)
            traffic.stop()
            lost = {path for path, link in held.items() if is_over(link)}
            assert lost  # the busier one was killed, and somebody was with it
            assert len(recording.worker_pids()) == 2
            assert victim not in recording.worker_pids()
            hall.release.set()
            for path in held.keys() - lost:
                held[path].settimeout(10)
                rest = f"answer to {path}"[6:].encode()
                assert read_exactly(held[path], len(rest)) == rest
            assert recording.stop() == 0
            assert recording.program.errors == "A worker was killed (signal 9) and was replaced.\n"
        exchanges = read_capture(recording.capture)
        check_whole(exchanges, traffic)
        by_path = {each.row.path: each for each in exchanges}
        for path in held:
            assert by_path[path].row.failure == ("worker_died" if path in lost else "")
            assert by_path[path].row.state == (ExchangeState.FAILED if path in lost else ExchangeState.COMPLETE)
            assert by_path[path].response_body.startswith(b"answer")
            assert by_path[path].detail.response.head.startswith(b"HTTP/1.1 200 OK\r\n")
        assert all("died" in by_path[path].detail.failure_text for path in lost)

    def test_frozen_it_holds_up_nobody_else(self, tmp_path, origin):
        with Recording(tmp_path, workers=2) as recording:
            frozen = recording.worker_pids()[0]
            os.kill(frozen, signal.SIGSTOP)
            try:
                for number in range(40):
                    path = f"/fresh/{number}"
                    assert fetch(recording.port, origin.url + path) == b"answer to " + path.encode()
                assert len(recording.finished(40)) == 40
            finally:
                os.kill(frozen, signal.SIGCONT)
            for number in range(40, 60):
                fetch(recording.port, origin.url + f"/fresh/{number}")
            assert recording.stop() == 0
        assert len(read_capture(recording.capture)) == 60

    def test_frozen_it_does_not_keep_the_program_from_ending(self, tmp_path, origin):
        with Recording(tmp_path, workers=2) as recording:
            assert fetch(recording.port, origin.url + "/one") == b"answer to /one"
            workers = recording.worker_pids()
            os.kill(workers[0], signal.SIGSTOP)
            assert recording.stop() == 0
            assert are_gone(workers)
        assert [each.row.path for each in read_capture(recording.capture)] == ["/one"]

    def test_that_cannot_start_again_says_why_and_is_not_tried_for_ever(self, tmp_path, origin):
        with Recording(tmp_path, workers=1) as recording:
            assert fetch(recording.port, origin.url + "/one") == b"answer to /one"
            os.unlink(recording.home / "ca" / "harrier-ca-key.pem")
            os.kill(recording.worker_pids()[0], signal.SIGKILL)
            assert recording.program.wait() == 1
            errors = recording.program.errors
        assert "Workers keep dying" in errors
        assert "harrier-ca-key.pem" in errors
        assert errors.count("replaced") < 10
        assert "Traceback" not in errors
        assert [each.row.path for each in read_capture(recording.capture)] == ["/one"]

    def test_that_cannot_start_at_all_says_why(self, tmp_path):
        recorder = _NoRecorder()
        listener = socket.create_server(("127.0.0.1", 0))
        supervisor = Supervisor(
            Settings(workers=2),
            (Listener(listener, ListenPoint()),),
            str(tmp_path),
            str(tmp_path),
            recorder,
            print,
            target=cannot_start,
        )
        with pytest.raises(RuntimeError, match="A worker could not start: the moon is in the wrong phase"):
            supervisor.start()
        assert supervisor.pids() == []
        assert sorted(recorder.ended) == [1, 2]


class _NoRecorder:
    """Takes what a supervisor hands on."""

    def __init__(self) -> None:
        self.ended: list[int] = []

    def take(self, series: int, batch: bytes) -> None:
        raise AssertionError("it never served")

    def worker_ended(self, series: int, *, has_died: bool) -> None:
        assert isinstance(has_died, bool)
        self.ended.append(series)


def cannot_start(start: WorkerStart) -> None:
    """A worker's main function."""
    start.control.sendall(frame(encode_word(WorkerFailed("the moon is in the wrong phase"))))
    sys.exit(3)


def speak_and_wait(outlet: Outlet) -> None:
    """Another process' main function: begins a message larger than any pipe."""
    outlet.put(b"x" * 5_000_000)
    signal.pause()


def test_the_rest_of_a_dead_writers_message_is_not_waited_for():
    outlet, inlet = make_channel()
    process = SPAWN.Process(target=speak_and_wait, args=(outlet,))
    process.start()
    assert inlet._messages._reader.poll(60)
    process.kill()
    process.join()
    with pytest.raises((OSError, EOFError)):
        inlet.get(60.0)
    inlet.close()


def _sockets(pid: int) -> int:
    """How many sockets a process holds (Linux)."""
    count = 0
    for name in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(OSError):
            count += os.readlink(f"/proc/{pid}/fd/{name}").startswith("socket:")
    return count


class TestTheRecorder:
    def test_killed_its_workers_end_and_the_capture_is_recovered(self, tmp_path, origin, hold):
        with Recording(tmp_path, workers=2) as recording:
            family = recording.program.descendants()
            with Traffic(recording.port, origin.url, clients=6) as traffic:
                held = hold(recording.port, 4)
                wait_for(lambda: knows_halves(recording.exchanges(), held) and len(traffic.done) > 500)
                recording.program.signal(signal.SIGKILL)
                assert recording.program.wait() == -signal.SIGKILL
                assert are_gone(family)
            for link in held.values():
                assert read_to_end(link) == b""
            assert not recording.capture.exists()
            done = run("convert", recording.capture, tmp_path / "out.har")
        assert (done.returncode, done.stderr) == (0, "")
        assert "had not been finished" in done.stdout
        assert "of them were under way" in done.stdout
        exchanges = read_capture(recording.live)
        check_whole(exchanges, traffic)
        failed = {each.row.path: each for each in exchanges if each.row.failure == "engine_died"}
        assert failed.keys() >= held.keys()
        assert all(failed[path].response_body == b"answer" for path in held)
        entries = json.loads((tmp_path / "out.har").read_bytes())["log"]["entries"]
        assert len(entries) == len(exchanges)
        again = run("convert", recording.capture, tmp_path / "again.harrier")
        assert again.returncode == 0
        assert "had not been finished" not in again.stdout
        assert len(read_capture(tmp_path / "again.harrier")) == len(exchanges)


class StandIn(Program):
    """A window without Qt, in a process of its own."""

    def __init__(self, home) -> None:
        super().__init__([str(home)], command=[sys.executable, "-m", "tests.integration.window_stand_in"])
        self.port = self.engine = 0
        self.capture = ""

    def __enter__(self) -> "StandIn":
        super().__enter__()
        word, port, engine, self.capture = self.read_line().rstrip("\n").split(" ", 3)
        assert word == "started"
        self.port, self.engine = int(port), int(engine)
        return self


class TestTheWindow:
    def test_killed_its_engine_finishes_the_capture_and_ends(self, tmp_path, origin, hold):
        with StandIn(tmp_path) as window:
            family = window.descendants()
            assert window.engine in family
            with Traffic(window.port, origin.url) as traffic:
                hold(window.port, 3)
                wait_for(lambda: len(traffic.done) > 200)
                window.signal(signal.SIGKILL)
                window.wait()
                assert are_gone(family)
        (stored,) = stored_captures(str(tmp_path / "captures"))
        assert stored.path == window.capture
        assert stored.is_closed
        exchanges = read_capture(window.capture)
        check_whole(exchanges, traffic)
        done = run("convert", window.capture, tmp_path / "out.har")
        assert (done.returncode, done.stderr) == (0, "")
        assert len(json.loads((tmp_path / "out.har").read_bytes())["log"]["entries"]) == len(exchanges)

    def test_frozen_it_slows_nothing_and_loses_nothing(self, tmp_path, origin):
        with StandIn(tmp_path) as window:
            window.signal(signal.SIGSTOP)
            try:
                with Traffic(window.port, origin.url, clients=4, most=500) as traffic:
                    traffic.join()
                assert len(traffic.done) == 2000
                wait_for(lambda: len(read_capture(window.capture)) == 2000)
            finally:
                window.signal(signal.SIGCONT)
            lines = []
            while "total 2000\n" not in lines:
                lines.append(window.read_line())
            assert len(lines) < 20  # it was told the sum of it, not each part
            check_whole(read_capture(window.capture), traffic)

    def test_it_sees_its_engine_die_and_starts_another(self, tmp_path, origin):
        control = EngineControl()
        try:
            first = started(control, tmp_path)
            assert fetch(first.port, origin.url + "/one") == b"answer to /one"
            assert control.pid is not None
            os.kill(control.pid, signal.SIGKILL)
            wait_for(lambda: not control.is_alive)
            assert control.exit_status == -signal.SIGKILL
            second = started(control, tmp_path)
            assert fetch(second.port, origin.url + "/two") == b"answer to /two"
            assert second.capture_path != first.capture_path
        finally:
            control.stop()
        assert not control.is_alive
        assert [each.row.path for each in read_capture(second.capture_path)] == ["/two"]
        assert run("convert", first.capture_path, tmp_path / "out.har").returncode == 0
        assert [each.row.path for each in read_capture(first.capture_path)] == ["/one"]


def started(control: EngineControl, home) -> EngineStarted:
    control.start(Settings(listen_port=0, workers=1), str(home))
    found: list[EngineStarted] = []

    def has_come() -> bool:
        found.extend(each for each in control.poll() if isinstance(each, EngineStarted))
        return bool(found)

    wait_for(has_come, "the engine's start")
    return found[0]
