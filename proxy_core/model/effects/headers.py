"""Changes to header fields: set, add, remove, and replace by a regular expression.

`set` puts one field in the place of all of that name, `add` appends, `remove` takes all of that name away. How a
message is framed, and what its connection is, is never a rule's to say.
"""

from typing import ClassVar

import msgspec

from proxy_core.model.effects.effect import Mistake, Point
from proxy_core.model.effects.named_edits import NamedEdits

# RFC 9112 §6, RFC 9110 §7.6.1: these say how the message lies on our own connection.
OURS = frozenset(
    ("content-length", "transfer-encoding", "connection", "keep-alive", "proxy-connection", "upgrade", "te")
)
_TOKEN = frozenset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")  # RFC 9110 §5.6.2


class Headers(NamedEdits, frozen=True):
    """What the effects of request and response share."""

    add: dict[str, str] = msgspec.field(default_factory=dict)

    def name_mistake(self, name: str) -> str:
        return name_mistake(name)

    def mistakes(self) -> list[Mistake]:
        found = []
        for member, fields in (("set", self.set), ("add", self.add)):
            for name, value in fields.items():
                text = name_mistake(name) or value_mistake(value)
                if text:
                    found.append(Mistake((member, name), text))
        return found + super().mistakes()


class RequestHeaders(Headers, frozen=True, tag="req.headers"):
    """Changes what the origin is told."""

    KEY: ClassVar[str] = "req.headers"
    WHAT: ClassVar[str] = "request header"
    POINT: ClassVar[Point] = Point.REQUEST_HEAD


class ResponseHeaders(Headers, frozen=True, tag="res.headers"):
    """Changes what the client is told."""

    KEY: ClassVar[str] = "res.headers"
    WHAT: ClassVar[str] = "response header"
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
