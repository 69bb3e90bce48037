"""Harrier between a suite and its counterpart: `record` as a person starts it, an origin, and a way through for tools
that know of no proxy (`Passage`).

Everything listens on loopback, lies in one folder of its own, and is ended when the block ends.
"""

import contextlib
import shutil
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from build_scripts.benchmark.origin import Origin, start_origin
from proxy_core.capture.reader import CaptureReader
from tests.support.program import Program

_ANSWER_WITHIN_S = 10.0
_PIECE = 65536


class SuiteError(Exception):
    """A suite can't be run: one sentence."""


class Passage:
    """A port from which each connection goes through the proxy to one place, by CONNECT."""

    def __init__(self, proxy_port: int, target_port: int) -> None:
        self._proxy_port, self._target_port = proxy_port, target_port
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._pass, args=(client,), daemon=True).start()

    def _pass(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self._proxy_port)) as proxy:
            for link in (client, proxy):
                link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            authority = f"localhost:{self._target_port}"
            proxy.sendall(f"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n\r\n".encode())
            proxy.settimeout(_ANSWER_WITHIN_S)
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                piece = proxy.recv(1)
                if not piece:
                    return
                head += piece
            proxy.settimeout(None)
            there = threading.Thread(target=_pump, args=(client, proxy), daemon=True)
            there.start()
            _pump(proxy, client)
            there.join()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


def _pump(source: socket.socket, target: socket.socket) -> None:
    """Bytes and the end; a reset is passed on as an end."""
    with contextlib.suppress(OSError):
        while piece := source.recv(_PIECE):
            target.sendall(piece)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


class Between(NamedTuple):
    """A running Harrier and where it records."""

    port: int
    live: Path
    ca: Path

    @property
    def proxy(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def recorded(self) -> int:
        """How many exchanges it has recorded until now."""
        reader = CaptureReader(str(self.live))
        try:
            return sum(1 for _ in reader.ids())
        finally:
            reader.close()

    def faults(self) -> str:
        """What its log says of faults of its own; nothing is what is wanted."""
        log = self.live.parent / "home" / "harrier.log"
        return log.read_text(encoding="utf-8") if log.exists() else ""


@contextlib.contextmanager
def harrier(folder: Path, *options: str) -> Iterator[Between]:
    """Record into `folder` until the block ends."""
    capture = folder / "seen.harrier"
    home = folder / "home"
    words = ["record", "--home", str(home), "--listen", "127.0.0.1:0", "--capture", str(capture), *options]
    with Program(words) as program:
        port = program.listening_port()
        yield Between(port, folder / "seen.harrier.live", home / "ca" / "harrier-ca.pem")
        program.stop()


def remove_capture(folder: Path) -> None:
    """What an ended Harrier has recorded into `folder`, where it is too much to be kept."""
    shutil.rmtree(folder / "seen.harrier.live", ignore_errors=True)
    (folder / "seen.harrier").unlink(missing_ok=True)


@contextlib.contextmanager
def web_origin(folder: Path) -> Iterator[Origin]:
    """The benchmark's nginx, which speaks HTTP/2."""
    if not Path("/usr/sbin/nginx").exists():
        raise SuiteError("nginx is missing: apt-get install nginx-light")
    place = folder / "origin"
    place.mkdir()
    origin = start_origin(place, as_root=Path("/root").owner() == Path.home().owner())
    try:
        yield origin
    finally:
        origin.tree.stop()


def executable(path: str) -> str:
    """The absolute path of a program that a person has named. Raises SuiteError."""
    found = Path(path).expanduser().resolve()
    if not found.is_file():
        raise SuiteError(f"There is no program at {path}.")
    return str(found)
