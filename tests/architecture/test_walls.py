"""The walls between the parts, beyond what import-linter can say: that its lists miss nothing."""

import ast
import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
CLAIM = re.compile(r"\b(?:No|without) Qt\.")


def settings() -> dict:
    with open(ROOT / "pyproject.toml", "rb") as file:
        return tomllib.load(file)["tool"]


def contracts(kind: str) -> list[dict]:
    return [each for each in settings()["importlinter"]["contracts"] if each["type"] == kind]


def test_the_walls_cover_both_packages():
    assert set(settings()["importlinter"]["root_packages"]) == {"app", "proxy_core"}
    layered = {container for each in contracts("layers") for container in each["containers"]}
    assert {"app", "proxy_core", "proxy_core.engine"} <= layered
    assert all(each["exhaustive"] for each in contracts("layers"))
    assert [each["allowed_importers"] for each in contracts("protected")] == [["proxy_core.worker_entry"]]
    assert [set(each["ancestors"]) for each in contracts("acyclic_siblings")] == [{"app", "proxy_core"}]


def test_the_checks_are_strict():
    assert settings()["mypy"]["strict"] is True
    assert "exhaustive-match" in settings()["mypy"]["enable_error_code"]
    assert "error" in settings()["pytest"]["ini_options"]["filterwarnings"]


def test_no_greenlet_is_spawned_with_arguments():
    """A killed one drops them, under the feet of compiled code, which crashes (see `Intake`)."""
    seen = 0
    for path in (ROOT / "proxy_core" / "engine").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("gevent.spawn", "gevent.Greenlet"):
                seen += 1
                assert (len(node.args), node.keywords) == (1, []), f"{path.name}: {ast.unparse(node)}"
    assert seen > 10


def test_what_claims_to_be_without_qt_stands_behind_the_wall():
    claiming = set()
    for path in (ROOT / "app").rglob("*.py"):
        docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        if CLAIM.search(docstring):
            claiming.add(".".join(path.relative_to(ROOT).with_suffix("").parts))
    assert len(claiming) >= 15
    walls = [set(each["source_modules"]) for each in contracts("forbidden") if "PySide6" in each["forbidden_modules"]]
    assert claiming - set.union(*walls) == set()
