"""Lines from bytes, however the bytes are cut; of a line that is too long the first bytes are kept."""

from collections.abc import Iterator
from typing import NamedTuple

LINE_LIMIT_BYTES = 1024 * 1024  # browsers take any length; nobody reads more than a fraction of this


class Line(NamedTuple):
    """A line without its end."""

    data: bytes
    size: int  # more than the length of `data` when that was cut


class LineReader:
    """Lines of one stream."""

    def __init__(self, *, ends_with_cr: bool) -> None:
        """`ends_with_cr`: CR ends a line as well as LF and CRLF do; else LF alone."""
        self._ends_with_cr = ends_with_cr
        self._parts: list[bytes] = []
        self._kept = 0
        self._size = 0
        self._is_after_cr = False

    def receive(self, data: bytes) -> Iterator[Line]:
        """Read some more bytes."""
        if self._is_after_cr and data:
            self._is_after_cr = False
            if data[:1] == b"\n":
                data = data[1:]
        if not data:
            return
        self._is_after_cr = self._ends_with_cr and data[-1:] == b"\r"
        lines = data.splitlines() if self._ends_with_cr else data.split(b"\n")
        if self._ends_with_cr and data[-1:] in (b"\r", b"\n"):
            lines.append(b"")
        for line in lines[:-1]:
            if self._size:
                self._add(line)
                yield self._taken()
            else:
                yield Line(line[:LINE_LIMIT_BYTES], len(line))
        if lines[-1]:
            self._add(lines[-1])

    def finish(self) -> Line | None:
        """What stood behind the last end of a line, None for nothing."""
        return self._taken() if self._size else None

    def _add(self, data: bytes) -> None:
        self._size += len(data)
        kept = data[: LINE_LIMIT_BYTES - self._kept]
        if kept:
            self._parts.append(kept)
            self._kept += len(kept)

    def _taken(self) -> Line:
        line = Line(b"".join(self._parts), self._size)
        self._parts = []
        self._kept = self._size = 0
        return line
