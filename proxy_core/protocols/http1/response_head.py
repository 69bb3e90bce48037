"""A response's head: read as strictly as a person who debugs origins can bear, and rewritten for the client.

`read_response_head` is the only door. Where RFC 9112 lets a recipient be lenient and there is only one reading (folded
lines, blanks before a colon, no space behind the status, LF for every line end), the head is repaired and noted; where
two readers could disagree about where the message ends, it is refused.
"""

import re
from functools import lru_cache

import msgspec

from proxy_core.model.failure import FailureKind
from proxy_core.protocols.http1.fields import (
    BARE_LF,
    LONGEST_CACHED_SECTION,
    OF_UPGRADE,
    VALUE,
    FieldSection,
    MalformedError,
    is_connection_auth,
    list_members,
    read_content_length,
    require_chunked,
    shown,
    special_fields,
)
from proxy_core.protocols.http1.head import VERSIONS, HeadLimits, Http1ResponseHead
from proxy_core.protocols.part import CHUNKED, UNTIL_CLOSE

_STATUS_LINE = re.compile(rb"HTTP/1\.([0-9]) ([1-9][0-9]{2})(?:( )" + VALUE + rb"*+)?\r\n")
_SPECIAL = special_fields(
    b"connection",
    b"content-length",
    b"content-type",
    b"keep-alive",
    b"proxy-(?:connection|authenticate|authentication-info|authorization)",
    b"te",
    b"transfer-encoding",
    b"upgrade",
    b"www-authenticate",
)
_HOP_BY_HOP = frozenset(
    {b"connection", b"keep-alive", b"te", b"upgrade"}
    | {b"proxy-connection", b"proxy-authenticate", b"proxy-authentication-info", b"proxy-authorization"}
)
_KNOWN_OPTIONS = frozenset(
    {b"keep-alive", b"close", b"upgrade", b"te", b"connection", b"proxy-connection"}
    | {b"host", b"content-length", b"transfer-encoding"}
)
_NOTHING: frozenset[bytes] = frozenset()
_METHODS_WITH_RULES = (b"HEAD", b"CONNECT")


def check_status_line(line: bytes) -> None:
    """Raise MalformedError unless `line`, which ends in LF, is a status line; for heads that are still incomplete."""
    if _STATUS_LINE.fullmatch(line) is None and _STATUS_LINE.fullmatch(line[:-1] + b"\r\n") is None:
        raise _bad_status_line(line)


def check_response_start(store: bytes | bytearray, begin: int) -> None:
    """Raise MalformedError when a status line can't begin with these bytes."""
    start = bytes(store[begin : begin + 7])
    if not b"HTTP/1.".startswith(start):
        raise _bad_status_line(bytes(store[begin : begin + 80]))


def read_response_head(raw: bytes, method: bytes, limits: HeadLimits) -> Http1ResponseHead:
    """Read a whole head, ending with its empty line, that answers a request with `method`. Raises MalformedError."""
    text, had_bare_lf = raw, False
    line = _STATUS_LINE.match(raw)
    if line is None:
        # RFC 9112 §2.2: a recipient may take a single LF for a line end. We do where the whole head is so.
        text, had_bare_lf = BARE_LF.sub(b"\r\n", raw), True
        line = _STATUS_LINE.match(text)
        if line is None or b"\r" in raw:
            raise _bad_status_line(raw[: raw.index(b"\n") + 1])
    minor = 0 if line[1] == b"0" else 1
    status = int(line[2])
    section = text[line.end() :]
    read = _read_fields if len(section) <= LONGEST_CACHED_SECTION else _read_fields.__wrapped__
    fields = read(section, method if method in _METHODS_WITH_RULES else b"", status, minor, limits.fields)
    notes = fields.notes
    if had_bare_lf:
        notes = "\n".join(filter(None, ("The lines of the head ended with a bare LF.", notes)))
    start_line = _start_line(line)
    is_unchanged = start_line is None and fields.forward == section
    forward = text if is_unchanged else (start_line or line[0]) + fields.forward
    return Http1ResponseHead(
        raw,
        status,
        minor,
        fields.body_length,
        fields.persists,
        forward,
        fields.content_type,
        fields.connection_auth,
        fields.upgrade,
        notes,
        VERSIONS[minor],
    )


class _ResponseFields(msgspec.Struct, frozen=True, gc=False):
    """What the field lines of a response say, together with its status."""

    body_length: int
    persists: bool
    forward: bytes  # the field lines to send on, with the empty line
    content_type: bytes
    connection_auth: bool
    upgrade: bytes
    notes: str


@lru_cache(maxsize=256)
def _read_fields(section: bytes, method: bytes, status: int, minor: int, limit: int) -> _ResponseFields:
    """Read the field lines behind the status line; `method` is b"" where none of the rules here ask for it.

    Remembered for what answers in the same words again: polling, health checks, cache revalidation, load tests.
    """
    fields = FieldSection(section, _SPECIAL, strip_names=True)
    if fields.has_more_than(limit):
        raise MalformedError(
            f"The response has more than {limit} header fields.", kind=FailureKind.HTTP_RESPONSE_HEADER_SECTION_SIZE
        )
    found = fields.found
    options = list_members(found[b"connection"]) if b"connection" in found else _NOTHING
    body_length = _read_framing(method, status, minor, fields)
    upgrade = _edit_hop_by_hop(fields, status, options)
    # RFC 9112 §9.3: an HTTP/1.0 origin has to say that the connection stays.
    persists = b"close" not in options if minor else b"keep-alive" in options
    if status == 204 and b"transfer-encoding" in found:
        persists = False  # some origins do send the last chunk, and it may come late
    return _ResponseFields(
        body_length,
        persists and body_length != UNTIL_CLOSE,
        fields.rewritten(),
        fields.spelled(found[b"content-type"][0]) if b"content-type" in found else b"",
        b"www-authenticate" in found and is_connection_auth(found[b"www-authenticate"]),
        upgrade,
        "\n".join(fields.notes),
    )


def _start_line(line: re.Match[bytes]) -> bytes | None:
    """The status line to send, None for the one that came."""
    if line[1] == b"1" and line[3] is not None:
        return None
    rest = line[0][8:-2]
    return b"HTTP/1.1" + rest + (b"\r\n" if line[3] is not None else b" \r\n")


def _bad_status_line(line: bytes) -> MalformedError:
    return MalformedError(f"The origin did not answer in HTTP/1: «{shown(line.rstrip())}».")


def _read_framing(method: bytes, status: int, minor: int, fields: FieldSection) -> int:
    """RFC 9112 §6.3, the response's side."""
    lengths = fields.found.get(b"content-length")
    codings = fields.found.get(b"transfer-encoding")
    if status < 200 or status == 204 or (method == b"CONNECT" and status < 300):
        # RFC 9112 §6.1, RFC 9110 §8.6 and §9.3.6: neither field may stand here, and neither means anything.
        if lengths is not None:
            fields.cut(lengths)
        if codings is not None:
            fields.cut(codings)
            fields.notes.append("Transfer-Encoding may not stand here and was removed.")
        return 0
    length = UNTIL_CLOSE
    if codings is not None:
        if lengths is not None:
            raise MalformedError("The response has both Content-Length and Transfer-Encoding.")
        if minor == 0:
            raise _bad_coding("An HTTP/1.0 response can't have a Transfer-Encoding.")
        try:
            require_chunked(fields, codings)
        except MalformedError as error:
            raise _bad_coding(error.text) from None
        length = CHUNKED
    elif lengths is not None:
        length = read_content_length(fields, lengths)
    return 0 if method == b"HEAD" or status == 304 else length


def _bad_coding(text: str) -> MalformedError:
    return MalformedError(text, kind=FailureKind.HTTP_RESPONSE_TRANSFER_CODING)


def _edit_hop_by_hop(fields: FieldSection, status: int, options: frozenset[bytes]) -> bytes:
    """Remove what concerns only the origin and us; return the protocols that a kept Upgrade names."""
    found = fields.found
    upgrade = b""
    # RFC 9110 §7.8: an offer of other protocols is for us alone; a 101 and a 426 answer what the client asked.
    if status in (101, 426) and b"upgrade" in found:
        upgrade = b", ".join(map(fields.spelled, found[b"upgrade"]))
        fields.keep_upgrade(upgrade)
    for name, matches in found.items():
        if name in _HOP_BY_HOP and not (upgrade and name in OF_UPGRADE):
            fields.cut(matches)
    if not options <= _KNOWN_OPTIONS:
        fields.cut_named(options - _KNOWN_OPTIONS)
    return upgrade
