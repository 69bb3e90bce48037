"""Conversations over real sockets, in one process: a client, the worker under test, and a scripted origin.

Everything runs as greenlets of the test's own hub, so a test reads from top to bottom. `Proxy` is the real worker with
the real journal; `exchanges` are decoded from the batches that it sends, and bodies are read back from the journal.
"""

import contextlib
import os
import random
import socket as stdlib_socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import gevent
import msgspec
from gevent import socket

from proxy_core.capture.extents import decode_extents
from proxy_core.capture.journal import Journal
from proxy_core.capture.segment import segment_name
from proxy_core.certificate_authority import CertificateAuthority
from proxy_core.engine.limits import Limits
from proxy_core.engine.worker import Worker
from proxy_core.listening import Listener
from proxy_core.model.event import (
    AmendedEvent,
    ConnectionEvent,
    Event,
    ExchangeEvent,
    MessagesEvent,
    decode_batch,
    decode_detail,
    decode_event,
)
from proxy_core.model.exchange import ConnectionRow, ExchangeDetail, ExchangeRow, ExchangeState
from proxy_core.model.message_row import MessageContent, decode_content
from proxy_core.model.settings import Settings
from proxy_core.model.ways_in import ListenPoint
from proxy_core.model.ways_in import Origin as ServedOrigin

_NOT_HANDED_OUT = (20_000, 32_000)  # Linux hands out 32768 and above, IANA's rule is 49152
_TRIED_PORTS = 100
WAIT_S = 30.0  # a condition that isn't met by then is not met, however busy the machine


class EventList:
    """The worker's end of a queue that a test reads."""

    def __init__(self) -> None:
        self.batches: list[bytes] = []

    def put(self, data: bytes) -> None:
        self.batches.append(data)


class Exchange:
    """One recorded exchange as the capture would show it."""

    def __init__(self, folder: Path, row: ExchangeRow, detail: ExchangeDetail) -> None:
        self._folder = folder
        self.row = row
        self.detail = detail

    @property
    def request_body(self) -> bytes:
        return self._body(self.detail.request.body)

    @property
    def response_body(self) -> bytes:
        return self._body(self.detail.response.body)

    def _body(self, extents: bytes | None) -> bytes:
        return _recorded(self._folder, extents)


class Message(NamedTuple):
    """One recorded message within an exchange."""

    side: int
    opcode: int
    flags: int
    size: int
    data: bytes
    content: MessageContent


def _recorded(folder: Path, extents: bytes | None) -> bytes:
    data = b""
    for segment, offset, length in decode_extents(extents):
        with open(folder / segment_name(segment), "rb") as file:
            file.seek(offset)
            data += file.read(length)
    return data


class Proxy:
    """A worker on a port of its own."""

    def __init__(
        self,
        folder: Path,
        settings: Settings | None = None,
        limits: Limits | None = None,
        authority: CertificateAuthority | None = None,
        host: str = "127.0.0.1",
        origin: ServedOrigin | None = None,
        path: str = "",
        pseudonym: bytes = b"",
        port: int = 0,
    ) -> None:
        """Listens on `host` (at `port`), or on a Unix socket at `path`, and stands for `origin`."""
        self.folder = folder
        self.host = host
        self.path = path
        if path:
            listener = stdlib_socket.socket(stdlib_socket.AF_UNIX)
            listener.bind(path)
        else:
            listener = stdlib_socket.socket(stdlib_socket.AF_INET6 if ":" in host else stdlib_socket.AF_INET)
            listener.bind((host, port))
        listener.listen(128)
        self.port: int = 0 if path else listener.getsockname()[1]
        self.events = EventList()
        self.authority = authority or CertificateAuthority.load_or_create(str(folder / "ca"))
        self.worker = Worker(
            [Listener(listener, ListenPoint(host, self.port, path, origin))],
            Journal(str(folder), 1),
            self.events,
            self.authority,
            settings or Settings(),
            limits or Limits(linger_s=0.2),
            pseudonym=pseudonym,
        )
        self.worker.start()
        self.clients: list[Client] = []

    def connect(self) -> "Client":
        if self.path:
            sock = socket.socket(socket.AF_UNIX)
            sock.settimeout(WAIT_S)
            sock.connect(self.path)
        else:
            sock = socket.create_connection((_reachable(self.host), self.port), timeout=WAIT_S)
        self.clients.append(Client(sock))
        return self.clients[-1]

    def stop(self) -> None:
        for client in self.clients:
            client.closes()
        self.worker.stop()

    def decoded(self) -> Iterator[Event]:
        for batch in self.events.batches:
            for event in decode_batch(batch).events:
                yield decode_event(event)

    @property
    def exchanges(self) -> list[Exchange]:
        """The latest state of each exchange told of so far, in the order of their beginning."""
        latest: dict[int, Exchange] = {}
        for event in self.decoded():
            if isinstance(event, ExchangeEvent | AmendedEvent):
                latest[event.key] = Exchange(self.folder, ExchangeRow(0, *event.row), decode_detail(event.detail))
        return [latest[key] for key in sorted(latest)]

    @property
    def messages(self) -> list[Message]:
        """The messages told of so far, of whichever exchange, in the order of their numbers."""
        latest: dict[tuple[int, int], Message] = {}
        for event in self.decoded():
            if isinstance(event, MessagesEvent):
                for number, _, side, opcode, flags, size, packed in event.rows:
                    content = decode_content(packed)
                    data = _recorded(self.folder, content.extents) if content.extents else content.data or b""
                    latest[event.key, number] = Message(side, opcode, flags, size, data, content)
        return [latest[each] for each in sorted(latest)]

    @property
    def connections(self) -> dict[int, ConnectionRow]:
        events = [each for each in self.decoded() if isinstance(each, ConnectionEvent)]
        return {each.key: ConnectionRow(*msgspec.structs.astuple(each)) for each in events}

    def finished(self, count: int = 1) -> list[Exchange]:
        """Wait until so many exchanges are over, and no fewer."""
        wait_for(lambda: sum(each.row.state >= ExchangeState.COMPLETE for each in self.exchanges) >= count)
        return self.exchanges

    def only(self) -> Exchange:
        """The one exchange that there is, once it is over."""
        (exchange,) = self.finished()
        return exchange


class Client:
    """The client's end, byte by byte."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock

    def sends(self, data: bytes) -> None:
        self.sock.sendall(data)

    def sees(self, expected: bytes) -> None:
        """The next bytes are exactly these."""
        got = b""
        while len(got) < len(expected):
            data = self.sock.recv(len(expected) - len(got))
            if not data:
                break
            got += data
        assert got == expected

    def reads_head(self) -> bytes:
        got = b""
        while not got.endswith(b"\r\n\r\n"):
            data = self.sock.recv(1)
            if not data:
                break
            got += data
        return got

    def reads_response(self) -> tuple[bytes, bytes]:
        """Head and body of a response with a Content-Length."""
        head = self.reads_head()
        length = 0
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        body = b""
        while len(body) < length:
            data = self.sock.recv(length - len(body))
            if not data:
                break
            body += data
        return head, body

    def reads_to_end(self) -> bytes:
        """Everything up to the end; a reset counts as one."""
        got = b""
        with contextlib.suppress(ConnectionResetError):
            while data := self.sock.recv(65536):
                got += data
        return got

    def sees_end(self) -> None:
        assert self.reads_to_end() == b""

    def resets(self) -> None:
        self.sock.setsockopt(stdlib_socket.SOL_SOCKET, stdlib_socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.sock.close()

    def closes(self) -> None:
        self.sock.close()


class Origin:
    """A server that plays `script` on each connection, and keeps what each has sent."""

    def __init__(self, script: Callable[[Client], None], host: str = "127.0.0.1", port: int = 0) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.socket(family)
        self._listener.bind((host, port))
        self._listener.listen(64)
        self.port: int = self._listener.getsockname()[1]
        self.host = host
        self.connections = 0
        self.problems: list[BaseException] = []
        self._script = script
        self._accepted: set[socket.socket] = set()
        self._greenlets: list[gevent.Greenlet[..., None]] = [gevent.spawn(self._accept)]

    def _accept(self) -> None:
        while True:
            sock, _ = self._listener.accept()
            self.connections += 1
            self._accepted.add(sock)
            sock.settimeout(WAIT_S)
            self._greenlets.append(gevent.spawn(self._play, sock))

    def _play(self, sock: socket.socket) -> None:
        try:
            self._script(Client(sock))
        except (AssertionError, OSError) as error:
            self.problems.append(error)
        finally:
            self._accepted.discard(sock)
            sock.close()

    def stop(self) -> None:
        gevent.killall(self._greenlets)
        for sock in self._accepted:  # those of greenlets that had not begun
            sock.close()
        self._listener.close()


class Nobody:
    """A port at which nobody listens, and which nobody gets while the block lasts."""

    def __init__(self) -> None:
        self._held = stdlib_socket.socket()
        self._held.bind(("127.0.0.1", 0))
        self.port: int = self._held.getsockname()[1]

    def __enter__(self) -> "Nobody":
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()


def port_free_on(*hosts: str) -> int:
    """One that can be had on all these addresses, none of those that the system hands out to whoever asks for any."""
    for _ in range(_TRIED_PORTS):
        port = random.randrange(*_NOT_HANDED_OUT)
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            for host in hosts:
                family = stdlib_socket.AF_INET6 if ":" in host else stdlib_socket.AF_INET
                stack.enter_context(stdlib_socket.socket(family)).bind((host, port))
            return port
    raise AssertionError(f"no port is free on all of {hosts}")


def _reachable(host: str) -> str:
    """Where a listener on `host` is surely reached."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - asked for, not bound to


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait until something becomes true; fails the test when it doesn't."""
    with gevent.Timeout(WAIT_S, AssertionError("this did not come true in time")):
        while not condition():
            gevent.sleep(0.005)


def open_descriptors() -> int:
    """How many descriptors this process holds."""
    return len(os.listdir("/proc/self/fd"))
