"""Messages in a capture: cleared with their exchange, and read whatever a file from elsewhere says of them."""

import sqlite3
from contextlib import closing

import pytest

from proxy_core.capture.reader import CaptureReader
from proxy_core.capture.saver import save_capture
from proxy_core.model.exchange import ExchangeState
from proxy_core.model.message_row import encode_content
from tests.support.captures import LiveCapture, Sample


def with_messages(count, path="/chat", state=ExchangeState.COMPLETE):
    return Sample(path, state=state, messages=[(number % 2, 1, 0, b"%d" % number, ()) for number in range(count)])


@pytest.fixture
def live(tmp_path):
    made = LiveCapture(tmp_path / "capture.live")
    yield made
    made.close()


def numbers(live, exchange_id):
    with closing(CaptureReader(str(live.folder))) as reader:
        return list(reader.message_numbers(exchange_id))


def test_they_are_forgotten_with_their_exchange_a_part_at_a_time(live):
    live.add(with_messages(12_000), with_messages(3))
    live.add(with_messages(2, state=ExchangeState.RESPONDING))
    cleared = live.writer.clear()
    steps = 1
    while not live.writer.forget(cleared):
        steps += 1
    assert steps > 2
    assert [len(numbers(live, each)) for each in (1, 2, 3)] == [0, 0, 2]


def test_they_are_forgotten_at_once_where_nothing_stays(live):
    live.add(with_messages(12_000))
    assert live.writer.forget(live.writer.clear())
    assert numbers(live, 1) == []


def test_they_are_read_a_page_at_a_time(live):
    live.add(with_messages(250))
    with closing(CaptureReader(str(live.folder))) as reader:
        page = reader.messages(1, 100, 50)
        assert [row.number for row in page] == list(range(101, 151))
        assert reader.payload(reader.content(page[0])) == b"100"
        assert list(reader.message_numbers(1, 248)) == [249, 250]


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("at_us", "'soon'"),
        ("side", "2"),
        ("opcode", "4096"),
        ("flags", "-1"),
        ("size", "-5"),
        ("body", "'text'"),
        ("body", "zeroblob(30000000)"),
        ("body", "x'ff00'"),
        ("body", "x'91c0ff'"),
    ],
)
def test_one_that_cannot_be_is_left_out_and_costs_no_other(live, tmp_path, column, value):
    live.add(with_messages(5))
    saved = tmp_path / "a.harrier"
    with closing(CaptureReader(str(live.folder))) as reader:
        save_capture(reader, str(saved))
    with closing(sqlite3.connect(saved)) as database:
        database.execute(f"UPDATE message SET {column} = {value} WHERE number = 3")
        database.commit()
    with closing(CaptureReader(str(saved))) as reader:
        remarks = []
        assert save_capture(reader, str(tmp_path / "b.harrier"), remarks=remarks) == 1
    assert "1 message within exchanges can't be read" in " ".join(remarks)
    with closing(CaptureReader(str(tmp_path / "b.harrier"))) as reader:
        assert list(reader.message_numbers(1)) == [1, 2, 4, 5]


def test_a_payload_that_belongs_to_another_is_not_written_twice(live, tmp_path):
    live.add(Sample("/a", messages=[(0, 2, 0, b"x" * 5000, ()), (0, 2, 0, b"y" * 5000, ())]))
    saved = tmp_path / "a.harrier"
    with closing(CaptureReader(str(live.folder))) as reader:
        save_capture(reader, str(saved))
    with closing(sqlite3.connect(saved)) as database:
        database.execute("UPDATE message SET body = (SELECT body FROM message WHERE number = 1)")
        database.commit()
    with closing(CaptureReader(str(saved))) as reader:
        remarks = []
        save_capture(reader, str(tmp_path / "b.harrier"), remarks=remarks)
    assert "1 message within" in " ".join(remarks)
    with closing(CaptureReader(str(tmp_path / "b.harrier"))) as reader:
        payloads = [reader.payload(reader.content(row)) for row in reader.messages(1)]
    assert payloads == [b"x" * 5000, b""]


def test_the_extents_of_those_that_stay_are_told(live):
    live.add(Sample("/a", messages=[(0, 2, 0, b"x" * 5000, ()), (0, 2, 0, b"small", ())]))
    assert len(list(live.writer.bodies_upto(1))) == 1


def test_a_message_with_an_unknown_content_is_damage(live):
    live.add(Sample("/a", messages=[(0, 2, 0, b"small", ())]))
    assert encode_content((b"small",)) != b""
    with closing(CaptureReader(str(live.folder))) as reader:
        (row,) = reader.messages(1)
        with pytest.raises(Exception, match="a message can't be read"):
            reader.content(row._replace(body=b"\xc1"))
