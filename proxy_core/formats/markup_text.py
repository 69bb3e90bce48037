"""HTML and XML laid out for reading: a tag a line, indented. No entity is resolved, no declaration followed."""

import re
from collections import Counter

from proxy_core.formats.json_text import INDENT, Layout

# What has no end goes on to the end of the text: looking for one again at each beginning would cost the square.
_PIECE = re.compile(r"<!--.*?(?:-->|\Z)|<!\[CDATA\[.*?(?:\]\]>|\Z)|<[!?/]?[A-Za-z][^<>]*+>|[^<]++|<", re.DOTALL)
_VERBATIM = re.compile(r"<(script|style|pre|textarea)\b[^<>]*+>.*?(?:</\1\s*+>|\Z)", re.DOTALL | re.IGNORECASE)
_NAME = re.compile(r"</?([A-Za-z][\w:.-]*)")
_VOID = frozenset(
    "area base br col embed hr img input link meta param source track wbr".split()
)  # HTML: elements that have no end
_SHORT = 100  # an element whose whole text fits stays on one line
_DEEPEST_INDENT = 60


def lay_out_markup(text: str, *, is_html: bool) -> Layout:
    """One tag or text a line; an element with a short text stays together. Scripts and styles keep their lines."""
    lines: list[str] = []
    folds: dict[int, int] = {}
    opened: list[tuple[str, int]] = []
    still_open: Counter[str] = Counter()  # how many of a name are in `opened`
    pieces = _pieces(text)
    position = 0
    while position < len(pieces):
        piece = pieces[position]
        depth = min(len(opened), _DEEPEST_INDENT)
        name_match = _NAME.match(piece)
        name = name_match[1].lower() if name_match else ""
        if piece.startswith("</"):
            if still_open[name]:
                while opened:
                    last, begin = opened.pop()
                    still_open[last] -= 1
                    if last == name:
                        if len(lines) > begin + 1:
                            folds[begin] = len(lines)
                        break
            lines.append(INDENT * min(len(opened), _DEEPEST_INDENT) + piece)
        elif name and not piece.endswith("/>") and not (is_html and name in _VOID) and "\n" not in piece:
            together = "".join(pieces[position : position + 3])
            if (
                position + 2 < len(pieces)
                and pieces[position + 2].lower().startswith(f"</{name}")
                and not pieces[position + 1].startswith("<")
                and len(together) <= _SHORT
            ):
                lines.append(INDENT * depth + together)
                position += 3
                continue
            lines.append(INDENT * depth + piece)
            if not _VERBATIM.fullmatch(piece):
                opened.append((name, len(lines) - 1))
                still_open[name] += 1
        else:
            lines.extend(INDENT * depth + line for line in piece.splitlines() if line.strip())
        position += 1
    return Layout(lines, folds)


def _pieces(text: str) -> list[str]:
    pieces: list[str] = []
    position = 0
    for match in _VERBATIM.finditer(text):
        pieces += _PIECE.findall(text[position : match.start()])
        pieces.append(match[0])
        position = match.end()
    pieces += _PIECE.findall(text[position:])
    return [piece.strip() for piece in pieces if piece.strip()]
