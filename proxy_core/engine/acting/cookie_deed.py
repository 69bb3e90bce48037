"""Changing single cookies; the others keep their bytes and their order."""

import regex

from proxy_core.engine.acting.deed import PASS, Deed, Making, Turn
from proxy_core.engine.exchange.point import Decision, Replace
from proxy_core.model.effects.cookies import RequestCookies, ResponseCookies
from proxy_core.model.effects.replacement import HEAD_PATTERN_S, fault_text
from proxy_core.model.message import Message
from proxy_core.model.message_head import Field, to_text

_FAULTS = (TimeoutError, regex.error, IndexError)


class RequestCookieDeed(Deed):
    """In Cookie fields, which become one where something in them changes."""

    def __init__(self, effect: RequestCookies, _making: Making) -> None:
        self._said = effect.explain()
        self._set = effect.set
        self._removed = frozenset(effect.remove)
        self._replace = [(each.name, each.pattern(), each.put) for each in effect.replace]

    def at_request_head(self, request: Message, turn: Turn) -> Decision:
        before = [
            part.strip() for name, value in request.fields if name.lower() == b"cookie" for part in value.split(b";")
        ]
        cookies = [part for part in before if _name(part) not in self._removed]
        for name, value in self._set.items():
            places = [number for number, part in enumerate(cookies) if _name(part) == name]
            written = f"{name}={value}".encode()
            if places:
                cookies[places[0]] = written
            else:
                cookies.append(written)
        try:
            cookies = [_replaced(part, self._replace) for part in cookies]
        except _FAULTS as error:
            turn.fail(f"replaces nothing in cookies: {fault_text(error)}")
        if cookies == before:
            return PASS
        turn.say(self._said)
        fields: list[Field] = []
        whole = b"; ".join(cookies)
        for field in request.fields:
            if field[0].lower() != b"cookie":
                fields.append(field)
            elif whole:
                fields.append((field[0], whole))
                whole = b""
        if whole:
            fields.append((b"Cookie", whole))
        return Replace(request._replace(fields=tuple(fields)))


class ResponseCookieDeed(Deed):
    """In Set-Cookie fields."""

    def __init__(self, effect: ResponseCookies, _making: Making) -> None:
        self._said = effect.explain()
        self._set = effect.set
        self._gone = frozenset((*effect.remove, *effect.set))
        self._replace = [(each.name, each.pattern(), each.put) for each in effect.replace]

    def at_response_head(self, response: Message, turn: Turn) -> Decision:
        fields = [field for field in response.fields if not (_is_cookie(field) and _name(field[1]) in self._gone)]
        fields += [(b"Set-Cookie", f"{name}={value}".encode()) for name, value in self._set.items()]
        try:
            fields = [
                (field[0], _replaced(field[1], self._replace)) if _is_cookie(field) else field for field in fields
            ]
        except _FAULTS as error:
            turn.fail(f"replaces nothing in cookies: {fault_text(error)}")
        if tuple(fields) == response.fields:
            return PASS
        turn.say(self._said)
        return Replace(response._replace(fields=tuple(fields)))


def _is_cookie(field: Field) -> bool:
    return field[0].lower() == b"set-cookie"


def _name(cookie: bytes) -> str:
    return to_text(cookie.partition(b"=")[0].strip())


def _replaced(cookie: bytes, replacements: "list[tuple[str, regex.Pattern[str], str]]") -> bytes:
    """With its value changed, where that is meant; attributes stay."""
    name, sign, rest = cookie.partition(b"=")
    value, mark, attributes = rest.partition(b";")
    for meant, pattern, put in replacements:
        if meant == to_text(name.strip()):
            value = pattern.sub(put, to_text(value), timeout=HEAD_PATTERN_S).encode("utf-8", "replace")
    return name + sign + value + mark + attributes
