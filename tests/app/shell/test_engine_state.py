"""What the window knows of its engine, and says of it, without Qt and without an engine."""

from typing import Any

import msgspec
import pytest

from app.shell.capture_totals import CaptureTotals
from app.shell.engine_state import EngineState, death_text, recording_problem_text
from proxy_core.model.notice import EngineStarted, RecordingChanged, RowsChanged

ENGINE = EngineStarted("127.0.0.1", 8080, 8080, "/captures/a.live", "ca.pem", "CA", "AB:CD", "x", 2)


def rows(total: int, failed: int = 0, capture_bytes: int = 0) -> RowsChanged:
    return RowsChanged(1, [], 0, 0, 0, 0, total, failed, capture_bytes)


def started(**other: Any) -> EngineState:
    state = EngineState(is_recording=True)
    assert state.started(msgspec.structs.replace(ENGINE, **other)) is None
    return state


def numbers(totals: CaptureTotals) -> tuple[int, int, int]:
    return totals.total, totals.failed, totals.recorded_bytes


def test_a_count_and_what_is_told_meanwhile_come_in_any_order():
    totals = CaptureTotals()
    totals.counted(3, 1)
    assert numbers(totals) == (3, 1, 0)
    totals.told(rows(5, 2, 700))
    assert numbers(totals) == (5, 2, 700)
    totals.counted(4, 1)  # as it was before that
    assert numbers(totals) == (5, 2, 700)
    totals.counted(6, None)
    assert numbers(totals) == (6, 2, 700)


def test_what_was_cleared_is_counted_anew():
    totals = CaptureTotals()
    totals.told(rows(5, 2, 700))
    totals.forget()
    assert numbers(totals) == (0, 0, 0)
    totals.told(rows(1))
    assert numbers(totals) == (1, 0, 0)


def test_before_there_is_an_engine_nothing_is_known():
    state = EngineState(is_recording=False)
    assert (state.capture_path, state.address, state.port_text(), state.open_text()) == ("", "", "", "")
    assert state.bytes_since() == 0
    assert not state.is_recording


@pytest.mark.parametrize(
    ("host", "port", "wanted", "address", "said"),
    [
        ("127.0.0.1", 8080, 8080, "127.0.0.1:8080", ""),
        ("127.0.0.1", 8081, 0, "127.0.0.1:8081", ""),
        (
            "::1",
            8081,
            8080,
            "[::1]:8081",
            "Port 8080 is taken by another program: Harrier listens on [::1]:8081 instead.",
        ),
    ],
)
def test_where_it_listens(host, port, wanted, address, said):
    state = started(host=host, port=port, wanted_port=wanted)
    assert (state.address, state.port_text()) == (address, said)


@pytest.mark.parametrize(
    ("host", "is_open"), [("0.0.0.0", True), ("::", True), ("192.168.1.5", True), ("::1", False), ("localhost", False)]
)
def test_that_others_can_use_it_is_said(host, is_open):
    assert started(host=host).open_text().startswith(started(host=host).address) is is_open


def test_the_other_ways_in_are_told():
    assert started().places_text() == ""
    state = started(also_listens=("0.0.0.0:1", "unix:/a=https://shop.test"), reverse="http://b.test")
    assert state.places_text().split("\n") == [
        f"{state.address} stands for http://b.test",
        "Also 0.0.0.0:1",
        "Also unix:/a, which stands for https://shop.test",
    ]
    assert state.open_text().startswith("0.0.0.0:1 is open to everybody")
    both = started(host="::", also_listens=("0.0.0.0:1",))
    assert both.open_text().startswith(f"{both.address} and 0.0.0.0:1 are open")
    assert started(host="::", has_users=True).open_text() == ""


@pytest.mark.parametrize(
    ("total", "dies", "said"),
    [
        (0, False, None),
        (1, False, "What was captured before the restart is kept: 1 exchange."),
        (1234, True, "What was captured before the restart is kept: at least 1,234 exchanges."),
    ],
)
def test_what_the_engine_before_has_captured_is_told(total, dies, said):
    state = started()
    state.totals.told(rows(total))
    if dies:
        state.died()
    earlier = state.started(msgspec.structs.replace(ENGINE, capture_path="/captures/b.live"))
    assert (earlier and (earlier.path, earlier.text())) == (said and ("/captures/a.live", said))
    assert (state.capture_path, state.totals.total) == ("/captures/b.live", 0)


def test_a_death_is_told_of_the_engine_that_died_only():
    state = started()
    state.totals.told(rows(2))
    state.died()
    state.started(ENGINE)
    state.totals.told(rows(2))
    earlier = state.started(ENGINE)
    assert earlier is not None
    assert earlier.is_counted


def test_the_rate_is_what_came_since_it_was_asked_last():
    state = started()
    state.totals.told(rows(1, capture_bytes=500))
    assert [state.bytes_since(), state.bytes_since()] == [500, 0]
    state.totals.told(rows(1, capture_bytes=700))
    assert state.bytes_since() == 200
    state.totals.told(rows(0, capture_bytes=100))  # after clearing
    assert state.bytes_since() == 0
    state.started(ENGINE)
    state.totals.told(rows(1, capture_bytes=50))
    assert state.bytes_since() == 50


def test_an_engine_whose_recording_has_ended_is_another_one_after_a_restart():
    state = started()
    state.recording_changed(RecordingChanged(True, "The disk is full.", 3, has_ended=True))
    assert (state.is_recording, state.is_kept, state.has_ended) == (True, False, True)
    state.started(ENGINE)
    assert not state.has_ended
    state.recording_changed(RecordingChanged(False, "", 0))
    assert (state.is_recording, state.is_kept, state.has_ended) == (False, True, False)


def test_why_nothing_is_recorded():
    assert recording_problem_text(RecordingChanged(True, "", 3)) == ""
    assert recording_problem_text(RecordingChanged(True, "The disk\nis full.", 0)) == r"The disk\x0ais full."
    told = recording_problem_text(RecordingChanged(True, "The disk is full.", 1))
    assert told == "The disk is full. 1 exchange went by unrecorded."


def test_how_it_died():
    assert "(signal 9)" in death_text(-9)
    assert "(status 3)" in death_text(3)
