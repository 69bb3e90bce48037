"""Fuzz one parser for as long as you like: python3 build_scripts/fuzz.py PARSER CORPUS [arguments of libFuzzer]

CORPUS is a folder that begins with what the tests know of odd messages, grows by every input that reaches new code, and
is gone on with the next time; what breaks the parser is written beside it as `crash-…`. `-max_total_time=3600` ends
after an hour. The parsers are those of `tests/support/parsers.py`. It needs atheris (PyPI, Apache-2.0), which is not
among the requirements: it has no wheels for all systems.
"""

from __future__ import annotations  # an older Python shall get as far as being told what is needed

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from build_scripts.environment import SetupError, prepare


def main(arguments: list[str]) -> int:
    """Prepare the environment, then fuzz inside it."""
    try:
        python = prepare("requirements-dev.txt")
    except SetupError as error:
        print(error, file=sys.stderr)
        return 2
    if Path(sys.prefix).resolve() != python.parent.parent.resolve():
        os.execv(python, [str(python), str(Path(__file__).resolve()), *arguments])
    try:
        import atheris
    except ImportError:
        print(f"atheris is missing: {python} -m pip install atheris==3.0.0", file=sys.stderr)
        return 2
    with atheris.instrument_imports(include=["proxy_core"]):
        from tests.protocols.http1.corpus import REQUESTS, RESPONSES
        from tests.support.parsers import PARSERS, WORDS
    if len(arguments) < 2 or arguments[0] not in PARSERS:
        print(f"{__doc__}\nParsers: {', '.join(PARSERS)}", file=sys.stderr)
        return 2
    name, corpus, *options = arguments
    folder = Path(corpus)
    folder.mkdir(parents=True, exist_ok=True)
    cases = {"http1_request": REQUESTS, "http1_response": RESPONSES}.get(name, [])
    for number, seed in enumerate([*WORDS, *(case.data for case in cases)]):
        (folder / f"seed-{number:03}").write_bytes(b"\0" + seed)  # 0: read whole
    words = folder.resolve().parent / f"{name}.dict"
    words.write_text("".join(f'"{_escaped(word)}"\n' for word in WORDS), encoding="ascii")
    artifacts = f"-artifact_prefix={folder.resolve().parent}/"
    atheris.Setup([sys.argv[0], str(folder), f"-dict={words}", artifacts, *options], PARSERS[name])
    atheris.Fuzz()
    return 0


def _escaped(word: bytes) -> str:
    """As libFuzzer's dictionaries have it."""
    return "".join(f"\\x{byte:02x}" for byte in word)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
