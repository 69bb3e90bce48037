"""What is installed is what was meant: the lock files say the same as the requirements, whole, and with hashes."""

import itertools
import re
import subprocess
import sys
from importlib import metadata
from typing import NamedTuple

import pytest
from packaging.markers import Marker, default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from build_scripts.environment import REQUIREMENTS, ROOT, lock_of

# Where Harrier is to run.
SYSTEMS = {
    "linux": {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix", "platform_machine": "x86_64"},
    "darwin": {"sys_platform": "darwin", "platform_system": "Darwin", "os_name": "posix", "platform_machine": "arm64"},
    "win32": {"sys_platform": "win32", "platform_system": "Windows", "os_name": "nt", "platform_machine": "AMD64"},
}
PYTHONS = ("3.11", "3.12", "3.13", "3.14")


class Pin(NamedTuple):
    version: str
    marker: Marker | None
    hashes: list[str]


def locked(name: str) -> dict[str, Pin]:
    text = (ROOT / lock_of(name)).read_text(encoding="utf-8")
    pins = {}
    for entry in re.split(r"\n(?=\S)", text):
        if entry.startswith("#"):
            continue
        lines = [line.removesuffix("\\").strip() for line in entry.strip().splitlines()]
        requirement = Requirement(lines[0])
        [specifier] = requirement.specifier
        assert specifier.operator == "=="
        assert requirement.name not in pins
        pins[requirement.name] = Pin(specifier.version, requirement.marker, lines[1:])
    return pins


def asked(name: str) -> list[Requirement]:
    found = []
    for line in (ROOT / name).read_text(encoding="utf-8").splitlines():
        text = line.partition("#")[0].strip()
        if text.startswith("-r "):
            found += asked(text[3:])
        elif text:
            found.append(Requirement(text))
    return found


def environment(system: str, python: str) -> dict[str, str]:
    about = {"implementation_name": "cpython", "platform_python_implementation": "CPython", "extra": ""}
    return {**SYSTEMS[system], **about, "python_version": python, "python_full_version": f"{python}.0"}


def holds(marker: Marker | None, where: dict[str, str]) -> bool:
    return marker is None or marker.evaluate(where)


def needed_by(name: str, pin: Pin, extras: set[str], where: dict[str, str]) -> list[Requirement]:
    if not holds(pin.marker, dict(default_environment())):
        return []  # of another system or Python, so what it needs in turn isn't known here
    needed = [Requirement(text) for text in metadata.requires(name) or []]
    return [each for each in needed if any(holds(each.marker, {**where, "extra": extra}) for extra in extras | {""})]


@pytest.mark.parametrize("name", REQUIREMENTS)
def test_each_pin_has_hashes(name):
    pins = locked(name)
    assert len(pins) >= 10
    for package, pin in pins.items():
        assert pin.hashes, package
        for each in pin.hashes:
            assert re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", each), package


@pytest.mark.parametrize("name", REQUIREMENTS)
def test_the_lock_has_the_versions_that_were_asked_for(name):
    pins = locked(name)
    for requirement in asked(name):
        pin = pins[canonicalize_name(requirement.name)]
        assert str(requirement.specifier) == f"=={pin.version}", requirement
        for system, python in itertools.product(SYSTEMS, PYTHONS):
            where = environment(system, python)
            assert holds(pin.marker, where) == holds(requirement.marker, where), requirement


@pytest.mark.parametrize("name", REQUIREMENTS)
@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("system", SYSTEMS)
def test_all_that_is_needed_is_locked_and_nothing_else(name, system, python):
    pins, where = locked(name), environment(system, python)
    reached: dict[str, set[str]] = {}
    waiting = [each for each in asked(name) if holds(each.marker, where)]
    while waiting:
        requirement = waiting.pop()
        package = canonicalize_name(requirement.name)
        if package in reached and requirement.extras <= reached[package]:
            continue
        reached[package] = reached.get(package, set()) | requirement.extras
        assert package in pins, f"{package} is needed and not locked"
        assert requirement.specifier.contains(pins[package].version, prereleases=True), requirement
        waiting += needed_by(package, pins[package], reached[package], where)
    assert set(reached) == {package for package, pin in pins.items() if holds(pin.marker, where)}


def test_what_is_developed_with_is_what_is_shipped():
    for fewer, more in itertools.pairwise(locked(name) for name in REQUIREMENTS):
        assert {name: more[name] for name in fewer} == fewer


@pytest.mark.parametrize("name", REQUIREMENTS)
def test_no_place_to_install_from_is_prescribed(name):
    text = (ROOT / lock_of(name)).read_text(encoding="utf-8")
    assert not re.search(r"://|--(?:extra-)?index|--find-links|--trusted", text)


def test_pip_refuses_a_file_with_another_hash(tmp_path):
    wheel = tmp_path / "harrier_probe-1.0-py3-none-any.whl"
    wheel.write_bytes(b"not what was meant")
    (tmp_path / "probe.lock").write_text(f"harrier-probe==1.0 \\\n    --hash=sha256:{'0' * 64}\n")
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--require-hashes", "--no-index"]
    command += ["--find-links", str(tmp_path), "-r", str(tmp_path / "probe.lock")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "HASH" in done.stdout + done.stderr.upper()
