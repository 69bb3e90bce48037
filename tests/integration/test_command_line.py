"""The command line as a person uses it: first line, exit statuses, sentences, and files that are whole at the end."""

import http.client
import json
import os
import signal
import socket
import subprocess
from pathlib import Path

import certifi
import pytest

from proxy_core.version import VERSION
from tests.integration.recording import Recording, read_capture, wait_for
from tests.support.demonstration_site import DemonstrationSite
from tests.support.program import FROM_SOURCES, Program, are_gone


@pytest.fixture(scope="module")
def site():
    with DemonstrationSite() as running:
        yield running


@pytest.fixture(scope="module")
def recorded(site, tmp_path_factory) -> Recording:
    """A recording of three exchanges that has ended in order."""
    with Recording(tmp_path_factory.mktemp("recorded")) as recording:
        for path in ("/api/wares", "/chunked", "/fail/reset-before-head"):
            fetch(recording.port, site.http_url + path)
        assert recording.stop() == 0
    return recording


def run(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*FROM_SOURCES, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        stdin=subprocess.DEVNULL,
        env={**os.environ, **environment},
    )


def fetch(port: int, url: str) -> bytes:
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        link.request("GET", url)
        return link.getresponse().read()
    finally:
        link.close()


def refuses(done: subprocess.CompletedProcess[str], *words: str) -> None:
    """It has ended with one sentence on standard error and status 2."""
    assert done.returncode == 2, done
    assert done.stdout == ""
    assert done.stderr.startswith("harrier: ")
    assert done.stderr.count("\n") == 1
    assert done.stderr.endswith(".\n")
    for word in words:
        assert word in done.stderr


def test_version_and_help():
    assert run("--version").stdout == f"Harrier {VERSION}\n"
    assert run("record", "--version").returncode == 2  # it belongs before the command
    for command, option in (
        ((), "--insecure-upstream"),
        (("record",), "--har"),
        (("record",), "--after-refusals {ask,pass}"),
        (("convert",), "OUT"),
        (("ca",), "--export"),
    ):
        done = run(*command, "--help")
        assert done.returncode == 0
        assert option in done.stdout
        assert "--home" in done.stdout
        assert done.stderr == ""


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--frob"], "--frob"),
        (["record", "--frob"], "--frob"),
        (["record", "--listen", ":8080"], "HOST:PORT"),
        (["record", "--listen", "127.0.0.1"], "HOST:PORT"),
        (["record", "--listen", "127.0.0.1:65536"], "HOST:PORT"),
        (["record", "--listen", "127.0.0.1:http"], "HOST:PORT"),
        (["record", "--workers", "0"], "workers"),
        (["record", "--duration", "soon"], "seconds"),
        (["record", "--duration", "nan"], "seconds"),
        (["record", "--upstream-ca", "/nowhere/ca.pem"], "/nowhere/ca.pem"),
        (["record", "--upstream-ca", "/nowhere/a.pem", "--upstream-ca", certifi.where()], "/nowhere/a.pem"),
        (["record", "--har", "/nowhere/out.har"], "/nowhere"),
        (["record", "--capture", "/nowhere/out.harrier"], "/nowhere"),
        (["convert", "one.har"], "OUT"),
        (["convert", "one.har", "two.har"], "HAR"),
        (["/nowhere/file.harrier"], "/nowhere/file.harrier"),
    ],
    ids=" ".join,
)
def test_a_mistake_is_one_sentence(arguments, word, tmp_path):
    refuses(run(*arguments, HARRIER_HOME=str(tmp_path / "home")), word)


class TestListening:
    @pytest.mark.parametrize("address", ["203.0.113.7:0", "no-such-name.invalid:0", "[2001:db8::7]:0"])
    def test_an_address_that_is_not_ours(self, address, tmp_path):
        refuses(run("record", "--home", tmp_path, "--listen", address), "--listen")

    def test_a_port_in_use(self, tmp_path):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            done = run("record", "--home", tmp_path / "home", "--listen", f"127.0.0.1:{port}")
        refuses(done, f"127.0.0.1:{port}", "in use", "--listen")
        assert list((tmp_path / "home" / "captures").iterdir()) == []

    def test_loopback_by_default(self, tmp_path):
        """Who names no address doesn't become an open proxy. (The port may be somebody's: then it says that.)"""
        done = run("record", "--home", tmp_path, "--duration", "0.1")
        assert done.stdout == "listening on http://127.0.0.1:8080\n" or "127.0.0.1:8080 (Address already" in done.stderr

    def test_only_the_named_address_is_listened_on(self, tmp_path):
        with Recording(tmp_path) as recording, socket.socket() as other:
            other.bind(("127.0.0.2", recording.port))  # fails where somebody listens on all addresses

    def test_other_addresses_when_named(self, site, tmp_path):
        with Program(["record", "--home", str(tmp_path), "--listen", "0.0.0.0:0", "--workers", "1"]) as program:
            line = program.read_line()
            assert line.startswith("listening on http://0.0.0.0:")
            assert b"wares" in fetch(int(line.rpartition(":")[2]), site.http_url + "/api/wares")
            assert program.stop() == 0
            assert "0.0.0.0 is open to everybody who can reach this computer" in program.errors
            assert program.errors.count("\n") == 1

    def test_ipv6_loopback(self, site, tmp_path):
        with Program(["record", "--home", str(tmp_path), "--listen", "[::1]:0", "--workers", "1"]) as program:
            line = program.read_line()
            assert line.startswith("listening on http://[::1]:")
            link = http.client.HTTPConnection("::1", int(line.rpartition(":")[2]), timeout=30)
            link.request("GET", site.http_url + "/api/wares")
            assert link.getresponse().status == 200
            link.close()
            assert program.stop() == 0
            assert program.errors == ""


class TestBadFiles:
    @pytest.mark.parametrize("home", ["/proc/harrier", "/dev/null/harrier", "file/harrier"])
    def test_a_home_that_cannot_be_written(self, home, tmp_path):
        (tmp_path / "file").write_text("no folder")
        done = run("record", "--home", tmp_path / home, "--listen", "127.0.0.1:0")
        refuses(done, str(tmp_path / home), "--home")

    def test_a_capture_that_cannot_be_made(self, tmp_path):
        done = run("record", "--home", tmp_path, "--listen", "127.0.0.1:0", "--capture", "/proc/seen.harrier")
        refuses(done, "/proc/seen.harrier.live")

    @pytest.mark.parametrize("name", ["harrier-ca-key.pem", "harrier-ca.pem"])
    @pytest.mark.parametrize("content", [b"", b"garbage\n", None])
    @pytest.mark.parametrize("command", ["record", "ca"])
    def test_a_damaged_ca(self, recorded, tmp_path, name, content, command):
        home = tmp_path / "home"
        (home / "ca").mkdir(parents=True)
        for file in (recorded.home / "ca").iterdir():
            data = file.read_bytes()
            damaged = data[: len(data) // 2] if content is None else content
            (home / "ca" / file.name).write_bytes(damaged if file.name == name else data)
        listen = ["--listen", "127.0.0.1:0"] if command == "record" else []
        refuses(run(command, "--home", home, *listen), name)

    @pytest.mark.parametrize("content", [b"", b"garbage\n", b"-----BEGIN CERTIFICATE-----\nMIIB\n"])
    def test_a_damaged_upstream_ca(self, tmp_path, content):
        path = tmp_path / "upstream.pem"
        path.write_bytes(content)
        done = run("record", "--home", tmp_path / "home", "--listen", "127.0.0.1:0", "--upstream-ca", path)
        refuses(done, str(path), "PEM")

    def test_a_live_capture_in_the_way_is_not_overwritten(self, tmp_path):
        left = tmp_path / "seen.harrier.live"
        left.mkdir()
        (left / "kept").write_text("kept")
        done = run("record", "--home", tmp_path, "--listen", "127.0.0.1:0", "--capture", tmp_path / "seen.harrier")
        refuses(done, "did not end in order", "convert")
        assert (left / "kept").read_text() == "kept"


class TestEnds:
    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_a_signal_finishes_the_files(self, site, tmp_path, number):
        with Recording(tmp_path, workers=2) as recording:
            body = fetch(recording.port, site.http_url + "/api/wares")
            family = recording.program.descendants()
            recording.program.signal(number)
            assert recording.program.wait() == 0
            assert recording.program.errors == ""
            assert are_gone(family)
        (exchange,) = read_capture(recording.capture)
        assert exchange.response_body == body
        assert exchange.row.status == 200
        (entry,) = json.loads(recording.har.read_bytes())["log"]["entries"]
        assert entry["request"]["url"] == site.http_url + "/api/wares"
        assert not recording.live.exists()

    def test_what_was_under_way_was_interrupted_and_no_worker_died(self, tmp_path):
        with socket.create_server(("127.0.0.1", 0)) as silent, Recording(tmp_path) as recording:
            port = silent.getsockname()[1]
            client = socket.create_connection(("127.0.0.1", recording.port))
            client.sendall(b"GET http://127.0.0.1:%d/ HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n" % (port, port))
            asked, _ = silent.accept()
            assert asked.recv(3) == b"GET"
            wait_for(lambda: len(recording.exchanges()) == 1)
            assert recording.stop() == 0
            client.close()
            asked.close()
        (exchange,) = read_capture(recording.capture)
        assert exchange.row.failure == "engine_died"
        assert exchange.detail.failure_text == "Harrier ended while this exchange was under way."

    def test_the_capture_is_saved_whatever_becomes_of_the_har(self, site, tmp_path):
        with Recording(tmp_path) as recording:
            recording.har.mkdir()  # no file can take its place
            fetch(recording.port, site.http_url + "/api/wares")
            assert recording.stop() == 2
            errors = recording.program.errors
        assert str(recording.har) in errors
        assert f"The capture is in {recording.capture}." in errors
        assert errors.count("\n") == 1
        assert [each.row.path for each in read_capture(recording.capture)] == ["/api/wares"]
        assert not recording.live.exists()

    def test_the_har_is_written_whatever_becomes_of_the_capture(self, site, tmp_path):
        with Recording(tmp_path) as recording:
            recording.capture.mkdir()
            fetch(recording.port, site.http_url + "/api/wares")
            assert recording.stop() == 2
            errors = recording.program.errors
        assert f"The capture is in {recording.live}." in errors
        assert [each.row.path for each in read_capture(recording.live)] == ["/api/wares"]
        assert len(json.loads(recording.har.read_bytes())["log"]["entries"]) == 1

    def test_what_could_not_all_be_saved_stays(self, site, tmp_path):
        with Recording(tmp_path) as recording:
            fetch(recording.port, site.http_url + "/api/wares")
            recording.by_path("/api/wares")
            for segment in recording.live.glob("*.seg"):
                os.truncate(segment, 0)
            assert recording.stop() == 2
            errors = recording.program.errors
        assert f"{recording.capture} is not whole. Of 1 exchange the bodies are damaged" in errors
        assert f"The capture is in {recording.live}." in errors
        assert [each.row.path for each in read_capture(recording.live)] == ["/api/wares"]

    def test_a_signal_in_the_middle_of_an_exchange(self, site, tmp_path):
        with Recording(tmp_path) as recording:
            link = socket.create_connection(("127.0.0.1", recording.port), timeout=30)
            link.sendall(b"GET %b/endless HTTP/1.1\r\nHost: localhost\r\n\r\n" % site.http_url.encode())
            seen = b""
            while b"more" not in seen:
                seen += link.recv(4096)
            assert recording.stop() == 0
            link.close()
        (exchange,) = read_capture(recording.capture)
        assert exchange.is_final
        assert b"more" in exchange.response_body

    def test_duration_ends_it_with_the_files_written(self, tmp_path):
        with Recording(tmp_path, ["--duration", "0.2"]) as recording:
            assert recording.program.wait() == 0
        assert read_capture(recording.capture) == []
        assert json.loads(recording.har.read_bytes())["log"]["entries"] == []

    def test_without_files_the_capture_stays_in_the_home(self, site, tmp_path):
        arguments = ["record", "--home", str(tmp_path), "--listen", "127.0.0.1:0", "--workers", "1"]
        with Program(arguments) as program:
            fetch(program.listening_port(), site.http_url + "/api/wares")
            assert program.stop() == 0
        (live,) = (tmp_path / "captures").iterdir()
        assert [each.row.path for each in read_capture(live)] == ["/api/wares"]


class TestConvert:
    def test_there_and_back(self, recorded, tmp_path):
        first, capture, second = tmp_path / "1.har", tmp_path / "2.harrier", tmp_path / "3.har"
        for source, target in ((recorded.capture, first), (first, capture), (capture, second)):
            done = run("convert", source, target)
            assert (done.returncode, done.stderr) == (0, "")
            assert f"3 exchanges written to {target}." in done.stdout
        originals = json.loads(recorded.har.read_bytes())["log"]["entries"]
        entries = json.loads(second.read_bytes())["log"]["entries"]
        for original, entry in zip(originals, entries, strict=True):
            assert entry["request"] == original["request"]
            assert entry["response"]["status"] == original["response"]["status"]
            assert entry["response"]["content"].get("text") == original["response"]["content"].get("text")

    @pytest.mark.parametrize("kept", [0, 100, 5000])
    def test_a_cut_capture(self, recorded, tmp_path, kept):
        cut = tmp_path / "cut.harrier"
        cut.write_bytes(recorded.capture.read_bytes()[:kept])
        refuses(run("convert", cut, tmp_path / "out.har"), str(cut))
        assert not (tmp_path / "out.har").exists()

    def test_garbage_within_a_capture(self, recorded, tmp_path):
        damaged = tmp_path / "damaged.harrier"
        data = bytearray(recorded.capture.read_bytes())
        data[4096:] = b"\xa5" * (len(data) - 4096)
        damaged.write_bytes(data)
        refuses(run("convert", damaged, tmp_path / "out.har"), str(damaged))
        assert list(tmp_path.iterdir()) == [damaged]

    @pytest.mark.parametrize(
        "content", [b"", b"no JSON", b'{"log": {"entr', b'{"log": {"entries": 5}}', b"[]", b"\0" * 999]
    )
    def test_a_damaged_har(self, tmp_path, content):
        damaged = tmp_path / "damaged.har"
        damaged.write_bytes(content)
        refuses(run("convert", damaged, tmp_path / "out.harrier"), str(damaged))
        assert list(tmp_path.iterdir()) == [damaged]

    def test_a_har_that_breaks_off_keeps_what_it_had(self, recorded, tmp_path):
        whole = recorded.har.read_bytes()
        cut = tmp_path / "cut.har"
        cut.write_bytes(whole[: whole.rindex(b'"startedDateTime"')])
        done = run("convert", cut, tmp_path / "out.harrier")
        assert done.returncode == 0
        assert "breaks off" in done.stdout
        assert len(read_capture(tmp_path / "out.harrier")) == 2

    @pytest.mark.parametrize(("source", "target"), [("no.harrier", "out.har"), ("no.har", "out.harrier")])
    def test_a_file_that_is_not_there(self, tmp_path, source, target):
        refuses(run("convert", tmp_path / source, tmp_path / target), source)

    def test_what_a_name_holds_is_not_obeyed_by_the_terminal(self, tmp_path):
        source = tmp_path / "a\x1b[2J\u202e\nharrier: fine.har"
        done = run("convert", source, tmp_path / "out.harrier")
        refuses(done, r"a\x1b[2J\u202e\nharrier: fine.har")
        source.write_text(json.dumps({"log": {"entries": []}}))
        done = run("convert", source, tmp_path / "out\x9b.harrier")
        assert done.stdout.endswith("out\\x9b.harrier.\n")
        assert done.stdout.count("\n") == 1

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
    def test_a_signal_leaves_no_half_file(self, tmp_path, number):
        source = tmp_path / "long.har"
        with open(source, "wb") as file:
            file.write(b'{"log": {"entries": [{"request": "')
            file.truncate(1 << 36)  # a hole takes no place, and minutes to read
        with subprocess.Popen([*FROM_SOURCES, "convert", str(source), str(tmp_path / "out.harrier")]) as program:
            wait_for(lambda: list(tmp_path.glob("*.part")))
            program.send_signal(number)
            assert program.wait(30) == 130
        assert list(tmp_path.iterdir()) == [source]

    @pytest.mark.parametrize("target", ["out.txt", "nowhere/out.har", "nowhere/out.harrier"])
    def test_a_target_that_cannot_be(self, recorded, tmp_path, target):
        refuses(run("convert", recorded.capture, tmp_path / target), target)


class TestCa:
    def test_it_is_made_once_and_shown(self, tmp_path):
        first, second = run("ca", "--home", tmp_path), run("ca", HARRIER_HOME=str(tmp_path))
        assert first.returncode == 0
        assert first.stdout == second.stdout
        assert "SHA-256" in first.stdout
        assert str(tmp_path / "ca" / "harrier-ca.pem") in first.stdout
        assert os.stat(tmp_path / "ca" / "harrier-ca-key.pem").st_mode & 0o777 == 0o600
        assert os.stat(tmp_path / "ca").st_mode & 0o777 == 0o700

    def test_its_certificate_is_exported_without_the_key(self, tmp_path):
        target = tmp_path / "export.pem"
        done = run("ca", "--home", tmp_path / "home", "--export", target)
        assert done.returncode == 0
        assert target.read_bytes() == Path(tmp_path / "home" / "ca" / "harrier-ca.pem").read_bytes()
        assert b"PRIVATE" not in target.read_bytes()
        refuses(run("ca", "--home", tmp_path / "home", "--export", "/nowhere/export.pem"), "/nowhere/export.pem")


class TestWithoutADisplay:
    def test_none_is_named(self, tmp_path):
        done = run("--home", tmp_path, DISPLAY="", WAYLAND_DISPLAY="", QT_QPA_PLATFORM="")
        refuses(done, "no display", "harrier record")

    def test_one_that_cannot_be_opened(self, tmp_path):
        done = run("--home", tmp_path, DISPLAY=":64999", WAYLAND_DISPLAY="", QT_QPA_PLATFORM="xcb")
        refuses(done, ":64999", "harrier record")
        assert "could not connect" in (tmp_path / "harrier.log").read_text()
