"""README and ARCHITECTURE tell the truth: what they name exists."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from proxy_core.model.filter import parse_filter

ROOT = Path(__file__).resolve().parent.parent.parent
SOURCES = [path for folder in ("app", "proxy_core", "build_scripts") for path in (ROOT / folder).rglob("*.py")]
SOURCES.append(ROOT / "main.py")
TEXTS = {path: path.read_text(encoding="utf-8") for path in SOURCES}
# Words of the outside world, and of the capture's own files, that stand in code font.
OTHER_WORDS = {"spawn", "write", "lock", "Proxy-Status", "NAME.live", ".harrier", "index.sqlite", "NAME"}


def code_words(document: str) -> list[str]:
    text = (ROOT / document).read_text(encoding="utf-8")
    text = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    return sorted(set(re.findall(r"`([^`\n]+)`", text.replace("\n", " "))))


def is_defined(name: str) -> bool:
    pattern = re.compile(rf"\b(?:class|def) {re.escape(name)}\b|^ *{re.escape(name)}\b *[:=]", re.MULTILINE)
    return any(pattern.search(text) for text in TEXTS.values())


def is_module(name: str) -> bool:
    return any(path.stem == name or path.parent.name == name for path in SOURCES)


def is_table_or_column(name: str) -> bool:
    return re.search(rf"\b{re.escape(name)}\b", TEXTS[ROOT / "proxy_core" / "capture" / "schema.py"]) is not None


@pytest.mark.parametrize("word", [word for word in code_words("ARCHITECTURE.md") if word not in OTHER_WORDS])
def test_what_the_architecture_names_exists(word):
    if " " in word or "→" in word:  # the walls, a command line
        for name in re.findall(r"[a-z_]+\.py|\b[a-z]+_[a-z_]+\b", word):
            assert is_module(name.removesuffix(".py")), name
        return
    if "/" in word or word.endswith((".py", ".toml", ".md")):
        assert (ROOT / word).exists()
        return
    owner, _, member = word.rpartition(".")
    if owner and is_module(owner.split(".")[-1]):
        assert is_module(member) or is_defined(member)
        return
    if owner:
        holders = [text for text in TEXTS.values() if re.search(rf"^class {re.escape(owner)}\b", text, re.MULTILINE)]
        assert any(re.search(rf"def {re.escape(member)}\b", text) for text in holders)
        return
    assert is_defined(word) or is_module(word) or is_table_or_column(word)


def test_the_files_that_the_readme_names_exist():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    named = re.findall(r"\]\(([^)#:]+)\)|python3 (\S+\.py)|`([A-Z]+\.md)`", text)
    paths = {name for groups in named for name in groups if name}
    assert {"resources/screenshot.png", "build_scripts/run.py", "build_scripts/test.py"} <= paths
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_the_filters_that_the_readme_shows_are_understood():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    paragraph = re.search(r"\*\*Find\.\*\*(.*?)\n\n", text, re.DOTALL)
    assert paragraph
    shown = [word for word in re.findall(r"`([^`]+)`", paragraph[1]) if len(word) > 3]
    assert len(shown) >= 6
    for word in shown:
        assert parse_filter(word) is not None


def test_the_options_that_the_readme_names_are_in_the_help():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    curls = {"--cacert", "--proxy-cacert", "--socks5-hostname", "--unix-socket"}
    options = set(re.findall(r"(?<![\w-])--[a-z0-9-]+", text)) - curls - {"--help"}
    said = ""
    for command in ("", "record", "convert", "ca"):
        arguments = [sys.executable, str(ROOT / "main.py"), *command.split(), "--help"]
        said += subprocess.run(arguments, capture_output=True, text=True, check=True).stdout
    assert options - set(re.findall(r"--[a-z-]+", said)) == set()
