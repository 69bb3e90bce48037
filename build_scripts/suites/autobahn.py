"""The Autobahn suite (PyPI, autobahntestsuite): WebSocket's client and server, each through Harrier.

It needs Python 2.7 (and with it autobahn 0.10.9, txaio 2.1.0, Twisted 20.3), so it's asked for by the path of its
`wstest`. Each way is run directly first, for the peer at the other end has faults and limits of its own: what counts is
what goes worse through Harrier. All 517 cases take hours: 12 and 13 (compression) send a thousand messages each.
"""

import asyncio
import contextlib
import json
import logging
import subprocess
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

from websockets.asyncio.server import ServerConnection, serve

from build_scripts.benchmark.process_tree import ProcessTree, free_port
from build_scripts.suites.through import Passage, SuiteError, executable, harrier

_SUITE_WITHIN_S = (
    4 * 3600.0
)  # a way, directly or through: those of compression alone take an hour where others work, too
_LARGEST_BYTES = 1 << 25  # its cases go up to 16 MiB
# «Non-strict» passes: what a peer has echoed before it saw a fault goes by how the bytes were cut on their way.
_RANK = {"OK": 0, "NON-STRICT": 0, "INFORMATIONAL": 1, "UNIMPLEMENTED": 2, "FAILED": 3}


def run_autobahn(wstest: str, folder: Path, cases: list[str]) -> list[str]:
    """Both ways; the cases that go worse through Harrier than without it."""
    program = executable(wstest)
    server_port, standing_for_it = free_port(), free_port()
    place = f"127.0.0.1:{standing_for_it}=http://127.0.0.1:{server_port}"
    with harrier(folder, "--listen", place) as between:
        worse = [f"as a client: {each}" for each in _with_its_client(program, folder, between.port, cases)]
        worse += [
            f"as a server: {each}" for each in _with_its_server(program, folder, server_port, standing_for_it, cases)
        ]
        print(f"{between.recorded()} exchanges recorded")
        if between.faults():
            worse.append("Harrier's log: " + between.faults()[-1500:])
    return worse


def _with_its_client(wstest: str, folder: Path, proxy_port: int, cases: list[str]) -> list[str]:
    """Its fuzzing client, and an echo."""
    results = []
    with _echo() as port:
        passage = Passage(proxy_port, port)
        for name, reached in (("direct", port), ("through", passage.port)):
            report = folder / f"client-{name}"
            specification = {
                "outdir": str(report),
                "servers": [{"agent": name, "url": f"ws://127.0.0.1:{reached}"}],
                "cases": cases,
                "exclude-cases": [],
                "exclude-agent-cases": {},
            }
            _run([wstest, "-m", "fuzzingclient"], folder, f"client-{name}", specification)
            results.append(_results(report, name))
        passage.close()
    return _worse(*results)


def _with_its_server(wstest: str, folder: Path, port: int, standing_for_it: int, cases: list[str]) -> list[str]:
    """Its fuzzing server, and its own echoing client. It wants its own port in Host, as it gets it in reverse mode."""
    report = folder / "server"
    specification = {
        "outdir": str(report),
        "url": f"ws://127.0.0.1:{port}",
        "cases": cases,
        "exclude-cases": [],
        "exclude-agent-cases": {},
    }
    path = folder / "server.json"
    path.write_text(json.dumps(specification), encoding="utf-8")
    command = [wstest, "-m", "fuzzingserver", "-s", str(path), "-u", "0"]
    server = ProcessTree(command, folder=folder, log=folder / "server.txt")
    try:
        server.wait_for_port(port)
        for name, reached in (("direct", port), ("through", standing_for_it)):
            client = [wstest, "-m", "testeeclient", "-w", f"ws://127.0.0.1:{reached}", "-i", name]
            _run(client, folder, f"testee-{name}")
    finally:
        server.stop()
    return _worse(_results(report, "direct"), _results(report, "through"))


def _run(command: list[str], folder: Path, name: str, specification: Mapping[str, object] | None = None) -> None:
    if specification is not None:
        path = folder / f"{name}.json"
        path.write_text(json.dumps(specification), encoding="utf-8")
        command = [*command, "-s", str(path)]
    log = folder / f"{name}.txt"
    with log.open("wb") as output:
        try:
            subprocess.run(
                command, cwd=folder, stdout=output, stderr=subprocess.STDOUT, timeout=_SUITE_WITHIN_S, check=False
            )
        except subprocess.TimeoutExpired:
            raise SuiteError(f"Autobahn did not end in {_SUITE_WITHIN_S:.0f} seconds: {log}") from None


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


def _worse(direct: dict[str, str], through: dict[str, str]) -> list[str]:
    for name, results in (("directly", direct), ("through Harrier", through)):
        failed = sum(_RANK.get(result, 3) == _RANK["FAILED"] for result in results.values())
        print(f"{name}: {len(results)} cases, {failed} failed")
    return [
        f"{number}: {result} directly, {through.get(number, 'missing')} through Harrier"
        for number, result in direct.items()
        if _RANK.get(through.get(number, ""), 3) > _RANK.get(result, 3)
    ]


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
