"""How the window reaches its engine: start it, tell it, hear from it. The only door between `app` and the engine."""

import threading
from collections import deque
from multiprocessing.context import SpawnProcess

from proxy_core.channel import SPAWN, Inlet, Outlet, make_channel
from proxy_core.fault_log import caught
from proxy_core.model.command import Command, Stop, encode_command
from proxy_core.model.notice import Notice, decode_notice
from proxy_core.model.settings import Settings

STOP_WITHIN_S = 10.0
_LOOK_S = 0.5


class EngineControl:
    """One engine at a time. Methods belong to the window's thread; none of them waits but `stop`."""

    def __init__(self) -> None:
        self._process: SpawnProcess | None = None
        self._notices: deque[Notice] = deque()

    def start(self, settings: Settings, home: str) -> None:
        """Start an engine; an `EngineStarted` or `EngineFailed` will come. It ends by itself when this process dies."""
        commands_out, commands_in = make_channel()
        notices_out, notices_in = make_channel()
        process = SPAWN.Process(
            target=_run_engine, args=(settings, home, commands_in, notices_out), name="harrier-engine", daemon=False
        )
        process.start()
        self._process = process
        self._commands = commands_out
        notices: deque[Notice] = deque()
        self._notices = notices
        threading.Thread(target=hear, args=(notices_in, notices, process), name="notices", daemon=True).start()

    def send(self, command: Command) -> None:
        """Send an order; without an engine it is dropped."""
        if self._process is not None:
            self._commands.put(encode_command(command))

    def poll(self) -> list[Notice]:
        """The notices that have come since the last call, in order."""
        notices = self._notices
        return [notices.popleft() for _ in range(len(notices))]

    @property
    def is_alive(self) -> bool:
        """Whether the engine process runs."""
        return self._process is not None and self._process.is_alive()

    @property
    def pid(self) -> int | None:
        """The engine's process."""
        return None if self._process is None else self._process.pid

    @property
    def exit_status(self) -> int | None:
        """How it ended; negative for a signal. None while it runs."""
        return None if self._process is None else self._process.exitcode

    def stop(self, timeout_s: float = STOP_WITHIN_S) -> None:
        """Ask the engine to finish the capture and wait for that; then end it by force."""
        process = self._process
        if process is None:
            return
        self.send(Stop())
        process.join(timeout_s)
        if process.is_alive():
            process.kill()
            process.join()
        self._commands.abandon()
        self._process = None


def _run_engine(settings: Settings, home: str, commands: Inlet, notices: Outlet) -> None:
    # Imported in the engine's process alone: what the engine needs would take a tenth of the window's start.
    from proxy_core.engine_entry import engine_main

    engine_main(settings, home, commands, notices)


def hear(inlet: Inlet, notices: "deque[Notice]", process: SpawnProcess) -> None:
    """Move notices into the deque until the engine is gone and its channel empty."""
    while True:
        was_alive = process.is_alive()
        try:
            data = inlet.get(_LOOK_S)
            if data is not None:
                notices.append(decode_notice(data))
        except (EOFError, OSError):
            return  # only the engine's death closes the channel
        except Exception:  # a killed engine leaves half a message: unpickling it may raise anything
            if not was_alive:
                return
            caught("hearing the engine")  # one notice that can't be read costs that notice
            continue
        if data is None and not was_alive:
            return
