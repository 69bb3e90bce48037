"""Getting the loaders and the peers: Debian's packages, mitmproxy and good-mitm in environments of their own, mockttp
from npm.
"""

import glob
import os
import shutil
import subprocess
import sys
from pathlib import Path

from build_scripts.environment import SetupError, install_system_packages

# Debian's package for each command that we call.
_PACKAGES = {
    "nginx": "nginx-light",
    "wrk": "wrk",
    "hey": "hey",
    "h2load": "nghttp2-client",
    "proxychains4": "proxychains4",
    "curl": "curl",
}
_PEER_PACKAGES = {"squid": {"squid": "squid"}, "mockttp": {"node": "nodejs", "npm": "npm"}}
_MOCKTTP = "4.6.5"
_GOOD_MITM = "0.4.2"


def prepare_tools(folder: Path, names: list[str]) -> None:
    """Make sure that the loaders and these contestants are here. Raises SetupError."""
    commands = dict(_PACKAGES)
    for name in names:
        commands |= _PEER_PACKAGES.get(name, {})
    search = os.environ.get("PATH", "") + ":/usr/sbin"
    install_system_packages(
        [package for command, package in commands.items() if not shutil.which(command, path=search)]
    )
    if {"mitmdump", "mitmdump-w"} & set(names):
        _prepare_environment(folder / "mitmproxy", "mitmdump", "mitmproxy")
    if "good-mitm" in names:
        _prepare_environment(folder / "good-mitm", "good-mitm", f"good-mitm=={_GOOD_MITM}")
    if "mockttp" in names:
        _prepare_mockttp(folder / "mockttp")


def _prepare_environment(environment: Path, program: str, requirement: str) -> None:
    if (environment / "bin" / program).exists():
        return
    python = _newest_python()
    print(f"Installing {requirement} for {python} …", file=sys.stderr, flush=True)
    for command in (
        [python, "-m", "venv", str(environment)],
        [str(environment / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check", requirement],
    ):
        if subprocess.run(command, check=False, stdin=subprocess.DEVNULL).returncode:
            shutil.rmtree(environment, ignore_errors=True)
            raise SetupError(f"{requirement} could not be installed: is the network there? Leave it out with --only.")


def _newest_python() -> str:
    """Newer versions of mitmproxy want newer Pythons than we do."""
    for minor in range(16, sys.version_info.minor, -1):
        name = f"python3.{minor}"
        found = glob.glob(os.path.expanduser(f"~/.pyenv/versions/3.{minor}.*/bin/{name}"))
        for candidate in [*sorted(found, reverse=True), shutil.which(name) or ""]:
            if candidate and not subprocess.run([candidate, "-c", "import venv"], check=False).returncode:
                return candidate
    return sys.executable


def _prepare_mockttp(folder: Path) -> None:
    if (folder / "node_modules" / "mockttp").exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "package.json").write_text('{"private": true}\n')
    print("Installing mockttp …", file=sys.stderr, flush=True)
    command = [
        "npm",
        "install",
        "--no-audit",
        "--no-fund",
        "--ignore-scripts",
        "--loglevel=error",
        f"mockttp@{_MOCKTTP}",
    ]
    if subprocess.run(command, cwd=folder, check=False, stdin=subprocess.DEVNULL).returncode:
        raise SetupError("npm could not install mockttp: is the network there? Leave it out with --only.")


def version_of(name: str, folder: Path) -> str:
    """What the table says of a contestant's version."""
    commands = {
        "mitmdump": [str(folder / "mitmproxy" / "bin" / "mitmdump"), "--version"],
        "squid": ["/usr/sbin/squid", "-v"],
        "good-mitm": [str(folder / "good-mitm" / "bin" / "good-mitm"), "--version"],
        "mockttp": ["node", "-p", "'Mockttp: ' + require('./node_modules/mockttp/package.json').version"],
    }
    if name not in commands:
        return ""
    where = folder / "mockttp" if name == "mockttp" else folder
    result = subprocess.run(commands[name], check=False, capture_output=True, text=True, cwd=where)
    first = (result.stdout.splitlines() or [""])[0]
    return (first.split() or [""])[-1]
