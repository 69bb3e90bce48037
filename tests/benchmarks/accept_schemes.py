"""Which way of sharing one address between workers suits a proxy? Run: python -m tests.benchmarks.accept_schemes

The same worker behind each: the shared listening socket (all workers wake, one gets the connection), the same where a
busier worker steps back (what Harrier does), SO_REUSEPORT (the kernel's hash decides), and one acceptor that hands sockets over in turn. Three loads, of what a proxy
sees: a connection for each request; a browser's few long-lived connections, of which some are busy and some idle (how
evenly do the *busy* ones spread?); and the same through a worker that is already busy. Prints a table; asserts nothing.
"""

import contextlib
import multiprocessing
import os
import random
import select
import socket
import statistics
import threading
import time
from multiprocessing.connection import Connection

from proxy_core.worker_loads import WorkerLoads

SCHEMES = ("shared", "balanced", "reuse_port", "hand_over")
WORKERS = 2
SECONDS = 3.0
RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"


def _listen(*, reuse_port: bool, port: int = 0) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if reuse_port:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(1024)
    return listener


def _work(scheme: str, source: socket.socket | int, report: Connection, loads: WorkerLoads, slot: int) -> None:
    """A worker: serve until the parent closes the pipe; then tell (connections, requests)."""
    import gevent
    from gevent import get_hub

    from proxy_core.engine.reception.intake import Intake

    counts = [0, 0]

    def serve(sock: socket.socket) -> None:
        counts[0] += 1
        sock.setblocking(False)
        hub = get_hub()
        watcher = hub.loop.io(sock.fileno(), 1)
        try:
            while True:
                hub.wait(watcher)
                if not sock.recv(4096):
                    break
                counts[1] += 1
                sum(range(3000))  # about what an exchange costs a worker
                sock.send(RESPONSE)
        except OSError:
            pass
        finally:
            watcher.close()
            sock.close()

    if isinstance(source, int):
        source = _listen(reuse_port=True, port=source)
    if scheme == "hand_over":
        source.setblocking(False)

        def take() -> None:
            with contextlib.suppress(BlockingIOError):
                _, fds, _, _ = socket.recv_fds(source, 1, 1)
                for fd in fds:
                    gevent.spawn(serve, socket.socket(fileno=fd))

        watcher = get_hub().loop.io(source.fileno(), 1)
        watcher.start(take)
    else:
        balance = (loads, slot) if scheme == "balanced" else ()
        Intake(source, serve, *balance).start()
    report.send("ready")
    while not report.poll():
        gevent.sleep(0.05)
    report.send(counts)


class _Farm:
    """The workers of one scheme."""

    def __init__(self, scheme: str) -> None:
        context = multiprocessing.get_context("spawn")
        first = _listen(reuse_port=scheme == "reuse_port")
        self.port: int = first.getsockname()[1]
        self._pipes: list[Connection] = []
        self._processes = []
        self._is_stopped = False
        lanes: list[socket.socket] = []
        loads = WorkerLoads(context, WORKERS)
        for slot in range(WORKERS):
            loads.begin(slot)
            ours, theirs = context.Pipe()
            source: socket.socket | int = first if scheme in ("shared", "balanced") else self.port
            if scheme == "hand_over":
                lane, source = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
                lanes.append(lane)
            process = context.Process(target=_work, args=(scheme, source, theirs, loads, slot))
            process.start()
            assert ours.recv() == "ready"
            self._pipes.append(ours)
            self._processes.append(process)
        if scheme == "hand_over":
            self._acceptor = threading.Thread(target=self._hand_over, args=(first, lanes))
            self._acceptor.start()
        else:
            self._acceptor = None
            first.close()

    def _hand_over(self, listener: socket.socket, lanes: list[socket.socket]) -> None:
        turn = 0
        while not self._is_stopped:
            if not select.select([listener], [], [], 0.1)[0]:
                continue
            sock, _ = listener.accept()
            socket.send_fds(lanes[turn % WORKERS], [b"x"], [sock.fileno()])
            sock.close()
            turn += 1

    def stop(self) -> list[list[int]]:
        counts = []
        for pipe, process in zip(self._pipes, self._processes, strict=True):
            pipe.send("stop")
            counts.append(pipe.recv())
            process.join()
        self._is_stopped = True
        if self._acceptor is not None:
            self._acceptor.join()
        return counts


def _ask(sock: socket.socket) -> None:
    sock.sendall(b"GET / HTTP/1.1\r\n\r\n")
    if not sock.recv(4096):
        raise ConnectionResetError


def _new_connections(port: int) -> float:
    """Connections a second, one request each, four at a time."""
    end = time.monotonic() + SECONDS
    done = [0] * 4

    def load(lane: int) -> None:
        while time.monotonic() < end:
            with socket.create_connection(("127.0.0.1", port)) as sock, contextlib.suppress(OSError):
                _ask(sock)
                done[lane] += 1

    threads = [threading.Thread(target=load, args=(lane,)) for lane in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(done) / SECONDS


def _long_lived(port: int) -> tuple[float, list[float]]:
    """Eight connections opened one by one, four of them busy: requests a second and the latencies in ms."""
    socks = [socket.create_connection(("127.0.0.1", port)) for _ in range(8)]
    for sock in socks:
        _ask(sock)
    end = time.monotonic() + SECONDS
    latencies: list[float] = []

    def load(sock: socket.socket) -> None:
        while time.monotonic() < end:
            start = time.perf_counter()
            _ask(sock)
            latencies.append((time.perf_counter() - start) * 1e3)

    threads = [threading.Thread(target=load, args=(sock,)) for sock in random.sample(socks, 4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for sock in socks:
        sock.close()
    return len(latencies) / SECONDS, latencies


def main() -> None:
    """Measure each scheme three times, interleaved, and print medians."""
    print(f"{os.cpu_count()} cores, {WORKERS} workers, medians of 3")
    print("| scheme | new connections/s | share of the busiest worker | long-lived requests/s | p99 ms | busiest |")
    print("|---|---|---|---|---|---|")
    results: dict[str, list[tuple[float, ...]]] = {scheme: [] for scheme in SCHEMES}
    for _ in range(3):
        for scheme in SCHEMES:
            farm = _Farm(scheme)
            rate = _new_connections(farm.port)
            spread = [count[0] for count in farm.stop()]
            farm = _Farm(scheme)
            steady, latencies = _long_lived(farm.port)
            busy = [count[1] for count in farm.stop()]
            p99 = statistics.quantiles(latencies, n=100)[98]
            results[scheme].append((rate, max(spread) / sum(spread), steady, p99, max(busy) / sum(busy)))
    for scheme, rows in results.items():
        rate, share, steady, p99, busy_share = (statistics.median(column) for column in zip(*rows, strict=True))
        print(f"| {scheme} | {rate:.0f} | {share:.0%} | {steady:.0f} | {p99:.2f} | {busy_share:.0%} |")


if __name__ == "__main__":
    main()
