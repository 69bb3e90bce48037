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


@pytest.mark.parametrize("charset", ["utf-8", "utf-16", "utf-32", "cp1252", "shift_jis", "gb18030", "iso2022_jp", "hz"])
@given(st.binary(max_size=40), st.integers(0, 20_000))
def test_a_long_text_is_decoded_in_steps_as_at_once(charset, piece, times):
    data = piece * times
    used = charset_of(data, f"text/plain; charset={charset}")
    assert to_text(data, f"text/plain; charset={charset}") == (data.decode(used, "replace"), used.removesuffix("-sig"))


def test_decoding_is_given_up_when_its_checkpoint_says_so():
    class GivenUpError(Exception):
        pass

    def give_up() -> None:
        raise GivenUpError

    with pytest.raises(GivenUpError):
        to_text(b"\x81" * 10, "text/plain; charset=cp1252", give_up)
