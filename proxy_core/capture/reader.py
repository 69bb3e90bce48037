"""Reading a capture, live or saved, while it may be growing: ids, rows, details, bodies. It never writes.

A reader belongs to one thread (only `interrupt` may be called from another). Nothing is loaded at opening: rows are
fetched by id, bodies by range. Whatever a damaged or hostile file says, an answer is either right, or leaves out what
can't be read, or is a `CaptureError`; no length that comes from a file is allocated unchecked.
"""

import json
import os
import sqlite3
from array import array
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import msgspec

from proxy_core.capture.bodies import EVERYTHING, BodySource
from proxy_core.capture.extents import Extent, decode_extents, extents_length
from proxy_core.capture.filter_sql import ORDERS, compile_filter, register_functions
from proxy_core.capture.intact import DETAILS, intact_ids, is_damage
from proxy_core.capture.left_out import LeftOut
from proxy_core.capture.message_search import MessageSearch
from proxy_core.capture.opening import (
    OPENING_S,
    ForeignIndexError,
    OtherFormatError,
    Patience,
    check_row_count,
    is_unwritable,
    most_rows,
    open_for_reading,
    sqlite_error_text,
)
from proxy_core.capture.soundness import sound_connection, sound_message, sound_row
from proxy_core.capture.writer import INDEX_NAME
from proxy_core.model.bounds import MOST_COUNT
from proxy_core.model.event import decode_detail
from proxy_core.model.exchange import ConnectionRow, ExchangeDetail, ExchangeRow
from proxy_core.model.filter import Filter
from proxy_core.model.message_row import MessageContent, MessageRow, decode_content
from proxy_core.model.tls_facts import Program, program_in
from proxy_core.plain_file import os_error_text

_PAGE = 500  # ids asked for in one statement (SQLite allows 32,766 parameters)
_ROWS_CHARACTERS = 256 * 1024 * 1024  # that one call may give: in a file from elsewhere many rows can share one text
_ORDERS = {name: name for name in ExchangeRow._fields} | ORDERS
_LARGEST_KEY = 2**63  # what a column can hold
_Answer = TypeVar("_Answer")


class CaptureError(Exception):
    """The capture can't be read: one sentence that says why."""


class UnwritableError(CaptureError):
    """The capture could be read, were there room, or leave, to write beside it."""


class BusyCaptureError(CaptureError):
    """Somebody holds the capture's lock: records it, or repairs it just now."""


class OtherFormatCaptureError(CaptureError):
    """The capture is one of another Harrier: there is nothing to repair."""


class CaptureInterruptedError(Exception):
    """`interrupt` ended the query."""


def _lenient_text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


class CaptureReader:
    """Reads a `.live` folder or a `.harrier` file."""

    def __init__(self, path: str, *, index: str = "", patience_s: float | None = None) -> None:
        """`index` is read instead of the one in the folder (a repaired copy). With `patience_s` a statement that works
        for longer makes the reader give up for good: for a thread that must not stand still.

        Raises CaptureError when this is no capture, a damaged one, or one of another version.
        """
        self.path = path
        self._shown = "1"  # a condition, see `leave_out`
        self.is_in_place = not index
        is_live = os.path.isdir(path)
        self._index = index or (os.path.join(path, INDEX_NAME) if is_live else path)
        if not os.path.isfile(self._index):
            raise CaptureError(f"There is no capture at {path}.")
        self._patience: Patience | None = None
        self._database, self._bodies = self._opened(path if is_live else "", patience_s or OPENING_S)
        self._is_count_checked = False
        self._intact: array[int] | None = None  # ids of what can be read, once a part of the index can't be
        self._database.text_factory = _lenient_text
        register_functions(self._database)
        self._message_search = MessageSearch(self, (CaptureError, CaptureInterruptedError))
        self._database.create_function("messages_say", 3, self._message_search.says)
        if patience_s is not None:
            self._patience = Patience(self._database, patience_s)

    def _opened(self, folder: str, patience_s: float) -> tuple[sqlite3.Connection, BodySource]:
        try:
            database = open_for_reading(self._index, is_live=bool(folder), patience_s=patience_s)
            try:
                return database, BodySource(database, folder)
            except OSError:
                database.close()
                raise
        except OtherFormatError as error:
            raise OtherFormatCaptureError(f"{self.path} {error}.") from None
        except ForeignIndexError as error:
            raise CaptureError(f"{self.path} {error}.") from None
        except (sqlite3.Error, UnicodeDecodeError) as error:
            if folder and is_unwritable(error):
                raise UnwritableError(f"{self.path} can't be read in its place ({sqlite_error_text(error)}).") from None
            raise CaptureError(f"{self.path} is damaged or no Harrier capture ({sqlite_error_text(error)}).") from None
        except OSError as error:
            raise CaptureError(f"{self.path} can't be read ({os_error_text(error)}).") from None

    def close(self) -> None:
        """Close files and index."""
        self._database.close()
        self._bodies.close()

    def interrupt(self) -> None:
        """End a query that runs in another thread; it raises CaptureInterruptedError there."""
        self._database.interrupt()

    def _query(self, sql: str, parameters: Sequence[object] = ()) -> list[Any]:
        try:
            return self._begun(sql, parameters).fetchall()
        except (sqlite3.Error, OverflowError) as error:
            raise self._error(error) from None

    def _begun(self, sql: str, parameters: Sequence[object]) -> sqlite3.Cursor:
        if self._patience is not None:
            if self._patience.has_run_out:
                raise CaptureError(self._impatience())
            self._patience.begin()
        return self._database.execute(sql, parameters)

    def _one(self, sql: str, parameters: Sequence[object] = ()) -> Any:
        """The first row, None when there is none."""
        rows = self._query(sql, parameters)
        return rows[0] if rows else None

    def _error(self, error: Exception) -> Exception:
        if self._patience is not None and self._patience.has_run_out:
            return CaptureError(self._impatience())
        if getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_INTERRUPT:
            return CaptureInterruptedError()
        return CaptureError(f"{self.path} is damaged or can't be read ({sqlite_error_text(error)}).")

    def _impatience(self) -> str:
        return f"{self.path} takes too long to be read: it may be damaged, or made to mislead."

    def _whole(self, ask: Callable[[], _Answer]) -> _Answer:
        """Ask something that walks over the whole table; after damage once more, about what can be read."""
        try:
            if not self._is_count_checked:
                check_row_count(self._database, self._index)
                self._is_count_checked = True
            return ask()
        except ForeignIndexError as error:
            raise CaptureError(f"{self.path} {error}.") from None
        except (sqlite3.Error, OverflowError, OSError) as error:
            if self._intact is not None or not is_damage(error):
                raise self._error(error) from None
            nothing_left = self._error(error)
        try:
            self._is_count_checked = True  # what is damaged is gone through step by step
            self._intact = intact_ids(self._database, most_rows(self._index))
            if not self._intact:
                raise nothing_left
            return ask()
        except sqlite3.Error as error:
            raise self._error(error) from None

    # Exchanges

    def total(self) -> int:
        """How many exchanges there are that can be read."""

        def ask() -> int:
            if self._intact is not None:
                return len(self._intact)
            where = "" if self._shown == "1" else f" WHERE {self._shown}"
            return int(self._begun(f"SELECT count(*) FROM exchange{where}", ()).fetchone()[0])

        return self._whole(ask)

    def leave_out(self, left_out: LeftOut) -> None:
        """Ask about the others from now on: in `ids`, `matching` and `total`."""
        self._shown = f"NOT {left_out.condition()}" if left_out.upto_id else "1"

    def last_id(self) -> int:
        """The greatest id, 0 in an empty capture."""

        def ask() -> int:
            if self._intact is not None:
                return max(self._intact, default=0)
            return int(self._begun("SELECT coalesce(max(id), 0) FROM exchange", ()).fetchone()[0])

        return self._whole(ask)

    def lost(self) -> int:
        """How many exchanges are known to be damaged: they have a detail, and no row that can be read."""
        if self._intact is None:
            return 0
        try:
            known = set(intact_ids(self._database, most_rows(self._index), DETAILS))
        except sqlite3.Error as error:
            raise self._error(error) from None
        return len(known.difference(self._intact))

    def meta(self, name: str) -> str:
        """A fact about the capture, "" when unknown."""
        row = self._one("SELECT value FROM meta WHERE name = ?", (name,))
        return "" if row is None else str(row[0])

    def progress(self, series: int) -> tuple[int, int]:
        """(journal segment, offset) up to where a series has been taken in; (0, 0) for none of it."""
        row = self._one("SELECT segment, offset FROM progress WHERE series = ?", (series,))
        if row is None:
            return 0, 0
        if not all(isinstance(each, int) and each >= 0 for each in row):
            raise CaptureError(f"{self.path} is damaged: it doesn't say up to where its journals have been taken in.")
        return row[0], row[1]

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
        self._message_search.begin()
        condition, parameters = compile_filter(query)
        if after_id or upto_id is not None:
            condition = f"id > ? AND id <= ? AND ({condition})"
            parameters = [after_id, 2**62 if upto_id is None else upto_id, *parameters]
        direction = "DESC" if descending else "ASC"
        last = " NULLS LAST" if order_by in ORDERS else ""  # what is unknown of many
        order = f"id {direction}" if order_by == "id" else f"{_ORDERS[order_by]} {direction}{last}, id {direction}"

        def ask() -> "array[int]":
            found = array("q")
            source, ids = self._source()
            sql = f"SELECT id FROM exchange WHERE {source} AND ({condition}) ORDER BY {order}"
            cursor = self._begun(sql, [*ids, *parameters])
            while page := cursor.fetchmany(20_000):
                found.extend([row[0] for row in page])
            return found

        return self._whole(ask)

    def _source(self) -> tuple[str, list[object]]:
        """A condition that keeps SQLite away from what it can't read."""
        if self._intact is None:
            return self._shown, []
        return f"{self._shown} AND id IN (SELECT value FROM json_each(?))", [json.dumps(self._intact.tolist())]

    @property
    def is_search_cut(self) -> bool:
        """Whether the last question about messages took so long that not all of them were searched."""
        return self._message_search.is_cut

    def matching(self, ids: Sequence[int], query: Filter) -> set[int]:
        """Which of these exchanges match."""
        self._message_search.begin()
        condition, parameters = compile_filter(query)
        found: set[int] = set()
        for begin in range(0, len(ids), _PAGE):
            page = list(ids[begin : begin + _PAGE])
            marks = ",".join("?" * len(page))
            sql = f"SELECT id FROM exchange WHERE id IN ({marks}) AND {self._shown} AND ({condition})"
            found.update(row[0] for row in self._query(sql, [*page, *parameters]))
        return found

    def rows(self, ids: Sequence[int], damaged: set[int] | None = None) -> dict[int, ExchangeRow]:
        """The rows of these exchanges; what is gone is not among them, nor what can't be read: `damaged` tells that."""
        found: dict[int, ExchangeRow] = {}
        bad: set[int] = set()
        room = _ROWS_CHARACTERS
        for begin in range(0, len(ids), _PAGE):
            page = list(ids[begin : begin + _PAGE])
            try:
                room = self._add_rows(page, found, bad, room)
            except sqlite3.Error as error:
                if not is_damage(error):
                    raise self._error(error) from None
                for each in page:
                    room = self._add_row(each, found, bad, room)
            except OverflowError as error:
                raise self._error(error) from None
        if damaged is not None:
            damaged |= bad
        return found

    def _add_rows(self, ids: list[int], found: dict[int, ExchangeRow], damaged: set[int], room: int) -> int:
        marks = ",".join("?" * len(ids))
        for values in self._begun(f"SELECT * FROM exchange WHERE id IN ({marks})", ids):
            row = sound_row(values)
            if row is None:
                damaged.add(values[0])
                continue
            found[row.id] = row
            room -= len(row.path) + len(row.host)
            if room < 0:
                raise CaptureError(f"{self.path}: these exchanges are too large to be read at once.")
        return room

    def _add_row(self, exchange_id: int, found: dict[int, ExchangeRow], damaged: set[int], room: int) -> int:
        if exchange_id in found or exchange_id in damaged:
            return room
        try:
            return self._add_rows([exchange_id], found, damaged, room)
        except sqlite3.Error as error:
            if not is_damage(error):
                raise self._error(error) from None
            damaged.add(exchange_id)
            return room

    def detail(self, exchange_id: int) -> ExchangeDetail | None:
        """Everything else about one exchange."""
        row = self._one("SELECT packed FROM detail WHERE exchange_id = ?", (exchange_id,))
        if row is None:
            return None
        try:
            detail = decode_detail(row[0])
        except (msgspec.DecodeError, TypeError):
            detail = None
        if detail is None or not all(
            0 <= key < _LARGEST_KEY for key in (detail.key, detail.client_connection, detail.upstream_connection)
        ):
            raise CaptureError(f"{self.path} is damaged: an exchange can't be read.")
        return detail

    def programs(self, ids: Sequence[int]) -> dict[int, Program]:
        """The programs behind these exchanges, where they are known (by now)."""
        found: dict[int, Program] = {}
        for begin in range(0, len(ids), _PAGE):
            page = list(ids[begin : begin + _PAGE])
            marks = ",".join("?" * len(page))
            sql = (
                "SELECT exchange_id, tls FROM detail JOIN connection ON connection.key = client_of(packed)"
                f" WHERE exchange_id IN ({marks})"
            )
            for exchange_id, tls in self._query(sql, page):
                program = program_in(tls) if isinstance(tls, bytes) else None
                if program is not None:
                    found[exchange_id] = program
        return found

    def connection(self, key: int) -> ConnectionRow | None:
        """The facts about a connection."""
        values = self._one("SELECT * FROM connection WHERE key = ?", (key,))
        if values is None:
            return None
        row = sound_connection(values)
        if row is None:
            raise CaptureError(f"{self.path} is damaged: a connection can't be read.")
        return row

    # Messages

    def message_count(self, exchange_id: int) -> int:
        """How many messages an exchange has: the number of its last one."""
        row = self._one("SELECT number FROM message WHERE exchange_id = ? ORDER BY number DESC LIMIT 1", (exchange_id,))
        return row[0] if row is not None and type(row[0]) is int and 0 < row[0] <= MOST_COUNT else 0

    def message_numbers(self, exchange_id: int, after: int = 0) -> "array[int]":
        """The numbers of an exchange's messages, ascending, those greater than `after`."""
        sql = "SELECT number FROM message WHERE exchange_id = ? AND number > ? ORDER BY number"
        found = array("q")
        try:
            cursor = self._begun(sql, (exchange_id, after))
            while page := cursor.fetchmany(20_000):
                found.extend([number for (number,) in page if type(number) is int and 0 < number <= MOST_COUNT])
        except (sqlite3.Error, OverflowError) as error:
            raise self._error(error) from None
        return found

    def messages(
        self, exchange_id: int, after: int = 0, limit: int = 100, damaged: set[int] | None = None
    ) -> list[MessageRow]:
        """Some of an exchange's messages, in order, from the first behind `after` on.

        What can't be read is left out, and `damaged` tells its number. Raises CaptureError.
        """
        sql = "SELECT * FROM message WHERE exchange_id = ? AND number > ? ORDER BY number LIMIT ?"
        found: list[MessageRow] = []
        for values in self._query(sql, (exchange_id, after, limit)):
            number = values[1]
            if type(number) is not int or number <= after:
                continue  # in a damaged table they may come in circles
            after = number
            row = sound_message(values)
            if row is not None and row.exchange_id == exchange_id:
                found.append(row)
            elif damaged is not None:
                damaged.add(number)
        return found

    def content(self, message: MessageRow) -> MessageContent:
        """The rest of a message. Raises CaptureError on damage."""
        try:
            return decode_content(message.body)
        except msgspec.DecodeError:
            raise CaptureError(f"{self.path} is damaged: a message can't be read.") from None

    def payload(self, content: MessageContent, length: int | None = None) -> bytes:
        """The payload of a message, as much of it as was kept. Raises CaptureError on damage."""
        if content.data is not None:
            return content.data if length is None else content.data[:length]
        return self.read_body(content.extents, 0, length)

    # Bodies

    def body_length(self, extents: bytes | None) -> int:
        """How many bytes of a body were recorded. Raises CaptureError on damage."""
        return extents_length(self.extents(extents))

    def read_body(self, extents: bytes | None, start: int = 0, length: int | None = None) -> bytes:
        """A range of a body as it was on the wire; shorter where its segment is gone or cut."""
        wanted = EVERYTHING if length is None else length
        return b"".join(self._bodies.read(self.extents(extents), start, wanted, 2**30))

    def iterate_body(self, extents: bytes | None, chunk_bytes: int = 1 << 20) -> Iterator[bytes]:
        """A body in pieces of at most `chunk_bytes`."""
        return self._bodies.read(self.extents(extents), 0, EVERYTHING, chunk_bytes)

    def bodies_missing(self) -> int:
        """How many bodies, of those read so far, ended before their end since a part of them is not there."""
        return len(self._bodies.missing)

    def room(self, segment: int) -> int:
        """How many bytes a segment has; 0 is the saved file itself."""
        return self._bodies.segment_bytes(segment) if segment else os.stat(self._index).st_size

    def extents(self, extents: bytes | None) -> list[Extent]:
        """Where a body lies. Raises CaptureError on damage."""
        try:
            return decode_extents(extents)
        except msgspec.DecodeError:
            raise CaptureError(f"{self.path} is damaged: it doesn't say where a body lies.") from None
