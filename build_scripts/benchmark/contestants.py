"""The proxies that are measured, each started with what its makers recommend for this job, ours among them.

mitmdump and mockttp intercept and show their traffic to a listener; squid only relays (HTTPS as a tunnel) and neither
caches nor logs; Harrier records everything to a capture. All verify the origin's certificate where they see it.
"""

import shutil
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from build_scripts.benchmark.origin import Origin
from build_scripts.benchmark.process_tree import ProcessTree, free_port
from build_scripts.environment import ROOT

HARRIER_WORKERS = 2


@dataclass
class Contestant:
    """A running proxy; `direct` is none: no tree, port 0."""

    name: str
    tree: ProcessTree | None
    port: int

    def stop(self) -> None:
        if self.tree is not None:
            self.tree.stop(signal.SIGINT)


def start_direct(_folder: Path, _origin: Origin) -> Contestant:
    """No proxy at all."""
    return Contestant("direct", None, 0)


def start_harrier(folder: Path, origin: Origin) -> Contestant:
    """`record` with two workers, everything into a capture."""
    capture = folder / "bench.harrier"
    for old in (capture, folder / "bench.harrier.live"):
        if old.is_dir():
            shutil.rmtree(old)
        else:
            old.unlink(missing_ok=True)
    port = free_port()
    command = [sys.executable, str(ROOT / "main.py"), "record", "--home", str(folder / "home")]
    command += ["--listen", f"127.0.0.1:{port}", "--workers", str(HARRIER_WORKERS), "--capture", str(capture)]
    command += ["--upstream-ca", str(origin.ca_path)]
    return _started("harrier", command, folder, port)


def start_mitmdump(folder: Path, origin: Origin) -> Contestant:
    """Quiet, writes nothing to disk, which favours it."""
    port = free_port()
    command = [str(folder / "mitmproxy" / "bin" / "mitmdump"), "--quiet", "--listen-host", "127.0.0.1"]
    command += ["--listen-port", str(port), "--set", f"confdir={folder / 'mitmproxy-home'}"]
    command += ["--set", f"ssl_verify_upstream_trusted_ca={origin.ca_path}"]
    return _started("mitmdump", command, folder, port)


def start_mockttp(folder: Path, origin: Origin) -> Contestant:
    """Passes all through, with the events of requests and responses subscribed, as HTTP Toolkit does."""
    port = free_port()
    script = folder / "mockttp" / "proxy.js"
    shutil.copy(Path(__file__).with_name("mockttp_proxy.js"), script)
    return _started("mockttp", ["node", str(script), str(port), str(origin.ca_path)], script.parent, port)


def start_squid(folder: Path, _origin: Origin) -> Contestant:
    """Relays, without cache and log."""
    port = free_port()
    configuration = folder / "squid.conf"
    configuration.write_text(
        f"http_port 127.0.0.1:{port}\nhttp_access allow localhost\nhttp_access deny all\ncache deny all\n"
        "access_log none\ncache_log /dev/null\ncache_store_log none\npid_filename none\nshutdown_lifetime 0 seconds\n"
        "via off\nforwarded_for delete\npinger_enable off\nclient_db off\nmemory_pools on\ncoredump_dir none\n"
        "logfile_rotate 0\nnetdb_filename none\n"
    )
    return _started("squid", ["/usr/sbin/squid", "-N", "-f", str(configuration)], folder, port)


def _started(name: str, command: list[str], folder: Path, port: int) -> Contestant:
    tree = ProcessTree(command, folder=folder, log=folder / f"{name}.log")
    try:
        tree.wait_for_port(port)
    except Exception:
        tree.stop()
        raise
    return Contestant(name, tree, port)


CONTESTANTS: dict[str, Callable[[Path, Origin], Contestant]] = {
    "direct": start_direct,
    "harrier": start_harrier,
    "mitmdump": start_mitmdump,
    "mockttp": start_mockttp,
    "squid": start_squid,
}
