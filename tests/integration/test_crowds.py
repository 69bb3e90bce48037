"""Many and much at once, through the real program: idle connections, large bodies, and memory that stays flat."""

import hashlib
import resource
import socket
from pathlib import Path

import pytest

from tests.integration.origin import Hall, Origin, answering, open_request, read_head, read_to_end
from tests.integration.recording import Recording
from tests.integration.test_command_line import fetch

_IDLE = 2000
_MEGABYTES = 300
_PIECE = hashlib.sha256(b"harrier").digest() * 32 * 1024  # 1 MiB
_GROWTH_BYTES = 32 << 20


def resident_bytes(pids: list[int]) -> list[int]:
    """Memory of processes that is in use now (Linux)."""
    found = []
    for pid in pids:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        found.append(next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS")))
    return found


def processes(recording: Recording) -> list[int]:
    return [recording.program.pid, *recording.worker_pids()]


@pytest.fixture
def room_for_many():
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    if before[1] != resource.RLIM_INFINITY and before[1] < 3 * _IDLE:
        pytest.skip(f"this machine allows {before[1]} open files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(before[0], 3 * _IDLE), before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_two_thousand_idle_connections_hinder_nobody(tmp_path, room_for_many):
    with Origin(Hall()) as origin, Recording(tmp_path, workers=2) as recording:
        fetch(recording.port, origin.url + "/warm")
        before = resident_bytes(processes(recording))
        idle = [socket.create_connection(("127.0.0.1", recording.port), timeout=20) for _ in range(_IDLE)]
        for number in range(20):
            path = f"/meanwhile/{number}"
            assert fetch(recording.port, origin.url + path) == b"answer to " + path.encode()
        grown = [now - then for then, now in zip(before, resident_bytes(processes(recording)), strict=True)]
        assert max(grown) < _GROWTH_BYTES, grown
        for link in idle:
            link.close()
        assert fetch(recording.port, origin.url + "/after") == b"answer to /after"
        assert recording.stop() == 0


def test_a_large_download_is_whole_and_costs_no_memory(tmp_path):
    def script(link: socket.socket) -> None:
        read_head(link)
        link.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (_MEGABYTES * len(_PIECE)))
        for _ in range(_MEGABYTES):
            link.sendall(_PIECE)

    with Origin(script) as origin, Recording(tmp_path, workers=1) as recording:
        before = resident_bytes(processes(recording))
        peak = before
        link = open_request(recording.port, origin.url + "/large")
        assert b"200" in read_head(link)
        digest, received = hashlib.sha256(), 0
        while data := link.recv(1 << 20):
            digest.update(data)
            received += len(data)
            if received % (16 << 20) < len(data):
                peak = [max(pair) for pair in zip(peak, resident_bytes(processes(recording)), strict=True)]
            if received == _MEGABYTES * len(_PIECE):
                break
        link.close()
        assert digest.digest() == hashlib.sha256(_PIECE * _MEGABYTES).digest()
        assert max(late - early for early, late in zip(before, peak, strict=True)) < _GROWTH_BYTES
        row = recording.by_path("/large").row
        assert row.response_bytes == _MEGABYTES * len(_PIECE)


def test_a_large_upload_is_whole_and_costs_no_memory(tmp_path):
    received = hashlib.sha256()

    def script(link: socket.socket) -> None:
        read_head(link)
        left = _MEGABYTES * len(_PIECE)
        while left and (data := link.recv(min(left, 1 << 20))):
            received.update(data)
            left -= len(data)
        link.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi")

    with Origin(script) as origin, Recording(tmp_path, workers=1) as recording:
        before = resident_bytes(processes(recording))
        peak = before
        link = socket.create_connection(("127.0.0.1", recording.port), timeout=60)
        length = _MEGABYTES * len(_PIECE)
        link.sendall(b"PUT %b/up HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % (origin.url.encode(), length))
        for number in range(_MEGABYTES):
            link.sendall(_PIECE)
            if number % 16 == 0:
                peak = [max(pair) for pair in zip(peak, resident_bytes(processes(recording)), strict=True)]
        assert b"200" in read_head(link)
        link.close()
        assert received.digest() == hashlib.sha256(_PIECE * _MEGABYTES).digest()
        assert max(late - early for early, late in zip(before, peak, strict=True)) < _GROWTH_BYTES
        assert recording.by_path("/up").row.request_bytes == length


def test_garbage_on_the_port_takes_nothing_else_with_it(tmp_path):
    with (
        Origin(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")) as origin,
        Recording(tmp_path) as recording,
    ):
        for garbage in (bytes(range(256)), b"\r\n" * 5000, b"\x16\x03\x01" + bytes(500), b"GET " + b"a" * 300_000):
            link = socket.create_connection(("127.0.0.1", recording.port), timeout=20)
            link.sendall(garbage)
            link.shutdown(socket.SHUT_WR)
            read_to_end(link)
            link.close()
        assert fetch(recording.port, origin.url + "/") == b"hi"
        assert recording.by_path("/").row.status == 200
        assert recording.stop() == 0
        assert "Traceback" not in recording.program.errors
