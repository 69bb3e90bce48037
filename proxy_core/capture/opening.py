"""Opening an index that may come from anywhere: what has to hold before a statement of ours touches its tables.

An SQLite file brings its own schema. A view in the place of a table, a trigger or a generated column is somebody else's
program that our statements would run, so the schema must be ours to the letter. What is left then is data, and there
are bounds for it: how long one value may be, how many rows a file of its size can hold, and (where somebody is kept
waiting) how long a statement may work.
"""

import os
import re
import sqlite3
import time
from functools import cache
from urllib.parse import quote

from proxy_core.capture.migration import add_missing_tables, refusal, tables_of
from proxy_core.capture.schema import APPLICATION_ID
from proxy_core.plain_file import plain_size

# Of one value. The largest of ours are packed details: heads (at the most some hundred KB from a worker, more from a
# HAR, see `model.bounds`) and the extents of the bodies (4 MiB of each at the most, see `capture.extents`).
VALUE_LIMIT_BYTES = 64 * 1024 * 1024
_SMALLEST_ROW_BYTES = 8  # of `detail`: cell pointer 2, sizes 2, header 4; one of `exchange` takes 22 at least
OPENING_S = 5.0  # reading a schema of six tables takes 1 ms
_STEPS = 10_000  # of SQLite's machine between two looks at the clock; reading a block of rows by id takes some 3,000


class ForeignIndexError(sqlite3.DatabaseError):
    """What was opened is no index that we made, or one of another version: a predicate, such as «is no …»."""


class OtherFormatError(ForeignIndexError):
    """It is an index of Harrier's, and nothing is wrong with it: another version made it, and can read it."""


def sqlite_error_text(error: Exception) -> str:
    """What SQLite says is wrong, without what it quotes from the file: «malformed database schema (…) - …»."""
    return re.split(r" \(| - |: |\n", str(error), maxsplit=1)[0]


# SQLite can't make, extend or lock a file: the disk is full, or can be read only.
_UNWRITABLE = frozenset(
    (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM)
)


def is_unwritable(error: Exception) -> bool:
    """Whether what SQLite said may be due to the place where the file lies."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _UNWRITABLE


class Patience:
    """Lets no statement of a connection work for longer than some time. `interrupt` by others stays possible."""

    def __init__(self, database: sqlite3.Connection, seconds: float) -> None:
        self._seconds = seconds
        self._until = 0.0
        self.has_run_out = False
        self.begin()
        database.set_progress_handler(self._is_over, _STEPS)

    def begin(self) -> None:
        """A statement is about to be run."""
        self._until = time.monotonic() + self._seconds

    def _is_over(self) -> int:
        if time.monotonic() > self._until:
            self.has_run_out = True
        return self.has_run_out


def open_for_reading(index: str, *, is_live: bool, patience_s: float = OPENING_S) -> sqlite3.Connection:
    """An index of ours that is only read. Raises sqlite3.Error (ForeignIndexError too), OSError."""
    if is_live:
        check_files(index)
    # A saved file needs no locks, and may lie where nothing can be written beside it.
    mode = "mode=ro" if is_live else "mode=ro&immutable=1"
    address = f"file:{quote(os.path.abspath(index))}?{mode}"
    database = sqlite3.connect(address, uri=True, isolation_level=None, check_same_thread=False, timeout=patience_s)
    try:
        add_missing_tables(database, check_index(database, patience_s))
        database.execute("PRAGMA query_only=ON")
    except BaseException:
        database.close()
        raise
    return database


def check_files(index: str) -> None:
    """Look at the files that SQLite will open by their names. Raises NotPlainError, ForeignIndexError, OSError.

    A rollback journal can name a further file, which SQLite removes when it has played the journal back; our index
    never leaves one, since it has a WAL from the start.
    """
    for suffix in ("", "-wal", "-shm", "-journal"):
        size = plain_size(index + suffix)
        if suffix == "-journal" and size:
            raise ForeignIndexError("has a rollback journal beside it, which no index of ours has")


def check_index(database: sqlite3.Connection, patience_s: float = OPENING_S) -> int:
    """Set the bounds, and make sure that the tables are ours; returns their format.

    Raises sqlite3.Error (ForeignIndexError too).
    """
    database.execute("PRAGMA trusted_schema=OFF")
    database.execute("PRAGMA cell_size_check=ON")
    database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, VALUE_LIMIT_BYTES)
    database.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
    database.setlimit(sqlite3.SQLITE_LIMIT_TRIGGER_DEPTH, 1)
    patience = Patience(database, patience_s)
    try:
        if database.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
            raise ForeignIndexError("is no Harrier capture")
        version = database.execute("PRAGMA user_version").fetchone()[0]
        if why := refusal(database, version):
            raise OtherFormatError(why)
        if _schema(database) != _our_schema(version):
            raise ForeignIndexError("is no Harrier capture: its tables are not those that Harrier makes")
    except sqlite3.OperationalError:
        if patience.has_run_out:
            raise ForeignIndexError("is no Harrier capture: its tables take too long to be read") from None
        raise
    finally:
        database.set_progress_handler(None, 0)
    return int(version)


@cache
def _our_schema(version: int) -> list[tuple[object, ...]]:
    database = sqlite3.connect(":memory:")
    try:
        for statement in tables_of(version):
            database.execute(statement)
        return _schema(database)
    finally:
        database.close()


def _schema(database: sqlite3.Connection) -> list[tuple[object, ...]]:
    rows = database.execute("SELECT type, name, tbl_name, sql FROM sqlite_schema LIMIT 20").fetchall()
    return sorted(rows, key=str)


def check_row_count(database: sqlite3.Connection, index: str) -> None:
    """Raise ForeignIndexError when there seem to be more exchanges than the file has room for; sqlite3.Error, OSError.

    A page that is named by many others gives its rows again and again: some KB can stand for more rows than anybody can
    count. Everything that walks over the table looks at this first.
    """
    most = most_rows(index)
    if database.execute("SELECT count(*) FROM (SELECT 1 FROM exchange LIMIT ?)", (most + 1,)).fetchone()[0] > most:
        raise ForeignIndexError("is damaged: it says that it holds more exchanges than it has room for")


def most_rows(index: str) -> int:
    """How many rows an index of this size can hold. Raises OSError."""
    return (os.stat(index).st_size + plain_size(f"{index}-wal")) // _SMALLEST_ROW_BYTES
