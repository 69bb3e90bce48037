"""Messages of streams, however their bytes are cut."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy_core.model.message_row import MessageFlag, Opcode
from proxy_core.protocols.event_stream.json_lines import JsonLineReader
from proxy_core.protocols.event_stream.lines import LINE_LIMIT_BYTES
from proxy_core.protocols.event_stream.sse import EventReader

_STREAM = (
    b"\xef\xbb\xbf: a comment\n"
    b"data: first\n\n"
    b"event: add\nid: 7\nretry: 2500\ndata: one\ndata:two\ndata\n\n"
    b"event: dropped\n\n"
    b"data\n\n"
    b"id: bad\0one\ndata:  blank kept\nunknown: x\nretry: 1x\n\n"
    b"retry: 100\n\n"
    b"data: cut"
)
_READING = [
    (b"first", "", "", None, 0),
    (b"one\ntwo\n", "add", "7", 2500, 0),
    (b"", "", "7", None, 0),
    (b" blank kept", "", "7", None, 0),
    (b"", "", "7", 100, 0),
    (b"cut", "", "7", None, MessageFlag.INCOMPLETE),
]


def read(reader, pieces):
    return [each for piece in pieces for each in reader.receive(piece)] + list(reader.finish())


def events(pieces):
    return [(each.data, each.name, each.event_id, each.retry_ms, each.flags) for each in read(EventReader(), pieces)]


def cut(data, seed):
    chooser = random.Random(seed)
    while data:
        length = chooser.randint(1, 9)
        yield data[:length]
        data = data[length:]


@pytest.mark.parametrize("line_end", [b"\n", b"\r", b"\r\n"])
@pytest.mark.parametrize("seed", range(4))
def test_events_by_the_standard(line_end, seed):
    data = _STREAM.replace(b"\n", line_end)
    assert events([data]) == _READING
    assert events([bytes((each,)) for each in data]) == _READING
    assert events(cut(data, seed)) == _READING


@given(st.lists(st.sampled_from([b"\r", b"\n", b"data: a", b":", b"id: 1", b"\xef\xbb\xbf", b"event:x", b"\0"])))
def test_the_same_events_however_cut(parts):
    data = b"".join(parts)
    assert events([data]) == events(bytes((each,)) for each in data) == events(parts)


def test_of_an_event_without_end_the_first_bytes_are_kept():
    line = b"data: " + b"x" * 300_000 + b"\n"
    (event,) = read(EventReader(), [line] * 10 + [b"\n"])
    assert len(event.data) == LINE_LIMIT_BYTES
    assert (event.size, event.flags) == (10 * 300_001 - 1, MessageFlag.CUT)
    (event,) = read(EventReader(), [b"data: ", *[b"y" * 65536] * 100, b"\n\n"])
    assert (event.size, event.flags) == (6_553_600, MessageFlag.CUT)
    assert len(event.data) <= LINE_LIMIT_BYTES


def test_lines_of_json():
    data = b'{"a": 1}\r\n\n\x1e{"b": "x\ry"}\n[3]'
    for pieces in ([data], [bytes((each,)) for each in data], cut(data, 3)):
        messages = read(JsonLineReader(), pieces)
        assert [each.data for each in messages] == [b'{"a": 1}', b'{"b": "x\ry"}', b"[3]"]
        assert {(each.opcode, each.flags) for each in messages} == {(Opcode.LINE, 0)}


def test_of_an_endless_line_the_first_bytes_are_kept():
    (line,) = read(JsonLineReader(), [b"1" * 65536] * 50)
    assert (line.size, line.flags) == (65536 * 50, MessageFlag.CUT)
    assert len(line.data) == LINE_LIMIT_BYTES
