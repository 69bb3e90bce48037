"""A client that refuses our certificate, through the real program with several workers: the row is one."""

import os
import signal
import socket
import ssl

import pytest

from proxy_core.model.dark_cause import DarkCause, reason_in
from tests.integration.origin import Origin
from tests.integration.recording import Recording, Seen, wait_for
from tests.support.test_ca import ExampleCa

PASS = ["--after-refusals", "pass", "--insecure-upstream", "--no-proxy", ""]


@pytest.fixture
def origin():
    context = ExampleCa().leaf("localhost").server_context()
    with Origin(lambda link: context.wrap_socket(link, server_side=True).close()) as origin:
        yield origin


def refuse(recording: Recording, origin: Origin) -> Seen:
    """Ask for TLS, leave at the sight of a certificate that one does not know; what is recorded of it."""
    known = recording.last_id()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # with no CA at all
    with socket.create_connection(("127.0.0.1", recording.port), 20) as sock:
        sock.sendall(f"CONNECT {origin.authority} HTTP/1.1\r\nHost: {origin.authority}\r\n\r\n".encode())
        assert sock.recv(4096).startswith(b"HTTP/1.1 200")
        with pytest.raises(ssl.SSLCertVerificationError):
            context.wrap_socket(sock, server_hostname="localhost")
    (seen,) = recording.finished(1, known)
    return seen


def is_passed(seen: Seen) -> bool:
    return reason_in(seen.detail.notes) == DarkCause.REFUSED.told()


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_three_times_in_a_row_and_from_then_on_hold_for_all_workers(tmp_path, origin, workers):
    with Recording(tmp_path, PASS, workers=workers) as recording:
        refused = [refuse(recording, origin) for _ in range(3)]
        assert ["3 times in a row" in each.detail.failure_text for each in refused] == [False, False, True]
        assert all(is_passed(refuse(recording, origin)) for _ in range(8))
        assert recording.stop() == 0


def test_a_worker_that_takes_the_place_of_a_dead_one_knows(tmp_path, origin):
    with Recording(tmp_path, PASS) as recording:
        for _ in range(3):
            refuse(recording, origin)
        (pid,) = recording.worker_pids()
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: [each for each in recording.worker_pids() if each != pid], "another worker")
        assert is_passed(refuse(recording, origin))
        assert recording.stop() == 0
