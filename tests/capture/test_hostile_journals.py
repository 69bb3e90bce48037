"""Journals that were tampered with cost themselves: what others hold is taken in, and what was lost is told."""

import os
from contextlib import closing

import pytest

from proxy_core.capture.journal import Journal
from proxy_core.capture.reader import CaptureReader
from proxy_core.capture.recovery import recover
from proxy_core.capture.segment import segment_name, segments_in
from tests.support.captures import LiveCapture, Sample


def replace(path, how: str, tmp_path) -> None:
    path.unlink()
    if how == "link":
        path.symlink_to(tmp_path / "elsewhere")
    elif how == "fifo":
        os.mkfifo(path)
    else:
        path.mkdir()


@pytest.mark.parametrize("how", ["link", "fifo", "folder"])
def test_one_that_is_no_file_costs_no_other(tmp_path, how):
    live = LiveCapture(tmp_path / "killed.live")
    live.journal_only(Sample("/first"))
    live.journal.rotate()
    live.journal_only(Sample("/lost"))
    lost = live.folder / segment_name(live.journal.segment)
    live.journal.rotate()
    live.journal_only(Sample("/third"))
    live.close(closed=False)
    replace(lost, how, tmp_path)
    recovery = recover(str(live.folder))
    with closing(CaptureReader(str(live.folder))) as reader:
        assert [row.path for row in reader.rows(list(reader.ids())).values()] == ["/first", "/third"]
    assert recovery.unread_count == 1


def test_a_record_that_is_none_is_told(tmp_path):
    live = LiveCapture(tmp_path / "killed.live")
    live.journal_only(Sample("/first"))
    offset = live.journal.offset
    live.journal_only(Sample("/lost"), Sample("/lost too"))
    path = live.folder / segment_name(live.journal.segment)
    live.close(closed=False)
    data = bytearray(path.read_bytes())
    data[offset] ^= 0xFF
    path.write_bytes(data)
    recovery = recover(str(live.folder))
    with closing(CaptureReader(str(live.folder))) as reader:
        assert reader.total() == 1
    assert recovery.unread_count == 1


def test_a_number_beyond_all_series_is_no_segment(tmp_path):
    with closing(Journal(str(tmp_path), 1)) as journal:
        (tmp_path / f"{'f' * 30}.seg").write_bytes(b"")
        assert segments_in(str(tmp_path)) == [journal.segment]
