"""The script process, as the engine sees it: started when a rule names a script, watched, ended, started again.

A thread listens to it: what it has loaded is told to the workers, what scripts print and do wrong is said. A process
that ends by itself is started again; three times in a minute, and scripts are off until other ones are named.
"""

import contextlib
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import psutil

from proxy_core.fault_log import caught
from proxy_core.model.condition import Condition
from proxy_core.model.filter import FilterError
from proxy_core.model.script import LoadedScript, RunningScripts, ScriptHook
from proxy_core.script_host.wire import LENGTHS, pack, unpack

MEMORY_LIMIT_BYTES = 1024 * 1024 * 1024  # of the process; what needs more has run away
MOST_ENDS = 3
ENDS_WITHIN_S = 60.0
START_LIMIT_S = 20.0
_LOOK_S = 0.25


class ScriptService:
    """Methods may be called from any thread."""

    def __init__(self, changed: Callable[[RunningScripts], None], say: Callable[[str], None]) -> None:
        """`changed` is told what runs, `say` gets sentences; both are called in this service's thread."""
        self._changed = changed
        self._say = say
        self._paths: tuple[str, ...] = ()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._is_over = threading.Event()
        self._wanted = threading.Event()
        self._loaded = threading.Event()
        self._problems: dict[str, str] = {}
        self._said_of_hooks: set[str] = set()

    def use(self, paths: tuple[str, ...]) -> None:
        """These scripts, and no others."""
        with self._lock:
            if paths == self._paths:
                return
            self._paths = paths
            if getattr(sys, "frozen", False) or not hasattr(socket, "AF_UNIX"):
                self._say("Scripts run only from the sources, and not on Windows yet.")
                return
            self._wanted.set()
            if self._thread is None:
                self._loaded.clear()
                self._thread = threading.Thread(target=self._run, name="scripts", daemon=True)
                self._thread.start()

    def wait_loaded(self) -> None:
        """Until those that are used have loaded, or can't be."""
        if self._thread is not None:
            self._loaded.wait(START_LIMIT_S)

    def stop(self) -> None:
        """End the process."""
        self._is_over.set()
        self._wanted.set()
        if self._thread is not None:
            self._thread.join(5.0)

    def _run(self) -> None:
        ends: list[float] = []
        while not self._is_over.is_set():
            self._wanted.clear()
            paths = self._paths
            if paths:
                try:
                    self._serve(paths)
                except Exception:  # a border: without this thread no script ever runs again
                    caught("the service of scripts")
                self._changed(RunningScripts())
            if self._wanted.is_set():  # other ones are
                ends.clear()
                continue
            now = time.monotonic()
            ends = [*(end for end in ends if now - end < ENDS_WITHIN_S), now]
            if not paths or len(ends) >= MOST_ENDS:
                if paths:
                    self._say(f"Scripts are off: their process ended {MOST_ENDS} times within a minute.")
                self._loaded.set()
                self._wanted.wait()
                ends.clear()

    def _serve(self, paths: tuple[str, ...]) -> None:
        """One process, from its start to its end."""
        folder = tempfile.mkdtemp(prefix="harrier-scripts-")  # 0700
        token = secrets.token_bytes(32)
        root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
        address = os.path.join(folder, "s")
        command = [sys.executable, "-m", "proxy_core.script_host", address, *paths]
        environment = {**os.environ, "PYTHONPATH": root, "PYTHONDONTWRITEBYTECODE": "1"}
        process = subprocess.Popen(command, stdin=subprocess.PIPE, env=environment, start_new_session=True)
        assert process.stdin is not None
        try:
            process.stdin.write(token.hex().encode("ascii") + b"\n")
            process.stdin.flush()
            sock = self._connected(process, address)
            if sock is not None:
                with sock:
                    sock.sendall(pack({}, [token]) + pack({"do": "listen"}))
                    self._listen(process, sock, RunningScripts(address, token))
        except OSError as error:
            self._say(f"The script process can't be reached: {error.strerror or error}.")
        finally:
            process.kill()
            process.wait()
            with contextlib.suppress(OSError):
                process.stdin.close()
            shutil.rmtree(folder, ignore_errors=True)

    def _connected(self, process: "subprocess.Popen[bytes]", address: str) -> socket.socket | None:
        end = time.monotonic() + START_LIMIT_S
        while time.monotonic() < end and process.poll() is None and not self._wanted.is_set():
            sock = socket.socket(socket.AF_UNIX)
            try:
                sock.connect(address)
            except OSError:
                sock.close()
                time.sleep(0.02)
                continue
            sock.settimeout(_LOOK_S)
            return sock
        if not self._wanted.is_set():
            self._say("The script process did not start.")
        return None

    def _listen(self, process: "subprocess.Popen[bytes]", sock: socket.socket, running: RunningScripts) -> None:
        """Until it is gone, or other scripts are wanted."""
        data = bytearray()
        watched = psutil.Process(process.pid)
        look_mark = time.monotonic()
        while not self._wanted.is_set():
            try:
                more = sock.recv(64 * 1024)
            except TimeoutError:
                more = None
            except OSError:
                more = b""
            if more == b"":
                self._say_end(process)
                return
            data += more or b""
            while len(data) >= LENGTHS.size:
                size, head_length = LENGTHS.unpack_from(data)
                if len(data) < size + 4:
                    break
                head, _ = unpack(bytes(data[LENGTHS.size : size + 4]), head_length)
                del data[: size + 4]
                self._take(head, running)
            if time.monotonic() - look_mark > _LOOK_S:
                look_mark = time.monotonic()
                if _memory(watched) > MEMORY_LIMIT_BYTES:
                    self._say(f"The script process was ended: it took more than {MEMORY_LIMIT_BYTES // 2**20:,} MiB.")
                    return

    def _say_end(self, process: "subprocess.Popen[bytes]") -> None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(1.0)
        if process.returncode != 70:  # a hook that hung has been told
            self._say(f"The script process ended by itself (status {process.returncode}); it is started again.")

    def _take(self, head: dict[str, Any], running: RunningScripts) -> None:
        match head["do"]:
            case "log":
                place = f"{head['place']}: " if head["place"] else ""
                self._say(f"{place}{head['text']}")
            case "hung":
                self._say(f"{head['place']}: the hook {head['hook']} did not end; the scripts are started again.")
            case "state":
                scripts = tuple(
                    LoadedScript(
                        each["path"], tuple(ScriptHook(one["name"], one["when"], one["body"]) for one in each["hooks"])
                    )
                    for each in head["scripts"]
                )
                for each in head["scripts"]:
                    if each["problem"] and self._problems.get(each["path"]) != each["problem"]:
                        self._say(f"{each['place']}: {each['problem']}")
                    self._problems[each["path"]] = each["problem"]
                self._say_what_is_never_called(scripts)
                self._changed(RunningScripts(running.address, running.token, scripts))
                self._loaded.set()
            case _:
                pass

    def _say_what_is_never_called(self, scripts: Sequence[LoadedScript]) -> None:
        """A hook whose condition is none is called for nothing, and says so once for each mistake."""
        for script in scripts:
            for hook in script.hooks:
                try:
                    Condition(hook.when)
                except FilterError as error:
                    text = f"{os.path.basename(script.path)}: the hook {hook.name} is never called: {error}"
                    if text not in self._said_of_hooks:
                        self._said_of_hooks.add(text)
                        self._say(text)


def _memory(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0
