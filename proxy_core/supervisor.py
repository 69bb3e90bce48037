"""The supervisor: owns the listening sockets, starts the workers, replaces those that die, stops them all.

Each worker's life has a series of its own, a queue that one thread here reads, and a control socket whose end tells
either side that the other is gone. When a worker has died, what its queue still holds is read, then the recorder takes
the tail of its journal, and a new worker takes its place as soon as the system has a process for it. A worker that
dies before it serves says why, and is not started for ever: after `CRASHES_LIMIT` deaths in `CRASHES_WITHIN_S` the
supervisor gives up and says so.
"""

import os
import secrets
import select
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from typing import Protocol, assert_never

from proxy_core.channel import SPAWN, Inlet, make_channel
from proxy_core.fault_log import caught, fault_log_path
from proxy_core.frame import Frames, frame
from proxy_core.listening import Listener, close
from proxy_core.model.refusals import Refusals
from proxy_core.model.settings import MOST_WORKERS, Settings
from proxy_core.model.worker_command import (
    ApplyRules,
    AskPrograms,
    ClientRefuses,
    LocalConnection,
    RefusalsCounted,
    RefusalSeen,
    RulesApplied,
    StopServing,
    TakeTurn,
    TurnGiven,
    UseSettings,
    WorkerCommand,
    WorkerFailed,
    WorkerReady,
    WorkerRemarks,
    decode_word,
    encode_worker_command,
)
from proxy_core.worker_entry import worker_main
from proxy_core.worker_loads import WorkerLoads
from proxy_core.worker_start import WorkerStart

CRASHES_LIMIT = 5
CRASHES_WITHIN_S = 60.0
READY_WITHIN_S = 30.0
STOP_WITHIN_S = 4.0
RETRY_S = 1.0  # until a worker is started again for which there was no process or no descriptor
_NOTHING_TO_GIVE = (OSError, RuntimeError)  # the latter is how Python says that there is no thread
_LAST_LOOKS = 2  # empty reads of a dead worker's queue before it counts as read to the end
_CLOSED_S = 5.0
_LOOK_S = 0.05
_PSEUDONYM_BYTES = 4  # nobody guesses it, and two in a chain are not alike
_HEARD_BYTES = 65536  # of what a worker says, at a time


class BatchTaker(Protocol):
    """What the supervisor needs of the recorder."""

    def take(self, series: int, batch: bytes) -> None:
        """A batch has arrived."""
        ...

    def worker_ended(self, series: int, *, has_died: bool) -> None:
        """No more will come of this series, whose worker was told to end or has died."""
        ...


def worker_count(settings: Settings) -> int:
    """How many workers the settings mean on this machine."""
    return settings.workers or min(os.cpu_count() or 1, MOST_WORKERS)


def _reason(error: OSError | RuntimeError) -> str:
    return getattr(error, "strerror", None) or str(error)


@dataclass(eq=False)
class _Life:
    """One worker process, from start to end."""

    series: int
    slot: int
    process: BaseProcess
    control: socket.socket
    inlet: Inlet
    reader: threading.Thread | None = None
    frames: Frames = field(default_factory=Frames)
    is_ready: bool = False
    has_hung_up: bool = False  # its end of the control socket is closed
    reason: str = ""  # why it does not serve
    rules: int = 0  # the version in force there
    unsent: bytes = b""  # commands that a worker which hangs has not taken yet


def _send_unsent(life: _Life) -> None:
    try:
        life.unsent = life.unsent[life.control.send(life.unsent) :]
    except OSError:
        pass


@dataclass(eq=False)
class _Vacancy:
    """The place of a worker that has died, until another takes it."""

    slot: int
    how: str  # it died
    is_told: bool = False  # that nobody takes it yet


class Supervisor:
    """Starts and watches the workers. `run` belongs to one thread, the other methods to any."""

    def __init__(
        self,
        settings: Settings,
        listeners: tuple[Listener, ...],
        capture_folder: str,
        ca_folder: str,
        recorder: BatchTaker,
        changed: Callable[[str, int], None],
        target: Callable[[WorkerStart], None] = worker_main,
        connect_pac: Callable[[], socket.socket] | None = None,
        find_programs: Callable[[int, list[LocalConnection]], None] | None = None,
        client_refuses: Callable[[str], None] | None = None,
        remarked: Callable[[str], None] | None = None,
        take_turn: Callable[[str, int], bool] | None = None,
        rules_applied: Callable[[int], None] | None = None,
    ) -> None:
        """`changed` is told a sentence and how many workers live, whenever one died. `target` is the worker's main.

        `connect_pac` makes a worker's end of the way to who evaluates PAC files; `find_programs` takes what the worker
        of a series asks about its connections; `client_refuses` is told the host whose clients keep refusing our
        certificate; `remarked` a sentence of a worker's for a person; `take_turn` whether a rule acts once more;
        `rules_applied` the version of the rules that all workers act by. Raises OSError.
        """
        self._find_programs = find_programs
        self._client_refuses = client_refuses
        self._refusals = Refusals()
        self._remarked = remarked
        self._take_turn = take_turn
        self._rules_applied = rules_applied
        self._rules = ApplyRules(0)
        self._connect_pac = connect_pac
        self._settings = settings
        self._listeners = listeners
        self._capture_folder = capture_folder
        self._ca_folder = ca_folder
        self._recorder = recorder
        self._changed = changed
        self._target = target
        # RFC 9110 §7.6.3: not the name of this machine; and anew for each run, as several may stand in a chain.
        self._pseudonym = b"harrier-%b" % secrets.token_hex(_PSEUDONYM_BYTES).encode("ascii")
        self._count = worker_count(settings)
        self._loads = WorkerLoads(SPAWN, self._count)
        self._lives: list[_Life] = []
        self._vacancies: list[_Vacancy] = []
        self._lock = threading.Lock()
        self._next_series = 1
        self._deaths: deque[float] = deque(maxlen=CRASHES_LIMIT)
        self._wake_reader, self._wake_writer = socket.socketpair()
        self._is_stopping = False
        self.problem = ""  # why there are no workers any more

    # Start

    def start(self) -> None:
        """Start all workers and wait until they serve. Raises RuntimeError with the first one's reason."""
        reason = self._start_all()
        if reason:
            self._is_stopping = True
            self._stop_lives()
            raise RuntimeError(f"A worker could not start: {reason}")

    def _start_all(self) -> str:
        """Returns "" or why one of them does not serve."""
        try:
            for slot in range(self._count):
                self._start_worker(slot)
        except _NOTHING_TO_GIVE as error:
            return _reason(error)
        return next(filter(None, map(self._wait_until_ready, list(self._lives))), "")

    def _start_worker(self, slot: int) -> _Life:
        """Raises OSError or RuntimeError when the system has no process, no thread or no descriptor to give.

        Then nothing is left of it.
        """
        series = self._next_series
        pac = self._connect_pac() if self._connect_pac is not None else None
        outlet, inlet = make_channel()
        ours, theirs = socket.socketpair()
        start = WorkerStart(
            series=series,
            listeners=self._listeners,
            control=theirs,
            pac=pac,
            events=outlet,
            capture_folder=self._capture_folder,
            log_path=fault_log_path(),
            ca_folder=self._ca_folder,
            settings=self._settings,
            loads=self._loads,
            slot=slot,
            rules=self._rules,
            pseudonym=self._pseudonym,
        )
        process = SPAWN.Process(target=self._target, args=(start,), name=f"harrier-worker-{series}", daemon=True)
        life = _Life(series, slot, process, ours, inlet)
        life.reader = threading.Thread(target=self._read, args=(life,), name=f"queue-{series}", daemon=True)
        try:
            self._loads.begin(slot)
            process.start()
            self._next_series += 1  # not for a start that failed, which is tried again and again
            life.reader.start()
        except BaseException:
            if process.pid is not None:
                process.kill()
                process.join()
            self._loads.end(slot)
            ours.close()
            inlet.close()
            raise
        finally:
            theirs.close()
            if pac is not None:
                pac.close()
        ours.setblocking(False)
        with self._lock:
            self._lives.append(life)
        if self._settings is not start.settings:  # changed while it was not among those that are told
            self.tell(series, UseSettings(self._settings))
        if self._rules is not start.rules:
            self.tell(series, self._rules)
        return life

    def _wait_until_ready(self, life: _Life) -> str:
        """Returns "" or why it does not serve."""
        end = time.monotonic() + READY_WITHIN_S
        while time.monotonic() < end:
            readable, _, _ = select.select([life.control], [], [], 0.2)
            if readable:
                self._hear(life)
                if life.is_ready or life.reason:
                    return life.reason
            if not life.process.is_alive():
                self._hear(life)  # it may have spoken since
                return life.reason or f"it ended with status {life.process.exitcode}"
        return "it did not answer in time"

    def _hear(self, life: _Life) -> None:
        """A worker says that it serves, or why it can't, or asks about programs, or tells of refusals."""
        try:
            data = life.control.recv(_HEARD_BYTES)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data = b""
        life.has_hung_up = not data
        for message in life.frames.feed(data):
            match decode_word(message):
                case WorkerReady():
                    life.is_ready = True
                    if rows := self._refusals.rows():
                        self.tell(life.series, RefusalsCounted(rows))
                case WorkerFailed(reason=reason):
                    life.reason = reason
                case AskPrograms(connections=connections):
                    if self._find_programs is not None:
                        self._find_programs(life.series, connections)
                case RefusalSeen(pair=pair, has_refused=has_refused):
                    number = self._refusals.count(pair) if has_refused else self._refusals.forget(pair)
                    self.tell(0, RefusalsCounted([(pair, number)]))
                case ClientRefuses(host=host):
                    if self._client_refuses is not None:
                        self._client_refuses(host)
                case WorkerRemarks(text=text):
                    if self._remarked is not None:
                        self._remarked(text)
                case RulesApplied(version=version):
                    life.rules = version
                    if self._rules_applied is not None:
                        self._rules_applied(min(each.rules for each in self._lives))
                case TakeTurn(number=number, rule=rule, times=times):
                    is_given = self._take_turn is not None and self._take_turn(rule, times)
                    self.tell(life.series, TurnGiven(number, is_given))
                case other:
                    assert_never(other)

    # The queues

    def _read(self, life: _Life) -> None:
        """Hand on a worker's batches until it is dead and its queue empty."""
        looks = 0
        while looks < _LAST_LOOKS:
            # By the sentinel: to ask the process would reap it here, and leave `_replace` without its exit status.
            is_dead = bool(wait([life.process.sentinel], timeout=0))
            try:
                batch = life.inlet.get(_LOOK_S if is_dead else 1.0)
            except EOFError:  # it has closed its end of the queue, as the last thing before its own end
                if not wait([life.process.sentinel], timeout=_CLOSED_S):
                    life.process.kill()
                break
            except Exception:  # a killed writer leaves half a message: unpickling it may raise anything
                if not wait([life.process.sentinel], timeout=_LOOK_S):
                    caught("the queue of a worker")
                    life.process.kill()  # it is replaced, and what it had to tell lies in its journal
                break
            if batch is not None:
                self._recorder.take(life.series, batch)
            elif is_dead:
                looks += 1
        # Who ended a moment before all are told to is taken for one of them: what it had open ends for the same reason.
        self._recorder.worker_ended(life.series, has_died=not self._is_stopping or bool(self.problem))

    # Watching

    def run(self) -> None:
        """Watch until `stop` or until the workers keep dying; returns with all of them ended."""
        try:
            while not self._is_stopping and (self._lives or self._vacancies):
                self._watch()
        finally:
            self._stop_lives()

    def _watch(self) -> None:
        lives = list(self._lives)
        sentinels = [life.process.sentinel for life in lives]
        controls = [life.control for life in lives if not life.has_hung_up]
        limit_s = _LOOK_S if any(life.unsent for life in lives) else RETRY_S if self._vacancies else 5.0
        ready = wait([self._wake_reader, *sentinels, *controls], timeout=limit_s)
        self._send_rest()
        if self._wake_reader in ready:
            self._wake_reader.recv(100)
        for life in lives:
            if life.control in ready:
                self._hear(life)
            if life.process.sentinel in ready and not self._is_stopping:
                self._bury(life)
        if not self._is_stopping:
            self._fill_vacancies()

    def _bury(self, life: _Life) -> None:
        self._forget(life)
        now = time.monotonic()
        self._deaths.append(now)
        life.process.join()  # the sentinel may be a moment ahead of the status
        status = life.process.exitcode
        how = f"was killed (signal {-status})" if status is not None and status < 0 else f"ended with status {status}"
        if len(self._deaths) == CRASHES_LIMIT and now - self._deaths[0] < CRASHES_WITHIN_S:
            self.problem = f"Workers keep dying; the last one {how}" + (f" ({life.reason})." if life.reason else ".")
            self._is_stopping = True
            self._changed(self.problem, len(self._lives))
            return
        self._vacancies.append(_Vacancy(life.slot, how))

    def _fill_vacancies(self) -> None:
        for vacancy in list(self._vacancies):
            try:
                fresh = self._start_worker(vacancy.slot)
            except _NOTHING_TO_GIVE as error:
                if not vacancy.is_told:
                    vacancy.is_told = True
                    text = f"A worker {vacancy.how}, and another can't be started yet ({_reason(error)})."
                    self._changed(text, len(self._lives))
                return
            self._vacancies.remove(vacancy)
            fresh.reason = self._wait_until_ready(fresh)
            self._changed(f"A worker {vacancy.how} and was replaced.", len(self._lives))

    def _forget(self, life: _Life) -> None:
        with self._lock:
            self._lives.remove(life)
        self._loads.end(life.slot)
        life.control.close()

    # Commands

    def tell(self, series: int, command: WorkerCommand) -> None:
        """Send a command to the worker of a series, 0 = to all. Never waits for a worker that is gone or hangs."""
        data = frame(encode_worker_command(command))
        with self._lock:
            for life in self._lives:
                if series in (0, life.series):
                    life.unsent += data
                    _send_unsent(life)

    def _send_rest(self) -> None:
        """What was too much for a worker to take at once."""
        with self._lock:
            for life in self._lives:
                if life.unsent:
                    _send_unsent(life)

    def pids(self) -> list[int]:
        """The processes of the workers that live."""
        return [life.process.pid for life in self._lives if life.process.pid is not None]

    def apply_settings(self, settings: Settings) -> None:
        """Tell the workers, and those that come later."""
        self._settings = settings
        self.tell(0, UseSettings(settings))

    def apply_rules(self, rules: ApplyRules) -> None:
        """Tell the workers, and those that come later."""
        self._rules = rules
        self.tell(0, rules)
        self._wake()  # for what they didn't take at once

    def stop(self) -> None:
        """Make `run` end the workers and return."""
        self._is_stopping = True
        self._wake()

    def _wake(self) -> None:
        try:
            self._wake_writer.send(b"x")
        except OSError:
            pass

    def _stop_lives(self) -> None:
        close(self._listeners)
        self.tell(0, StopServing(grace_s=1.0))
        end = time.monotonic() + STOP_WITHIN_S
        for life in list(self._lives):
            life.process.join(max(0.0, end - time.monotonic()))
            if life.process.is_alive():
                life.process.kill()
                life.process.join()
            self._forget(life)
            if life.reader is not None:
                life.reader.join(10.0)
        self._wake_reader.close()
        self._wake_writer.close()
