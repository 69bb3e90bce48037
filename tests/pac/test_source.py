"""Where PAC files come from, and what is no place for one."""

import http.server
import os
import ssl
import threading

import pytest

from proxy_core.pac.source import SIZE_LIMIT, SourceError, read_source
from tests.support.test_ca import ExampleCa

TEXT = "function FindProxyForURL(u, h) { return 'DIRECT'; } // ä"


class Pages(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path.startswith("/to"):
            self.send_response(302)
            self.send_header(
                "Location", {"/to-file": "file:///etc/passwd", "/to-self": "/to-self"}.get(self.path, "/ok")
            )
            self.end_headers()
            return
        status = 404 if self.path == "/missing" else 200
        body = {"/big": b" " * (SIZE_LIMIT + 1), "/latin": TEXT.encode("latin-1")}.get(self.path, TEXT.encode())
        self.send_response(status)
        kind = "text/plain; charset=latin-1" if self.path == "/latin" else "application/x-ns-proxy-autoconfig"
        self.send_header("Content-Type", kind)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: object) -> None:
        pass


@pytest.fixture
def serve():
    servers = []

    def start(context: ssl.SSLContext | None = None) -> int:
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Pages)
        if context is not None:
            server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
            server.handle_error = lambda *_: None
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        servers.append((server, thread))
        return server.server_port

    yield start
    for server, thread in servers:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize("path", ["ok", "latin", "to-ok"])
def test_from_a_web_server(serve, monkeypatch, path):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")  # nobody asks it
    assert read_source(f"http://127.0.0.1:{serve()}/{path}") == TEXT


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("missing", "its server answered 404"),
        ("big", "larger than 1 MiB"),
        ("to-file", "its server answered 302"),
        ("to-self", "its server answered 302"),
    ],
)
def test_no_file_there(serve, path, problem):
    with pytest.raises(SourceError, match=problem):
        read_source(f"http://127.0.0.1:{serve()}/{path}")


def test_nobody_there():
    with pytest.raises(SourceError, match="Connection refused"):
        read_source("http://127.0.0.1:9/x")


def test_tls_is_verified(serve, tmp_path):
    ca = ExampleCa()
    port = serve(ca.leaf("localhost").server_context())
    with pytest.raises(SourceError, match=r"can't be fetched \(.*certificate"):
        read_source(f"https://localhost:{port}/ok")
    assert (
        read_source(
            f"https://localhost:{port}/ok",
            [ExampleCa("Another").write(str(tmp_path), "another.pem"), ca.write(str(tmp_path))],
        )
        == TEXT
    )


def test_from_this_computer(tmp_path):
    path = tmp_path / "my proxy.pac"
    path.write_bytes(b"\xef\xbb\xbf" + TEXT.encode())
    assert read_source(path.as_uri()) == TEXT


def test_no_file_here(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "big").write_bytes(b" " * (SIZE_LIMIT + 1))
    for name, problem in (
        ("nothing", "No such file"),
        ("pipe", "no ordinary file"),
        ("big", "larger than"),
        (".", "no ordinary"),
    ):
        with pytest.raises(SourceError, match=problem):
            read_source((tmp_path / name).as_uri())
