"""Signals reach a window in whose process no Python runs by itself."""

import signal
import subprocess
import sys

import pytest

from tests.support.program import ROOT

_WAITS = """
import sys
from PySide6.QtCore import QCoreApplication, QTimer
from app.shell.signals import SignalWatch
application = QCoreApplication([])
watch = SignalWatch(application.quit)
QTimer.singleShot(0, lambda: print("waits", flush=True))
application.exec()
watch.close()
print("ended")
"""
_ASKED_BEFORE = _WAITS.replace(
    "QTimer.singleShot", "__import__('os').kill(__import__('os').getpid(), 15); QTimer.singleShot"
)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_what_waits(number):
    with subprocess.Popen([sys.executable, "-c", _WAITS], cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "waits\n"
        process.send_signal(number)
        assert process.communicate(timeout=60) == ("ended\n", None)


def test_so_does_one_that_came_before_the_loop():
    command = [sys.executable, "-c", _ASKED_BEFORE]
    done = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (done.stdout.split()[-1:], done.stderr) == (["ended"], "")
