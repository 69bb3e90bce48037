import json

import pytest

from proxy_core.formats.body_kind import BodyKind, body_kind


@pytest.mark.parametrize(
    ("content_type", "data", "kind"),
    [
        ("application/json", b"{}", BodyKind.JSON),
        ("application/problem+json", b"not json at all", BodyKind.JSON),
        ("text/json", b"[]", BodyKind.JSON),
        ("application/x-ndjson", b"{}\n{}", BodyKind.JSON),
        ("application/manifest+json", b"{}", BodyKind.JSON),
        ("text/html", b"", BodyKind.MARKUP),
        ("application/xhtml+xml", b"", BodyKind.MARKUP),
        ("text/xml", b"", BodyKind.MARKUP),
        ("application/atom+xml", b"", BodyKind.MARKUP),
        ("image/svg+xml", b"<svg/>", BodyKind.MARKUP),
        ("text/javascript", b"", BodyKind.SCRIPT),
        ("application/x-javascript", b"", BodyKind.SCRIPT),
        ("text/css", b"", BodyKind.STYLE),
        ("application/x-www-form-urlencoded", b"a=b", BodyKind.FORM),
        ("multipart/form-data", b"", BodyKind.MULTIPART),
        ("image/webp", b"anything", BodyKind.IMAGE),
        ("image/svg", b"<svg/>", BodyKind.MARKUP),
        ("image/png", b"\xef\xbb\xbf \n<?xml version='1.0'?><svg/>", BodyKind.MARKUP),
        ("text/plain", b"BMW, GIF8 and \x89PNG are text here", BodyKind.TEXT),
        ("text/plain", b'{"a": 1}', BodyKind.JSON),
        ("text/plain", b'\xef\xbb\xbf{"a": 1}', BodyKind.JSON),
        ("text/plain", b"[INFO] begun\n[INFO] ended [1]", BodyKind.TEXT),
        ("text/plain", b"\x00\x01", BodyKind.TEXT),
        ("text/event-stream", b"data: x\n\n", BodyKind.TEXT),
        ("application/octet-stream", b"\x89PNG\r\n", BodyKind.IMAGE),
        ("", b"GIF89a", BodyKind.IMAGE),
        ("", b"BM\x46\0\0\0\0\0\0\0\x36", BodyKind.IMAGE),
        ("", b"BMW", BodyKind.TEXT),
        ("", b"RIFF\x24\0\0\0WEBPVP8 ", BodyKind.IMAGE),
        ("", b"RIFF\x24\0\0\0WAVEfmt ", BodyKind.BINARY),
        ("", b"{}", BodyKind.JSON),
        ("", b" <a/>", BodyKind.MARKUP),
        ("", b"<?xml version='1.0'?><a/>", BodyKind.MARKUP),
        ("", b"\xef\xbb\xbf<a/>", BodyKind.MARKUP),
        ("", "Grüße".encode(), BodyKind.TEXT),
        ("", b"\xff\xfe\xfd\xfc\xfb", BodyKind.BINARY),
        ("", bytes(range(1, 30)), BodyKind.BINARY),
        ("application/wasm", b"\0asm", BodyKind.BINARY),
        ("font/woff2", b"wOF2\0\1", BodyKind.BINARY),
        ("no media type", b"text", BodyKind.TEXT),
    ],
)
def test_what_a_body_is(content_type, data, kind):
    assert body_kind(content_type, data) is kind


@pytest.mark.parametrize("essence", ["", "application/octet-stream", "text/plain"])
def test_json_of_any_length_is_recognised(essence):
    long = json.dumps([{"n": number} for number in range(2000)]).encode()
    assert len(long) > 8192
    assert body_kind(essence, long) is BodyKind.JSON


def test_a_text_cut_in_a_character_where_the_look_ends_is_a_text():
    assert body_kind("", b"x" * 4095 + "é".encode()) is BodyKind.TEXT
