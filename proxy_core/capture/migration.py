"""Captures of other formats than today's: which can be read, what they lack, how a live one is brought up to date.

A format adds tables, and never changes one. So an older file is read as it lies, untouched: the tables that it lacks
are there as empty ones of the connection's own. A live capture that is to be gone on with gets them for good. What
changes within a packed detail is told apart where it is decoded (`model.former_detail`): one index may hold details of
several formats. A newer file may hold what we know nothing of, and is refused with the Harrier that made it.
"""

import re
import sqlite3

from proxy_core.capture.schema import META, SCHEMA_VERSION, TABLES
from proxy_core.version import VERSION

OLDEST_VERSION = 2  # 1 had a column for each member of `detail`, and was never given to anybody
_HARRIER = re.compile(r"[0-9]{1,4}(?:\.[0-9]{1,4}){1,3}")


def tables_of(version: int) -> list[str]:
    """The statements that made the tables of a file of this format."""
    return [statement for since, statement in TABLES if since <= version]


def refusal(database: sqlite3.Connection, version: int) -> str:
    """Why an index of this format can't be read, as a predicate; "" when it can. Raises sqlite3.Error."""
    if version > SCHEMA_VERSION:
        return f"was made by a later Harrier ({_maker(database)}format {version}): open it with that one"
    if version < OLDEST_VERSION:
        return f"was made by an early Harrier (format {version}) whose captures no later one reads"
    return ""


def _maker(database: sqlite3.Connection) -> str:
    """The version that a file says it was made by; what is none is not repeated.

    Of a format that we don't know the tables can't be compared as a whole: this one at least must be ours.
    """
    try:
        of_meta = "SELECT sql FROM sqlite_schema WHERE type = 'table' AND name = 'meta'"
        if database.execute(of_meta).fetchone() != (META,):
            return ""
        row = database.execute("SELECT value FROM meta WHERE name = 'version'").fetchone()
    except sqlite3.DatabaseError:
        return ""
    named = row[0] if row is not None else None
    return f"{named}, " if isinstance(named, str) and _HARRIER.fullmatch(named) else ""


def add_missing_tables(database: sqlite3.Connection, version: int) -> None:
    """Let an older index look like today's to this connection alone. Raises sqlite3.Error."""
    for since, statement in TABLES:
        if since > version:
            database.execute(statement.replace("CREATE TABLE", "CREATE TEMP TABLE", 1))


def migrate(database: sqlite3.Connection, version: int) -> None:
    """Bring the index of a live capture up to today's format, in a transaction of its own. Raises sqlite3.Error."""
    if version == SCHEMA_VERSION:
        return
    database.execute("BEGIN IMMEDIATE")
    for since, statement in TABLES:
        if since > version:
            database.execute(statement)
    database.execute("INSERT OR REPLACE INTO meta VALUES ('version', ?)", (VERSION,))
    database.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
    database.execute("COMMIT")
