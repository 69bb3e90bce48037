"""Which exchanges of a damaged index can still be read.

A page that can't be read ends a walk over a table. Behind it the table goes on: the next place that can be read is
found by leaps that double, and then by bisection between the last two. So a page costs the rows on it and some hundred
look-ups; nothing of this is done while a file is sound.
"""

import sqlite3
from array import array

_LAST = 2**62
# The file says something senseless, or can't be read at one place; the rest (interrupted, no memory) is no damage.
_DAMAGE = frozenset((sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_TOOBIG))
_FIRST = "SELECT * FROM {table} WHERE {key} >= ? ORDER BY {key} LIMIT 1"


def is_damage(error: Exception) -> bool:
    """Whether what SQLite said means that the file is damaged."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGE


def intact_ids(database: sqlite3.Connection, table: str = "exchange", key: str = "id") -> "array[int]":
    """The keys, ascending, of the rows that can be read whole. Raises sqlite3.Error when that is not about damage."""
    found = array("q")
    begin = 1
    while begin < _LAST:
        try:
            for row in database.execute(f"SELECT * FROM {table} WHERE {key} >= ? ORDER BY {key}", (begin,)):
                found.append(row[0])
                begin = row[0] + 1
        except (sqlite3.Error, OverflowError) as error:
            if not is_damage(error):
                raise
            # `sqlite3` steps ahead: the row before the damage is lost with it, but can be read by itself.
            if not _can_read(database, table, key, begin):
                begin = _next_readable(database, table, key, begin)
            elif row := database.execute(_FIRST.format(table=table, key=key), (begin,)).fetchone():
                found.append(row[0])
                begin = row[0] + 1
            else:
                break
        else:
            break
    return found


def _next_readable(database: sqlite3.Connection, table: str, key: str, begin: int) -> int:
    """The least key from `begin + 1` on from which the table can be read, as far as bisection finds it."""
    last_bad, leap = begin, 1
    while not _can_read(database, table, key, begin + leap):
        last_bad = begin + leap
        leap *= 2
        if begin + leap >= _LAST:
            return _LAST
    good = begin + leap
    while good - last_bad > 1:
        middle = (good + last_bad) // 2
        if _can_read(database, table, key, middle):
            good = middle
        else:
            last_bad = middle
    return good


def _can_read(database: sqlite3.Connection, table: str, key: str, begin: int) -> bool:
    try:
        database.execute(_FIRST.format(table=table, key=key), (begin,)).fetchone()
    except sqlite3.Error as error:
        if not is_damage(error):
            raise
        return False
    return True
