"""What connections cost that do nothing: the memory of a proxy's processes for each of very many.

Keep-alive connections have each fetched 1 KiB over plain HTTP; WebSockets are intercepted, opened, and silent. Memory
is PSS, of all processes, before and after. There are as many connections as a proxy with both sides in one process may
have files open.
"""

import base64
import os
import resource
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack

from build_scripts.benchmark.contestants import Contestant
from build_scripts.benchmark.idle_latency import connected, read_head, read_response, tunnelled
from build_scripts.benchmark.origin import Origin
from build_scripts.benchmark.process_tree import BenchmarkError

KEEP_ALIVE, WEBSOCKETS = 10_000, 2_000
_WARM_UP = 50
_FILES_OF_ITS_OWN = 400
_SETTLE_S = 2.0

Opening = Callable[[Origin, int], socket.socket]


def most_connections(wanted: int) -> int:
    """As many as are wanted, or as the limit of open files permits."""
    allowed = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, allowed))  # the proxies inherit it
    return min(wanted, (allowed - _FILES_OF_ITS_OWN) // 2)


def open_kept_alive(origin: Origin, proxy_port: int) -> socket.socket:
    """A connection that has fetched something and stays."""
    link = connected(proxy_port)
    link.sendall(f"GET {origin.url('1k')} HTTP/1.1\r\nHost: 127.0.0.1:{origin.http_port}\r\n\r\n".encode())
    read_response(link)
    return link


def open_websocket(origin: Origin, proxy_port: int) -> socket.socket:
    """An intercepted WebSocket after its handshake."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    link = context.wrap_socket(tunnelled("localhost", origin.echo_port, proxy_port), server_hostname="localhost")
    key = base64.b64encode(os.urandom(16)).decode()
    link.sendall(
        f"GET / HTTP/1.1\r\nHost: localhost:{origin.echo_port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    head = read_head(link)
    if b" 101 " not in head.split(b"\r\n", 1)[0]:
        link.close()
        raise BenchmarkError(f"the WebSocket was answered with {head!r}")
    return link


def bytes_each(origin: Origin, contestant: Contestant, opening: Opening, count: int) -> float:
    """Open so many, and tell what one costs. Raises BenchmarkError when a connection fails or the proxy dies of it."""
    tree = contestant.tree
    assert tree is not None
    with ExitStack() as links:
        try:
            for _ in range(_WARM_UP):  # what is loaded once is no connection's cost
                links.enter_context(opening(origin, contestant.port))
            before = _settled(contestant)
            for _ in range(count - _WARM_UP):
                links.enter_context(opening(origin, contestant.port))
            after = _settled(contestant)
        except OSError as error:
            raise BenchmarkError(f"a connection failed: {error}") from error
    if not tree.is_alive:
        raise BenchmarkError(f"{contestant.name} died: {tree.last_words()}")
    return (after - before) / (count - _WARM_UP)


def _settled(contestant: Contestant) -> int:
    assert contestant.tree is not None
    threading.Event().wait(_SETTLE_S)
    return sum(entry.pss_bytes for entry in contestant.tree.memory())


def idle_table(names: list[str], costs: dict[str, dict[str, float]]) -> Iterator[str]:
    """Kilobytes for each connection."""
    yield f"| kB for one of | {' | '.join(names)} |"
    yield f"| --- |{' ---: |' * len(names)}"
    for title, by_name in costs.items():
        yield f"| {title} | " + " | ".join(f"{by_name[n] / 1000:.1f}" if n in by_name else "–" for n in names) + " |"
