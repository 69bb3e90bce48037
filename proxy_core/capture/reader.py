"""Reading a capture, live or saved, while it may be growing: ids, rows, details, bodies. It never writes.

A reader belongs to one thread (only `interrupt` may be called from another). Nothing is loaded at opening: rows are
fetched by id, bodies by range. Whatever a damaged file says, an answer is either right, or empty, or a `CaptureError`;
no length that comes from a file is allocated unchecked.
"""

import os
import sqlite3
from array import array
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import quote

import msgspec

from proxy_core.capture.extents import Extent, decode_extents, segment_name
from proxy_core.capture.filter_sql import compile_filter, register_functions
from proxy_core.capture.schema import APPLICATION_ID, SCHEMA_VERSION
from proxy_core.capture.writer import INDEX_NAME
from proxy_core.model.event import decode_detail
from proxy_core.model.exchange import ConnectionRow, ExchangeDetail, ExchangeRow
from proxy_core.model.filter import Filter

_OPEN_SEGMENTS = 32  # descriptors that a reader keeps open
_READ_ONLY = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
_PAGE = 500  # ids asked for in one statement (SQLite allows 32,766 parameters)
_ORDERS = frozenset(ExchangeRow._fields)
_MAYBE = (int, type(None))
# The types that a row's columns have (duration and status may be absent): a damaged one is told, not shown.
_ROW_TYPES = frozenset(
    (int, int, duration, int, int, str, str, str, int, str, status, str, int, int, int, str, int)
    for duration in _MAYBE
    for status in _MAYBE
)


class CaptureError(Exception):
    """The capture can't be read: one sentence that says why."""


class CaptureInterruptedError(Exception):
    """`interrupt` ended the query."""


def _lenient_text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


class CaptureReader:
    """Reads a `.live` folder or a `.harrier` file."""

    def __init__(self, path: str) -> None:
        """Raises CaptureError when this is no capture, a damaged one, or one of a later version."""
        self.path = path
        self._folder = path if os.path.isdir(path) else ""
        index = os.path.join(path, INDEX_NAME) if self._folder else path
        if not os.path.isfile(index):
            raise CaptureError(f"There is no capture at {path}.")
        self._segments: dict[int, int] = {}
        try:
            self._database = self._open(index)
        except (sqlite3.Error, UnicodeDecodeError) as error:
            raise CaptureError(f"{path} is damaged or no Harrier capture ({error}).") from None
        self._database.text_factory = _lenient_text
        register_functions(self._database)

    def _open(self, index: str) -> sqlite3.Connection:
        # A saved file needs no locks, and may lie where nothing can be written beside it.
        mode = "mode=ro" if self._folder else "mode=ro&immutable=1"
        database = sqlite3.connect(
            f"file:{quote(os.path.abspath(index))}?{mode}", uri=True, isolation_level=None, check_same_thread=False
        )
        try:
            application_id = database.execute("PRAGMA application_id").fetchone()[0]
            version = database.execute("PRAGMA user_version").fetchone()[0]
            if application_id != APPLICATION_ID:
                raise CaptureError(f"{self.path} is no Harrier capture.")
            if version != SCHEMA_VERSION:
                raise CaptureError(f"{self.path} was made by another version of Harrier (format {version}).")
            database.execute("SELECT id FROM exchange LIMIT 1").fetchone()
        except BaseException:
            database.close()
            raise
        return database

    def close(self) -> None:
        """Close files and index."""
        self._database.close()
        for descriptor in self._segments.values():
            os.close(descriptor)
        self._segments.clear()

    def interrupt(self) -> None:
        """End a query that runs in another thread; it raises CaptureInterruptedError there."""
        self._database.interrupt()

    def _query(self, sql: str, parameters: Sequence[object] = ()) -> list[Any]:
        try:
            return self._database.execute(sql, parameters).fetchall()
        except (sqlite3.Error, UnicodeDecodeError, OverflowError) as error:
            raise self._error(error) from None

    def _one(self, sql: str, parameters: Sequence[object] = ()) -> Any:
        """The first row, None when there is none."""
        rows = self._query(sql, parameters)
        return rows[0] if rows else None

    def _error(self, error: Exception) -> Exception:
        if getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_INTERRUPT:
            return CaptureInterruptedError()
        return CaptureError(f"{self.path} is damaged or can't be read ({error}).")

    # Exchanges

    def total(self) -> int:
        """How many exchanges there are."""
        return int(self._one("SELECT count(*) FROM exchange")[0])

    def last_id(self) -> int:
        """The greatest id, 0 in an empty capture."""
        return int(self._one("SELECT coalesce(max(id), 0) FROM exchange")[0])

    def meta(self, name: str) -> str:
        """A fact about the capture, "" when unknown."""
        row = self._one("SELECT value FROM meta WHERE name = ?", (name,))
        return "" if row is None else str(row[0])

    def ids(
        self,
        query: Filter | None = None,
        *,
        order_by: str = "id",
        descending: bool = False,
        after_id: int = 0,
        upto_id: int | None = None,
    ) -> "array[int]":
        """The ids of the exchanges that match, in order. Raises CaptureInterruptedError."""
        assert order_by in _ORDERS
        condition, parameters = compile_filter(query)
        if after_id or upto_id is not None:
            condition = f"id > ? AND id <= ? AND ({condition})"
            parameters = [after_id, 2**62 if upto_id is None else upto_id, *parameters]
        direction = "DESC" if descending else "ASC"
        order = f"id {direction}" if order_by == "id" else f"{order_by} {direction}, id {direction}"
        found = array("q")
        try:
            cursor = self._database.execute(f"SELECT id FROM exchange WHERE {condition} ORDER BY {order}", parameters)
            while page := cursor.fetchmany(20_000):
                found.extend([row[0] for row in page])
        except (sqlite3.Error, UnicodeDecodeError, OverflowError, TypeError) as error:
            raise self._error(error) from None
        return found

    def matching(self, ids: Sequence[int], query: Filter) -> set[int]:
        """Which of these exchanges match."""
        condition, parameters = compile_filter(query)
        found: set[int] = set()
        for begin in range(0, len(ids), _PAGE):
            page = list(ids[begin : begin + _PAGE])
            marks = ",".join("?" * len(page))
            sql = f"SELECT id FROM exchange WHERE id IN ({marks}) AND ({condition})"
            found.update(row[0] for row in self._query(sql, [*page, *parameters]))
        return found

    def rows(self, ids: Sequence[int]) -> dict[int, ExchangeRow]:
        """The rows of these exchanges; what is gone is not among them."""
        found: dict[int, ExchangeRow] = {}
        for begin in range(0, len(ids), _PAGE):
            page = list(ids[begin : begin + _PAGE])
            marks = ",".join("?" * len(page))
            for row in self._query(f"SELECT * FROM exchange WHERE id IN ({marks})", page):
                if tuple(map(type, row)) not in _ROW_TYPES:
                    raise CaptureError(f"{self.path} is damaged: an exchange can't be read.")
                found[row[0]] = ExchangeRow._make(row)
        return found

    def detail(self, exchange_id: int) -> ExchangeDetail | None:
        """Everything else about one exchange."""
        row = self._one("SELECT packed FROM detail WHERE exchange_id = ?", (exchange_id,))
        try:
            return None if row is None else decode_detail(row[0])
        except (msgspec.DecodeError, TypeError):
            raise CaptureError(f"{self.path} is damaged: an exchange can't be read.") from None

    def connection(self, key: int) -> ConnectionRow | None:
        """The facts about a connection."""
        row = self._one("SELECT * FROM connection WHERE key = ?", (key,))
        if row is not None and len(row) != len(ConnectionRow._fields):
            raise CaptureError(f"{self.path} is damaged: a connection can't be read.")
        return None if row is None else ConnectionRow._make(row)

    # Bodies

    def body_length(self, extents: bytes | None) -> int:
        """How many bytes of a body were recorded. Raises CaptureError on damage."""
        return sum(length for _, _, length in self._extents(extents))

    def read_body(self, extents: bytes | None, start: int = 0, length: int | None = None) -> bytes:
        """A range of a body as it was on the wire; shorter where its segment is gone or cut."""
        return b"".join(self._read(extents, start, 2**62 if length is None else length, 2**30))

    def iterate_body(self, extents: bytes | None, chunk_bytes: int = 1 << 20) -> Iterator[bytes]:
        """A body in pieces of at most `chunk_bytes`."""
        return self._read(extents, 0, 2**62, chunk_bytes)

    def _extents(self, extents: bytes | None) -> list[Extent]:
        try:
            decoded = decode_extents(extents)
        except msgspec.DecodeError:
            raise CaptureError(f"{self.path} is damaged: it doesn't say where a body lies.") from None
        if any(offset < 0 or length < 0 for _, offset, length in decoded):
            raise CaptureError(f"{self.path} is damaged: a body lies nowhere.")
        return decoded

    def _read(self, extents: bytes | None, start: int, length: int, chunk_bytes: int) -> Iterator[bytes]:
        for segment, offset, extent_length in self._extents(extents):
            if start >= extent_length:
                start -= extent_length
                continue
            wanted = min(extent_length - start, length)
            while wanted > 0:
                piece = self._read_extent(segment, offset, start, min(wanted, chunk_bytes))
                if not piece:
                    return
                yield piece
                start += len(piece)
                wanted -= len(piece)
                length -= len(piece)
            if length <= 0:
                return
            start = 0

    def _read_extent(self, segment: int, offset: int, start: int, length: int) -> bytes:
        if segment == 0:
            try:
                with self._database.blobopen("body_chunk", "data", offset, readonly=True) as blob:
                    blob.seek(min(start, len(blob)))
                    return blob.read(length)
            except sqlite3.Error:
                return b""
        descriptor = self._segments.get(segment)
        if descriptor is None:
            if not self._folder:
                return b""
            try:
                descriptor = os.open(os.path.join(self._folder, segment_name(segment)), _READ_ONLY)
            except OSError:
                return b""
            if len(self._segments) >= _OPEN_SEGMENTS:
                os.close(self._segments.pop(next(iter(self._segments))))
            self._segments[segment] = descriptor
        room = os.fstat(descriptor).st_size - offset - start
        if room <= 0:
            return b""
        os.lseek(descriptor, offset + start, os.SEEK_SET)
        return os.read(descriptor, min(length, room))
