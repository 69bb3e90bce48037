"""Damage: one exchange that can't be read costs one; what is missing is told with its number, what is sound is kept."""

import json
import os
import sqlite3
from pathlib import Path

import pytest

from proxy_core.capture.extents import encode_extents
from proxy_core.capture.journal import EVENT_RECORD, RECORD_HEADER, read_records
from proxy_core.capture.reader import CaptureReader
from proxy_core.capture.repair import best_reader
from proxy_core.capture.saver import save_capture
from proxy_core.capture.segment import segment_name
from proxy_core.model.event import decode_detail, encode_detail
from proxy_core.model.exchange import ExchangeState
from proxy_core.tasks.conversion_report import ConversionError
from proxy_core.tasks.convert import convert
from tests.support.btree import leaf_pages
from tests.support.captures import LiveCapture, Sample

COUNT = 1000
BODY = b"the same body " * 3000  # 42 kB


@pytest.fixture
def recorded(live) -> LiveCapture:
    live.add_connections()
    live.add(*(Sample(f"/{number}", response_body=b"body %d" % number) for number in range(1, COUNT + 1)))
    return live


@pytest.fixture
def saved(recorded, tmp_path) -> Path:
    path = tmp_path / "saved.harrier"
    reader = CaptureReader(recorded.close())
    save_capture(reader, str(path))
    reader.close()
    return path


def paths_in(target: Path) -> list[str]:
    """The paths of what was converted, of either format, in order."""
    if target.suffix == ".har":
        entries = json.loads(target.read_bytes())["log"]["entries"]
        return [each["request"]["url"].removeprefix("https://shop.test") for each in entries]
    reader = CaptureReader(str(target))
    rows = reader.rows(reader.ids())
    reader.close()
    return [rows[each].path for each in sorted(rows)]


def change(path: Path, statement: str, *parameters: object) -> None:
    database = sqlite3.connect(path)
    with database:
        database.execute(statement, parameters)
    database.close()


def all_but(*numbers: int) -> list[str]:
    return [f"/{number}" for number in range(1, COUNT + 1) if number not in numbers]


DAMAGES = {
    "a row of another type": "UPDATE exchange SET started_at = 'now' WHERE id = 500",
    "an unknown kind": "UPDATE exchange SET kind = 77 WHERE id = 500",
    "a detail that is none": "UPDATE detail SET packed = x'c1' WHERE exchange_id = 500",
    "a detail that is text": "UPDATE detail SET packed = 'text' WHERE exchange_id = 500",
    "no detail": "DELETE FROM detail WHERE exchange_id = 500",
}


@pytest.mark.parametrize("ending", [".har", ".harrier"])
@pytest.mark.parametrize("statement", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_exchange_costs_itself(saved, tmp_path, ending, statement):
    change(saved, statement)
    target = tmp_path / f"out{ending}"
    report = convert(str(saved), str(target))
    assert paths_in(target) == all_but(500)
    assert report.exchanges == COUNT - 1
    assert report.repairs == ["1 exchange can't be read, since the capture is damaged."]


@pytest.mark.parametrize("ending", [".har", ".harrier"])
def test_damaged_connections_cost_no_exchange(saved, tmp_path, ending):
    change(saved, "UPDATE connection SET peer_port = x'00'")
    target = tmp_path / f"out{ending}"
    report = convert(str(saved), str(target))
    assert paths_in(target) == all_but()
    assert len(report.repairs) == 1
    assert "connection" in report.repairs[0]


@pytest.mark.parametrize("ending", [".har", ".harrier"])
def test_a_body_of_which_a_part_is_missing_is_told(saved, tmp_path, ending):
    reader = CaptureReader(str(saved))
    chunk = reader.extents(reader.detail(7).response.body)[0][1]
    reader.close()
    change(saved, "DELETE FROM body_chunk WHERE id = ?", chunk)
    target = tmp_path / f"out{ending}"
    assert convert(str(saved), str(target)).repairs == ["Of 1 exchange the bodies are damaged, and not all there."]
    assert paths_in(target) == all_but()


@pytest.mark.parametrize("ending", [".har", ".harrier"])
def test_a_body_that_many_exchanges_share_is_written_once(tmp_path, ending):
    live = LiveCapture(tmp_path / "shared.live")
    live.add(Sample("/owner", response_body=BODY), *(Sample(f"/{number}") for number in range(300)))
    live.close()
    source = tmp_path / "shared.harrier"
    reader = CaptureReader(str(live.folder))
    save_capture(reader, str(source))
    extents = reader.detail(1).response.body
    reader.close()
    for path, shared in ((live.folder / "index.sqlite", extents), (source, encode_extents([(0, 1, len(BODY))]))):
        database = sqlite3.connect(path)
        with database:
            for number, packed in database.execute("SELECT exchange_id, packed FROM detail").fetchall():
                detail = decode_detail(packed)
                packed = encode_detail(detail._replace(response=detail.response._replace(body=shared)))
                database.execute("UPDATE detail SET packed = ? WHERE exchange_id = ?", (packed, number))
        database.close()
    for each in (live.folder, source):
        target = tmp_path / f"out{ending}"
        report = convert(str(each), str(target))
        assert report.exchanges == 301
        # In a live capture it is only known how much all bodies of a segment can have together.
        counted = "Of 300 exchanges" if each == source else "exchanges the bodies are damaged"
        assert any(counted in remark for remark in report.repairs)
        assert target.stat().st_size < 301 * 2500 + 10 * len(BODY)


def test_a_row_page_that_is_lost_is_told(saved, tmp_path):
    data = bytearray(saved.read_bytes())
    data[(leaf_pages(saved, "exchange")[5] - 1) * 4096 + 1] ^= 0xFF
    data[(leaf_pages(saved, "exchange")[9] - 1) * 4096] = 0
    saved.write_bytes(data)
    report = convert(str(saved), str(tmp_path / "out.har"))
    lost = COUNT - report.exchanges
    assert 0 < lost < 120
    assert report.repairs == [f"{lost} exchanges can't be read, since the capture is damaged."]


def test_long_paths_are_no_damage(live, tmp_path, monkeypatch):
    monkeypatch.setattr("proxy_core.capture.reader._ROWS_CHARACTERS", 5_000)
    live.add(*(Sample(f"/{number}{'x' * 1000}") for number in range(100)))
    report = convert(live.close(), str(tmp_path / "out.har"))
    assert (report.exchanges, report.repairs) == (100, [])


class TestJournals:
    def test_a_flipped_bit_in_an_event_costs_that_event(self, live, tmp_path):
        live.journal_only(*(Sample(f"/{number}", response_body=b"body") for number in range(1, 101)))
        live.close(closed=False)
        segment = live.folder / segment_name(live.journal.segment)
        events = [end for kind, _, end in read_records(str(segment)) if kind == EVENT_RECORD]
        data = bytearray(segment.read_bytes())
        data[events[49] - 5] ^= 1  # in the payload of the fiftieth
        segment.write_bytes(data)
        report = convert(str(live.folder), str(tmp_path / "out.har"))
        assert paths_in(tmp_path / "out.har") == [f"/{number}" for number in range(1, 101) if number != 50]
        assert "One record of what went by could not be read" in report.repairs[1]

    def test_nothing_within_a_body_is_taken_for_a_record(self, live, tmp_path):
        """A damaged header ends a journal: to look for the next one would be to look into bodies."""
        live.journal_only(Sample("/before"))
        size = live.journal.offset
        live.journal_only(Sample("/after"))
        live.close(closed=False)
        segment = live.folder / segment_name(live.journal.segment)
        data = bytearray(segment.read_bytes())
        data[size] ^= 1
        segment.write_bytes(data)
        convert(str(live.folder), str(tmp_path / "out.harrier"))
        assert paths_in(tmp_path / "out.harrier") == ["/before"]

    def test_an_event_that_claims_to_be_huge_is_not_read(self, live, tmp_path):
        live.journal_only(Sample("/before"))
        live.close(closed=False)
        segment = live.folder / segment_name(live.journal.segment)
        with segment.open("ab") as file:
            file.write(RECORD_HEADER.pack(0xA7, EVENT_RECORD, 0, 2**31, 0))
            file.truncate(file.tell() + 2**31)  # a hole
        report = convert(str(live.folder), str(tmp_path / "out.har"))
        assert paths_in(tmp_path / "out.har") == ["/before"]
        assert "One record" in report.repairs[1]

    def test_a_damaged_index_is_made_anew(self, recorded, tmp_path):
        recorded.close(closed=False)
        index = recorded.folder / "index.sqlite"
        index.write_bytes(index.read_bytes()[:4096] + b"\xa5" * 20_000)
        report = convert(str(recorded.folder), str(tmp_path / "out.har"))
        assert paths_in(tmp_path / "out.har") == all_but()
        assert "was made anew" in report.repairs[0]
        assert not [name for name in os.listdir(tmp_path) if name.startswith(".harrier-")]


class TestHostileFolders:
    @pytest.fixture
    def killed(self, live) -> LiveCapture:
        live.add(Sample("/indexed"))
        live.journal_only(Sample("/journal"), Sample("/open", state=ExchangeState.WAITING))
        live.close(closed=False)
        return live

    def test_a_trigger_never_runs(self, killed, tmp_path):
        """Only what the journals hold is taken, into an index of our own."""
        index = killed.folder / "index.sqlite"
        change(index, "CREATE TRIGGER t AFTER INSERT ON exchange BEGIN DELETE FROM exchange; END")
        before = index.read_bytes()
        report = convert(str(killed.folder), str(tmp_path / "out.har"))
        assert paths_in(tmp_path / "out.har") == ["/indexed", "/journal", "/open"]
        assert "no Harrier capture" in report.repairs[0]
        assert index.read_bytes() == before

    @pytest.mark.parametrize("name", ["lock", "index.sqlite", "index.sqlite-wal"])
    def test_nothing_is_written_through_a_link(self, killed, tmp_path, name):
        other = tmp_path / "of-the-person"
        path = killed.folder / name
        other.write_bytes(path.read_bytes() if path.exists() else b"")
        path.unlink(missing_ok=True)
        path.symlink_to(other)
        before = other.read_bytes()
        try:
            convert(str(killed.folder), str(tmp_path / "out.har"))
        except ConversionError as error:
            assert "link" in str(error)
        assert other.read_bytes() == before
        path.unlink()
        path.symlink_to(tmp_path / "not-there")
        try:
            convert(str(killed.folder), str(tmp_path / "out.har"))
        except ConversionError as error:
            assert name in str(error)
        assert not (tmp_path / "not-there").exists()

    @pytest.mark.parametrize("name", ["lock", "index.sqlite", "index.sqlite-wal", "index.sqlite-shm"])
    def test_no_fifo_is_waited_for(self, killed, tmp_path, name):
        path = killed.folder / name
        path.unlink(missing_ok=True)
        os.mkfifo(path)
        try:
            convert(str(killed.folder), str(tmp_path / "out.har"))
        except ConversionError as error:
            assert name in str(error) or "no capture" in str(error)

    def test_a_journal_that_is_a_link_is_not_followed(self, killed, tmp_path):
        segment = killed.folder / segment_name(killed.journal.segment)
        elsewhere = tmp_path / "elsewhere"
        segment.rename(elsewhere)
        segment.symlink_to(elsewhere)
        convert(str(killed.folder), str(tmp_path / "out.har"))
        assert paths_in(tmp_path / "out.har") == ["/indexed"]


def test_a_wal_that_was_left_is_taken_in_before_the_window_opens_it(live, tmp_path):
    live.add(Sample("/a"))
    reader = CaptureReader(str(live.folder))  # whoever reads keeps the WAL
    live.close()
    wal = live.folder / "index.sqlite-wal"
    left = wal.read_bytes()
    reader.close()
    wal.write_bytes(left)
    remarks: list[str] = []
    with best_reader(str(live.folder), str(tmp_path), remarks) as repaired:
        assert repaired.total() == 1
        assert not wal.exists() or wal.stat().st_size == 0
    assert remarks == []
