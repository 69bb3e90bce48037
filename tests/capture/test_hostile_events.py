"""Events that our workers never write, well-summed in a journal: each costs itself, whatever it says."""

import os
import sqlite3
from contextlib import closing

import pytest

from proxy_core.capture.journal import EVENT_RECORD, read_records, record
from proxy_core.capture.reader import CaptureReader
from proxy_core.capture.recovery import recover
from proxy_core.capture.unread_events import UNREAD_LIMIT_BYTES, UnreadEvents
from proxy_core.capture.writer import INDEX_NAME
from proxy_core.model.event import EventKind, decode_event, encode_event
from proxy_core.tasks.convert import convert
from tests.support.captures import LiveCapture, Sample

ROW = (1_795_000_000_000_000, 5, 3, 0, "GET", "http", "a.test", 80, "/hostile", 200, "", 0, 0, 0, "", 0)
CONNECTION = (1, 0, 1_795_000_000_000_000, "127.0.0.1", 50_000, "127.0.0.1", 8080, None)


def exchange(column: int | None = None, value: object = None, *, key: object = 77, detail: object = b"") -> bytes:
    row = list(ROW)
    if column is not None:
        row[column] = value
    return encode_event((EventKind.EXCHANGE.value, key, row, detail))


def connection(column: int, value: object) -> bytes:
    row = list(CONNECTION)
    row[column] = value
    return encode_event((EventKind.CONNECTION.value, *row))


HOSTILE = {
    "nothing": b"",
    "no MessagePack": b"\xc1",
    "nested": b"\x91" * 500_000,
    "a map": encode_event({"kind": 2}),  # type: ignore[arg-type]
    "no kind": encode_event(()),
    "an unknown kind": encode_event((99, 1, ROW, b"")),
    "a kind that is a text": encode_event(("2", 1, ROW, b"")),
    "a kind beyond 64 bits": b"\x92\xcf" + b"\xff" * 8 + b"\x00",
    "a short row": encode_event((EventKind.EXCHANGE.value, 77, ROW[:-1], b"")),
    "a long row": encode_event((EventKind.EXCHANGE.value, 77, (*ROW, 1), b"")),
    "no row": encode_event((EventKind.EXCHANGE.value, 77)),
    "more behind it": encode_event((EventKind.EXCHANGE.value, 77, ROW, b"", 1)),
    "a key beyond SQLite": exchange(key=2**63),
    "a negative key": exchange(key=-1),
    "a detail that is a text": exchange(detail="text"),
    "a start beyond the calendar": exchange(0, 2**60),
    "a start before the epoch": exchange(0, -1),
    "a state of another program": exchange(2, 9),
    "a host of another type": exchange(6, 5),
    "a text that is no UTF-8": exchange(8, "/qqq").replace(b"qqq", b"\xff\xfe\xfd"),
    "a status that is a fraction": exchange(9, 200.5),
    "a size that overflows the sum": exchange(12, 2**62),
    "a size below zero": exchange(13, -1),
    "flags beyond SQLite": exchange(15, 2**64 - 1),
    "an amendment of a text": encode_event((EventKind.AMENDED.value, "x", ROW, b"")),
    "a connection of a text": connection(0, "x"),
    "a port beyond SQLite": connection(4, 2**64 - 1),
    "facts that are a list": connection(7, [1]),
    "a count below zero": encode_event((EventKind.NOT_RECORDED.value, -5, "")),
    "a count beyond all": encode_event((EventKind.NOT_RECORDED.value, 2**64 - 1, "")),
    "a reason that is none": encode_event((EventKind.NOT_RECORDED.value, 1, None)),
}


def test_the_pattern_of_them_is_read():
    assert decode_event(exchange()).row == ROW


@pytest.mark.parametrize("event", HOSTILE.values(), ids=HOSTILE)
def test_it_costs_itself_in_a_recovery(tmp_path, event):
    live = LiveCapture(tmp_path / "a.live")
    live.journal_only(Sample("/1"))
    live.journal.write(record(EVENT_RECORD, event))
    live.journal_only(Sample("/2"))
    folder = live.close(closed=False)
    recovery = recover(folder)
    assert recovery.exchanges == 2
    assert "One record" in recovery.unread
    reader = CaptureReader(folder)
    assert [reader.rows([each])[each].path for each in reader.ids()] == ["/1", "/2"]
    reader.close()
    assert [payload for _, payload, _ in read_records(os.path.join(folder, "unread-events"))] == [event]
    assert recover(folder).unread == ""  # told once


def test_all_of_them_at_once_are_told_by_convert(tmp_path):
    live = LiveCapture(tmp_path / "a.live")
    for event in HOSTILE.values():
        live.journal.write(record(EVENT_RECORD, event))
        live.journal_only(Sample("/"))
    report = convert(live.close(closed=False), str(tmp_path / "out.har"))
    assert report.exchanges == len(HOSTILE)
    assert any(f"{len(HOSTILE)} records" in each for each in report.repairs)


def test_what_is_kept_of_them_is_bounded_and_counted_all_the_same(tmp_path):
    unread = UnreadEvents(str(tmp_path))
    piece = bytes(1 << 20)
    for _ in range(40):
        unread.keep(piece)
    assert unread.count == 40
    assert 0 < os.path.getsize(unread.path) <= UNREAD_LIMIT_BYTES
    assert os.stat(unread.path).st_mode & 0o777 == 0o600


@pytest.mark.parametrize("plant", [os.symlink, lambda _target, name: os.mkfifo(name)])
def test_a_planted_link_is_not_written_through(tmp_path, plant):
    target = tmp_path / "precious"
    target.write_bytes(b"precious")
    unread = UnreadEvents(str(tmp_path))
    plant(target, unread.path)
    unread.keep(b"x")
    assert unread.count == 1
    assert target.read_bytes() == b"precious"


def test_an_index_whose_sizes_overflow_can_be_gone_on_with(tmp_path):
    live = LiveCapture(tmp_path / "a.live")
    live.add(Sample("/1"), Sample("/2"))
    folder = live.close(closed=False)
    with closing(sqlite3.connect(os.path.join(folder, INDEX_NAME))) as other, other:
        other.execute("UPDATE exchange SET response_bytes = ?", (2**62,))
    assert recover(folder).exchanges == 2
