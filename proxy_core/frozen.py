"""The packaged program: two executables in one folder. `Harrier` has Qt; `harrier-engine` has not.

PyInstaller's set-up for Qt loads QtCore in every process of an executable that has it, so the engine, its workers and
the commands without a window run in the second one: 11 MB less in each. Called by `main.py` before anything else;
from the sources it does nothing.
"""

import multiprocessing.spawn
import os
import sys

ENGINE_NAME = "harrier-engine"
_WINDOWLESS = ("record", "convert", "ca", "--version", "--help", "-h")


def settle(arguments: list[str]) -> None:
    """Choose the executable for the children, and leave the work without a window to it."""
    if not getattr(sys, "frozen", False):
        return
    suffix = ".exe" if os.name == "nt" else ""
    engine = os.path.join(os.path.dirname(sys.executable), ENGINE_NAME + suffix)
    if not os.path.exists(engine):
        return
    multiprocessing.spawn.set_executable(engine)
    # `spawn` would have the child run this file again, which doesn't exist as a file in a package.
    sys.modules["__main__"].__file__ = None
    is_engine = os.path.basename(sys.executable) == os.path.basename(engine)
    if os.name != "nt" and not is_engine and any(word in _WINDOWLESS for word in arguments):
        os.execv(engine, [engine, *arguments])  # noqa: S606 - there is no shell here, and shall be none
