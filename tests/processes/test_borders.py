"""Borders between the processes: what one of them sends or throws harms none of the others. Each test throws inside one."""

import multiprocessing
import os
import pickle
import socket
import threading
from collections import deque
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from app.list.capture_query import CaptureQuery, ListQuery
from proxy_core import command_line, control, engine_entry
from proxy_core.channel import SPAWN, Outlet, make_channel
from proxy_core.engine_entry import Engine
from proxy_core.frame import Frames, frame
from proxy_core.home import open_home
from proxy_core.listening import Listener
from proxy_core.model.command import SetRecording, Stop, encode_command
from proxy_core.model.notice import EngineStopped, WorkerChanged, encode_notice
from proxy_core.model.settings import Settings
from proxy_core.model.ways_in import ListenPoint
from proxy_core.model.worker_command import UseSettings, WorkerReady, encode_word, encode_worker_command
from proxy_core.supervisor import Supervisor
from proxy_core.tasks import task_process
from proxy_core.tasks.task import Failed, SaveTask, decode_news
from proxy_core.worker_loads import WorkerLoads
from proxy_core.worker_start import WorkerStart
from tests.integration.recording import wait_for
from tests.support.captures import LiveCapture, Sample


def throw(*_: object, **__: object) -> None:
    raise RuntimeError("a fault of ours")


# The supervisor


class Keeper:
    """Takes what a supervisor hands on."""

    def __init__(self) -> None:
        self.taken: list[tuple[int, bytes]] = []
        self.ended: list[int] = []

    def take(self, series: int, batch: bytes) -> None:
        self.taken.append((series, batch))

    def worker_ended(self, series: int, *, has_died: bool) -> None:
        assert isinstance(has_died, bool)
        self.ended.append(series)


def send_garbled(outlet: Outlet, *messages: bytes) -> None:
    """What went into the queue so far, then these bytes as they are, where pickled ones should be."""
    beneath = Connection(os.dup(outlet._messages._writer.fileno()))
    outlet._messages.close()
    outlet._messages.join_thread()
    for message in messages:
        outlet._messages._sem.acquire()
        beneath.send_bytes(message)


def garble_at_first(start: WorkerStart) -> None:
    """A worker's main: the first life writes into its queue what is no message; each waits for the engine's end."""
    start.control.sendall(frame(encode_word(WorkerReady())))
    start.events.put(b"a batch")
    if start.series == 1:
        send_garbled(start.events, b"garbage")
    start.control.recv(100)


@pytest.fixture
def supervised(tmp_path):
    """A supervisor of garbling workers, at work."""
    keeper, told = Keeper(), []
    listener = socket.create_server(("127.0.0.1", 0))
    supervisor = Supervisor(
        Settings(workers=1),
        (Listener(listener, ListenPoint()),),
        str(tmp_path),
        str(tmp_path),
        keeper,
        lambda text, _alive: told.append(text),
        target=garble_at_first,
    )
    return supervisor, keeper, told


def test_a_worker_whose_queue_is_garbled_is_replaced(supervised, capsys):
    supervisor, keeper, told = supervised
    supervisor.start()
    running = threading.Thread(target=supervisor.run)
    running.start()
    try:
        wait_for(lambda: (2, b"a batch") in keeper.taken)
        assert keeper.ended == [1]
        wait_for(lambda: told)
        assert told == ["A worker was killed (signal 9) and was replaced."]
        assert "UnpicklingError" in capsys.readouterr().err
    finally:
        supervisor.stop()
        running.join()


def tell_orders(start: WorkerStart) -> None:
    """A worker's main: what it is told goes into its queue."""
    start.control.sendall(frame(encode_word(WorkerReady())))
    frames = Frames()
    while data := start.control.recv(4096):
        for message in frames.feed(data):
            start.events.put(message)
    start.events.close()


def test_settings_that_change_while_a_worker_is_started_reach_it(tmp_path, monkeypatch):
    begin = WorkerLoads.begin

    def change_and_begin(loads: WorkerLoads, slot: int) -> None:
        supervisor.apply_settings(later)
        begin(loads, slot)

    monkeypatch.setattr(WorkerLoads, "begin", change_and_begin)
    later, keeper = Settings(workers=1, recording=False), Keeper()
    listener = socket.create_server(("127.0.0.1", 0))
    arguments = (Listener(listener, ListenPoint()),), str(tmp_path), str(tmp_path), keeper, lambda _text, _alive: None
    supervisor = Supervisor(Settings(workers=1), *arguments, target=tell_orders)
    supervisor.start()
    running = threading.Thread(target=supervisor.run)
    running.start()
    try:
        wait_for(lambda: keeper.taken)
        assert keeper.taken == [(1, encode_worker_command(UseSettings(later)))]
    finally:
        supervisor.stop()
        running.join()


def test_a_worker_for_which_there_is_no_process_is_started_later(supervised, monkeypatch):
    supervisor, keeper, told = supervised
    monkeypatch.setattr("proxy_core.supervisor.RETRY_S", 0.05)
    supervisor.start()
    refusals: list[str] = []

    def refuse():
        if len(refusals) < 3:
            refusals.append("no process")
            raise OSError(11, "Resource temporarily unavailable")
        return make_channel()

    monkeypatch.setattr("proxy_core.supervisor.make_channel", refuse)
    running = threading.Thread(target=supervisor.run)
    running.start()
    try:
        wait_for(lambda: (2, b"a batch") in keeper.taken)
        wait_for(lambda: len(told) == 2)
        assert "another can't be started yet (Resource temporarily unavailable)" in told[0]
        assert "was replaced" in told[1]
    finally:
        supervisor.stop()
        running.join()


@pytest.mark.parametrize("is_first", [True, False])
def test_a_worker_for_whose_queue_there_is_no_thread_is_not_left_over(supervised, monkeypatch, is_first):
    def start(thread: threading.Thread) -> None:
        if thread.name == f"queue-{1 if is_first else 2}":
            raise RuntimeError("can't start new thread")
        real_start(thread)

    supervisor, keeper, told = supervised
    monkeypatch.setattr("proxy_core.supervisor.RETRY_S", 0.05)
    real_start = threading.Thread.start
    monkeypatch.setattr(threading.Thread, "start", start)
    if is_first:
        with pytest.raises(RuntimeError, match="A worker could not start: can't start new thread"):
            supervisor.start()
        assert not multiprocessing.active_children()
        return
    supervisor.start()
    running = threading.Thread(target=supervisor.run)
    running.start()
    try:
        wait_for(lambda: (3, b"a batch") in keeper.taken)
        wait_for(lambda: len(told) == 2)
        assert "another can't be started yet (can't start new thread)" in told[0]
        assert [each.name for each in multiprocessing.active_children()] == ["harrier-worker-3"]
    finally:
        supervisor.stop()
        running.join()


def test_the_first_worker_for_which_there_is_no_process_is_told_and_leaves_nothing(supervised, monkeypatch):
    def begin(_loads: WorkerLoads, _slot: int) -> None:
        raise OSError(24, "Too many open files")

    supervisor, _keeper, _told = supervised
    monkeypatch.setattr(WorkerLoads, "begin", begin)
    with pytest.raises(RuntimeError, match="A worker could not start: Too many open files"):
        supervisor.start()
    assert not multiprocessing.active_children()


# The engine


@pytest.fixture
def engine(tmp_path):
    """An engine without workers' processes."""
    running = Engine(
        Settings(listen_port=0, workers=1), open_home(str(tmp_path / "home")), publish=lambda _notice: None
    )
    running.start()
    return running


def test_a_supervisor_that_throws_ends_in_order(engine, monkeypatch, capsys):
    pids = [each.pid for each in multiprocessing.active_children()]
    assert pids
    monkeypatch.setattr(Supervisor, "_watch", throw)
    engine.run()
    assert "Harrier's own fault (RuntimeError)" in engine.problem
    assert engine.recording_failure == ""
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)
    assert "Traceback" in capsys.readouterr().err


class Orders:
    """An inlet with these in it; then the window is gone."""

    def __init__(self, *orders: object) -> None:
        self._orders = deque(orders)

    def get(self, _timeout_s: float) -> bytes | None:
        if not self._orders:
            raise EOFError
        order = self._orders.popleft()
        if isinstance(order, Exception):
            raise order
        return order


class Obeying:
    """What the thread of the window's orders needs of an engine."""

    def __init__(self) -> None:
        self.obeyed: list[object] = []
        self.has_stopped = False

    def obey(self, command: object) -> None:
        if isinstance(command, SetRecording) and not command.on:
            throw()
        self.obeyed.append(command)

    def stop(self) -> None:
        self.has_stopped = True


def test_an_order_of_the_window_that_fails_costs_itself(capsys):
    obeying = Obeying()
    is_running = threading.Event()
    is_running.set()
    commands = [SetRecording(on=False), SetRecording(on=True), Stop()]
    orders = Orders(b"\xc1", ValueError("half a message"), *map(encode_command, commands))
    engine_entry.obey_all(obeying, orders, is_running)
    assert obeying.obeyed == commands[1:]
    assert obeying.has_stopped  # the window's death was seen
    assert capsys.readouterr().err.count("Traceback") == 3


def test_an_engine_that_fails_at_its_start_says_so(tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(Engine, "start", throw)
    monkeypatch.setattr(engine_entry, "open_fault_log", lambda *_: None)
    monkeypatch.setattr(engine_entry.signal, "signal", lambda *_: None)
    monkeypatch.setattr(engine_entry.sys, "setswitchinterval", lambda _seconds: None)
    told: list[bytes] = []

    class Notices:
        put = told.append

        def close(self) -> None:
            pass

    engine_entry.engine_main(Settings(), str(tmp_path / "home"), Orders(), Notices())
    (notice,) = told
    assert b"Harrier's own fault (RuntimeError)" in notice


# The window's ear


def speak_badly(outlet: Outlet) -> None:
    """An engine's main: something that is no notice between two that are, and no message behind them."""
    outlet.put(encode_notice(WorkerChanged("first", 1)))
    outlet.put(b"\xc1")
    outlet.put(b"")
    outlet.put(encode_notice(WorkerChanged("second", 1)))
    send_garbled(outlet, b"garbage", pickle.dumps(encode_notice(EngineStopped())))
    threading.Event().wait(60)


def test_a_notice_that_cannot_be_read_costs_itself(capsys):
    outlet, inlet = make_channel()
    process = SPAWN.Process(target=speak_badly, args=(outlet,))
    process.start()
    notices: deque[object] = deque()
    hearing = threading.Thread(target=control.hear, args=(inlet, notices, process))
    hearing.start()
    try:
        wait_for(lambda: len(notices) == 3)
        assert list(notices) == [WorkerChanged("first", 1), WorkerChanged("second", 1), EngineStopped()]
    finally:
        process.kill()
        process.join()
        hearing.join(20)
    assert not hearing.is_alive()
    assert "UnpicklingError" in capsys.readouterr().err


# The window's helpers


def test_a_question_that_throws_costs_itself(qtbot, tmp_path, monkeypatch):
    live = LiveCapture(tmp_path / "a.live")
    live.add(Sample("/"))
    query = CaptureQuery()
    answers, failures = [], []
    query.answered.connect(answers.append)
    query.failed.connect(lambda _generation, sentence: failures.append(sentence))
    try:
        query.open(str(live.folder))
        with monkeypatch.context() as patch:
            patch.setattr(CaptureQuery, "_list_all", throw)
            query.list_all(1, ListQuery(), counts_failed=False)
            qtbot.waitUntil(lambda: failures == ["Harrier's own fault (RuntimeError)."])
        query.list_all(2, ListQuery(), counts_failed=False)
        qtbot.waitUntil(lambda: [list(answer.ids) for answer in answers] == [[1]])
    finally:
        query.close()
        live.close()


def test_a_file_job_that_throws_tells_it(monkeypatch):
    monkeypatch.setattr(task_process, "_carry_out", throw)
    ours, theirs = SPAWN.Pipe()
    task_process.run_task(SaveTask("a", "b"), theirs)
    assert decode_news(ours.recv_bytes()) == Failed("Harrier's own fault (RuntimeError).")
    ours.close()
    theirs.close()


# The command line


def test_a_command_that_throws_is_one_line_and_an_entry(tmp_path, monkeypatch, capsys):
    import faulthandler
    import sys

    from proxy_core import fault_log

    for holder, name in ((fault_log, "_log"), (sys, "excepthook"), (threading, "excepthook")):
        monkeypatch.setattr(holder, name, getattr(holder, name))
    watched: list[int] = []
    monkeypatch.setattr(faulthandler, "enable", watched.append)
    monkeypatch.setattr(command_line, "_run_ca", throw)
    assert command_line.run(["ca", "--home", str(tmp_path / "home")], lambda _options: 0) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("harrier: Harrier's own fault (RuntimeError): entry ")
    assert "a fault of ours" in (tmp_path / "home" / "harrier.log").read_text()
    (descriptor,) = watched
    os.close(descriptor)
