"""A program under measurement with all its descendants: started, watched through /proc, ended by process id.

Linux only, as the whole benchmark. Nothing here ends a process that it did not start.
"""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
START_WITHIN_S = 60.0
STOP_WITHIN_S = 60.0


class BenchmarkError(Exception):
    """A part of the benchmark can't go on: one sentence."""


class Memory(NamedTuple):
    """What one process holds, in bytes: resident, and resident with shared pages divided among their holders."""

    name: str
    pid: int
    rss_bytes: int
    pss_bytes: int


class ProcessTree:
    """One started program. Its descendants are found afresh at each look, for supervisors replace their children."""

    def __init__(
        self, command: Sequence[str], *, folder: Path, log: Path, environment: dict[str, str] | None = None
    ) -> None:
        self.log = log
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                command,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment,
            )

    def wait_for_port(self, port: int) -> None:
        """Wait until it accepts on the loopback port. Raises BenchmarkError with the end of its output."""
        end = time.monotonic() + START_WITHIN_S
        while time.monotonic() < end and self._process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", port), 1.0).close()
            except OSError:
                time.sleep(0.05)
            else:
                return
        raise BenchmarkError(f"{self._process.args!r} did not start: {self.last_words()}")

    def last_words(self) -> str:
        """The end of what it printed."""
        return self.log.read_text(errors="replace")[-1500:]

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def pids(self) -> list[int]:
        """The program and its descendants, oldest first."""
        children: dict[int, list[int]] = {}
        for entry in os.listdir("/proc"):
            if entry.isdigit():
                fields = _stat(int(entry))
                if fields:
                    children.setdefault(int(fields[1]), []).append(int(entry))
        found, wave = [self._process.pid], [self._process.pid]
        while wave:
            wave = [child for pid in wave for child in sorted(children.get(pid, []))]
            found += wave
        return found

    def cpu_s(self) -> float:
        """Processor time that all its living processes have used."""
        total = 0
        for pid in self.pids():
            fields = _stat(pid)
            if fields:
                total += int(fields[11]) + int(fields[12])
        return total / _TICKS_PER_S

    def has_mapped(self, name: str) -> bool:
        """Whether any of its processes has loaded a file of a name that begins so."""
        for pid in self.pids():
            try:
                if f"/{name}" in Path(f"/proc/{pid}/maps").read_text():
                    return True
            except OSError:
                continue
        return False

    def memory(self) -> list[Memory]:
        """One entry for each of its processes."""
        entries = []
        for pid in self.pids():
            sizes = {}
            try:
                for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
                    name, amount = line.split()[:2]
                    sizes[name] = int(amount) * 1024
                command = Path(f"/proc/{pid}/comm").read_text().strip()
            except OSError:
                continue
            if "Rss:" in sizes:
                entries.append(Memory(command, pid, sizes["Rss:"], sizes["Pss:"]))
        return entries

    def stop(self, number: int = signal.SIGTERM) -> None:
        """Ask it to end, wait, and then end what is left by force."""
        descendants = self.pids()
        if self._process.poll() is None:
            self._process.send_signal(number)
            try:
                self._process.wait(STOP_WITHIN_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        for pid in descendants[1:]:
            if _stat(pid):
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the state on; [] when the process is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return []
    return text[text.rindex(")") + 2 :].split()


def free_port() -> int:
    """A loopback port that was free a moment ago: programs that can't be told «any» need a number."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
