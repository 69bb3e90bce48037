"""Multipart bodies (RFC 2046 §5.1) taken apart, one level deep: what forms send (RFC 7578). Lenient, never raising.

A part inside a part stays one part, so depth costs nothing. A body that was cut off ends with the part that was cut.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from proxy_core.model.message_head import parse_fields, to_text
from proxy_core.model.resource_type import media_essence

_BOUNDARY = re.compile(r'[;\s]boundary\s*=\s*(?:"([^"]{1,200})"|([^\s;"]{1,200}))', re.IGNORECASE)
_HEAD_LIMIT_BYTES = 64 * 1024  # of a part's head that are looked at; those of forms have some hundred
_HEAD_END = re.compile(rb"\r?\n\r?\n")
_PARAMETER = re.compile(rb';\s*([^\s=;"]{1,40})\s*=\s*(?:"((?:[^"\\]|\\.)*+)"?|([^;]*+))', re.DOTALL)


class Part(NamedTuple):
    """One part. `name` and `file_name` are None where it gives none."""

    name: str | None
    file_name: str | None
    media_type: str
    data: bytes


def split_multipart(data: bytes, content_type: str) -> Iterator[Part]:
    """The parts in order; none when the content type names no boundary or the body doesn't hold it."""
    found = _BOUNDARY.search(content_type)
    if found is None:
        return
    boundary = re.escape((found[1] or found[2]).encode("utf-8", "replace"))
    begin = -1
    for delimiter in re.finditer(rb"^--" + boundary + rb"(--)?[ \t]*\r?$", data, re.MULTILINE):
        if begin >= 0:
            yield _part(data[begin : delimiter.start()].removesuffix(b"\n").removesuffix(b"\r"))
        if delimiter[1]:
            return
        begin = delimiter.end() + 1
    if 0 <= begin < len(data):
        yield _part(data[begin:])


def _part(raw: bytes) -> Part:
    if raw.startswith((b"\r\n", b"\n")):
        fields, content = b"", raw.removeprefix(b"\r").removeprefix(b"\n")
    elif (end := _HEAD_END.search(raw)) is not None:
        fields, content = raw[: end.start()], raw[end.end() :]
    else:
        fields, content = raw, b""
    name = file_name = None
    media_type = "text/plain"  # RFC 2046 §5.1
    for field, value in parse_fields(fields[:_HEAD_LIMIT_BYTES]):
        lower = field.lower()
        if lower == b"content-type":
            media_type = media_essence(value)
        elif lower == b"content-disposition":
            parameters = _parameters(value)
            name = parameters.get("name")
            file_name = parameters.get("filename")
    return Part(name, file_name, media_type, content)


def _parameters(value: bytes) -> dict[str, str]:
    plain: dict[str, str] = {}
    extended: dict[str, str] = {}
    for match in _PARAMETER.finditer(value):
        name = match[1].decode("latin-1").lower()
        if name.endswith("*"):  # RFC 8187: charset'language'percent-encoded
            coded = (match[3] or b"").strip().split(b"'", 2)[-1]
            extended.setdefault(name[:-1], to_text(unquote_to_bytes(coded)))
        elif match[2] is not None:
            # Browsers write a quote as %22 and leave backslashes (of Windows' paths) alone.
            plain.setdefault(name, to_text(match[2].replace(b'\\"', b'"')))
        else:
            plain.setdefault(name, to_text(match[3].strip()))
    return plain | extended
