"""Older pages of what is written are given back, without anybody waiting and without a byte changed."""

import os
import threading
import time

import pytest

from proxy_core.capture.journal import BODY_RECORD, Journal, record
from proxy_core.capture.page_cache import KEPT_BYTES, STEP_BYTES, PageRelease
from proxy_core.capture.segment import segment_name

pytestmark = pytest.mark.skipif(not hasattr(os, "posix_fadvise"), reason="the system has no posix_fadvise")

PIECE = bytes(range(256)) * 4096  # 1 MiB


class Advised:
    """Stands before the real call: which file, and up to where; `gate` holds the caller like a slow disk."""

    def __init__(self, monkeypatch) -> None:
        self.calls: list[tuple[str, int]] = []
        self.gate = threading.Event()
        self.gate.set()
        self._real = os.posix_fadvise
        monkeypatch.setattr(os, "posix_fadvise", self._advise)

    def _advise(self, descriptor: int, offset: int, length: int, advice: int) -> None:
        assert (offset, advice) == (0, os.POSIX_FADV_DONTNEED)
        self.calls.append((os.readlink(f"/proc/self/fd/{descriptor}"), length))
        self.gate.wait(30)
        self._real(descriptor, offset, length, advice)


def wait_until(condition) -> None:
    """For the other thread."""
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.fixture
def advised(monkeypatch) -> Advised:
    return Advised(monkeypatch)


def test_a_large_body_keeps_its_newest_part_only(tmp_path, advised):
    journal = Journal(str(tmp_path), 1)
    body = journal.open_body()
    pieces = (KEPT_BYTES + 3 * STEP_BYTES) // len(PIECE)
    for _ in range(pieces):
        body.write(PIECE)
    path = str(tmp_path / segment_name(body.segment))
    length = body.length
    body.close()
    journal.close()
    wait_until(lambda: len(advised.calls) == 2)
    assert {name for name, _ in advised.calls} == {path}
    ends = [end for _, end in advised.calls]
    assert ends == sorted(ends)
    assert 0 < ends[0] <= ends[1] <= length - KEPT_BYTES
    with open(path, "rb") as file:
        assert file.read() == PIECE * pieces


def test_a_journal_that_grows_is_gone_through_and_begins_again_with_the_next_segment(tmp_path, advised):
    journal = Journal(str(tmp_path), 1)
    first = journal.segment
    for _ in range((KEPT_BYTES + STEP_BYTES) // len(PIECE) + 1):
        journal.write(record(BODY_RECORD, PIECE))
    wait_until(lambda: len(advised.calls) == 1)
    assert advised.calls[0][0].endswith(segment_name(first))
    journal.rotate()
    journal.write(record(BODY_RECORD, PIECE))
    journal.close()
    assert len(advised.calls) == 1


def test_a_small_file_is_left_alone_and_starts_no_thread(tmp_path, advised):
    before = threading.active_count()
    journal = Journal(str(tmp_path), 1)
    journal.write(record(BODY_RECORD, PIECE))
    journal.close()
    assert (threading.active_count(), advised.calls) == (before, [])


def test_a_slow_disk_makes_nobody_wait(tmp_path, advised):
    advised.gate.clear()
    path = tmp_path / "x.seg"
    path.write_bytes(PIECE)
    release = PageRelease()
    for _ in range(1000):  # far more than wait in the queue
        release.up_to(str(path), len(PIECE))
    wait_until(lambda: len(advised.calls) == 1)
    advised.gate.set()
    wait_until(lambda: 1 < len(advised.calls) < 100)


def test_a_file_that_is_gone_ends_nothing(tmp_path, advised):
    release = PageRelease()
    release.up_to(str(tmp_path / "gone.seg"), 1)
    path = tmp_path / "there.seg"
    path.write_bytes(PIECE)
    release.up_to(str(path), len(PIECE))
    wait_until(lambda: [name for name, _ in advised.calls] == [str(path)])
