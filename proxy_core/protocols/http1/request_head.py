"""A request's head: read strictly, and rewritten for the next hop.

`read_request_head` is the only door for a whole head. What it lets through has one reading: one Host, one framing, a
target that names one place. What it refuses it names in a sentence, with the status that RFC 9110 or 9112 demands.
"""

import re
from functools import lru_cache

import msgspec

from proxy_core.model.endpoint import DEFAULT_PORTS
from proxy_core.model.ways_in import Origin
from proxy_core.protocols.http1.fields import (
    LONGEST_CACHED_SECTION,
    OF_UPGRADE,
    TOKEN,
    FieldSection,
    MalformedError,
    Match,
    is_connection_auth,
    list_members,
    read_content_length,
    require_chunked,
    shown,
    special_fields,
)
from proxy_core.protocols.http1.head import VERSIONS, HeadLimits, Http1RequestHead
from proxy_core.protocols.http1.target import NO_PORT, Target, read_authority, read_target
from proxy_core.protocols.part import CHUNKED

_REQUEST_LINE = re.compile(rb"(" + TOKEN + rb"++) ([^\x00-\x20\x7f]++) HTTP/1\.([0-9])\r\n")
_ANY_VERSION = re.compile(rb".* HTTP/([0-9])\.[0-9]", re.DOTALL)
_START = re.compile(TOKEN + rb"++(?: |\Z)")
_METHOD = re.compile(TOKEN + rb"++")
_HOPS = re.compile(rb"[0-9]{1,9}")
_METHODS_WITH_RULES = (b"CONNECT", b"TRACE", b"OPTIONS")

_SPECIAL = special_fields(
    b"connection",
    b"content-length",
    b"expect",
    b"host",
    b"http2-settings",
    b"keep-alive",
    b"max-forwards",
    b"authorization",
    b"proxy-[^:]*+",
    b"te",
    b"transfer-encoding",
    b"upgrade",
)
# RFC 9110 §7.6.1; HTTP2-Settings belongs to the upgrade to h2c, which is never forwarded.
_HOP_BY_HOP = (b"connection", b"keep-alive", b"te", b"upgrade", b"http2-settings")
# What a Connection field may name without more to be done, and, in the second line, what it may never remove.
_KNOWN_OPTIONS = frozenset(
    {b"keep-alive", b"close", b"upgrade", b"te", b"http2-settings", b"connection", b"proxy-connection"}
    | {b"host", b"content-length", b"transfer-encoding", b"expect"}
)
_NOTHING: frozenset[bytes] = frozenset()


def check_request_line(line: bytes) -> None:
    """Raise MalformedError unless `line`, which ends in LF, is a request line; for heads that are still incomplete."""
    match = _REQUEST_LINE.fullmatch(line)
    if match is None:
        raise _bad_request_line(line)
    read_target(match[1], match[2])


def check_request_start(store: bytes | bytearray, begin: int) -> None:
    """Raise MalformedError when a request line can't begin with these bytes, of which there is one at least."""
    if _START.match(store, begin, begin + 32) is None:
        raise _bad_request_line(bytes(store[begin : begin + 80]) + b"\r\n")


class _RequestFields(msgspec.Struct, frozen=True, gc=False):
    """What the field lines of a request say, together with the target's authority."""

    scheme: str
    host: str
    port: int
    body_length: int
    closes: bool
    expects_continue: bool
    upgrade: bytes
    forward: bytes  # the field lines to send on, with the empty line
    connection_auth: bool
    max_forwards: int
    notes: str


def read_request_head(
    raw: bytes, default_scheme: str, default_authority: bytes, limits: HeadLimits, served: Origin | None = None
) -> Http1RequestHead:
    """Read a whole head (`raw` ends with its empty line). Raises MalformedError.

    Scheme and authority are those of requests that name none: inside an interception, those of the CONNECT. With
    `served`, a target that names no host is read as though it had named that origin.
    """
    line = _REQUEST_LINE.match(raw)
    if line is None:
        raise _bad_request_line(raw[: raw.index(b"\n") + 1])
    method, spelled_target, minor_digit = line.groups()
    target = read_target(method, spelled_target)
    served = None if target.host else served
    if served is not None:
        target = _read_at(served, target)
    minor = 0 if minor_digit == b"0" else 1
    section = raw[line.end() :]
    read = _read_fields if len(section) + len(target.authority) <= LONGEST_CACHED_SECTION else _read_fields.__wrapped__
    fields = read(
        section,
        method if method in _METHODS_WITH_RULES else b"",
        minor,
        target.scheme,
        target.authority,
        target.host,
        target.port,
        default_scheme,
        default_authority,
        limits.fields,
        served is not None,
    )
    notes = fields.notes if spelled_target.isascii() else _with_odd_target(fields.notes)
    if target.origin_target is not spelled_target or minor_digit != b"1":
        forward = b"%b %b HTTP/1.1\r\n%b" % (method, target.origin_target, fields.forward)
    elif fields.forward == section:
        forward = raw
    else:
        forward = line[0] + fields.forward
    return Http1RequestHead(
        raw,
        method,
        spelled_target,
        target.form,
        fields.scheme,
        fields.host,
        fields.port,
        target.origin_target,
        minor,
        fields.body_length,
        # RFC 9112 §9.3: a proxy doesn't keep a connection to an HTTP/1.0 client.
        minor == 1 and not fields.closes,
        fields.expects_continue,
        fields.upgrade,
        forward,
        fields.connection_auth,
        fields.max_forwards,
        notes,
        VERSIONS[minor],
    )


def _read_at(origin: Origin, target: Target) -> Target:
    authority = origin.authority.encode("ascii")
    return Target(target.form, origin.scheme, authority, origin.host, origin.port, target.origin_target)


@lru_cache(maxsize=256)
def _read_fields(
    section: bytes,
    method: bytes,
    minor: int,
    scheme: str,
    authority: bytes,
    host: str,
    port: int,
    default_scheme: str,
    default_authority: bytes,
    limit: int,
    is_served: bool,
) -> _RequestFields:
    """Read the field lines behind the request line; the four in the middle are the target's.

    What a browser fetches for a page, or a program asks again and again, has the same lines under another request line:
    hence the cache. `method` is b"" where none of the rules here ask for it.
    """
    fields = FieldSection(section, _SPECIAL, strip_names=False)
    if fields.has_more_than(limit):
        raise MalformedError(f"The request has more than {limit} header fields.", 431)
    found = fields.found
    target = scheme, authority, host, port
    destination = _read_destination(fields, minor, target, default_scheme, default_authority, is_served=is_served)
    body_length = _read_framing(method, fields, minor)
    expects_continue = b"expect" in found and _read_expectation(fields, found[b"expect"], minor)
    options = list_members(found[b"connection"]) if b"connection" in found else _NOTHING
    upgrade = _edit_hop_by_hop(fields, options, minor)
    max_forwards = _read_max_forwards(method, fields, found[b"max-forwards"]) if b"max-forwards" in found else -1
    return _RequestFields(
        *destination,
        body_length,
        b"close" in options,
        expects_continue and body_length != 0,
        upgrade,
        fields.rewritten(),
        b"authorization" in found and is_connection_auth(found[b"authorization"]),
        max_forwards,
        "\n".join(fields.notes),
    )


def _with_odd_target(notes: str) -> str:
    return "\n".join(filter(None, ("The request target holds bytes that are not ASCII.", notes)))  # it keeps them


def _bad_request_line(line: bytes) -> MalformedError:
    """What is wrong with a start line, which ends in LF."""
    if line[-2:] != b"\r\n":
        return MalformedError("A line ends with a bare LF instead of CRLF.")
    line = line[:-2]
    version = _ANY_VERSION.fullmatch(line)
    if version is not None and version[1] not in (b"0", b"1"):
        return MalformedError(f"The request is in HTTP/{shown(version[1])}, but Harrier speaks HTTP/1.1 here.", 505)
    method, _, rest = line.partition(b" ")
    if _METHOD.fullmatch(method) is None:
        return MalformedError(f"The request does not begin with a method: «{shown(line)}».")
    if b"HTTP/" not in rest:
        return MalformedError(f"The request line names no HTTP version: «{shown(line)}».")
    return MalformedError(f"The request line is malformed: «{shown(line)}».")


def _read_destination(
    fields: FieldSection,
    minor: int,
    target: tuple[str, bytes, str, int],
    default_scheme: str,
    default_authority: bytes,
    *,
    is_served: bool,
) -> tuple[str, str, int]:
    """Scheme, host and port; the Host field is put right. `target` has scheme, authority, host and port."""
    target_scheme, target_authority, target_host, target_port = target
    hosts = fields.found.get(b"host")
    if hosts is None:
        # RFC 9112 §3.2: an HTTP/1.1 request without Host is answered with 400.
        if minor:
            raise MalformedError("The request has no Host field.")
        authority = target_authority or default_authority
        if not authority:
            return default_scheme, "", DEFAULT_PORTS[default_scheme]
        fields.insert_before(None, b"Host: " + authority + b"\r\n")
    elif len(hosts) > 1:
        raise MalformedError("The request has more than one Host field.")
    else:
        authority = hosts[0][2].strip(b" \t")
    if not target_host:
        host, port = read_authority(authority)
        return default_scheme, host, DEFAULT_PORTS[default_scheme] if port == NO_PORT else port
    if hosts is not None and authority != target_authority.lower():
        # RFC 9112 §3.2.2: the target overrides Host, which is replaced; §3.2: so does the origin that we stand for.
        if is_served:
            fields.notes.append(f"The client's Host, «{shown(authority)}», became the origin's.")
        elif authority:
            host, port = read_authority(authority)
            if host != target_host or port not in (target_port, NO_PORT):
                fields.notes.append(f"Host differed from the target: «{shown(authority)}».")
        fields.replace_value(hosts[0], target_authority)
    return target_scheme, target_host, target_port


def _read_framing(method: bytes, fields: FieldSection, minor: int) -> int:
    """RFC 9112 §6.3, the request's side."""
    lengths = fields.found.get(b"content-length")
    codings = fields.found.get(b"transfer-encoding")
    if codings is not None:
        if lengths is not None:
            raise MalformedError("The request has both Content-Length and Transfer-Encoding.")
        if minor == 0:
            raise MalformedError("An HTTP/1.0 request can't have a Transfer-Encoding.")
        require_chunked(fields, codings)
        length = CHUNKED
    elif lengths is not None:
        length = read_content_length(fields, lengths)
    else:
        return 0
    if method == b"CONNECT" and length != 0:
        # RFC 9110 §9.3.6: no content; what follows is the tunnel's, and must not have two readings.
        raise MalformedError("A CONNECT request can't have a body.")
    return length


def _read_expectation(fields: FieldSection, matches: list[Match], minor: int) -> bool:
    """RFC 9110 §10.1.1: 100-continue is the only expectation that there is."""
    if any(member != b"100-continue" for member in list_members(matches)):
        raise MalformedError(f"The request expects what Harrier can't do: «{shown(matches[0][2].strip())}».", 417)
    # … and it is ignored in an HTTP/1.0 request, whose client could not understand a 100.
    fields.cut(matches if minor == 0 else matches[1:])
    return minor == 1


def _edit_hop_by_hop(fields: FieldSection, options: frozenset[bytes], minor: int) -> bytes:
    """Remove what concerns only the client and us; return the protocols that a kept Upgrade names."""
    found = fields.found
    upgrade = b""
    if b"upgrade" in options and b"upgrade" in found and minor:
        upgrade = _read_upgrade(fields, found[b"upgrade"])
    if upgrade:
        fields.keep_upgrade(upgrade)
    for name, matches in found.items():
        if (name in _HOP_BY_HOP and not (upgrade and name in OF_UPGRADE)) or name[:6] == b"proxy-":
            fields.cut(matches)
    if not options <= _KNOWN_OPTIONS:
        fields.cut_named(options - _KNOWN_OPTIONS)
    return upgrade


def _read_upgrade(fields: FieldSection, matches: list[Match]) -> bytes:
    parts = [part.strip(b" \t") for match in matches for part in fields.spelled(match).split(b",")]
    members = [part for part in parts if part]
    kept = [member for member in members if member.lower() not in (b"h2c", b"h2")]
    if len(kept) < len(members):
        # An origin that takes it would speak HTTP/2 with the client, unread by us (h2c smuggling).
        fields.notes.append("The upgrade to h2c was not forwarded.")
    elif len(matches) == 1:
        return fields.spelled(matches[0])
    return b", ".join(kept)


def _read_max_forwards(method: bytes, fields: FieldSection, matches: list[Match]) -> int:
    """RFC 9110 §7.6.2: it means something with TRACE and OPTIONS only, and is lowered by one."""
    text = matches[0][2].strip(b" \t")
    if method not in (b"TRACE", b"OPTIONS") or len(matches) > 1 or _HOPS.fullmatch(text) is None:
        return -1
    value = int(text)
    fields.replace_value(matches[0], b"%d" % max(0, value - 1))
    return value
