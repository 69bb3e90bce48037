"""Changes to header fields: set, add, remove, and replace by a regular expression.

`set` puts one field in the place of all of that name, `add` appends, `remove` takes all of that name away. How a
message is framed, and what its connection is, is never a rule's to say.
"""

from typing import ClassVar

import msgspec

from proxy_core.model.effects.effect import Effect, Mistake, Point
from proxy_core.model.effects.replacement import NamedReplacement

# RFC 9112 §6, RFC 9110 §7.6.1: these say how the message lies on our own connection.
OURS = frozenset(
    ("content-length", "transfer-encoding", "connection", "keep-alive", "proxy-connection", "upgrade", "te")
)
_TOKEN = frozenset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")  # RFC 9110 §5.6.2


class Headers(Effect, frozen=True):
    """What the effects of request and response share."""

    set: dict[str, str] = msgspec.field(default_factory=dict)
    add: dict[str, str] = msgspec.field(default_factory=dict)
    remove: tuple[str, ...] = ()
    replace: tuple[NamedReplacement, ...] = ()

    def mistakes(self) -> list[Mistake]:
        found = []
        for member, fields in (("set", self.set), ("add", self.add)):
            for name, value in fields.items():
                text = name_mistake(name) or value_mistake(value)
                if text:
                    found.append(Mistake((member, name), text))
        for number, name in enumerate(self.remove):
            if text := name_mistake(name):
                found.append(Mistake(("remove", number), text))
        for number, each in enumerate(self.replace):
            text = name_mistake(each.name) or each.mistake()
            if text:
                found.append(Mistake(("replace", number), text))
        if not (self.set or self.add or self.remove or self.replace):
            found.append(Mistake((), "It says neither set nor add, remove or replace."))
        return found

    def explain(self) -> str:
        side = "response" if self.POINT.is_of_response else "request"
        parts = [f"sets {side} header {name}" for name in self.set]
        parts += [f"adds {side} header {name}" for name in self.add]
        parts += [f"removes {side} header {name}" for name in self.remove]
        parts += [f"replaces in {side} header {each.name}" for each in self.replace]
        return ", ".join(parts)


class RequestHeaders(Headers, frozen=True, tag="req.headers"):
    """Changes what the origin is told."""

    KEY: ClassVar[str] = "req.headers"
    POINT: ClassVar[Point] = Point.REQUEST_HEAD


class ResponseHeaders(Headers, frozen=True, tag="res.headers"):
    """Changes what the client is told."""

    KEY: ClassVar[str] = "res.headers"
    POINT: ClassVar[Point] = Point.RESPONSE_HEAD


def name_mistake(name: str) -> str:
    """Why a header can't be called that, or is no rule's affair; else ""."""
    if not name or not _TOKEN.issuperset(name):
        return f"«{name}» can't be the name of a header."
    if name.lower() in OURS:
        return f"{name} says how a message is sent, which no rule can change."
    return ""


def value_mistake(value: str) -> str:
    """Why it can't be a header's value, else ""."""
    if any(char != "\t" and (char < " " or char == "\x7f") for char in value):
        return "A header's value has no line ends and no control characters."
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return "A header's value is text."
    return ""


def header_fields(fields: dict[str, str]) -> tuple[tuple[bytes, bytes], ...]:
    """As they are on the wire."""
    return tuple((name.encode("ascii"), value.strip(" \t").encode("utf-8")) for name, value in fields.items())
