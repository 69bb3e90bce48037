"""An origin of threads that plays a script on each connection, and clients that keep it busy through the proxy."""

import contextlib
import http.client
import socket
import struct
import threading
from collections.abc import Callable
from pathlib import Path

WAIT_S = 60.0


class Origin:
    """Serves from its creation to the end of its block; the script gets the raw connection."""

    def __init__(self, script: Callable[[socket.socket], None], host: str = "127.0.0.1") -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.create_server((host, 0), family=family, backlog=512)
        self.port: int = self._listener.getsockname()[1]
        self.authority = f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"
        self.url = f"http://{self.authority}"
        self._script = script
        self._links: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, name="origin", daemon=True)]
        self._threads[0].start()

    def _accept(self) -> None:
        while True:
            try:
                link, _ = self._listener.accept()
            except OSError:
                return
            link.settimeout(WAIT_S)
            self._links.append(link)
            thread = threading.Thread(target=self._play, args=(link,), name="origin", daemon=True)
            self._threads.append(thread)
            thread.start()

    def _play(self, link: socket.socket) -> None:
        with contextlib.suppress(OSError):
            self._script(link)
        link.close()

    def __enter__(self) -> "Origin":
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for link in list(self._links):
            with contextlib.suppress(OSError):
                link.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5.0)


def read_head(link: socket.socket) -> bytes:
    """A head and its empty line; b"" when the other side has left. Reads nothing beyond it."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        piece = link.recv(1)
        if not piece:
            return b""
        head += piece
    return head


def read_exactly(link: socket.socket, length: int) -> bytes:
    """So many bytes, or fewer when the other side ends."""
    data = b""
    while len(data) < length and (piece := link.recv(length - len(data))):
        data += piece
    return data


def read_to_end(link: socket.socket) -> bytes:
    """Everything until the end; a reset counts as one."""
    data = b""
    with contextlib.suppress(ConnectionResetError):
        while piece := link.recv(65536):
            data += piece
    return data


def reset(link: socket.socket) -> None:
    """Close with a reset."""
    link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    link.close()


def answering(response: bytes, times: int = 1) -> Callable[[socket.socket], None]:
    """A script that answers whatever comes, and ends."""

    def script(link: socket.socket) -> None:
        for _ in range(times):
            if not read_head(link):
                return
            link.sendall(response)

    return script


class Hall:
    """The script of an origin that answers any number of requests at once, but for /held/…: there it sends a half of
    the body and keeps the rest until `release` is set.
    """

    def __init__(self) -> None:
        self.release = threading.Event()

    def __call__(self, link: socket.socket) -> None:
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with link.makefile("rb") as lines:
            while start := lines.readline():
                while lines.readline() not in (b"\r\n", b""):
                    pass
                path = start.split()[1]
                body = b"answer to " + path
                head = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n" % len(body)
                if path.startswith(b"/held/"):
                    link.sendall(head + body[:6])
                    self.release.wait(WAIT_S)
                    link.sendall(body[6:])
                else:
                    link.sendall(head + body)


class Traffic:
    """Clients that ask an origin again and again through the proxy, each for paths of its own, until `stop`."""

    def __init__(self, port: int, url: str, clients: int = 4, most: int = 100_000) -> None:
        self.done: list[str] = []  # paths whose answer a client has got whole
        self.broken: list[str] = []  # paths whose answer a client has not got whole
        self._port, self._url, self._most = port, url, most
        self._stops = threading.Event()
        self._threads = [
            threading.Thread(target=self._ask, args=(number,), name="traffic", daemon=True) for number in range(clients)
        ]
        for thread in self._threads:
            thread.start()

    def _ask(self, number: int) -> None:
        link = http.client.HTTPConnection("127.0.0.1", self._port, timeout=WAIT_S)
        for count in range(self._most):
            if self._stops.is_set():
                break
            path = f"/{number}/{count}"
            try:
                link.request("GET", self._url + path)
                body = link.getresponse().read()
            except (OSError, http.client.HTTPException):
                self.broken.append(path)
                link.close()
                if self._stops.wait(0.02):
                    break
                continue
            (self.done if body == b"answer to " + path.encode() else self.broken).append(path)
        link.close()

    def join(self) -> None:
        """Wait until every client has asked all it was to ask."""
        for thread in self._threads:
            thread.join(120.0)
            assert not thread.is_alive()

    def stop(self) -> None:
        self._stops.set()
        self.join()

    def __enter__(self) -> "Traffic":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def open_request(port: int, url: str, method: str = "GET", fields: str = "", body: bytes = b"") -> socket.socket:
    """A raw connection to the proxy on which one request has been sent."""
    link = socket.create_connection(("127.0.0.1", port), timeout=WAIT_S)
    authority = url.split("/")[2]
    link.sendall(f"{method} {url} HTTP/1.1\r\nHost: {authority}\r\n{fields}\r\n".encode() + body)
    return link


def resident_bytes(pid: int) -> int:
    """What a process holds in memory of its own (Linux)."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    raise AssertionError(pid)
