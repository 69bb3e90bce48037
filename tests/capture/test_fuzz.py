"""Cut and flipped captures of every kind, through the reader, both conversions and what the inspector says of them.

Each damage is one of a systematic loop over the file's offsets: the outcome is always files that are right, or one
sentence.
"""

import random
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from app.inspector.facts import connection_sections, head_lines, overview, phases, timing_sections
from proxy_core.capture.reader import CaptureError, CaptureReader
from proxy_core.capture.saver import save_capture
from proxy_core.capture.segment import segment_name
from proxy_core.model.exchange import ConnectionRow, ExchangeRow, ExchangeState
from proxy_core.model.filter import parse_filter
from proxy_core.model.tls_facts import TlsFacts, encode_tls_facts
from proxy_core.tasks.conversion_report import ConversionError
from proxy_core.tasks.convert import convert
from tests.support.captures import LiveCapture, Sample

_PLACES = 100  # damages of each kind


@pytest.fixture
def made(tmp_path) -> LiveCapture:
    live = LiveCapture(tmp_path / "made.live")
    live.add_connections(tls=encode_tls_facts(TlsFacts(version="TLSv1.3", chain=(b"\x30\x03\x02\x01\x05",))))
    samples = (
        Sample("/words?a=1&b=%20", response_body=b"some words " * 30, request_body=b"a=b", method="POST"),
        Sample("/json", content_type="application/json", response_body=b'{"a": [1, 2, {"b": null}]}'),
        Sample("/failed", status=None, state=ExchangeState.FAILED, failure="dns_error", failure_text="No such name."),
        Sample("/öffnen", response_fields=[("Set-Cookie", "a=b; Path=/")], response_trailers=b"X-T: 1\r\n"),
        Sample("/open", state=ExchangeState.WAITING, status=None),
        Sample("", kind=1, scheme="", status=None),
    )
    live.add(*samples)
    live.journal_only(*samples)
    live.close(closed=False)
    return live


def damages(whole: bytes) -> Iterator[bytes]:
    """The file cut, a bit of it flipped, some bytes of it replaced: at places all over it."""
    chance = random.Random(len(whole))
    step = max(len(whole) // _PLACES, 1)
    for place in range(0, len(whole), step):
        yield whole[:place]
    # SQLite's pages are mostly empty: only what is written says anything.
    written = [place for place, byte in enumerate(whole) if byte]
    for place in written[:: max(len(written) // _PLACES, 1)]:
        flipped = bytearray(whole)
        flipped[place] ^= 1 << chance.randrange(8)
        yield bytes(flipped)
    for _ in range(_PLACES):
        damaged = bytearray(whole)
        place = chance.choice(written)
        damaged[place : place + 8] = chance.choice((b"\xff" * 8, bytes(8), chance.randbytes(8)))
        yield bytes(damaged[: len(whole)])


def look_through(path: str) -> None:
    """What a window asks of a capture."""
    try:
        reader = CaptureReader(path)
    except CaptureError:
        return
    try:
        for order in ("id", "path", "duration_us"):
            ids = reader.ids(order_by=order)
        reader.ids(parse_filter("shop status:200 or path:/^\\/w/"))
        reader.total()
        reader.lost()
        for row in reader.rows(ids).values():
            show(reader, row)
    except CaptureError:
        pass
    finally:
        reader.close()


def show(reader: CaptureReader, row: ExchangeRow) -> None:
    detail = reader.detail(row.id)
    if detail is None:
        return
    upstream = reader.connection(detail.upstream_connection)
    overview(row, detail, upstream)
    connection_sections(row, reader.connection(detail.client_connection), upstream)
    timing_sections(row, upstream)
    phases(detail)
    head_lines(detail.request, detail.interim)
    head_lines(detail.response, detail.interim)
    reader.read_body(detail.response.body)


def convert_all(source: Path, folder: Path) -> None:
    for ending in (".har", ".harrier"):
        target = folder / f"converted{ending}"
        try:
            convert(str(source), str(target))
        except ConversionError as error:
            assert str(error).endswith(".")
            assert "\n" not in str(error)
        else:
            assert target.exists()
            look_through(str(target))


def test_saved_files(made, tmp_path):
    path = tmp_path / "saved.harrier"
    reader = CaptureReader(str(made.folder))
    save_capture(reader, str(path))
    reader.close()
    for damaged in damages(path.read_bytes()):
        path.write_bytes(damaged)
        look_through(str(path))
        convert_all(path, tmp_path)


@pytest.mark.parametrize("is_index", [True, False])
def test_live_folders(made, tmp_path, is_index):
    name = "index.sqlite" if is_index else segment_name(made.journal.segment)
    folder = tmp_path / "copy.live"
    for damaged in damages((made.folder / name).read_bytes()):
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(made.folder, folder)
        (folder / name).write_bytes(damaged)
        look_through(str(folder))
        convert_all(folder, tmp_path)


_VALUES = ("NULL", "0", "-1", "99", "9223372036854775807", "1e300", "''", "'text'", "x'ff00c1'", "zeroblob(100000)")
_COLUMNS = {
    "exchange": ExchangeRow._fields[1:],
    "connection": ConnectionRow._fields[1:],
    "detail": ("key", "packed"),
    "meta": ("value",),
    "progress": ("segment", "offset"),
}


@pytest.mark.parametrize("table", _COLUMNS)
def test_senseless_values_in_any_column(made, tmp_path, table):
    folder, saved = tmp_path / "copy.live", tmp_path / "saved.harrier"
    reader = CaptureReader(str(made.folder))
    save_capture(reader, str(tmp_path / "sound"))
    reader.close()
    for column in _COLUMNS[table]:
        for value in _VALUES:
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(made.folder, folder)
            shutil.copy(tmp_path / "sound", saved)
            for path, index in ((saved, saved), (folder, folder / "index.sqlite")):
                database = sqlite3.connect(index)
                with database:
                    # A table of ours refuses NULL; one that says the same without refusing would not be ours.
                    database.execute(f"UPDATE OR IGNORE {table} SET {column} = {value}")
                database.close()
                look_through(str(path))
                convert_all(path, tmp_path)


_MEMBERS = (None, -1, 2**64 - 1, 1.5, "text", "\udcff", b"\xff\x00", [], [[]], {"a": 1}, b"\xc1" * 3, b"\x91" * 400)


def test_senseless_members_of_a_detail(made, tmp_path):
    saved = tmp_path / "saved.harrier"
    reader = CaptureReader(str(made.folder))
    save_capture(reader, str(saved))
    detail = reader.detail(1)
    reader.close()
    assert detail is not None
    for number in range(len(detail)):
        for member in _MEMBERS:
            packed = pack([*detail[:number], member, *detail[number + 1 :]])
            database = sqlite3.connect(saved)
            with database:
                database.execute("UPDATE detail SET packed = ? WHERE exchange_id <> 3", (packed,))
            database.close()
            look_through(str(saved))
            convert_all(saved, tmp_path)


def pack(detail: list[object]) -> bytes:
    """Like `encode_detail`; also of a text that is no UTF-8."""
    mark = b"a text that is none"
    encoded = msgspec.msgpack.encode([mark.decode() if each == "\udcff" else each for each in detail])
    return encoded.replace(mark, b"\xff" * len(mark))
