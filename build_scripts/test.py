"""Every check on a fresh machine: python3 build_scripts/test.py [--skip-package] [arguments of pytest]

Formatting, lint, types, import walls, then the tests (with the packaged program among them), and those of what workers
run once more, compiled. Arguments select tests and skip the rest: `test.py tests/capture -k filter`.
"""

from __future__ import annotations  # an older Python shall get as far as being told what is needed

import shutil
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from build_scripts.environment import (
    QT_PACKAGES,
    ROOT,
    TEST_PACKAGES,
    SetupError,
    install_system_packages,
    missing_packages,
    prepare,
    without_proxies,
)

# What the tests have of npm, each in a folder with a lock file of ours.
NODE_PACKAGES = {"har-validator": "har_validator", "undici": "undici"}
# What tests the compiled modules, and so runs twice; the rest of Harrier is the same with them and without.
COMPILED_TESTS = ("tests/protocols", "tests/engine", "tests/processes")


def main(arguments: list[str]) -> int:
    """Returns 0 when everything holds."""
    skip_package = "--skip-package" in arguments
    selected = [argument for argument in arguments if argument != "--skip-package"]
    try:
        python = prepare("requirements-dev.txt")
        install_system_packages([*QT_PACKAGES, *_missing_tools(TEST_PACKAGES)])
        _install_what_may_lack()
        _install_node_packages()
    except SetupError as error:
        print(error, file=sys.stderr)
        return 2
    bin_folder = python.parent
    steps: list[list[str]] = []
    if not selected:
        steps = [
            [str(bin_folder / "ruff"), "format", "--check", "."],
            [str(bin_folder / "ruff"), "check", "."],
            [str(bin_folder / "mypy")],
            [str(bin_folder / "lint-imports")],
        ]
        steps.append([str(python), "build_scripts/compile.py"])
        if not skip_package:
            steps.append([str(python), "build_scripts/package.py"])
    steps.append([str(python), "-m", "pytest", "-q", *selected])
    failed = [" ".join(step) for step in steps if not _passes(step)]
    if not selected:
        compiled = [str(python), "-m", "pytest", "-q", *COMPILED_TESTS]
        failed += [] if _passes(compiled, HARRIER_TEST_COMPILED="1") else [f"compiled: {' '.join(compiled)}"]
    for step in failed:
        print(f"FAILED: {step}", file=sys.stderr)
    return 1 if failed else 0


def _missing_tools(packages: list[str]) -> list[str]:
    """Leave out what is there under its command's name, whoever installed it (node from elsewhere, say)."""
    commands = {"nodejs": "node", "xvfb": "Xvfb", "binutils": "objdump", "libnss3-tools": "certutil"}
    return [name for name in packages if not shutil.which(commands.get(name, name))]


def _install_what_may_lack() -> None:
    """What some systems have no package for. Without Firefox its tests are skipped; without Debian's sandbox Chromium
    may refuse to start for anybody but root (it says so).
    """
    wanted = [] if shutil.which("firefox") or shutil.which("firefox-esr") else ["firefox-esr"]
    if not missing_packages(["chromium"]):
        wanted.append("chromium-sandbox")
    for name in wanted:
        try:
            install_system_packages([name])
        except SetupError as error:
            print(f"The tests go on without {name}. {error}", file=sys.stderr)


def _install_node_packages() -> None:
    """From their lock files: who knows HAR's schema, and a client that is asked through the proxy."""
    for name, folder_name in NODE_PACKAGES.items():
        folder = ROOT / "tests" / "support" / folder_name
        if (folder / "node_modules").exists() or not (folder / "package.json").exists():
            continue
        npm = shutil.which("npm")
        if npm is None:
            raise SetupError(f"The tests want npm's {name}: install Node.js and npm.")
        print(f"Installing {name} …", flush=True)
        command = [npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]
        if subprocess.run(command, cwd=folder, check=False, stdin=subprocess.DEVNULL).returncode:
            raise SetupError(f"npm could not install {name}: is the network there?")


def _passes(step: list[str], **variables: str) -> bool:
    name = " ".join(Path(step[0]).name if index == 0 else word for index, word in enumerate(step))
    print(f"── {name}", flush=True)
    begin = time.monotonic()
    quiet = {**without_proxies(), "QT_QPA_PLATFORM": "offscreen", "PYTHONDONTWRITEBYTECODE": "1", **variables}
    status = subprocess.run(step, cwd=ROOT, check=False, env=quiet, stdin=subprocess.DEVNULL).returncode
    print(f"── {'passed' if status == 0 else 'FAILED'} in {time.monotonic() - begin:.0f} s", flush=True)
    return status == 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
