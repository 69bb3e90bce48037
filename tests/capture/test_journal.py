"""Segments: whole records or nothing, read back up to the first torn one."""

import errno
import os
import subprocess
import sys
import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy_core.capture.journal import (
    BODY_RECORD,
    DAMAGED_RECORD,
    EVENT_RECORD,
    RECORD_HEADER,
    Journal,
    JournalFullError,
    read_records,
    record,
)
from proxy_core.capture.segment import is_journal, segment_name


def journal_path(folder, journal) -> str:
    return os.path.join(folder, segment_name(journal.segment))


def test_records_come_back_in_order(tmp_path):
    journal = Journal(str(tmp_path), 3)
    journal.write(record(EVENT_RECORD, b"one") + record(BODY_RECORD, b"body"))
    journal.write(record(EVENT_RECORD, b"two"))
    journal.close()
    found = list(read_records(journal_path(tmp_path, journal)))
    assert [(kind, payload) for kind, payload, _ in found] == [(1, b"one"), (2, b""), (1, b"two")]
    assert found[-1][2] == journal.offset
    assert list(read_records(journal_path(tmp_path, journal), found[1][2])) == [found[2]]


def test_files_are_private_and_never_overwritten(tmp_path):
    journal = Journal(str(tmp_path), 1)
    assert os.stat(journal_path(tmp_path, journal)).st_mode & 0o777 == 0o600
    journal.close()
    with pytest.raises(FileExistsError):
        Journal(str(tmp_path), 1)


@given(st.lists(st.binary(max_size=60), min_size=1, max_size=6), st.data())
def test_a_journal_cut_anywhere_gives_every_whole_record(tmp_path_factory, payloads, data):
    folder = tmp_path_factory.mktemp("journal")
    whole = b"".join(record(EVENT_RECORD, payload) for payload in payloads)
    cut = data.draw(st.integers(0, len(whole)))
    path = folder / "cut.seg"
    path.write_bytes(whole[:cut])
    ends, end = [], 0
    for payload in payloads:
        end += RECORD_HEADER.size + len(payload)
        ends.append(end)
    complete = sum(end <= cut for end in ends)
    assert [payload for _, payload, _ in read_records(str(path))] == payloads[:complete]


@given(st.integers(0, 200), st.integers(0, 7))
def test_a_flipped_bit_never_gives_a_wrong_event(tmp_path_factory, position, bit):
    folder = tmp_path_factory.mktemp("journal")
    payloads = [b"first payload", b"second payload", b"third"]
    whole = bytearray(b"".join(record(EVENT_RECORD, payload) for payload in payloads))
    whole[position % len(whole)] ^= 1 << bit
    path = folder / "flipped.seg"
    path.write_bytes(whole)
    for kind, payload, _ in read_records(str(path)):
        assert payload in (*payloads, b"") or kind == DAMAGED_RECORD


def test_what_does_not_fit_leaves_nothing_behind(tmp_path):
    """A limit on the file's size stands for a full disk: the write is cut, then refused."""
    script = textwrap.dedent(
        f"""
        import os, resource, signal
        from proxy_core.capture.journal import Journal, JournalFullError, record
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        journal = Journal({str(tmp_path)!r}, 1)
        journal.write(record(1, b"kept"))
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
        try:
            journal.write(record(1, b"x" * 500))
        except JournalFullError:
            print("full", journal.offset)
        journal.write(record(1, b"again"))
        print(journal.offset)
        """
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=os.getcwd())
    size = 2 * RECORD_HEADER.size + len("keptagain")
    assert done.stdout.split() == ["full", str(RECORD_HEADER.size + 4), str(size)]
    path = tmp_path / segment_name(0x100001)
    assert [payload for _, payload, _ in read_records(str(path))] == [b"kept", b"again"]


def test_an_input_output_error_is_told(tmp_path, monkeypatch):
    journal = Journal(str(tmp_path), 1)

    def fail(*_arguments):
        raise OSError(errno.EIO, "broken")

    monkeypatch.setattr("os.write", fail)
    with pytest.raises(JournalFullError) as caught:
        journal.write(record(EVENT_RECORD, b"x"))
    assert caught.value.errno == errno.EIO
    monkeypatch.undo()
    journal.close()
    assert journal.offset == 0


def test_a_segment_without_a_byte_goes_when_it_is_closed(tmp_path):
    journal = Journal(str(tmp_path), 1)
    body = journal.open_body()
    body.close()
    body.close()
    journal.close()
    assert os.listdir(tmp_path) == [segment_name(journal.segment)]


def test_large_bodies_have_segments_that_are_never_read_as_records(tmp_path):
    journal = Journal(str(tmp_path), 2)
    body = journal.open_body()
    body.write(record(EVENT_RECORD, b"forged by an origin"))
    assert body.length == RECORD_HEADER.size + len(b"forged by an origin")
    body.close()
    journal.rotate()
    assert not is_journal(body.segment)
    assert is_journal(journal.segment)
    journal.close()


def test_bodies_that_have_no_more_numbers_leave_the_journal_alone(tmp_path, monkeypatch):
    """One number further would be a journal's, and be read as records."""
    monkeypatch.setattr("proxy_core.capture.segment.COUNT_LIMIT", 3)
    journal = Journal(str(tmp_path), 1)
    journal.open_body().close()
    journal.open_body().close()
    with pytest.raises(OSError, match="as many segments as it has numbers"):
        journal.open_body()
    journal.rotate()
    first = journal.segment
    with pytest.raises(OSError, match="as many segments as it has numbers"):
        journal.rotate()
    journal.write(record(EVENT_RECORD, b"x"))
    journal.close()
    assert [payload for _, payload, _ in read_records(journal_path(tmp_path, journal))] == [b"x"]
    assert journal.segment == first
