"""The packaged program: two executables in one folder. `Harrier` has Qt; `harrier-engine` has not.

PyInstaller's set-up for Qt loads QtCore in every process of an executable that has it, so the engine, its workers and
the commands without a window run in the second one: 11 MB less in each. Whichever of the two a person starts, the right
one goes on. Called by `main.py` before anything else; from the sources it does nothing.
"""

import multiprocessing.spawn
import os
import sys
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager

from proxy_core.command_line import command_of

WINDOW_NAME = "Harrier"
ENGINE_NAME = "harrier-engine"
_QUESTIONS = ("--version", "--help", "-h")
_LIBRARY_PATHS = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")


def settle(arguments: list[str]) -> None:
    """Choose the executable for the children, and leave the work to the one that is made for it."""
    if not getattr(sys, "frozen", False):
        return
    window, engine = (_beside(name) for name in (WINDOW_NAME, ENGINE_NAME))
    if not os.path.exists(engine):
        return
    multiprocessing.spawn.set_executable(engine)
    # `spawn` would have the child run this file again, which doesn't exist as a file in a package.
    sys.modules["__main__"].__file__ = None
    restore_environment(os.environ)
    is_engine = os.path.basename(sys.executable) == os.path.basename(engine)
    if is_windowless(arguments):
        # On Windows a program without a console can't hand over to one that has it.
        if not is_engine and os.name != "nt":
            os.execv(engine, [engine, *arguments])  # noqa: S606 - there is no shell here, and shall be none
    elif is_engine:
        os.execv(window, [window, *arguments])  # noqa: S606


@contextmanager
def window_starts_itself() -> Iterator[None]:
    """Children that are started meanwhile run in this executable, which has Qt. For the window's GUI thread."""
    executable = multiprocessing.spawn.get_executable()
    if getattr(sys, "frozen", False):
        multiprocessing.spawn.set_executable(sys.executable)
    try:
        yield
    finally:
        multiprocessing.spawn.set_executable(executable)


def is_windowless(arguments: list[str]) -> bool:
    """Whether a command line does its work, or gives its answer, without a window."""
    return command_of(arguments) is not None or any(word in _QUESTIONS for word in arguments)


def restore_environment(environment: MutableMapping[str, str]) -> None:
    """Undo what PyInstaller's loader did for our libraries: they are found by now, and the programs that we start
    (browsers, certutil, the desktop's file manager) must load their own.
    """
    for name in _LIBRARY_PATHS:
        original = environment.pop(f"{name}_ORIG", "")
        if original:
            environment[name] = original
        else:
            environment.pop(name, None)
    # Without it our children would take our libraries for found, and load the system's.
    environment["PYINSTALLER_RESET_ENVIRONMENT"] = "1"


def _beside(name: str) -> str:
    suffix = ".exe" if os.name == "nt" else ""
    return os.path.join(os.path.dirname(sys.executable), name + suffix)
