"""A real script process, and a caller at its socket."""

import contextlib
import os
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest

from proxy_core.script_host.wire import pack, unpack

ROOT = Path(__file__).parents[2]
GUARD_S = 30.0  # no test waits that long but for something that hangs


class Running:
    """One."""

    def __init__(self, path: Path, folder: Path, limit_s: float) -> None:
        self.path = path
        self._address = str(folder / "s")
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "HARRIER_SCRIPT_LIMIT_S": str(limit_s)}
        command = [sys.executable, "-m", "proxy_core.script_host", self._address, str(path)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, env=environment)
        token = bytes(range(32))
        self.process.stdin.write(token.hex().encode() + b"\n")
        self.process.stdin.flush()
        self.told: list[dict] = []
        self._number = 0
        self._sock = self.connected(token)
        self.say({"do": "listen"})

    def connected(self, token: bytes) -> socket.socket:
        end = time.monotonic() + GUARD_S
        while True:
            sock = socket.socket(socket.AF_UNIX)
            sock.settimeout(GUARD_S)
            try:
                sock.connect(self._address)
            except OSError:
                sock.close()
                assert time.monotonic() < end, "the script process doesn't listen"
                time.sleep(0.01)
                continue
            sock.sendall(pack({}, [token]))
            return sock

    def say(self, head: dict, blobs=()) -> None:
        self._sock.sendall(pack(head, blobs))

    def hear(self) -> tuple[dict, list[bytes]]:
        sizes = struct.unpack(">II", self._exactly(8))
        return unpack(self._exactly(sizes[0] - 4), sizes[1])

    def hears(self, what: str, **wanted) -> dict:
        """Wait until it says something; what else it says is kept in `told`."""
        while True:
            head, _ = self.hear()
            self.told.append(head)
            if head["do"] == what and all(head.get(name) == value for name, value in wanted.items()):
                return head

    def call(self, hooks, request=None, response=None, key="1", bodies=()) -> tuple[dict, list[bytes]]:
        self._number += 1
        number = self._number
        head = {"do": "call", "id": number, "key": key, "script": str(self.path), "hooks": hooks}
        head["request"] = {**REQUEST, **(request or {})}
        head["response"] = response
        self.say(head, bodies)
        while True:
            head, blobs = self.hear()
            if head["do"] == "done" and head["id"] == number:
                return head, blobs
            self.told.append(head)

    def stop(self) -> None:
        self._sock.close()
        with contextlib.suppress(OSError):
            self.process.stdin.close()
        self.process.wait(GUARD_S)

    def _exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            more = self._sock.recv(size - len(data))
            if not more:
                raise EOFError
            data += more
        return data


REQUEST = {
    "method": "GET",
    "scheme": "https",
    "host": "shop.test",
    "port": 443,
    "target": "/cart?a=1",
    "fields": [["Host", "shop.test"], ["X-Odd", "ä\udcff"]],
    "body": None,
}


@pytest.fixture
def script(tmp_path):
    """Start a script process with this text as its script."""
    started = []

    def start(text: str, limit_s: float = 5.0) -> Running:
        folder = tmp_path / "scripts"
        folder.mkdir(exist_ok=True)
        path = folder / "mine.py"
        path.write_text(text)
        started.append(Running(path, tmp_path, limit_s))
        return started[-1]

    yield start
    for each in started:
        each.stop()
