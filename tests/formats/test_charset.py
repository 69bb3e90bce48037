"""Which characters bytes are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy_core.formats.charset import charset_of, to_text


@pytest.mark.parametrize(
    ("data", "content_type", "text"),
    [
        ("Grüße".encode(), "text/plain", "Grüße"),
        ("Grüße".encode("latin-1"), "text/plain; charset=ISO-8859-1", "Grüße"),
        ("Grüße".encode("cp1252"), 'text/plain; charset="windows-1252"', "Grüße"),
        ("日本".encode("shift_jis"), "text/html; charset=Shift_JIS", "日本"),
        (b"\xef\xbb\xbfmark", "text/plain; charset=latin-1", "mark"),
        ("wide".encode("utf-16"), "text/plain", "wide"),
        ('<meta charset="gb2312">中文'.encode("gb2312"), "text/html", '<meta charset="gb2312">中文'),
        ('<?xml version="1.0" encoding="iso-8859-2"?>ł'.encode("iso-8859-2"), "", None),
        (b"plain", "text/plain; charset=no-such-thing", "plain"),
        (b"", "", ""),
    ],
)
def test_declared_and_marked(data, content_type, text):
    found, _ = to_text(data, content_type)
    assert found == text if text is not None else found.endswith("ł")


def test_utf8_cut_in_a_character_is_still_utf8():
    assert charset_of("Grüße, ganz viele".encode()[:4]) == "utf-8"


@given(st.binary(max_size=200), st.text(max_size=30))
def test_any_bytes_are_some_text(data, parameter):
    text, name = to_text(data, f"text/plain; charset={parameter}")
    assert isinstance(text, str)
    assert name


@pytest.mark.parametrize("name", ["hex", "base64", "rot13", "utf-7", "idna", "zlib"])
def test_codecs_that_are_no_charsets_are_not_used(name):
    assert charset_of(b"abc", f"text/plain; charset={name}") == "utf-8"
