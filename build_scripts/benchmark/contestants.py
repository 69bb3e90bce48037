"""The proxies that are measured, each started with what its makers recommend for this job, ours among them.

mitmdump and mockttp intercept and show their traffic to a listener; squid only relays (HTTPS as a tunnel) and neither
caches nor logs; good-mitm, compiled from Rust, intercepts and keeps nothing; Harrier records everything to a capture.
All verify the origin's certificate where they see it.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from build_scripts.benchmark.origin import Origin
from build_scripts.benchmark.process_tree import ProcessTree, free_port
from build_scripts.environment import ROOT

HARRIER_WORKERS = 2
CAPTURE = "bench.harrier"
BESIDE = "beside"


class Place(NamedTuple):
    """Where the installed peers lie, and where this run keeps its files."""

    tools: Path
    folder: Path


@dataclass
class Contestant:
    """A running proxy; `direct` is none: no tree, port 0."""

    name: str
    tree: ProcessTree | None
    port: int
    socks_port: int = 0  # 0: it has none
    chained: "Contestant | None" = None  # another one of it, which sends all on to a further proxy

    def stop(self) -> None:
        """By force: what is measured is over, and saving what was recorded would take its time."""
        if self.chained is not None:
            self.chained.stop()
        if self.tree is not None:
            self.tree.stop(signal.SIGKILL)


def start_direct(_place: Place, _origin: Origin) -> Contestant:
    """No proxy at all."""
    return Contestant("direct", None, 0)


def start_harrier(place: Place, origin: Origin) -> Contestant:
    """`record` with two workers, everything into a capture."""
    return _harrier("harrier", ROOT, CAPTURE, place, origin)


def start_beside(checkout: Path, place: Place, origin: Origin) -> Contestant:
    """The Harrier of another checkout, in this one's environment: before and after in one run."""
    return _harrier(BESIDE, checkout, f"{BESIDE}.harrier", place, origin)


def _harrier(
    name: str, checkout: Path, capture: str, place: Place, origin: Origin, options: Sequence[str] = ()
) -> Contestant:
    port = free_port()
    command = [sys.executable, str(checkout / "main.py"), "record", "--home", str(place.folder / f"{name}-home")]
    command += ["--listen", f"127.0.0.1:{port}", "--workers", str(HARRIER_WORKERS)]
    command += ["--capture", str(place.folder / capture), "--upstream-ca", str(origin.ca_path)]
    contestant = _started(name, [*command, *options], place, port)
    contestant.socks_port = port
    return contestant


def chained_harrier(parent_port: int, place: Place, origin: Origin) -> Contestant:
    """Records too, into a capture of its own. This computer is not to be reached directly."""
    options = ["--upstream-proxy", f"http://127.0.0.1:{parent_port}", "--no-proxy", ""]
    return _harrier("harrier-chained", ROOT, "chained.harrier", place, origin, options)


def start_mitmdump(place: Place, origin: Origin) -> Contestant:
    """Quiet, writes nothing to disk, which favours it."""
    socks_port = free_port()
    modes = ["--mode", "regular", "--mode", f"socks5@{socks_port}"]
    contestant = _mitmdump("mitmdump", modes, place, origin)
    contestant.socks_port = socks_port
    return contestant


def chained_mitmdump(parent_port: int, place: Place, origin: Origin) -> Contestant:
    """Without SOCKS."""
    return _mitmdump("mitmdump-chained", ["--mode", f"upstream:http://127.0.0.1:{parent_port}"], place, origin)


def start_recording_mitmdump(place: Place, origin: Origin) -> Contestant:
    """Writes every flow to a file, as Harrier does."""
    return _mitmdump("mitmdump-w", ["-w", str(place.folder / "flows.mitm")], place, origin)


def _mitmdump(name: str, options: list[str], place: Place, origin: Origin) -> Contestant:
    port = free_port()
    command = [str(place.tools / "mitmproxy" / "bin" / "mitmdump"), "--quiet", "--listen-host", "127.0.0.1", *options]
    command += ["--listen-port", str(port), "--set", f"confdir={place.folder / 'mitmproxy-home'}"]
    command += ["--set", f"ssl_verify_upstream_trusted_ca={origin.ca_path}"]
    return _started(name, command, place, port)


def start_mockttp(place: Place, origin: Origin) -> Contestant:
    """Passes all through, with the events of requests and responses subscribed, as HTTP Toolkit does."""
    port = free_port()
    script = Path(__file__).with_name("mockttp_proxy.js")
    modules = {"NODE_PATH": str(place.tools / "mockttp" / "node_modules")}
    contestant = _started("mockttp", ["node", str(script), str(port), str(origin.ca_path)], place, port, modules)
    contestant.socks_port = port
    return contestant


def start_squid(place: Place, _origin: Origin) -> Contestant:
    """Relays, without cache and log."""
    port = free_port()
    configuration = place.folder / f"squid-{port}.conf"
    configuration.write_text(
        f"http_port 127.0.0.1:{port}\nhttp_access allow localhost\nhttp_access deny all\ncache deny all\n"
        "access_log none\ncache_log /dev/null\ncache_store_log none\npid_filename none\nshutdown_lifetime 0 seconds\n"
        "via off\nforwarded_for delete\npinger_enable off\nclient_db off\nmemory_pools on\ncoredump_dir none\n"
        "logfile_rotate 0\nnetdb_filename none\n"
    )
    return _started("squid", ["/usr/sbin/squid", "-N", "-f", str(configuration)], place, port)


def start_good_mitm(place: Place, origin: Origin) -> Contestant:
    """Ends the TLS of every host, as its rule says, and has a CA of its own made first."""
    port = free_port()
    program, folder = place.tools / "good-mitm" / "bin" / "good-mitm", place.folder / "good-mitm"
    folder.mkdir(exist_ok=True)
    rule = folder / "rule.yaml"
    rule.write_text('- name: all\n  mitm: "*"\n  filters: []\n  actions: []\n')
    subprocess.run([program, "genca"], check=True, cwd=folder, capture_output=True)  # writes ca/
    command = [str(program), "run", "-r", str(rule), "-b", f"127.0.0.1:{port}"]
    command += ["-k", str(folder / "ca" / "private.key"), "-c", str(folder / "ca" / "cert.crt")]
    return _started("good-mitm", command, place, port, {"SSL_CERT_FILE": str(origin.ca_path), "RUST_LOG": "off"})


def _started(
    name: str, command: list[str], place: Place, port: int, environment: dict[str, str] | None = None
) -> Contestant:
    tree = ProcessTree(
        command,
        folder=place.folder,
        log=place.folder / f"{name}.log",
        environment={**os.environ, **(environment or {})},
    )
    try:
        tree.wait_for_port(port)
    except Exception:
        tree.stop()
        raise
    return Contestant(name, tree, port)


CONTESTANTS: dict[str, Callable[[Place, Origin], Contestant]] = {
    "direct": start_direct,
    "harrier": start_harrier,
    "mitmdump": start_mitmdump,
    "mitmdump-w": start_recording_mitmdump,
    "mockttp": start_mockttp,
    "squid": start_squid,
    "good-mitm": start_good_mitm,
}
# The same with a further proxy (its port) behind them, where that is tried.
CHAINED: dict[str, Callable[[int, Place, Origin], Contestant]] = {
    "harrier": chained_harrier,
    "mitmdump": chained_mitmdump,
}
