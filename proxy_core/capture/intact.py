"""Which exchanges of a damaged index can still be read.

A page that can't be read ends a walk over a table. Behind it the table goes on: the next place that can be read is
found by leaps that double, and then by bisection between the last two. So a page costs the rows on it and some hundred
look-ups; nothing of this is done while a file is sound.
"""

import sqlite3
from array import array
from typing import NamedTuple

_LAST = 2**62
# The file says something senseless, or can't be read at one place; the rest (interrupted, no memory) is no damage.
_DAMAGE = frozenset((sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_TOOBIG))


class Source(NamedTuple):
    """A table with integer keys, as it is walked over."""

    from_key: str  # a statement: the rows from a key on, the key first


EXCHANGES = Source("SELECT * FROM exchange WHERE id >= ? ORDER BY id")  # whole: a filter may look at any column
DETAILS = Source("SELECT exchange_id FROM detail WHERE exchange_id >= ? ORDER BY exchange_id")


def is_damage(error: Exception) -> bool:
    """Whether what SQLite said means that the file is damaged."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGE


def intact_ids(database: sqlite3.Connection, most: int, source: Source = EXCHANGES) -> "array[int]":
    """The keys, ascending, of the rows that can be read; no more than `most` are looked at.

    Raises sqlite3.Error when that is not about damage.
    """
    found = array("q")
    begin, looks = 1, 0
    while begin < _LAST and looks < most:
        try:
            for key, *_ in database.execute(source.from_key, (begin,)):
                looks += 1
                if key >= begin:  # what is out of order stands in a wrong place
                    found.append(key)
                    begin = key + 1
                if looks >= most:
                    break
            else:
                break
        except sqlite3.Error as error:
            if not is_damage(error):
                raise
            # `sqlite3` steps ahead: the row before the damage is lost with it, but can be read by itself.
            if not _can_read(database, source, begin):
                begin = _next_readable(database, source, begin)
            elif (row := _first(database, source, begin)) and row[0] >= begin:
                found.append(row[0])
                begin = row[0] + 1
                looks += 1
            else:
                break
    return found


def _next_readable(database: sqlite3.Connection, source: Source, begin: int) -> int:
    """The least key from `begin + 1` on from which the table can be read, as far as bisection finds it."""
    last_bad, leap = begin, 1
    while not _can_read(database, source, begin + leap):
        last_bad = begin + leap
        leap *= 2
        if begin + leap >= _LAST:
            return _LAST
    good = begin + leap
    while good - last_bad > 1:
        middle = (good + last_bad) // 2
        if _can_read(database, source, middle):
            good = middle
        else:
            last_bad = middle
    return good


def _can_read(database: sqlite3.Connection, source: Source, begin: int) -> bool:
    try:
        _first(database, source, begin)
    except sqlite3.Error as error:
        if not is_damage(error):
            raise
        return False
    return True


def _first(database: sqlite3.Connection, source: Source, begin: int) -> tuple[int, ...] | None:
    found: tuple[int, ...] | None = database.execute(f"{source.from_key} LIMIT 1", (begin,)).fetchone()
    return found
