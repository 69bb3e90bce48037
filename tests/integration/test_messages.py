"""WebSockets by another implementation at both ends, and events, through the real program into capture and HAR."""

import json
import os
import signal
import ssl
import threading
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests
from websockets.sync.client import connect
from websockets.sync.server import serve

from proxy_core.capture.reader import CaptureReader
from proxy_core.model.message_row import MessageFlag, Opcode
from proxy_core.tasks.convert import convert
from tests.integration.recording import Recording, wait_for
from tests.support.har_validation import check_har
from tests.support.test_ca import ExampleCa

LARGE = bytes(range(256)) * 2000


@contextmanager
def echo(context=None):
    def answer(connection):
        for message in connection:
            connection.send(message)

    with serve(answer, "127.0.0.1", 0, ssl=context, max_size=None) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.socket.getsockname()[1]
        server.shutdown()
        thread.join()


def messages(path):
    """What was said in the exchange that has messages."""
    with closing(CaptureReader(str(path))) as reader:
        return [
            (Opcode(row.opcode), row.flags, reader.payload(reader.content(row)))
            for exchange_id in reader.ids()
            for row in reader.messages(exchange_id, 0, 1000)
        ]


@pytest.mark.parametrize("compression", ["deflate", None])
def test_a_conversation_over_tls_is_in_the_capture_and_in_the_har(tmp_path, compression):
    ca = ExampleCa()
    deflated = MessageFlag.DEFLATED if compression else 0
    roots = ca.write(str(tmp_path))
    with (
        echo(ca.leaf("localhost").server_context()) as port,
        Recording(tmp_path, ["--upstream-ca", roots]) as recording,
    ):
        trusting = ssl.create_default_context(cafile=recording.ca)
        url = f"wss://localhost:{port}/chat"
        with connect(url, proxy=recording.proxy, ssl=trusting, compression=compression, max_size=None) as client:
            for sent, said in (("héllo", "héllo"), (LARGE, LARGE), (iter(["one ", "two"]), "one two")):
                client.send(sent)
                assert client.recv() == said
            client.ping().wait()
            wait_for(lambda: len(messages(recording.live)) == 8, "the messages of an open WebSocket")
        recording.finished()
        assert recording.stop() == 0, recording.program.errors
    told = messages(recording.capture)
    assert told[:6] == [
        (Opcode.TEXT, deflated, "héllo".encode()),
        (Opcode.TEXT, deflated, "héllo".encode()),
        (Opcode.BINARY, deflated, LARGE),
        (Opcode.BINARY, deflated, LARGE),
        (Opcode.TEXT, deflated | MessageFlag.FRAGMENTED, b"one two"),
        (Opcode.TEXT, deflated, b"one two"),
    ]
    assert [opcode for opcode, _, _ in told[6:]] == [Opcode.PING, Opcode.PONG, Opcode.CLOSE, Opcode.CLOSE]
    (entry,) = check_har(recording.har)["entries"]
    assert [each["type"] for each in entry["_webSocketMessages"]] == ["send", "receive"] * 5
    assert entry["_webSocketMessages"][0]["data"] == "héllo"
    assert entry["_webSocketClose"]["code"] == 1000


def test_what_was_said_before_the_program_was_killed_is_there(tmp_path):
    with echo() as port, Recording(tmp_path) as recording:
        with connect(f"ws://127.0.0.1:{port}/", proxy=recording.proxy) as client:
            client.send("remember")
            assert client.recv() == "remember"
            wait_for(lambda: len(messages(recording.live)) == 2, "two messages")
            for pid in [recording.program.pid, *recording.program.descendants()]:
                os.kill(pid, signal.SIGKILL)
        convert(str(recording.live), str(tmp_path / "out.har"))
    (entry,) = json.loads((tmp_path / "out.har").read_bytes())["log"]["entries"]
    assert [each["data"] for each in entry["_webSocketMessages"]][:2] == ["remember", "remember"]


class _Events(BaseHTTPRequestHandler):
    go_on = threading.Event()

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        self.wfile.write(b"event: add\nid: 1\ndata: one\n\n")
        self.wfile.flush()
        assert self.go_on.wait(30)
        self.wfile.write(b"data: two\n\n")

    def log_message(self, *_arguments):
        pass


def test_events_are_in_the_capture_while_they_come_and_in_the_har(tmp_path):
    with ThreadingHTTPServer(("127.0.0.1", 0), _Events) as server, Recording(tmp_path) as recording:
        threading.Thread(target=server.serve_forever).start()
        url = f"http://127.0.0.1:{server.server_address[1]}/events"
        with requests.get(url, proxies={"http": recording.proxy}, stream=True, timeout=30) as response:
            wait_for(lambda: messages(recording.live) == [(Opcode.EVENT, 0, b"one")], "the first event")
            _Events.go_on.set()
            assert response.content.endswith(b"data: two\n\n")
        recording.finished()
        server.shutdown()
        assert recording.stop() == 0, recording.program.errors
    (entry,) = check_har(recording.har)["entries"]
    told = [(each["eventName"], each["eventId"], each["data"]) for each in entry["_eventSourceMessages"]]
    assert told == [("add", "1", "one"), ("message", "1", "two")]
