"""Running a pasted command in real shells, with a `curl` that only tells what it was given, and nothing else to run."""

import os
import shutil
import subprocess
from pathlib import Path

# What a command is pasted into. bash and sh (dash on Debian) are there on every machine of ours, the others where they are.
SHELLS = ["bash", "sh", *(name for name in ("dash", "zsh") if shutil.which(name))]

_TELLING_CURL = """#!/bin/sh
printf '%s\\0' "$#" "$@" >> '{told}'
exec /bin/cat > '{stdin}'
"""


class ShellTrap:
    """An empty folder to run commands in. What they execute beside `curl` is not found, what they write is seen."""

    def __init__(self, folder: Path) -> None:
        self._bin, self._told, self._stdin = folder / "bin", folder / "told", folder / "stdin"
        self._script = folder / "pasted"
        self._empty = folder / "empty"
        for each in (self._bin, self._empty):
            each.mkdir(parents=True)
        script = self._bin / "curl"
        script.write_text(_TELLING_CURL.format(told=self._told, stdin=self._stdin))
        script.chmod(0o755)

    def run(self, shell: str, command: str) -> tuple[list[list[bytes]], bytes]:
        """The arguments of each curl, and what the last one found on its standard input. Asserts that nothing else was
        done: not a word on standard error, not a file in the folder.
        """
        self._told.write_bytes(b"")
        self._script.write_text(command, encoding="utf-8")
        done = subprocess.run(
            [str(shutil.which(shell)), str(self._script)],
            cwd=self._empty,
            env={"PATH": str(self._bin), "HOME": str(self._empty), "LC_ALL": "C.UTF-8"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=60,
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
        assert os.listdir(self._empty) == []
        words = self._told.read_bytes().split(b"\0")[:-1]
        calls = []
        while words:
            count = int(words[0])
            calls.append(words[1 : count + 1])
            del words[: count + 1]
        return calls, self._stdin.read_bytes()
