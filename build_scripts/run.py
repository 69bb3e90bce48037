"""Start Harrier from its sources on a fresh machine: python3 build_scripts/run.py [arguments of main.py]

Makes the environment the first time, then hands over to the program; arguments are passed on unchanged.
"""

from __future__ import annotations  # an older Python shall get as far as being told what is needed

import os
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from build_scripts.compile import BACKGROUND, has_compiler
from build_scripts.environment import QT_PACKAGES, ROOT, SetupError, install_system_packages, prepare
from proxy_core.compiled import PLAIN_VARIABLE

_WITHOUT_TRAFFIC = ("convert", "ca", "--help", "-h", "--version")
_WITHOUT_WINDOW = ("record", *_WITHOUT_TRAFFIC)


def main(arguments: list[str]) -> int:
    """Prepare, then become the program. Returns an exit status only when that fails (or on Windows)."""
    try:
        python = prepare("requirements.txt")
        if sys.platform.startswith("linux") and not any(word in _WITHOUT_WINDOW for word in arguments):
            _check_qt()
    except SetupError as error:
        print(error, file=sys.stderr)
        return 2
    is_plain = bool(os.environ.get(PLAIN_VARIABLE)) or any(word in _WITHOUT_TRAFFIC for word in arguments)
    if not is_plain and has_compiler():
        _compile_for_later(python)
    command = [str(python), str(ROOT / "main.py"), *arguments]
    if os.name != "nt":  # there, exec would let the shell's prompt come back while the program runs
        os.execv(command[0], command)
    return subprocess.run(command, check=False).returncode


def _compile_for_later(python: Path) -> None:
    """Have the engine compiled while the program runs, unless it is: a later start finds it. This one doesn't wait.

    The program takes this process over, and isn't to find a child that it didn't start: so it is a grandchild.
    """
    if os.fork() == 0:
        try:
            subprocess.Popen(
                [str(python), str(ROOT / "build_scripts" / "compile.py"), BACKGROUND],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        finally:
            os._exit(0)
    os.wait()


def _check_qt() -> None:
    """Qt's system libraries: install them when we may, and otherwise only say so: the desktop may have them already."""
    try:
        install_system_packages(QT_PACKAGES)
    except SetupError as error:
        print(f"If the window doesn't come up: {error}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
