"""Write down all that is installed, with its hashes: python3 build_scripts/lock.py

From `requirements.txt` and `requirements-dev.txt`, which people read and change, come the `.lock` files, which pip
installs from: each package that those lead to, on Linux, macOS and Windows, by its version and its files' hashes.
"""

from __future__ import annotations  # an older Python shall get as far as being told what is needed

import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from build_scripts.environment import LEAST_PYTHON, REQUIREMENTS, ROOT, SetupError, lock_of, prepare

_HEADER = "# Made by build_scripts/lock.py from {name}: every package by its hashes.\n"


def main(arguments: list[str]) -> int:
    """Returns 0 when both files are written."""
    if arguments:
        print(__doc__)
        return 0 if arguments[0] in ("-h", "--help") else 2
    try:
        python = prepare(REQUIREMENTS[-1])
        for name in REQUIREMENTS:
            _lock(python, name)
    except SetupError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def _lock(python: Path, name: str) -> None:
    command = [str(python), "-m", "uv", "pip", "compile", "--quiet", "--universal", "--generate-hashes"]
    command += ["--python-version", ".".join(map(str, LEAST_PYTHON)), "--no-header", "--no-annotate"]
    for before in REQUIREMENTS[: REQUIREMENTS.index(name)]:  # what is developed with is what is shipped
        command += ["--constraint", lock_of(before)]
    # What the file says already stays as it is, unless the requirements have it otherwise.
    command += ["--output-file", lock_of(name), name]
    if subprocess.run(command, cwd=ROOT, check=False, stdout=subprocess.DEVNULL).returncode:
        raise SetupError(f"{name} could not be locked; the words above say why.")
    path = ROOT / lock_of(name)
    path.write_text(_HEADER.format(name=name) + path.read_text(encoding="utf-8"), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
