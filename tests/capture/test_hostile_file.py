"""Captures that a stranger made: refused with a sentence, or read within bounds; nothing of theirs runs or is followed."""

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from proxy_core.capture.extents import ENCODED_LIMIT_BYTES, encode_extents
from proxy_core.capture.reader import CaptureError, CaptureReader
from proxy_core.capture.saver import save_capture
from proxy_core.capture.segment import segment_name
from proxy_core.model.event import decode_detail, encode_detail
from proxy_core.model.exchange import ExchangeState
from proxy_core.model.filter import parse_filter
from proxy_core.model.message_record import MessageRecord
from tests.support.btree import leaf_pages, multiply_rows
from tests.support.captures import LiveCapture, Sample

COUNT = 1000


@pytest.fixture
def saved(live, tmp_path) -> Path:
    """A sound `.harrier` file of a thousand exchanges."""
    live.add_connections()
    live.add(*(Sample(f"/{number}", response_body=b"body %d" % number) for number in range(1, COUNT + 1)))
    path = tmp_path / "saved.harrier"
    reader = CaptureReader(live.close())
    save_capture(reader, str(path))
    reader.close()
    return path


@pytest.fixture
def opened():
    readers: list[CaptureReader] = []

    def open_reader(path: object, **options: object) -> CaptureReader:
        readers.append(CaptureReader(str(path), **options))
        return readers[-1]

    yield open_reader
    for each in readers:
        each.close()


def change(path: Path, *statements: str) -> None:
    """Run statements in a file, as its maker would."""
    database = sqlite3.connect(path)
    try:
        with database:
            for statement in statements:
                database.execute(statement)
    finally:
        database.close()


FOREIGN_SCHEMAS = {
    "a view in the place of a table": (
        "ALTER TABLE exchange RENAME TO hidden",
        "CREATE VIEW exchange AS SELECT * FROM hidden",
    ),
    "a view more": ("CREATE VIEW more AS SELECT 1",),
    "a trigger": ("CREATE TRIGGER t AFTER INSERT ON progress BEGIN DELETE FROM exchange; END",),
    "a table more": ("CREATE TABLE more (a)",),
    "an index more": ("CREATE INDEX more ON exchange (path)",),
    "a virtual table": ("CREATE VIRTUAL TABLE more USING fts5(a)",),
    "a generated column": ("ALTER TABLE exchange ADD COLUMN more AS (zeroblob(1000000000))",),
    "a table less": ("DROP TABLE progress",),
    "an affinity that is not ours": ("DROP TABLE meta", "CREATE TABLE meta (name PRIMARY KEY, value)"),
}


@pytest.mark.parametrize("statements", FOREIGN_SCHEMAS.values(), ids=FOREIGN_SCHEMAS)
def test_tables_that_are_not_ours_to_the_letter_are_refused(saved, statements):
    change(saved, *statements)
    with pytest.raises(CaptureError, match="no Harrier capture: its tables"):
        CaptureReader(str(saved))


def test_rows_without_end_in_a_few_pages_are_refused(saved, opened):
    multiply_rows(saved, "exchange", levels=3, children=150)
    reader = opened(saved)
    questions: list[Callable[[], object]] = [
        reader.total,
        reader.ids,
        lambda: reader.ids(order_by="path"),
        lambda: reader.ids(parse_filter("status:404")),
    ]
    for question in questions:
        with pytest.raises(CaptureError, match="more exchanges than it has room for"):
            question()


def test_who_must_not_stand_still_gives_up_and_stays_so(saved, opened):
    reader = opened(saved, patience_s=0.0)
    assert len(reader.rows([1, 2])) == 2  # little work is never looked at
    with pytest.raises(CaptureError, match="too long"):
        reader.ids(parse_filter("never-found"))
    with pytest.raises(CaptureError, match="too long"):
        reader.rows([1, 2])


def test_a_page_that_cannot_be_read_costs_the_exchanges_on_it(saved, opened):
    leaves = leaf_pages(saved, "exchange")
    data = bytearray(saved.read_bytes())
    for leaf in (leaves[2], leaves[7], leaves[8]):
        data[(leaf - 1) * 4096] = 0x77
    saved.write_bytes(data)
    reader = opened(saved)
    ids = list(reader.ids())
    assert COUNT - 3 * 60 < len(ids) < COUNT
    assert ids == sorted(set(ids))
    assert (ids[0], ids[-1]) == (1, COUNT)
    assert reader.total() == len(ids)
    assert reader.lost() == COUNT - len(ids)
    assert list(reader.ids(descending=True, order_by="path")) == sorted(ids, key=lambda each: f"/{each}", reverse=True)
    assert list(reader.ids(parse_filter("path=/999"))) == [999]
    damaged: set[int] = set()
    assert sorted(reader.rows(range(1, COUNT + 1), damaged)) == ids
    assert damaged == set(range(1, COUNT + 1)).difference(ids)


SENSELESS = [
    "path = x'ff00ff'",
    "started_at = 9223372036854775807",
    "started_at = 'yesterday'",
    "duration_us = -1",
    "state = 9",
    "kind = 99",
    "resource_type = -1",
    "port = 65536",
    "status = 1000",
    "response_bytes = 9223372036854775807",
    "flags = 1.5",
    "path = printf('%.*c', 3000000, 'x')",
]


@pytest.mark.parametrize("assignment", SENSELESS)
def test_a_row_with_a_senseless_value_costs_itself(saved, opened, assignment):
    change(saved, f"UPDATE exchange SET {assignment} WHERE id = 500")
    reader = opened(saved)
    damaged: set[int] = set()
    rows = reader.rows(range(1, COUNT + 1), damaged)
    assert damaged == {500}
    assert len(rows) == COUNT - 1


@pytest.mark.parametrize(
    "replaced",
    [
        {"failure_text": b"\xff\xfe"},
        {"client_connection": 2**64 - 1},
        {"key": -1},
        {"request": MessageRecord("text")},
        {"request": MessageRecord(version=b"HTTP/1.1")},
        {"response": MessageRecord(body=5)},
        {"response": MessageRecord(forwarded_body="text")},
        {"response": b"HTTP/1.1 200 OK\r\n\r\n"},
    ],
)
def test_a_detail_that_is_none_is_a_sentence(saved, opened, replaced):
    database = sqlite3.connect(saved)
    with database:
        (packed,) = database.execute("SELECT packed FROM detail WHERE exchange_id = 7").fetchone()
        values = {**decode_detail(packed)._asdict(), **replaced}
        packed = encode_detail(tuple(values.values()))
        if "failure_text" in replaced:
            packed = packed.replace(b"\xc4\x02\xff\xfe", b"\xa2\xff\xfe")  # the bytes as a text
        database.execute("UPDATE detail SET packed = ? WHERE exchange_id = 7", (packed,))
    database.close()
    with pytest.raises(CaptureError, match="damaged"):
        opened(saved).detail(7)


@pytest.mark.parametrize(
    ("assignment", "is_told"),
    [("peer_port = 'http'", True), ("peer_host = x'00'", True), ("tls = 5", True), ("tls = x'c1'", False)],
)
def test_a_connection_with_a_senseless_value(saved, opened, assignment, is_told):
    change(saved, f"UPDATE connection SET {assignment}")
    reader = opened(saved)
    key = reader.detail(1).upstream_connection
    if is_told:
        with pytest.raises(CaptureError, match="a connection can't be read"):
            reader.connection(key)
    else:
        assert reader.connection(key).tls is None


@pytest.mark.parametrize(
    "extents",
    [
        [(0, 1, 1 << 20)] * 50_000,
        [(0, 1, 5), (0, 2, 5), (0, 1, 5)],
        [(1 << 20, 0, 100), (1 << 20, 50, 100)],
        [(1 << 20, 0, 2**63)],
        [(2**64 - 1, 0, 1)],
    ],
)
def test_no_part_of_a_body_is_used_twice_and_none_lies_beyond_all_bounds(saved, opened, extents):
    with pytest.raises(CaptureError, match="damaged"):
        opened(saved).body_length(encode_extents(extents))


def test_more_extents_than_any_body_has_are_not_decoded(saved, opened):
    with pytest.raises(CaptureError, match="damaged"):
        opened(saved).body_length(b"\xdd\x00\x20\x00\x00" + b"\x93\x00\x00\x00" * (ENCODED_LIMIT_BYTES // 4))


class TestFolders:
    @pytest.fixture
    def secret(self, tmp_path) -> Path:
        path = tmp_path / "secret"
        path.write_bytes(b"a secret of the person's" * 100)
        return path

    @pytest.fixture
    def segment(self, live) -> Path:
        live.add(Sample("/", response_body=b"body"))
        live.close()
        return live.folder / segment_name(live.journal.segment)

    def body(self, opened, folder) -> bytes:
        reader = opened(folder)
        assert reader.bodies_missing() == 0
        body = reader.read_body(reader.detail(1).response.body)
        assert reader.bodies_missing() == (not body)
        return bytes(body)

    def test_a_segment_that_is_a_link_is_not_followed(self, live, opened, segment, secret):
        segment.unlink()
        segment.symlink_to(secret)
        assert self.body(opened, live.folder) == b""

    def test_a_segment_that_is_a_fifo_is_not_waited_for(self, live, opened, segment):
        segment.unlink()
        os.mkfifo(segment)
        assert self.body(opened, live.folder) == b""

    @pytest.mark.parametrize("name", ["index.sqlite", "index.sqlite-wal", "index.sqlite-shm"])
    def test_an_index_that_is_a_link_is_refused(self, live, segment, tmp_path, name):
        elsewhere = tmp_path / "elsewhere"
        path = live.folder / name
        if path.exists():
            path.rename(elsewhere)
        else:
            elsewhere.write_bytes(b"")
        path.symlink_to(elsewhere)
        with pytest.raises(CaptureError, match="link or no regular file"):
            CaptureReader(str(live.folder))

    def test_a_rollback_journal_beside_it_is_refused(self, live, segment):
        (live.folder / "index.sqlite-journal").write_bytes(b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7" + bytes(600))
        with pytest.raises(CaptureError, match="rollback journal"):
            CaptureReader(str(live.folder))


def test_what_is_under_way_is_no_damage(live, opened):
    live.writer.apply([live.event(Sample("/open", state=ExchangeState.WAITING, status=None))], None)
    live.writer.commit()
    damaged: set[int] = set()
    assert list(opened(live.folder).rows([1], damaged)) == [1]
    assert not damaged
    live.close()


def test_a_live_capture_of_two_workers_is_sound(tmp_path, opened):
    for series in (1, 2):
        capture = LiveCapture(tmp_path / "two.live", series)
        capture.add(Sample("/", response_body=b"x" * 1000))
        capture.close()
    assert opened(tmp_path / "two.live").total() == 2
