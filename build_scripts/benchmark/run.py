"""One run of the benchmark: options, the order of things, and what is printed."""

import argparse
import os
import platform
import sys
from pathlib import Path

from build_scripts.benchmark.contestants import CONTESTANTS, Contestant
from build_scripts.benchmark.loads import LOADS, Bench, Result
from build_scripts.benchmark.origin import Origin, start_origin
from build_scripts.benchmark.process_tree import BenchmarkError
from build_scripts.benchmark.table import cost_table, rate_table
from build_scripts.benchmark.tools import prepare_tools, version_of
from build_scripts.environment import ROOT, SetupError

FOLDER = ROOT / "build" / "bench"


def run(arguments: list[str]) -> int:
    """Carry out a command line; returns the exit status."""
    options = _parser().parse_args(arguments)
    names = _chosen(options.only, CONTESTANTS)
    loads = _chosen(options.load, LOADS)
    try:
        FOLDER.mkdir(parents=True, exist_ok=True)
        prepare_tools(FOLDER, names)
        _measure(options, names, loads)
    except (SetupError, BenchmarkError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bench.py", description="Measure Harrier against its peers.")
    parser.add_argument("--only", default="", metavar="NAMES", help=f"some of {','.join(CONTESTANTS)}")
    parser.add_argument("--load", default="", metavar="LOADS", help=f"some of {','.join(LOADS)}")
    parser.add_argument("--seconds", type=float, metavar="S", help="how long each load lasts (default 8; quick: 3)")
    parser.add_argument("--rounds", type=int, metavar="N", help="how often each is measured (default 3; quick: 1)")
    parser.add_argument("--quick", action="store_true", help="one short round")
    return parser


def _chosen(text: str, among: dict[str, object] | object) -> list[str]:
    assert isinstance(among, dict)
    wanted = [word for word in text.split(",") if word] or list(among)
    unknown = [word for word in wanted if word not in among]
    if unknown:
        raise SystemExit(f"bench.py: there is no {', '.join(unknown)}; there are {', '.join(among)}")
    return wanted


def _measure(options: argparse.Namespace, names: list[str], loads: list[str]) -> None:
    seconds = options.seconds or (3 if options.quick else 8)
    rounds = options.rounds or (1 if options.quick else 3)
    origin = start_origin(FOLDER, as_root=os.geteuid() == 0)
    contestants: list[Contestant] = []
    try:
        for name in names:
            contestants.append(CONTESTANTS[name](FOLDER, origin))
        results = _take_turns(Bench(FOLDER, origin, seconds), contestants, loads, rounds)
    finally:
        for contestant in contestants:
            contestant.stop()
        origin.tree.stop()
    print(
        f"{os.cpu_count()} cores, Python {platform.python_version()}, {rounds} round(s) of {seconds:g} s, 32 connections."
    )
    versions = [f"{name} {version_of(name, FOLDER)}" for name in names if version_of(name, FOLDER)]
    print(f"Peers: {', '.join(versions)}.\n" if versions else "")
    print("\n".join(rate_table(results, names)), end="\n\n")
    print("\n".join(cost_table(results, names)))


def _take_turns(
    bench: Bench, contestants: list[Contestant], loads: list[str], rounds: int
) -> dict[str, dict[str, list[Result]]]:
    """Every load, every round, every contestant in turn, so that a busy moment hits all alike."""
    results: dict[str, dict[str, list[Result]]] = {}
    for load in loads:
        by_name: dict[str, list[Result]] = {}
        results[load] = by_name
        for _ in range(rounds):
            for contestant in contestants:
                try:
                    result = LOADS[load].measure(bench, contestant)
                except BenchmarkError as error:
                    print(f"{load} through {contestant.name}: {error}", file=sys.stderr, flush=True)
                    continue
                by_name.setdefault(contestant.name, []).append(result)
                print(f"{load} {contestant.name}: {result.rate:,.1f} {LOADS[load].unit}", file=sys.stderr, flush=True)
    return results
