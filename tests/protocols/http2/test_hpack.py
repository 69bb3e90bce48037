"""Field blocks: what both implementations make of them, and what neither may let through (RFC 7541)."""

import os
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy_core.protocols.http1.fields import MalformedError
from proxy_core.protocols.http2 import hpack
from proxy_core.protocols.http2.field_block import read_form
from proxy_core.protocols.http2.hpack import FieldBlockError, FieldDecoder, FieldEncoder
from tests.protocols.http2.conversation import GET, fields

LIMIT_BYTES, LIMIT_FIELDS = 262_144, 1000
FIELD = st.tuples(
    st.sampled_from([b":path", b"accept", b"cookie", b"x", b""]) | st.binary(max_size=20),
    st.sampled_from([b"", b"/", b"gzip, deflate", b"a=b; c=d"]) | st.binary(max_size=200),
    st.booleans(),
)
LISTS = st.lists(st.lists(FIELD, max_size=12).map(tuple), min_size=1, max_size=4)


def ends(monkeypatch, has_rust):
    monkeypatch.setattr(hpack, "HAS_RUST", has_rust)
    return FieldEncoder(), FieldDecoder(LIMIT_BYTES, LIMIT_FIELDS)


@pytest.fixture(params=[True, False], ids=["rust", "python"])
def has_rust(request):
    return request.param


def test_the_rust_implementation_is_there():
    assert hpack.HAS_RUST


def test_without_a_wheel_the_python_implementation_is_taken():
    program = (
        "import sys; sys.modules['jh2'] = None\n"
        "from proxy_core.protocols.http2 import hpack\n"
        "assert not hpack.HAS_RUST\n"
        "block = hpack.FieldEncoder().encode(((b'a', b'b', True),))\n"
        "assert hpack.FieldDecoder(1000, 10).decode(block) == ((b'a', b'b', True),)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, env={**os.environ, "PYTHONPATH": os.getcwd()})


@given(lists=LISTS, writer=st.booleans(), reader=st.booleans())
@settings(deadline=None)
def test_either_implementation_reads_what_either_wrote(lists, writer, reader):
    with pytest.MonkeyPatch.context() as patch:
        encoder, _ = ends(patch, writer)
        _, decoder = ends(patch, reader)
        for each in lists:
            assert decoder.decode(encoder.encode(each)) == each


@pytest.mark.parametrize("length", [0, 1, 126, 127, 128, 254, 255, 256, 16_510, 16_511, 70_000])
def test_what_no_hop_may_index_keeps_its_mark_whatever_the_tables_hold(monkeypatch, has_rust, length):
    encoder, decoder = ends(monkeypatch, has_rust)
    plain = fields((b"x", b"held"), (b"y", b"z" * length))
    assert decoder.decode(encoder.encode(plain)) == plain
    encoder.limit_table(100)
    marked = (
        (b"expect", b"", True),  # the static table has it
        *fields((b"x", b"held")),
        (b"x", b"held", True),  # … and the dynamic one
        (b"y", b"z" * length, True),
        *fields((b"a" * length, b"b")),
    )
    block = encoder.encode(marked)
    assert block.startswith(b"\x3f\x45")  # RFC 7541 §4.2: the table's change comes first
    assert decoder.decode(block) == marked
    assert decoder.decode(encoder.encode(plain)) == plain


@given(
    lists=LISTS,
    edits=st.lists(st.tuples(st.integers(0, 400), st.sampled_from("cdi"), st.integers(0, 255)), max_size=3),
)
@settings(deadline=None, max_examples=400)
def test_both_implementations_make_the_same_of_damaged_blocks(lists, edits):
    with pytest.MonkeyPatch.context() as patch:
        encoder, rust = ends(patch, True)
        _, python = ends(patch, False)
        for each in lists:
            block = bytearray(encoder.encode(each))
            for place, what, byte in edits:
                place %= len(block) + 1
                block[place : place + (what != "i")] = b"" if what == "d" else bytes([byte])
            results = [decoded(decoder, bytes(block)) for decoder in (rust, python)]
            assert results[0] == results[1]
            if results[0] is None:
                return


def decoded(decoder, block):
    try:
        return decoder.decode(block)
    except FieldBlockError:
        return None


@given(st.binary(max_size=64) | st.binary(min_size=500, max_size=700))
@settings(deadline=None, max_examples=400)
def test_no_bytes_do_worse_than_an_error(block):
    decoded(FieldDecoder(LIMIT_BYTES, LIMIT_FIELDS), block)


@pytest.mark.parametrize(
    "block",
    [
        b"\x80",  # index 0
        b"\xbe",  # index 62 of an empty table
        b"\xff\x00",  # index 127
        b"\x00",  # a name that is missing
        b"\x00\x01a",  # a value that is missing
        b"\x00\x05ab",  # a name that is cut short
        b"\x04\x05ab",  # a value that is cut short
        b"\xff",  # an integer that is missing
        b"\xff\x80\x80",  # an integer that is cut short
        b"\xff\xff\xff\xff\xff\x7f",  # an integer that is too large
        b"\x00\x7f\xff\xff\xff\xff\xff\x01",
        b"\x82\x20",  # §4.2: a table update behind a field
        b"\x20\x20\x20\x82",  # … a third one
        b"\x3f\xe2\x1f\x82",  # … above our limit
        b"\x00\x84\xff\xff\xff\xff\x01a",  # §5.2: EOS
        b"\x00\x82\x1f\xff\x01a",  # … padded by more than seven bits
        b"\x00\x81\x18\x01a",  # … padded by zeros
        b"\x00\x01a\x81\x19",
    ],
)
def test_a_block_that_is_wrong(monkeypatch, has_rust, block):
    _, decoder = ends(monkeypatch, has_rust)
    with pytest.raises(FieldBlockError) as caught:
        decoder.decode(block)
    assert not caught.value.is_bomb


def test_table_updates_at_the_beginning(monkeypatch, has_rust):
    encoder, decoder = ends(monkeypatch, has_rust)
    assert decoder.decode(b"") == ()
    assert decoder.decode(b"\x20\x3f\xe1\x1f\x82") == ((b":method", b"GET", False),)
    decoder.decode(encoder.encode(fields(*GET)))
    encoder.limit_table(0)
    encoder.limit_table(100_000)  # no more than 4,096 is ever used
    block = encoder.encode(fields(*GET))
    assert block.startswith(b"\x20\x3f\xe1\x1f")
    assert decoder.decode(block) == fields(*GET)
    encoder.limit_table(65_536)
    assert decoder.decode(encoder.encode(fields(*GET))) == fields(*GET)
    assert len(encoder.encode(fields(*GET))) == 4


def test_bombs(monkeypatch, has_rust):
    encoder, decoder = ends(monkeypatch, has_rust)
    entry = encoder.encode(fields((b"x", b"y" * 4000)))
    for block in (entry + b"\xbe" * 12_000, b"\x82" * 16_001):
        with pytest.raises(FieldBlockError) as caught:
            decoder.decode(block)
        assert caught.value.is_bomb


def test_forms_that_are_remembered_are_those_that_are_not():
    block = FieldEncoder().encode(fields(*GET, (b"x", b"y" * 100)))
    assert read_form(block) == read_form(block)
    assert read_form(block + b"\x82" * 600).fields == read_form(block).fields + 600
    with pytest.raises(MalformedError):
        read_form(b"\x82" * 600 + b"\x00")
