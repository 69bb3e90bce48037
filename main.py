"""Harrier's entry point: the window by default, `record`, `convert` and `ca` without one.

`spawn` imports this file again in every child process, so nothing heavy stands at the top.
"""

import multiprocessing
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from proxy_core.command_line import WindowOptions


def open_window(options: "WindowOptions") -> int:
    """Be the window; only here is Qt loaded."""
    from app.application import run

    return run(options)


def main() -> int:
    """Run the command line; returns the exit status."""
    from proxy_core.command_line import run
    from proxy_core.frozen import settle

    settle(sys.argv[1:])
    return run(sys.argv[1:], open_window)


if __name__ == "__main__":
    multiprocessing.freeze_support()
    sys.exit(main())
