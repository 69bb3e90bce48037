"""The loads: each sends traffic through one contestant and says how fast it went and what the processors did.

Keep-alive loads are wrk's, the cheapest loader at hand: absolute-form requests by a Lua script for plain HTTP; for
HTTPS its connections are led through CONNECT by proxychains (a preloaded `connect`, nothing on the data's way). New
HTTPS connections are hey's, HTTP/2 is h2load's: eight connections, ten streams on each, and so are unary calls of gRPC
(a POST with a framed message, answered with another and trailers). WebSockets and TLS connections to new names have
loaders of our own in processes of their own (`websocket_load`, `handshake_load`). The loader's own processor time
is part of every result, for a loader at its limit measures itself.
"""

import json
import re
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import NamedTuple

from build_scripts.benchmark.contestants import Contestant
from build_scripts.benchmark.origin import GRPC_MESSAGE, SIZES, Origin
from build_scripts.benchmark.process_tree import BenchmarkError
from build_scripts.environment import ROOT

CONNECTIONS = 32
_H2_CONNECTIONS, _H2_STREAMS = 8, 10
_ERRORS_BORNE = 0.001  # of the requests; more, and the figure would not be of the load
_LUA = Path(__file__).with_name("wrk.lua")


class Result(NamedTuple):
    """`rate` in the load's unit (requests or megabytes a second, or milliseconds); processor seconds by party."""

    rate: float
    p50_ms: float
    p99_ms: float
    errors: int
    requests: int
    wall_s: float
    proxy_cpu_s: float
    loader_cpu_s: float
    origin_cpu_s: float


class Load(NamedTuple):
    """One kind of traffic."""

    title: str
    unit: str
    lower_is_better: bool
    measure: Callable[["Bench", Contestant], Result]
    is_recorded: bool = True  # each request is an exchange in the capture of the contestant itself


class Bench(NamedTuple):
    """What the loads need."""

    folder: Path
    origin: Origin
    seconds: float

    def for_seconds(self, seconds: float) -> "Bench":
        """The same, with shorter or longer loads."""
        return self._replace(seconds=seconds)


def _watched(bench: Bench, contestant: Contestant, command: list[str], timeout_s: float) -> tuple[str, list[float]]:
    """Run a loader; its output, and [wall, proxy, loader, origin] seconds."""
    tree, origin = contestant.tree, bench.origin
    proxy_before = tree.cpu_s() if tree else 0.0
    origin_before = origin.cpu_s()
    loader_before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begin = time.monotonic()
    result = subprocess.run(
        command, check=False, capture_output=True, text=True, timeout=timeout_s, stdin=subprocess.DEVNULL, cwd=ROOT
    )
    wall = time.monotonic() - begin
    loader_after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if result.returncode:
        raise BenchmarkError(f"{command[0]} failed: {result.stdout[-500:]} {result.stderr[-500:]}")
    if tree and not tree.is_alive:
        raise BenchmarkError(f"{contestant.name} died: {tree.last_words()}")
    loader = loader_after.ru_utime + loader_after.ru_stime - loader_before.ru_utime - loader_before.ru_stime
    proxy = (tree.cpu_s() if tree else 0.0) - proxy_before
    return result.stdout, [wall, proxy, loader, origin.cpu_s() - origin_before]


def _wrk(
    file: str, *, tls: bool = False, mode: str = "keep", way: str = "http"
) -> Callable[[Bench, Contestant], Result]:
    def measure(bench: Bench, contestant: Contestant) -> Result:
        url = bench.origin.url(file, tls=tls)
        scheme_and_host, _, path = url.rpartition("/")
        host = scheme_and_host.partition("//")[2]
        target, connect_to = f"/{path}", url
        command: list[str] = []
        if contestant.port and (tls or way == "socks5"):
            command = _through(bench, contestant, way)
        elif contestant.port:
            target, connect_to = url, f"http://127.0.0.1:{contestant.port}/"
        command += ["wrk", "-t", "1", "-c", str(CONNECTIONS), "-d", f"{bench.seconds:.0f}s", "--timeout", "10s"]
        command += ["-s", str(_LUA), connect_to, "--", target, host, mode]
        output, times = _watched(bench, contestant, command, bench.seconds + 60)
        found = re.search(r"^RESULT (.*)$", output, re.MULTILINE)
        if found is None:
            raise BenchmarkError(f"wrk said nothing: {output[-500:]}")
        numbers = json.loads(found[1])
        if not numbers["requests"] or numbers["errors"] > numbers["requests"] * _ERRORS_BORNE:
            raise BenchmarkError(f"{numbers['errors']} of {numbers['requests']} requests failed")
        rate = numbers["requests"] / numbers["duration_us"] * 1e6
        latencies = numbers["p50_us"] / 1000, numbers["p99_us"] / 1000
        return Result(rate, *latencies, numbers["errors"], numbers["requests"], *times)

    return measure


def _chained(bench: Bench, contestant: Contestant) -> Result:
    """Plain HTTP through the one of it that sends all on to another proxy."""
    if contestant.port and contestant.chained is None:
        raise BenchmarkError(f"{contestant.name} isn't tried with another proxy behind it")
    return _wrk("1k")(bench, contestant.chained or contestant)


def _through(bench: Bench, contestant: Contestant, way: str = "http") -> list[str]:
    port = contestant.socks_port if way == "socks5" else contestant.port
    if not port:
        raise BenchmarkError(f"{contestant.name} isn't tried with SOCKS")
    configuration = bench.folder / f"proxychains-{contestant.name}-{way}.conf"
    configuration.write_text(
        f"strict_chain\ntcp_read_time_out 15000\ntcp_connect_time_out 8000\n[ProxyList]\n{way} 127.0.0.1 {port}\n"
    )
    return ["proxychains4", "-q", "-f", str(configuration)]


def _h2load(file: str, *, message: bytes = b"") -> Callable[[Bench, Contestant], Result]:
    def measure(bench: Bench, contestant: Contestant) -> Result:
        command = _through(bench, contestant) if contestant.port else []
        command += ["h2load", "-c", str(_H2_CONNECTIONS), "-m", str(_H2_STREAMS), "-D", f"{bench.seconds:.0f}"]
        command += ["--npn-list", "h2"]  # mockttp takes HTTP/1 where that is offered too
        if message:
            body = bench.folder / "h2load-body"
            body.write_bytes(message)
            command += ["-d", str(body), "-H", "content-type: application/grpc", "-H", "te: trailers"]
        command += [bench.origin.url(file, tls=True)]
        output, times = _watched(bench, contestant, command, bench.seconds + 60)
        if "Application protocol: h2\n" not in output:
            raise BenchmarkError(f"{contestant.name} doesn't speak HTTP/2")
        good, failed = (int(re.search(rf"(\d+) {word}", output)[1]) for word in ("succeeded", "failed"))  # type: ignore[index]
        if not good or failed > good * _ERRORS_BORNE:
            raise BenchmarkError(f"{failed} requests failed, {good} succeeded")
        mean = re.search(r"time for request:\s+\S+\s+\S+\s+([\d.]+)(us|ms|s)\b", output)
        mean_ms = float(mean[1]) * {"us": 1e-3, "ms": 1.0, "s": 1e3}[mean[2]] if mean else 0.0
        return Result(good / bench.seconds, mean_ms, 0.0, failed, good, *times)

    return measure


def _websocket(size: int, *, deflate: bool = False) -> Callable[[Bench, Contestant], Result]:
    def measure(bench: Bench, contestant: Contestant) -> Result:
        arguments = [bench.origin.echo_url(), str(contestant.port), str(bench.seconds), str(size)]
        return _own_loader(bench, contestant, "websocket_load", [*arguments, "deflate" if deflate else "plain"])

    return measure


def _handshakes(names: str) -> Callable[[Bench, Contestant], Result]:
    def measure(bench: Bench, contestant: Contestant) -> Result:
        arguments = ["127.0.0.1", str(bench.origin.https_port), str(contestant.port), str(bench.seconds), names]
        return _own_loader(bench, contestant, "handshake_load", arguments)

    return measure


def _own_loader(bench: Bench, contestant: Contestant, module: str, arguments: list[str]) -> Result:
    command = [sys.executable, "-m", f"build_scripts.benchmark.{module}", *arguments]
    output, times = _watched(bench, contestant, command, bench.seconds + 60)
    numbers = json.loads(output.rpartition("RESULT ")[2])
    good, errors = numbers["requests"], numbers.get("errors", 0)
    if not good or errors > good * _ERRORS_BORNE:
        raise BenchmarkError(f"{errors} of {good + errors} failed")
    return Result(good / numbers["seconds"], 0.0, 0.0, errors, good, *times)


def _hey_new_connections(bench: Bench, contestant: Contestant) -> Result:
    command = ["hey", "-disable-keepalive", "-c", str(CONNECTIONS), "-z", f"{bench.seconds:.0f}s", "-t", "10"]
    if contestant.port:
        command += ["-x", f"http://127.0.0.1:{contestant.port}"]
    output, times = _watched(bench, contestant, [*command, bench.origin.url("1k", tls=True)], bench.seconds + 60)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", output)
    good = re.search(r"\[200\]\s+(\d+) responses", output)
    if rate is None or good is None:
        statuses = re.findall(r"^ +\[.*$", output, re.MULTILINE)
        raise BenchmarkError(f"hey had no success: {' '.join(statuses)}")
    p50, p99 = (_hey_percentile(output, percent) for percent in (50, 99))
    errors = sum(int(count) for count in re.findall(r"^\s+\[(\d+)\]\s+(?!\d+ responses)", output, re.MULTILINE))
    return Result(float(rate[1]), p50, p99, errors, int(good[1]), *times)


def _hey_percentile(output: str, percent: int) -> float:
    found = re.search(rf"{percent}% in ([\d.]+) secs", output)
    return float(found[1]) * 1000 if found else 0.0


def _download(*, tls: bool) -> Callable[[Bench, Contestant], Result]:
    def measure(bench: Bench, contestant: Contestant) -> Result:
        command = ["curl", "--silent", "--show-error", "--insecure", "--noproxy", "", "--output", "/dev/null"]
        command += ["--max-time", "300", "--write-out", "%{size_download} %{time_total}"]
        if contestant.port:
            command += ["--proxy", f"http://127.0.0.1:{contestant.port}"]
        output, times = _watched(bench, contestant, [*command, bench.origin.url("1g", tls=tls)], 330)
        size, seconds = output.split()
        if int(size) != SIZES["1g"]:
            raise BenchmarkError(f"{contestant.name} delivered {size} bytes of the 1 GB")
        return Result(int(size) / float(seconds) / 1e6, 0.0, 0.0, 0, 1, *times)

    return measure


def _idle_latency(*, tls: bool) -> Callable[[Bench, Contestant], Result]:
    """One connection, one request at a time, with a pause between them: nothing queues."""

    def measure(bench: Bench, contestant: Contestant) -> Result:
        from build_scripts.benchmark.idle_latency import sequential_latencies

        count = max(50, int(bench.seconds * 40))
        tree, origin = contestant.tree, bench.origin
        proxy_before, origin_before, own_before = tree.cpu_s() if tree else 0.0, origin.cpu_s(), time.process_time()
        begin = time.monotonic()
        latencies = sorted(sequential_latencies(bench.origin.url("1k", tls=tls), contestant.port, count))
        wall = time.monotonic() - begin
        proxy = (tree.cpu_s() if tree else 0.0) - proxy_before
        own, at_origin = time.process_time() - own_before, origin.cpu_s() - origin_before
        middle, late = median(latencies) * 1000, latencies[int(count * 0.99)] * 1000
        return Result(middle, middle, late, 0, count, wall, proxy, own, at_origin)

    return measure


LOADS: dict[str, Load] = {
    "http-1k": Load("HTTP, 1 KiB", "req/s", False, _wrk("1k")),
    "https-1k": Load("HTTPS, 1 KiB", "req/s", False, _wrk("1k", tls=True)),
    # Harrier remembers field lines that come again; here none do.
    "http-1k-varied": Load("HTTP, 1 KiB, no head twice", "req/s", False, _wrk("1k-varied", mode="vary")),
    "https-1k-varied": Load("HTTPS, 1 KiB, no head twice", "req/s", False, _wrk("1k-varied", tls=True, mode="vary")),
    "http-100k": Load("HTTP, 100 KiB", "req/s", False, _wrk("100k")),
    "https-100k": Load("HTTPS, 100 KiB", "req/s", False, _wrk("100k", tls=True)),
    "http-new": Load("HTTP, new connections", "req/s", False, _wrk("1k", mode="close")),
    "https-new": Load("HTTPS, new connections", "req/s", False, _hey_new_connections),
    "h2-1k": Load("HTTP/2, 1 KiB", "req/s", False, _h2load("1k")),
    "h2-100k": Load("HTTP/2, 100 KiB", "req/s", False, _h2load("100k")),
    "grpc": Load("gRPC, unary, 100 bytes", "calls/s", False, _h2load("unary", message=GRPC_MESSAGE)),
    "ws-small": Load("WebSocket, echo of 100 bytes", "echoes/s", False, _websocket(100), is_recorded=False),
    "ws-64k": Load("WebSocket, echo of 64 KiB", "echoes/s", False, _websocket(1 << 16), is_recorded=False),
    "ws-deflate": Load(
        "WebSocket, echo of 1 KiB, deflated", "echoes/s", False, _websocket(1024, deflate=True), is_recorded=False
    ),
    "tls-known": Load("TLS connections, one name", "/s", False, _handshakes("known")),
    "tls-new": Load("TLS connections, each to a new name", "/s", False, _handshakes("new")),
    "http-socks": Load("HTTP, 1 KiB, by SOCKS5", "req/s", False, _wrk("1k", way="socks5")),
    "http-chained": Load("HTTP, 1 KiB, another proxy behind", "req/s", False, _chained, is_recorded=False),
    "http-1g": Load("HTTP, 1 GB download", "MB/s", False, _download(tls=False)),
    "https-1g": Load("HTTPS, 1 GB download", "MB/s", False, _download(tls=True)),
    "http-idle": Load("HTTP, idle, median", "ms", True, _idle_latency(tls=False)),
    "https-idle": Load("HTTPS, idle, median", "ms", True, _idle_latency(tls=True)),
}
