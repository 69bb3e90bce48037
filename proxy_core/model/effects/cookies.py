"""Changes to single cookies: in a request's Cookie, or among the Set-Cookie fields of a response."""

import re
from typing import ClassVar

import msgspec

from proxy_core.model.effects.effect import Effect, Mistake, Point
from proxy_core.model.effects.headers import value_mistake
from proxy_core.model.effects.replacement import NamedReplacement

_NAME = re.compile(r"[^\x00-\x20\x7f=;,\"]+")


class _Cookies(Effect, frozen=True):
    set: dict[str, str] = msgspec.field(default_factory=dict)
    remove: tuple[str, ...] = ()
    replace: tuple[NamedReplacement, ...] = ()

    def mistakes(self) -> list[Mistake]:
        found = []
        for name, value in self.set.items():
            has_attributes = self.POINT.is_of_response
            if not _NAME.fullmatch(name) or value_mistake(value) or (";" in value and not has_attributes):
                found.append(Mistake(("set", name), f"«{name}» can't be such a cookie."))
        for number, each in enumerate(self.replace):
            if text := each.mistake():
                found.append(Mistake(("replace", number), text))
        if not (self.set or self.remove or self.replace):
            found.append(Mistake((), "It says neither set nor remove or replace."))
        return found

    def explain(self) -> str:
        side = "response" if self.POINT.is_of_response else "request"
        parts = [f"sets {side} cookie {name}" for name in self.set]
        parts += [f"removes {side} cookie {name}" for name in self.remove]
        parts += [f"replaces in {side} cookie {each.name}" for each in self.replace]
        return ", ".join(parts)


class RequestCookies(_Cookies, frozen=True, tag="req.cookies"):
    """What the client sends."""

    KEY: ClassVar[str] = "req.cookies"
    POINT: ClassVar[Point] = Point.REQUEST_HEAD


class ResponseCookies(_Cookies, frozen=True, tag="res.cookies"):
    """What the client is to keep; a value may have attributes behind it: `"1; Path=/; Secure"`."""

    KEY: ClassVar[str] = "res.cookies"
    POINT: ClassVar[Point] = Point.RESPONSE_HEAD
