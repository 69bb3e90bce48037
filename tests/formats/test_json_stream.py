"""A JSON file walked through: any cut into blocks gives the same, and nothing deep or large is kept."""

import io
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy_core.formats import json_stream
from proxy_core.formats.json_stream import BLOCK_BYTES, MOST_DEPTH, MOST_SMALL_BYTES, JsonError, JsonStream, Omission

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=20,
)


class Trickle(io.BytesIO):
    """Gives a few bytes at a time, and counts them."""

    def __init__(self, data: bytes, step: int) -> None:
        super().__init__(data)
        self.step = step

    def read(self, size: int = -1) -> bytes:
        return super().read(self.step)


@given(st.lists(VALUES, max_size=5), st.integers(1, 40), st.booleans(), st.sampled_from([None, 1]))
@settings(max_examples=300, deadline=None)
def test_items_come_out_as_they_stand_whatever_the_blocks(values, step, is_ascii, indent):
    data = json.dumps(values, ensure_ascii=is_ascii, indent=indent).encode()
    stream = JsonStream(Trickle(data, step))
    found = []
    for _ in stream.items():
        raw = stream.value()
        assert not isinstance(raw, Omission)
        found.append(json.loads(raw))
    assert found == values
    assert stream.is_at_end()


@pytest.mark.parametrize("step", [1, 2, 3, 1000])
def test_members_are_named_and_what_is_not_wanted_is_skipped(step):
    data = b'\xef\xbb\xbf{"a": "x\\\\", "b\\"": [1, {"c": "}]"}], "d": -1.5e3 , "e":{}}'
    stream = JsonStream(Trickle(data, step) if step > 2 else io.BytesIO(data))
    found = {}
    for name in stream.members():
        if name == 'b\\"':
            stream.skip()
        else:
            found[name] = bytes(stream.value())
    assert found == {"a": b'"x\\\\"', "d": b"-1.5e3", "e": b"{}"}


@pytest.mark.parametrize(
    "data", [b"", b"[", b"[1", b"[1,", b'["a', b'["a\\', b"[{", b"[1 2]", b'[{"a": [1}', b"[}", b"[,]", b"{]"]
)
def test_what_breaks_off_or_has_no_frame_is_told(data):
    with pytest.raises(JsonError):
        stream = JsonStream(io.BytesIO(data))
        for _ in stream.items():
            stream.value()


def nested(depth: int, opening: str, closing: str) -> bytes:
    return f"[{opening * depth}{closing * depth},7]".encode()


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}"), ('[{"a":', "}]")])
def test_depth_is_bounded_and_what_comes_behind_is_read(opening, closing):
    levels = MOST_DEPTH // len(closing)
    for depth, is_kept in ((levels - 1, True), (levels + 1, False), (200_000, False)):
        stream = JsonStream(io.BytesIO(nested(depth, opening, closing).replace(b":}", b":{}}", 1)))
        found = [stream.value() for _ in stream.items()]
        assert (found[0] is not Omission.TOO_DEEP) == is_kept
        assert found[1] == b"7"


def test_a_value_above_the_limit_is_passed_over():
    stream = JsonStream(io.BytesIO(b'["' + b"x" * 5000 + b'", "abc", [1, 2, 3], 12345]'))
    found = [stream.value(6) for _ in stream.items()]
    assert found == [Omission.TOO_LARGE, b'"abc"', Omission.TOO_LARGE, b"12345"]


@pytest.mark.parametrize("part", [b"[],", b"1,", b'"a",', b'{"":0},', b'"' + b"x" * 1000 + b'",'])
def test_small_parts_are_bounded_since_objects_take_many_times_their_size(part):
    data = b"[[" + part * (MOST_SMALL_BYTES // len(part) + 10) + b"0],0]"
    stream = JsonStream(io.BytesIO(data))
    assert [stream.value() for _ in stream.items()] == [Omission.TOO_MANY_PARTS, b"0"]


def test_long_strings_are_no_small_parts():
    text = b'"' + b'{\\"a\\":[1,2]},' * 1_500_000 + b'"'
    assert len(text) > MOST_SMALL_BYTES
    stream = JsonStream(io.BytesIO(b'{"a":{"text":%b,"more":[1,2,3]}}' % text))
    for _ in stream.members():
        assert len(stream.value()) > len(text)


def test_a_string_is_looked_at_once_whatever_its_length(monkeypatch):
    """The work grows with the length: a parser that began the string again with each block would look at its square."""
    looked_at = 0

    class Counting:
        def __init__(self, pattern):
            self.pattern = pattern

        def match(self, block, at):
            nonlocal looked_at
            found = self.pattern.match(block, at)
            looked_at += found.end() - at
            return found

    for name in ("_BETWEEN", "_IN_STRING", "_BLANKS"):
        monkeypatch.setattr(json_stream, name, Counting(getattr(json_stream, name)))
    for blocks in (4, 16):
        looked_at = 0
        data = b'[{"a":"' + b"x\\n" * (blocks * BLOCK_BYTES // 3) + b'"}]'
        stream = JsonStream(io.BytesIO(data))
        for _ in stream.items():
            stream.value()
        assert looked_at <= len(data) + 100
