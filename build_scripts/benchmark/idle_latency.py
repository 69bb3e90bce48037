"""How long one request takes when nothing else is going on: a blocking client on one kept-alive connection."""

import socket
import ssl
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

from build_scripts.benchmark.process_tree import BenchmarkError

_PAUSE_S = 0.005  # the proxy goes to sleep in between, as behind a person
_WARM_UP = 10


def sequential_latencies(url: str, proxy_port: int, count: int) -> Iterator[float]:
    """Yield the seconds of each request, from its first byte out to its last byte in."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    authority = f"{parts.hostname}:{parts.port}"
    target = url if proxy_port and parts.scheme == "http" else parts.path
    request = f"GET {target} HTTP/1.1\r\nHost: {authority}\r\nAccept: */*\r\n\r\n".encode()
    with _connected(parts.scheme, parts.hostname, parts.port, proxy_port) as link:
        for number in range(count + _WARM_UP):
            begin = time.perf_counter()
            link.sendall(request)
            read_response(link)
            if number >= _WARM_UP:
                yield time.perf_counter() - begin
            time.sleep(_PAUSE_S)


def _connected(scheme: str, host: str, port: int, proxy_port: int) -> socket.socket:
    if scheme == "http":
        return connected(proxy_port or port)
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context.wrap_socket(tunnelled(host, port, proxy_port), server_hostname=host)


def connected(port: int) -> socket.socket:
    """A connection to a loopback port."""
    link = socket.create_connection(("127.0.0.1", port), 10)
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return link


def tunnelled(host: str, port: int, proxy_port: int) -> socket.socket:
    """A connection to the origin's port, led there by CONNECT where there is a proxy. Raises BenchmarkError."""
    link = connected(proxy_port or port)
    if proxy_port:
        link.sendall(f"CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
        head = read_head(link)
        if b" 200 " not in head.split(b"\r\n", 1)[0]:
            link.close()
            raise BenchmarkError(f"the proxy answered CONNECT with {head!r}")
    return link


def read_head(link: socket.socket) -> bytes:
    """Read up to the end of a head, where the other side says no more than that yet."""
    head = b""
    while b"\r\n\r\n" not in head:
        data = link.recv(4096)
        if not data:
            link.close()
            raise BenchmarkError("the connection was closed instead of an answer")
        head += data
    return head


def read_response(link: socket.socket) -> None:
    """Read one response with a Content-Length, which is what our origin sends."""
    data = b""
    while b"\r\n\r\n" not in data:
        chunk = link.recv(65536)
        if not chunk:
            raise BenchmarkError("the connection was closed instead of an answer")
        data += chunk
    head, _, body = data.partition(b"\r\n\r\n")
    if b" 200 " not in head.split(b"\r\n", 1)[0]:
        raise BenchmarkError(f"the answer was {head!r}")
    length = next(
        int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")
    )
    missing = length - len(body)
    while missing > 0:
        chunk = link.recv(65536)
        if not chunk:
            raise BenchmarkError("the answer was cut short")
        missing -= len(chunk)
