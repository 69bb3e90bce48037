"""Judging HAR files: the published schema (npm's har-validator), and what Chrome and Firefox demand beyond it."""

import json
import shutil
import subprocess
from datetime import datetime
from pathlib import Path
from typing import Any

VALIDATOR = Path(__file__).parent / "har_validator"


def check_har(path: Path) -> dict[str, Any]:
    """Fail unless every reader that we know takes the file; returns its `log`."""
    node = shutil.which("node")
    assert node is not None and (VALIDATOR / "node_modules").is_dir(), (
        "har-validator is not installed: run build_scripts/test.py, which does it"
    )
    done = subprocess.run([node, "validate.js", str(path)], cwd=VALIDATOR, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    raw = path.read_bytes()
    assert not raw.startswith(b"\xef\xbb\xbf")
    log: dict[str, Any] = json.loads(raw, parse_constant=_no_constants)["log"]
    _no_nulls(log)
    assert isinstance(log["pages"], list)  # Firefox
    for entry in log["entries"]:
        _check_entry(entry)
    return log


def _check_entry(entry: dict[str, Any]) -> None:
    request, response, timings = entry["request"], entry["response"], entry["timings"]
    numbers = [entry["time"], *(timings[name] for name in ("send", "wait", "receive"))]
    numbers += [response["status"], response["content"]["size"]]
    numbers += [message[name] for message in (request, response) for name in ("headersSize", "bodySize")]
    assert all(isinstance(number, int | float) for number in numbers)
    assert min(timings["send"], timings["wait"], timings["receive"]) >= 0
    assert timings.get("ssl", -1) <= timings.get("connect", -1) or timings.get("ssl", -1) == -1
    parts = sum(value for name, value in timings.items() if name != "ssl" and value > 0)
    assert abs(parts - entry["time"]) < 0.01
    datetime.fromisoformat(entry["startedDateTime"])
    assert isinstance(entry["cache"], dict)
    assert "#" not in request["url"]
    for message in (request, response):
        names = [header["name"].lower() for header in message["headers"]]
        assert names.count("content-type") <= 1
        assert not any(name.startswith(":") for name in names)
        for cookie in message["cookies"]:
            if "expires" in cookie:
                datetime.fromisoformat(cookie["expires"])


def _no_constants(name: str) -> None:
    raise AssertionError(f"{name} is no JSON")


def _no_nulls(value: object) -> None:
    assert value is not None
    if isinstance(value, dict):
        for each in value.values():
            _no_nulls(each)
    elif isinstance(value, list):
        for each in value:
            _no_nulls(each)
