"""The fields of a message without its pseudo-fields: their grammar, and those that mean something to a proxy.

Whatever comes out of here has names that are lower-case tokens, values without control characters and without blanks
around them, nothing that belongs to a connection, and one reading of its length (RFC 9113 §8.2). Sections that come
again are read once: a page's requests, or a program's, have the same fields behind another path.
"""

import re
from functools import lru_cache

import msgspec

from proxy_core.protocols.http1.fields import MalformedError, shown
from proxy_core.protocols.http2.hpack import Fields

NO_LENGTH = -1
LONGEST_CACHED_SECTION = 4096  # bytes, as in HTTP/1

# Names and values with a NUL behind each. None of them may hold one, so the count of NULs proves that nothing hides.
_SECTION = re.compile(
    rb"(?:[-!#$%&'*+.^_`|~0-9a-z]++\x00(?![ \t])[\t\x20-\x7e\x80-\xff]*+(?<![ \t])\x00)*+",
)
_NAME = re.compile(rb"[-!#$%&'*+.^_`|~0-9a-z]++")
_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_DIGITS = re.compile(rb"[0-9]{1,19}")
_LARGEST_LENGTH = 2**63 - 1  # what every reader behind us can hold
# RFC 9113 §8.2.2; the last goes with the upgrade to h2c.
_OF_CONNECTION = frozenset(
    (b"connection", b"proxy-connection", b"keep-alive", b"transfer-encoding", b"upgrade", b"http2-settings")
)
_SPECIAL = _OF_CONNECTION | frozenset(
    (
        b"authorization",
        b"content-length",
        b"content-type",
        b"expect",
        b"host",
        b"max-forwards",
        b"te",
        b"www-authenticate",
    )
)
_OVERHEAD_BYTES = 32  # RFC 9113 §6.5.2: what a field counts beyond its name and value


class FieldSection(msgspec.Struct, frozen=True, gc=False):
    """What the fields say; of those that a message may not have, or not so, a reader has been told by an error."""

    lines: bytes  # `name: value` with CRLF, for the record
    content_length: int  # NO_LENGTH when absent
    host: bytes | None
    expects: bytes  # lower case, b"" for nothing
    max_forwards: bytes
    content_type: bytes
    connection_auth: bool  # NTLM or Negotiate, in Authorization or WWW-Authenticate


def read_section(fields: Fields, begin: int) -> FieldSection:
    """Read the fields from number `begin` on. Raises MalformedError."""
    parts = [part for name, value, _ in fields[begin:] for part in (name, value)]
    parts.append(b"")
    text = b"\x00".join(parts)
    if text.count(b"\x00") != len(parts) - 1:
        raise _what_is_wrong(fields[begin:])
    if len(text) <= LONGEST_CACHED_SECTION:
        return _cached_section(text)
    return _read_section(text)


def list_bytes(fields: Fields) -> int:
    """The size of a field list as RFC 9113 §6.5.2 counts it."""
    return sum([len(name) + len(value) for name, value, _ in fields]) + _OVERHEAD_BYTES * len(fields)


def lines_of(fields: Fields) -> bytes:
    """The fields as text; a line end inside of a value is made visible, so that it begins no line."""
    lines = b"\r\n".join([b"%b: %b" % (name, value) for name, value, _ in fields])
    if lines.count(b"\n") == lines.count(b"\r") == max(0, len(fields) - 1):
        return lines + b"\r\n" if fields else b""
    return b"".join([b"%b: %b\r\n" % (_on_one_line(name), _on_one_line(value)) for name, value, _ in fields])


def _on_one_line(text: bytes) -> bytes:
    return text.replace(b"\r", b"\\r").replace(b"\n", b"\\n")


def _read_section(text: bytes) -> FieldSection:
    parts = text.split(b"\x00")
    names = parts[:-1:2]
    values = parts[1::2]
    if _SECTION.fullmatch(text) is None:
        raise _what_is_wrong(tuple((name, value, False) for name, value in zip(names, values, strict=True)))
    found: dict[bytes, bytes] = {}
    has_auth = False
    for name, value in zip(names, values, strict=True):
        if name not in _SPECIAL:
            continue
        if name in _OF_CONNECTION:
            raise MalformedError(f"The field «{shown(name)}» may not stand in HTTP/2.")
        if name == b"authorization" or name == b"www-authenticate":
            has_auth = has_auth or value.lower().startswith((b"ntlm", b"negotiate"))
            continue
        if name in found:
            _check_again(name, found[name], value)
        found[name] = value
    # RFC 9113 §8.2.2: TE may say nothing else.
    if found.get(b"te", b"trailers").lower() != b"trailers":
        raise MalformedError(f"The field «te» says more than «trailers»: «{shown(found[b'te'])}».")
    return FieldSection(
        b"".join([b"%b: %b\r\n" % pair for pair in zip(names, values, strict=True)]),
        _read_length(found[b"content-length"]) if b"content-length" in found else NO_LENGTH,
        found.get(b"host"),
        found.get(b"expect", b"").lower(),
        found.get(b"max-forwards", b""),
        found.get(b"content-type", b""),
        has_auth,
    )


_cached_section = lru_cache(maxsize=512)(_read_section)


def _check_again(name: bytes, first: bytes, value: bytes) -> None:
    """A field came a second time."""
    if name == b"content-length" and value != first:
        raise MalformedError("Content-Length stands there twice with different values.")
    if name == b"host":
        raise MalformedError("The request has more than one Host field.")
    if name in (b"expect", b"te") and value.lower() != first.lower():
        raise MalformedError(f"The field «{shown(name)}» stands there twice with different values.")


def _read_length(text: bytes) -> int:
    if _DIGITS.fullmatch(text) is None:
        raise MalformedError(f"Content-Length is not a number: «{shown(text)}».")
    length = int(text)
    if length > _LARGEST_LENGTH:
        raise MalformedError(f"Content-Length is too large: {shown(text)}.")
    return length


def _what_is_wrong(fields: Fields) -> MalformedError:
    for name, value, _ in fields:
        if name[:1] == b":":
            return MalformedError(f"The pseudo-field «{shown(name)}» stands where it may not.")
        if _NAME.fullmatch(name) is None:
            if _NAME.fullmatch(name.lower()) is not None:
                return MalformedError(f"A field name holds capital letters: «{shown(name)}».")
            if not name:
                return MalformedError("A field has no name.")
            return MalformedError(f"A field name holds a character that is not allowed: «{shown(name)}».")
        control = _CONTROL.search(value)
        if control is not None:
            return MalformedError(f"The value of {shown(name)} holds the control character 0x{control[0][0]:02x}.")
        if value.strip(b" \t") != value:
            return MalformedError(f"The value of {shown(name)} begins or ends with a blank.")
    return MalformedError("A field is malformed.")
