"""Compile what a worker spends its time in: python3 build_scripts/compile.py [--in-background]

mypyc makes native modules of the engine and the protocols, from the same sources that run without it; they lie in
`build/compiled/` under the fingerprint of all that they were made from, and `proxy_core/compiled.py` finds them there.
A C compiler and Python's headers have to be at hand. `run.py` has it done in the background, which says nothing, takes
no time from anybody who wants some, and doesn't try again what has failed.

What is compiled is said here and nowhere else: whole folders, and what is left out of them, with the reason.
"""

from __future__ import annotations  # an older Python shall get as far as being told what is needed

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from build_scripts.environment import ROOT, SetupError, install_system_packages, prepare
from proxy_core.compiled import FOLDER, GROUP, fingerprint
from proxy_core.file_lock import lock_at_once

COMPILED = ("proxy_core/protocols", "proxy_core/engine")
LEFT_OUT = {
    "proxy_core/engine/links/tls_error.py": "mypyc makes no native class of one that derives from OSError",
    "proxy_core/engine/recording/message_log.py": "mypyc takes what `msgspec.field` returns for the default itself",
}
# Type errors are the checks' affair, and a `type: ignore` is not unused because another Python has no use for it.
_OPTIONS = ("--no-warn-unused-ignores", "--no-warn-unused-configs", "--no-warn-unreachable")
BACKGROUND = "--in-background"
_NICENESS = 19
_LOOK_AGAIN_S = 0.5


def main(arguments: list[str]) -> int:
    """Returns 0 when there is a build that fits."""
    in_background = BACKGROUND in arguments
    try:
        python = prepare("requirements.txt")
        if Path(sys.prefix).resolve() != python.parent.parent.resolve():  # the build is for the Python that runs it
            command = [str(python), str(Path(__file__).resolve()), *arguments]
            return subprocess.run(command, check=False, stdin=subprocess.DEVNULL).returncode
        if in_background and hasattr(os, "nice"):
            os.nice(_NICENESS)
        name = fingerprint()
        if not Path(FOLDER, name).is_dir():
            _compile(name, in_background=in_background)
    except SetupError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def sources() -> list[str]:
    """The modules that are compiled, by their paths from the root."""
    found = [path.relative_to(ROOT).as_posix() for folder in COMPILED for path in (ROOT / folder).rglob("*.py")]
    return sorted(name for name in found if not name.endswith("/__init__.py") and name not in LEFT_OUT)


def has_compiler() -> bool:
    """Whether a C compiler and Python's headers seem to be at hand; on Windows only trying would tell."""
    compiler = str(sysconfig.get_config_var("CC") or "").split()
    return bool(compiler) and shutil.which(compiler[0]) is not None and _header().is_file()


def compiler_packages() -> list[str]:
    """The Debian packages that a compiler is missing for."""
    packages = [] if shutil.which(str(sysconfig.get_config_var("CC") or "cc").split()[0]) else ["gcc", "libc6-dev"]
    if not _header().is_file():
        packages.append(f"python{sys.version_info.major}.{sys.version_info.minor}-dev")
    return packages


def _header() -> Path:
    return Path(sysconfig.get_path("include"), "Python.h")


def _compile(name: str, *, in_background: bool) -> None:
    """Make the build of that name, after whoever is at it; in the background not even then. Raises SetupError."""
    failed = Path(FOLDER, f"{name}.failed")
    if in_background and failed.exists():
        raise SetupError(f"It could not be compiled before: see {failed}.")
    python = prepare("requirements-compile.txt")
    if not in_background:
        install_system_packages(compiler_packages())
    os.makedirs(FOLDER, exist_ok=True)
    with open(Path(FOLDER, "lock"), "wb") as lock:
        while not lock_at_once(lock.fileno()):
            if in_background:
                raise SetupError("It is being compiled already.")
            time.sleep(_LOOK_AGAIN_S)
        if Path(FOLDER, name).is_dir():
            return
        _clear(keep=lock.name)
        _build(python, name, failed)


def _clear(keep: str) -> None:
    """Builds of other sources, and what a build that was ended has left."""
    for path in Path(FOLDER).iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path != Path(keep):
            path.unlink()


def _build(python: Path, name: str, failed: Path) -> None:
    """Make a build and put it in its place. Raises SetupError."""
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="making-", dir=FOLDER, ignore_cleanup_errors=True) as work:
        place = Path(work, "modules")
        place.mkdir()
        command = [str(python), "-m", "build_scripts.mypyc_build", work, str(place), GROUP, *_OPTIONS, *sources()]
        done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        if done.returncode:
            failed.write_text(done.stdout + done.stderr, encoding="utf-8")
            raise SetupError(f"It could not be compiled, so Harrier runs without; {failed} says why.")
        if fingerprint() != name:
            raise SetupError("The sources were changed while they were compiled: once more, please.")
        place.rename(Path(FOLDER, name))
    print(f"{len(sources())} modules compiled in {time.monotonic() - begin:.0f} s")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
