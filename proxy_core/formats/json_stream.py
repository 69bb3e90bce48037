"""A JSON file of any size, walked through: objects and arrays are entered, single values are handed out as bytes.

A string is passed over at the speed of a regular expression, block by block and each block once: a body of any length
costs what it weighs. (A parser that begins a token again with each block costs the square.) Depth costs no recursion;
what is deeper or larger than a value may be is passed over without being kept. Only the frame is checked here: whether
a value is JSON is found out when it is parsed.
"""

import re
from collections.abc import Iterator
from enum import Enum
from typing import Protocol

BLOCK_BYTES = 1 << 20
MOST_DEPTH = 200  # browsers' chains of initiators come to some 70; serde has 128, Python's own parser gives up at 1,000
# Browsers keep bodies up to 10 MB (Chromium) or 1 MB (Firefox). Parsed, a value takes some three times its size.
MOST_VALUE_BYTES = 256 << 20
# What is not in long strings becomes objects, which take up to 25 times their size.
MOST_SMALL_BYTES = 16 << 20
_MOST_NAME_BYTES = 1 << 10
_LONG_STRING_BYTES = 1 << 10

_BLANKS = re.compile(rb"[ \t\r\n]*+")
_STRING = rb'"(?:[^"\\]++|\\.)*+"'
_WHOLE_STRING = re.compile(_STRING, re.DOTALL)
_FLAT = rb'(?:[^"\[\]{}]++|' + _STRING + rb")*+"
# Up to a bracket, or to a string without its end; objects with nothing nested in them (header fields) are passed, too.
_BETWEEN = re.compile(rb'(?:[^"\[\]{}]++|' + _STRING + rb"|\{" + _FLAT + rb"\})*+", re.DOTALL)
_IN_STRING = re.compile(rb'(?:[^"\\]++|\\.)*+', re.DOTALL)
_SCALAR = re.compile(rb'[^ \t\r\n,:\[\]{}"]*+')
_BOM = b"\xef\xbb\xbf"
_QUOTE, _BACKSLASH = b'"\\'
_OPENING, _CLOSING = b"[{", b"]}"


class JsonError(ValueError):
    """The file ends too early, or its frame is no JSON: half a sentence."""


class Omission(Enum):
    """Why a value was passed over: half a sentence."""

    TOO_DEEP = f"nested more than {MOST_DEPTH} levels deep"
    TOO_LARGE = f"larger than {MOST_VALUE_BYTES >> 20} MB"
    TOO_MANY_PARTS = f"of more than {MOST_SMALL_BYTES >> 20} MB in small parts"


class Source(Protocol):
    """A file that is open for reading bytes, at its beginning."""

    def read(self, size: int, /) -> bytes: ...

    def seek(self, place: int, /) -> int: ...


class JsonStream:
    """A place in a file. Who is handed a member or an item takes its value (`value`, `members`, `items`, `skip`)."""

    def __init__(self, file: Source) -> None:
        self._file = file
        # RFC 8259 §8.1: some put a byte order mark before their JSON all the same.
        first = file.read(BLOCK_BYTES)
        self._block = first.removeprefix(_BOM)
        self._begin = len(first) - len(self._block)  # where in the file the block stands
        self._at = 0

    @property
    def place(self) -> int:
        """Where in the file the next byte stands."""
        return self._begin + self._at

    def go_to(self, place: int) -> None:
        """Go on at another `place`, where a value begins or has ended."""
        if self._begin <= place <= self._begin + len(self._block):
            self._at = place - self._begin
        else:
            self._file.seek(place)
            self._block, self._begin, self._at = b"", place, 0

    def peek(self) -> bytes:
        """The first byte of what comes next. Raises JsonError at the end of the file."""
        while True:
            blanks = _BLANKS.match(self._block, self._at)
            assert blanks is not None
            self._at = blanks.end()
            if self._at < len(self._block):
                return self._block[self._at : self._at + 1]
            if not self._read_on():
                raise JsonError("it ends too early")

    def is_at_end(self) -> bool:
        """Whether there is nothing more."""
        try:
            self.peek()
        except JsonError:
            return True
        return False

    def members(self) -> Iterator[str]:
        """The names of an object's members, in order."""
        self._take(b"{")
        if self.peek() == b"}":
            self._at += 1
            return
        while True:
            name = self._name()
            self._take(b":")
            yield name
            if self._ends_with(b"}"):
                return

    def items(self) -> Iterator[None]:
        """Once for each item of an array."""
        self._take(b"[")
        if self.peek() == b"]":
            self._at += 1
            return
        while True:
            yield
            if self._ends_with(b"]"):
                return

    def skip(self) -> None:
        """Pass over the value that comes next."""
        self.value(0)

    def value(self, limit: int = MOST_VALUE_BYTES, *, gives_up: bool = False) -> bytes | bytearray | Omission:
        """The bytes of the value that comes next. Raises JsonError.

        Who `gives_up` on what is too large is left somewhere within it.
        """
        first = self.peek()
        if first in b'"[{':
            return self._structure(limit, gives_up=gives_up)
        kept = bytearray()
        while True:
            scalar = _SCALAR.match(self._block, self._at)
            assert scalar is not None
            kept += scalar[0][: limit + 1]
            self._at = scalar.end()
            if self._at < len(self._block) or not self._read_on():
                break
        if not kept and limit:
            raise JsonError(f"there is «{first.decode('latin-1')}» where a value should be")
        return _bounded(kept) if len(kept) <= limit else Omission.TOO_LARGE

    def _structure(self, limit: int, *, gives_up: bool) -> bytes | bytearray | Omission:
        """A string, an object or an array."""
        walk = _Walk()
        kept = bytearray()
        omission: Omission | None = None
        while True:
            begin = self._at
            self._at = walk.over(self._block, begin)
            if walk.is_too_deep:
                omission = Omission.TOO_DEEP
            elif len(kept) + self._at - begin > limit:
                omission = omission or Omission.TOO_LARGE
            if omission is Omission.TOO_LARGE and gives_up:
                return omission
            if omission is not None:
                kept = bytearray()
            elif walk.is_over and not kept:
                return _bounded(self._block[begin : self._at])
            else:
                kept += memoryview(self._block)[begin : self._at]
            if walk.is_over:
                return _bounded(kept) if omission is None else omission
            if not self._read_on():
                raise JsonError("it ends too early")

    def _name(self) -> str:
        if self.peek() != b'"':
            raise JsonError(f"there is «{self.peek().decode('latin-1')}» where a name should be")
        raw = self.value(_MOST_NAME_BYTES)
        if isinstance(raw, Omission):
            return ""
        return bytes(raw[1:-1]).decode("utf-8", "replace")  # no name that is looked for needs an escape

    def _take(self, wanted: bytes) -> None:
        found = self.peek()
        if found != wanted:
            raise JsonError(f"there is «{found.decode('latin-1')}» where «{wanted.decode()}» should be")
        self._at += 1

    def _ends_with(self, closing: bytes) -> bool:
        found = self.peek()
        if found not in (closing, b","):
            raise JsonError(f"there is «{found.decode('latin-1')}» where «,» should be")
        self._at += 1
        return found == closing

    def _read_on(self) -> bool:
        """Drop what was taken and read another block; False at the end of the file."""
        block = self._file.read(BLOCK_BYTES)
        self._block = self._block[self._at :] + block
        self._begin += self._at
        self._at = 0
        return bool(block)


class _Walk:
    """How far one structure has been passed over, from block to block."""

    def __init__(self) -> None:
        self._depth = 0
        self._is_in_string = False
        self._has_begun = False
        self.is_too_deep = False
        self.is_over = False

    def over(self, block: bytes, at: int) -> int:
        """Go on at `at`; the place behind the end, or where the next block has to go on."""
        end = len(block)
        if not self._has_begun:
            self._has_begun = True
            self._is_in_string = block[at] == _QUOTE
            self._depth = 0 if self._is_in_string else 1
            at += 1
        while at < end:
            if self._is_in_string:
                at = _IN_STRING.match(block, at).end()  # type: ignore[union-attr]
                if at == end or block[at] == _BACKSLASH:
                    return at
                self._is_in_string = False
                at += 1
            else:
                at = _BETWEEN.match(block, at).end()  # type: ignore[union-attr]
                if at == end:
                    return at
                byte = block[at]
                at += 1
                if byte == _QUOTE:
                    self._is_in_string = True
                elif byte in _OPENING:
                    self._depth += 1
                    if self._depth > MOST_DEPTH:
                        self.is_too_deep = True
                else:
                    self._depth -= 1
            if not self._depth and not self._is_in_string:
                self.is_over = True
                return at
        return at


def small_bytes(raw: bytes | bytearray) -> int:
    """How much of a value is in no long string. What is above `MOST_SMALL_BYTES` is not counted out."""
    small = end = 0
    for string in _WHOLE_STRING.finditer(raw):
        small += string.start() - end
        end = string.end()
        if end - string.start() < _LONG_STRING_BYTES:
            small += end - string.start()
        if small > MOST_SMALL_BYTES:
            return small
    return small + len(raw) - end


def _bounded(raw: bytes | bytearray) -> bytes | bytearray | Omission:
    """The value itself, unless parsing it would take many times its size."""
    is_sound = len(raw) <= MOST_SMALL_BYTES or small_bytes(raw) <= MOST_SMALL_BYTES
    return raw if is_sound else Omission.TOO_MANY_PARTS
