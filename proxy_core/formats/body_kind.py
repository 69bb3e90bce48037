"""What a body is: told by its media type and, where that tells little, by its first bytes. Nothing of it is run."""

from enum import Enum

import msgspec

from proxy_core.formats.json_text import looks_like_json
from proxy_core.formats.picture import picture_head

SNIFFED_BYTES = 4096
_CHECKED_AS_JSON_BYTES = 16 * 1024 * 1024  # of a text that doesn't say what it is: a twentieth of a second
_ENDS_BYTES = 64  # at either end, in which a text shows its brackets


class BodyKind(Enum):
    """What a body is, as far as showing and writing it goes."""

    JSON = "json"
    MARKUP = "markup"
    SCRIPT = "script"
    STYLE = "style"
    FORM = "form"
    MULTIPART = "multipart"
    IMAGE = "image"
    TEXT = "text"
    BINARY = "binary"


def body_kind(essence: str, data: bytes) -> BodyKind:
    """What a body is, by its media type and, where that tells little, by its first bytes."""
    if essence.endswith(("/json", "+json")) or essence == "application/x-ndjson":
        return BodyKind.JSON
    if essence in ("text/html", "text/xml", "application/xml") or essence.endswith("+xml"):
        return BodyKind.MARKUP
    if essence.endswith(("javascript", "ecmascript")):
        return BodyKind.SCRIPT
    if essence == "text/css":
        return BodyKind.STYLE
    if essence == "application/x-www-form-urlencoded":
        return BodyKind.FORM
    if essence.startswith("multipart/"):
        return BodyKind.MULTIPART
    if essence.startswith("image/"):
        return BodyKind.MARKUP if _is_markup(data) else BodyKind.IMAGE
    if essence.startswith("text/"):
        return BodyKind.JSON if _is_json(data) else BodyKind.TEXT
    return _sniffed(data)


def _sniffed(data: bytes) -> BodyKind:
    if picture_head(data) is not None:
        return BodyKind.IMAGE
    start = data[:SNIFFED_BYTES]
    if b"\0" in start or sum(byte < 9 or 13 < byte < 32 for byte in start) > len(start) // 20:
        return BodyKind.BINARY
    try:
        text = start.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(start) - 4:
            return BodyKind.BINARY
        text = start[: error.start].decode("utf-8")
    if looks_like_json(_ends(data)):
        return BodyKind.JSON
    return BodyKind.MARKUP if text.lstrip("\ufeff \t\r\n")[:1] == "<" else BodyKind.TEXT


def _is_markup(data: bytes) -> bool:
    """Whether a picture is SVG under some other name: it is shown as what it is, a text."""
    return data.removeprefix(b"\xef\xbb\xbf").lstrip(b" \t\r\n")[:1] == b"<"


def _is_json(data: bytes) -> bool:
    """Whether a text that says it is none is JSON all the same: a log may begin and end with brackets too."""
    if len(data) > _CHECKED_AS_JSON_BYTES or not looks_like_json(_ends(data)):
        return False
    try:
        msgspec.json.decode(data.removeprefix(b"\xef\xbb\xbf"), type=msgspec.Raw)  # checked, and nothing made of it
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True


def _ends(data: bytes) -> str:
    data = data.removeprefix(b"\xef\xbb\xbf")
    return (data[:_ENDS_BYTES] + data[-_ENDS_BYTES:]).decode("latin-1")
