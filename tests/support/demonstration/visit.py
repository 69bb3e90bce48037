"""One request to the demonstration site, and the raw connection to answer it on.

Answers are written byte by byte by the routes themselves, so that a route can also answer wrongly on purpose.
"""

import http
import socket
import struct
import threading
from collections.abc import Iterable, Sequence
from urllib.parse import parse_qsl, urlsplit

Fields = Sequence[tuple[str, str]]
_HEAD_LIMIT = 1 << 20


class VisitorGoneError(Exception):
    """The other side ended the connection, or sent something that this small server doesn't read."""


class Visit:
    """A request as it was read. `leave_open` says whether the connection may carry another one afterwards."""

    def __init__(self, link: socket.socket, *, is_secure: bool, site_stops: threading.Event) -> None:
        self._link = link
        self._site_stops = site_stops
        self._buffer = b""
        self.is_secure = is_secure
        self.leave_open = True
        self.method = self.target = self.path = ""
        self.query: dict[str, str] = {}
        self.fields: list[tuple[str, str]] = []
        self.body = b""

    # Reading

    def read_request(self) -> bool:
        """Read the next request whole; False when the visitor has left in order."""
        while b"\r\n\r\n" not in self._buffer:
            data = self._link.recv(65536)
            if not data:
                if self._buffer:
                    raise VisitorGoneError
                return False
            self._buffer += data
            if len(self._buffer) > _HEAD_LIMIT:
                raise VisitorGoneError
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        start, *lines = head.decode("latin-1").split("\r\n")
        try:
            self.method, self.target, version = start.split(" ")
            self.fields = [(name, value.strip()) for name, value in (line.split(":", 1) for line in lines)]
        except ValueError:
            raise VisitorGoneError from None
        parts = urlsplit(self.target)
        self.path, self.query = parts.path, dict(parse_qsl(parts.query))
        tokens = self.header("connection").lower()
        self.leave_open = "close" not in tokens and version == "HTTP/1.1"
        if self.header("expect").lower() == "100-continue":
            self.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        self.body = self._read_body()
        return True

    def _read_body(self) -> bytes:
        if self.header("transfer-encoding").lower() != "chunked":
            return self._take(int(self.header("content-length") or 0))
        body = b""
        while size := int(self._take_line().split(b";")[0], 16):
            body += self._take(size)
            self._take_line()
        while self._take_line():
            pass
        return body

    def _take(self, length: int) -> bytes:
        while len(self._buffer) < length:
            self._fill()
        data, self._buffer = self._buffer[:length], self._buffer[length:]
        return data

    def _take_line(self) -> bytes:
        while b"\r\n" not in self._buffer:
            self._fill()
        line, _, self._buffer = self._buffer.partition(b"\r\n")
        return line

    def _fill(self) -> None:
        data = self._link.recv(65536)
        if not data:
            raise VisitorGoneError
        self._buffer += data

    def header(self, name: str) -> str:
        """The values of a field, joined; "" when it isn't there."""
        return ", ".join(value for field, value in self.fields if field.lower() == name)

    @property
    def cookies(self) -> dict[str, str]:
        """The cookies that came along."""
        pairs = (pair.partition("=") for pair in self.header("cookie").split(";") if "=" in pair)
        return {name.strip(): value.strip() for name, _, value in pairs}

    def number(self, name: str, default: int, most: int) -> int:
        """A number of the query, within bounds."""
        text = self.query.get(name, "")
        return min(int(text), most) if text.isdigit() else default

    # Answering

    def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self._link.sendall(data)

    def send_head(self, status: int, fields: Fields) -> None:
        """Send a status line and these fields, no others but `Server`."""
        try:
            reason = http.HTTPStatus(status).phrase
        except ValueError:
            reason = "Unknown"
        lines = [f"HTTP/1.1 {status} {reason}", "Server: fieldnotes", *(f"{name}: {value}" for name, value in fields)]
        self.send("\r\n".join([*lines, "", ""]).encode("latin-1"))

    def answer(self, body: bytes | str, media_type: str = "text/html; charset=utf-8", **options: object) -> None:
        """Answer with a whole body: `status`, `fields`. HEAD gets the same head alone."""
        data = body.encode() if isinstance(body, str) else body
        status = options.get("status", 200)
        more = options.get("fields", ())
        assert isinstance(status, int)
        assert isinstance(more, list | tuple)
        fields = [("Content-Type", media_type), ("Content-Length", str(len(data))), *more]
        if not self.leave_open:
            fields.append(("Connection", "close"))
        self.send_head(status, fields)
        if self.method != "HEAD":
            self.send(data)

    def send_chunks(self, chunks: Iterable[bytes], trailers: Fields = (), extension: str = "") -> None:
        """Send a chunked body. The head went before."""
        if self.method == "HEAD":
            return
        for chunk in chunks:
            if chunk:
                self.send(f"{len(chunk):x}{extension}\r\n".encode() + chunk + b"\r\n")
        lines = "".join(f"{name}: {value}\r\n" for name, value in trailers)
        self.send(f"0\r\n{lines}\r\n".encode())

    def wait_ms(self, milliseconds: int) -> None:
        """Let time pass. Raises VisitorGoneError when the site stops meanwhile."""
        if self._site_stops.wait(milliseconds / 1000):
            raise VisitorGoneError

    def reset(self) -> None:
        """End the connection with a reset instead of an orderly end."""
        self.leave_open = False
        self._link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
