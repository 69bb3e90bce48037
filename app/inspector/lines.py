"""Lines as the viewer asks for them: by number, one at a time, so that any body costs what is on the screen.

Each line has two texts. Its *source* is a piece of the original to the letter, line end included: all sources in order
are the whole, and whatever is copied or searched is cut out of them. What is *drawn* shows tabs, control characters and
line ends within a line by signs of their own. A very long line is drawn as several; such a break stands in no source.
"""

import re
from array import array
from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from proxy_core.formats.checkpoint import Checkpoint, never
from proxy_core.formats.highlight import Language
from proxy_core.formats.json_text import Layout

LONGEST_LINE = 2000  # bytes or characters; longer ones are drawn as several, a minified script is one line otherwise
HEX_WIDTH = 16
_STEPS = 4096  # between two looks at whether the lines are still wanted
_TEXT_BATCH = 32  # blocks, 64 KB: what is decoded at once
_LAID_OUT_BATCH = 500  # lines
_HEX_BATCH = 64  # lines
_HEX_COPIED = 65_536  # lines, a megabyte in bytes: a fifth of a second
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
_WIDE = re.compile(r"\t|\r?\n")  # what is drawn as several characters
_DRAWN = {"\t": "    ", "\r\n": " ⏎ ", "\n": " ⏎ "}


class Piece(NamedTuple):
    """The source of one line."""

    content: str
    end: str  # "" where the line goes on in the next one, or is the last


class Lines(Protocol):
    """What a viewer shows."""

    language: Language
    folds: dict[int, int]  # first line -> last line of what can be folded
    most_copied: int | None  # lines; None where no number holds up the window

    @property
    def count(self) -> int:
        """How many lines there are."""
        ...

    def text(self, number: int) -> str:
        """One line as it is drawn."""
        ...

    def piece(self, number: int) -> Piece:
        """One line as it is in the original."""
        ...

    def source(self, first: int, behind: int) -> str:
        """The original of the lines from `first` up to and without `behind`."""
        ...

    def goes_on(self, number: int) -> bool:
        """Whether the next line is the same one in the original: the break between them is drawn only."""
        ...

    def batch(self, first: int) -> int:
        """A line up to which, from `first`, the source is had in a moment."""
        ...

    def value_start(self, number: int) -> int | None:
        """Where in the source of a line the value of a named one begins, if the lines were made of names and values."""
        ...


def drawn(content: str) -> str:
    """How a piece of the original looks."""
    if "\t" in content or "\n" in content:
        content = _WIDE.sub(lambda match: _DRAWN[match[0]], content)
    return content.translate(_CONTROL)


def drawn_column(content: str, offset: int) -> int:
    """The place in the drawn line at which the character of the original at `offset` begins."""
    return len(drawn(content[:offset]))


def source_offset(content: str, column: int) -> int:
    """The place in the original of a place in the drawn line; within a sign of several characters, the nearer end."""
    offset, shown = 0, 0  # what was passed of either
    for match in _WIDE.finditer(content) if "\t" in content or "\n" in content else ():
        start = shown + match.start() - offset
        if column <= start:
            break
        offset, shown = match.end(), start + len(_DRAWN[match[0]])
        if column < shown:
            return match.end() if 2 * (column - start) >= shown - start else match.start()
    return min(offset + column - shown, len(content))


class TextLines:
    """Lines of a UTF-8 text, decoded when asked for.

    A line is found from the block that it lies in: as many whole lines as fit into `LONGEST_LINE` bytes, or a part of a
    longer one. So the index takes a leap for each of them instead of a step for each line.
    """

    most_copied: int | None = None

    def __init__(self, data: bytes, language: Language = Language.PLAIN, checkpoint: Checkpoint = never) -> None:
        """Takes a pass over `data`: for large texts call it off the GUI thread."""
        self.language = language
        self.folds: dict[int, int] = {}
        self._data = data
        self._places = array("Q")  # where the blocks begin
        self._numbers = array("Q")  # of their first lines
        self._index(checkpoint)
        self._last = (0, 0)  # the line that was asked for last, and where it begins
        self.asked = 0  # lines that were decoded: what the cost of a view is counted in

    def _index(self, checkpoint: Checkpoint) -> None:
        data, size = self._data, len(self._data)
        place = number = 0
        while place < size:
            if not len(self._places) % _STEPS:
                checkpoint()
            self._places.append(place)
            self._numbers.append(number)
            last = data.rfind(b"\n", place, place + LONGEST_LINE + 1)
            if last >= 0:
                number += data.count(b"\n", place, last + 1)
                place = last + 1
            else:
                number += 1
                place = size if size - place <= LONGEST_LINE else self._cut(place + LONGEST_LINE)
        self._places.append(size)
        self._numbers.append(number)

    def _cut(self, place: int) -> int:
        """Where a long line is broken: behind its line end, and not within a character."""
        if self._data.startswith(b"\r\n", place):
            return place + 2
        for earlier in range(place, place - 4, -1):  # RFC 3629: a character has four bytes at the most
            if self._data[earlier] & 0xC0 != 0x80:
                return earlier
        return place

    @property
    def count(self) -> int:
        return self._numbers[-1]

    def _begin(self, number: int) -> int:
        block = bisect_right(self._numbers, number) - 1
        line, place = self._numbers[block], self._places[block]
        if line <= self._last[0] <= number:
            line, place = self._last
        for _ in range(number - line):
            place = self._data.index(b"\n", place) + 1
        self._last = (number, place)
        return place

    def piece(self, number: int) -> Piece:
        begin = self._begin(number)
        block = bisect_right(self._numbers, number) - 1
        is_last = self._numbers[block + 1] == number + 1
        source = self._data[begin : self._places[block + 1] if is_last else self._data.index(b"\n", begin) + 1]
        end = "\r\n" if source.endswith(b"\r\n") else "\n" if source.endswith(b"\n") else ""
        return Piece(source[: len(source) - len(end)].decode("utf-8", "replace"), end)

    def text(self, number: int) -> str:
        self.asked += 1
        return drawn(self.piece(number).content)

    def source(self, first: int, behind: int) -> str:
        self.asked += behind - first
        return self._data[self._begin(first) : self._begin(behind)].decode("utf-8", "replace")

    def goes_on(self, number: int) -> bool:
        return number + 1 < self.count and self._data[self._begin(number + 1) - 1] != 0x0A

    def batch(self, first: int) -> int:
        block = bisect_right(self._numbers, first) - 1
        return self._numbers[min(block + _TEXT_BATCH, len(self._numbers) - 1)]

    def value_start(self, number: int) -> int | None:
        del number
        return None


class LaidOutLines:
    """Lines that were laid out for reading, with what can be folded."""

    most_copied: int | None = None

    def __init__(
        self,
        layout: Layout,
        language: Language,
        value_starts: Sequence[int] = (),
        checkpoint: Checkpoint = never,
    ) -> None:
        """Takes a pass over the lines, as `TextLines` does. `value_starts`: one for each line, if they have any."""
        self.language = language
        self.folds = layout.folds
        self._lines = layout.lines
        self._ends = layout.line_ends
        self._value_starts = value_starts
        self._new_number: array[int] | None = None  # of the layout's lines, where some were cut
        self._going_on: set[int] = set()
        if any(len(line) > LONGEST_LINE for line in layout.lines):
            self._cut_long_lines(layout, checkpoint)

    def _cut_long_lines(self, layout: Layout, checkpoint: Checkpoint) -> None:
        lines: list[str] = []
        new_number = array("Q")
        for position, line in enumerate(layout.lines):
            if not position % _STEPS:
                checkpoint()
            new_number.append(len(lines))
            if len(line) <= LONGEST_LINE:
                lines.append(line)
                continue
            lines += [line[start : start + LONGEST_LINE] for start in range(0, len(line), LONGEST_LINE)]
            self._going_on.update(range(new_number[-1], len(lines) - 1))
        new_number.append(len(lines))
        self._lines = lines
        self._new_number = new_number
        self._ends = {new_number[number + 1] - 1: end for number, end in layout.line_ends.items()}
        self.folds = {new_number[first]: new_number[last] for first, last in layout.folds.items()}

    @property
    def count(self) -> int:
        return len(self._lines)

    def text(self, number: int) -> str:
        return drawn(self._lines[number])

    def piece(self, number: int) -> Piece:
        if number in self._going_on or number + 1 == len(self._lines):
            return Piece(self._lines[number], "")
        return Piece(self._lines[number], self._ends.get(number, "\n"))

    def source(self, first: int, behind: int) -> str:
        if self._going_on or self._ends:
            return "".join([part for number in range(first, behind) for part in self.piece(number)])
        return "\n".join(self._lines[first:behind]) + "\n" * (first < behind < len(self._lines))

    def goes_on(self, number: int) -> bool:
        return number in self._going_on

    def batch(self, first: int) -> int:
        return min(first + _LAID_OUT_BATCH, len(self._lines))

    def value_start(self, number: int) -> int | None:
        if not self._value_starts:
            return None
        return self._value_starts[number if self._new_number is None else bisect_right(self._new_number, number) - 1]


class HexLines:
    """Bytes as offset, hexadecimal and ASCII, read when asked for. Their lines are what is drawn."""

    language = Language.PLAIN
    most_copied: int | None = _HEX_COPIED

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

    def piece(self, number: int) -> Piece:
        return Piece(self.text(number), "\n" if number + 1 < self.count else "")

    def source(self, first: int, behind: int) -> str:
        return "".join([part for number in range(first, behind) for part in self.piece(number)])

    def goes_on(self, number: int) -> bool:
        del number
        return False

    def batch(self, first: int) -> int:
        return min(first + _HEX_BATCH, self.count)

    def value_start(self, number: int) -> int | None:
        del number
        return None


def hex_line(offset: int, piece: bytes) -> str:
    """`00000010  48 65 6c 6c 6f …  Hello…`."""
    left, right = piece[:8].hex(" "), piece[8:].hex(" ")
    shown = "".join(chr(byte) if 0x20 <= byte < 0x7F else "·" for byte in piece)
    return f"{offset:08x}  {left:<23}  {right:<23}  {shown}"
