"""The window ends in order when it is asked to by a signal, whatever has become of its engine."""

import os
import re
import signal
from pathlib import Path

import pytest

from tests.integration.recording import wait_for
from tests.support.program import Program, are_gone


@pytest.fixture
def window(tmp_path):
    home = tmp_path / "home"
    arguments = ["--home", str(home), "--listen", "127.0.0.1:0", "--workers", "1"]
    with Program(arguments, environment={"QT_QPA_PLATFORM": "offscreen"}) as program:
        wait_for(lambda: is_caught(program, signal.SIGTERM) and list((home / "captures").glob("*.live/index.sqlite")))
        yield program


def is_caught(program: Program, number: int) -> bool:
    """Whether it has a handler for a signal (Linux)."""
    mask = re.search(r"^SigCgt:\s*([0-9a-f]+)", Path(f"/proc/{program.pid}/status").read_text(), re.MULTILINE)
    return bool(mask and int(mask[1], 16) & 1 << number - 1)


def engine_pids(program: Program) -> list[int]:
    """Its engine and workers; not Python's tracker, which outlives them all."""
    pids = program.descendants()
    return [pid for pid in pids if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_with_its_engine(window, number):
    processes = window.descendants()
    window.signal(number)
    assert window.wait() == 0, window.errors
    assert are_gone(processes)


def test_after_its_engine_was_killed(window):
    for pid in reversed(engine_pids(window)):
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: len(window.descendants()) == 1)  # the window knows: it has taken leave of the dead
    window.signal(signal.SIGTERM)
    assert window.wait() == 0, window.errors
