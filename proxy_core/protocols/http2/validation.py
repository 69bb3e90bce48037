"""Is this list of fields a message (RFC 9113 §8.2, §8.3, and what RFC 9110 asks beyond), and what does it say?

The only door through which heads and trailers come. What it lets through has one reading, also in the HTTP/1 that it
may be translated to: a target without blanks, one authority, one length, no field that could be two. What it refuses
it names in a sentence; then the message is malformed, and costs its stream but not the connection.
"""

import re

from proxy_core.model.endpoint import DEFAULT_PORTS
from proxy_core.protocols.http1.fields import MalformedError, shown
from proxy_core.protocols.http1.target import NO_PORT, read_authority
from proxy_core.protocols.http2.field_section import NO_LENGTH, FieldSection, lines_of, read_section
from proxy_core.protocols.http2.head import VERSION, Http2RequestHead, Http2ResponseHead
from proxy_core.protocols.http2.hpack import Fields
from proxy_core.protocols.part import CHUNKED

_TOKEN = re.compile(rb"[-!#$%&'*+.^_`|~0-9A-Za-z]++")
_PATH = re.compile(rb"/[^\x00-\x20\x7f]*+")
_STATUS = re.compile(rb"[1-9][0-9]{2}")
_HOPS = re.compile(rb"[0-9]{1,9}")
_SCHEMES = {b"http": "http", b"https": "https"}
_NO_CONTENT = (204, 304)
_REFUSED_BYTES = 16 * 1024
_NOT_ASCII = "The request target holds bytes that are not ASCII."


def read_request_head(fields: Fields, *, is_end: bool, may_extend: bool) -> Http2RequestHead:
    """A request's head from its fields. Raises MalformedError.

    `is_end`: no body follows. `may_extend`: the client was told that extended CONNECT is understood (RFC 8441 §3).
    """
    method = scheme = authority = path = protocol = None
    count = 0
    for name, value, _ in fields:
        if name[:1] != b":":
            break
        count += 1
        # RFC 9113 §8.3: each once at the most, and none but these.
        if name == b":method" and method is None:
            method = value
        elif name == b":path" and path is None:
            path = value
        elif name == b":authority" and authority is None:
            authority = value
        elif name == b":scheme" and scheme is None:
            scheme = value
        elif name == b":protocol" and protocol is None and may_extend:
            protocol = value
        else:
            raise _wrong_pseudo_field(name, fields[:count])
    if method is None:
        raise MalformedError("The request has no «:method».")
    section = read_section(fields, count)
    if _TOKEN.fullmatch(method) is None:
        raise MalformedError(f"«:method» is not a method: «{shown(method)}».")
    pseudo = b"".join([b"%b: %b\r\n" % (name, value) for name, value, _ in fields[:count]])
    if method == b"CONNECT" and protocol is None:
        return _tunnel_request(fields, pseudo, section, scheme, authority, path)
    known_scheme = _read_scheme(scheme)
    path = _read_path(path, method)
    host, port = _read_destination(known_scheme, authority, section.host)
    if protocol is not None:
        _check_protocol(protocol, method, authority)
    length = _request_length(section, method, is_end=is_end)
    return Http2RequestHead(
        b"%b %b HTTP/2\r\n%b%b\r\n" % (method, path, pseudo, section.lines),
        method,
        known_scheme,
        host,
        port,
        path,
        length,
        _expects_continue(section) and length != 0,
        protocol or b"",
        _max_forwards(section, method),
        "" if path.isascii() else _NOT_ASCII,
        VERSION,
        protocol or b"",
        fields,
    )


def read_response_head(fields: Fields, method: bytes, *, is_end: bool) -> Http2ResponseHead:
    """The head of a response, interim ones too, to a request with `method`. Raises MalformedError."""
    if not fields or fields[0][0] != b":status":
        raise MalformedError("The response does not begin with «:status».")
    text = fields[0][1]
    if _STATUS.fullmatch(text) is None:
        raise MalformedError(f"«:status» is not a status: «{shown(text)}».")
    status = int(text)
    section = read_section(fields, 1)
    if status < 200:
        if status == 101:
            raise MalformedError("A response has the status 101, which HTTP/2 does not know.")  # RFC 9113 §8.6
        if is_end:
            raise MalformedError(f"The response ends after an interim head ({status}).")
    return Http2ResponseHead(
        b"HTTP/2 %b\r\n:status: %b\r\n%b\r\n" % (text, text, section.lines),
        status,
        _response_length(section, status, method, is_end=is_end),
        section.content_type,
        section.connection_auth,
        b"",
        "",
        VERSION,
        fields,
    )


def read_trailers(fields: Fields) -> bytes:
    """Trailers as text. Raises MalformedError; RFC 9113 §8.1: also for pseudo-fields."""
    return read_section(fields, 0).lines


def refused_text(fields: Fields, *, is_response: bool = False) -> bytes:
    """What is kept of a head that is refused. A block may be thousands of times smaller than its fields."""
    kept = 0
    for count, (name, value, _) in enumerate(fields):
        kept += len(name) + len(value)
        if kept > _REFUSED_BYTES:
            return raw_text(fields[:count], is_response=is_response) + b"[%d more fields]\r\n" % (len(fields) - count)
    return raw_text(fields, is_response=is_response)


def raw_text(fields: Fields, *, is_response: bool = False) -> bytes:
    """The text of a head, for the record; of one that is malformed, as `raw` of a good one as far as that goes."""
    values: dict[bytes, bytes] = {}
    for name, value, _ in fields:
        values.setdefault(name, value)
    if is_response or b":status" in values:
        start = b"HTTP/2 " + values.get(b":status", b"")
    else:
        target = values.get(b":path", values.get(b":authority", b""))
        start = b"%b %b HTTP/2" % (values.get(b":method", b""), target)
    return b"%b\r\n%b\r\n" % (start.replace(b"\r", b"\\r").replace(b"\n", b"\\n"), lines_of(fields))


def _wrong_pseudo_field(name: bytes, so_far: Fields) -> MalformedError:
    if name in [other for other, _, _ in so_far[:-1]]:
        return MalformedError(f"The pseudo-field «{shown(name)}» stands there twice.")
    if name == b":protocol":
        return MalformedError("The request is an extended CONNECT, which was not offered.")
    return MalformedError(f"There is no pseudo-field «{shown(name)}» in a request.")


def _read_scheme(scheme: bytes | None) -> str:
    if scheme is None:
        raise MalformedError("The request has no «:scheme».")
    known = _SCHEMES.get(scheme.lower())
    if known is None:
        raise MalformedError(f"Harrier can't fetch URLs of the scheme «{shown(scheme)}», only http and https.")
    return known


def _read_path(path: bytes | None, method: bytes) -> bytes:
    if path is None:
        raise MalformedError("The request has no «:path».")
    if _PATH.fullmatch(path) is None and not (path == b"*" and method == b"OPTIONS"):
        raise MalformedError(f"«:path» is not a path: «{shown(path)}».")
    return path


def _read_destination(scheme: str, authority: bytes | None, host_field: bytes | None) -> tuple[str, int]:
    """RFC 9113 §8.3.1: from «:authority», or from Host where that is missing; both must name the same."""
    default = DEFAULT_PORTS[scheme]
    if authority is None:
        if host_field is None:
            raise MalformedError("The request names no host.")
        authority = host_field
        host_field = None
    host, port = read_authority(authority)
    if port == NO_PORT:
        port = default
    if host_field is not None and host_field != authority:
        other_host, other_port = read_authority(host_field)
        if (other_host, default if other_port == NO_PORT else other_port) != (host, port):
            raise MalformedError(f"Host differs from «:authority»: «{shown(host_field)}».")
    return host, port


def _tunnel_request(
    fields: Fields,
    pseudo: bytes,
    section: FieldSection,
    scheme: bytes | None,
    authority: bytes | None,
    path: bytes | None,
) -> Http2RequestHead:
    """RFC 9113 §8.5: CONNECT has an authority with its port, and neither scheme nor path."""
    if scheme is not None or path is not None:
        raise MalformedError("A CONNECT request may have neither «:scheme» nor «:path».")
    if authority is None:
        raise MalformedError("The CONNECT request has no «:authority».")
    host, port = read_authority(authority)
    if port == NO_PORT:
        raise MalformedError(f"The CONNECT target names no port: «{shown(authority)}».")
    if section.content_length > 0:
        raise MalformedError("A CONNECT request can't have a body.")
    return Http2RequestHead(
        b"CONNECT %b HTTP/2\r\n%b%b\r\n" % (authority, pseudo, section.lines),
        b"CONNECT",
        "",
        host,
        port,
        authority,
        0,
        False,
        b"",
        -1,
        "",
        VERSION,
        b"",
        fields,
    )


def _check_protocol(protocol: bytes, method: bytes, authority: bytes | None) -> None:
    """RFC 8441 §4."""
    if method != b"CONNECT":
        raise MalformedError("A request that is no CONNECT has a «:protocol».")
    if authority is None:
        raise MalformedError("The CONNECT request has no «:authority».")
    if _TOKEN.fullmatch(protocol) is None:
        raise MalformedError(f"«:protocol» is not a protocol: «{shown(protocol)}».")


def _request_length(section: FieldSection, method: bytes, *, is_end: bool) -> int:
    if is_end or method == b"CONNECT":
        if section.content_length > 0:
            raise MalformedError(f"The request has no body, but a Content-Length of {section.content_length}.")
        return 0
    return CHUNKED if section.content_length == NO_LENGTH else section.content_length


def _response_length(section: FieldSection, status: int, method: bytes, *, is_end: bool) -> int:
    if method == b"HEAD" or status < 200 or status in _NO_CONTENT or (method == b"CONNECT" and status < 300):
        return 0  # RFC 9113 §8.1.1: a length may stand there all the same
    if is_end:
        if section.content_length > 0:
            raise MalformedError(f"The response has no body, but a Content-Length of {section.content_length}.")
        return 0
    return CHUNKED if section.content_length == NO_LENGTH else section.content_length


def _expects_continue(section: FieldSection) -> bool:
    """RFC 9110 §10.1.1: there is no other expectation."""
    if section.expects and section.expects != b"100-continue":
        raise MalformedError(f"The request expects what Harrier can't do: «{shown(section.expects)}».", 417)
    return section.expects != b""


def _max_forwards(section: FieldSection, method: bytes) -> int:
    """RFC 9110 §7.6.2: it means something with TRACE and OPTIONS only."""
    if method not in (b"TRACE", b"OPTIONS") or _HOPS.fullmatch(section.max_forwards) is None:
        return -1
    return int(section.max_forwards)
