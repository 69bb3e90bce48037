"""An engine that says nothing and notes what it is told, for parts of the window that talk to one; no process."""

from app.shell.engine_bridge import EngineBridge
from proxy_core.model.command import Command
from proxy_core.model.notice import Notice
from proxy_core.model.settings import Settings


class SilentEngine:
    """Has the shape of `EngineControl`."""

    def __init__(self) -> None:
        self.commands: list[Command] = []
        self.is_alive = True
        self.exit_status = None

    def start(self, settings: Settings, home: str) -> None:
        pass

    def send(self, command: Command) -> None:
        self.commands.append(command)

    def poll(self) -> list[Notice]:
        return []

    def stop(self, _timeout_s: float = 0.0) -> None:
        self.is_alive = False


def silent_bridge() -> tuple[EngineBridge, SilentEngine]:
    """A bridge to such an engine, which runs as far as the window knows. Stop it in the end."""
    engine = SilentEngine()
    bridge = EngineBridge(engine, "")  # type: ignore[arg-type]
    bridge.attach()
    return bridge, engine
