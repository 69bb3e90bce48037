"""The ways out through the real program: one Harrier behind another, by address and by PAC file; what is recorded of it."""

import base64
import http.client
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.integration.origin import Origin, read_head
from tests.integration.recording import Recording

PAC = """
var asked = 0;
function FindProxyForURL(url, host) {
  if (host == "loop.test") while (true) {}
  if (shExpMatch(host, "*.proxied.test")) return "PROXY 127.0.0.1:%d";
  return "DIRECT";
}
"""
SLOW_PAC = """
function FindProxyForURL(url, host) {
  if (host.indexOf("loop") == 0) while (true) {}
  return isInNet(dnsResolve(host), "127.0.0.0", "255.0.0.0") ? "PROXY 127.0.0.1:%d" : "DIRECT";
}
"""
SECRET = "geheim"


@pytest.fixture
def folders(tmp_path) -> tuple[Path, Path]:
    """Two empty ones."""
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    return first, second


def get(port: int, url: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("GET", url)
        response = connection.getresponse()
        response.read()
        return response.status
    finally:
        connection.close()


def serve(link: socket.socket) -> None:
    while read_head(link):
        link.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")


def test_one_harrier_behind_another(folders):
    with Origin(serve) as origin, Recording(folders[1]) as second:
        address = f"http://joe:{SECRET}@127.0.0.1:{second.port}"
        with Recording(folders[0], ["--upstream-proxy", address, "--no-proxy", ""]) as first:
            assert get(first.port, f"{origin.url}/a") == 200
            (seen,) = first.finished()
            assert f"By way of the proxy http://127.0.0.1:{second.port}." in seen.detail.notes
            (behind,) = second.finished()
            assert behind.row.path == "/a"
            assert first.stop() == 0
        secrets = (SECRET.encode(), base64.b64encode(f"joe:{SECRET}".encode()))
        files = [path for path in folders[0].rglob("*") if path.is_file()]
        assert files
        for path in files:
            assert not any(secret in path.read_bytes() for secret in secrets), path


def test_a_pac_file_decides(folders, tmp_path):
    with Origin(serve) as origin, Recording(folders[1], ["--host", "*.test=127.0.0.1"]) as second:
        path: Path = tmp_path / "proxy.pac"
        path.write_text(PAC % second.port)
        options = ["--upstream-proxy", f"pac+{path.as_uri()}", "--host", "direct.test=127.0.0.1"]
        options += ["--host", "loop.test=127.0.0.1", "--host", "late.test=127.0.0.1"]
        with Recording(folders[0], options) as first:
            for name in ("a.proxied.test", "direct.test", "loop.test", "late.test"):
                assert get(first.port, f"http://{name}:{origin.port}/{name}") == 200
            proxied, direct, loop, after = first.finished(4)
            assert f"By way of the proxy http://127.0.0.1:{second.port}." in proxied.detail.notes
            assert direct.detail.notes == ""
            assert "so it was reached directly: it took longer than 5 s." in loop.detail.notes
            assert after.detail.notes == ""  # the slowness of one host is nobody else's
            assert [each.row.path for each in second.finished()] == ["/a.proxied.test"]
            assert first.stop() == 0


def test_a_host_for_which_the_pac_file_is_slow_leaves_the_others_their_proxy(folders, tmp_path):
    """Also where they ask behind it, and what the file looks up leads where the settings lead it."""
    with Origin(serve) as origin, Recording(folders[1], ["--host", "*.test=127.0.0.1"]) as second:
        path: Path = tmp_path / "proxy.pac"
        path.write_text(SLOW_PAC % second.port)
        options = ["--upstream-proxy", f"pac+{path.as_uri()}", "--host", "*.test=127.0.0.1"]
        with Recording(folders[0], options) as first, ThreadPoolExecutor() as clients:
            slow = [clients.submit(get, first.port, f"http://loop{n}.test:{origin.port}/loop") for n in range(2)]
            assert [get(first.port, f"http://a{n}.test:{origin.port}/a{n}") for n in range(5)] == [200] * 5
            assert [each.result() for each in slow] == [200, 200]
            seen = first.finished(7)
            assert sorted(each.row.path for each in second.finished(5)) == [f"/a{n}" for n in range(5)]
            late = [each for each in seen if each.row.path == "/loop"]
            assert all("so it was reached directly: it took longer than 5 s." in each.detail.notes for each in late)
            assert first.stop() == 0
