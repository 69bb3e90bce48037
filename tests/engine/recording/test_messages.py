"""Messages within an exchange: in order, whole, live, and with what they need when the journal is rotated."""

import os

import pytest

from proxy_core.capture.reader import CaptureReader
from proxy_core.capture.recovery import recover
from proxy_core.capture.segment import segments_in
from proxy_core.model.exchange import ExchangeState, Side
from proxy_core.model.message_row import MessageFlag, Opcode
from tests.engine.recording.conftest import Capture

CLIENT, UPSTREAM = int(Side.CLIENT), int(Side.UPSTREAM)
TEXT, BINARY, PING = int(Opcode.TEXT), int(Opcode.BINARY), int(Opcode.PING)


def messages(folder, exchange_id=1):
    reader = CaptureReader(folder)
    try:
        rows = reader.messages(exchange_id, 0, 10_000)
        assert [row.number for row in rows] == list(reader.message_numbers(exchange_id))
        return [(row.side, row.opcode, row.flags, row.size, reader.payload(reader.content(row))) for row in rows]
    finally:
        reader.close()


def says(capture, report, data, side=CLIENT, opcode=TEXT):
    capture.reporter.message_end(report, side, opcode, 0, len(data), data)


def test_messages_are_there_while_their_exchange_is_open(capture: Capture):
    report = capture.begins("/chat")
    says(capture, report, b"hello")
    says(capture, report, b"", UPSTREAM, BINARY)
    ((row, _),) = capture.exchanges()
    assert row.state < ExchangeState.COMPLETE
    assert messages(capture.folder) == [(CLIENT, TEXT, 0, 5, b"hello"), (UPSTREAM, BINARY, 0, 0, b"")]
    says(capture, report, b"more")
    capture.exchanges()
    assert messages(capture.folder)[2:] == [(CLIENT, TEXT, 0, 4, b"more")]


@pytest.mark.parametrize("is_announced", [True, False])
def test_the_last_messages_come_before_the_end_of_their_exchange(capture: Capture, is_announced):
    report = capture.announced() if is_announced else capture.begins()
    says(capture, report, b"bye")
    capture.reporter.complete(report)
    ((row, _),) = capture.exchanges()
    assert row.state == ExchangeState.COMPLETE
    assert messages(capture.folder) == [(CLIENT, TEXT, 0, 3, b"bye")]


def test_a_message_between_the_pieces_of_another_has_none_of_it(capture: Capture):
    report = capture.announced()
    capture.reporter.message_data(report, CLIENT, TEXT, b"one ")
    capture.reporter.message_data(report, UPSTREAM, BINARY, b"other side")
    capture.reporter.message(report, CLIENT, PING, 0, 1, b"?")
    capture.reporter.message_end(report, CLIENT, TEXT, 0, 7, b"two")
    capture.reporter.message_end(report, UPSTREAM, BINARY, 0, 10, b"")
    capture.exchanges()
    assert [each[4] for each in messages(capture.folder)] == [b"?", b"one two", b"other side"]


def test_a_long_message_is_seen_growing_and_is_one_in_the_end(capture: Capture):
    report = capture.announced()
    data = os.urandom(300_000)
    for begin in range(0, 200_000, 10_000):
        capture.reporter.message_data(report, CLIENT, BINARY, data[begin : begin + 10_000])
    capture.exchanges()
    ((_, opcode, flags, size, payload),) = messages(capture.folder)
    assert (opcode, flags) == (BINARY, MessageFlag.INCOMPLETE)
    assert 100_000 < len(payload) <= size
    assert data.startswith(payload)
    says(capture, report, b"meanwhile", UPSTREAM)
    capture.reporter.message_end(report, CLIENT, BINARY, 0, len(data), data[200_000:])
    capture.exchanges()
    assert messages(capture.folder) == [
        (CLIENT, BINARY, 0, len(data), data),
        (UPSTREAM, TEXT, 0, 9, b"meanwhile"),
    ]


def test_many_messages_wait_for_no_tick(capture: Capture):
    report = capture.announced()
    for number in range(5000):
        says(capture, report, b"%d" % number)
        log = report.record.messages
        assert log is not None and log.waiting_bytes < 100_000
    capture.exchanges()
    assert [each[4] for each in messages(capture.folder)] == [b"%d" % number for number in range(5000)]


def test_a_recovery_finds_them_in_the_journal(capture: Capture, tmp_path):
    report = capture.begins("/chat")
    says(capture, report, b"x" * 5000)
    says(capture, report, b"small", UPSTREAM)
    capture.reporter.outbox._sink = None  # nothing arrives any more
    with pytest.raises(AttributeError):
        capture.reporter.tell_all()
    copy = str(tmp_path / "copy.sqlite")
    assert recover(capture.folder, copy).exchanges == 1
    reader = CaptureReader(capture.folder, index=copy)
    rows = reader.messages(1)
    assert [reader.payload(reader.content(row)) for row in rows] == [b"x" * 5000, b"small"]
    reader.close()
    capture.reporter.outbox._sink = capture


def test_what_is_written_while_the_disk_is_full_is_missing_and_marked(capture: Capture):
    report = capture.announced()
    capture.reporter.full_disk.suspend(on=True)
    says(capture, report, b"lost")
    capture.reporter.complete(report)
    capture.reporter.full_disk.suspend(on=False)
    ((row, _),) = capture.exchanges()
    assert row.flags & 32  # BODY_NOT_RECORDED
    assert messages(capture.folder) == []


def test_what_comes_while_recording_is_off_is_missing_and_marked(capture: Capture):
    report = capture.announced()
    capture.reporter.message_data(report, CLIENT, TEXT, b"begun")
    capture.reporter.is_recording = False
    says(capture, report, b"lost")
    capture.reporter.is_recording = True
    says(capture, report, b"kept")
    ((row, _),) = capture.exchanges()
    assert row.flags & 32
    assert messages(capture.folder) == [(CLIENT, TEXT, 0, 4, b"kept")]


def test_a_journal_that_is_left_has_told_of_what_lies_in_it(capture: Capture):
    """Else nobody would know that its segment is needed."""
    report = capture.announced()
    capture.reporter.message_data(report, CLIENT, BINARY, b"a" * 70_000)
    says(capture, report, b"b" * 2000, UPSTREAM)
    before = set(segments_in(capture.folder))
    capture.reporter.rotate()
    needed = list(capture.writer.bodies_upto(1))
    assert len(needed) == 2
    assert set(segments_in(capture.folder)) > before
    capture.reporter.message_end(report, CLIENT, BINARY, 0, 70_005, b"after")
    capture.exchanges()
    assert messages(capture.folder)[0][4] == b"a" * 70_000 + b"after"
    assert messages(capture.folder)[1][4] == b"b" * 2000
