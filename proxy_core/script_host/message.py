"""A request and a response as scripts see them: named like mitmproxy's, whose documentation scripts are written by.

A body's `content` is without content coding; what codings this Python can't undo is left as it is. What is set as
`content` goes on without one. A body that isn't there, as it is too large or is streamed, is None.
"""

import json
import re
import zlib
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from proxy_core.script_host.fields import Headers, MultiDictView

_DEFAULT_PORTS = {"http": 80, "https": 443}
_CHARSET = re.compile(r"charset=[\"']?([^\s;\"']+)", re.IGNORECASE)
_LONGEST_DECODED = 32 * 1024 * 1024  # a small body may claim to be anything


class Message:
    """What both have."""

    def __init__(self, headers: Headers, raw_content: bytes | None, http_version: str = "HTTP/1.1") -> None:
        self.headers = headers
        self.raw_content = raw_content
        self.http_version = http_version
        self.stream: object = False

    @property
    def content(self) -> bytes | None:
        """The body without its content coding."""
        return self.get_content(strict=False)

    @content.setter
    def content(self, value: bytes | None) -> None:
        if isinstance(value, str):
            raise TypeError("content is bytes; text is what takes a string")
        self.raw_content = value
        self.headers.pop("content-encoding", None)
        if value is not None and "transfer-encoding" not in self.headers:
            self.headers["content-length"] = str(len(value))

    def get_content(self, *, strict: bool = True) -> bytes | None:
        """The same; with `strict` it raises ValueError for what can't be undone."""
        data = self.raw_content
        if data is None:
            return None
        try:
            for coding in reversed(
                [each.strip().lower() for each in self.headers.get("content-encoding", "").split(",")]
            ):
                data = _undone(data, coding)
        except (OSError, EOFError, zlib.error, ValueError) as error:
            if strict:
                raise ValueError(str(error)) from error
            return self.raw_content
        return data

    @property
    def text(self) -> str | None:
        """The body as text, by its charset."""
        return self.get_text(strict=False)

    @text.setter
    def text(self, value: str | None) -> None:
        if value is None:
            self.content = None
            return
        try:
            self.content = value.encode(self._charset(), "surrogateescape")
        except (LookupError, UnicodeEncodeError):
            self.content = value.encode("utf-8", "surrogateescape")
            kind = self.headers.get("content-type", "text/plain").partition(";")[0]
            self.headers["content-type"] = f"{kind}; charset=utf-8"

    def get_text(self, *, strict: bool = True) -> str | None:
        """The same; with `strict` it raises ValueError for what is none."""
        data = self.get_content(strict=strict)
        if data is None:
            return None
        try:
            return data.decode(self._charset(), "strict" if strict else "surrogateescape")
        except LookupError:
            return data.decode("utf-8", "surrogateescape")

    def json(self) -> Any:
        """The body as JSON. Raises ValueError, TypeError where there is none."""
        data = self.get_content(strict=False)
        if data is None:
            raise TypeError("the body is not here")
        return json.loads(data)

    def decode(self, *, strict: bool = True) -> None:
        """Take the content coding off the body."""
        self.content = self.get_content(strict=strict)

    def _charset(self) -> str:
        found = _CHARSET.search(self.headers.get("content-type", ""))
        return found.group(1) if found else "utf-8"


class Request(Message):
    """What the client wants."""

    def __init__(
        self,
        method: str,
        scheme: str,
        host: str,
        port: int,
        path: str,
        headers: Headers,
        raw_content: bytes | None,
    ) -> None:
        super().__init__(headers, raw_content)
        self.method = method
        self.scheme = scheme
        self._host = host
        self._port = port
        self.path = path

    @classmethod
    def make(cls, method: str, url: str, content: bytes | str = b"", headers: "HeadersLike" = ()) -> "Request":
        """A request of one's own."""
        request = cls(method.upper(), "http", "", 80, "/", _headers(headers), b"")
        request.url = url
        _fill(request, content)
        return request

    @property
    def host(self) -> str:
        """Where it goes."""
        return self._host

    @host.setter
    def host(self, value: str) -> None:
        self._host = value
        self._renew_host_header()

    @property
    def port(self) -> int:
        """Where it goes."""
        return self._port

    @port.setter
    def port(self, value: int) -> None:
        self._port = value
        self._renew_host_header()

    def _renew_host_header(self) -> None:
        if "host" in self.headers:
            self.headers["host"] = self._authority()

    def _authority(self) -> str:
        host = f"[{self._host}]" if ":" in self._host else self._host
        return host if self._port == _DEFAULT_PORTS.get(self.scheme) else f"{host}:{self._port}"

    @property
    def host_header(self) -> str | None:
        """What the client says where it goes."""
        return self.headers.get("host")

    @host_header.setter
    def host_header(self, value: str) -> None:
        self.headers["host"] = value

    @property
    def pretty_host(self) -> str:
        """By the Host field where there is one."""
        named = urlsplit(f"//{self.headers.get('host', '')}").hostname
        return named or self._host

    @property
    def url(self) -> str:
        """All of it."""
        return f"{self.scheme}://{self._authority()}{self.path}"

    @url.setter
    def url(self, value: str) -> None:
        parts = urlsplit(value)
        if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
            raise ValueError(f"no URL: {value}")
        self.scheme = parts.scheme
        self._host, self._port = parts.hostname, parts.port or _DEFAULT_PORTS[parts.scheme]
        self.path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._renew_host_header()

    @property
    def pretty_url(self) -> str:
        """All of it, by the Host field where there is one."""
        return f"{self.scheme}://{self.headers.get('host') or self._authority()}{self.path}"

    @property
    def path_components(self) -> tuple[str, ...]:
        """The path's segments, decoded."""
        return tuple(unquote(part) for part in self.path.partition("?")[0].split("/") if part)

    @path_components.setter
    def path_components(self, parts: Iterable[str]) -> None:
        _, mark, query = self.path.partition("?")
        self.path = "/" + "/".join(quote(part, safe="") for part in parts) + mark + query

    @property
    def query(self) -> MultiDictView:
        """The query's names and values, to be changed in place."""
        return MultiDictView(self._query, self._set_query)

    @query.setter
    def query(self, pairs: "Mapping[str, str] | Iterable[tuple[str, str]]") -> None:
        self._set_query(_pairs(pairs))

    def _query(self) -> tuple[tuple[str, str], ...]:
        return tuple(parse_qsl(self.path.partition("?")[2], keep_blank_values=True))

    def _set_query(self, pairs: tuple[tuple[str, str], ...]) -> None:
        path = self.path.partition("?")[0]
        self.path = f"{path}?{urlencode(pairs)}" if pairs else path

    @property
    def urlencoded_form(self) -> MultiDictView:
        """The fields of a form, to be changed in place; empty where the body is none."""
        return MultiDictView(self._form, self._set_form)

    @urlencoded_form.setter
    def urlencoded_form(self, pairs: "Mapping[str, str] | Iterable[tuple[str, str]]") -> None:
        self._set_form(_pairs(pairs))

    def _form(self) -> tuple[tuple[str, str], ...]:
        if not self.headers.get("content-type", "").lower().startswith("application/x-www-form-urlencoded"):
            return ()
        return tuple(parse_qsl(self.get_text(strict=False) or "", keep_blank_values=True))

    def _set_form(self, pairs: tuple[tuple[str, str], ...]) -> None:
        self.headers["content-type"] = "application/x-www-form-urlencoded"
        self.content = urlencode(pairs).encode("ascii")

    @property
    def cookies(self) -> MultiDictView:
        """What the client sends, to be changed in place."""
        return MultiDictView(self._cookies, self._set_cookies)

    @cookies.setter
    def cookies(self, pairs: "Mapping[str, str] | Iterable[tuple[str, str]]") -> None:
        self._set_cookies(_pairs(pairs))

    def _cookies(self) -> tuple[tuple[str, str], ...]:
        crumbs = [crumb for line in self.headers.get_all("cookie") for crumb in line.split(";")]
        parted = [crumb.strip().partition("=") for crumb in crumbs if crumb.strip()]
        return tuple((name, value) for name, _, value in parted)

    def _set_cookies(self, pairs: tuple[tuple[str, str], ...]) -> None:
        self.headers.set_all("cookie", ["; ".join(f"{name}={value}" for name, value in pairs)] if pairs else [])

    def anticache(self) -> None:
        """Don't let the origin say that nothing has changed."""
        for name in ("if-modified-since", "if-none-match"):
            self.headers.pop(name, None)

    def anticomp(self) -> None:
        """Ask for no content coding."""
        self.headers["accept-encoding"] = "identity"


class Response(Message):
    """What the client gets."""

    def __init__(self, status_code: int, headers: Headers, raw_content: bytes | None) -> None:
        super().__init__(headers, raw_content)
        self.status_code = status_code

    @classmethod
    def make(cls, status_code: int = 200, content: bytes | str = b"", headers: "HeadersLike" = ()) -> "Response":
        """A response of one's own."""
        response = cls(status_code, _headers(headers), b"")
        _fill(response, content)
        return response

    @property
    def reason(self) -> str:
        """What a status is called; each side says it as its protocol does."""
        try:
            return HTTPStatus(self.status_code).phrase
        except ValueError:
            return ""


HeadersLike = Headers | Mapping[str, str] | Iterable[tuple[bytes, bytes]]


def _headers(given: HeadersLike) -> Headers:
    if isinstance(given, Headers):
        return given
    if isinstance(given, Mapping):
        made = Headers()
        for name, value in given.items():
            made.add(name, value)
        return made
    return Headers(given)


def _fill(message: Message, content: bytes | str) -> None:
    if isinstance(content, str):
        message.text = content
    else:
        message.content = content


def _pairs(given: Mapping[str, str] | Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    return tuple(given.items()) if isinstance(given, Mapping) else tuple(given)


def _undone(data: bytes, coding: str) -> bytes:
    """Raises ValueError and what the decoders raise."""
    if coding in ("", "identity"):
        return data
    if coding in ("gzip", "x-gzip", "deflate"):
        if coding == "deflate":
            # RFC 9110 §8.4.1.2: zlib's format is meant; some send the bare stream.
            try:
                return _bounded(zlib.decompressobj(), data)
            except zlib.error:
                return _bounded(zlib.decompressobj(-zlib.MAX_WBITS), data)
        return _bounded(zlib.decompressobj(zlib.MAX_WBITS | 16), data)
    raise ValueError(f"no decoder for {coding}")


def _bounded(decoder: "zlib._Decompress", data: bytes) -> bytes:
    decoded = decoder.decompress(data, _LONGEST_DECODED)
    if not decoder.eof:
        raise ValueError("the body is cut short, or too large when it is decoded")
    return decoded
