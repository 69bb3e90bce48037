"""Codings undone, whole and in pieces, right and wrong, and never more than asked for."""

import gzip
import struct
import zlib
from functools import partial

import brotli
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy_core.formats.content_coding import (
    FREE_EXPANSION_BYTES,
    FREE_MEMBERS,
    LEAST_MEMBER_BYTES,
    MOST_EXPANSION,
    CodingError,
    Expansion,
    ExpansionError,
    decode,
    iterate_decoded,
    parse_codings,
    zstd,
)


def gzipped(data: bytes) -> bytes:
    """Without the time of day: whoever runs tests side by side must agree on their names."""
    return gzip.compress(data, mtime=0)


TEXT = b"The quick brown fox. " * 500
RAW_DEFLATE = zlib.compressobj(wbits=-15)
CODED = {
    ("gzip",): gzipped(TEXT),
    ("x-gzip",): gzipped(TEXT[:50]) + gzipped(TEXT[50:]),
    ("deflate",): zlib.compress(TEXT),
    ("br",): brotli.compress(TEXT),
    ("zstd",): zstd.compress(TEXT),
    ("gzip", "br"): brotli.compress(gzipped(TEXT)),
    (): TEXT,
}
LIMIT = 1 << 20


def pieces(data: bytes, size: int):
    return (data[begin : begin + size] for begin in range(0, len(data), size))


@pytest.mark.parametrize("codings", CODED)
@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_every_coding_in_pieces_of_any_size(codings, size):
    decoded = decode(pieces(CODED[codings], size), codings, LIMIT)
    assert (decoded.data, decoded.is_truncated, decoded.problem) == (TEXT, False, "")


def test_deflate_without_its_wrapper():
    raw = RAW_DEFLATE.compress(TEXT) + RAW_DEFLATE.flush()
    assert decode([raw], ("deflate",), LIMIT).data == TEXT


@pytest.mark.parametrize("codings", [key for key in CODED if key])
def test_a_limit_is_kept(codings):
    decoded = decode([CODED[codings]], codings, 1000)
    assert (decoded.data, decoded.is_truncated) == (TEXT[:1000], True)


CODER = {"gzip": gzip.compress, "br": partial(brotli.compress, quality=5), "zstd": zstd.compress}


def coded(data: bytes, codings: tuple[str, ...]) -> bytes:
    for coding in codings:
        data = CODER[coding](data)
    return data


@pytest.mark.parametrize("coding", CODER)
def test_bombs_stop_at_the_limit(coding):
    bomb = coded(bytes(200 << 20), (coding,))
    assert len(bomb) < 1 << 20
    decoded = decode([bomb], (coding,), 1 << 20)
    assert (len(decoded.data), decoded.is_truncated) == (1 << 20, True)


@pytest.mark.parametrize(
    ("codings", "megabytes"),
    [
        (("gzip",), 64),
        (("br",), 64),
        (("zstd",), 64),
        (("gzip",) * 3, 256),  # 200 bytes or so
        (("zstd", "gzip"), 64),
    ],
)
def test_what_expands_beyond_measure_stops_wherever_it_is_decoded(codings, megabytes):
    bomb = coded(bytes(megabytes << 20), codings)
    size = 0
    with pytest.raises(ExpansionError, match="200 times its size"):
        for part in iterate_decoded([bomb], codings):
            size += len(part)
    assert size <= max(FREE_EXPANSION_BYTES, len(bomb) * MOST_EXPANSION)


def test_a_coding_that_swallows_what_the_next_one_gives_stops_too():
    behind_the_end = zlib.compress(b"done") + bytes(64 << 20)  # what stands behind the end of «deflate» is passed over
    swallowed = gzip.compress(behind_the_end)
    with pytest.raises(ExpansionError):
        list(iterate_decoded([swallowed], ("deflate", "gzip")))


def test_an_expansion_of_a_thousand_does_no_harm_while_it_is_small():
    data = bytes(FREE_EXPANSION_BYTES)
    assert b"".join(iterate_decoded([gzip.compress(data)], ("gzip",))) == data


def test_a_body_that_is_long_because_it_came_long_is_decoded():
    data = b"".join(b"%d %d\n" % (number, number * number) for number in range(2_000_000))
    assert len(data) > FREE_EXPANSION_BYTES
    assert sum(map(len, iterate_decoded(pieces(gzip.compress(data), 1 << 16), ("gzip",)))) == len(data)


def test_a_limit_of_the_caller_is_kept_when_streamed():
    with pytest.raises(ExpansionError, match="1,000 bytes"):
        list(iterate_decoded([CODED[("gzip",)]], ("gzip",), 1000))
    with pytest.raises(CodingError, match="too early"):
        list(iterate_decoded([CODED[("gzip",)][:-1]], ("gzip",), 1 << 20))


@pytest.mark.parametrize("codings", [("gzip",), ("deflate",), ("br",), ("zstd",)])
def test_a_wrong_label_shows_the_body_as_it_came(codings):
    decoded = decode([b"plain text, not coded"], codings, LIMIT)
    assert decoded.data == b"plain text, not coded"
    assert codings[0] in decoded.problem


@pytest.mark.parametrize("codings", [("gzip",), ("deflate",), ("br",), ("zstd",)])
def test_a_body_cut_short_gives_what_there_is(codings):
    coded = CODED[codings]
    decoded = decode([coded[: len(coded) - 6]], codings, LIMIT)
    assert decoded.problem
    assert TEXT.startswith(decoded.data) or decoded.data == coded[: len(coded) - 6]


def test_an_unknown_coding_is_named():
    decoded = decode([b"abc"], ("dcb",), LIMIT)
    assert decoded.data == b"abc"
    assert "dcb" in decoded.problem


@pytest.mark.parametrize("count", [6, 20_000])
def test_many_codings_on_top_of_each_other_are_not_undone(count):
    decoded = decode([b"abc"], ("gzip",) * count, LIMIT)
    assert decoded.data == b"abc"
    assert f"{count:,} codings" in decoded.problem
    assert len(decoded.problem) < 200


def test_lists_of_codings():
    assert parse_codings(" GZip , identity,br") == ("gzip", "br")
    assert parse_codings(b"") == ()


def test_an_empty_body_of_any_coding_is_empty():
    for codings in CODED:
        assert decode([], codings, LIMIT).data == b""


@given(st.binary(max_size=300), st.sampled_from(["gzip", "deflate", "br", "zstd", "x"]))
def test_any_bytes_decode_to_something(data, coding):
    decoded = decode([data], (coding,), 10_000)
    assert len(decoded.data) <= 10_000


SKIPPABLE = struct.pack("<II", 0x184D2A50, 0)  # RFC 8878 §3.1.2


@pytest.mark.parametrize(
    ("coding", "member"),
    [
        ("zstd", SKIPPABLE),
        ("zstd", SKIPPABLE[:4] + struct.pack("<I", 100) + bytes(100)),
        ("zstd", zstd.compress(b"")),
        ("zstd", zstd.compress(b"a")),
        ("gzip", gzipped(b"")),
        ("gzip", gzipped(b"a")),
    ],
)
def test_members_without_end_that_hold_nothing_are_given_up(coding, member):
    # Milliseconds; with a copy of the rest for each member it was half a minute, and with none of them given up minutes.
    body = member * (16_000_000 // len(member))
    decoded = decode(pieces(body, 1 << 20), (coding,), LIMIT)
    assert "more than 10,000 parts with next to nothing in them" in decoded.problem
    assert len(decoded.data) < 2 * FREE_MEMBERS or decoded.data == body[:LIMIT]


@pytest.mark.parametrize(("coding", "compress"), [("gzip", gzip.compress), ("zstd", zstd.compress)])
def test_any_number_of_members_that_hold_something_is_undone(coding, compress):
    count = FREE_MEMBERS + 1000
    member = compress(bytes(LEAST_MEMBER_BYTES))
    assert len(decode([member * count], (coding,), 16 * LIMIT).data) == count * LEAST_MEMBER_BYTES
    few = compress(b"") * (FREE_MEMBERS - 1) + compress(TEXT)
    assert decode([few], (coding,), LIMIT) == (TEXT, False, "")


def test_the_bodies_of_one_file_share_what_they_may_expand_to():
    expansion = Expansion(100)
    assert expansion.free_bytes() == 100
    expansion.take(size=60, wire_size=0)
    assert expansion.free_bytes() == 40
    expansion.take(size=1_000_000, wire_size=1_000_000)  # no more than its size should give
    assert expansion.free_bytes() == 40
    expansion.take(size=10_000, wire_size=1)
    assert expansion.free_bytes() == 0
