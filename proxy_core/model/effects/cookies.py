"""Changes to single cookies: in a request's Cookie, or among the Set-Cookie fields of a response."""

import re
from typing import ClassVar

from proxy_core.model.effects.effect import Mistake, Point
from proxy_core.model.effects.headers import value_mistake
from proxy_core.model.effects.named_edits import NamedEdits

_NAME = re.compile(r"[^\x00-\x20\x7f=;,\"]+")


class _Cookies(NamedEdits, frozen=True):
    def mistakes(self) -> list[Mistake]:
        found = []
        for name, value in self.set.items():
            has_attributes = self.POINT.is_of_response
            if not _NAME.fullmatch(name) or value_mistake(value) or (";" in value and not has_attributes):
                found.append(Mistake(("set", name), f"«{name}» can't be such a cookie."))
        return found + super().mistakes()


class RequestCookies(_Cookies, frozen=True, tag="req.cookies"):
    """What the client sends."""

    KEY: ClassVar[str] = "req.cookies"
    WHAT: ClassVar[str] = "request cookie"
    POINT: ClassVar[Point] = Point.REQUEST_HEAD


class ResponseCookies(_Cookies, frozen=True, tag="res.cookies"):
    """What the client is to keep; a value may have attributes behind it: `"1; Path=/; Secure"`."""

    KEY: ClassVar[str] = "res.cookies"
    WHAT: ClassVar[str] = "response cookie"
    POINT: ClassVar[Point] = Point.RESPONSE_HEAD
