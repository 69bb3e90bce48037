"""What Harrier's processes hold before and after very many small exchanges, and while a 1 GB body passes.

Shared pages are divided among their holders (PSS), so that one number per process tells what it costs; the resident
size (RSS) stands beside it.
"""

import threading
from collections.abc import Iterator
from typing import NamedTuple

from build_scripts.benchmark.contestants import Contestant
from build_scripts.benchmark.loads import LOADS, Bench
from build_scripts.benchmark.process_tree import Memory, ProcessTree

_SAMPLE_EVERY_S = 0.1
_WARM_UP_S = 3.0
_SETTLE_S = 2.0
_ROLES = ("engine", "resource tracker")


class Growth(NamedTuple):
    """One process: what it held at each mark, in bytes."""

    name: str
    before: Memory
    after_small: Memory
    peak_of_big: int
    after_big: Memory


def measure_growth(bench: Bench, contestant: Contestant, exchanges: int) -> tuple[int, list[Growth]]:
    """Warm up, look, send at least so many small exchanges, look, download 1 GB, look. Also the number it came to."""
    tree = contestant.tree
    assert tree is not None
    LOADS["http-1k"].measure(bench.for_seconds(_WARM_UP_S), contestant)
    before = _settled(tree)
    sent = 0
    while sent < exchanges:
        sent += LOADS["http-1k"].measure(bench.for_seconds(10), contestant).requests
    after_small = _settled(tree)
    with _Peaks(tree) as peaks:
        LOADS["http-1g"].measure(bench, contestant)
    after_big = _settled(tree)
    found = [
        Growth(_role(number, before[pid]), before[pid], after_small[pid], peaks.rss_bytes.get(pid, 0), after_big[pid])
        for number, pid in enumerate(before)
        if pid in after_small and pid in after_big
    ]
    return sent, found


def _settled(tree: ProcessTree) -> dict[int, Memory]:
    threading.Event().wait(_SETTLE_S)
    return {entry.pid: entry for entry in tree.memory()}


def _role(number: int, memory: Memory) -> str:
    """The order of their birth tells the processes apart: the engine, Python's resource tracker, the workers."""
    return _ROLES[number] if number < len(_ROLES) else f"worker {number - len(_ROLES) + 1} ({memory.name})"


class _Peaks:
    """Samples the resident sizes while a block runs."""

    def __init__(self, tree: ProcessTree) -> None:
        self._tree = tree
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._sample)
        self.rss_bytes: dict[int, int] = {}

    def __enter__(self) -> "_Peaks":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._is_over.wait(_SAMPLE_EVERY_S):
            for entry in self._tree.memory():
                self.rss_bytes[entry.pid] = max(self.rss_bytes.get(entry.pid, 0), entry.rss_bytes)


def memory_table(sent: int, growths: list[Growth]) -> Iterator[str]:
    """The rows, in megabytes."""
    heads = ["process", "RSS before", f"after {sent:,} exchanges", "peak of the 1 GB", "after it", "PSS before"]
    yield f"| {' | '.join(heads)} | PSS at the end |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: | ---: |"
    for growth in growths:
        added = growth.after_small.rss_bytes - growth.before.rss_bytes
        cells = [
            _mb(growth.before.rss_bytes),
            f"{_mb(growth.after_small.rss_bytes)} ({added / 1e6:+.1f})",
            f"{_mb(growth.peak_of_big)} ({(growth.peak_of_big - growth.after_small.rss_bytes) / 1e6:+.1f})",
            _mb(growth.after_big.rss_bytes),
            _mb(growth.before.pss_bytes),
            _mb(growth.after_big.pss_bytes),
        ]
        yield f"| {growth.name} | " + " | ".join(cells) + " |"


def _mb(amount: int) -> str:
    return f"{amount / 1e6:.1f}"
