"""A server that keeps what clients send, byte for byte, and answers each request with nothing but a head."""

import contextlib
import socket
import threading
from typing import NamedTuple, Self

from proxy_core.model.message_head import MessageHead, parse_head

_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n"


class Caught(NamedTuple):
    """One request."""

    head: MessageHead
    body: bytes


class RequestCatcher:
    """Listens on a loopback port of its own."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.caught: list[Caught] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def take(self) -> list[Caught]:
        """What has come since the last time."""
        caught, self.caught = self.caught, []
        return caught

    def _serve(self) -> None:
        while True:
            try:
                link, _ = self._listener.accept()
            except OSError:
                return
            with link, contextlib.suppress(ConnectionError):
                link.settimeout(30)
                self._serve_one(link)

    def _serve_one(self, link: socket.socket) -> None:
        with link.makefile("rb") as file:
            raw = b""
            while not raw.endswith(b"\r\n\r\n"):
                line = file.readline()
                if not line:
                    return
                raw += line
            head = parse_head(raw)
            if (head.value(b"transfer-encoding") or b"").lower() == b"chunked":
                body = b""
                while size := int(file.readline(), 16):
                    body += file.read(size)
                    file.readline()
                file.readline()
            else:
                body = file.read(int(head.value(b"content-length") or b"0"))
        self.caught.append(Caught(head, body))
        link.sendall(_ANSWER + (b"" if head.start_line.startswith(b"HEAD ") else b"ok"))
