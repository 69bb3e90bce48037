"""Measure Harrier against its peers in one run on one machine: python3 build_scripts/bench.py [--quick] [--only …]

Prints a Markdown table of rates and ratios. All proxies are up at once and take turns, load by load and round by round,
so that a busy moment of the machine hits all alike; each figure is the median of the rounds. Linux only. The tools are
installed when we may, otherwise one line says which are missing; downloads and logs lie in build/bench/.
Harrier is compiled first; with HARRIER_PLAIN=1 it runs from the sources, and what is printed says so.
"""

from __future__ import annotations  # an older Python shall get as far as being told what is needed

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from build_scripts.environment import SetupError, prepare


def main(arguments: list[str]) -> int:
    """Prepare the environment, then measure inside it."""
    if not sys.platform.startswith("linux"):
        print("The benchmark needs Linux: its loaders, origin and measurements are Linux's.", file=sys.stderr)
        return 2
    try:
        python = prepare("requirements-dev.txt")
    except SetupError as error:
        print(error, file=sys.stderr)
        return 2
    if Path(sys.prefix).resolve() != python.parent.parent.resolve():
        os.execv(python, [str(python), str(Path(__file__).resolve()), *arguments])
    from build_scripts.benchmark.run import run

    return run(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
