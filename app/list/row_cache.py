"""The rows that were painted lately: fetched a block at a time when first needed, bounded in number. No Qt."""

from collections import OrderedDict
from collections.abc import Iterable, Sequence

from app.list.listed_row import ListedRow
from proxy_core.capture.reader import CaptureError, CaptureReader
from proxy_core.capture.soundness import damaged_row
from proxy_core.formats.grpc_status import MEDIA_TYPE, grpc_status
from proxy_core.model.dark_cause import reason_in
from proxy_core.model.exchange import ExchangeDetail, ExchangeKind, ExchangeRow, ExchangeState
from proxy_core.model.failure import FailureKind
from proxy_core.model.tls_facts import Program

ROW_LIMIT = 4096  # a few MB
TEXT_LIMIT = 64 * 1024 * 1024  # characters of their paths: a file from elsewhere may have very long ones
BLOCK = 64  # rows of the list read at once
PATIENCE_S = 1.0  # a block takes 0.3 ms; a file that makes the window wait for longer is not read any further


class RowCache:
    """Rows, and what they say beside their columns, by id. Belongs to the thread that paints; an id that is gone gives
    None.
    """

    def __init__(self) -> None:
        self._reader: CaptureReader | None = None
        self._rows: OrderedDict[int, ExchangeRow | None] = OrderedDict()
        self._characters = 0
        self._sentences: OrderedDict[int, str] = OrderedDict()
        self._counts: OrderedDict[int, int] = OrderedDict()  # of messages
        self._programs: OrderedDict[int, Program | None] = OrderedDict()
        self.problem = ""  # the last thing that could not be read

    def use(self, reader: CaptureReader | None) -> None:
        """Read from here from now on; what was cached is forgotten."""
        self._reader = reader
        self.forget()

    def forget(self) -> None:
        """Forget all rows."""
        self._rows.clear()
        self._characters = 0
        self._sentences.clear()
        self._counts.clear()
        self._programs.clear()

    def put(self, rows: Iterable[ExchangeRow]) -> None:
        """Take rows that came with a notice."""
        for row in rows:
            self._sentences.pop(row.id, None)  # a tunnel that was open and dark may have failed since
            self._counts.pop(row.id, None)
            self._drop(row.id)
            self._forget_program(row.id)
            self._keep(row.id, row)
        self._trim()

    def forget_range(self, from_id: int, to_id: int) -> None:
        """Rows in this range (both ends included) have changed."""
        for exchange_id in [each for each in self._rows if from_id <= each <= to_id]:
            self._drop(exchange_id)
            self._sentences.pop(exchange_id, None)
            self._counts.pop(exchange_id, None)
            self._forget_program(exchange_id)

    def look_for_programs(self) -> None:
        """Those that were not known may be by now."""
        self._programs = OrderedDict((each, found) for each, found in self._programs.items() if found is not None)

    def _forget_program(self, exchange_id: int) -> None:
        """Unless it is known: it stays who it is."""
        if self._programs.get(exchange_id) is None:
            self._programs.pop(exchange_id, None)

    def row(self, ids: Sequence[int], position: int) -> ExchangeRow | None:
        """The row at a place of a list; its block is read with it."""
        exchange_id = ids[position]
        try:
            row = self._rows[exchange_id]
        except KeyError:
            begin = position - position % BLOCK
            self._fetch(ids[begin : begin + BLOCK])
            return self._rows.get(exchange_id)
        self._rows.move_to_end(exchange_id)
        return row

    def rows(self, ids: Sequence[int]) -> list[ExchangeRow]:
        """Some rows at once, in this order; for what a person copies. Not cached."""
        if self._reader is None:
            return []
        try:
            found = self._reader.rows(ids)
        except CaptureError as error:
            self.problem = str(error)
            return []
        return [found[each] for each in ids if each in found]

    def listed(self, row: ExchangeRow, program: Program | None = None) -> ListedRow:
        """A row with what is said of it beside."""
        return ListedRow(row, self.sentence(row), self.message_count(row), program)

    def listed_rows(self, ids: Sequence[int]) -> list[ListedRow]:
        """Some rows at once with all that is said of them, in this order; for what a person copies."""
        programs = self._read_programs(ids)
        return [self.listed(row, programs.get(row.id)) for row in self.rows(ids)]

    def program(self, ids: Sequence[int], position: int) -> Program | None:
        """Who is behind the exchange at a place of a list, where that is known; its block is read with it."""
        exchange_id = ids[position]
        if exchange_id not in self._programs:
            begin = position - position % BLOCK
            missing = [each for each in ids[begin : begin + BLOCK] if each not in self._programs]
            found = self._read_programs(missing)
            for each in missing:
                self._programs[each] = found.get(each)
            while len(self._programs) > ROW_LIMIT:
                self._programs.popitem(last=False)
        return self._programs[exchange_id]

    def _read_programs(self, ids: Sequence[int]) -> dict[int, Program]:
        if self._reader is None:
            return {}
        try:
            return self._reader.programs(ids)
        except CaptureError as error:
            self.problem = str(error)
            return {}

    def sentence(self, row: ExchangeRow) -> str:
        """Why an exchange failed, why a tunnel is dark, and how a call of gRPC failed; "" for all others."""
        has_one = row.state == ExchangeState.FAILED or row.kind == ExchangeKind.TUNNEL or _is_call(row)
        if not has_one or self._reader is None:
            return ""
        if row.failure == FailureKind.CAPTURE_DAMAGED:
            return "What is stored of this exchange can't be read."
        known = self._sentences.get(row.id)
        if known is None:
            try:
                detail = self._reader.detail(row.id)
            except CaptureError as error:
                self.problem = str(error)
                detail = None
                known = self.problem
            if known is None:
                known = "" if detail is None else _sentence(row, detail)
            self._sentences[row.id] = known
            while len(self._sentences) > ROW_LIMIT:
                self._sentences.popitem(last=False)
        return known

    def message_count(self, row: ExchangeRow) -> int:
        """How many messages a WebSocket has brought so far; 0 for all other exchanges."""
        if row.kind != ExchangeKind.WEBSOCKET or self._reader is None:
            return 0
        known = self._counts.get(row.id)
        if known is None:
            try:
                known = self._reader.message_count(row.id)
            except CaptureError as error:
                self.problem = str(error)
                known = 0
            self._counts[row.id] = known
            while len(self._counts) > ROW_LIMIT:
                self._counts.popitem(last=False)
        return known

    def _fetch(self, ids: Sequence[int]) -> None:
        missing = [each for each in ids if each not in self._rows]
        found: dict[int, ExchangeRow] = {}
        damaged: set[int] = set()
        if self._reader is not None:
            try:
                found = self._reader.rows(missing, damaged)
            except CaptureError as error:
                self.problem = str(error)
        for exchange_id in missing:
            self._keep(exchange_id, damaged_row(exchange_id) if exchange_id in damaged else found.get(exchange_id))
        self._trim()

    def _keep(self, exchange_id: int, row: ExchangeRow | None) -> None:
        self._rows[exchange_id] = row
        self._characters += 0 if row is None else len(row.path)

    def _drop(self, exchange_id: int) -> None:
        row = self._rows.pop(exchange_id, None)
        self._characters -= 0 if row is None else len(row.path)

    def _trim(self) -> None:
        while len(self._rows) > ROW_LIMIT or (self._characters > TEXT_LIMIT and len(self._rows) > BLOCK):
            self._drop(next(iter(self._rows)))


def _is_call(row: ExchangeRow) -> bool:
    """Whether it is a call of gRPC that has ended."""
    return row.state == ExchangeState.COMPLETE and row.media_type.startswith(MEDIA_TYPE)


def _sentence(row: ExchangeRow, detail: ExchangeDetail) -> str:
    if _is_call(row):
        status = grpc_status(row.media_type, detail)
        return status.text if status is not None and status.is_error else ""
    return " ".join(each for each in (detail.failure_text, reason_in(detail.notes)) if each)
