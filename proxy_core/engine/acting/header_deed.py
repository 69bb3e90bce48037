"""Changing header fields, in either message. The order of the fields, and every field that isn't meant, stays."""

import regex

from proxy_core.engine.acting.deed import PASS, Deed, Making, Turn
from proxy_core.engine.exchange.point import Decision, Replace
from proxy_core.model.effects.headers import Headers, RequestHeaders, ResponseHeaders, header_fields
from proxy_core.model.effects.replacement import HEAD_PATTERN_S, fault_text
from proxy_core.model.message import Message
from proxy_core.model.message_head import Field, to_text


class _HeaderDeed(Deed):
    def __init__(self, effect: Headers) -> None:
        self._said = effect.explain()
        self._set = [(name.lower(), (name, value)) for name, value in header_fields(effect.set)]
        self._add = header_fields(effect.add)
        self._removed = frozenset(name.lower().encode("ascii") for name in effect.remove)
        self._replace = [(each.name.lower().encode("ascii"), each.pattern(), each.put) for each in effect.replace]

    def change(self, message: Message, turn: Turn) -> Decision:
        fields = list(message.fields)
        if self._removed:
            fields = [field for field in fields if field[0].lower() not in self._removed]
        for name, field in self._set:
            _set_field(fields, name, field)
        fields += self._add
        for name, pattern, put in self._replace:
            try:
                _replace_in(fields, name, pattern, put)
            except (TimeoutError, regex.error, IndexError) as error:
                turn.fail(f"replaces nothing: {fault_text(error)}")
        if tuple(fields) == message.fields:
            return PASS
        turn.say(self._said)
        return Replace(message._replace(fields=tuple(fields)))


def _set_field(fields: list[Field], name: bytes, field: Field) -> None:
    """In the place of the first that is called so, or at the end."""
    places = [number for number, (each, _) in enumerate(fields) if each.lower() == name]
    if not places:
        fields.append(field)
        return
    fields[places[0]] = field
    for place in reversed(places[1:]):
        del fields[place]


def _replace_in(fields: list[Field], name: bytes, pattern: "regex.Pattern[str]", put: str) -> None:
    for number, (each, value) in enumerate(fields):
        if each.lower() == name:
            text = pattern.sub(put, to_text(value), timeout=HEAD_PATTERN_S)
            fields[number] = each, text.encode("utf-8", "surrogateescape")


class RequestHeaderDeed(_HeaderDeed):
    """In requests."""

    def __init__(self, effect: RequestHeaders, _making: Making) -> None:
        super().__init__(effect)

    def at_request_head(self, request: Message, turn: Turn) -> Decision:
        return self.change(request, turn)


class ResponseHeaderDeed(_HeaderDeed):
    """In responses."""

    def __init__(self, effect: ResponseHeaders, _making: Making) -> None:
        super().__init__(effect)

    def at_response_head(self, response: Message, turn: Turn) -> Decision:
        return self.change(response, turn)
