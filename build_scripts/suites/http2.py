"""h2spec and h2specd (github.com/summerwind/h2spec): HTTP/2 as a server and as a client, judged frame by frame.

h2spec reaches Harrier's side towards clients inside an interception; h2specd is the origin, which curl asks through
Harrier, one connection for each case.
"""

import re
import shlex
import subprocess
from pathlib import Path

from build_scripts.benchmark.process_tree import free_port
from build_scripts.suites.through import Passage, SuiteError, executable, harrier, web_origin
from tests.support.test_ca import ExampleCa

_SUITE_WITHIN_S = 600.0
_SUMMARY = re.compile(r"(\d+) tests, (\d+) passed, (\d+) skipped, (\d+) failed")
_H2SPECD_PORTS = 200  # it takes one for each case, upwards from the first


def run_h2spec(program: str, folder: Path) -> list[str]:
    """All cases, the strict ones, too; what has failed."""
    with web_origin(folder) as origin, harrier(folder, "--upstream-ca", str(origin.ca_path)) as between:
        passage = Passage(between.port, origin.https_port)
        try:
            words = "--strict --tls --insecure --host 127.0.0.1 --path /1k --timeout 5 --port".split()
            failed = _judge([executable(program), *words, str(passage.port)], folder / "h2spec.txt")
        finally:
            passage.close()
        return failed + _own_faults(between.faults())


def run_h2specd(program: str, folder: Path) -> list[str]:
    """All cases; what has failed."""
    ca = ExampleCa()
    leaf = ca.leaf("localhost", "127.0.0.1").write(str(folder))
    with harrier(folder, "--upstream-ca", ca.write(str(folder))) as between:
        asking = folder / "ask.sh"
        curl = f"exec curl -s --http2 --max-time 5 --cacert {shlex.quote(str(between.ca))} -x {between.proxy}"
        asking.write_text(f'#!/bin/sh\n{curl} -o /dev/null "$1"\n', encoding="utf-8")
        asking.chmod(0o700)
        words = ["--tls", "--cert-file", leaf, "--cert-key-file", leaf, "--host", "localhost", "--exec", str(asking)]
        first_port = max(1024, free_port() - _H2SPECD_PORTS)
        command = [executable(program), *words, "--from-port", str(first_port)]
        return _judge(command, folder / "h2specd.txt") + _own_faults(between.faults())


def _judge(command: list[str], log: Path) -> list[str]:
    with log.open("wb") as output:
        try:
            subprocess.run(command, stdout=output, stderr=subprocess.STDOUT, timeout=_SUITE_WITHIN_S, check=False)
        except subprocess.TimeoutExpired:
            raise SuiteError(f"{command[0]} did not end in {_SUITE_WITHIN_S:.0f} seconds: {log}") from None
    text = log.read_text(errors="replace").replace("\r", "\n")
    found = _SUMMARY.search(text)
    if found is None:
        raise SuiteError(f"{command[0]} said nothing of its result: {log}")
    print(found[0])
    if found[4] == "0" and found[3] == "0":
        return []
    return re.findall(r"× (.*)", text[text.find("Failures:") :])


def _own_faults(log: str) -> list[str]:
    return ["Harrier's log: " + log[-1500:]] if log else []
