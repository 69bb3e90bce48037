"""A body as a file: as it came or decoded, whole or not at all."""

import gzip
import os

import pytest

from proxy_core.capture.reader import CaptureReader
from proxy_core.capture.saver import SaveCancelledError
from proxy_core.model.message_record import MessageKind
from proxy_core.tasks.body_file import save_body
from proxy_core.tasks.conversion_report import ConversionError
from tests.support.captures import LiveCapture, Sample

TEXT = b"reed bed\n" * 5000


def going_on(_done: int, _total: int) -> bool:
    return True


@pytest.fixture
def captured(tmp_path):
    """Adds a sample; gives a reader and the exchange's id."""
    capture = LiveCapture(tmp_path / "a.live")
    readers = []

    def make(sample: Sample) -> tuple[CaptureReader, int]:
        exchange_id = capture.add(sample)[0]
        readers.append(CaptureReader(str(capture.folder)))
        return readers[-1], exchange_id

    yield make
    for reader in readers:
        reader.close()
    capture.close()


def coded(coding: str, body: bytes) -> Sample:
    return Sample(response_body=body, response_fields=[("Content-Encoding", coding)])


@pytest.mark.parametrize("decoded", [False, True])
def test_as_on_the_wire_or_decoded(captured, tmp_path, decoded):
    wire = gzip.compress(TEXT)
    reader, exchange_id = captured(coded("gzip", wire))
    path = tmp_path / "body"
    assert save_body(reader, exchange_id, MessageKind.RESPONSE, str(path), going_on, decoded=decoded) == []
    assert path.read_bytes() == (TEXT if decoded else wire)


def test_what_cannot_be_decoded_is_written_as_it_came(captured, tmp_path):
    reader, exchange_id = captured(coded("gzip", b"not gzip at all"))
    path = tmp_path / "body"
    remarks = save_body(reader, exchange_id, MessageKind.RESPONSE, str(path), going_on, decoded=True)
    assert path.read_bytes() == b"not gzip at all"
    assert len(remarks) == 1
    assert "gzip" in remarks[0]


def test_what_expands_beyond_measure_is_written_as_it_came(captured, tmp_path):
    bomb = gzip.compress(gzip.compress(bytes(256 << 20)))
    reader, exchange_id = captured(coded("gzip, gzip", bomb))
    path = tmp_path / "body"
    remarks = save_body(reader, exchange_id, MessageKind.RESPONSE, str(path), going_on, decoded=True)
    assert path.read_bytes() == bomb
    assert "200 times its size" in remarks[0]
    assert os.stat(path).st_mode & 0o077 == 0 or os.name != "posix"


def test_a_cancelled_one_leaves_nothing(captured, tmp_path):
    reader, exchange_id = captured(Sample(response_body=TEXT))
    target = tmp_path / "out"
    target.mkdir()
    with pytest.raises(SaveCancelledError):
        save_body(reader, exchange_id, MessageKind.RESPONSE, str(target / "body"), lambda *_: False, decoded=False)
    assert os.listdir(target) == []


def test_a_place_that_cannot_be_written_is_named(captured, tmp_path):
    reader, exchange_id = captured(Sample(response_body=TEXT))
    with pytest.raises(ConversionError, match="nowhere"):
        save_body(
            reader, exchange_id, MessageKind.RESPONSE, str(tmp_path / "nowhere" / "body"), going_on, decoded=False
        )
