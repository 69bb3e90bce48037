"""The writer of the index: takes events, gives ids, upserts. The recorder is its only user in a live capture.

What an event carries is ready to be bound, so an exchange costs its decoding and two rows of an `executemany`. An event
that can't be read is set aside and costs nothing else. Only
open exchanges are remembered (their key and id), so memory doesn't grow with the capture. Nothing is committed but by
`commit`; the `progress` of a journal is stored in the transaction of its rows.
"""

import os
import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, assert_never

import msgspec

from proxy_core.capture.left_out import NOTHING_LEFT_OUT, LeftOut
from proxy_core.capture.migration import migrate
from proxy_core.capture.opening import ForeignIndexError, check_files, check_index, check_row_count
from proxy_core.capture.schema import (
    ADD_ACTED,
    CREATION,
    UPSERT_CONNECTION,
    UPSERT_DETAIL,
    UPSERT_EXCHANGE,
    UPSERT_MESSAGE,
    UPSERT_PROGRESS,
)
from proxy_core.capture.unread_events import UnreadEvents
from proxy_core.model.act import decode_acts
from proxy_core.model.event import (
    AmendedEvent,
    ConnectionEvent,
    ExchangeEvent,
    MessagesEvent,
    NotRecordedEvent,
    decode_detail,
    decode_event,
    encode_detail,
)
from proxy_core.model.exchange import FIRST_FINAL_STATE, ConnectionRow, ExchangeFlag, ExchangeRow, ExchangeState, Side
from proxy_core.model.failure import FailureKind
from proxy_core.model.message_row import INLINE_LIMIT_BYTES, decode_content
from proxy_core.model.tls_facts import program_in
from proxy_core.plain_file import open_plain

INDEX_NAME = "index.sqlite"
# Where they stand in an event's row, which has no id yet.
_STATE, _REQUEST_BYTES, _RESPONSE_BYTES = (
    ExchangeRow._fields.index(name) - 1 for name in ("state", "request_bytes", "response_bytes")
)
_FLAGS = ExchangeRow._fields.index("flags")
_ACTED = int(ExchangeFlag.ACTED)
_CHECKPOINT_PAGES = 2000
_CACHE_KIB = 8192
_FORGOTTEN_AT_ONCE = 5000  # rows: the workers' batches wait for it
_LAST_ID = 2**53  # no capture comes near it, and there is room behind it
_RECENT = 20_000  # so many ids back an exchange can be amended
# What ends by itself or by somebody's hand: no room, no right to write, another program that holds the index.
_PASSING = frozenset(
    (
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_NOMEM,
    )
)


class CaptureFullError(Exception):
    """The index can't be written now (disk full, locked); what was applied since the last commit is undone."""


class Applied(NamedTuple):
    """What a batch changed."""

    rows: list[tuple[Any, ...]]  # ExchangeRow tuples with their ids, new and changed ones, in order of arrival
    first_new_id: int  # 0 when none is new
    last_new_id: int
    changed_from_id: int  # range of the known ones that changed, 0 when none
    changed_to_id: int
    not_recorded: int  # exchanges that a worker let pass unrecorded …
    problem: str  # … and why
    has_programs: bool = False  # those behind some connections are known by now


class Cleared(NamedTuple):
    """What was cleared, and what it counted."""

    left_out: LeftOut
    total: int
    failed: int
    recorded_bytes: int


class _Bound(NamedTuple):
    """What a batch becomes, by the table that it goes into."""

    rows: list[tuple[Any, ...]]
    details: list[tuple[int, int, bytes]]
    connections: list[tuple[Any, ...]]
    messages: list[tuple[object, ...]]

    def acted(self) -> list[tuple[int, str]]:
        """Which rules have done something about which of these exchanges."""
        found: list[tuple[int, str]] = []
        for row, (exchange_id, _, packed) in zip(self.rows, self.details, strict=True):
            if row[_FLAGS] & _ACTED:
                try:
                    acts = decode_acts(decode_detail(packed).acts)
                except (msgspec.DecodeError, TypeError):
                    continue  # its reader will say so
                found += [(exchange_id, act.rule) for act in acts]
        return found

    @property
    def has_programs(self) -> bool:
        """Whether it is told of a client which program it is."""
        rows = map(ConnectionRow._make, self.connections)
        return any(row.side == Side.CLIENT and program_in(row.tls) is not None for row in rows)


NOTHING_APPLIED = Applied([], 0, 0, 0, 0, 0, "")


class IndexWriter:
    """The one connection that writes an index."""

    def __init__(self, path: str) -> None:
        """Create the index at `path`, or open one, of which nothing is sure, to go on with it.

        Raises CaptureFullError, sqlite3.Error, OSError.
        """
        self.unread = UnreadEvents(os.path.dirname(path))
        self._cleared: list[Cleared] = []  # not forgotten yet; a later one holds all of those before
        is_new = not os.path.lexists(path)
        if is_new:
            os.close(open_plain(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL))
        else:
            check_files(path)
        self._database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        try:
            if not is_new:
                version = check_index(self._database)
                check_row_count(self._database, path)
                migrate(self._database, version)
            self._prepare(is_new=is_new)
        except BaseException:
            self._database.close()
            raise

    def _prepare(self, *, is_new: bool) -> None:
        self._run("PRAGMA journal_mode=WAL")
        self._run("PRAGMA synchronous=NORMAL")
        self._run(f"PRAGMA wal_autocheckpoint={_CHECKPOINT_PAGES}")
        self._run(f"PRAGMA cache_size=-{_CACHE_KIB}")
        if is_new:
            self._run("BEGIN")
            for statement in CREATION:
                self._run(statement)
            self._run("COMMIT")
        self._has_begun = False
        self._load()

    def _load(self) -> None:
        """Read from the index what is kept in memory."""
        open_ones = (
            "SELECT key, id, cast(total(request_bytes + response_bytes) AS INTEGER)"
            " FROM exchange JOIN detail ON exchange_id = id WHERE state < ? GROUP BY id"
        )
        found = [row for row in self._run(open_ones, (FIRST_FINAL_STATE,)) if isinstance(row[0], int)]
        self._open: dict[int, int] = {key: each for key, each, _ in found}
        self._open_bytes: dict[int, int] = {key: size for key, _, size in found}  # of them, counted by now
        self.last_id: int = self._run("SELECT coalesce(max(id), 0) FROM exchange").fetchone()[0]
        cleared = self._run("SELECT value FROM meta WHERE name = 'last_cleared_id'").fetchone()
        if cleared is not None and str(cleared[0]).isdecimal():
            self.last_id = max(self.last_id, int(cleared[0]))
        if not 0 <= self.last_id < _LAST_ID:
            raise ForeignIndexError("is damaged: its exchanges have numbers beyond all bounds")
        self.total, self.failed, self.recorded_bytes = self._run(
            # `total` never overflows, whatever a foreign index says
            "SELECT count(*), coalesce(sum(state = ?), 0), cast(total(request_bytes + response_bytes) AS INTEGER)"
            f" FROM exchange WHERE NOT {self._left_out.condition()}",
            (ExchangeState.FAILED,),
        ).fetchone()

    def _run(self, sql: str, parameters: Sequence[object] = ()) -> sqlite3.Cursor:
        try:
            return self._database.execute(sql, parameters)
        except sqlite3.OperationalError as error:
            raise self._full(error) from None

    def _full(self, error: sqlite3.OperationalError) -> Exception:
        code = error.sqlite_errorcode & 0xFF
        if code not in _PASSING:
            return error
        self.roll_back()
        return CaptureFullError(str(error))

    def roll_back(self) -> None:
        """Undo what was applied since the last commit."""
        if self._database.in_transaction:
            self._database.execute("ROLLBACK")
        if self._has_begun:
            self._has_begun = False
            self._load()

    def _begin(self) -> None:
        if not self._has_begun:
            self._run("BEGIN IMMEDIATE")
            self._has_begun = True

    def apply(self, events: Sequence[bytes], progress: tuple[int, int, int] | None) -> Applied:
        """Take events in; `progress` is (series, journal segment, offset) behind them. Raises CaptureFullError."""
        self._begin()
        bound = _Bound([], [], [], [])
        rows, details, connections, messages = bound
        unread: list[bytes] = []
        first_new = last_new = changed_from = changed_to = not_recorded = failed = size = 0
        problem = ""
        open_ids = self._open
        for encoded in events:
            try:
                event = decode_event(encoded)
            except ValueError:
                unread.append(encoded)
                continue
            if isinstance(event, ExchangeEvent):
                key, row, state = event.key, event.row, event.row[_STATE]
                size += self._grown(key, row)
                exchange_id = open_ids.get(key)
                if exchange_id is None:
                    self.last_id = exchange_id = self.last_id + 1
                    first_new = first_new or exchange_id
                    last_new = exchange_id
                    if state < FIRST_FINAL_STATE:
                        open_ids[key] = exchange_id
                else:
                    changed_from = min(changed_from or exchange_id, exchange_id)
                    changed_to = max(changed_to, exchange_id)
                    if state >= FIRST_FINAL_STATE:
                        del open_ids[key]
                failed += state == ExchangeState.FAILED
                rows.append((exchange_id, *row))
                details.append((exchange_id, key, event.detail))
            elif isinstance(event, ConnectionEvent):
                connections.append(msgspec.structs.astuple(event))
            elif isinstance(event, MessagesEvent | AmendedEvent):
                if isinstance(event, MessagesEvent):
                    exchange_id = open_ids.get(event.key, 0)  # unless that could not be recorded
                    messages += [(exchange_id, *message) for message in event.rows if exchange_id]
                elif exchange_id := self._recent_id(event.key, details):
                    failed += not self._left_out.holds(exchange_id)
                    rows.append((exchange_id, *event.row))
                    details.append((exchange_id, event.key, event.detail))
                if exchange_id:
                    changed_from = min(changed_from or exchange_id, exchange_id)
                    changed_to = max(changed_to, exchange_id)
            elif isinstance(event, NotRecordedEvent):
                not_recorded += event.count
                problem = event.reason or problem
            else:
                assert_never(event)
        self._upsert(bound, progress)
        if last_new:
            self.total += last_new - first_new + 1
        self.failed += failed
        self.recorded_bytes += size
        for encoded in unread:
            self.unread.keep(encoded)
        return Applied(rows, first_new, last_new, changed_from, changed_to, not_recorded, problem, bound.has_programs)

    def _grown(self, key: int, row: tuple[Any, ...]) -> int:
        """By how many bytes an exchange has grown since it was told of last."""
        size: int = row[_REQUEST_BYTES] + row[_RESPONSE_BYTES]
        before = self._open_bytes.pop(key, 0)
        if row[_STATE] < FIRST_FINAL_STATE:
            self._open_bytes[key] = size
        return size - before

    def _upsert(self, bound: "_Bound", progress: tuple[int, int, int] | None) -> None:
        try:
            self._database.executemany(UPSERT_EXCHANGE, bound.rows)
            self._database.executemany(UPSERT_DETAIL, bound.details)
            self._database.executemany(UPSERT_CONNECTION, bound.connections)
            if acted := bound.acted():
                self._database.executemany(ADD_ACTED, acted)
            if bound.messages:
                self._database.executemany(UPSERT_MESSAGE, bound.messages)
            if progress is not None:
                self._database.execute(UPSERT_PROGRESS, progress)
        except sqlite3.OperationalError as error:
            raise self._full(error) from None

    def _recent_id(self, key: int, details: list[tuple[int, int, bytes]]) -> int:
        """The id of an exchange that ended a moment ago, 0 when it was cleared meanwhile."""
        for exchange_id, each, _ in reversed(details):
            if each == key:
                return exchange_id
        found = self._run(
            "SELECT exchange_id FROM (SELECT exchange_id, key FROM detail WHERE exchange_id > ? LIMIT ?) WHERE key = ?",
            (self.last_id - _RECENT, _RECENT, key),
        ).fetchone()
        return 0 if found is None else int(found[0])

    def commit(self) -> None:
        """Make what was applied visible and lasting. Raises CaptureFullError."""
        if self._has_begun:
            self._run("COMMIT")
            self._has_begun = False

    def progress(self, series: int) -> tuple[int, int]:
        """(journal segment, offset) up to where a series has been taken in; (0, 0) for none of it."""
        row = self._run("SELECT segment, offset FROM progress WHERE series = ?", (series,)).fetchone()
        if row is None:
            return 0, 0
        if not all(isinstance(each, int) and each >= 0 for each in row):
            raise ForeignIndexError("is damaged: it doesn't say up to where the journals have been taken in")
        return row[0], row[1]

    def mark_open_as_failed(self, series: int | None, kind: FailureKind, text: str) -> Applied:
        """End the open exchanges of a dead worker (of all, with None). Commits."""
        self._begin()
        ids = [each for key, each in self._open.items() if series is None or key >> 32 == series]
        for exchange_id in ids:
            self._run(
                "UPDATE exchange SET state = ?, failure = ? WHERE id = ?",
                (ExchangeState.FAILED, kind.value, exchange_id),
            )
            found = self._run("SELECT packed FROM detail WHERE exchange_id = ?", (exchange_id,)).fetchone()
            try:
                packed = encode_detail(decode_detail(found[0])._replace(failure_text=text))
            except (msgspec.DecodeError, TypeError):
                continue  # damaged on the disk: its reader will say so
            self._run("UPDATE detail SET packed = ? WHERE exchange_id = ?", (packed, exchange_id))
        ended = set(ids)
        self._open = {key: each for key, each in self._open.items() if each not in ended}
        self._open_bytes = {key: self._open_bytes.get(key, 0) for key in self._open}
        self.failed += len(ids)
        found_rows = [self._run("SELECT * FROM exchange WHERE id = ?", (each,)).fetchone() for each in sorted(ids)]
        rows = [row for row in found_rows if row is not None]
        self.commit()
        return Applied(rows, 0, 0, min(ids, default=0), max(ids, default=0), 0, "")

    # Clearing

    @property
    def _left_out(self) -> LeftOut:
        return self._cleared[-1].left_out if self._cleared else NOTHING_LEFT_OUT

    def clear(self) -> Cleared:
        """Leave every finished exchange out of the counts, as if it were gone. Commits. Open ones stay."""
        self.commit()
        left_out = LeftOut(self.last_id, frozenset(self._open.values()))
        kept = len(left_out.kept)
        kept_bytes = sum(self._open_bytes.values())
        cleared = Cleared(left_out, self.total - kept, self.failed, self.recorded_bytes - kept_bytes)
        self._cleared.append(cleared)
        self.total, self.failed, self.recorded_bytes = kept, 0, kept_bytes
        return cleared

    def bring_back(self, cleared: Cleared) -> None:
        """Undo the last `clear`."""
        self._cleared.remove(cleared)
        self.total += cleared.total
        self.failed += cleared.failed
        self.recorded_bytes += cleared.recorded_bytes

    def forget(self, cleared: Cleared) -> bool:
        """Delete some of what was cleared; whether that was the last of it. Commits. Numbers are never given again."""
        left_out = cleared.left_out
        self._begin()
        self._run("INSERT OR REPLACE INTO meta VALUES ('last_cleared_id', ?)", (str(self.last_id),))
        if not left_out.kept and self.last_id == left_out.upto_id:
            self._run("DELETE FROM detail")  # without a condition SQLite drops whole pages
            self._run("DELETE FROM exchange")
            self._run("DELETE FROM message")
            self._run("DELETE FROM acted")
            is_all = True
        elif self._forget_messages(left_out):
            is_all = False
        else:
            some = f"SELECT id FROM exchange WHERE {left_out.condition()} LIMIT {_FORGOTTEN_AT_ONCE}"
            self._run(f"DELETE FROM detail WHERE exchange_id IN ({some})")
            self._run(f"DELETE FROM acted WHERE exchange_id IN ({some})")
            is_all = self._run(f"DELETE FROM exchange WHERE id IN ({some})").rowcount < _FORGOTTEN_AT_ONCE
        self.commit()
        if is_all:
            self._cleared.remove(cleared)
        return is_all

    def _forget_messages(self, left_out: LeftOut) -> bool:
        """Delete some messages of what was cleared; whether there may be more."""
        some = f"SELECT exchange_id, number FROM message WHERE {left_out.condition('exchange_id')}"
        sql = f"DELETE FROM message WHERE (exchange_id, number) IN ({some} LIMIT {_FORGOTTEN_AT_ONCE})"
        return self._run(sql).rowcount == _FORGOTTEN_AT_ONCE

    def bodies_upto(self, last_id: int) -> Iterator[bytes]:
        """The bodies' extents of all exchanges up to a number; of one that can't be read, nothing."""
        for (packed,) in self._run("SELECT packed FROM detail WHERE exchange_id <= ?", (last_id,)):
            try:
                detail = decode_detail(packed)
            except (msgspec.DecodeError, TypeError):
                continue  # nobody can read it, nor its bodies
            for message in (detail.request, detail.response):
                yield from filter(None, (message.body, message.forwarded_body))
        large = "SELECT body FROM message WHERE exchange_id <= ? AND size > ?"
        for (packed,) in self._run(large, (last_id, INLINE_LIMIT_BYTES)):
            try:
                content = decode_content(packed)
            except (msgspec.DecodeError, TypeError):
                continue
            if content.extents:
                yield content.extents

    def set_meta(self, name: str, value: str) -> None:
        """Store a fact about the capture. Commits."""
        self._begin()
        self._run("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))
        self.commit()

    def abandon(self) -> None:
        """Close, without what was applied since the last commit."""
        self._database.close()

    def close(self, *, closed: bool) -> None:
        """Commit and close; `closed` says that the capture ended in order."""
        self.commit()
        if closed:
            self.set_meta("closed", "1")
        self._database.close()
