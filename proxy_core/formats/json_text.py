"""JSON laid out for reading, token by token: nothing is parsed into numbers or objects.

So spelling of numbers, duplicate keys and order stay, depth costs no recursion, and what is not quite JSON is laid out
as far as it goes. Each line that opens an object or array knows the line that closes it.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple

from proxy_core.formats.checkpoint import Checkpoint, never

INDENT = "  "
# A string without an end goes on to the end of the text: to try again at each quote would cost the square. What is no
# blank of JSON (a no-break space, say) is a mistake that must stay.
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)|[{}\[\],:]|[^ \t\r\n{}\[\],:"]++', re.DOTALL)
_LINE_END = re.compile(r"\r\n?|\n")  # in a string JSON has none; some writers do
_BEHIND_A_VALUE = (",", ":", "}", "]")
_DEEPEST_INDENT = 60  # deeper levels are not moved further to the right
_SHARED_LENGTH = 16
_STEPS = 8192  # tokens between two checkpoints: some milliseconds


class Layout(NamedTuple):
    """Lines, and for a line that opens something the line that closes it."""

    lines: list[str]
    folds: dict[int, int]
    line_ends: Mapping[int, str] = MappingProxyType({})  # of lines within a string that end with something else than LF


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


def lay_out_json(text: str, checkpoint: Checkpoint = never) -> Layout:
    """One member or item a line; empty objects and arrays on one."""
    writer = _Writer(checkpoint)
    line = writer.line
    waiting = ""  # an opening bracket, until it is known whether anything is inside
    steps = 0
    for match in _TOKEN.finditer(text):
        token = match[0]
        steps += 1
        if not steps % _STEPS:
            checkpoint()
        if waiting:
            if token == ("}" if waiting == "{" else "]"):
                line.append(waiting + token)
                waiting = ""
                continue
            writer.open(waiting)
            waiting = ""
        if line and line[-1] != ": " and token not in _BEHIND_A_VALUE:
            writer.flush()  # a value behind a value: lines of JSON, or what is not quite JSON
        if token in "{[":
            waiting = token
        elif token in "}]":
            writer.close(token)
        elif token == ",":
            line.append(token)
            writer.flush()
        elif token == ":":
            line.append(": ")
        else:
            line.append(token)
    if waiting:
        writer.open(waiting)
    writer.flush()
    return Layout(writer.lines, writer.folds, writer.line_ends)


class _Writer:
    """The lines so far, the one that is being put together, and the brackets that are open."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        self.lines: list[str] = []
        self.folds: dict[int, int] = {}
        self.line_ends: dict[int, str] = {}
        self.line: list[str] = []
        self._opened: list[int] = []
        self._depth = 0
        self._checkpoint = checkpoint

    def open(self, bracket: str) -> None:
        """A bracket that something follows."""
        self.line.append(bracket)
        self.flush()
        self._opened.append(len(self.lines) - 1)
        self._depth += 1

    def close(self, bracket: str) -> None:
        """A bracket that closes the last one that is open, whatever its kind."""
        self.flush()
        self._depth = max(self._depth - 1, 0)
        self.line.append(bracket)
        if self._opened:
            self.folds[self._opened.pop()] = len(self.lines)

    def flush(self) -> None:
        """End the line."""
        if not self.line:
            return
        whole = indented("".join(self.line), self._depth)
        self.line.clear()
        if "\n" in whole or "\r" in whole:
            self._write_lines(whole)
        else:
            self.lines.append(whole)

    def _write_lines(self, whole: str) -> None:
        """A string with line ends in it; which they were is kept for whoever copies it."""
        begin = 0
        for steps, end in enumerate(_LINE_END.finditer(whole), start=1):
            if not steps % _STEPS:
                self._checkpoint()
            if end[0] != "\n":
                self.line_ends[len(self.lines)] = end[0]
            self.lines.append(whole[begin : end.start()])
            begin = end.end()
        self.lines.append(whole[begin:])
