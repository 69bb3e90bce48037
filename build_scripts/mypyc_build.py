"""mypyc's side of `compile.py`, in the environment that has it: from sources to a folder of native modules.

`python -m build_scripts.mypyc_build WORK PLACE GROUP [options of mypy] SOURCES`; C and object files stay in WORK.
"""

import os
import shutil
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

from mypyc.build import mypycify
from setuptools import Distribution
from setuptools.command.build_ext import build_ext


def _use_all_processors(command: build_ext) -> None:
    """Have the files of one extension compiled at the same time, too."""
    build_one_by_one = command.build_extensions

    def build_extensions() -> None:  # by then it has a compiler
        command.compiler.compile = partial(_compile_at_once, command.compiler.compile)
        build_one_by_one()

    command.parallel, command.build_extensions = os.cpu_count(), build_extensions


def _compile_at_once(compile_files: Callable[..., list[str]], sources: Sequence[str], **options: object) -> list[str]:
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        made = pool.map(lambda source: compile_files([source], **options), sources)
        return [name for names in made for name in names]


def main(arguments: list[str]) -> int:
    """Returns 0, or ends with what mypy or the compiler have to say."""
    work, place, group, *paths = arguments
    # Without the marks for debuggers, which are five times the code. Measured 2026-11-25, bench.py: as one file of C it
    # takes the compiler twice the time, and an exchange no less.
    extensions = mypycify(paths, opt_level="2", debug_level="0", multi_file=True, group_name=group, target_dir=work)
    command = build_ext(Distribution({"name": group, "ext_modules": extensions}))
    command.build_lib, command.build_temp = work, work
    _use_all_processors(command)
    command.ensure_finalized()
    command.run()
    for extension in extensions:
        shutil.move(command.get_ext_fullpath(extension.name), Path(place, extension.name + EXTENSION_SUFFIXES[0]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
