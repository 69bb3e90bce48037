"""Lines as the viewer asks for them: by number, one at a time, so that any body costs what is on the screen."""

import re
from array import array
from collections.abc import Callable
from typing import NamedTuple, Protocol

from proxy_core.formats.highlight import Language
from proxy_core.formats.json_text import Layout

LONGEST_LINE = 2000  # bytes or characters; longer ones are cut into several, a minified script is one line otherwise
HEX_WIDTH = 16
# A long line is not cut within a character of UTF-8.
_LINE = re.compile(rb"[^\n]{1,%d}(?![\x80-\xbf])\n?|[^\n]{1,%d}\n?|\n" % (LONGEST_LINE, LONGEST_LINE))
# Control characters, further line ends and direction marks, which would change how a line looks.
_CONTROL = dict.fromkeys(
    (
        *range(0x20),
        *range(0x7F, 0xA0),
        0x061C,
        *range(0x200E, 0x2010),
        *range(0x2028, 0x202F),
        *range(0x2066, 0x206A),
    ),
    0xFFFD,
)


class Find(NamedTuple):
    """Where something was found."""

    line: int
    start: int
    end: int


class Lines(Protocol):
    """What a viewer shows."""

    language: Language
    folds: dict[int, int]  # first line -> last line of what can be folded

    @property
    def count(self) -> int:
        """How many lines there are."""
        ...

    def text(self, number: int) -> str:
        """One line, without its end."""
        ...


class TextLines:
    """Lines of a UTF-8 text, found once and decoded when asked for."""

    def __init__(self, data: bytes, language: Language = Language.PLAIN) -> None:
        """Takes a pass over `data`: for large texts call it off the GUI thread."""
        self.language = language
        self.folds: dict[int, int] = {}
        self._data = data
        self._starts = array("Q", (match.start() for match in _LINE.finditer(data)))
        self.asked = 0  # lines that were decoded: what the cost of a view is counted in

    @property
    def count(self) -> int:
        return len(self._starts)

    def text(self, number: int) -> str:
        self.asked += 1
        begin = self._starts[number]
        end = self._starts[number + 1] if number + 1 < len(self._starts) else len(self._data)
        line = self._data[begin:end].decode("utf-8", "replace").rstrip("\r\n")
        return line.replace("\t", "    ").translate(_CONTROL)


class LaidOutLines:
    """Lines that were laid out for reading, with what can be folded; very long ones are cut into several."""

    def __init__(self, layout: Layout, language: Language) -> None:
        """Takes a pass over the lines, as `TextLines` does."""
        self.language = language
        if any(len(line) > LONGEST_LINE for line in layout.lines):
            layout = _cut_long_lines(layout)
        self.folds = layout.folds
        self._lines = layout.lines

    @property
    def count(self) -> int:
        return len(self._lines)

    def text(self, number: int) -> str:
        return self._lines[number].replace("\t", "    ").translate(_CONTROL)


def _cut_long_lines(layout: Layout) -> Layout:
    lines: list[str] = []
    new_number: list[int] = []
    for line in layout.lines:
        new_number.append(len(lines))
        lines += [line[start : start + LONGEST_LINE] for start in range(0, len(line), LONGEST_LINE)] or [line]
    return Layout(lines, {new_number[first]: new_number[last] for first, last in layout.folds.items()})


class HexLines:
    """Bytes as offset, hexadecimal and ASCII, read when asked for."""

    language = Language.PLAIN

    def __init__(self, read: Callable[[int, int], bytes], size: int) -> None:
        """`read` gives the bytes at (offset, length)."""
        self.folds: dict[int, int] = {}
        self._read = read
        self._size = size
        self._page: tuple[int, bytes] = (-1, b"")

    @property
    def count(self) -> int:
        return -(-self._size // HEX_WIDTH)

    def text(self, number: int) -> str:
        offset = number * HEX_WIDTH
        page_offset = offset - offset % 65536
        if self._page[0] != page_offset:
            self._page = (page_offset, self._read(page_offset, 65536))
        piece = self._page[1][offset - page_offset : offset - page_offset + HEX_WIDTH]
        return hex_line(offset, piece)


def hex_line(offset: int, piece: bytes) -> str:
    """`00000010  48 65 6c 6c 6f …  Hello…`."""
    left, right = piece[:8].hex(" "), piece[8:].hex(" ")
    shown = "".join(chr(byte) if 0x20 <= byte < 0x7F else "·" for byte in piece)
    return f"{offset:08x}  {left:<23}  {right:<23}  {shown}"


def find_in(lines: Lines, wanted: str, first: int, behind: int) -> list[Find]:
    """Occurrences in the lines from `first` up to and without `behind`, without regard to case."""
    pattern = re.compile(re.escape(wanted), re.IGNORECASE)
    return [
        Find(number, match.start(), match.end())
        for number in range(first, behind)
        for match in pattern.finditer(lines.text(number))
    ]
