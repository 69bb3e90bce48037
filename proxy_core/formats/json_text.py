"""JSON laid out for reading, token by token: nothing is parsed into numbers or objects.

So spelling of numbers, duplicate keys and order stay, depth costs no recursion, and what is not quite JSON is laid out
as far as it goes. Each line that opens an object or array knows the line that closes it.
"""

import re
from functools import lru_cache
from typing import NamedTuple

INDENT = "  "
# A string without an end goes on to the end of the text: to try again at each quote would cost the square. What is no
# blank of JSON (a no-break space, say) is a mistake that must stay.
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)|[{}\[\],:]|[^ \t\r\n{}\[\],:"]++', re.DOTALL)
_LINE_END = re.compile(r"\r\n?|\n")  # in a string JSON has none; some writers do
_BEHIND_A_VALUE = (",", ":", "}", "]")
_DEEPEST_INDENT = 60  # deeper levels are not moved further to the right
_SHARED_LENGTH = 16


class Layout(NamedTuple):
    """Lines, and for a line that opens something the line that closes it."""

    lines: list[str]
    folds: dict[int, int]


def looks_like_json(text: str) -> bool:
    """Whether a text without a telling media type is worth laying out as JSON."""
    start = text.lstrip()[:1]
    end = text.rstrip()[-1:]
    return (start, end) in (("{", "}"), ("[", "]"))


def indented(text: str, depth: int) -> str:
    """A line at its depth. Short lines that come again are one string: 4 MB of brackets would be 700 otherwise."""
    depth = min(depth, _DEEPEST_INDENT)
    return _shared(text, depth) if len(text) <= _SHARED_LENGTH else INDENT * depth + text


@lru_cache(maxsize=1024)
def _shared(text: str, depth: int) -> str:
    return INDENT * depth + text


def lay_out_json(text: str) -> Layout:
    """One member or item a line; empty objects and arrays on one."""
    lines: list[str] = []
    folds: dict[int, int] = {}
    opened: list[int] = []
    line: list[str] = []
    depth = 0
    tokens = _TOKEN.findall(text)

    def flush() -> None:
        if line:
            whole = indented("".join(line), depth)
            if "\n" in whole or "\r" in whole:
                lines.extend(_LINE_END.split(whole))
            else:
                lines.append(whole)
            line.clear()

    position = 0
    while position < len(tokens):
        token = tokens[position]
        if line and line[-1] != ": " and token not in _BEHIND_A_VALUE:
            flush()  # a value behind a value: lines of JSON, or what is not quite JSON
        if token in "{[":
            closing = "}" if token == "{" else "]"
            if position + 1 < len(tokens) and tokens[position + 1] == closing:
                line.append(token + closing)
                position += 2
                continue
            line.append(token)
            flush()
            opened.append(len(lines) - 1)
            depth += 1
        elif token in "}]":
            flush()
            depth = max(depth - 1, 0)
            line.append(token)
            if opened:
                folds[opened.pop()] = len(lines)
        elif token == ",":
            line.append(token)
            flush()
        elif token == ":":
            line.append(": ")
        else:
            line.append(token)
        position += 1
    flush()
    return Layout(lines, folds)
