"""The index: one SQLite schema for the live capture and for the saved `.harrier` file.

`exchange` is narrow (lists, filters and sorts read all of it); its order is that of `ExchangeRow`, which is bound
as it comes. `detail` holds the rest by the same id, packed by `model.event.encode_detail`: it is read one by one. In a
live capture a body's extents point into segment files beside the index; in a saved file they point into `body_chunk`.
`progress` says up to where each worker's journal has been taken into the index: what lies behind it is replayed by
`capture.recovery`.
"""

from proxy_core.model.exchange import ConnectionRow, ExchangeRow
from proxy_core.version import VERSION

SCHEMA_VERSION = 3  # 1 had a column for each member of `detail`
APPLICATION_ID = 0x48415252  # «HARR»: `PRAGMA application_id` of our files

_SCHEMA = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE exchange (
    id INTEGER PRIMARY KEY,
    started_at INTEGER NOT NULL,
    duration_us INTEGER,
    state INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    method TEXT NOT NULL,
    scheme TEXT NOT NULL,
    host TEXT NOT NULL,
    port INTEGER NOT NULL,
    path TEXT NOT NULL,
    status INTEGER,
    media_type TEXT NOT NULL,
    resource_type INTEGER NOT NULL,
    request_bytes INTEGER NOT NULL,
    response_bytes INTEGER NOT NULL,
    failure TEXT NOT NULL,
    flags INTEGER NOT NULL
);
CREATE TABLE detail (
    exchange_id INTEGER PRIMARY KEY,
    key INTEGER NOT NULL,
    packed BLOB NOT NULL
);
CREATE TABLE connection (
    key INTEGER PRIMARY KEY,
    side INTEGER NOT NULL,
    opened_at INTEGER NOT NULL,
    peer_host TEXT NOT NULL,
    peer_port INTEGER NOT NULL,
    local_host TEXT NOT NULL,
    local_port INTEGER NOT NULL,
    tls BLOB
);
CREATE TABLE progress (series INTEGER PRIMARY KEY, segment INTEGER NOT NULL, offset INTEGER NOT NULL);
CREATE TABLE body_chunk (id INTEGER PRIMARY KEY, data BLOB NOT NULL);
"""

CREATION = (
    *(statement for statement in _SCHEMA.split(";") if statement.strip()),
    f"PRAGMA application_id={APPLICATION_ID}",
    f"PRAGMA user_version={SCHEMA_VERSION}",
    f"INSERT INTO meta VALUES ('version', '{VERSION}')",
)  # the statements that make a new file, in a transaction of the caller's


def _upsert(table: str, columns: int) -> str:
    return f"INSERT OR REPLACE INTO {table} VALUES ({','.join('?' * columns)})"


UPSERT_EXCHANGE = _upsert("exchange", len(ExchangeRow._fields))
UPSERT_DETAIL = _upsert("detail", 3)
UPSERT_CONNECTION = _upsert("connection", len(ConnectionRow._fields))
UPSERT_PROGRESS = _upsert("progress", 3)
