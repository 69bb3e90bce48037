"""What a TLS message costs in a worker: `python -m tests.benchmarks.tls_message`.

Compares sending and receiving through `TlsTransport` with the bare SSL objects, in memory, so that what is seen is our
own overhead and OpenSSL's work, not the system's. Best of several rounds; microseconds for one message, both ends.
"""

import hashlib
import ssl
import time
from collections import deque
from collections.abc import Callable

import gevent

from proxy_core.engine.links.tls import TlsTransport
from tests.support.link_pair import MemoryLink, link_pair
from tests.support.test_ca import ExampleCa

ROUNDS = 7
MESSAGES = 5_000


class QueueLink(MemoryLink):
    """A link without waiting: what was sent is there."""

    def __init__(self) -> None:
        super().__init__(lambda data: iter((data,)))
        self.ready: deque[bytes] = deque()

    def couple(self, other: "QueueLink") -> None:
        self.receive = lambda limit=0: self.ready.popleft()  # type: ignore[method-assign]
        self.send = other.ready.append  # type: ignore[assignment,method-assign]


def best_us(call: Callable[[], object]) -> float:
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        for _ in range(MESSAGES):
            call()
        times.append(time.perf_counter() - start)
    return min(times) / MESSAGES * 1e6


def shaken(link: MemoryLink, other: MemoryLink) -> tuple[TlsTransport, TlsTransport]:
    ca = ExampleCa()
    server_context = ca.leaf().server_context()
    server_context.num_tickets = 0
    client_context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client_context.load_verify_locations(cadata=ca.pem.decode())
    client = TlsTransport(link, client_context, server_side=False, server_hostname="localhost")
    server = TlsTransport(other, server_context, server_side=True)
    gevent.joinall([gevent.spawn(client.handshake), gevent.spawn(server.handshake)], raise_error=True)
    return client, server


def main() -> None:
    client, server = shaken(*link_pair())
    left, right = QueueLink(), QueueLink()
    left.couple(right)
    right.couple(left)
    for transport, link in ((client, left), (server, right)):
        transport._link = link
        transport._link_receive, transport._link_send = link.receive, link.send

    for size in (200, 1_000, 10_000, 60_000):
        data = (hashlib.sha256(b"x").digest() * 4096)[:size]

        def through_transport(data: bytes = data) -> None:
            client.send(data)
            server.receive()

        incoming, outgoing = server._incoming, client._outgoing
        write, read = client.ssl_object.write, server.ssl_object.read

        def bare(data: bytes = data) -> None:
            write(data)
            incoming.write(outgoing.read())
            for _ in range(-(-len(data) // 16384)):
                read(16384)

        ours, least = best_us(through_transport), best_us(bare)
        print(f"{size:6} bytes: {ours:6.2f} us, bare {least:6.2f} us, ours on top {ours - least:5.2f} us")


if __name__ == "__main__":
    main()
