"""Where the bytes of bodies go: with the event, before it, or into a segment of their own; each of four by itself."""

import errno

import pytest

from proxy_core.capture.extents import decode_extents
from proxy_core.capture.journal import Journal
from proxy_core.capture.reader import CaptureReader
from proxy_core.capture.saver import save_capture
from proxy_core.capture.segment import is_journal
from proxy_core.engine.recording.body_writer import OWN_SEGMENT_BYTES, PENDING_LIMIT_BYTES
from proxy_core.model.exchange import ExchangeFlag
from proxy_core.model.stream import Stream
from tests.engine.recording.conftest import Capture


def pattern(name: bytes, length: int) -> bytes:
    return (name * (length // len(name) + 1))[:length]


@pytest.mark.parametrize("length", [1, PENDING_LIMIT_BYTES, PENDING_LIMIT_BYTES + 1, OWN_SEGMENT_BYTES * 3])
@pytest.mark.parametrize("piece", [1000, 70_000])
def test_two_bodies_at_once_are_kept_apart(capture: Capture, length: int, piece: int):
    asked, answered = pattern(b"question ", length), pattern(b"answer ", length)
    report = capture.begins()
    for begin in range(0, length, piece):
        capture.reporter.request_body(report, asked[begin : begin + piece])
        capture.reporter.response_body(report, answered[begin : begin + piece])
    capture.reporter.complete(report)
    ((row, detail),) = capture.exchanges()
    assert (row.request_bytes, row.response_bytes) == (length, length)
    assert capture.body(detail.request.body) == asked
    assert capture.body(detail.response.body) == answered


def test_a_large_body_continues_in_one_segment_of_its_own(capture: Capture):
    report = capture.begins()
    for _ in range(100):
        capture.reporter.response_body(report, pattern(b"download ", 50_000))
    capture.reporter.complete(report)
    ((_, detail),) = capture.exchanges()
    extents = decode_extents(detail.response.body)
    assert [is_journal(segment) for segment, _, _ in extents].count(False) == 1
    assert len(extents) <= OWN_SEGMENT_BYTES // PENDING_LIMIT_BYTES + 2


def test_of_a_segment_that_nothing_came_into_nothing_is_told(capture: Capture):
    """The body ends where one of its own has just begun."""
    report = capture.begins()
    body = pattern(b"download ", OWN_SEGMENT_BYTES + PENDING_LIMIT_BYTES)
    while len(body) > 0:
        piece, body = body[: PENDING_LIMIT_BYTES + 1], body[PENDING_LIMIT_BYTES + 1 :]
        capture.reporter.response_body(report, piece)
        if sum(length for _, _, length in report.record.extents_of(Stream.RESPONSE_RECEIVED)) > OWN_SEGMENT_BYTES:
            break
    capture.reporter.complete(report)
    ((_, detail),) = capture.exchanges()
    assert all(is_journal(segment) and length for segment, _, length in decode_extents(detail.response.body))


def test_where_no_segment_can_be_made_it_goes_on_in_the_journal(capture: Capture, monkeypatch):
    """No descriptor is left, say; the others are recorded meanwhile, and this one is whole."""

    def fail(_journal: Journal) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(Journal, "open_body", fail)
    body = pattern(b"download ", OWN_SEGMENT_BYTES * 2)
    report = capture.begins("/large")
    for begin in range(0, len(body), 10_000):
        capture.reporter.response_body(report, body[begin : begin + 10_000])
    capture.reporter.complete(capture.begins("/other"))
    capture.reporter.complete(report)
    (other, _), (large, detail) = capture.exchanges()
    assert [other.path, large.path] == ["/other", "/large"]
    assert not large.flags & ExchangeFlag.BODY_NOT_RECORDED
    assert capture.body(detail.response.body) == body
    assert capture.not_recorded == 0


@pytest.mark.parametrize("body", [b"", b"another", pattern(b"much more ", OWN_SEGMENT_BYTES * 2)])
def test_what_went_on_in_its_place_lies_beside_what_came_also_in_a_saved_file(capture: Capture, tmp_path, body: bytes):
    report = capture.begins()
    capture.reporter.request_body(report, b"came")
    capture.reporter.forwarded_body(report, Stream.REQUEST_FORWARDED, body)
    capture.reporter.response_body(report, b"came back")
    capture.reporter.complete(report)
    ((row, detail),) = capture.exchanges()
    assert (row.request_bytes, row.response_bytes) == (4, 9)
    assert capture.body(detail.request.body) == b"came"
    assert detail.request.forwarded_body is not None
    assert capture.body(detail.request.forwarded_body) == body
    assert detail.response.forwarded_body is None
    saved = str(tmp_path / "saved.harrier")
    live = CaptureReader(capture.folder)
    save_capture(live, saved)
    live.close()
    reader = CaptureReader(saved)
    kept = reader.detail(1)
    assert kept is not None
    assert kept.request.forwarded_body is not None
    assert reader.read_body(kept.request.body) == b"came"
    assert reader.read_body(kept.request.forwarded_body) == body
    assert reader.read_body(kept.response.body) == b"came back"
    assert kept.response.forwarded_body is None
    reader.close()


def test_while_recording_is_switched_off_a_body_has_a_gap(capture: Capture):
    report = capture.announced()
    capture.reporter.response_body(report, b"before ")
    capture.reporter.tell_all()
    capture.reporter.is_recording = False
    capture.reporter.response_body(report, b"unseen ")
    capture.reporter.is_recording = True
    capture.reporter.response_body(report, b"after")
    capture.reporter.complete(report)
    ((row, detail),) = capture.exchanges()
    assert row.response_bytes == len(b"before unseen after")
    assert row.flags & ExchangeFlag.BODY_NOT_RECORDED
    assert capture.body(detail.response.body) == b"before after"
