"""Fields for HTTP/2 from heads of whichever protocol. An HTTP/2 head keeps its own, in their order, as they came."""

import msgspec

from proxy_core.model.endpoint import authority_text
from proxy_core.model.message_head import parse_fields, parse_head
from proxy_core.model.ways_in import Origin
from proxy_core.protocols.http1.fields import shown
from proxy_core.protocols.http1.head import Http1RequestHead, Http1ResponseHead
from proxy_core.protocols.http2.head import Http2RequestHead, Http2ResponseHead
from proxy_core.protocols.http2.hpack import Field, Fields
from proxy_core.protocols.part import RequestHead, ResponseHead
from proxy_core.protocols.trailers import sent_trailers

# RFC 9113 §8.2.2: they speak of a connection, and HTTP/2 has none of that kind; Host is `:authority` here (§8.3.1).
_OF_CONNECTION = frozenset(
    (b"connection", b"proxy-connection", b"keep-alive", b"transfer-encoding", b"upgrade", b"http2-settings")
)
# RFC 7541 §7.1.3: what is worth guessing must not be put into a table that others' fields are packed with.
_NEVER_INDEXED = frozenset((b"authorization", b"proxy-authorization"))
_SHORT_COOKIE_BYTES = 20  # RFC 7541 §7.1.3 leaves the measure to us; nghttp2 has the same


def request_at(head: Http2RequestHead, origin: Origin) -> Http2RequestHead:
    """The request as though it had named this origin; the record keeps what it did name."""
    named = b""
    fields: list[Field] = []
    for field in head.fields:
        name, value, _ = field
        if name == b":scheme":
            field = (name, origin.scheme.encode("ascii"), False)
        elif name == b":authority":
            named = value
            continue
        elif name == b"host":  # RFC 9113 §8.3.1: it would have to say the same
            named = named or value
            continue
        fields.append(field)
    authority = origin.authority.encode("ascii")
    fields.insert(1, (b":authority", authority, False))
    notes = head.notes
    if named.lower() != authority:
        remark = f"The client's Host, «{shown(named)}», became the origin's."
        notes = f"{notes}\n{remark}" if notes else remark
    return msgspec.structs.replace(
        head, scheme=origin.scheme, host=origin.host, port=origin.port, fields=tuple(fields), notes=notes
    )


def request_fields(head: RequestHead) -> Fields:
    """What opens a stream for this request."""
    if isinstance(head, Http2RequestHead):
        return head.fields if head.max_forwards < 0 else _one_hop_further(head)
    authority = authority_text(head.scheme, head.host, head.port).encode("utf-8")
    text = head.forward if isinstance(head, Http1RequestHead) else head.raw
    fields: list[tuple[bytes, bytes, bool]] = [(b":method", head.method, False)]
    if head.method == b"CONNECT":  # RFC 9113 §8.5
        fields.append((b":authority", head.origin_target, False))
    else:
        # The authority of a target in absolute form counts, and that of whom a place stands for: `forward` has it.
        named = parse_head(text).value(b"host") or authority
        fields.append((b":scheme", head.scheme.encode("ascii"), False))
        fields.append((b":authority", named, False))
        fields.append((b":path", head.origin_target, False))
    fields += _without_connection(text, leaves_out=b"host")
    if text is not head.raw and head.method != b"CONNECT" and head.version != "HTTP/1.0":
        # RFC 9110 §10.1.4: `forward` hasn't what a client says of trailers to its next hop alone; we do pass them on.
        fields += _translated([field for field in parse_head(head.raw).fields if field[0].lower() == b"te"])[:1]
    return tuple(fields)


def _one_hop_further(head: Http2RequestHead) -> Fields:
    """RFC 9110 §7.6.2: what is left of Max-Forwards behind us."""
    left = (b"max-forwards", b"%d" % (head.max_forwards - 1), False)
    return tuple(left if field[0] == b"max-forwards" else field for field in head.fields)


def response_fields(head: ResponseHead) -> Fields:
    """The head of this response."""
    if isinstance(head, Http2ResponseHead):
        return head.fields
    text = head.forward if isinstance(head, Http1ResponseHead) else head.raw
    return ((b":status", b"%d" % head.status, False), *_without_connection(text))


def trailer_fields(raw: bytes) -> Fields:
    """Trailers from raw field lines: those that may be sent on."""
    return tuple(_translated(parse_fields(sent_trailers(raw))))


def _without_connection(raw: bytes, leaves_out: bytes = b"") -> list[tuple[bytes, bytes, bool]]:
    fields = parse_head(raw).fields
    named = {
        option.strip().lower()
        for name, value in fields
        if name.lower() == b"connection"
        for option in value.split(b",")
    }
    return [field for field in _translated(fields) if field[0] not in named and field[0] != leaves_out]


def _translated(fields: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes, bool]]:
    translated = []
    for spelled, value in fields:
        name = spelled.lower()
        if name in _OF_CONNECTION or name.startswith(b":"):
            continue
        if name == b"te":
            if b"trailers" not in value.lower():
                continue
            value = b"trailers"
        is_secret = name in _NEVER_INDEXED or (name == b"cookie" and len(value) < _SHORT_COOKIE_BYTES)
        translated.append((name, value, is_secret))
    return translated
