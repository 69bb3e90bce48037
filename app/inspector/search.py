"""Finding in lines, batch by batch, without regard to case. It looks at the original: a drawn break hides nothing."""

import re
from itertools import islice
from typing import NamedTuple

from app.inspector.lines import Lines, drawn, drawn_column

SOUGHT_LIMIT = 256  # characters: each may be compared at each place of a batch, and the window waits for it


class Find(NamedTuple):
    """Where something was found: columns of the line as drawn. `end` counts on over the lines in which it goes on."""

    line: int
    start: int
    end: int


class Span(NamedTuple):
    """The part of a find that lies in one drawn line."""

    line: int
    start: int
    end: int


class Search:
    """One search: `found` grows with each `go_on` until `is_over`."""

    def __init__(self, lines: Lines, wanted: str, limit: int) -> None:
        self.found: list[Find] = []
        self._lines = lines
        self._wanted = wanted
        self._limit = limit
        self._searched = 0

    @property
    def is_over(self) -> bool:
        """Whether all was searched, or enough was found."""
        return self._searched >= self._lines.count or self.is_full

    @property
    def is_full(self) -> bool:
        """Whether there may be more than was found."""
        return len(self.found) >= self._limit

    def go_on(self) -> None:
        """Search some more: a moment's work."""
        first = self._searched
        behind = self._searched = max(self._lines.batch(first), first + 1)
        more = find_in(self._lines, self._wanted, first, behind, self._limit + 1)
        if more and self.found:
            last = spans_of(self._lines, self.found[-1])[-1]
            while more and more[0][:2] < (last.line, last.end):
                del more[0]  # it begins within the last one of the batch before
        self.found += more
        del self.found[self._limit :]


def find_in(lines: Lines, wanted: str, first: int, behind: int, limit: int | None = None) -> list[Find]:
    """Occurrences that begin in the lines from `first` up to and without `behind`, not more than `limit`."""
    whole = lines.source(first, behind)
    size = len(whole)
    beyond = behind
    while lines.goes_on(beyond - 1) and len(whole) < size + len(wanted):
        whole += lines.source(beyond, beyond + 1)
        beyond += 1
    found: list[Find] = []
    number, begin = first, 0
    piece = None
    for match in islice(re.compile(re.escape(wanted), re.IGNORECASE).finditer(whole), limit):
        if match.start() >= size:
            break
        piece = piece or lines.piece(number)
        while match.start() >= begin + len(piece.content) + len(piece.end):
            begin += len(piece.content) + len(piece.end)
            number += 1
            piece = lines.piece(number)
        column = drawn_column(piece.content, match.start() - begin)
        found.append(Find(number, column, column + len(drawn(match[0]))))
    return found


def spans_of(lines: Lines, find: Find) -> list[Span]:
    """The parts of a find in the drawn lines that it lies in."""
    line, start, end = find
    spans = []
    while end > (length := len(lines.text(line))) and lines.goes_on(line):
        spans.append(Span(line, start, length))
        line, start, end = line + 1, 0, end - length
    return [*spans, Span(line, start, end)]
