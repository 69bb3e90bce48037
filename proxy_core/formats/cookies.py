"""Cookies taken apart for display and HAR (RFC 6265). Lenient: what is no attribute is left out."""

from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import NamedTuple


class Cookie(NamedTuple):
    """A cookie as a field tells it."""

    name: str
    value: str
    path: str = ""
    domain: str = ""
    expires: str = ""  # ISO 8601, "" for none
    http_only: bool = False
    secure: bool = False
    same_site: str = ""


def parse_cookie(value: str) -> list[Cookie]:
    """The pairs of a Cookie field."""
    found = []
    for pair in value.split(";"):
        name, _, content = pair.strip().partition("=")
        if name:
            found.append(Cookie(name, content))
    return found


def parse_set_cookie(value: str) -> Cookie | None:
    """A Set-Cookie field; None when it has no name."""
    first, *attributes = value.split(";")
    name, _, content = first.strip().partition("=")
    if not name:
        return None
    known = {}
    for attribute in attributes:
        key, _, setting = attribute.strip().partition("=")
        known[key.strip().lower()] = setting.strip()
    return Cookie(
        name,
        content,
        path=known.get("path", ""),
        domain=known.get("domain", ""),
        expires=_iso(known.get("expires", "")),
        http_only="httponly" in known,
        secure="secure" in known,
        same_site=known.get("samesite", ""),
    )


def _iso(text: str) -> str:
    """An HTTP date as ISO 8601; Netscape's dashes are taken for blanks, what is no date for nothing."""
    if not text:
        return ""
    try:
        moment = parsedate_to_datetime(text.replace("-", " "))
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    except (ValueError, TypeError, IndexError, OverflowError):
        return ""
