"""SQLite files with pages that SQLite would never write: what a hostile or a damaged capture looks like inside."""

import sqlite3
import struct
from pathlib import Path

PAGE_BYTES = 4096
_LEAF = 13
_INTERIOR = 5


def root_page(path: Path, table: str) -> int:
    """The number of a table's topmost page."""
    database = sqlite3.connect(path)
    try:
        found = database.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", (table,)).fetchone()[0]
    finally:
        database.close()
    return int(found)


def leaf_pages(path: Path, table: str) -> list[int]:
    """The numbers of the pages under a table's topmost page, in order; of a table with two levels."""
    data = path.read_bytes()
    root = (root_page(path, table) - 1) * PAGE_BYTES
    assert data[root] == _INTERIOR
    (count,) = struct.unpack_from(">H", data, root + 3)
    (right,) = struct.unpack_from(">I", data, root + 8)
    places = struct.unpack_from(f">{count}H", data, root + 12)
    return [*(struct.unpack_from(">I", data, root + place)[0] for place in places), right]


def multiply_rows(path: Path, table: str, *, levels: int, children: int) -> None:
    """Put pages above a table's own that name the page below again and again: rows without end in a few KB."""
    data = bytearray(path.read_bytes())
    root = root_page(path, table) - 1
    below = len(data) // PAGE_BYTES + 1
    data += data[root * PAGE_BYTES : (root + 1) * PAGE_BYTES]  # the table's own page, at another place
    for _ in range(levels - 1):
        data += _interior_page(below, children)
        below += 1
    data[root * PAGE_BYTES : (root + 1) * PAGE_BYTES] = _interior_page(below, children)
    struct.pack_into(">I", data, 28, len(data) // PAGE_BYTES)
    path.write_bytes(data)


def _interior_page(child: int, children: int) -> bytes:
    page = bytearray(PAGE_BYTES)
    place = PAGE_BYTES - 8
    struct.pack_into(">BHHHBI", page, 0, _INTERIOR, 0, children, place, 0, child)
    struct.pack_into(f">{children}H", page, 12, *[place] * children)
    struct.pack_into(">IB", page, place, child, 1)
    return bytes(page)
