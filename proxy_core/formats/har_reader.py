"""HAR files read as a stream, entry by entry, from whoever wrote them.

An entry becomes the same row, detail and bodies that a recorded exchange has. Where Harrier wrote it, `_harrier` gives
the heads back; elsewhere they are put together from what the entry tells. HAR holds bodies decoded, so either loses its
Content-Encoding field, which would be a lie. What is missing or odd is repaired and said; what can't be read ends the
import with everything before it kept.
"""

import re
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, BinaryIO
from urllib.parse import urlsplit

import ijson
import msgspec

from proxy_core.model.exchange import (
    ConnectionRow,
    ExchangeDetail,
    ExchangeFlag,
    ExchangeKind,
    ExchangeRow,
    ExchangeState,
    Timings,
)
from proxy_core.model.failure import FailureKind
from proxy_core.model.resource_type import media_essence, resource_type

_BOM = b"\xef\xbb\xbf"
_LARGEST = 2**62
_CODING_LINE = re.compile(rb"^content-encoding:[^\r\n]*\r?\n", re.IGNORECASE | re.MULTILINE)


class HarError(Exception):
    """The file is no HAR, or breaks off: one sentence. What was read before it has been handed out."""


@dataclass(frozen=True, slots=True)
class HarEntry:
    """One imported exchange."""

    row: ExchangeRow
    detail: ExchangeDetail
    upstream: ConnectionRow | None
    request_body: bytes
    response_body: bytes


@dataclass(slots=True)
class HarRepairs:
    """What had to be mended, counted."""

    counts: dict[str, int] = field(default_factory=dict)

    def note(self, what: str) -> None:
        """One more case of `what`."""
        self.counts[what] = self.counts.get(what, 0) + 1

    def sentences(self) -> list[str]:
        """For people."""
        return [f"{what} ({count} {'entry' if count == 1 else 'entries'})." for what, count in self.counts.items()]


def read_har(file: BinaryIO, repairs: HarRepairs) -> Iterator[HarEntry]:
    """The entries in the file's order, numbered from 1. Raises HarError, also after some entries."""
    _skip_mark(file)
    number = 0
    try:
        for item in ijson.items(file, "log.entries.item", use_float=True):
            if not isinstance(item, dict):
                repairs.note("Something that is no entry was left out")
                continue
            number += 1
            yield _Importer(item, number, repairs).entry()
    except (ijson.JSONError, UnicodeDecodeError) as error:
        kept = f"; the {number} entries before are kept" if number else ""
        raise HarError(f"The file is no HAR or breaks off ({_first_line(error)}){kept}.") from None
    if not number and not _has_log(file):
        raise HarError("The file is JSON, but no HAR: it has no log with entries.")


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0][:100]


def _skip_mark(file: BinaryIO) -> None:
    """Some put a byte order mark before their JSON, which is against RFC 8259 §8.1."""
    file.seek(0)
    if file.read(len(_BOM)) != _BOM:
        file.seek(0)


def _has_log(file: BinaryIO) -> bool:
    try:
        _skip_mark(file)
        return any(prefix == "log.entries" and event == "start_array" for prefix, event, _ in ijson.parse(file))
    except (ijson.JSONError, UnicodeDecodeError, OSError):
        return False


class _Importer:
    """One entry."""

    def __init__(self, entry: dict[str, Any], number: int, repairs: HarRepairs) -> None:
        self._entry = entry
        self._number = number
        self._repairs = repairs
        self._own = _dict(entry.get("_harrier"))

    def entry(self) -> HarEntry:
        request, response = _dict(self._entry.get("request")), _dict(self._entry.get("response"))
        if not request:
            self._repairs.note("The request was missing")
        if not response:
            self._repairs.note("The response was missing")
        url = self._url(request)
        request_body, response_body = self._request_body(request), self._response_body(response)
        request_head, response_head = self._request_head(request, url), self._response_head(response)
        status = _integer(response.get("status"), 0, 999)
        failure = self._failure(response, status)
        media_type = media_essence(self._mime_type(response).encode("utf-8", "replace"))
        started_at = self._started_at()
        row = ExchangeRow(
            id=self._number,
            started_at=started_at,
            duration_us=self._duration(),
            state=int(ExchangeState.FAILED if failure else ExchangeState.COMPLETE),
            kind=int(ExchangeKind.WEBSOCKET if self._own.get("kind") == "websocket" else ExchangeKind.HTTP),
            method=_text(request.get("method"))[:64] or "GET",
            scheme=url[0],
            host=url[1],
            port=url[2],
            path=url[3],
            status=status or None,
            media_type=media_type,
            resource_type=int(resource_type(media_type)),
            request_bytes=_integer(request.get("bodySize"), 0, _LARGEST) or len(request_body),
            response_bytes=_integer(response.get("bodySize"), 0, _LARGEST) or len(response_body),
            failure=failure,
            flags=self._flags(url[0]),
        )
        upstream = self._upstream(started_at)
        detail = ExchangeDetail(
            key=self._number,
            request_head=request_head,
            response_head=response_head,
            request_forwarded_head=None,
            response_forwarded_head=None,
            interim=self._own_bytes("interim") or None,
            request_trailers=self._own_bytes("requestTrailersRaw") or None,
            response_trailers=self._own_bytes("responseTrailersRaw") or None,
            request_body=None,
            response_body=None,
            timings=self._timings(),
            failure_text=_text(self._entry.get("_error") or response.get("_error")),
            notes=_text(self._own.get("notes")),
            client_connection=0,
            upstream_connection=upstream.key if upstream is not None else 0,
        )
        return HarEntry(row, detail, upstream, request_body, response_body)

    # Parts

    def _url(self, request: dict[str, Any]) -> tuple[str, str, int, str]:
        url = _text(request.get("url"))
        try:
            parts = urlsplit(url)
            port = parts.port
            host = parts.hostname or ""
        except ValueError:
            self._repairs.note("The URL was unreadable")
            return "http", "", 80, url[:2000]
        scheme = {"ws": "http", "wss": "https"}.get(parts.scheme, parts.scheme) or "http"
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return scheme, host, port or (443 if scheme == "https" else 80), path

    def _started_at(self) -> int:
        own = self._own.get("startedAt")
        if isinstance(own, int) and 0 < own < _LARGEST:
            return own
        try:
            moment = datetime.fromisoformat(_text(self._entry.get("startedDateTime")))
            if moment.tzinfo is None:
                moment = moment.replace(tzinfo=UTC)
            return int(moment.timestamp() * 1e6)
        except (ValueError, OverflowError):
            self._repairs.note("The start time was unreadable")
            return 0

    def _duration(self) -> int | None:
        own = self._own.get("duration")
        if isinstance(own, int):
            return min(max(own, 0), _LARGEST)
        return int(max(_number(self._entry.get("time")), 0) * 1000)

    def _timings(self) -> bytes:
        own = self._own.get("timings")
        if isinstance(own, list) and len(own) == len(Timings._fields) and all(type(each) is int for each in own):
            return msgspec.msgpack.encode([min(each, _LARGEST) for each in own])
        told = _dict(self._entry.get("timings"))

        def microseconds(name: str) -> int:
            value = _number(told.get(name))
            return int(value * 1000) if value >= 0 else -1

        connect, tls = microseconds("connect"), microseconds("ssl")
        if tls >= 0 and connect >= tls:
            connect -= tls
        names = ("blocked", "dns", "connect", "ssl", "send", "wait", "receive")
        values = dict(zip(names, map(microseconds, names), strict=True)) | {"connect": connect}
        return msgspec.msgpack.encode([min(value, _LARGEST) for value in values.values()])

    def _failure(self, response: dict[str, Any], status: int) -> str:
        own = _text(self._own.get("failure"))
        if own:
            return own[:100]
        if self._entry.get("_error") or response.get("_error") or not status:
            return FailureKind.IMPORTED.value
        return ""

    def _flags(self, scheme: str) -> int:
        if "flags" in self._own:
            return _integer(self._own["flags"], 0, 2**31)
        return int(ExchangeFlag.INTERCEPTED) if scheme == "https" else 0

    def _own_bytes(self, name: str) -> bytes:
        try:
            return b64decode(_text(self._own.get(name)), validate=True)
        except (Base64Error, ValueError):
            return b""

    def _request_head(self, request: dict[str, Any], url: tuple[str, str, int, str]) -> bytes:
        if "requestHead" in self._own:
            return _CODING_LINE.sub(b"", self._own_bytes("requestHead"))
        line = f"{_text(request.get('method')) or 'GET'} {url[3] or '/'} HTTP/1.1"
        return _head(line, _fields(request))

    def _response_head(self, response: dict[str, Any]) -> bytes:
        if "responseHead" in self._own:
            return _CODING_LINE.sub(b"", self._own_bytes("responseHead"))
        status = _integer(response.get("status"), 0, 999)
        if not status:
            return b""
        undone = ("content-encoding", "transfer-encoding")
        fields = [each for each in _fields(response) if each[0].lower() not in undone]
        return _head(f"HTTP/1.1 {status} {_text(response.get('statusText'))}", fields)

    @staticmethod
    def _mime_type(response: dict[str, Any]) -> str:
        return _text(_dict(response.get("content")).get("mimeType"))

    def _request_body(self, request: dict[str, Any]) -> bytes:
        post = _dict(request.get("postData"))
        binary = _dict(request.get("_content"))
        if _text(binary.get("encoding")) == "base64":
            return self._decoded(_text(binary.get("text")))
        text = _text(post.get("text"))
        if _text(post.get("encoding")) == "base64":
            return self._decoded(text)
        if not text and isinstance(post.get("params"), list):
            pairs = [each for each in post["params"] if isinstance(each, dict)]
            text = "&".join(f"{_text(each.get('name'))}={_text(each.get('value'))}" for each in pairs)
        return text.encode("utf-8", "replace")

    def _response_body(self, response: dict[str, Any]) -> bytes:
        content = _dict(response.get("content"))
        text = _text(content.get("text"))
        if _text(content.get("encoding")) == "base64":
            return self._decoded(text)
        return text.encode("utf-8", "replace")

    def _decoded(self, text: str) -> bytes:
        try:
            return b64decode(text)
        except (Base64Error, ValueError):
            self._repairs.note("A body that should be base64 was not: kept as text")
            return text.encode("utf-8", "replace")

    def _upstream(self, started_at: int) -> ConnectionRow | None:
        address = _text(self._entry.get("serverIPAddress")).strip("[]")
        if not address:
            return None
        name = _text(self._entry.get("connection"))
        key = int(name) if name.isascii() and name.isdigit() and 0 < len(name) < 18 else self._number
        port = _integer(self._entry.get("_serverPort"), 0, 65535)
        return ConnectionRow(key, 1, started_at, address, port, "", 0, None)


def _head(start_line: str, fields: list[tuple[str, str]]) -> bytes:
    lines = [start_line, *(f"{name}: {value}" for name, value in fields)]
    clean = [" ".join(line.splitlines()) for line in lines]
    return "".join(f"{line}\r\n" for line in [*clean, ""]).encode("utf-8", "replace")


def _fields(message: dict[str, Any]) -> list[tuple[str, str]]:
    headers = message.get("headers")
    found: list[tuple[str, str]] = []
    for each in headers if isinstance(headers, list) else []:
        if isinstance(each, dict):
            name, value = _text(each.get("name")), _text(each.get("value"))
        elif isinstance(each, list) and len(each) == 2:
            name, value = _text(each[0]), _text(each[1])
        else:
            continue
        if name and not name.startswith(":"):
            found.append((name, value))
    return found


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None or isinstance(value, dict | list | bool) else str(value)


def _number(value: object) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e15:
        return float(value)
    return -1.0


def _integer(value: object, least: int, most: int) -> int:
    if isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= most:
        return int(value)
    return max(least, 0)
