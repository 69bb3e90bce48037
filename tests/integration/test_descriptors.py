"""More clients than a worker has descriptors for: those that are there are served, the others when there is room."""

import resource
import socket

from tests.integration.origin import Hall, Origin, read_exactly, read_head
from tests.integration.recording import Recording, wait_for
from tests.integration.test_command_line import fetch

_CLIENTS = 200


def read_answer(link: socket.socket) -> bytes:
    head = read_head(link)
    assert head.startswith(b"HTTP/1.1 200 ")
    return read_exactly(link, int(head.partition(b"Content-Length: ")[2].split(b"\r\n")[0]))


def test_when_they_run_out(tmp_path):
    with Origin(Hall()) as origin, Recording(tmp_path, workers=1) as recording:
        (worker,) = recording.worker_pids()
        fetch(recording.port, origin.url + "/before")
        early = socket.create_connection(("127.0.0.1", recording.port), timeout=20)
        request = b"GET %b/early HTTP/1.1\r\nHost: a\r\n\r\n" % origin.url.encode()
        early.sendall(request)
        assert read_answer(early) == b"answer to /early"
        most = resource.prlimit(worker, resource.RLIMIT_NOFILE)
        resource.prlimit(worker, resource.RLIMIT_NOFILE, (100, most[1]))
        crowd = [socket.create_connection(("127.0.0.1", recording.port), timeout=20) for _ in range(_CLIENTS)]
        for _ in range(3):
            early.sendall(request)
            assert read_answer(early) == b"answer to /early"
        wait_for(lambda: "Raise `ulimit -n`" in recording.program.errors)
        for link in crowd:
            link.close()
        assert fetch(recording.port, origin.url + "/after") == b"answer to /after"
        early.close()
        assert recording.stop() == 0
        assert recording.program.errors.count("\n") == 1, recording.program.errors
