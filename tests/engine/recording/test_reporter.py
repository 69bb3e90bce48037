"""What the capture hears of an exchange: once, whole, and also where its end could not be written when it came."""

from proxy_core.model.exchange import ExchangeFlag, ExchangeState
from proxy_core.model.failure import Failure, FailureKind
from tests.engine.recording.conftest import Capture

LEFT = Failure(FailureKind.CLIENT_CLOSED, "The client left in the last moment.")
BROKEN = Failure(FailureKind.CONNECTION_TERMINATED, "The origin broke off.")


def test_an_exchange_is_one_row_with_its_bodies(capture: Capture):
    report = capture.begins("/one")
    capture.reporter.request_body(report, b"asked")
    capture.reporter.response_body(report, b"ans")
    capture.reporter.response_body(report, b"wered")
    capture.reporter.complete(report)
    ((row, detail),) = capture.exchanges()
    assert (row.path, row.state, row.request_bytes, row.response_bytes) == ("/one", ExchangeState.COMPLETE, 5, 8)
    assert capture.body(detail.request.body) == b"asked"
    assert capture.body(detail.response.body) == b"answered"


def test_what_is_held_is_told_only_when_it_is_released(capture: Capture):
    report = capture.begins()
    capture.reporter.hold(report)
    assert capture.exchanges() == []
    capture.reporter.release(report)
    ((row, _),) = capture.exchanges()
    assert row.state == ExchangeState.REQUESTING
    capture.reporter.forget(report)
    assert capture.reporter.under_way() == []


class TestTheClientLeavesInTheLastMoment:
    def test_and_the_row_says_so(self, capture: Capture):
        report = capture.begins()
        capture.reporter.complete(report)
        capture.reporter.fail(report, LEFT)
        ((row, detail),) = capture.exchanges()
        assert (row.state, row.failure, detail.failure_text) == (ExchangeState.FAILED, LEFT.kind.value, LEFT.text)
        assert capture.writer.failed == 1

    def test_also_when_recording_was_switched_off_between(self, capture: Capture):
        report = capture.begins()
        capture.reporter.complete(report)
        capture.reporter.is_recording = False
        capture.reporter.fail(report, LEFT)
        ((row, _),) = capture.exchanges()
        assert row.state == ExchangeState.FAILED

    def test_what_was_missed_is_counted_once(self, capture: Capture):
        capture.reporter.full_disk.suspend(on=True)
        report = capture.begins()
        capture.reporter.complete(report)
        capture.reporter.fail(report, LEFT)
        capture.reporter.full_disk.suspend(on=False)
        assert capture.exchanges() == []
        assert capture.not_recorded == 1

    def test_what_is_owed_is_told_once(self, capture: Capture):
        report = capture.announced()
        capture.reporter.full_disk.suspend(on=True)
        capture.reporter.complete(report)
        capture.reporter.fail(report, LEFT)
        capture.reporter.full_disk.suspend(on=False)
        ((row, _),) = capture.exchanges()
        assert (row.state, row.failure) == (ExchangeState.FAILED, LEFT.kind.value)
        assert (capture.writer.failed, capture.writer.total, capture.not_recorded) == (1, 1, 0)

    def test_what_is_owed_from_the_time_before_is_told_once(self, capture: Capture):
        report = capture.announced()
        capture.reporter.full_disk.suspend(on=True)
        capture.reporter.complete(report)
        capture.reporter.full_disk.suspend(on=False)
        capture.reporter.fail(report, LEFT)
        ((row, _),) = capture.exchanges()
        assert row.state == ExchangeState.FAILED
        assert capture.writer.failed == 1

    def test_an_end_that_is_told_is_amended_when_that_can_be_done(self, capture: Capture):
        report = capture.begins()
        capture.reporter.complete(report)
        capture.reporter.full_disk.suspend(on=True)
        capture.reporter.fail(report, LEFT)
        capture.reporter.full_disk.suspend(on=False)
        ((row, _),) = capture.exchanges()
        assert row.state == ExchangeState.FAILED
        assert (capture.writer.failed, capture.not_recorded) == (1, 0)


def test_of_two_failures_the_first_is_told(capture: Capture):
    report = capture.begins()
    capture.reporter.fail(report, BROKEN)
    capture.reporter.fail(report, LEFT)
    ((row, _),) = capture.exchanges()
    assert row.failure == BROKEN.kind.value
    assert (capture.writer.failed, capture.writer.total) == (1, 1)


class TestTheDiskIsFull:
    def test_an_exchange_that_nobody_has_heard_of_is_counted(self, capture: Capture, full_disk):
        for _ in range(3):
            capture.reporter.complete(capture.begins())
        full_disk()
        capture.reporter.full_disk.suspend(on=False)
        assert capture.exchanges() == []
        assert capture.not_recorded == 3
        assert capture.reasons == ["No space left on device"]

    def test_an_announced_ones_end_is_told_later_without_what_others_have_written_there(
        self, capture: Capture, request
    ):
        report = capture.announced("/announced")
        make_room = request.getfixturevalue("full_disk")
        capture.reporter.response_body(report, b"its own bytes")
        capture.reporter.complete(report)
        make_room()
        capture.reporter.full_disk.suspend(on=False)
        other = capture.begins("/other")
        capture.reporter.response_body(other, b"somebody else's")
        capture.reporter.complete(other)
        (row, detail), (_, others) = capture.exchanges()
        assert (row.path, row.state) == ("/announced", ExchangeState.COMPLETE)
        assert row.flags & ExchangeFlag.BODY_NOT_RECORDED
        assert capture.body(detail.response.body) == b""
        assert capture.body(others.response.body) == b"somebody else's"

    def test_what_was_written_of_a_body_stays(self, capture: Capture, request):
        report = capture.begins()
        capture.reporter.response_body(report, b"before ")
        capture.reporter.tell_all()
        make_room = request.getfixturevalue("full_disk")
        capture.reporter.response_body(report, b"lost ")
        capture.reporter.tell_all()
        make_room()
        capture.reporter.full_disk.suspend(on=False)
        capture.reporter.response_body(report, b"after")
        capture.reporter.complete(report)
        ((row, detail),) = capture.exchanges()
        assert row.flags & ExchangeFlag.BODY_NOT_RECORDED
        assert capture.body(detail.response.body) == b"before after"
