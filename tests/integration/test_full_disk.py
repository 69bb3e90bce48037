"""A full disk: recording stops with a warning, traffic goes on, and recording resumes when there is room.

Two ways to have one: a small file system of its own (root alone may mount one), and a limit on the size of files that
is laid on the running processes from outside, which anyone may do.
"""

import contextlib
import hashlib
import json
import os
import resource
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from proxy_core.capture.reader import CaptureReader
from proxy_core.capture.segment import is_journal
from proxy_core.control import EngineControl
from proxy_core.model.exchange import ExchangeFlag, ExchangeState
from proxy_core.model.notice import RecordingChanged
from tests.integration.origin import Hall, Origin, open_request, read_exactly, read_head
from tests.integration.recording import Recording, read_capture, wait_for
from tests.integration.test_command_line import fetch, run
from tests.integration.test_deaths import started

_DISK_BYTES = 96 << 20
_LARGE = bytes(range(256)) * 96_000  # some 24 MB


class Disk:
    """Room for a capture, which can be taken away from some processes and given back."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def fill(self, pids: list[int]) -> None:
        raise NotImplementedError

    def make_room(self, pids: list[int]) -> None:
        raise NotImplementedError


class SmallDisk(Disk):
    """A file system of a few megabytes."""

    def fill(self, pids: list[int]) -> None:
        with open(self.folder / "filler", "wb", buffering=0) as file, contextlib.suppress(OSError):
            for size in (1 << 16, 1 << 12, 1):
                with contextlib.suppress(OSError):
                    while file.write(bytes(size)) == size:
                        pass

    def make_room(self, pids: list[int]) -> None:
        (self.folder / "filler").unlink()


class SmallFiles(Disk):
    """No file may grow beyond the first page."""

    def fill(self, pids: list[int]) -> None:
        for pid in pids:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))

    def make_room(self, pids: list[int]) -> None:
        for pid in pids:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


@pytest.fixture(params=["small disk", "small files"])
def disk(request, tmp_path) -> Iterator[Disk]:
    folder = tmp_path / "disk"
    folder.mkdir()
    if request.param == "small files":
        yield SmallFiles(folder)
        return
    if os.geteuid() != 0:
        pytest.skip("only root may mount a small file system; «small files» runs for everybody")
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={_DISK_BYTES}", "tmpfs", str(folder)], check=True)
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def origin():
    with Origin(Hall()) as running:
        yield running


def large_or_small(link) -> None:
    """An origin's script: more than the sockets on the way can hold for `/large…`, a word for the rest."""
    while head := read_head(link):
        body = _LARGE if b"/large" in head.split(b"\r\n", 1)[0] else b"small"
        link.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)


def ask_until(condition: Callable[[], object], port: int, url: str, name: str) -> list[str]:
    """Ask for one path after the other until something has come true; every answer must be right. The paths."""
    paths: list[str] = []

    def is_done() -> bool:
        paths.append(f"/{name}/{len(paths)}")
        assert fetch(port, url + paths[-1]) == b"answer to " + paths[-1].encode()
        return bool(condition())

    wait_for(is_done)
    return paths


def test_traffic_goes_on_and_recording_resumes(disk, origin, tmp_path):
    with Recording(disk.folder, ["--home", str(tmp_path / "home")], workers=2) as recording:
        pids = [recording.program.pid, *recording.worker_pids()]
        assert fetch(recording.port, origin.url + "/before") == b"answer to /before"
        recording.by_path("/before")
        disk.fill(pids)
        ask_until(lambda: "Recording is suspended" in recording.program.errors, recording.port, origin.url, "full")
        # Some may still fit into the last block of a file; many do not.
        unrecorded = [f"/still-full/{number}" for number in range(60)]
        for path in unrecorded:
            assert fetch(recording.port, origin.url + path) == b"answer to " + path.encode()
        disk.make_room(pids)
        ask_until(lambda: "Recording goes on" in recording.program.errors, recording.port, origin.url, "room")
        after = ask_until(
            lambda: recording.exchanges()[-1].row.path.startswith("/after"), recording.port, origin.url, "after"
        )
        assert recording.stop() == 0
        errors = recording.program.errors
    assert "Traceback" not in errors
    exchanges = read_capture(recording.capture)
    paths = [each.row.path for each in exchanges]
    assert len(paths) == len(set(paths))
    assert "/before" in paths
    assert not set(after).isdisjoint(paths)  # each worker tries again by its own clock
    assert not set(unrecorded) <= set(paths)
    for each in exchanges:
        assert each.row.state == ExchangeState.COMPLETE
        if each.row.flags & ExchangeFlag.BODY_NOT_RECORDED:  # under way when the disk filled, and told of by then
            assert each.response_body == b""
            assert not each.row.path.startswith(("/before", "/after"))
        else:
            assert each.response_body == b"answer to " + each.row.path.encode()
    assert len(json.loads(recording.har.read_bytes())["log"]["entries"]) == len(paths)


def test_a_large_body_passes_whole(disk, tmp_path):
    with Origin(large_or_small) as origin, Recording(disk.folder, ["--home", str(tmp_path / "home")]) as recording:
        pids = [recording.program.pid, *recording.worker_pids()]
        link = open_request(recording.port, origin.url + "/large/under-way")
        assert b"200" in read_head(link)
        assert len(read_exactly(link, 100_000)) == 100_000
        wait_for(recording.exchanges)  # under way, and told of: then the disk fills
        disk.fill(pids)
        rest = read_exactly(link, len(_LARGE) - 100_000)
        assert hashlib.sha256(_LARGE[100_000:]).digest() == hashlib.sha256(rest).digest()
        link.close()
        wait_for(lambda: "Recording is suspended" in recording.program.errors)
        assert fetch(recording.port, origin.url + "/large/full") == _LARGE
        disk.make_room(pids)

        def goes_on() -> bool:
            assert fetch(recording.port, origin.url + "/room") == b"small"
            return "Recording goes on" in recording.program.errors

        wait_for(goes_on)
        assert fetch(recording.port, origin.url + "/large/after") == _LARGE
        assert not recording.by_path("/large/after").row.flags & ExchangeFlag.BODY_NOT_RECORDED
        assert recording.stop() == 0
    reader = CaptureReader(str(recording.capture))
    try:
        rows = {row.path: row for row in reader.rows(list(reader.ids())).values()}
        full = rows.get("/large/full")  # its first words may have fitted into the last block of a file
        assert full is None or full.flags & ExchangeFlag.BODY_NOT_RECORDED
        detail = reader.detail(rows["/large/after"].id)
        assert detail is not None
        assert b"".join(reader.iterate_body(detail.response.body)) == _LARGE
        under_way = rows["/large/under-way"]
        assert under_way.state == ExchangeState.COMPLETE
        assert under_way.flags & ExchangeFlag.BODY_NOT_RECORDED
    finally:
        reader.close()


def test_large_bodies_leave_no_empty_files(disk, tmp_path):
    body = bytes(300_000)
    with (
        Origin(lambda link: _answer_all(link, body)) as origin,
        Recording(disk.folder, ["--home", str(tmp_path / "home")]) as recording,
    ):
        disk.fill([recording.program.pid, *recording.worker_pids()])
        for number in range(60):
            assert fetch(recording.port, f"{origin.url}/{number}") == body
        wait_for(lambda: all(each.stat().st_size for each in _body_segments(recording.live)))
        disk.make_room([recording.program.pid, *recording.worker_pids()])
        assert recording.stop() == 0


def _answer_all(link, body: bytes) -> None:
    while read_head(link):
        link.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)


def _body_segments(live: Path) -> list[Path]:
    return [each for each in live.glob("*.seg") if not is_journal(int(each.stem, 16))]


def test_a_killed_recording_on_a_full_disk_is_rescued_elsewhere(disk, origin, tmp_path):
    """Nothing can be written beside it: the index is repaired as a copy, the bodies are read where they lie."""
    with Recording(disk.folder, ["--home", str(tmp_path / "home")]) as recording:
        for number in range(20):
            assert fetch(recording.port, f"{origin.url}/{number}") == b"answer to /%d" % number
        recording.by_path("/19")
        recording.program.signal(signal.SIGKILL)
        recording.program.wait()
        if isinstance(disk, SmallDisk):
            disk.fill([])
        else:
            _make_read_only(recording.live)
        before = sorted(each.name for each in recording.live.iterdir())
        for ending in (".har", ".harrier"):
            target = tmp_path / f"rescued{ending}"
            done = run("convert", recording.capture, target)
            assert done.returncode == 0, done
            assert "Traceback" not in done.stderr
            assert "20 exchanges written" in done.stdout
        assert sorted(each.name for each in recording.live.iterdir()) == before
    exchanges = read_capture(tmp_path / "rescued.harrier")
    assert [each.response_body for each in exchanges] == [b"answer to /%d" % number for number in range(20)]
    assert not [each for each in tmp_path.iterdir() if each.name.startswith(".harrier-")]


def _make_read_only(folder: Path) -> None:
    for each in folder.iterdir():
        each.chmod(0o400)
    folder.chmod(0o500)


def test_the_window_is_told(disk, origin, tmp_path):
    control = EngineControl()
    told: list[RecordingChanged] = []

    def hear(condition: Callable[[RecordingChanged], object]) -> Callable[[], bool]:
        def is_told() -> bool:
            told.extend(each for each in control.poll() if isinstance(each, RecordingChanged))
            return bool(told and condition(told[-1]))

        return is_told

    try:
        engine = started(control, disk.folder)
        assert control.pid is not None
        pids = [control.pid, *_children(control.pid)]
        disk.fill(pids)
        ask_until(hear(lambda last: last.problem), engine.port, origin.url, "full")
        assert told[-1].problem.startswith("Recording is suspended: ")
        ask_until(hear(lambda last: last.not_recorded > 0), engine.port, origin.url, "still-full")
        disk.make_room(pids)
        ask_until(hear(lambda last: not last.problem), engine.port, origin.url, "room")
        assert told[-1].on
        assert told[-1].not_recorded > 0
    finally:
        control.stop()


def _children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
