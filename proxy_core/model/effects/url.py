r"""Changes to where a request goes and what it asks for there: URL, query, method, and another origin (`to`).

req.url.replace = [{ find = "/v1/", with = "/v2/" }]
req.query.set = { debug = "1" }
req.method = "POST"
to = "https://staging.shop.test:8443"           # the path stays
to = { url = "http://localhost:3000/api{path}?{query}", keep_host = true }
"""

import re
from typing import ClassVar, NamedTuple, Self
from urllib.parse import quote, urlsplit

import msgspec

from proxy_core.model.effects.effect import Effect, Mistake, Point
from proxy_core.model.effects.headers import name_mistake
from proxy_core.model.effects.named_edits import NamedEdits
from proxy_core.model.effects.replacement import Replacement
from proxy_core.model.endpoint import DEFAULT_PORTS

_IN_TARGET = "%/?:@!$&'()*+,;=-._~[]|{}^`\""  # what is sent as it is written; the rest is encoded
_PLACEHOLDER = re.compile(r"\{(path|query|[0-9]{1,2})\}")


class Url(NamedTuple):
    """Where a URL leads."""

    scheme: str
    host: str  # without brackets, lower case
    port: int
    target: bytes  # path and query, "" where it has neither


def read_url(text: str) -> Url:
    """Take a URL apart; what can't stand in it is encoded. Raises ValueError with half a sentence."""
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise ValueError(f"it is no URL ({error})") from None
    if parts.scheme not in DEFAULT_PORTS:
        raise ValueError("it begins with neither http:// nor https://")
    if not host or parts.username is not None or not host.isascii() or " " in host:
        raise ValueError("it names no host")
    target = quote(parts.path, safe=_IN_TARGET, errors="replace")
    if parts.query:
        target += "?" + quote(parts.query, safe=_IN_TARGET, errors="replace")
    if target and not target.startswith("/"):
        target = f"/{target}"
    return Url(parts.scheme, host, port or DEFAULT_PORTS[parts.scheme], target.encode("ascii"))


def fill(template: str, path: str, query: str, groups: tuple[str | None, ...]) -> str:
    """With what a request brings in the place of `{path}`, `{query}`, `{1}`."""

    def value(match: re.Match[str]) -> str:
        name = match[1]
        if name == "path":
            return path
        if name == "query":
            return query
        number = int(name)
        return (groups[number - 1] or "") if 1 <= number <= len(groups) else ""

    return _PLACEHOLDER.sub(value, template).removesuffix("?")


class RequestUrl(Effect, frozen=True, tag="req.url"):
    """Another URL, or a part of it replaced."""

    KEY: ClassVar[str] = "req.url"
    POINT: ClassVar[Point] = Point.REQUEST_HEAD

    set: str = ""
    replace: tuple[Replacement, ...] = ()

    def mistakes(self) -> list[Mistake]:
        found = []
        if self.set:
            try:
                read_url(self.set)
            except ValueError as error:
                found.append(Mistake(("set",), f"«{self.set}»: {error}."))
        found += [
            Mistake(("replace", number), text) for number, each in enumerate(self.replace) if (text := each.mistake())
        ]
        if not (self.set or self.replace):
            found.append(Mistake((), "It says neither set nor replace."))
        return found

    def explain(self) -> str:
        return f"goes to {self.set}" if self.set else "replaces in the URL"


class RequestQuery(NamedEdits, frozen=True, tag="req.query"):
    """Parameters of the query."""

    KEY: ClassVar[str] = "req.query"
    WHAT: ClassVar[str] = "query parameter"
    POINT: ClassVar[Point] = Point.REQUEST_HEAD

    add: dict[str, str] = msgspec.field(default_factory=dict)


class RequestMethod(Effect, frozen=True, tag="req.method"):
    """Another method."""

    KEY: ClassVar[str] = "req.method"
    POINT: ClassVar[Point] = Point.REQUEST_HEAD

    set: str

    @classmethod
    def from_file(cls, value: object) -> Self:
        """The method alone will do."""
        return msgspec.convert({"set": value} if isinstance(value, str) else value, cls)

    def mistakes(self) -> list[Mistake]:
        if name_mistake(self.set) or self.set == "CONNECT":
            return [Mistake((), f"«{self.set}» can't be a method here.")]
        return []

    def explain(self) -> str:
        return f"uses method {self.set}"


class MapTo(Effect, frozen=True, tag="to"):
    """Another origin, whose certificate is verified for its own name."""

    KEY: ClassVar[str] = "to"
    POINT: ClassVar[Point] = Point.REQUEST_HEAD

    url: str  # without a path: the request's own; else with `{path}`, `{query}` and, of the condition's regex, `{1}`
    keep_host: bool = False  # tell the origin the Host that the client has named

    @classmethod
    def from_file(cls, value: object) -> Self:
        """The URL alone will do."""
        return msgspec.convert({"url": value} if isinstance(value, str) else value, cls)

    def mistakes(self) -> list[Mistake]:
        try:
            read_url(fill(self.url, "/path", "query", ()))
        except ValueError as error:
            return [Mistake((), f"«{self.url}»: {error}.")]
        return []

    def explain(self) -> str:
        return f"goes to {self.url}{', Host kept' if self.keep_host else ''}"
