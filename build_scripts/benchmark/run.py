"""One run of the benchmark: options, the order of things, and what is printed."""

import argparse
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

from build_scripts.benchmark.contestants import (
    BESIDE,
    CAPTURE,
    CHAINED,
    CONTESTANTS,
    Contestant,
    Place,
    start_beside,
    start_squid,
)
from build_scripts.benchmark.idle import (
    KEEP_ALIVE,
    WEBSOCKETS,
    bytes_each,
    idle_table,
    most_connections,
    open_kept_alive,
    open_websocket,
)
from build_scripts.benchmark.loads import LOADS, Bench, Result
from build_scripts.benchmark.memory import measure_growth, memory_table
from build_scripts.benchmark.origin import Origin, start_origin
from build_scripts.benchmark.process_tree import BenchmarkError
from build_scripts.benchmark.table import cost_table, processor_table, rate_table
from build_scripts.benchmark.tools import prepare_tools, version_of
from build_scripts.environment import ROOT, SetupError
from proxy_core.capture.reader import CaptureReader
from proxy_core.compiled import GROUP, PLAIN_VARIABLE

TOOLS = ROOT / "build" / "bench"
SECTIONS = {"rates": "", "idle": "", "memory": "", "window": ""}
WINDOW_LOAD = "tests.benchmarks.window_load"
_WARM_UP_S = 1.0


def run(arguments: list[str]) -> int:
    """Carry out a command line; returns the exit status."""
    options = _parser().parse_args(arguments)
    sections = _chosen(options.section, SECTIONS)
    names = _chosen(options.only, CONTESTANTS)
    try:
        TOOLS.mkdir(parents=True, exist_ok=True)
        prepare_tools(TOOLS, names)
        if "harrier" in names and not os.environ.get(PLAIN_VARIABLE):  # without a compiler it says so, and runs plain
            subprocess.run([sys.executable, str(ROOT / "build_scripts" / "compile.py")], check=False)
        # A folder of its own, so that two runs don't write into each other's files.
        with tempfile.TemporaryDirectory(prefix="run-", dir=TOOLS) as folder:
            _run_sections(options, sections, names, Path(folder))
    except (SetupError, BenchmarkError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bench.py", description="Measure Harrier against its peers.")
    parser.add_argument("--section", default="", metavar="NAMES", help=f"some of {','.join(SECTIONS)}")
    parser.add_argument("--only", default="", metavar="NAMES", help=f"some of {','.join(CONTESTANTS)}")
    parser.add_argument("--load", default="", metavar="LOADS", help=f"some of {','.join(LOADS)}")
    parser.add_argument("--beside", type=Path, metavar="FOLDER", help="also measure the Harrier of another checkout")
    parser.add_argument("--seconds", type=float, metavar="S", help="how long each load lasts (default 8; quick: 3)")
    parser.add_argument("--rounds", type=int, metavar="N", help="how often each is measured (default 3; quick: 1)")
    parser.add_argument(
        "--exchanges", type=int, metavar="N", help="for memory and window (default 1,000,000; quick: 50,000)"
    )
    parser.add_argument("--quick", action="store_true", help="one short round of everything")
    return parser


def _chosen(text: str, among: Mapping[str, object]) -> list[str]:
    wanted = [word for word in text.split(",") if word] or list(among)
    unknown = [word for word in wanted if word not in among]
    if unknown:
        raise SystemExit(f"bench.py: there is no {', '.join(unknown)}; there are {', '.join(among)}")
    return wanted


def _run_sections(options: argparse.Namespace, sections: list[str], names: list[str], folder: Path) -> None:
    # Whoever asks for loads or contestants is after rates.
    is_selective = bool(options.load or options.only) and not options.section
    print(f"{os.cpu_count()} cores, Python {platform.python_version()}, Linux {platform.release()}.")
    if "rates" in sections:
        _rates(options, names, folder)
    if "idle" in sections and not is_selective:
        _idle(names, folder)
    if "memory" in sections and not is_selective:
        _memory(options, folder)
    if "window" in sections and not is_selective:
        _window(options)


def _rates(options: argparse.Namespace, names: list[str], folder: Path) -> None:
    loads = _chosen(options.load, LOADS)
    seconds = options.seconds or (3 if options.quick else 8)
    rounds = options.rounds or (1 if options.quick else 3)
    origin = start_origin(folder, as_root=os.geteuid() == 0)
    contestants: list[Contestant] = []
    parents: list[Contestant] = []
    try:
        contestants += _start(names, Place(TOOLS, folder), origin)
        if options.beside is not None:
            contestants += [start_beside(options.beside.resolve(), Place(TOOLS, folder), origin)]
            names = [*names, BESIDE]
        if "http-chained" in loads:
            parents += [_chain(contestants, Place(TOOLS, folder), origin)]
        results, sent = _take_turns(Bench(folder, origin, seconds), contestants, loads, rounds)
        said = [f"{each.name} {_how(each)}" for each in contestants if each.name in ("harrier", BESIDE)]
        recorded = _recorded(folder / f"{CAPTURE}.live", sent) if "harrier" in names else 0
    finally:
        _stop([*contestants, *parents], origin)
    print(f"{rounds} round(s) of {seconds:g} s, 32 connections. {', '.join([*said, *_versions(names)])}.\n")
    print("\n".join(processor_table(results, names)), end="\n\n")
    print("\n".join(rate_table(results, names)), end="\n\n")
    print("\n".join(cost_table(results, names)), end="\n\n")
    if "harrier" in names:
        print(f"Harrier's capture holds {recorded:,} exchanges; the loaders counted {sent:,} answers.\n", flush=True)


def _start(names: list[str], place: Place, origin: Origin) -> Iterator[Contestant]:
    """One after the other; who doesn't start is told, and is a dash in the tables."""
    for name in names:
        try:
            yield CONTESTANTS[name](place, origin)
        except (BenchmarkError, OSError, subprocess.SubprocessError) as error:
            print(f"{name} did not start: {error}", file=sys.stderr, flush=True)


def _chain(contestants: list[Contestant], place: Place, origin: Origin) -> Contestant:
    """Have each that can do so started once more with a squid behind it, the proxy that costs least. Returns that."""
    parent = start_squid(place, origin)
    for contestant in contestants:
        if contestant.name in CHAINED:
            contestant.chained = CHAINED[contestant.name](parent.port, place, origin)
    return parent


def _idle(names: list[str], folder: Path) -> None:
    """One contestant at a time, each started anew, since what a used one has free already would not be counted."""
    kinds = {
        "connections kept alive": (open_kept_alive, most_connections(KEEP_ALIVE)),
        "intercepted WebSockets": (open_websocket, most_connections(WEBSOCKETS)),
    }
    proxies = [name for name in names if name != "direct"]
    costs: dict[str, dict[str, float]] = {f"{count:,} {what}": {} for what, (_, count) in kinds.items()}
    for what, (opening, count) in kinds.items():
        for name in proxies:
            shutil.rmtree(folder / f"{CAPTURE}.live", ignore_errors=True)
            origin = start_origin(folder, as_root=os.geteuid() == 0)
            contestants: list[Contestant] = []
            try:
                contestants += _start([name], Place(TOOLS, folder), origin)
                for contestant in contestants:
                    costs[f"{count:,} {what}"][name] = bytes_each(origin, contestant, opening, count)
            except BenchmarkError as error:
                print(f"{count:,} {what} through {name}: {error}", file=sys.stderr, flush=True)
            finally:
                _stop(contestants, origin)
    print("\n".join(idle_table(proxies, costs)), end="\n\n", flush=True)


def _versions(names: list[str]) -> list[str]:
    return [f"{name} {version}" for name in names if (version := version_of(name, TOOLS))]


def _how(harrier: Contestant) -> str:
    """Whether its workers run compiled modules."""
    return "compiled" if harrier.tree is not None and harrier.tree.has_mapped(f"{GROUP}__mypyc") else "plain"


def _take_turns(
    bench: Bench, contestants: list[Contestant], loads: list[str], rounds: int
) -> tuple[dict[str, dict[str, list[Result]]], int]:
    """Every load, every round, every contestant in turn; also how many answers came through Harrier."""
    results: dict[str, dict[str, list[Result]]] = {}
    sent = 0
    for load in loads:
        by_name: dict[str, list[Result]] = {}
        results[load] = by_name
        for number in range(-1, rounds):  # the first is to warm up: caches, certificates, compilers
            if number < 0 and load.endswith(("1g", "idle")):
                continue
            for contestant in contestants:
                try:
                    shorter = bench.for_seconds(_WARM_UP_S) if number < 0 else bench
                    result = LOADS[load].measure(shorter, contestant)
                except BenchmarkError as error:
                    print(f"{load} through {contestant.name}: {error}", file=sys.stderr, flush=True)
                    continue
                sent += result.requests if contestant.name == "harrier" and LOADS[load].is_recorded else 0
                if number >= 0:
                    by_name.setdefault(contestant.name, []).append(result)
                    line = f"{load} {contestant.name}: {result.rate:,.2f} {LOADS[load].unit}"
                    print(line, file=sys.stderr, flush=True)
    return results, sent


def _recorded(folder: Path, sent: int) -> int:
    """How many exchanges the live capture holds, once it has caught up."""
    reader = CaptureReader(str(folder))
    try:
        for _ in range(100):
            if reader.total() >= sent:
                break
            threading.Event().wait(0.1)
        return reader.total()
    finally:
        reader.close()


def _memory(options: argparse.Namespace, folder: Path) -> None:
    exchanges = options.exchanges or (50_000 if options.quick else 1_000_000)
    place = Place(TOOLS, folder)
    shutil.rmtree(folder / f"{CAPTURE}.live", ignore_errors=True)
    origin = start_origin(folder, as_root=os.geteuid() == 0)
    contestants: list[Contestant] = []
    try:
        contestants += [CONTESTANTS["harrier"](place, origin)]
        sent, growths = measure_growth(Bench(folder, origin, 10), contestants[0], exchanges)
    finally:
        _stop(contestants, origin)
    print("Memory of Harrier's processes, MB\n")
    print("\n".join(memory_table(sent, growths)), end="\n\n", flush=True)


def _stop(contestants: list[Contestant], origin: Origin) -> None:
    for contestant in contestants:
        contestant.stop()
    origin.stop()


def _window(options: argparse.Namespace) -> None:
    """The window's own benchmark, in a process of its own."""
    exchanges = options.exchanges or (50_000 if options.quick else 1_000_000)
    command = [sys.executable, "-m", WINDOW_LOAD, "--rows", str(exchanges)]
    command += ["--seconds", str(options.seconds or (3 if options.quick else 8))]
    if subprocess.run(command, cwd=ROOT, check=False, stdin=subprocess.DEVNULL).returncode:
        raise BenchmarkError("The window's benchmark failed.")
