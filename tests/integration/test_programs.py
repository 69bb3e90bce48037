"""The program behind a connection, through the real program: this very process is the client."""

import os
import socket

import psutil

from proxy_core.capture.reader import CaptureReader
from proxy_core.model.filter import parse_filter
from proxy_core.model.tls_facts import program_in
from tests.integration.origin import Origin, read_head
from tests.integration.recording import Recording, wait_for


def answer(link: socket.socket) -> None:
    while read_head(link):
        link.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")


def test_who_asks_is_recorded_and_found_by_the_filter(tmp_path):
    with Origin(answer) as origin, Recording(tmp_path) as recording:
        with socket.create_connection(("127.0.0.1", recording.port)) as client:
            client.sendall(b"GET http://127.0.0.1:%d/ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" % origin.port)
            assert client.recv(1000).startswith(b"HTTP/1.1 204")
            reader = CaptureReader(str(recording.live))
            name = psutil.Process().name()
            wait_for(lambda: list(reader.ids(parse_filter(f'app:"{name}"'))) == [1], "the program")
            assert list(reader.ids(parse_filter("app:nobody"))) == []
            detail = reader.detail(1)
            program = program_in(reader.connection(detail.client_connection).tls)
            assert (program.name, program.pid) == (name, os.getpid())
            reader.close()
        assert recording.stop() == 0
        reader = CaptureReader(str(recording.capture))
        assert list(reader.ids(parse_filter(f"app:/^{name[:4]}/"))) == [1]
        reader.close()
