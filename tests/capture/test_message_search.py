"""Finding exchanges by what their messages say: what is found, how far is looked, and that nobody looks twice."""

import sqlite3
import threading
from contextlib import suppress

import pytest

from proxy_core.capture import message_search
from proxy_core.capture.message_search import SEARCHED_BYTES, says
from proxy_core.capture.reader import CaptureInterruptedError, CaptureReader
from proxy_core.capture.saver import save_capture
from proxy_core.model.exchange import ExchangeKind, ExchangeState
from proxy_core.model.filter import parse_filter
from proxy_core.model.message_row import MessageFlag, Opcode
from tests.support.captures import Sample


def chat(*payloads: bytes, opcode: int = Opcode.TEXT, flags: int = 0, rest: tuple = ()) -> Sample:
    messages = [(number % 2, opcode, flags, payload, rest) for number, payload in enumerate(payloads)]
    return Sample("/chat", status=101, kind=ExchangeKind.WEBSOCKET, messages=messages)


@pytest.fixture
def reader(live):
    opened = CaptureReader(str(live.folder))
    yield opened
    opened.close()
    live.close()


def found(reader: CaptureReader, text: str) -> list[int]:
    query = parse_filter(text)
    ids = list(reader.ids(query))
    assert reader.matching(range(1, reader.last_id() + 1), query) == set(ids)
    return ids


@pytest.mark.parametrize(
    ("data", "text", "is_there"),
    [
        (b'{"Name": "Harrier"}', "harrier", True),
        (b'{"Name": "Harrier"}', "name", True),
        ("Grüße".encode(), "grüsse", False),
        ("GRÜẞE".encode(), "grü", True),
        (b"\xff\x00abc", "abc", True),
        (b"abc", "abd", False),
    ],
)
def test_a_text_is_found_whatever_its_case(data, text, is_there):
    assert says(data, text.encode()) is is_there


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("messages:needle", [2]),
        ("messages:NEEDLE", [2]),
        ("-messages:needle", [1, 3, 4, 5]),
        ('messages:"the needle"', [2]),
        ('messages:"n?edle*straw"', [2]),
        ("messages:straw*needle", []),
        ("messages=*straw", [2]),
        ("messages=*needle", []),
        ("messages=hello", [3]),
        ("messages=hell", []),
        ("messages=hell?", [3]),
        ("messages=?ello", [3]),
        ("messages=?ell", []),
        ("messages=h*lo*lo", []),
        ("messages:/^h.llo$/", [3]),
        ("messages:GRÜ", [3]),
        ("messages:price-changed", [4]),  # the name of an event
        ('messages:"\\"id\\": 7"', [4]),
        ("messages:/\\d+/ host:shop", [4]),  # an expression looks at the beginning
        ("messages:end-of-it", [5]),  # of one that lies where bodies do
        ("messages:beyond", []),
        ("messages:needle or status:404", [1, 2]),
        ("messages:needle messages:straw", [2]),
        ("messages:needle messages:hello", []),
    ],
)
@pytest.mark.parametrize("is_saved", [False, True])
def test_what_is_found(live, reader, tmp_path, text, ids, is_saved):
    live.add(
        Sample("/needle", status=404),
        chat(b"hay", b"the Needle in the straw"),
        chat(b"hello", "grüße".encode()),
        chat(b'{"id": 7}', opcode=Opcode.EVENT, rest=("", "price-changed")),
        chat(b"x" * (SEARCHED_BYTES - 20) + b"11 end-of-it" + b"x" * 8 + b"beyond", opcode=Opcode.BINARY),
    )
    if not is_saved:
        assert found(reader, text) == ids
        return
    path = str(tmp_path / "saved.harrier")
    save_capture(reader, path)
    saved = CaptureReader(path)
    assert found(saved, text) == ids
    saved.close()


class Looks:
    """Counts the messages whose payloads are looked at."""

    def __init__(self, reader: CaptureReader, monkeypatch) -> None:
        self.count = 0
        self._payload = reader.payload
        monkeypatch.setattr(reader, "payload", self._look)

    def _look(self, content, length=None):
        self.count += 1
        assert length == SEARCHED_BYTES
        return self._payload(content, length)


def test_what_was_searched_is_not_searched_again(live, reader, monkeypatch):
    looks = Looks(reader, monkeypatch)
    sample = chat(*[b"message %d" % number for number in range(250)])
    sample.state = ExchangeState.RESPONDING
    key = live.journal.series << 32 | 77
    live.writer.apply([live.event(sample, key), live.messages_event(sample, key)], None)
    live.writer.commit()
    assert list(reader.ids(parse_filter("messages:needle"))) == []
    assert looks.count == 250
    assert list(reader.ids(parse_filter("messages:needle"))) == []
    assert reader.matching([1], parse_filter("-messages:needle")) == {1}
    assert looks.count == 250
    sample.messages = [*sample.messages, (0, Opcode.TEXT, 0, b"the needle", ())]
    live.writer.apply([live.messages_event(sample, key)], None)
    live.writer.commit()
    assert reader.matching([1], parse_filter("messages:needle")) == {1}
    assert looks.count == 251
    assert reader.matching([1], parse_filter("messages:needle")) == {1}
    assert list(reader.ids(parse_filter("messages:straw"))) == []
    assert looks.count == 251 + 251


def test_a_message_that_had_not_ended_is_looked_at_again(live, reader):
    key = live.journal.series << 32 | 77
    open_one = chat(b"first", b"the beginning", flags=MessageFlag.INCOMPLETE)
    open_one.state = ExchangeState.RESPONDING
    live.writer.apply([live.event(open_one, key), live.messages_event(open_one, key)], None)
    live.writer.commit()
    assert found(reader, "messages:needle") == []
    live.writer.apply([live.messages_event(chat(b"first", b"the beginning, and the needle"), key)], None)
    live.writer.commit()
    assert found(reader, "messages:needle") == [1]


def test_the_time_is_limited_and_whoever_asks_again_goes_on(live, reader, monkeypatch):
    live.add(*[chat(*[b"hay"] * 150) for _ in range(3)], chat(b"needle"))
    looks = Looks(reader, monkeypatch)
    monkeypatch.setattr(message_search.time, "monotonic", lambda: looks.count * message_search.SEARCHED_S / 150)
    query = parse_filter("messages:needle")
    seen = []
    for _ in range(20):
        seen.append(list(reader.ids(query)))
        if not reader.is_search_cut:
            break
    assert len(seen) > 2
    assert looks.count == 3 * 150 + 1
    assert (seen[0], seen[-1]) == ([], [4])
    assert list(reader.ids(parse_filter("status:101"))) == [1, 2, 3, 4]
    assert not reader.is_search_cut


def test_a_search_can_be_interrupted(live, reader, monkeypatch):
    live.add(*[chat(*[b"hay"] * 500) for _ in range(40)])
    begun, go_on = threading.Event(), threading.Event()
    looks = Looks(reader, monkeypatch)
    payload = reader.payload

    def slow(content, length=None):
        begun.set()
        assert go_on.wait(20)
        return payload(content, length)

    monkeypatch.setattr(reader, "payload", slow)
    outcome = []

    def ask() -> None:
        try:
            reader.ids(parse_filter("messages:needle"))
        except CaptureInterruptedError:
            outcome.append("interrupted")

    thread = threading.Thread(target=ask)
    thread.start()
    assert begun.wait(20)
    reader.interrupt()
    go_on.set()
    thread.join(20)
    assert outcome == ["interrupted"]
    assert looks.count <= 100, "no further page was read"
    monkeypatch.undo()
    with suppress(CaptureInterruptedError):
        reader.ids()
    assert list(reader.ids(parse_filter("messages:hay"))) == list(range(1, 41))


@pytest.mark.parametrize("column", ["body", "size", "opcode"])
def test_a_damaged_message_is_passed_over(live, reader, column):
    live.add(chat(b"hay", b"damaged", b"needle"), chat(b"needle"))
    live.close()
    database = sqlite3.connect(live.folder / "index.sqlite")
    with database:
        database.execute(f"UPDATE message SET {column} = x'c1' WHERE exchange_id = 1 AND number = 2")
    database.close()
    assert found(reader, "messages:needle") == [1, 2]
    assert found(reader, "messages:damaged") == []


def test_a_capture_without_messages_is_asked_nothing(live, reader, monkeypatch):
    live.add(Sample(), Sample())
    monkeypatch.setattr(reader, "messages", None)
    assert found(reader, "messages:x") == []
    assert found(reader, "-messages:x") == [1, 2]
