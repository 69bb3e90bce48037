"""Making what the other scripts need: a virtual environment beside the sources, and the system's packages.

It runs without anything installed (an older Python than 3.11 is at least told so). A stamp holds what was installed
from which lock files, so a second start costs a file read; what a lock file has no hash of is not installed. System
packages are installed when we may (Debian or Ubuntu, root); otherwise one line says what to install.
"""

from __future__ import annotations  # before Python 3.9 the annotations below would be mistakes

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENT = ROOT / ".venv"
LEAST_PYTHON = (3, 11)
REQUIREMENTS = ("requirements.txt", "requirements-compile.txt", "requirements-dev.txt")  # each holds those before it
_STAMP = ENVIRONMENT / "harrier-installed"  # lines: the interpreter, the requirements' fingerprint, what is installed
# They tell pip to install elsewhere, or not at all. Its other settings (index, proxy, certificate …) are the person's.
_PIP_VARIABLES = "PIP_USER PIP_TARGET PIP_PREFIX PIP_ROOT PIP_NO_DEPS PIP_DRY_RUN PIP_REQUIRE_HASHES PIP_PYTHON".split()

# What Qt's libraries link to beyond a bare Debian 12 (`objdump -p` on PySide6 6.11.3), and fonts to write with.
QT_PACKAGES = (
    "libegl1 libgl1 libglib2.0-0 libxkbcommon0 libxkbcommon-x11-0 libfontconfig1 libfreetype6 libdbus-1-3 libx11-6"
    " libx11-xcb1 libxcb-cursor0 libxcb-icccm4 libxcb-image0 libxcb-keysyms1 libxcb-randr0 libxcb-render-util0"
    " libxcb-shape0 libxcb-sync1 libxcb-xfixes0 libxcb-xkb1 libxcb-util1 fonts-dejavu-core"
).split()
TEST_PACKAGES = "chromium xvfb xdotool curl openssl nodejs npm binutils libnss3-tools".split()


class SetupError(Exception):
    """Something is missing that we can't install: the message says what to do."""


def environment_python() -> Path:
    """The environment's interpreter."""
    return ENVIRONMENT / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def prepare(requirements: str) -> Path:
    """Make or refresh the environment for a requirements file; returns its interpreter. Raises SetupError."""
    if sys.version_info < LEAST_PYTHON:
        raise SetupError(f"Harrier needs Python 3.11 or later; this is {sys.version.split()[0]}.")
    python, wanted = environment_python(), _fingerprint()
    interpreter = os.path.realpath(python)
    installed = _STAMP.read_text(encoding="utf-8").splitlines() if _STAMP.exists() and python.exists() else []
    if installed[:2] == [interpreter, wanted] and requirements in installed[2:]:
        return python
    # A system's new Python leaves an old environment that finds nothing.
    if not python.exists() or (installed and installed[0] != interpreter):
        _create()
    _install(python, requirements)
    names = [
        *REQUIREMENTS[: REQUIREMENTS.index(requirements) + 1],
        *(installed[2:] if installed[:2] == [interpreter, wanted] else []),
    ]
    _STAMP.write_text("\n".join([os.path.realpath(python), wanted, *dict.fromkeys(names)]), encoding="utf-8")
    return python


def lock_of(requirements: str) -> str:
    """The file beside, with all that they lead to and the hashes: what is installed. `lock.py` makes it."""
    return requirements.replace(".txt", ".lock")


def _fingerprint() -> str:
    digest = hashlib.sha256()
    for name in REQUIREMENTS:
        digest.update((ROOT / lock_of(name)).read_bytes())
    return digest.hexdigest()


def _create() -> None:
    print(f"Making {ENVIRONMENT.name} …", flush=True)
    command = [sys.executable, "-m", "venv", "--clear", str(ENVIRONMENT)]
    if subprocess.run(command, check=False, capture_output=True).returncode == 0:
        return
    shutil.rmtree(ENVIRONMENT, ignore_errors=True)
    # Debian and Ubuntu keep venv's parts in a package of its own.
    install_system_packages([f"python{sys.version_info.major}.{sys.version_info.minor}-venv"])
    if subprocess.run(command, check=False).returncode:
        shutil.rmtree(ENVIRONMENT, ignore_errors=True)
        raise SetupError("Python could not make a virtual environment: is its venv module installed?")


def _install(python: Path, requirements: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name.upper() not in _PIP_VARIABLES}
    if subprocess.run([str(python), "-c", "import pip"], check=False, capture_output=True).returncode:
        _create()  # someone lost patience with the first one
    print(f"Installing {requirements} into {ENVIRONMENT.name} …", flush=True)
    command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes"]
    command += ["-r", lock_of(requirements)]
    if subprocess.run(command, cwd=ROOT, check=False, env=environment, stdin=subprocess.DEVNULL).returncode:
        raise SetupError(f"pip could not install {requirements}: is the network there? Its words above say why.")


def missing_packages(names: list[str]) -> list[str]:
    """Which Debian packages are not installed; none on other systems."""
    if not shutil.which("dpkg-query"):
        return []
    result = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n", *names],
        check=False,
        capture_output=True,
        text=True,
    )
    there = {line.split()[0] for line in result.stdout.splitlines() if line.endswith(" installed")}
    # Ubuntu renamed some libraries in its move to 64-bit times.
    return [name for name in names if name not in there and f"{name}t64" not in there]


def without_proxies() -> dict[str, str]:
    """The environment for what talks to this machine alone: no proxy of the person's may come between."""
    proxies = ("http_proxy", "https_proxy", "all_proxy", "ftp_proxy", "no_proxy")
    return {name: value for name, value in os.environ.items() if name.lower() not in proxies}


def install_system_packages(names: list[str]) -> None:
    """Install Debian packages, or say which. Raises SetupError when they are needed and can't be installed."""
    missing = missing_packages(names)
    if not missing:
        return
    line = f"apt-get install {' '.join(missing)}"
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        raise SetupError(f"Some system packages are missing. As root: {line}")
    print(f"Installing system packages: {' '.join(missing)} …", flush=True)
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(["apt-get", "update", "-qq"], check=False, env=quiet, stdout=subprocess.DEVNULL)
    command = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing]
    if subprocess.run(command, check=False, env=quiet, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL).returncode:
        raise SetupError(f"These system packages could not be installed. As root: {line}")
