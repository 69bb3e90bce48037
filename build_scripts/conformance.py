"""Run suites that others wrote through Harrier: python3 build_scripts/conformance.py SUITE PLACE [options]

The suites are not part of Harrier; each is made or fetched by whoever runs it, and its place is given:

    h2spec PROGRAM      github.com/summerwind/h2spec, `go build ./cmd/h2spec`: the side towards clients
    h2specd PROGRAM     the same, `go build ./cmd/h2specd`: the side towards origins
    llhttp FOLDER       github.com/nodejs/llhttp, its folder `test`: reading HTTP/1
    hpack FOLDER        github.com/http2jp/hpack-test-case: HTTP/2's field blocks
    autobahn PROGRAM    PyPI, autobahntestsuite, under Python 2.7: `wstest`; WebSocket, both ways
                        (`--cases 1.* --cases 2.*` runs some). Have wsaccel in its environment, too: without it all
                        is masked in Python, and groups 12 and 13 take hours

Prints what a suite counted and what it has against us; the end is 0 when that is nothing. Linux; nginx and curl are
asked for where they are needed. `--keep FOLDER` keeps logs, reports and the capture there (of Autobahn's runs, which
record gigabytes, only where something is against us).
"""

from __future__ import annotations  # an older Python shall get as far as being told what is needed

import argparse
import contextlib
import os
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from build_scripts.environment import SetupError, prepare

SUITES = ("h2spec", "h2specd", "llhttp", "hpack", "autobahn")


def main(arguments: list[str]) -> int:
    """Prepare the environment, then run inside it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("suite", choices=SUITES)
    parser.add_argument("place", help="the suite's program or folder")
    parser.add_argument(
        "--cases", action="append", help="a pattern of Autobahn's cases, each a run of its own; all when none is named"
    )
    parser.add_argument("--keep", type=Path, help="an empty folder for logs, reports and the capture")
    options = parser.parse_args(arguments)
    try:
        python = prepare("requirements-dev.txt")
    except SetupError as error:
        print(error, file=sys.stderr)
        return 2
    if Path(sys.prefix).resolve() != python.parent.parent.resolve():
        os.execv(python, [str(python), str(Path(__file__).resolve()), *arguments])
    return _run(options)


def _run(options: argparse.Namespace) -> int:
    from build_scripts.suites.autobahn import ALL_CASES, run_autobahn
    from build_scripts.suites.hpack import run_hpack
    from build_scripts.suites.http2 import run_h2spec, run_h2specd
    from build_scripts.suites.llhttp import run_llhttp
    from build_scripts.suites.through import SuiteError

    with contextlib.ExitStack() as stack:
        folder = options.keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="harrier-")))
        folder = folder.resolve()
        folder.mkdir(parents=True, exist_ok=True)
        try:
            match options.suite:
                case "h2spec":
                    against = run_h2spec(options.place, folder)
                case "h2specd":
                    against = run_h2specd(options.place, folder)
                case "llhttp":
                    against = run_llhttp(options.place)
                case "hpack":
                    against = run_hpack(options.place)
                case _:
                    against = run_autobahn(options.place, folder, options.cases or list(ALL_CASES))
        except SuiteError as error:
            print(error, file=sys.stderr)
            return 2
    for each in against:
        print(each)
    return 1 if against else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
