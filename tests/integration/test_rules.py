"""`record --rules FILE`, as a person uses it: with curl, over real sockets, through several workers."""

import socket
import subprocess
from pathlib import Path

import pytest

from proxy_core.model.act import decode_acts
from proxy_core.model.effects.effect import Point
from proxy_core.model.exchange import ExchangeFlag
from tests.integration.origin import Origin, read_head
from tests.integration.recording import Recording, wait_for
from tests.support.program import Program

RULES = """\
[[rule]]
name = "Empty cart"
when = "method:GET host:no-such-host.test path:/cart"
answer = { json = '{"items": []}' }
stop = true
[[rule]]
name = "Header"
req.headers.set = { X-Env = "test" }
res.headers.set = { X-Seen = "yes" }
[[rule]]
name = "Three times"
when = "path:/times"
times = 3
answer = 418
"""


def serve(link: socket.socket) -> None:
    while head := read_head(link):
        body = b"X-Env: test" if b"\r\nX-Env: test\r\n" in head else b"without"
        link.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))


@pytest.fixture
def origin():
    with Origin(serve) as running:
        yield running


def curl(recording: Recording, *arguments: str) -> str:
    command = ["curl", "-s", "--cacert", recording.ca, "-x", recording.proxy, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False).stdout


def test_rules_of_a_file_act_over_all_workers_and_follow_the_file(tmp_path, origin: Origin):
    file = tmp_path / "shop.toml"
    file.write_text(RULES, "utf-8")
    with Recording(tmp_path, ["--rules", str(file)], workers=2) as recording:
        for scheme in ("http", "https"):
            assert curl(recording, f"{scheme}://no-such-host.test/cart") == '{"items": []}'
        urls = [f"{origin.url}/times?{number}" for number in range(8)]
        codes = [curl(recording, "-o", str(tmp_path / "body"), "-w", "%{http_code}", url) for url in urls]
        assert codes.count("418") == 3
        seen = curl(recording, "-i", f"{origin.url}/here")
        assert "X-Seen: yes" in seen
        assert seen.endswith("X-Env: test")
        here = recording.by_path("/here")
        assert [act[:3] for act in decode_acts(here.detail.acts)] == [
            (Point.REQUEST_HEAD, "shop/Header", "sets request header X-Env"),
            (Point.RESPONSE_HEAD, "shop/Header", "sets response header X-Seen"),
        ]
        assert here.row.flags & ExchangeFlag.CHANGED
        file.write_text("x = ", "utf-8")
        wait_for(lambda: f"{file}, line 1, column 5: This is no TOML" in recording.program.errors, "the mistake")
        assert curl(recording, "http://no-such-host.test/cart") == '{"items": []}'  # the last good ones
        file.write_text(RULES.replace("items", "things"), "utf-8")
        wait_for(lambda: "things" in curl(recording, "http://no-such-host.test/cart"), "the new answer")


def test_where_a_rule_answers_nothing_is_connected_before_it_is_needed(tmp_path):
    came: list[bytes] = []
    file = tmp_path / "mock.toml"
    file.write_text('[[rule]]\nname = "Mock"\nwhen = "path:/mock"\nanswer.text = "mocked"\n', "utf-8")
    with (
        Origin(lambda link: came.append(link.recv(5))) as origin,
        Recording(tmp_path, ["--rules", str(file)]) as recording,
    ):
        assert curl(recording, f"https://127.0.0.1:{origin.port}/mock") == "mocked"
        assert came == []
        assert "TLS" in curl(recording, f"https://127.0.0.1:{origin.port}/else")  # the page that says why
        assert len(came) == 1
        assert came[0].startswith(b"\x16\x03")
        assert [each.row.status for each in recording.finished(2)] == [200, 502]


def test_a_file_with_a_mistake_is_refused_at_the_start(tmp_path: Path):
    file = tmp_path / "shop.toml"
    file.write_text('[[rule]]\nname = "a"\nwehn = "host:a"\n', "utf-8")
    with Program(["record", "--home", str(tmp_path / "home"), "--rules", str(file)]) as program:
        assert program.wait() == 2
        assert program.errors == f"harrier: {file}, line 3, column 1: no key «wehn»; did you mean when?\n"
