"""Events and JSON texts out of bodies, however these are cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy_core.model.message_row import Opcode
from proxy_core.protocols.event_stream.item import KEPT_LIMIT_BYTES, Item
from proxy_core.protocols.event_stream.json_texts import LINES, RECORDS, JsonTextReader
from proxy_core.protocols.event_stream.kind import item_kind
from proxy_core.protocols.event_stream.server_sent import EventReader


def read(reader, *pieces: bytes) -> list[Item]:
    return [item for piece in pieces for item in reader.receive(piece)] + reader.receive_eof()


def events(*pieces: bytes) -> list[Item]:
    return read(EventReader(), *pieces)


def one(data: bytes, **more: object) -> Item:
    return Item(data, len(data), True, **more)


STANDARD = (  # the examples of WHATWG HTML §9.2.6, and its byte order mark
    (b"data: YHOO\ndata: +2\ndata: 10\n\n", [one(b"YHOO\n+2\n10")]),
    (
        b": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n",
        [one(b"first event", event_id="1"), one(b"second event"), one(b" third event")],
    ),
    (b"data\n\ndata\ndata\n\ndata:", [one(b""), one(b"\n"), Item(b"", 0, False)]),
    (b"data:test\n\ndata: test\n\n", [one(b"test"), one(b"test")]),
    (b"\xef\xbb\xbfdata: a\n\n", [one(b"a")]),
)


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"])
@pytest.mark.parametrize(("body", "items"), STANDARD)
def test_the_examples_of_the_standard(body, items, end):
    body = body.replace(b"\n", end)
    assert events(body) == items
    assert events(*(bytes([each]) for each in body)) == items
    for cut in range(len(body)):
        assert events(body[:cut], body[cut:]) == items


def test_all_fields():
    body = b"\xef\xbb\xbfevent: add\ndata: 73857293\nid: a\x00b\nretry: 250\nother: x\n\ndata: b\nretry: soon\n\n"
    assert events(body) == [one(b"73857293", event="add", retry_ms=250), one(b"b")]


def test_the_last_id_stays_until_another_comes():
    assert [each.event_id for each in events(b"id: 7\n\ndata: a\n\ndata: b\n\nid\ndata: c\n\n")] == ["7", "7", ""]


def test_what_has_begun_when_the_body_ends_is_not_whole():
    assert events(b"data: a\n\ndata: b\ndata: c") == [one(b"a"), Item(b"b\nc", 3, False)]
    assert events(b"event: x") == []


def test_lines_and_events_without_end_are_kept_in_part():
    size = KEPT_LIMIT_BYTES
    (line,) = events(b"data: ", *[b"x" * 65_536] * 32, b"\n\n")
    assert (len(line.data), line.size) == (size - len(b"data: "), 32 * 65_536)
    (lines,) = events(*[b"data: " + b"x" * 65_535 + b"\n"] * 32, b"\n")
    assert (len(lines.data), lines.size) == (size, 32 * 65_536 - 1)


@given(st.lists(st.binary(max_size=40)), st.sampled_from([EventReader, lambda: JsonTextReader(LINES)]))
def test_whatever_comes_is_read_alike_however_it_is_cut(pieces, reader):
    assert read(reader(), *pieces) == read(reader(), b"".join(pieces))


def test_lines_of_json():
    body = b'{"a": 1}\r\n\n  \n[2]\n{"c":'
    expected = [one(b'{"a": 1}'), one(b"[2]"), one(b'{"c":')]
    assert read(JsonTextReader(LINES), body) == expected
    assert read(JsonTextReader(LINES), *(bytes([each]) for each in body)) == expected


def test_a_sequence_of_json_texts():
    reader = JsonTextReader(RECORDS)
    assert reader.receive(b'\x1e{"a":\n 1}\n') == [one(b'{"a":\n 1}')], "at once: the next may be long in coming"
    assert reader.receive(b"\x1e[2]\n\x1e4") == [one(b"[2]")]
    assert reader.receive_eof() == [Item(b"4", 1, False)]


def test_a_line_without_end_is_kept_in_part():
    (item,) = read(JsonTextReader(LINES), *[b"x" * 65_536] * 32)
    assert (len(item.data), item.size) == (KEPT_LIMIT_BYTES, 32 * 65_536)


def test_by_media_type():
    assert item_kind(b"Text/Event-Stream; charset=utf-8").opcode == Opcode.EVENT
    assert item_kind(b"application/x-ndjson").opcode == Opcode.LINE
    assert item_kind(b"application/json") is None
    assert item_kind(b"") is None
