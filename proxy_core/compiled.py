"""Compiled modules in the place of their sources: what a worker runs, where there are any.

`build_scripts/compile.py` says which they are and makes them, all in one build. They are the same code and no more than
faster, so nobody needs them: without a build that fits, every module is read from its source. `worker_entry` asks for
them before it imports the engine; no other process runs what is compiled.

A build lies in a folder that is named by a fingerprint of every byte that it depends on, so one that is stale has
another name and is never loaded: a worker reads all sources once (10 ms) to know the name of its own. The packaged
program, whose sources can't change, has its one build inside.
"""

import hashlib
import os
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import EXTENSION_SUFFIXES, ExtensionFileLoader, ModuleSpec
from importlib.util import spec_from_file_location
from types import ModuleType

PLAIN_VARIABLE = "HARRIER_PLAIN"  # set to anything, it has all modules read from their sources
GROUP = "harrier"  # what the build's shared library is called for
FOLDER_NAME = "compiled"  # in the packaged program
_ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FOLDER = os.path.join(_ROOT, "build", FOLDER_NAME)
# Beside the sources: how they are compiled, and with what.
_RECIPE = ("build_scripts/compile.py", "build_scripts/mypyc_build.py", "pyproject.toml", "requirements-compile.lock")


class _Finder(MetaPathFinder):
    """Finds modules in a build: files named by module, in one folder."""

    def __init__(self, folder: str) -> None:
        suffix = EXTENSION_SUFFIXES[0]
        self.paths = {
            name.removesuffix(suffix): os.path.join(folder, name)
            for name in os.listdir(folder)
            if name.endswith(suffix)
        }

    def find_spec(
        self, fullname: str, _path: Sequence[str] | None, _target: ModuleType | None = None, /
    ) -> ModuleSpec | None:
        found = self.paths.get(fullname)
        return spec_from_file_location(fullname, found, loader=ExtensionFileLoader(fullname, found)) if found else None


def use_compiled() -> bool:
    """Have modules come from the build that fits, from now on; False when there is none, or none is wanted."""
    folder = "" if os.environ.get(PLAIN_VARIABLE) else _build()
    if not os.path.isdir(folder):
        return False
    finder = _Finder(folder)
    early = sorted(finder.paths.keys() & sys.modules.keys())
    if early:  # compiled code knows the others' insides, and would look for them in vain
        raise RuntimeError(f"imported before the compiled modules were asked for: {', '.join(early)}")
    sys.meta_path.insert(0, finder)
    try:
        __import__(f"{GROUP}__mypyc")
    except ImportError:  # made on another machine, for a newer system than this one
        sys.meta_path.remove(finder)
        return False
    return True


def _build() -> str:
    """Where the build lies that would fit; "" where there can't be one."""
    if getattr(sys, "frozen", False):
        return os.path.join(getattr(sys, "_MEIPASS", ""), FOLDER_NAME)
    return os.path.join(FOLDER, fingerprint()) if os.path.isdir(FOLDER) else ""


def fingerprint() -> str:
    """The name of the build that fits these sources, this Python and this recipe."""
    digest = hashlib.sha256(f"{sys.version}\n{EXTENSION_SUFFIXES[0]}\n".encode())
    for name in (*_RECIPE, *_sources("proxy_core")):
        with open(os.path.join(_ROOT, name), "rb") as file:
            data = file.read()
        digest.update(b"%b\n%d\n" % (name.encode(), len(data)))
        digest.update(data)
    return digest.hexdigest()[:32]


def _sources(folder: str) -> list[str]:
    """All sources in a folder, by their paths from the root; in an order that is always the same."""
    found: list[str] = []
    with os.scandir(os.path.join(_ROOT, folder)) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            name = f"{folder}/{entry.name}"
            if entry.is_dir():
                found += _sources(name)
            elif name.endswith(".py"):
                found.append(name)
    return found
