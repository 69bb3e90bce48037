"""A message within an exchange, written to a file."""

from contextlib import closing

import pytest

from proxy_core.capture.reader import CaptureReader
from proxy_core.model.exchange import ExchangeKind
from proxy_core.model.message_row import MessageFlag, Opcode
from proxy_core.tasks.conversion_report import ConversionError
from proxy_core.tasks.message_file import save_message
from tests.support.captures import LiveCapture, Sample

LARGE = bytes(range(256)) * 100


@pytest.fixture
def reader(tmp_path):
    live = LiveCapture(tmp_path / "a.live")
    messages = [(0, int(Opcode.TEXT), 0, b"hello", ()), (1, int(Opcode.BINARY), 0, LARGE, ())]
    live.add(Sample("/chat", kind=ExchangeKind.WEBSOCKET, status=101, messages=messages))
    live.writer._database.execute(
        f"INSERT INTO message SELECT 1, 3, 0, 0, 2, {MessageFlag.CUT:d}, 9000, body FROM message LIMIT 1"
    )
    with closing(CaptureReader(live.close())) as made:
        yield made


@pytest.mark.parametrize(("number", "data"), [(1, b"hello"), (2, LARGE)])
def test_it_is_written_as_it_was_recorded(reader, tmp_path, number, data):
    assert save_message(reader, 1, number, str(tmp_path / "out")) == []
    assert (tmp_path / "out").read_bytes() == data


def test_a_part_of_it_is_told(reader, tmp_path):
    assert save_message(reader, 1, 3, str(tmp_path / "out")) == ["Only a part of the message was recorded."]
    assert (tmp_path / "out").read_bytes() == b"hello"


@pytest.mark.parametrize(("number", "place"), [(4, "out"), (1, "no folder/out")])
def test_what_cannot_be_written_leaves_nothing(reader, tmp_path, number, place):
    with pytest.raises(ConversionError):
        save_message(reader, 1, number, str(tmp_path / place))
    assert not (tmp_path / place).exists()
