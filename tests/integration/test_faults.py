"""The real program with faults of its own: they are in the log of all processes and told, and traffic goes on."""

import http.client
import sys
from pathlib import Path

import pytest

from proxy_core.capture.journal import read_records
from proxy_core.engine.recording.outbox import UNTAKEN_LIMIT_BYTES
from proxy_core.model.event import EventKind, encode_event
from proxy_core.model.failure import FailureKind
from tests.integration.origin import Hall, Origin
from tests.integration.recording import Recording, read_capture, wait_for
from tests.integration.test_command_line import fetch
from tests.support.program import Program

pytestmark = pytest.mark.replaces_inside

FAULTY = (sys.executable, "-m", "tests.integration.faulty_program")


@pytest.fixture
def origin():
    with Origin(Hall()) as running:
        yield running


@pytest.fixture
def recording(tmp_path, monkeypatch):
    monkeypatch.setattr("tests.integration.recording.Program", lambda arguments: Program(arguments, command=FAULTY))
    with Recording(tmp_path) as running:
        yield running


def test_a_relay_that_throws_is_a_row_and_an_entry(recording, origin):
    for number in range(20):
        link = http.client.HTTPConnection("127.0.0.1", recording.port, timeout=20)
        link.request("GET", f"{origin.url}/fault/relay/{number}")
        response = link.getresponse()
        assert response.status == 500
        assert b"Harrier's own fault" in response.read()
        link.close()
    assert fetch(recording.port, origin.url + "/good") == b"answer to /good"
    seen = recording.finished(21)
    assert all(each.row.failure == FailureKind.OWN_FAULT for each in seen[:20])
    text = seen[0].detail.failure_text
    assert "entry " in text
    assert recording.stop() == 0
    log = (recording.home / "harrier.log").read_text()
    assert f"[{text.partition('entry ')[2].partition(' ')[0]}] In a relay" in log
    assert " worker 1 (" in log
    assert log.count("Traceback") == 1  # the others are the same
    assert recording.program.errors == f"harrier: {text} ({recording.home / 'harrier.log'})\n"


def test_a_recorder_that_throws_ends_the_recording_and_traffic_goes_on(recording, origin):
    assert fetch(recording.port, origin.url + "/before") == b"answer to /before"
    recording.by_path("/before")
    assert fetch(recording.port, origin.url + "/fault/recorder")
    wait_for(lambda: "Recording has ended before its time" in recording.program.errors)
    # More than a worker lets lie unanswered: with nobody to take it, the next requests would wait for ever.
    head = "x" * 60_000
    for number in range(UNTAKEN_LIMIT_BYTES // len(head) + 20):
        link = http.client.HTTPConnection("127.0.0.1", recording.port, timeout=20)
        link.request("GET", f"{origin.url}/after/{number}", headers={"X-Long": head})
        assert link.getresponse().read() == f"answer to /after/{number}".encode()
        link.close()
    assert recording.stop() == 1  # not all of it is in the capture
    log = (recording.home / "harrier.log").read_text()
    assert " record (" in log
    assert "RuntimeError: a fault of the recorder" in log
    assert "Traceback" not in recording.program.errors
    assert [each.row.path for each in read_capture(recording.capture)] == ["/before"]
    assert f"What the index does not hold lies in {recording.live}." in recording.program.errors
    assert recording.live.exists()


def test_what_a_recorder_that_threw_left_in_the_journals_is_in_the_capture(recording, origin):
    for path in ("/before", "/fault/once"):
        assert fetch(recording.port, origin.url + path)
    wait_for(lambda: "Recording has ended before its time" in recording.program.errors)
    assert recording.stop() == 1
    assert [each.row.path for each in read_capture(recording.capture)] == ["/before", "/fault/once"]
    assert not recording.live.exists()


def test_an_event_that_cannot_be_read_is_kept_beside_the_capture(recording, origin):
    for path in ("/before", "/fault/event", "/after"):
        assert fetch(recording.port, origin.url + path) == b"answer to " + path.encode()
    recording.by_path("/after")
    assert recording.stop() == 0
    assert [each.row.path for each in read_capture(recording.capture)] == ["/before", "/fault/event", "/after"]
    kept = Path(f"{recording.capture}.unread-events")
    assert [payload for _, payload, _ in read_records(str(kept))] == [
        encode_event((EventKind.EXCHANGE.value, "no key"))
    ]
    assert "One record of what went by could not be read" in recording.program.errors
    assert f"is now {kept}." in recording.program.errors
    assert not recording.live.exists()
