"""`record --script FILE`, as a person uses it: with curl, over real sockets, through several workers."""

import pytest

from proxy_core.model.act import decode_acts
from tests.integration.origin import Origin
from tests.integration.recording import Recording, wait_for
from tests.integration.test_rules import curl, serve
from tests.support.program import Program

SCRIPT = """\
import harrier
from mitmproxy import http

count = 0

class Addon:
    def request(self, flow: http.HTTPFlow):
        global count
        count += 1
        flow.request.headers["X-Env"] = "test"
        if flow.request.path == "/own":
            flow.response = http.Response.make(418, "a teapot", {"X-Count": str(count)})
        if flow.request.path == "/wrong":
            flow.request.nothing.more

    def response(self, flow):
        if flow.request.path == "/changed":
            flow.response.text = flow.response.text.upper()

addons = [Addon()]

@harrier.on("request", when="path:/hangs")
def hangs(flow):
    while True:
        pass
"""


@pytest.fixture
def origin():
    with Origin(serve) as running:
        yield running


def test_a_script_sees_and_changes_what_goes_through_all_workers(tmp_path, origin: Origin):
    file = tmp_path / "mine.py"
    file.write_text(SCRIPT, "utf-8")
    with Recording(tmp_path, ["--script", str(file)], workers=2) as recording:
        assert curl(recording, f"{origin.url}/here") == "X-Env: test"
        assert curl(recording, f"{origin.url}/changed") == "X-ENV: TEST"
        own = curl(recording, "-i", f"{origin.url}/own")
        assert "418" in own
        assert "X-Count: 3" in own
        assert own.endswith("a teapot")
        assert curl(recording, f"{origin.url}/wrong") == "without"
        acts = decode_acts(recording.by_path("/wrong").detail.acts)
        assert ["mine.py:14" in act.problem for act in acts] == [True]
        file.write_text("def response(flow):\n    flow.response.text = 'reloaded'\n", "utf-8")
        wait_for(lambda: curl(recording, f"{origin.url}/again") == "reloaded", "the new script's answer")


def test_a_script_that_hangs_costs_its_own_exchange_alone_and_is_started_again(tmp_path, origin: Origin, monkeypatch):
    monkeypatch.setenv("HARRIER_SCRIPT_LIMIT_S", "0.5")  # the person's patience is ten times that
    file = tmp_path / "mine.py"
    file.write_text(SCRIPT, "utf-8")
    with Recording(tmp_path, ["--script", str(file)]) as recording:
        assert curl(recording, f"{origin.url}/hangs") == "without"
        wait_for(lambda: "418" in curl(recording, "-i", f"{origin.url}/own"), "the script's answer after its restart")


def test_a_script_that_is_not_there_is_told_before_anything_starts(tmp_path):
    path = tmp_path / "none.py"
    with Program(["record", "--home", str(tmp_path / "home"), "--script", str(path)]) as program:
        assert program.wait() == 2
        assert program.errors == f"harrier: There is no file {path} to run: check --script.\n"
