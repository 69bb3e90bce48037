"""When a rule applies: its filter asked of messages as they were received, at the first point where all is known.

What isn't known yet is neither so nor not so; a condition that is undecided at a point is asked again at the next.
"""

from fnmatch import fnmatchcase

import regex

from proxy_core.model.effects.effect import Point
from proxy_core.model.effects.replacement import HEAD_PATTERN_S
from proxy_core.model.endpoint import authority_text
from proxy_core.model.filter import And, Filter, FilterError, Not, Operator, Or, Term, Word, parse_filter
from proxy_core.model.message import Message
from proxy_core.model.message_head import to_text

_KNOWN = ("method", "scheme", "host", "port", "path", "url", "status", "type")


class Condition:
    """One rule's."""

    def __init__(self, text: str) -> None:
        """Raises FilterError."""
        self._filter = parse_filter(text)
        _check(self._filter)
        self.point = _point_of(self._filter)

    def is_met(self, request: Message, response: Message | None) -> bool:
        """Whether these messages are meant; `request` as received."""
        return _value(self._filter, request, response) is True

    def may_mean(self, host: str) -> bool:
        """Whether anything at this host can be meant."""
        return _value_for_host(self._filter, host) is not False


def _check(query: Filter) -> None:
    """Is all of it known while there is something to be done? Raises FilterError."""
    match query:
        case Word(text=text):
            raise FilterError(f"A rule looks for words in a place that is named: write «url:{text}».", 0)
        case Term(key=key) if key not in _KNOWN:
            raise FilterError(f"«{key}» is not known while a rule could act; what is: {', '.join(_KNOWN)}.", 0)
        case Term():
            pass
        case Not(inner=inner):
            _check(inner)
        case And(parts=parts) | Or(parts=parts):
            for part in parts:
                _check(part)


def _point_of(query: Filter) -> Point:
    match query:
        case Term(key="status" | "type"):
            return Point.RESPONSE_HEAD
        case Term():
            return Point.REQUEST_HEAD
        case Not(inner=inner):
            return _point_of(inner)
        case And(parts=parts) | Or(parts=parts):
            return max(map(_point_of, parts), default=Point.REQUEST_HEAD)
        case Word():  # refused by `_check`
            return Point.REQUEST_HEAD


def _value_for_host(query: Filter, host: str) -> bool | None:
    match query:
        case Term(key="host"):
            return _compare(query, host)
        case Not(inner=inner):
            found = _value_for_host(inner, host)
            return None if found is None else not found
        case And(parts=parts):
            return _all([_value_for_host(part, host) for part in parts])
        case Or(parts=parts):
            return _any([_value_for_host(part, host) for part in parts])
        case _:
            return None


def _value(query: Filter, request: Message, response: Message | None) -> bool | None:
    match query:
        case Term():
            text = _text_of(query.key, request, response)
            return None if text is None else _compare(query, text)
        case Word():
            return None  # refused by `_check`
        case Not(inner=inner):
            found = _value(inner, request, response)
            return None if found is None else not found
        case And(parts=parts):
            return _all([_value(part, request, response) for part in parts])
        case Or(parts=parts):
            return _any([_value(part, request, response) for part in parts])


def _all(values: list[bool | None]) -> bool | None:
    return False if False in values else None if None in values else True


def _any(values: list[bool | None]) -> bool | None:
    return True if True in values else None if None in values else False


def _text_of(key: str, request: Message, response: Message | None) -> str | None:
    match key:
        case "method":
            return request.method.decode("latin-1")
        case "scheme":
            return request.scheme
        case "host":
            return request.host
        case "port":
            return str(request.port)
        case "path":
            return to_text(request.target)
        case "url":
            return _url(request)
        case "status":
            return str(response.status) if response is not None else None
        case "type":
            return to_text(response.value(b"content-type") or b"") if response is not None else None
        case _:
            return None


def _url(request: Message) -> str:
    return f"{request.scheme}://{authority_text(request.scheme, request.host, request.port)}{to_text(request.target)}"


def _compare(term: Term, text: str) -> bool:
    wanted, text = term.value.lower(), text.lower()
    match term.operator:
        case Operator.REGEX:
            try:
                return regex.search(term.value, text, regex.IGNORECASE, timeout=HEAD_PATTERN_S) is not None
            except (TimeoutError, regex.error):  # the grammar has asked `re` whether it is one
                return False
        case Operator.IS:
            return text == wanted
        case Operator.HAS:
            if term.key == "status":
                return fnmatchcase(text, wanted.replace("xx", "??"))
            if "*" in wanted or "?" in wanted:
                return fnmatchcase(text, wanted)
            return wanted in text
        case Operator.AT_LEAST:
            return int(text) >= int(wanted)
        case Operator.AT_MOST:
            return int(text) <= int(wanted)
        case Operator.MORE:
            return int(text) > int(wanted)
        case Operator.LESS:
            return int(text) < int(wanted)
