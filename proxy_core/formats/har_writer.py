"""HAR 1.2, written as a stream: one entry after the other, and a large body in pieces within its entry.

What readers are strict about decides the form: no null anywhere, numbers where Chrome wants numbers, `pages` for
Firefox, `cache` for both, bare addresses, one Content-Type, absolute URLs without fragment, `ssl` within `connect`.
A body is text when it is UTF-8, and base64 otherwise, so that nobody guesses a charset twice.

The standard members tell of both messages what was received: the request as the client sent it, the response as it came
from the origin. What was sent on in their place, and all else that HAR has no place for, goes into `_harrier`, so that
an import by Harrier has the same exchange again, but for the content codings of its bodies and what else is known of
its client's connection.
"""

import codecs
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import msgspec

from proxy_core.formats.content_coding import CodingError, Expansion, codings_text, iterate_decoded, parse_codings
from proxy_core.formats.cookies import Cookie, parse_cookie, parse_set_cookie
from proxy_core.formats.har_messages import Messages, message_members
from proxy_core.formats.har_own import base64_pieces, own_facts
from proxy_core.formats.har_pairs import form_params, query_pairs
from proxy_core.formats.har_tls import security_details, told_tls
from proxy_core.formats.har_values import UNKNOWN_TYPE
from proxy_core.model.elapsed import timings_of
from proxy_core.model.endpoint import DEFAULT_PORTS, authority_text, bracketed
from proxy_core.model.exchange import (
    ConnectionRow,
    ExchangeDetail,
    ExchangeFlag,
    ExchangeRow,
    ExchangeState,
    ResourceType,
    relays_bytes,
)
from proxy_core.model.message_head import Field, MessageHead, parse_head, to_text
from proxy_core.model.message_record import MessageRecord
from proxy_core.model.message_row import MessageContent
from proxy_core.version import VERSION

INLINE_BYTES = 1 << 20  # a body up to this size is encoded with its entry, a larger one is streamed
DECODED_LIMIT_BYTES = 512 << 20  # V8 has no longer string: a HAR with one opens in no browser
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_GAP = msgspec.Raw(b"\0")  # stands for a streamed body while its entry is encoded: JSON itself never holds a NUL
_CHROME_TYPES = {
    ResourceType.DOCUMENT: "document",
    ResourceType.XHR: "xhr",
    ResourceType.SCRIPT: "script",
    ResourceType.STYLESHEET: "stylesheet",
    ResourceType.IMAGE: "image",
    ResourceType.FONT: "font",
    ResourceType.MEDIA: "media",
    ResourceType.WEBSOCKET: "websocket",
    ResourceType.OTHER: "other",
}
_FORM = "application/x-www-form-urlencoded"
_encode = msgspec.json.Encoder().encode

Chunks = Callable[[], Iterator[bytes]]  # a body as on the wire, again from its beginning at each call


def _no_bytes(_content: MessageContent) -> bytes:
    return b""


@dataclass(frozen=True, slots=True)
class HarSource:
    """All that an entry is made from."""

    row: ExchangeRow
    detail: ExchangeDetail
    upstream: ConnectionRow | None
    request_chunks: Chunks
    response_chunks: Chunks
    messages: Messages = field(default_factory=lambda: iter(()))
    message_bytes: Callable[[MessageContent], bytes] = _no_bytes
    expansion: Expansion = field(default_factory=Expansion)  # one for all entries of a file
    request_forwarded: Chunks | None = None  # the body that was sent on in the place of the received one, if any was
    response_forwarded: Chunks | None = None
    client: ConnectionRow | None = None
    tells_tls: bool = True  # no entry before tells of the upstream's connection


def har_begin() -> bytes:
    """What stands before the first entry; between entries stands a comma."""
    creator = _encode({"name": "Harrier", "version": VERSION})
    return b'{"log":{"version":"1.2","creator":' + creator + b',"pages":[],"entries":[\n'


def har_end(tunnels: Iterable[dict[str, Any]] = ()) -> bytes:
    """What stands behind the last entry; `tunnels` (see `har_tunnel`) have no place among the entries."""
    listed = b",\n".join(_encode(tunnel) for tunnel in tunnels)
    return b"\n]" + (b',"_tunnels":[\n' + listed + b"\n]" if listed else b"") + b"}}\n"


def har_tunnel(row: ExchangeRow, detail: ExchangeDetail) -> dict[str, Any]:
    """What is told of bytes that were relayed unread."""
    told: dict[str, Any] = {
        "startedDateTime": _iso(row.started_at),
        "time": (row.duration_us or 0) / 1000,
        "host": row.host,
        "port": row.port,
        "sent": row.request_bytes,
        "received": row.response_bytes,
    }
    if row.failure:
        told["_error"] = detail.failure_text or row.failure
    return told


def har_entry(source: HarSource) -> Iterator[bytes]:
    """One entry as JSON, in pieces."""
    streams: list[Iterator[bytes]] = []
    encoded = _encode(_entry(source, streams))
    # The entry's own bracket is closed behind its messages, which are none of those members that are encoded at once.
    before, *rest = encoded[:-1].split(bytes(_GAP))
    yield before
    for stream, behind in zip(streams, rest, strict=True):
        yield b'"'
        yield from stream
        yield b'"'
        yield behind
    yield from message_members(source.messages, source.message_bytes)
    yield b"}"


def _entry(source: HarSource, streams: list[Iterator[bytes]]) -> dict[str, Any]:
    row, detail = source.row, source.detail
    timings = _timings(detail)
    request, response = parse_head(detail.request.head), parse_head(detail.response.head)
    entry: dict[str, Any] = {
        "startedDateTime": _iso(row.started_at),
        "time": _total(timings),
        "request": _request(source, request, streams),
        "response": _response(source, response, streams),
        "cache": {},
        "timings": timings,
    }
    upstream = source.upstream
    if upstream is not None:
        if not upstream.peer_host.startswith(("/", "@")):  # else a Unix socket's path; a HAR may lack the port
            entry["serverIPAddress"] = upstream.peer_host.partition("%")[0]
        entry["_serverPort"] = upstream.peer_port
        entry["connection"] = str(upstream.key)
        if upstream.tls:
            entry["_securityDetails"] = security_details(upstream.tls)
    if not entry.get("serverIPAddress"):
        entry.pop("serverIPAddress", None)
    entry["_resourceType"] = _CHROME_TYPES[ResourceType(row.resource_type)]
    if row.failure:
        entry["_error"] = detail.failure_text or row.failure
    if detail.notes:
        entry["comment"] = detail.notes
    entry["_harrier"] = own_facts(row, detail, source.client) | _forwarded_bodies(source, streams)
    if upstream is not None and source.tells_tls:
        entry["_harrier"] |= told_tls(upstream.tls)
    return entry


def _request(source: HarSource, head: MessageHead, streams: list[Iterator[bytes]]) -> dict[str, Any]:
    row, detail = source.row, source.detail
    # What was relayed behind the heads is of no body; that of a request that switched protocols was read before.
    request_bytes = sum(map(len, source.request_chunks())) if relays_bytes(row) else row.request_bytes
    request: dict[str, Any] = {
        "method": row.method or "GET",
        "url": absolute_url(row),
        "httpVersion": _version(detail.request, detail.response),
        "cookies": [_cookie(cookie) for value in head.values(b"cookie") for cookie in parse_cookie(to_text(value))],
        "headers": _headers(head.fields),
        "queryString": query_pairs(row.path),
        "headersSize": len(detail.request.head) or -1,
        "bodySize": request_bytes,
    }
    if detail.request.body or request_bytes:
        _add_post_data(request, source, to_text(head.value(b"content-type") or b""), head, streams)
    return request


def _add_post_data(
    request: dict[str, Any], source: HarSource, media_type: str, head: MessageHead, streams: list[Iterator[bytes]]
) -> None:
    codings = parse_codings(b",".join(head.values(b"content-encoding")))
    body = _Body(source.request_chunks, codings, source.expansion)
    post: dict[str, Any] = {"mimeType": media_type}
    if body.is_text:
        post["text"] = body.member(streams)
        if body.problem:
            post["comment"] = body.problem
        if media_type.partition(";")[0].strip().lower() == _FORM and body.small is not None:
            # Percent-encoded, as Chrome writes them: a converter decodes them again.
            post["params"] = form_params(body.small.decode("utf-8"))
    else:
        post["text"] = ""
        post["comment"] = "The body is binary: it stands base64-coded in _content."
        request["_content"] = {"size": body.size, "encoding": "base64", "text": body.member(streams)}
        if body.problem:
            request["_content"]["comment"] = body.problem
    request["postData"] = post


def _response(source: HarSource, head: MessageHead, streams: list[Iterator[bytes]]) -> dict[str, Any]:
    row, detail = source.row, source.detail
    status = 0 if row.state == ExchangeState.FAILED and not detail.response.head else row.status or 0
    parts = head.start_line.split(b" ", 2)
    codings = parse_codings(b",".join(head.values(b"content-encoding")))
    body = _Body(source.response_chunks, codings, source.expansion)
    response_bytes = 0 if relays_bytes(row) else row.response_bytes
    content: dict[str, Any] = {
        "size": body.size or _size_not_recorded(row, response_bytes, codings),
        "mimeType": to_text(head.value(b"content-type") or b"") or row.media_type or UNKNOWN_TYPE,
    }
    if body.size > response_bytes:
        content["compression"] = body.size - response_bytes
    if body.size:
        content["text"] = body.member(streams)
        if not body.is_text:
            content["encoding"] = "base64"
        if body.problem:
            content["comment"] = body.problem
    response: dict[str, Any] = {
        "status": status,
        "statusText": to_text(parts[2]) if len(parts) > 2 else "",
        "httpVersion": _version(detail.response, detail.request),
        "cookies": [
            _cookie(cookie)
            for value in head.values(b"set-cookie")
            if (cookie := parse_set_cookie(to_text(value))) is not None
        ],
        "headers": _headers(head.fields),
        "content": content,
        "redirectURL": to_text(head.value(b"location") or b""),
        "headersSize": len(detail.response.head) or -1,
        "bodySize": response_bytes if detail.response.head else -1,
        "_transferSize": len(detail.response.head) + response_bytes,
    }
    if row.failure:
        response["_error"] = detail.failure_text or row.failure
    return response


def _version(message: MessageRecord, other: MessageRecord) -> str:
    """In the spellings that all readers know: none knows «HTTP/2.0» and «h2» both.

    The strict want a version of every message, also of one that never came or could not be read: there stands that of
    the other one. Where neither is known it is "", as Chrome has it.
    """
    version = message.version or other.version
    return "http/2.0" if version == "HTTP/2" else version


def _size_not_recorded(row: ExchangeRow, response_bytes: int, codings: tuple[str, ...]) -> int:
    """The length of a body that is not in the capture; -1 where only its length on the wire is known."""
    if not row.flags & ExchangeFlag.BODY_NOT_RECORDED or not response_bytes:
        return 0
    return -1 if codings else response_bytes


class _Body:
    """A decoded body, looked through once: how long it is, and whether it is text."""

    def __init__(self, chunks: Chunks, codings: tuple[str, ...], expansion: Expansion) -> None:
        self._chunks = chunks
        self._codings = codings
        self._free_bytes = expansion.free_bytes()
        self.problem = ""
        try:
            self._look()
            if codings:
                expansion.take(self.size, sum(map(len, chunks())))
        except CodingError as error:
            self.problem = f"Not decoded: the body says {codings_text(codings)}, but {error}."
            self._codings = ()
            self._look()

    def _look(self) -> None:
        utf8 = codecs.getincrementaldecoder("utf-8")()
        kept: list[bytes] = []
        self.size = 0
        self.is_text = True
        for part in self._parts():
            self.size += len(part)
            if self.size <= INLINE_BYTES:
                kept.append(part)
            if self.is_text:
                try:
                    utf8.decode(part)
                except UnicodeDecodeError:
                    self.is_text = False
        if self.is_text:
            try:
                utf8.decode(b"", final=True)
            except UnicodeDecodeError:
                self.is_text = False
        self.small = b"".join(kept) if self.size <= INLINE_BYTES else None

    def _parts(self) -> Iterator[bytes]:
        return iterate_decoded(self._chunks(), self._codings, DECODED_LIMIT_BYTES, self._free_bytes)

    def member(self, streams: list[Iterator[bytes]]) -> str | msgspec.Raw:
        """The value for the JSON member: the text itself, or a gap for a stream that is added."""
        if self.small is not None:
            return self.small.decode("utf-8") if self.is_text else b64encode(self.small).decode()
        streams.append(self._stream())
        return _GAP

    def _stream(self) -> Iterator[bytes]:
        if self.is_text:
            utf8 = codecs.getincrementaldecoder("utf-8")()
            for part in self._parts():
                yield _encode(utf8.decode(part))[1:-1]
            return
        yield from base64_pieces(self._parts())


def absolute_url(row: ExchangeRow) -> str:
    """The URL of an exchange: absolute, ASCII, without a fragment."""
    if row.scheme and not row.host and row.scheme not in DEFAULT_PORTS:
        return f"{row.scheme}:{_quoted(row.path)}"  # data:, blob:, as browsers list them
    scheme = row.scheme or "http"
    host = row.host or "unknown"
    authority = authority_text(scheme, host, row.port) if row.port else bracketed(host)
    path = row.path if row.path.startswith("/") else "/"
    return f"{scheme}://{authority}{_quoted(path)}"


def _quoted(path: str) -> str:
    return quote(path.partition("#")[0], safe="/?:@!$&'()*+,;=-._~%[]|^`{}\"<>\\")


def _headers(fields: list[Field]) -> list[dict[str, str]]:
    """Name and value in their order; a second Content-Type is left to `_harrier`."""
    listed = []
    has_type = False
    for name, value in fields:
        if name.lower() == b"content-type":
            if has_type:
                continue
            has_type = True
        listed.append({"name": to_text(name), "value": to_text(value)})
    return listed


def _cookie(cookie: Cookie) -> dict[str, Any]:
    told: dict[str, Any] = {"name": cookie.name, "value": cookie.value}
    for name in ("path", "domain", "expires"):
        if value := getattr(cookie, name):
            told[name] = value
    if cookie.http_only:
        told["httpOnly"] = True
    if cookie.secure:
        told["secure"] = True
    if cookie.same_site:
        told["sameSite"] = cookie.same_site
    return told


def _timings(detail: ExchangeDetail) -> dict[str, float]:
    spent = timings_of(detail)

    def ms(value: int) -> float:
        return round(value / 1000, 3) if value >= 0 else -1

    # HAR: the TLS handshake is part of `connect`, and told again as `ssl`.
    connect = spent.connect if spent.tls < 0 else max(spent.connect, 0) + spent.tls
    return {
        "blocked": ms(spent.blocked),
        "dns": ms(spent.dns),
        "connect": ms(connect),
        "ssl": ms(spent.tls),
        "send": max(ms(spent.send), 0),
        "wait": max(ms(spent.wait), 0),
        "receive": max(ms(spent.receive), 0),
    }


def _total(timings: dict[str, float]) -> float:
    return round(sum(value for name, value in timings.items() if name != "ssl" and value > 0), 3)


def _iso(instant_us: int) -> str:
    try:
        moment = _EPOCH + timedelta(microseconds=instant_us)
    except OverflowError:
        moment = _EPOCH
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%f") + "Z"


def _forwarded_bodies(source: HarSource, streams: list[Iterator[bytes]]) -> dict[str, msgspec.Raw]:
    """What is told of bodies that were sent on: nothing where the one received has the same bytes."""
    told: dict[str, msgspec.Raw] = {}
    for name, sent, received in (
        ("requestForwardedBody", source.request_forwarded, source.request_chunks),
        ("responseForwardedBody", source.response_forwarded, source.response_chunks),
    ):
        if sent is not None and not _are_same(sent(), received()):
            streams.append(base64_pieces(sent()))
            told[name] = _GAP
    return told


def _are_same(one: Iterator[bytes], other: Iterator[bytes]) -> bool:
    """Whether two bodies have the same bytes, however they are cut into pieces (of which none is empty)."""
    left = right = b""
    while True:
        left, right = left or next(one, b""), right or next(other, b"")
        length = min(len(left), len(right))
        if not length:
            return left == right
        if left[:length] != right[:length]:
            return False
        left, right = left[length:], right[length:]
