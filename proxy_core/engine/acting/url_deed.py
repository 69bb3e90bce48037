"""Sending a request elsewhere, or asking for something else there."""

from urllib.parse import quote, unquote_plus

import regex

from proxy_core.engine.acting.deed import PASS, Deed, Making, Turn
from proxy_core.engine.exchange.point import Decision, Replace
from proxy_core.model.effects.replacement import HEAD_PATTERN_S, fault_text
from proxy_core.model.effects.url import MapTo, RequestMethod, RequestQuery, RequestUrl, Url, fill, read_url
from proxy_core.model.endpoint import authority_text
from proxy_core.model.filter import And, Filter, Operator, Or, Term, parse_filter
from proxy_core.model.message import Message
from proxy_core.model.message_head import to_text


def url_text(request: Message) -> str:
    """The URL that a request asks for."""
    return f"{request.scheme}://{authority_text(request.scheme, request.host, request.port)}{to_text(request.target)}"


class UrlDeed(Deed):
    """Another URL."""

    leads_elsewhere = True

    def __init__(self, effect: RequestUrl, _making: Making) -> None:
        self._set = effect.set
        self._replace = [(each.pattern(), each.put) for each in effect.replace]

    def at_request_head(self, request: Message, turn: Turn) -> Decision:
        text = before = url_text(request)
        try:
            text = self._set or text
            for pattern, put in self._replace:
                text = pattern.sub(put, text, timeout=HEAD_PATTERN_S)
            if text == before:
                return PASS
            url = read_url(text)
        except (TimeoutError, regex.error, IndexError, ValueError) as error:
            turn.fail(f"leaves the URL as it is: {fault_text(error)}")
            return PASS
        turn.say(f"goes to {text}")
        return Replace(_sent_to(request, url))


def _sent_to(request: Message, url: Url) -> Message:
    return request._replace(scheme=url.scheme, host=url.host, port=url.port, target=url.target or b"/")


class QueryDeed(Deed):
    """Other parameters; those that aren't meant keep every byte."""

    def __init__(self, effect: RequestQuery, _making: Making) -> None:
        self._said = effect.explain()
        self._set = effect.set
        self._add = effect.add
        self._removed = frozenset(effect.remove)
        self._replace = [(each.name, each.pattern(), each.put) for each in effect.replace]

    def at_request_head(self, request: Message, turn: Turn) -> Decision:
        path, mark, query = request.target.partition(b"?")
        pairs = [(_name(part), part) for part in query.split(b"&")] if query else []
        pairs = [pair for pair in pairs if pair[0] not in self._removed]
        for name, value in self._set.items():
            places = [number for number, (each, _) in enumerate(pairs) if each == name]
            if places:
                pairs[places[0]] = name, _written(name, value)
                for place in reversed(places[1:]):
                    del pairs[place]
            else:
                pairs.append((name, _written(name, value)))
        pairs += [(name, _written(name, value)) for name, value in self._add.items()]
        try:
            pairs = [(name, self._replaced(name, part)) for name, part in pairs]
        except (TimeoutError, regex.error, IndexError) as error:
            turn.fail(f"replaces nothing in the query: {fault_text(error)}")
        target = path + b"?" + b"&".join([part for _, part in pairs]) if pairs else path
        if target == request.target or (not pairs and not query and mark):
            return PASS
        turn.say(self._said)
        return Replace(request._replace(target=target))

    def _replaced(self, name: str, part: bytes) -> bytes:
        for meant, pattern, put in self._replace:
            if meant == name:
                value = unquote_plus(part.partition(b"=")[2].decode("latin-1"))
                changed = pattern.sub(put, value, timeout=HEAD_PATTERN_S)
                if changed != value:
                    part = _written(name, changed)
        return part


def _name(part: bytes) -> str:
    return unquote_plus(part.partition(b"=")[0].decode("latin-1"))


def _written(name: str, value: str) -> bytes:
    return f"{quote(name, safe='')}={quote(value, safe='', errors='replace')}".encode("ascii")


class MethodDeed(Deed):
    """Another method."""

    def __init__(self, effect: RequestMethod, _making: Making) -> None:
        self._said = effect.explain()
        self._method = effect.set.encode("ascii")

    def at_request_head(self, request: Message, turn: Turn) -> Decision:
        if request.method in (self._method, b"CONNECT"):
            return PASS
        turn.say(self._said)
        return Replace(request._replace(method=self._method))


class MapToDeed(Deed):
    """Another origin."""

    leads_elsewhere = True

    def __init__(self, effect: MapTo, making: Making) -> None:
        self._template = effect.url
        self._keeps_host = effect.keep_host
        self._pattern = _first_pattern(parse_filter(making.when))

    def at_request_head(self, request: Message, turn: Turn) -> Decision:
        path, _, query = to_text(request.target).partition("?")
        groups: tuple[str | None, ...] = ()
        try:
            if self._pattern is not None and (found := self._search(request)) is not None:
                groups = tuple(found.groups())
            url = read_url(fill(self._template, path, query, groups))
        except (TimeoutError, ValueError) as error:
            turn.fail(f"goes where it would: {fault_text(error)}")
            return PASS
        if not url.target:
            url = url._replace(target=request.target)
        if url == (request.scheme, request.host, request.port, request.target):
            return PASS
        turn.say(f"goes to {url.scheme}://{authority_text(url.scheme, url.host, url.port)}{to_text(url.target)}")
        return Replace(_sent_to(request, url), keeps_host=self._keeps_host)

    def _search(self, request: Message) -> "regex.Match[str] | None":
        assert self._pattern is not None
        key, pattern = self._pattern
        text = to_text(request.target) if key == "path" else url_text(request)
        return pattern.search(text, timeout=HEAD_PATTERN_S)


def _first_pattern(query: Filter) -> "tuple[str, regex.Pattern[str]] | None":
    """The first regular expression about path or URL in a condition: its groups are `{1}`, `{2}`."""
    match query:
        case Term(key="path" | "url" as key, operator=Operator.REGEX, value=value):
            return key, regex.compile(value, regex.IGNORECASE)
        case And(parts=parts) | Or(parts=parts):
            return next((found for part in parts if (found := _first_pattern(part)) is not None), None)
        case _:
            return None
