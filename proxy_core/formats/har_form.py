"""A request body from the `params` that an entry tells instead of its text."""

import re
from typing import Any
from urllib.parse import quote, quote_plus

from proxy_core.formats.har_values import as_dicts, as_text

_BOUNDARY = re.compile(r"""boundary\s*=\s*"?([^\s;"]{1,200})""", re.IGNORECASE)
_ENCODED = re.compile(r"(?:[A-Za-z0-9*\-._~+!'(),/:;?@$]|%[0-9A-Fa-f]{2})*")  # what browsers leave of a coded value
_ESCAPE = re.compile(r"%[0-9A-Fa-f]{2}")


def body_of_params(params: object, media_type: str) -> bytes:
    """The body that a form with these would have; a file that was only named has no content."""
    fields = as_dicts(params)
    if not fields:
        return b""
    if media_type.lower().startswith("multipart/") and (boundary := _BOUNDARY.search(media_type)):
        return _multipart(fields, boundary[1])
    pairs = [(as_text(each.get("name")), as_text(each.get("value"))) for each in fields]
    # Chrome writes them percent-encoded, the specification means them decoded: a writer does either with all of them.
    words = [word for pair in pairs for word in pair]
    is_encoded = all(_ENCODED.fullmatch(word) for word in words) and any(_ESCAPE.search(word) for word in words)
    encode = _kept if is_encoded else _encoded
    return "&".join(f"{encode(name)}={encode(value)}" for name, value in pairs).encode("ascii")


def _kept(text: str) -> str:
    return text


def _encoded(text: str) -> str:
    return quote_plus(text, errors="replace")


def _multipart(fields: list[dict[str, Any]], boundary: str) -> bytes:
    """RFC 7578, with names escaped as browsers do it."""
    lines: list[str] = []
    for each in fields:
        disposition = f'form-data; name="{_quoted(as_text(each.get("name")))}"'
        if file_name := as_text(each.get("fileName")):
            disposition += f'; filename="{_quoted(file_name)}"'
        lines += [f"--{boundary}", f"Content-Disposition: {disposition}"]
        if content_type := as_text(each.get("contentType")):
            lines.append(f"Content-Type: {' '.join(content_type.splitlines())}")
        lines += ["", as_text(each.get("value"))]
    return "\r\n".join([*lines, f"--{boundary}--", ""]).encode("utf-8", "replace")


def _quoted(text: str) -> str:
    return re.sub('["\r\n]', lambda found: quote(found[0]), text)
