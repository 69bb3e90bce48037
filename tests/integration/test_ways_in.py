"""The ways in, through the real program: curl, and requests with PySocks."""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator

import pytest
import requests

from tests.integration.origin import Origin, read_head
from tests.integration.recording import Recording
from tests.integration.test_command_line import refuses, run
from tests.support.program import Program

needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed: apt-get install curl")


def echo(link: socket.socket) -> None:
    """An origin's script: each request is answered with its head."""
    while head := read_head(link):
        link.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n" % len(head) + head)


@pytest.fixture(scope="module")
def origin() -> Iterator[Origin]:
    with Origin(echo) as running:
        yield running


@pytest.fixture(scope="module")
def recording(tmp_path_factory) -> Iterator[Recording]:
    with Recording(tmp_path_factory.mktemp("open"), workers=2) as running:
        yield running
        assert running.stop() == 0


@pytest.fixture(scope="module")
def guarded(tmp_path_factory) -> Iterator[Recording]:
    folder = tmp_path_factory.mktemp("guarded")
    (folder / "users").write_text("me:pass word\n")
    with Recording(folder, ["--proxy-user", str(folder / "users")]) as running:
        yield running
        assert running.stop() == 0


def curl(*arguments: str) -> str:
    done = subprocess.run(
        ["curl", "-sS", "--noproxy", "", "--max-time", "20", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.stdout if done.returncode == 0 else f"{done.returncode} {done.stderr}"


@needs_curl
@pytest.mark.parametrize(
    "options",
    [
        ["-x", "http://127.0.0.1:{port}"],
        ["-p", "-x", "http://127.0.0.1:{port}"],
        ["--socks4", "127.0.0.1:{port}"],
        ["--socks4a", "127.0.0.1:{port}"],
        ["--socks5", "127.0.0.1:{port}"],
        ["--socks5-hostname", "127.0.0.1:{port}"],
        ["--socks5-hostname", "any:body@127.0.0.1:{port}"],
        ["--proxy-cacert", "{ca}", "-x", "https://127.0.0.1:{port}"],
        ["-p", "--proxy-cacert", "{ca}", "-x", "https://127.0.0.1:{port}"],
    ],
    ids=" ".join,
)
def test_curl(recording, origin, options):
    last = recording.last_id()
    filled = [option.format(port=recording.port, ca=recording.ca) for option in options]
    assert curl(*filled, f"{origin.url}/x").startswith("GET /x HTTP/1.1\r\n".replace("\r", ""))
    (seen,) = recording.finished(1, last)
    assert (seen.row.path, seen.row.status) == ("/x", 200)


@pytest.mark.parametrize("scheme", ["http", "socks4", "socks4a", "socks5", "socks5h"])
def test_requests(recording, origin, scheme):
    proxies = {"http": f"{scheme}://127.0.0.1:{recording.port}"}
    with requests.Session() as session:
        session.trust_env = False
        answer = session.get(f"{origin.url}/y", proxies=proxies, timeout=20)
    assert answer.text.startswith("GET /y HTTP/1.1\r\n")


@needs_curl
@pytest.mark.parametrize("way", ["-x http://", "--socks5-hostname ", "--proxy-cacert {ca} -x https://"])
def test_curl_that_logs_in(guarded, origin, way):
    *options, last = way.format(ca=guarded.ca).split(" ")
    place = f"{last}127.0.0.1:{guarded.port}"
    assert curl(*options, place, "--proxy-user", "me:pass word", origin.url).startswith("GET / HTTP/1.1")
    answer = curl(*options, place, "--proxy-user", "me:wrong", "-w", "%{http_code}", "-o", os.devnull, origin.url)
    assert answer == "407" or answer.startswith("97 ")  # CURLE_PROXY


@pytest.mark.parametrize("scheme", ["http", "socks5h"])
def test_requests_that_log_in(guarded, origin, scheme):
    with requests.Session() as session:
        session.trust_env = False
        proxies = {"http": f"{scheme}://me:pass%20word@127.0.0.1:{guarded.port}"}
        assert session.get(origin.url, proxies=proxies, timeout=20).text.startswith("GET / HTTP/1.1")


@needs_curl
def test_several_places_one_of_them_for_an_origin(tmp_path, origin):
    path = tmp_path / "harrier.sock"
    options = [
        "--listen",
        f"127.0.0.1:0={origin.url}",
        "--listen",
        f"unix:{path}",
        "--listen",
        f"unix:{path}2={origin.url}",
    ]
    with Recording(tmp_path, options) as recording:
        lines = [recording.program.read_line() for _ in range(3)]
        assert lines[0].startswith("listening on http://127.0.0.1:")
        assert lines[0].endswith(f" for {origin.url}\n")
        assert lines[1:] == [f"listening on unix:{path}\n", f"listening on unix:{path}2 for {origin.url}\n"]
        place = lines[0].split()[2]
        got = [
            curl(f"{place}/one"),
            curl("-k", f"{place.replace('http', 'https')}/two"),
            curl("--unix-socket", f"{path}2", "http://anything/three"),
            curl("-x", f"http://127.0.0.1:{recording.port}", f"{origin.url}/four"),
        ]
        assert [each.split("\n")[:2] for each in got] == [
            [f"GET /{name} HTTP/1.1", f"Host: {origin.authority}"] for name in ("one", "two", "three", "four")
        ]
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(20)
            client.connect(str(path))
            client.sendall(f"GET {origin.url}/five HTTP/1.1\r\nHost: a\r\n\r\n".encode())
            assert read_head(client).startswith(b"HTTP/1.1 200 ")
        assert {each.row.path for each in recording.finished(5)} == {"/one", "/two", "/three", "/four", "/five"}
        assert recording.stop() == 0
    assert not path.exists()


def test_a_unix_socket_alone_and_what_a_killed_one_leaves(tmp_path, origin):
    path = tmp_path / "harrier.sock"
    arguments = ["record", "--home", str(tmp_path / "home"), "--workers", "1", "--listen", f"unix:{path}"]
    arguments += ["--reverse", origin.url]
    for is_killed in (True, False):
        with Program(arguments) as program:
            assert program.read_line() == f"listening on unix:{path} for {origin.url}\n"
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(20)
                client.connect(str(path))
                client.sendall(b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n")
                assert read_head(client).startswith(b"HTTP/1.1 200 ")
            if is_killed:
                program.signal(9)
                program.wait()
                assert path.exists()
            else:
                assert program.stop() == 0
    assert not path.exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--reverse", "shop.test"], ["shop.test", "https://shop.example"]),
        (["--reverse", "https://shop.test/path"], ["no origin"]),
        (["--listen", "127.0.0.1:0=https://a.test", "--reverse", "https://b.test"], ["names its origin already"]),
        (["--listen", "unix:relative"], ["whole path"]),
        (["--proxy-user", "/nowhere"], ["/nowhere", "No such file"]),
        (["--listen", "unix:/dev/null"], ["/dev/null", "no socket"]),
    ],
)
def test_what_can_not_be(tmp_path, arguments, words):
    refuses(run("record", "--home", tmp_path / "home", *arguments), *words)


def test_a_taken_address_among_several_is_named(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        place = f"127.0.0.1:{taken.getsockname()[1]}"
        done = run("record", "--home", tmp_path / "home", "--listen", "127.0.0.1:0", "--listen", place)
    refuses(done, f"can't listen on {place} (Address already in use)")
