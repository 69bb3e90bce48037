"""What is taken out of lines: a selection, a whole line, a value, a word. Always of the original, never as drawn.

A place is a line and a column in it as drawn; the place behind everything is column 0 of the line behind the last.
"""

import re

from app.inspector.lines import Lines, source_offset
from proxy_core.formats.highlight import Language

Place = tuple[int, int]  # line, column

_JSON_STRING = re.compile(r'"(?:[^"\\]|\\.)*+"', re.DOTALL)
_JSON_NAME = re.compile(r'\s*+"(?:[^"\\]|\\.)*+"\s*+:\s*+', re.DOTALL)
_FIELD_NAME = re.compile(r"[^:\s]++:\s*+")
_NAME_LINES = 16  # drawn ones, in which a name ends
_WORD = re.compile(r"[\w.-]++")


def excerpt(lines: Lines, start: Place, end: Place) -> str:
    """The original between two places."""
    (first, begin), (last, finish) = start, end
    if first >= lines.count:
        return ""
    whole = lines.source(first, min(last + 1, lines.count))
    if last < lines.count:
        piece = lines.piece(last)
        behind = len(piece.content) + len(piece.end) - source_offset(piece.content, finish)
        whole = whole[: len(whole) - behind]
    return whole[source_offset(lines.piece(first).content, begin) :]


def line_range(lines: Lines, number: int) -> tuple[int, int]:
    """The first of the drawn lines that are one with this one in the original, and the one behind them."""
    first, last = number, number
    while first and lines.goes_on(first - 1):
        first -= 1
    while lines.goes_on(last):
        last += 1
    return first, last + 1


def whole_line(lines: Lines, number: int) -> str:
    """The line of the original that a drawn line belongs to, without its end."""
    first, behind = line_range(lines, number)
    return lines.source(first, behind).removesuffix(lines.piece(behind - 1).end)


def has_value(lines: Lines, number: int) -> bool:
    """Whether a line has a value, by how it begins: the value itself may be as long as the body."""
    first = number
    while first and lines.goes_on(first - 1):
        first -= 1
    behind = first + 1
    while behind < first + _NAME_LINES and lines.goes_on(behind - 1):
        behind += 1
    begin = lines.source(first, behind)
    if lines.value_start(number) is not None:
        return True
    match lines.language:
        case Language.JSON:
            return _JSON_NAME.match(begin) is not None
        case Language.FIELDS:
            return _FIELD_NAME.match(begin) is not None
        case Language.PLAIN:
            return ": " in begin
        case _:
            return False


def value_of(lines: Lines, number: int) -> str | None:
    """The value of a line with a name and a value, None for other lines. That of a JSON name may be many lines long."""
    first, behind = line_range(lines, number)
    line = lines.source(first, behind).removesuffix(lines.piece(behind - 1).end)
    start = lines.value_start(number)
    if start is not None:
        return line[start:]
    if lines.language is Language.JSON:
        name = _JSON_NAME.match(line)
        if name is None:
            return None
        last = lines.folds.get(first)
        if last is not None:
            line = lines.source(first, last + 1).removesuffix(lines.piece(last).end)
        return _json_value(line[name.end() :])
    if lines.language is Language.FIELDS:
        name = _FIELD_NAME.match(line)
        return None if name is None else line[name.end() :]
    _, colon, value = line.partition(": ")
    return value if colon and lines.language is Language.PLAIN else None


def _json_value(text: str) -> str:
    """Without the comma that parts it from the next; one within a string is the string's."""
    string = _JSON_STRING.match(text)
    if string is not None:
        return string[0]
    return text if text.startswith('"') else text.rstrip().removesuffix(",")


def word_at(lines: Lines, place: Place) -> tuple[Place, Place]:
    """The beginning and the end of the word at a place, over drawn breaks."""
    (first, start), (last, end) = place, place
    text = lines.text(first)
    start -= _word_length(text[:start][::-1])
    while not start and first and lines.goes_on(first - 1):
        text = lines.text(first - 1)
        found = _word_length(text[::-1])
        if not found:
            break
        first, start = first - 1, len(text) - found
    text = lines.text(last)
    end += _word_length(text[end:])
    while end == len(text) and lines.goes_on(last):
        text = lines.text(last + 1)
        found = _word_length(text)
        if not found:
            break
        last, end = last + 1, found
    return (first, start), (last, end)


def _word_length(text: str) -> int:
    word = _WORD.match(text)
    return 0 if word is None else word.end()
