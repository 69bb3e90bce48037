"""One process that evaluates a PAC file, as the engine sees it: what it is at, and since when."""

import enum
import socket
import time
from collections.abc import Iterator

import msgspec

from proxy_core.channel import SPAWN
from proxy_core.fault_log import fault_log_path
from proxy_core.frame import Frames, frame
from proxy_core.model.pac_message import FileAnswer, FileQuestion
from proxy_core.pac.pac_process import PacSource, pac_process_main

_ANSWER_BYTES = 256 * 1024  # read at a time
_TAKE_S = 1.0  # for a process that is free to take a question that is larger than the system's buffer
_END_S = 5.0  # for a killed process to be gone

_answer_decoder: msgspec.msgpack.Decoder[FileAnswer] = msgspec.msgpack.Decoder(FileAnswer)


class Stage(enum.Enum):
    """What the process is at."""

    READING = "starting, and fetching the file"
    LOADING = "evaluating its text"
    FREE = "waiting for a question"
    ASKED = "evaluating its function"


class Evaluator:
    """Whoever has it watches `sock`, calls `hear` when there is something to read, and ends it when that is late."""

    def __init__(self, source: PacSource) -> None:
        """Start the process. Raises OSError and RuntimeError where the system has none to give."""
        self.text = source.text or ""
        self.is_fetching = source.text is None
        self.stage = Stage.READING
        self.mark = time.monotonic()  # when the stage began
        ours, theirs = socket.socketpair()
        self._process = SPAWN.Process(
            target=pac_process_main, args=(theirs, fault_log_path(), source), name="harrier-pac", daemon=True
        )
        try:
            self._process.start()
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        ours.setblocking(False)
        self.sock = ours
        self._frames = Frames()

    @property
    def pid(self) -> int | None:
        """Of the process."""
        return self._process.pid

    def enter(self, stage: Stage) -> None:
        """It is at this from now on."""
        self.stage = stage
        self.mark = time.monotonic()

    def ask(self, question: FileQuestion) -> None:
        """Ask a process that is free, which reads at once. Raises OSError when it is dead, or doesn't."""
        self.sock.settimeout(_TAKE_S)
        self.sock.sendall(frame(msgspec.msgpack.encode(question)))
        self.sock.setblocking(False)
        self.enter(Stage.ASKED)

    def hear(self) -> Iterator[FileAnswer]:
        """What it has said. Raises OSError when it is dead; msgspec.ValidationError."""
        try:
            data = self.sock.recv(_ANSWER_BYTES)
        except (BlockingIOError, InterruptedError):
            return
        if not data:
            raise ConnectionResetError("the process has ended")
        yield from map(_answer_decoder.decode, self._frames.feed(data))

    def end(self) -> None:
        """Kill it."""
        self.sock.close()
        self._process.kill()
        self._process.join(_END_S)
