"""One entry of a HAR file as the row, the detail and the bodies that a recorded exchange has.

Where Harrier wrote it, `_harrier` gives the heads back; elsewhere they are put together from what the entry tells, with
its HTTP version in their start lines. HAR holds bodies decoded, so a body loses its Content-Encoding field, which would
be a lie. What is missing or odd is repaired, what a capture has no place for is left out, and both are counted.
"""

import re
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import msgspec

from proxy_core.formats.har_form import body_of_params
from proxy_core.formats.har_messages import HarMessage, has_socket_messages, read_messages
from proxy_core.formats.har_own import OwnBytes, own_client
from proxy_core.formats.har_repairs import TOO_LONG, HarRepairs
from proxy_core.formats.har_tls import read_tls
from proxy_core.formats.har_values import UNKNOWN_TYPE, as_dict, as_dicts, as_integer, as_number, as_text
from proxy_core.model.bounds import (
    ACTS_LIMIT_BYTES,
    EARLIEST,
    HEAD_LIMIT_BYTES,
    LATEST,
    MOST_COUNT,
    MOST_FLAGS,
    MOST_PORT,
    MOST_STATUS,
    NAME_LIMIT,
    TEXT_LIMIT,
)
from proxy_core.model.exchange import (
    ConnectionRow,
    ExchangeDetail,
    ExchangeFlag,
    ExchangeKind,
    ExchangeRow,
    ExchangeState,
    ResourceType,
    Side,
    Timings,
)
from proxy_core.model.failure import FailureKind
from proxy_core.model.message_record import MessageRecord
from proxy_core.model.resource_type import media_essence, resource_type

_LARGEST_KEY = 2**62
_VERSION = re.compile(r"(?:http/|h)?([123])(?:\.([01]))?(?:[-+c].{0,20})?", re.IGNORECASE)  # http/2.0, h2, h3-29, h2c
_USUAL_VERSION = "HTTP/1.1"  # in a start line that is put together from an entry without one
_LONGEST_VERSION = 32  # characters
_LINE_ENDS = re.compile("[\r\n]+")
_FOLD = re.compile("[\r\n]+[ \t]+")
_CONNECTIONS_KNOWN = 100_000  # 20 MB
_WEBSOCKET_SCHEMES = {"ws": "http", "wss": "https"}


@dataclass(frozen=True, slots=True)
class HarEntry:
    """One imported exchange."""

    row: ExchangeRow
    detail: ExchangeDetail
    client: ConnectionRow | None
    upstream: ConnectionRow | None
    request_body: bytes
    response_body: bytes
    request_forwarded: Iterator[bytes] | None  # decoded as it is taken; None where no other body was sent on
    response_forwarded: Iterator[bytes] | None
    messages: Iterator[HarMessage]  # read as they are taken, from the entry


class HarConnections:
    """Which connections a file names. Firefox and others call different ones the same: by the port of the server."""

    def __init__(self) -> None:
        self._seen: dict[int, tuple[str, int]] = {}

    def key(self, name: str, address: str, port: int, number: int) -> int:
        """The key of a connection: the name where it is a number that means this one alone, else one made up."""
        peer = (address, port)
        if name.isascii() and name.isdigit() and len(name) <= 19 and 0 < int(name) < _LARGEST_KEY:
            known = self._seen.get(int(name))
            if known is None and len(self._seen) < _CONNECTIONS_KNOWN:
                known = self._seen[int(name)] = peer
            if known == peer:
                return int(name)
        told = repr((name, *peer) if name else number).encode("utf-8", "replace")
        return _LARGEST_KEY >> 1 | int.from_bytes(blake2b(told, digest_size=8).digest()) >> 3


class _Url(NamedTuple):
    scheme: str
    host: str
    port: int
    path: str
    is_websocket: bool = False


def read_entry(entry: dict[str, Any], number: int, repairs: HarRepairs, connections: HarConnections) -> HarEntry:
    """The exchange that the entry tells of. Never raises."""
    return _Importer(entry, number, repairs, connections).entry()


class _Importer:
    """One entry."""

    def __init__(self, entry: dict[str, Any], number: int, repairs: HarRepairs, connections: HarConnections) -> None:
        self._entry = entry
        self._number = number
        self._repairs = repairs
        self._connections = connections
        self._own = as_dict(entry.get("_harrier"))
        self._own_bytes = OwnBytes(self._own, repairs)

    def entry(self) -> HarEntry:
        request, response = as_dict(self._entry.get("request")), as_dict(self._entry.get("response"))
        if not request:
            self._repairs.note("The request was missing")
        if not response:
            self._repairs.note("The response was missing")
        url = self._url(request)
        request_body, response_body = self._request_body(request), self._response_body(response)
        status = self._status(response)
        request_head = self._request_head(request, url, has_body=bool(request_body))
        response_head = self._response_head(response, status, has_body=bool(response_body))
        failure = self._failure(response, status)
        told_size = 0 if response_body else self._count(as_dict(response.get("content")).get("size"))
        if told_size and "flags" not in self._own:
            self._repairs.note("The body was not in the file, only its size")
        self._leave_out(request, response)
        media_type = media_essence(self._cut(self._mime_type(response), NAME_LIMIT).encode("utf-8", "replace"))
        started_at, kind = self._started_at(), self._kind(is_websocket=url.is_websocket)
        row = ExchangeRow(
            id=self._number,
            started_at=started_at,
            duration_us=self._duration(),
            state=int(ExchangeState.FAILED if failure else ExchangeState.COMPLETE),
            kind=int(kind),
            method=as_text(request.get("method"))[:64] or "GET",
            scheme=self._cut(url.scheme, NAME_LIMIT),
            host=self._cut(url.host, NAME_LIMIT),
            port=url.port,
            path=url.path,
            status=status or None,
            media_type=media_type,
            resource_type=int(ResourceType.WEBSOCKET if kind is ExchangeKind.WEBSOCKET else resource_type(media_type)),
            request_bytes=self._bytes("sent", request) or len(request_body),
            response_bytes=self._bytes("received", response) or len(response_body) or told_size,
            failure=failure,
            flags=self._flags(url.scheme, is_body_missing=bool(told_size)),
        )
        client, upstream = own_client(self._own, started_at), self._upstream(started_at)
        request_forwarded = self._own_bytes.body("requestForwardedBody")
        response_forwarded = self._own_bytes.body("responseForwardedBody")
        detail = ExchangeDetail(
            key=self._number,
            request=self._record("request", request, request_head, is_body_kept=request_forwarded is None),
            response=self._record("response", response, response_head, is_body_kept=response_forwarded is None),
            interim=self._own_bytes.part("interim"),
            timings=self._timings(),
            failure_text=self._cut(as_text(self._entry.get("_error") or response.get("_error")), TEXT_LIMIT),
            notes=self._cut(self._notes(request, response), TEXT_LIMIT),
            client_connection=client.key if client is not None else 0,
            upstream_connection=upstream.key if upstream is not None else 0,
            acts=self._own_bytes.part("acts", ACTS_LIMIT_BYTES),
        )
        row, detail = ExchangeRow(*_storable(row)), ExchangeDetail(*_storable(detail))
        messages = read_messages(self._entry, self._repairs)
        return HarEntry(
            row, detail, client, upstream, request_body, response_body, request_forwarded, response_forwarded, messages
        )

    # Parts

    def _url(self, request: dict[str, Any]) -> _Url:
        url = as_text(request.get("url")).strip()
        scheme, colon, rest = url.partition("#")[0].partition(":")
        if colon and not rest.startswith("//") and scheme.lower() not in ("http", "https"):
            return _Url(scheme.lower()[:64], "", 0, rest)  # data:, blob:, about:
        try:
            parts = urlsplit(url)
            port = parts.port
            host = parts.hostname or ""
        except ValueError:
            self._repairs.note("The URL was unreadable")
            return _Url("http", "", 80, url[:2000])
        scheme = _WEBSOCKET_SCHEMES.get(parts.scheme, parts.scheme) or "http"
        # Not put together from its parts: an empty query is one, too.
        begin = re.search("[/?]", rest.removeprefix("//"))
        path = rest.removeprefix("//")[begin.start() :] if begin is not None else "/"
        path = path if path.startswith("/") else f"/{path}"
        return _Url(scheme, host, port or (443 if scheme == "https" else 80), path, parts.scheme in _WEBSOCKET_SCHEMES)

    def _kind(self, *, is_websocket: bool) -> ExchangeKind:
        told = self._own.get("kind", self._entry.get("_resourceType"))
        is_websocket = is_websocket or told == "websocket" or has_socket_messages(self._entry)
        return ExchangeKind.WEBSOCKET if is_websocket else ExchangeKind.HTTP

    def _status(self, response: dict[str, Any]) -> int:
        told = response.get("status")
        if isinstance(told, str):
            told = told.strip().partition(" ")[0]  # «200 OK»
        status = as_integer(told, 0, MOST_STATUS)
        if told and not status and as_number(told) != 0:
            self._repairs.note("The status was unreadable")
        return status

    def _leave_out(self, request: dict[str, Any], response: dict[str, Any]) -> None:
        """What a capture has no place for."""
        if self._own:
            return
        for message, field in ((request, "cookie"), (response, "set-cookie")):
            if message.get("cookies") and not any(name.lower() == field for name, _ in _fields(message)):
                count = len(as_dicts(message["cookies"]))
                self._repairs.leave_out("cookie without a header field", count, plural="cookies without a header field")

    def _notes(self, request: dict[str, Any], response: dict[str, Any]) -> str:
        """Harrier's own remarks, and the comments of whoever else wrote the entry, one a line."""
        response_content, posted = as_dict(response.get("content")), as_dict(request.get("postData"))
        # Those within the messages of Harrier's own entries say how a body stands in the file.
        places = [self._entry] if self._own else [self._entry, request, response, response_content, posted]
        lines = as_text(self._own.get("notes")).splitlines()
        for place in places:
            lines += [line for line in as_text(place.get("comment")).splitlines() if line.strip() and line not in lines]
        return "\n".join(lines)

    def _started_at(self) -> int:
        own = self._own.get("startedAt")
        if isinstance(own, int) and 0 < own <= LATEST:
            return own
        try:
            moment = datetime.fromisoformat(as_text(self._entry.get("startedDateTime")))
            if moment.tzinfo is None:
                moment = moment.replace(tzinfo=UTC)
            return self._within(int(moment.timestamp() * 1e6), EARLIEST, LATEST)
        except (ValueError, OverflowError):
            self._repairs.note("The start time was unreadable")
            return 0

    def _duration(self) -> int | None:
        own = self._own.get("duration")
        if isinstance(own, int):
            return self._within(max(own, 0), 0, MOST_COUNT)
        return self._within(int(max(as_number(self._entry.get("time")), 0) * 1000), 0, MOST_COUNT)

    # What a capture can hold

    def _count(self, told: object) -> int:
        """A size in bytes; 0 where it isn't told."""
        if isinstance(told, int):
            return self._within(max(told, 0), 0, MOST_COUNT)
        return as_integer(told, 0, MOST_COUNT)

    def _bytes(self, own_name: str, message: dict[str, Any]) -> int:
        """How many went in a direction; behind heads that switched protocols they are of no body."""
        return self._count(self._own.get(own_name, message.get("bodySize")))

    def _within(self, number: int, least: int, most: int) -> int:
        if least <= number <= most:
            return number
        self._repairs.note("A number or a time was beyond what a capture can hold: the nearest that it can was taken")
        return max(least, min(number, most))

    def _cut(self, text: str, limit: int) -> str:
        if len(text) > limit:
            self._repairs.note(TOO_LONG)
        return text[:limit]

    def _cut_head(self, head: bytes) -> bytes:
        if len(head) <= HEAD_LIMIT_BYTES:
            return head
        self._repairs.note(TOO_LONG)
        return head[: HEAD_LIMIT_BYTES - 4].rstrip(b"\r\n") + b"\r\n\r\n"

    def _timings(self) -> bytes:
        own = self._own.get("timings")
        if isinstance(own, list) and len(own) == len(Timings._fields) and all(type(each) is int for each in own):
            return msgspec.msgpack.encode([self._within(max(each, -1), -1, MOST_COUNT) for each in own])
        told = as_dict(self._entry.get("timings"))

        def microseconds(name: str) -> int:
            value = as_number(told.get(name))
            return int(value * 1000) if value >= 0 else -1

        connect, tls = microseconds("connect"), microseconds("ssl")
        if tls >= 0 and connect >= tls:
            connect -= tls
        names = ("blocked", "dns", "connect", "ssl", "send", "wait", "receive")
        values = dict(zip(names, map(microseconds, names), strict=True)) | {"connect": connect}
        return msgspec.msgpack.encode([self._within(value, -1, MOST_COUNT) for value in values.values()])

    def _failure(self, response: dict[str, Any], status: int) -> str:
        own = as_text(self._own.get("failure"))
        if own:
            return own[:100]
        if self._entry.get("_error") or response.get("_error") or not status:
            return FailureKind.IMPORTED.value
        return ""

    def _flags(self, scheme: str, *, is_body_missing: bool) -> int:
        if "flags" in self._own:
            return as_integer(self._own["flags"], 0, MOST_FLAGS)
        flags = ExchangeFlag.INTERCEPTED if scheme == "https" else ExchangeFlag(0)
        return int(flags | ExchangeFlag.BODY_NOT_RECORDED if is_body_missing else flags)

    def _version(self, own_name: str, message: dict[str, Any]) -> str:
        own = self._own.get(own_name)
        if isinstance(own, str) and own.isascii() and len(own) <= _LONGEST_VERSION:
            return own
        return _version(message)

    def _record(self, name: str, message: dict[str, Any], head: bytes, *, is_body_kept: bool) -> MessageRecord:
        """A message without its bodies; `is_body_kept`: what was sent on is the received one."""
        own = self._own_bytes
        # Where the received head has lost its coding, the body has, too: whichever head it went with.
        is_decoded = is_body_kept and head != own.head(f"{name}Head", is_decoded=False)
        forwarded_head = own.head(f"{name}ForwardedHead", is_decoded=is_decoded)
        return MessageRecord(
            head=self._cut_head(head),
            version=self._version(f"{name}Version", message),
            trailers=own.part(f"{name}TrailersRaw"),
            forwarded_head=self._cut_head(forwarded_head) or None,
        )

    def _request_head(self, request: dict[str, Any], url: _Url, *, has_body: bool) -> bytes:
        if "requestHead" in self._own:
            return self._own_bytes.head("requestHead", is_decoded=has_body)
        line = f"{as_text(request.get('method')) or 'GET'} {url.path or '/'} {_version(request) or _USUAL_VERSION}"
        return _head(line, _fields(request), has_body=has_body)

    def _response_head(self, response: dict[str, Any], status: int, *, has_body: bool) -> bytes:
        if "responseHead" in self._own:
            return self._own_bytes.head("responseHead", is_decoded=has_body)
        fields = _fields(response)
        text = as_text(response.get("statusText"))
        if not status and not fields:
            return b""
        return _head(f"{_version(response) or _USUAL_VERSION} {status} {text}", fields, has_body=has_body)

    @staticmethod
    def _mime_type(response: dict[str, Any]) -> str:
        told = as_text(as_dict(response.get("content")).get("mimeType"))
        return told if told != UNKNOWN_TYPE else ""

    def _request_body(self, request: dict[str, Any]) -> bytes:
        post = as_dict(request.get("postData"))
        binary = as_dict(request.get("_content"))
        if as_text(binary.get("encoding")) == "base64":
            return self._decoded(as_text(binary.get("text")))
        text = as_text(post.get("text"))
        if as_text(post.get("encoding")) == "base64":
            return self._decoded(text)
        if not text and post.get("params"):
            return body_of_params(post["params"], as_text(post.get("mimeType")))
        return self._encoded(text)

    def _response_body(self, response: dict[str, Any]) -> bytes:
        content = as_dict(response.get("content"))
        text = as_text(content.get("text"))
        if as_text(content.get("encoding")) == "base64":
            return self._decoded(text)
        return self._encoded(text)

    def _decoded(self, text: str) -> bytes:
        try:
            return b64decode(text)
        except (Base64Error, ValueError):
            self._repairs.note("A body that should be base64 was not: kept as text")
            return self._encoded(text)

    def _encoded(self, text: str) -> bytes:
        try:
            return text.encode("utf-8")
        except UnicodeEncodeError:
            self._repairs.note("Half a surrogate pair in a body became a question mark")
            return text.encode("utf-8", "replace")

    def _upstream(self, started_at: int) -> ConnectionRow | None:
        address = self._cut(as_text(self._entry.get("serverIPAddress")).strip("[]"), NAME_LIMIT)
        name = as_text(self._entry.get("connection"))
        if not address and not name:
            return None
        port = as_integer(self._entry.get("_serverPort"), 0, MOST_PORT)
        key = self._connections.key(name, address, port, self._number)
        tls = read_tls(self._own)
        return ConnectionRow(*_storable((key, int(Side.UPSTREAM), started_at, address, port, "", 0, tls)))


def _storable(record: tuple[Any, ...]) -> tuple[Any, ...]:
    """JavaScript's writers leave half a surrogate pair in a text: no database takes it."""
    return tuple(
        each.encode("utf-8", "replace").decode() if isinstance(each, str) and not each.isascii() else each
        for each in record
    )


def _version(message: dict[str, Any]) -> str:
    """As a start line has it; "" where it isn't told."""
    told = _VERSION.fullmatch(as_text(message.get("httpVersion")).strip())
    if told is None:
        return ""
    return f"HTTP/{told[1]}" if told[1] != "1" else f"HTTP/1.{told[2] or '1'}"


def _head(start_line: str, fields: list[tuple[str, str]], *, has_body: bool) -> bytes:
    lines = [_LINE_ENDS.sub(" ", start_line)]
    lines += [f"{name}: {value}" for name, value in fields if not has_body or name.lower() != "content-encoding"]
    return "\r\n".join([*lines, "", ""]).encode("utf-8", "replace")


def _fields(message: dict[str, Any]) -> list[tuple[str, str]]:
    """The fields, without line ends in them.

    One of several lines is one that came several times (Set-Cookie, as Chrome's tools have it), unless it is folded.
    """
    headers = message.get("headers")
    found: list[tuple[str, str]] = []
    for each in headers if isinstance(headers, list) else []:
        if isinstance(each, dict):
            name, value = as_text(each.get("name")), as_text(each.get("value"))
        elif isinstance(each, list) and len(each) == 2:
            name, value = as_text(each[0]), as_text(each[1])
        else:
            continue
        if not name or name.startswith(":"):
            continue
        if "\n" in value or "\r" in value:
            lines = _LINE_ENDS.split(_FOLD.sub(" ", value).strip("\r\n"))
            found += [(_LINE_ENDS.sub(" ", name), line) for line in lines]
        else:
            found.append((_LINE_ENDS.sub(" ", name), value))
    return found
