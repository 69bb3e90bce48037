"""Where in a TOML text each key stands: the standard library reads TOML and keeps no places.

It walks over a text that has been read without complaint, so it need not tell what is TOML from what isn't: it skips
what it doesn't look for. Keys are paths of names and of indices in arrays, as one would go through what was read.
"""

import re

import msgspec

Path = tuple[str | int, ...]

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_KEY = re.compile(r"""[ \t]*(?:"((?:[^"\\]|\\.)*)"|'([^']*)'|([A-Za-z0-9_-]+))[ \t]*""")
_STRING = re.compile(r'"""(?:[^\\]|\\.)*?"""+|' + r"'''.*?'''+" + r'|"(?:[^"\\]|\\.)*"|' + r"'[^']*'", re.DOTALL)
_BARE = re.compile(r"[^\s,\]}#]+(?: \d[^\s,\]}#]*)?")  # a date and its time are one value
_LONG_ESCAPE = re.compile(r"\\U([0-9A-Fa-f]{8})")


def places(text: str) -> dict[Path, int]:
    """The offset of every key, of every header of a table, and of every item of an array."""
    found: dict[Path, int] = {}
    _Walk(text, found).run()
    return found


class _Walk:
    def __init__(self, text: str, found: dict[Path, int]) -> None:
        self._text = text
        self._found = found
        self._at = 0
        self._counts: dict[Path, int] = {}  # of the tables in each array of tables

    def run(self) -> None:
        table: Path = ()
        self._skip_blank()
        while self._at < len(self._text):
            if self._text[self._at] == "[":
                table = self._header()
            else:
                self._pair(table)
            self._skip_blank()

    def _skip_blank(self) -> None:
        match = _BLANK.match(self._text, self._at)
        assert match is not None
        self._at = match.end()

    def _header(self) -> Path:
        begin = self._at
        is_array = self._text.startswith("[[", begin)
        self._at += 2 if is_array else 1
        path: Path = ()
        names = self._names()
        for number, name in enumerate(names):
            path = (*path, name)
            if is_array and number == len(names) - 1:
                self._counts[path] = self._counts.get(path, -1) + 1
            if path in self._counts:
                path = (*path, self._counts[path])
        self._found.setdefault(path, begin)
        self._at += 2 if is_array else 1
        return path

    def _names(self) -> list[str]:
        names: list[str] = []
        while match := _KEY.match(self._text, self._at):
            self._at = match.end()
            quoted, literal, bare = match.groups()
            names.append(_unescaped(quoted) if quoted is not None else literal if literal is not None else bare)
            if self._text[self._at : self._at + 1] != ".":
                break
            self._at += 1
        return names

    def _pair(self, table: Path) -> None:
        """A key, the sign behind it, and its value."""
        begin = self._at
        path = table
        for name in self._names():
            path = (*path, name)
            self._found.setdefault(path, begin)
        self._at += 1
        self._skip_blank()
        self._value(path)

    def _value(self, path: Path) -> None:
        opening = self._text[self._at : self._at + 1]
        if opening in ("[", "{") and opening:
            self._items(path, is_table=opening == "{")
            return
        match = (_STRING if opening in ('"', "'") else _BARE).match(self._text, self._at)
        self._at = match.end() if match is not None else self._at + 1

    def _items(self, path: Path, *, is_table: bool) -> None:
        self._at += 1
        number = 0
        while True:
            self._skip_blank()
            char = self._text[self._at : self._at + 1]
            if char in ("]", "}", ""):
                self._at += 1
                return
            if char == ",":
                self._at += 1
            elif is_table:
                self._pair(path)
            else:
                item = (*path, number)
                self._found.setdefault(item, self._at)
                number += 1
                self._value(item)


def _unescaped(text: str) -> str:
    """A quoted key; TOML's escapes are JSON's and one more."""
    whole = _LONG_ESCAPE.sub(lambda match: chr(int(match[1], 16)), text)
    try:
        return str(msgspec.json.decode(f'"{whole}"'.encode("utf-8", "surrogatepass")))
    except msgspec.DecodeError:
        return text  # then its place is not found, which is all
