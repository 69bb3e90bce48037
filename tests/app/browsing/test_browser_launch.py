"""Browsers as programs that are started and end: here small scripts stand for them; the real ones are in end_to_end."""

import json
import sys
from pathlib import Path

import pytest
from PySide6.QtCore import QObject

from app.browsing.browser_launch import BrowserLaunch, ProxyFacts
from app.browsing.browsers import Browser, Family

PROXY = ProxyFacts("127.0.0.1", 8080, "c3BraQ==", "/nowhere/ca.pem")

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the stand-ins are shell scripts")


def stand_in(folder: Path, script: str) -> Browser:
    path = folder / "chromium"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return Browser("chromium", "Chromium", Family.CHROMIUM, str(path))


@pytest.fixture
def launch(qapp, tmp_path):
    parent = QObject()
    launch = BrowserLaunch(str(tmp_path / "browsers"), parent)
    yield launch
    launch.end()


def test_one_that_fails_at_once_is_told(launch, qtbot, tmp_path):
    with qtbot.waitSignal(launch.failed) as told:
        launch.launch(stand_in(tmp_path, "exit 3"), PROXY)
    assert told.args == ["Chromium ended at once (status 3). Started from a terminal it tells why."]
    assert not launch.has_open


def test_one_that_hands_over_and_ends_is_no_failure(launch, qtbot, tmp_path):
    told = []
    launch.failed.connect(told.append)
    launch.launch(stand_in(tmp_path, "exit 0"), PROXY)
    qtbot.waitUntil(lambda: not launch.has_open)
    assert told == []


def test_one_that_was_closed_is_no_failure(launch, qtbot, tmp_path):
    told = []
    launch.failed.connect(told.append)
    launch.launch(stand_in(tmp_path, "exec sleep 60"), PROXY)
    assert launch.has_open
    launch.close_all()
    qtbot.waitUntil(lambda: not launch.has_open)
    assert told == []


def test_it_gets_the_proxy_and_a_quiet_profile(launch, qtbot, tmp_path):
    launch.launch(stand_in(tmp_path, f"echo \"$@\" > '{tmp_path}/part'; mv '{tmp_path}/part' '{tmp_path}/told'"), PROXY)
    qtbot.waitUntil((tmp_path / "told").exists)
    profile = tmp_path / "browsers" / "chromium-8080"
    words = (tmp_path / "told").read_text().split()
    assert {f"--user-data-dir={profile}", "--proxy-server=http://127.0.0.1:8080"} <= set(words)
    preferences = profile / "Default" / "Preferences"
    assert json.loads(preferences.read_text())["search"]["suggest_enabled"] is False
    preferences.write_text("what the browser has written since")
    launch.launch(stand_in(tmp_path, "exit 0"), PROXY)
    qtbot.waitUntil(lambda: not launch.has_open)
    assert preferences.read_text() == "what the browser has written since"


def test_one_that_is_gone_is_told(launch, qtbot, tmp_path):
    with qtbot.waitSignal(launch.failed) as told:
        launch.launch(Browser("chromium", "Chromium", Family.CHROMIUM, str(tmp_path / "none")), PROXY)
    assert told.args == ["Chromium can't be started (No such file or directory)."]
