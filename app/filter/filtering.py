"""What the filter bar means: its text and the buttons of resource types together as one filter. No Qt."""

import re
from typing import NamedTuple

from proxy_core.model.exchange import ResourceType
from proxy_core.model.filter import KEYS, And, Filter, FilterError, Operator, Or, Term, read_filter

# In the order of the buttons; the value is that of the filter language's key `type`.
TYPE_BUTTONS: tuple[tuple[ResourceType, str, str], ...] = (
    (ResourceType.DOCUMENT, "Doc", "doc"),
    (ResourceType.XHR, "XHR", "xhr"),
    (ResourceType.SCRIPT, "JS", "js"),
    (ResourceType.STYLESHEET, "CSS", "css"),
    (ResourceType.IMAGE, "Img", "img"),
    (ResourceType.FONT, "Font", "font"),
    (ResourceType.MEDIA, "Media", "media"),
    (ResourceType.WEBSOCKET, "WS", "ws"),
    (ResourceType.OTHER, "Other", "other"),
)
_PLAIN_VALUE = re.compile(r"[\w.:@%+~-]+")
_VALUES = {which: value for which, _, value in TYPE_BUTTONS}


class Wish(NamedTuple):
    """What a person wants to see, and what of their text was not understood as a filter."""

    filter: Filter | None  # None lets everything through
    mistake: FilterError | None


def combined_filter(text: str, types: frozenset[ResourceType]) -> Wish:
    """The filter of both."""
    parsed, mistake = read_filter(text)
    parts: list[Filter] = []
    if types:
        terms: list[Filter] = [Term("type", Operator.HAS, _VALUES[each]) for each in sorted(types)]
        parts.append(terms[0] if len(terms) == 1 else Or(tuple(terms)))
    if parsed != And(()):
        parts.append(parsed)
    if not parts:
        return Wish(None, mistake)
    return Wish(parts[0] if len(parts) == 1 else And(tuple(parts)), mistake)


def quoted(value: str) -> str:
    """A value as it may stand behind a key in the filter language."""
    if _PLAIN_VALUE.fullmatch(value):
        return value
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


_HIGHLIGHTS = re.compile(
    r"""(?P<key>(?<![\w.])[A-Za-z][A-Za-z.]*(?:>=|<=|[:=><]))|(?P<string>"(?:[^"\\]|\\.)*"?|(?<=[\s(:])/(?:[^/\\]|\\.)+/)"""
    r"|(?P<word>(?<!\S)(?:and|or|not)(?!\S))",
    re.VERBOSE | re.IGNORECASE,
)


class Highlight(NamedTuple):
    """A stretch of the filter's text in another colour."""

    start: int
    length: int
    role: str  # of theme.Roles


def highlights(text: str) -> list[Highlight]:
    """Where keys, strings and joining words stand."""
    roles = {"key": "accent", "string": "js", "word": "muted"}
    return [
        Highlight(match.start(), match.end() - match.start(), roles[match.lastgroup])
        for match in _HIGHLIGHTS.finditer(text)
        if match.lastgroup is not None and (match.lastgroup != "key" or match[0].rstrip(":=<>").lower() in KEYS)
    ]
