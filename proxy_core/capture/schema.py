"""The index: one SQLite schema for the live capture and for the saved `.harrier` file.

`exchange` is narrow (lists, filters and sorts read all of it); its columns are those of `ExchangeRow`, which is bound
as it comes. `detail` holds the rest by the same id, packed by `model.event.encode_detail`: it is read one by one. In a
live capture a body's extents point into segment files beside the index; in a saved file they point into `body_chunk`.
`progress` says up to where each worker's journal has been taken into the index: what lies behind it is replayed by
`capture.recovery`.

Format 3 made room for what comes: `message` (see `MessageRow`), `remark` (a person's mark, colour and comment), `acted`
and `rule_text` (which rules have touched an exchange, and what they said then; the whole of it is in
`ExchangeDetail.acts`), `finished` (exchanges in the order of their end, for those who follow a recording; a number is
never given again). Format 4 writes messages, format 5 what rules have done; nobody the others yet. Flags and kinds of
events are kept for them in the model. Who is the first to write into one of the tables, or to pack a member of a detail
or a record that was not there, also saves it, forgets it with its exchange, and raises the format, though that adds no
table then: a Harrier that knows nothing of it would save a capture without it, and must refuse instead.
"""

from types import NoneType
from typing import NamedTuple, get_args

from proxy_core.model.exchange import ConnectionRow, ExchangeRow
from proxy_core.model.message_row import MessageRow
from proxy_core.version import VERSION

SCHEMA_VERSION = 5  # goes up only together with Harrier's own, which a refused file names
APPLICATION_ID = 0x48415252  # «HARR»: `PRAGMA application_id` of our files
_SQL_TYPES = {int: "INTEGER", str: "TEXT", bytes: "BLOB"}


def _table(name: str, row: type[NamedTuple]) -> str:
    """A table whose columns are the members of a row, in their order; the first is its key."""
    columns = []
    for number, (column, kind) in enumerate(row.__annotations__.items()):
        (base,) = [each for each in get_args(kind) or (kind,) if each is not NoneType]
        rest = " PRIMARY KEY" if number == 0 else "" if get_args(kind) else " NOT NULL"
        columns.append(f"    {column} {_SQL_TYPES[base]}{rest}")
    return f"CREATE TABLE {name} (\n" + ",\n".join(columns) + "\n)"


META = "CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID"
_REST_OF_FORMAT_2 = """
CREATE TABLE detail (
    exchange_id INTEGER PRIMARY KEY,
    key INTEGER NOT NULL,
    packed BLOB NOT NULL
);
CREATE TABLE progress (series INTEGER PRIMARY KEY, segment INTEGER NOT NULL, offset INTEGER NOT NULL);
CREATE TABLE body_chunk (id INTEGER PRIMARY KEY, data BLOB NOT NULL);
"""
_FORMAT_3 = """
CREATE TABLE message (
    exchange_id INTEGER NOT NULL,
    number INTEGER NOT NULL,
    at_us INTEGER NOT NULL,
    side INTEGER NOT NULL,
    opcode INTEGER NOT NULL,
    flags INTEGER NOT NULL,
    size INTEGER NOT NULL,
    body BLOB,
    PRIMARY KEY (exchange_id, number)
) WITHOUT ROWID;
CREATE TABLE remark (
    exchange_id INTEGER PRIMARY KEY,
    mark INTEGER NOT NULL,
    colour TEXT NOT NULL,
    comment TEXT NOT NULL
);
CREATE TABLE acted (exchange_id INTEGER NOT NULL, rule TEXT NOT NULL, PRIMARY KEY (exchange_id, rule)) WITHOUT ROWID;
CREATE TABLE rule_text (
    version INTEGER NOT NULL,
    rule TEXT NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (version, rule)
) WITHOUT ROWID;
CREATE TABLE finished (seq INTEGER PRIMARY KEY, exchange_id INTEGER NOT NULL);
"""


def _statements(text: str) -> list[str]:
    return [statement.strip() for statement in text.split(";") if statement.strip()]


# Each with the format that brought it. The text is part of a format: files are compared with it, letter by letter.
TABLES = (
    (2, _table("exchange", ExchangeRow)),
    (2, _table("connection", ConnectionRow)),
    (2, META),
    *((2, statement) for statement in _statements(_REST_OF_FORMAT_2)),
    *((3, statement) for statement in _statements(_FORMAT_3)),
)

CREATION = (
    *(statement for _, statement in TABLES),
    f"PRAGMA application_id={APPLICATION_ID}",
    f"PRAGMA user_version={SCHEMA_VERSION}",
    f"INSERT INTO meta VALUES ('version', '{VERSION}')",
)  # the statements that make a new file, in a transaction of the caller's


def _upsert(table: str, columns: int) -> str:
    return f"INSERT OR REPLACE INTO {table} VALUES ({','.join('?' * columns)})"


UPSERT_EXCHANGE = _upsert("exchange", len(ExchangeRow._fields))
UPSERT_DETAIL = _upsert("detail", 3)
UPSERT_CONNECTION = _upsert("connection", len(ConnectionRow._fields))
ADD_CONNECTION = f"INSERT OR IGNORE INTO connection VALUES ({', '.join('?' * len(ConnectionRow._fields))})"
UPSERT_MESSAGE = _upsert("message", len(MessageRow._fields))
ADD_ACTED = "INSERT OR IGNORE INTO acted VALUES (?, ?)"
UPSERT_PROGRESS = _upsert("progress", 3)
