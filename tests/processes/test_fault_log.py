"""The log of Harrier's own faults: one file for all processes, bounded, and never in the way."""

import os
import re
import subprocess
import sys
import threading

import pytest

from proxy_core import fault_log
from proxy_core.fault_log import ENTRY_LIMIT_BYTES, LOG_LIMIT_BYTES, OLD_SUFFIX, FaultLog, caught, open_fault_log

SHOUT = """
import sys
from proxy_core.fault_log import FaultLog
log = FaultLog(sys.argv[1], "shouter " + sys.argv[2])
for number in range(2000):
    assert log.write(f"<{sys.argv[2]} {number} " + "x" * 400 + ">")
"""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "harrier.log"


@pytest.fixture
def log(path):
    return FaultLog(str(path), "engine")


def fail(message: str = "oh") -> Exception:
    try:
        raise KeyError(message)
    except KeyError as error:
        return error


def test_an_entry_has_process_place_and_traceback_and_the_sentence_its_number(log, path, capsys):
    sentence = log.caught("the flusher", fail())
    text = path.read_text()
    reference = re.search(r"entry (\d+-1) in harrier.log", sentence).group(1)
    assert f"engine ({os.getpid()}) [{reference}] In the flusher: Traceback" in text
    assert "KeyError: 'oh'" in text
    assert "KeyError" in sentence
    assert path.stat().st_mode & 0o777 == 0o600
    assert capsys.readouterr().err == f"harrier: {sentence} ({path})\n"


def test_the_same_fault_again_is_counted_not_written(log, path, monkeypatch):
    clock = [1000.0]
    monkeypatch.setattr(fault_log.time, "monotonic", lambda: clock[0])
    sentences = {log.caught("a relay", fail(str(number))) for number in range(500)}
    assert len(sentences) == 1
    assert path.read_text().count("Traceback") == 1
    clock[0] += fault_log.REPEAT_S
    log.caught("a relay", fail())
    assert "(499 more like" in path.read_text()


def test_faults_that_differ_do_not_grow_without_bound(log):
    for number in range(3 * fault_log.KNOWN_FAULTS):
        log.caught("somewhere", type(f"Error{number}", (Exception,), {})())
    assert len(log._known) <= fault_log.KNOWN_FAULTS


def test_control_characters_are_spelled_and_no_entry_can_be_faked(log, path):
    log.write("\x1b[2J\x9b\r\n2026-01-01 00:00:00 engine (1) forged")
    first, second = path.read_text().splitlines()
    assert first.endswith("\\x1b[2J\\x9b\\r")
    assert second == "  2026-01-01 00:00:00 engine (1) forged"


def test_a_long_entry_loses_its_middle(log, path):
    log.write("begin" + "x" * 10 * ENTRY_LIMIT_BYTES + "end")
    data = path.read_bytes()
    assert len(data) < 1.01 * ENTRY_LIMIT_BYTES
    assert b"begin" in data
    assert data.endswith(b"end\n")


def test_several_processes_write_whole_entries_and_the_log_stays_bounded(path):
    shouters = [
        subprocess.Popen([sys.executable, "-c", SHOUT, str(path), str(number)], stderr=subprocess.PIPE)
        for number in range(4)
    ]
    assert [(each.communicate(timeout=60)[1], each.returncode) for each in shouters] == [(b"", 0)] * 4
    files = [path, path.with_name(path.name + OLD_SUFFIX)]
    assert all(each.stat().st_size < LOG_LIMIT_BYTES + 4 * 1000 for each in files)
    lines = "".join(each.read_text() for each in reversed(files)).splitlines()
    assert len(lines) > LOG_LIMIT_BYTES / 500
    assert all(re.fullmatch(r"\S+ \S+ shouter (\d) \(\d+\) <\1 \d+ x{400}>", line) for line in lines)


def test_a_frozen_process_that_holds_the_lock_keeps_nobody_waiting(log, path):
    path.write_bytes(b"x" * LOG_LIMIT_BYTES)
    holder = os.open(path, os.O_RDWR)
    assert fault_log.lock_at_once(holder)
    assert log.write("goes on")
    assert b"goes on" in path.read_bytes()
    os.close(holder)


CRASH = """
import faulthandler, sys
from proxy_core.fault_log import LOG_LIMIT_BYTES, OLD_SUFFIX, FaultLog
log, other = FaultLog(sys.argv[1], "engine"), FaultLog(sys.argv[1], "worker 1")
log.watch_for_crashes()
for number in range(3):
    with open(sys.argv[1], "ab") as file:
        file.write(b"x" * LOG_LIMIT_BYTES)
    other.write("moves it aside")
log.write("goes on")
faulthandler._sigsegv()
"""


def test_a_crash_is_told_to_the_log_that_is_there(path):
    crashed = subprocess.run([sys.executable, "-c", CRASH, str(path)], capture_output=True, timeout=60, check=False)
    assert crashed.returncode < 0, crashed.stderr
    assert b"Fatal Python error: Segmentation fault" in path.read_bytes()


@pytest.mark.parametrize("plant", [os.symlink, lambda _target, name: os.mkfifo(name)])
def test_what_is_no_file_of_ours_is_not_written_through(tmp_path, log, path, plant, capsys):
    target = tmp_path / "precious"
    target.write_bytes(b"precious")
    plant(target, path)
    assert not log.write("text")
    log.caught("somewhere", fail())
    assert target.read_bytes() == b"precious"
    assert "Traceback" in capsys.readouterr().err  # it is nowhere else


def test_who_is_told_may_fail_itself(log, path):
    def tell(_sentence: str) -> None:
        raise RuntimeError("no window")

    log.tell = tell
    log.caught("somewhere", fail())
    assert "no window" in path.read_text()


def test_what_nobody_catches_is_in_the_log(path, monkeypatch):
    monkeypatch.setattr(sys, "excepthook", None)
    monkeypatch.setattr(threading, "excepthook", None)
    monkeypatch.setattr(fault_log, "_log", None)
    monkeypatch.setattr(fault_log.faulthandler, "enable", lambda _descriptor: None)
    open_fault_log(str(path), "worker 1")
    thread = threading.Thread(target=lambda: {}["absent"], name="reader")
    thread.start()
    thread.join()
    sys.excepthook(ValueError, ValueError("of the process"), None)
    sys.excepthook(KeyboardInterrupt, KeyboardInterrupt(), None)
    try:
        raise LookupError("of a border")
    except LookupError:
        caught("a border")
    text = path.read_text()
    assert "In the thread reader: Traceback" in text
    assert "ValueError: of the process" in text
    assert "LookupError: of a border" in text
    assert "KeyboardInterrupt" not in text


def test_a_part_used_by_itself_prints_what_it_caught(capsys):
    try:
        raise LookupError("alone")
    except LookupError:
        assert caught("a border") == "Harrier's own fault (LookupError)."
    assert "LookupError: alone" in capsys.readouterr().err
