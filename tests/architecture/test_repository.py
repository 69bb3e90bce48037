"""What lies in the repository may lie there: no keys, nothing large, no machine's own paths, licences that let us ship."""

import re
import subprocess
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
LARGEST_BYTES = 600_000
# What a private key begins with, written so that this file doesn't hold it.
KEY_MARK = re.compile(rb"-----BEGIN (?:[A-Z]+ )?PRIVATE" + rb" KEY-----\s+[A-Za-z0-9+/=]{40}")
# Likewise split; and some names are examples.
OWN_PATHS = re.compile(r"/ro" r"ot/|/ho" r"me/(?!user\b|anna\b|you\b)[a-z]+/")
MAY_BE_GPL = {"pyinstaller", "pyinstaller-hooks-contrib"}  # with an exception for what they build


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git clone")
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def pins(name: str) -> list[tuple[str, str]]:
    found = []
    for line in (ROOT / name).read_text(encoding="utf-8").splitlines():
        requirement = line.partition("#")[0].partition(";")[0].strip()
        if requirement and not requirement.startswith("-r"):
            distribution, mark, version = requirement.partition("==")
            assert mark, f"{requirement} has no exact version"
            found.append((distribution, version))
    return found


def test_no_private_keys_and_nothing_large():
    for path in tracked():
        data = path.read_bytes()
        assert len(data) <= LARGEST_BYTES, path
        assert KEY_MARK.search(data) is None, path


def test_no_paths_of_somebodys_machine():
    for path in tracked():
        if path.suffix in (".py", ".md", ".toml", ".txt", ".json", ".spec", ".qss", ""):
            found = OWN_PATHS.search(path.read_text(encoding="utf-8", errors="replace"))
            assert found is None, f"{path}: {found}"


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_licences_let_us_ship(name):
    for distribution, _ in pins(name):
        try:
            about = metadata.metadata(distribution)
        except metadata.PackageNotFoundError:
            continue  # not for this Python version
        classifiers = [each for each in about.get_all("Classifier") or [] if each.startswith("License")]
        licence = " ".join([about.get("License-Expression") or "", *classifiers]) or about.get("License") or ""
        words = licence.replace("LGPL", "lesser").replace("Lesser General Public", "lesser")
        is_gpl = "GPL" in words or "GNU General Public" in words
        # Several licences joined by OR leave the choice to us.
        has_choice = " OR " in licence or "lesser" in words
        assert not is_gpl or has_choice or distribution.lower() in MAY_BE_GPL, f"{distribution}: {licence}"


def test_each_dependency_says_why_it_is_there():
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines):
        if "==" in line and not line.startswith("#"):
            before = lines[number - 1]
            assert before.startswith("#") or "==" in before, line
