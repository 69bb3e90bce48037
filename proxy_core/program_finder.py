"""Which programs on this computer are behind connections: asked of the system by psutil, in a thread of the engine's.

It stands beside the supervisor, which hands it what the workers ask, and answers by a command to the worker. Nobody
waits for it: a worker's traffic goes on, and the connection is told of again when its program is known. A look goes
over all processes, so all that is asked meanwhile is answered by the next one, and looking takes a twentieth of a core
at the most. On Linux a glance comes first, at the processes that are known and at the youngest. A client that has gone
before is known to nobody.
"""

import platform
import threading
import time
from collections.abc import Callable

import psutil

from proxy_core.fault_log import caught
from proxy_core.model.tls_facts import Program
from proxy_core.model.worker_command import LocalConnection, ProgramsFound, WorkerCommand
from proxy_core.newest_programs import Ports, glance

_IS_MACOS = platform.system() == "Darwin"
_IS_LINUX = platform.system() == "Linux"
_REST = 19  # times what a look took of a processor
_KNOWN_LIMIT = 1000  # programs kept
_GLANCED_AT = 16  # of them: those that were found last
_TEXT_LIMIT = 1000  # characters of a name or a path: a process can call itself anything

Look = Callable[[], dict[Ports, int]]
Glance = Callable[[list[LocalConnection], list[int]], dict[Ports, int]]


class ProgramFinder:
    """Answers what `ask` is given, of all workers, in a thread of its own."""

    def __init__(
        self,
        tell: Callable[[int, WorkerCommand], None],
        look: Look | None = None,
        glance_at: Glance | None = None,
    ) -> None:
        """`tell` takes the series of a worker and what it is told; it is called in the finder's thread."""
        self._tell = tell
        self._look = look or who_is_connected
        self._glance = glance_at or (glance if _IS_LINUX and look is None else None)
        self._asked: dict[int, list[LocalConnection]] = {}
        self._news = threading.Condition()
        self._is_stopped = False
        self._known: dict[int, tuple[psutil.Process, Program]] = {}
        self._thread = threading.Thread(target=self._run, name="programs", daemon=True)

    def start(self) -> None:
        """Answer from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Answer no more; returns at once, the thread ends with its look."""
        with self._news:
            self._is_stopped = True
            self._news.notify()

    def ask(self, series: int, connections: list[LocalConnection]) -> None:
        """Find out who they are; a worker asks about no more than it waits for."""
        with self._news:
            self._asked.setdefault(series, []).extend(connections)
            self._news.notify()

    def _run(self) -> None:
        unknown: dict[int, list[LocalConnection]] = {}
        next_look_mark = 0.0
        while True:
            with self._news:
                rest_s = max(0.0, next_look_mark - time.perf_counter()) if unknown else None
                self._news.wait_for(lambda: self._asked or self._is_stopped, rest_s)
                if self._is_stopped:
                    return
                asked, self._asked = self._asked, {}
            begin_s = time.thread_time()
            for series, connections in asked.items():
                if left := self._glance_at(series, connections):
                    unknown.setdefault(series, []).extend(left)
            if unknown and time.perf_counter() >= next_look_mark:
                self._look_for(unknown)
                unknown = {}
                next_look_mark = time.perf_counter() + _REST * (time.thread_time() - begin_s)
            elif asked:
                self._rest(_REST * (time.thread_time() - begin_s))

    def _rest(self, rest_s: float) -> None:
        with self._news:
            self._news.wait_for(lambda: self._is_stopped, rest_s)

    def _glance_at(self, series: int, connections: list[LocalConnection]) -> list[LocalConnection]:
        """Tell of those that are found at once; returns the others."""
        if self._glance is None:
            return connections
        try:
            owners = self._glance(connections, list(self._known)[-_GLANCED_AT:])
        except Exception:  # the full look comes in any case
            caught("a glance at programs")
            self._glance = None
            return connections
        answered = [each for each in connections if _ports(each) in owners]
        if answered:
            self._tell(series, ProgramsFound(self._programs_of(answered, owners)))
        return [each for each in connections if _ports(each) not in owners]

    def _look_for(self, asked: dict[int, list[LocalConnection]]) -> None:
        try:
            owners = self._look()
        except (OSError, psutil.Error):
            owners = {}  # this system doesn't tell
        except Exception:  # one look that fails is not the end of looking
            caught("looking for programs")
            owners = {}
        for series, connections in asked.items():
            self._tell(series, ProgramsFound(self._programs_of(connections, owners)))

    def _programs_of(
        self, connections: list[LocalConnection], owners: dict[Ports, int]
    ) -> list[tuple[int, Program | None]]:
        pids = [owners.get(_ports(each)) for each in connections]
        programs = {pid: self._program(pid) for pid in set(pids) if pid}  # each is asked for once
        return [(each.key, programs[pid] if pid else None) for each, pid in zip(connections, pids, strict=True)]

    def _program(self, pid: int) -> Program | None:
        known = self._known.get(pid)
        if known is not None and known[0].is_running():  # by its time of creation too: numbers come again
            return known[1]
        try:
            process = psutil.Process(pid)
            name = process.name()
        except (OSError, psutil.Error):
            return None
        try:
            path = process.exe()
        except (OSError, psutil.Error):
            path = ""  # another user's
        # The names of processes and files need not be text.
        readable = [text[:_TEXT_LIMIT].encode("utf-8", "replace").decode() for text in (name, path)]
        program = Program(readable[0], pid, readable[1])
        if len(self._known) >= _KNOWN_LIMIT:
            self._known.clear()
        self._known[pid] = process, program
        return program


def _ports(connection: LocalConnection) -> Ports:
    return connection.client_port, connection.our_port


def who_is_connected() -> dict[tuple[int, int], int]:
    """The processes by the ports of their TCP connections, their own port first. Raises psutil.Error, OSError."""
    if not _IS_MACOS:
        everywhere = psutil.net_connections("tcp")
        return {
            (each.laddr.port, each.raddr.port): each.pid
            for each in everywhere
            if each.pid and each.laddr and each.raddr
        }
    # macOS tells a person of their own processes alone, and psutil gives up at the first that is another's.
    owners = {}
    for process in psutil.process_iter():
        try:
            theirs = process.net_connections("tcp")
        except (OSError, psutil.Error):
            continue
        owners.update({(each.laddr.port, each.raddr.port): process.pid for each in theirs if each.laddr and each.raddr})
    return owners
