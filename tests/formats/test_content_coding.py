"""Codings undone, whole and in pieces, right and wrong, and never more than asked for."""

import gzip
import zlib

import brotli
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy_core.formats.content_coding import decode, decoded_length, parse_codings, zstd

TEXT = b"The quick brown fox. " * 500
RAW_DEFLATE = zlib.compressobj(wbits=-15)
CODED = {
    ("gzip",): gzip.compress(TEXT),
    ("x-gzip",): gzip.compress(TEXT[:50]) + gzip.compress(TEXT[50:]),
    ("deflate",): zlib.compress(TEXT),
    ("br",): brotli.compress(TEXT),
    ("zstd",): zstd.compress(TEXT),
    ("gzip", "br"): brotli.compress(gzip.compress(TEXT)),
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
    assert decoded_length(pieces(CODED[codings], size), codings) == len(TEXT)


def test_deflate_without_its_wrapper():
    raw = RAW_DEFLATE.compress(TEXT) + RAW_DEFLATE.flush()
    assert decode([raw], ("deflate",), LIMIT).data == TEXT


@pytest.mark.parametrize("codings", [key for key in CODED if key])
def test_a_limit_is_kept(codings):
    decoded = decode([CODED[codings]], codings, 1000)
    assert (decoded.data, decoded.is_truncated) == (TEXT[:1000], True)


@pytest.mark.parametrize(
    ("coding", "bomb"),
    [
        ("gzip", gzip.compress(bytes(200 << 20), 9)),
        ("br", brotli.compress(bytes(200 << 20), quality=5)),
        ("zstd", zstd.compress(bytes(200 << 20))),
    ],
)
def test_bombs_stop_at_the_limit(coding, bomb):
    assert len(bomb) < 1 << 20
    decoded = decode([bomb], (coding,), 1 << 20)
    assert (len(decoded.data), decoded.is_truncated) == (1 << 20, True)


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
    assert decoded_length([b"abc"], ("gzip",) * count) is None


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
