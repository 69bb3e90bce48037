"""The program in processes of its own: from the sources or packaged; started, looked at, ended in order."""

import os
import re
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

ROOT = Path(__file__).resolve().parent.parent.parent
FROM_SOURCES = (sys.executable, str(ROOT / "main.py"))
_START_WITHIN_S = 60.0
_STOP_WITHIN_S = 60.0


class Program:
    """A running program. As a context manager it is ended by force if it still runs at the end of the block."""

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        command: Sequence[str] = FROM_SOURCES,
        environment: dict[str, str] | None = None,
    ) -> None:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed in `__exit__`
        self._process = subprocess.Popen(
            [*command, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            bufsize=0,  # `select` knows nothing of lines that lie in a buffer
            stderr=self._errors,
            env={**os.environ, **(environment or {})},
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def errors(self) -> str:
        """What it wrote to standard error until now."""
        self._errors.seek(0)
        return self._errors.read().decode(errors="replace")

    def read_line(self) -> str:
        """The next line of its standard output; fails when none comes in time."""
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], _START_WITHIN_S)
        assert ready, f"it said nothing: {self.errors}"
        return self._process.stdout.readline().decode()

    def listening_port(self) -> int:
        """The port of `record`'s first line."""
        line = self.read_line()
        found = re.fullmatch(r"listening on http://127\.0\.0\.1:(\d+)\n", line)
        assert found, f"it said {line!r}: {self.errors}"
        return int(found[1])

    def descendants(self) -> list[int]:
        """The processes that it has started, and those that they have (Linux)."""
        parents: dict[int, list[int]] = {}
        for entry in os.listdir("/proc"):
            if entry.isdigit():
                try:
                    text = Path(f"/proc/{entry}/stat").read_text()
                except OSError:
                    continue
                parents.setdefault(int(text[text.rindex(")") + 2 :].split()[1]), []).append(int(entry))
        found: list[int] = []
        wave = [self.pid]
        while wave:
            wave = [child for pid in wave for child in parents.get(pid, [])]
            found += wave
        return found

    def signal(self, number: int) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    def wait(self) -> int:
        """Wait for its end; its exit status."""
        return self._process.wait(_STOP_WITHIN_S)

    def stop(self) -> int:
        """Interrupt it, as Control-C does, and wait; its exit status."""
        self.signal(signal.SIGINT)
        return self.wait()

    def __enter__(self) -> "Program":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._errors.close()


def are_gone(pids: Sequence[int], within_s: float = 20.0) -> bool:
    """Whether these processes have all ended, now or soon (zombies of a foreign parent count as ended)."""
    end = time.monotonic() + within_s
    while any(_is_running(pid) for pid in pids):
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def _is_running(pid: int) -> bool:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return text[text.rindex(")") + 2] != "Z"
