"""A worker's calls to the script process: over one socket, many at a time; only the exchange that calls waits.

Where the process is gone, is being started, or takes too long, a call raises `ScriptGoneError`: the exchange goes on.
"""

from collections.abc import Sequence
from typing import Any

import gevent
import gevent.socket
from gevent.event import AsyncResult
from gevent.lock import BoundedSemaphore

from proxy_core.model.script import LoadedScript, RunningScripts
from proxy_core.script_host.wire import LENGTHS, LONGEST_FRAME, WireError, pack, unpack

CALL_LIMIT_S = 6.0  # the process itself ends a hook after five
_Answer = tuple[dict[str, Any], list[bytes]]


class ScriptGoneError(Exception):
    """Nobody has answered; the text says why."""


class ScriptLink:
    """One process's. Another process is another link."""

    def __init__(self, running: RunningScripts) -> None:
        """Connects with the first call."""
        self.running = running
        self._scripts = {each.path: each for each in running.scripts}
        self._number = 0
        self._waiting: dict[int, AsyncResult[_Answer]] = {}
        self._sock: gevent.socket.socket | None = None
        self._sending = BoundedSemaphore()

    def script(self, path: str) -> LoadedScript | None:
        """What the script of this file wants; None while it isn't loaded."""
        return self._scripts.get(path)

    def call(self, head: dict[str, Any], bodies: Sequence[bytes]) -> _Answer:
        """Have hooks see an exchange. Raises ScriptGoneError."""
        result: AsyncResult[_Answer] = AsyncResult()
        self._number += 1
        number = self._number
        self._waiting[number] = result
        try:
            with gevent.Timeout(CALL_LIMIT_S, ScriptGoneError(f"it took longer than {CALL_LIMIT_S:.0f} seconds")):
                with self._sending:
                    self._connected().sendall(pack({**head, "do": "call", "id": number}, bodies))
                answer = result.get()
        except OSError as error:
            raise ScriptGoneError(f"the script process is gone ({error.strerror or error})") from None
        finally:
            self._waiting.pop(number, None)
        assert answer is not None
        return answer

    def close(self) -> None:
        """Whoever waits is told that nobody answers."""
        if self._sock is not None:
            self._sock.close()
            self._sock = None
        for result in list(self._waiting.values()):
            result.set_exception(ScriptGoneError("the script process has ended"))

    def _connected(self) -> gevent.socket.socket:
        """Raises OSError."""
        if self._sock is None:
            address = self.running.address
            if address.isdigit():
                sock = gevent.socket.create_connection(("127.0.0.1", int(address)))
            else:
                sock = gevent.socket.socket(gevent.socket.AF_UNIX)
                try:
                    sock.connect(address)
                except OSError:
                    sock.close()
                    raise
            sock.sendall(pack({}, [self.running.token]))
            self._sock = sock
            gevent.spawn(self._hear)
        return self._sock

    def _hear(self) -> None:
        sock = self._sock
        if sock is None:
            return
        try:
            while True:
                size, head_length = LENGTHS.unpack(_exactly(sock, LENGTHS.size))
                if not 4 <= size <= LONGEST_FRAME or head_length > size - 4:
                    break
                head, blobs = unpack(_exactly(sock, size - 4), head_length)
                result = self._waiting.pop(head["id"], None)
                if result is not None:
                    result.set((head, blobs))
        except (OSError, EOFError, WireError, KeyError):
            pass
        if self._sock is sock:
            self.close()


def _exactly(sock: gevent.socket.socket, size: int) -> bytes:
    """Raises OSError, EOFError."""
    data = bytearray()
    while len(data) < size:
        more = sock.recv(size - len(data))
        if not more:
            raise EOFError
        data += more
    return bytes(data)
