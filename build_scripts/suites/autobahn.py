"""The Autobahn suite (PyPI, autobahntestsuite): WebSocket's client and server, each through Harrier.

It needs Python 2.7 (and with it autobahn 0.10.9, txaio 2.1.0, Twisted 20.3), so it's asked for by the path of its
`wstest`. What does not pass through Harrier is tried directly, for the peer at the other end has faults and limits of
its own: what counts is what goes worse through Harrier.

Groups 12 and 13 (compression) send a thousand messages a case, up to 128 KiB each: 11 GB each way, masked and
unmasked byte by byte in Python unless `wsaccel` is beside autobahn. Harrier records them decompressed, 44 GB in all, so
each pattern of cases is a run of its own, and its capture goes when there is nothing against us in it.
"""

import asyncio
import contextlib
import json
import logging
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from websockets.asyncio.server import ServerConnection, serve

from build_scripts.benchmark.process_tree import ProcessTree, free_port
from build_scripts.suites.through import Passage, SuiteError, executable, harrier, remove_capture

# Each way of a run; twenty times what the longest took (12.2, a picture, on two busy cores).
_RUN_WITHIN_S = 4 * 3600.0
_LARGEST_BYTES = 1 << 25  # its cases go up to 16 MiB
# By what one run's capture takes of the disk: 4 GB at the most.
ALL_CASES = (
    *(f"{group}.*" for group in range(1, 11)),
    *(f"12.{group}.*" for group in range(1, 6)),
    *(f"13.{group}.*" for group in range(1, 8)),
)
# «Non-strict» passes: what a peer has echoed before it saw a fault goes by how the bytes were cut on their way.
_PASSED = 0
_RANK = {"OK": 0, "NON-STRICT": 0, "INFORMATIONAL": 1, "UNIMPLEMENTED": 2, "FAILED": 3}


class _Outcome(NamedTuple):
    """Of one way."""

    cases: frozenset[str]
    """All that were tried."""
    worse: list[str]
    """What goes worse through Harrier than without it."""


def run_autobahn(wstest: str, folder: Path, cases: list[str]) -> list[str]:
    """Both ways; the cases that go worse through Harrier than without it."""
    program = executable(wstest)
    worse: list[str] = []
    for number, pattern in enumerate(cases):
        run = folder / f"{number:02}"
        run.mkdir()
        print(f"── {pattern}", flush=True)
        worse += _run_through(program, run, pattern)
    return worse


def _run_through(program: str, folder: Path, pattern: str) -> list[str]:
    """The cases of one pattern through a Harrier of their own."""
    server_port, standing_for_it = free_port(), free_port()
    place = f"127.0.0.1:{standing_for_it}=http://127.0.0.1:{server_port}"
    with harrier(folder, "--listen", place) as between:
        client = _with_its_client(program, folder, between.port, pattern)
        server = _with_its_server(program, folder, (server_port, standing_for_it), pattern)
        worse = [f"as a client: {each}" for each in client.worse] + [f"as a server: {each}" for each in server.worse]
        worse += [f"{number}: only tried one way" for number in sorted(client.cases ^ server.cases)]
        print(f"{between.recorded()} exchanges recorded", flush=True)
        if between.faults():
            worse.append("Harrier's log: " + between.faults()[-1500:])
    if not worse:
        remove_capture(folder)
    return worse


def _with_its_client(wstest: str, folder: Path, proxy_port: int, pattern: str) -> _Outcome:
    """Its fuzzing client, and an echo."""
    with _echo() as port, contextlib.closing(Passage(proxy_port, port)) as passage:

        def results(name: str, cases: list[str]) -> dict[str, str]:
            report = folder / f"client-{name}"
            reached = passage.port if name == "through" else port
            specification = {
                "outdir": str(report),
                "servers": [{"agent": name, "url": f"ws://127.0.0.1:{reached}"}],
                "cases": cases,
                "exclude-cases": [],
                "exclude-agent-cases": {},
            }
            _run([wstest, "-m", "fuzzingclient"], folder, f"client-{name}", specification)
            return _results(report, name)

        return _outcome(results, pattern)


def _with_its_server(wstest: str, folder: Path, ports: tuple[int, int], pattern: str) -> _Outcome:
    """Its fuzzing server, and its own echoing client. It wants its own port in Host, as it gets it in reverse mode."""
    port, standing_for_it = ports

    def results(name: str, cases: list[str]) -> dict[str, str]:
        report = folder / f"server-{name}"
        specification = {
            "outdir": str(report),
            "url": f"ws://127.0.0.1:{port}",
            "cases": cases,
            "exclude-cases": [],
            "exclude-agent-cases": {},
        }
        path = folder / f"server-{name}.json"
        path.write_text(json.dumps(specification), encoding="utf-8")
        command = [wstest, "-m", "fuzzingserver", "-s", str(path), "-u", "0"]
        server = ProcessTree(command, folder=folder, log=folder / f"server-{name}.txt")
        try:
            server.wait_for_port(port)
            reached = standing_for_it if name == "through" else port
            client = [wstest, "-m", "testeeclient", "-w", f"ws://127.0.0.1:{reached}", "-i", name]
            _run(client, folder, f"testee-{name}")
        finally:
            server.stop()
        return _results(report, name)

    return _outcome(results, pattern)


def _run(command: list[str], folder: Path, name: str, specification: Mapping[str, object] | None = None) -> None:
    if specification is not None:
        path = folder / f"{name}.json"
        path.write_text(json.dumps(specification), encoding="utf-8")
        command = [*command, "-s", str(path)]
    log = folder / f"{name}.txt"
    with log.open("wb") as output:
        try:
            subprocess.run(
                command, cwd=folder, stdout=output, stderr=subprocess.STDOUT, timeout=_RUN_WITHIN_S, check=False
            )
        except subprocess.TimeoutExpired:
            raise SuiteError(f"Autobahn did not end in {_RUN_WITHIN_S:.0f} seconds: {log}") from None


def _results(report: Path, agent: str) -> dict[str, str]:
    """What became of each case: the worse of behaviour and closing."""
    index = report / "index.json"
    if not index.exists():
        raise SuiteError(f"Autobahn wrote no report: {report.parent}")
    cases = json.loads(index.read_text(encoding="utf-8")).get(agent, {})
    if not cases:
        raise SuiteError(f"Autobahn reports nothing of «{agent}»: {index}")
    return {
        number: max((case["behavior"], case["behaviorClose"]), key=lambda each: _RANK.get(each, 3))
        for number, case in cases.items()
    }


def _outcome(results: Callable[[str, list[str]], dict[str, str]], pattern: str) -> _Outcome:
    """Through Harrier, then directly what did not pass: what goes worse."""
    through = results("through", [pattern])
    left = [number for number, result in through.items() if _RANK.get(result, 3) != _PASSED]
    direct = results("direct", left) if left else {}
    print(f"{len(through)} cases through Harrier, {len(through) - len(left)} passed", flush=True)
    for number in left:
        print(f"{number}: {through[number]} through Harrier, {direct.get(number, 'missing')} directly", flush=True)
    worse = [
        f"{number}: {through[number]} through Harrier, {direct.get(number, 'missing')} directly"
        for number in left
        if _RANK.get(through[number], 3) > _RANK.get(direct.get(number, ""), _PASSED)
    ]
    return _Outcome(frozenset(through), worse)


@contextlib.contextmanager
def _echo() -> Iterator[int]:
    """An echo of the `websockets` library, in a thread; its port."""
    logging.getLogger("websockets").setLevel(logging.CRITICAL)  # that a client does wrong is what is tried
    loop = asyncio.new_event_loop()
    port = free_port()

    async def echo(connection: ServerConnection) -> None:
        async for message in connection:
            await connection.send(message)

    async def start() -> None:
        await serve(echo, "127.0.0.1", port, max_size=_LARGEST_BYTES, ping_interval=None)

    loop.run_until_complete(start())
    thread = threading.Thread(target=loop.run_forever, name="echo", daemon=True)
    thread.start()
    try:
        yield port
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
