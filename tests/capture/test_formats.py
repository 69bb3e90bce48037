"""Captures of every format that people have: each is opened, filtered, saved, exported, and gone on with.

The files in `files/` were made once, by the Harrier of their time (`tests.support.format_samples`).
"""

import hashlib
import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from proxy_core.capture.reader import CaptureError, CaptureReader
from proxy_core.capture.recovery import recover
from proxy_core.capture.saver import save_capture
from proxy_core.capture.schema import SCHEMA_VERSION, TABLES
from proxy_core.model.act import decode_acts
from proxy_core.model.event import decode_detail, encode_detail
from proxy_core.model.exchange import ExchangeKind, ExchangeState
from proxy_core.model.filter import parse_filter
from proxy_core.tasks.conversion_report import ConversionError
from proxy_core.tasks.convert import convert
from proxy_core.version import VERSION
from tests.support.format_samples import ACTS, LARGE, MESSAGES, SAMPLES

FILES = Path(__file__).with_name("files")
FORMATS = {2: (0, 1), 3: (0, 2), 4: (0, 3), 5: (0, 4)}  # with the Harrier that was the first to make it
LATE = ["/late", "/under-way"]


@pytest.fixture(params=FORMATS)
def saved(request) -> Path:
    return FILES / f"format-{request.param}.harrier"


@pytest.fixture(params=FORMATS)
def live(request, tmp_path) -> Path:
    """A copy: what is found in the repository must stay as it was made."""
    return Path(shutil.copytree(FILES / f"format-{request.param}-live", tmp_path / "killed.live"))


def paths(reader: CaptureReader) -> list[str]:
    return [row.path for row in reader.rows(list(reader.ids())).values()]


def tables(path: Path) -> set[str]:
    with closing(sqlite3.connect(path)) as database:
        return {name for (name,) in database.execute("SELECT name FROM sqlite_schema")}


def test_the_latest_format_is_among_them():
    assert max(FORMATS) == SCHEMA_VERSION >= max(since for since, _ in TABLES)


def test_a_live_capture_of_another_format_is_refused_and_not_made_anew_from_its_journals(live, tmp_path):
    """There is nothing to repair, and its journals may say what we don't know."""
    for version, who in ((SCHEMA_VERSION + 1, "a later Harrier"), (1, "an early Harrier")):
        with closing(sqlite3.connect(live / "index.sqlite")) as database:
            database.execute(f"PRAGMA user_version={version}")
        before = {each: each.read_bytes() for each in (live / "index.sqlite", *live.glob("*.seg"))}
        with pytest.raises(ConversionError, match=f"was made by {who}"):
            convert(str(live), str(tmp_path / "out.har"))
        assert {each: each.read_bytes() for each in (live / "index.sqlite", *live.glob("*.seg"))} == before
    assert not (tmp_path / "out.har").exists()


def test_a_harrier_that_makes_another_format_has_another_version():
    """A file that is refused names the version that made it: an older Harrier must not have the same."""
    assert len(set(FORMATS.values())) == len(FORMATS)
    assert tuple(int(each) for each in VERSION.split("."))[:2] >= FORMATS[SCHEMA_VERSION]


def test_all_of_it_is_read(saved):
    with closing(CaptureReader(str(saved))) as reader:
        assert paths(reader) == [sample.path for sample in SAMPLES]
        rows = list(reader.rows(list(reader.ids())).values())
        page, cart, large, early, gone, tunnel, _, chat = (reader.detail(row.id) for row in rows)
        assert reader.read_body(page.response.body, 0, 100) == b"<h1>Caf\xc3\xa9</h1>"
        assert reader.read_body(cart.request.body, 0, 100) == b'{"item": 7}'
        assert b"".join(reader.iterate_body(large.response.body)) == LARGE
        assert large.response.trailers == b"X-Sum: 1\r\n"
        assert early.interim
        assert gone.failure_text == "shop.test refused the connection."
        assert (rows[4].state, rows[5].kind, rows[7].kind) == (
            ExchangeState.FAILED,
            ExchangeKind.TUNNEL,
            ExchangeKind.WEBSOCKET,
        )
        assert (page.request.version, page.response.version) == ("HTTP/1.1", "HTTP/1.1")
        assert reader.connection(page.upstream_connection).tls


@pytest.mark.parametrize("version", FORMATS)
def test_its_messages_are_read_saved_and_gone_on_with(version, tmp_path):
    """Formats before 4 have none."""
    target = tmp_path / "out.harrier"
    live = shutil.copytree(FILES / f"format-{version}-live", tmp_path / "killed.live")
    recover(str(live))
    for path in (FILES / f"format-{version}.harrier", live):
        with closing(CaptureReader(str(path))) as reader:
            save_capture(reader, str(target))
        for each in (path, target):
            with closing(CaptureReader(str(each))) as reader:
                read = [(row.side, row.opcode, row.flags, reader.content(row)) for row in reader.messages(8)]
                told = [(side, opcode, flags, reader.payload(content)) for side, opcode, flags, content in read]
                remarks = [content.remark for *_, content in read]
            assert told == ([message[:4] for message in MESSAGES] if version >= 4 else [])
            assert remarks == (["", "", "Nobody sends that."] if version >= 4 else [])


@pytest.mark.parametrize("version", [each for each in FORMATS if each >= 5])
def test_what_rules_have_done_is_read_saved_and_filtered(version, tmp_path):
    """Formats before 5 have none."""
    target = tmp_path / "out.harrier"
    live = shutil.copytree(FILES / f"format-{version}-live", tmp_path / "killed.live")
    recover(str(live))
    for path in (FILES / f"format-{version}.harrier", live, target):
        with closing(CaptureReader(str(path))) as reader:
            assert decode_acts(reader.detail(7).acts) == ACTS
            assert list(reader.ids(parse_filter("rule:shop/Header"))) == [7]
            assert list(reader.ids(parse_filter("rule:Body rule:shop"))) == [7]
            assert 7 not in list(reader.ids(parse_filter("-rule:shop")))
            if path != target:
                save_capture(reader, str(target))


def test_a_detail_may_do_without_what_few_have(live):
    with closing(CaptureReader(str(live))) as reader:
        detail = reader.detail(1)
    assert detail.acts is None
    assert decode_detail(encode_detail(detail[:-1])) == detail
    assert decode_detail(encode_detail(detail._replace(acts=b"acts"))).acts == b"acts"


def test_it_is_filtered(saved):
    with closing(CaptureReader(str(saved))) as reader:
        assert list(reader.ids(parse_filter("status:201"))) == [2]
        assert list(reader.ids(parse_filter("is:failed"))) == [5]


def test_reading_leaves_the_file_as_it_is(saved, tmp_path):
    before = hashlib.sha256(saved.read_bytes()).digest()
    convert(str(saved), str(tmp_path / "out.har"))
    with closing(CaptureReader(str(saved))) as reader:
        save_capture(reader, str(tmp_path / "out.harrier"))
    assert hashlib.sha256(saved.read_bytes()).digest() == before
    assert sorted(each.name for each in saved.parent.glob(f"{saved.name}*")) == [saved.name]


def test_it_is_saved_in_the_latest_format(saved, tmp_path):
    target = tmp_path / "out.harrier"
    with closing(CaptureReader(str(saved))) as reader:
        save_capture(reader, str(target))
    with closing(sqlite3.connect(target)) as database:
        assert database.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)
    with closing(CaptureReader(str(target))) as reader:
        assert paths(reader) == [sample.path for sample in SAMPLES]
        assert b"".join(reader.iterate_body(reader.detail(3).response.body)) == LARGE


def test_it_is_exported(saved, tmp_path):
    target = tmp_path / "out.har"
    convert(str(saved), str(target))
    entries = json.loads(target.read_bytes())["log"]["entries"]
    assert len(entries) == sum(sample.kind != ExchangeKind.TUNNEL for sample in SAMPLES)
    assert {entry["request"]["httpVersion"] for entry in entries} == {"HTTP/1.1"}


def test_what_the_recorder_left_undone_is_done(live):
    recovery = recover(str(live))
    assert recovery.marked_failed == 2
    with closing(CaptureReader(str(live))) as reader:
        assert paths(reader) == [*(sample.path for sample in SAMPLES), "/open", *LATE]
        late = reader.detail(len(SAMPLES) + 2)
        assert reader.read_body(late.response.body, 0, 100) == b"kept"
        assert reader.detail(len(SAMPLES) + 1).failure_text
    with closing(sqlite3.connect(live / "index.sqlite")) as database:
        assert database.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)
    assert {"message", "remark", "acted", "rule_text", "finished"} <= tables(live / "index.sqlite")


def test_what_an_older_file_lacks_is_empty_for_its_reader(saved):
    with closing(CaptureReader(str(saved))) as reader:
        version = int(saved.stem.partition("-")[2])
        lacks = [table for table, since in (("message", 4), ("acted", 5)) if version < since]
        for table in (*lacks, "remark", "rule_text", "finished"):
            assert reader._database.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)


@pytest.mark.parametrize(("version", "word"), [(SCHEMA_VERSION + 1, "later Harrier"), (1, "early Harrier")])
def test_what_cannot_be_read_says_who_can(tmp_path, version, word):
    path = Path(shutil.copy(FILES / f"format-{SCHEMA_VERSION}.harrier", tmp_path / "other.harrier"))
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute(f"PRAGMA user_version={version}")
        database.execute("UPDATE meta SET value = '7.8.9' WHERE name = 'version'")
    with pytest.raises(CaptureError, match=word) as caught:
        CaptureReader(str(path))
    assert ("7.8.9" in str(caught.value)) == (version > SCHEMA_VERSION)


@pytest.mark.parametrize("view", ["SELECT * FROM hidden", "SELECT 'version' AS name, '7.8.9' AS value"])
def test_a_view_in_the_place_of_the_table_that_names_the_version_is_not_asked(tmp_path, view):
    path = Path(shutil.copy(FILES / f"format-{SCHEMA_VERSION}.harrier", tmp_path / "other.harrier"))
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute(f"PRAGMA user_version={SCHEMA_VERSION + 1}")
        database.execute("ALTER TABLE meta RENAME TO hidden")
        database.execute("UPDATE hidden SET value = '7.8.9' WHERE name = 'version'")
        database.execute(f"CREATE VIEW meta AS {view}")
    with pytest.raises(CaptureError, match="later Harrier") as caught:
        CaptureReader(str(path))
    assert "7.8.9" not in str(caught.value)


def test_a_version_that_is_none_is_not_repeated(tmp_path):
    path = Path(shutil.copy(FILES / f"format-{SCHEMA_VERSION}.harrier", tmp_path / "other.harrier"))
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("PRAGMA user_version=99")
        database.execute("UPDATE meta SET value = 'call 0900-HARRIER' WHERE name = 'version'")
    with pytest.raises(CaptureError) as caught:
        CaptureReader(str(path))
    assert "0900" not in str(caught.value)
