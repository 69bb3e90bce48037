"""The rows that were painted lately: fetched a block at a time when first needed, bounded in number. No Qt."""

from collections import OrderedDict
from collections.abc import Iterable, Sequence

from proxy_core.capture.reader import CaptureError, CaptureReader
from proxy_core.model.exchange import ExchangeRow, ExchangeState

ROW_LIMIT = 4096  # a few MB
BLOCK = 64  # rows of the list read at once


class RowCache:
    """Rows and failure sentences by id. Belongs to the thread that paints; an id that is gone gives None."""

    def __init__(self) -> None:
        self._reader: CaptureReader | None = None
        self._rows: OrderedDict[int, ExchangeRow | None] = OrderedDict()
        self._sentences: OrderedDict[int, str] = OrderedDict()
        self.problem = ""  # the last thing that could not be read

    def use(self, reader: CaptureReader | None) -> None:
        """Read from here from now on; what was cached is forgotten."""
        self._reader = reader
        self.forget()

    def forget(self) -> None:
        """Forget all rows."""
        self._rows.clear()
        self._sentences.clear()

    def put(self, rows: Iterable[ExchangeRow]) -> None:
        """Take rows that came with a notice."""
        for row in rows:
            self._rows[row.id] = row
            self._rows.move_to_end(row.id)
        self._trim()

    def forget_range(self, from_id: int, to_id: int) -> None:
        """Rows in this range (both ends included) have changed."""
        for exchange_id in [each for each in self._rows if from_id <= each <= to_id]:
            del self._rows[exchange_id]
            self._sentences.pop(exchange_id, None)

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

    def sentence(self, row: ExchangeRow) -> str:
        """Why an exchange failed, "" for one that didn't."""
        if row.state != ExchangeState.FAILED or self._reader is None:
            return ""
        known = self._sentences.get(row.id)
        if known is None:
            try:
                detail = self._reader.detail(row.id)
            except CaptureError as error:
                self.problem = str(error)
                detail = None
            known = self._sentences[row.id] = "" if detail is None else detail.failure_text
            while len(self._sentences) > ROW_LIMIT:
                self._sentences.popitem(last=False)
        return known

    def _fetch(self, ids: Sequence[int]) -> None:
        missing = [each for each in ids if each not in self._rows]
        found: dict[int, ExchangeRow] = {}
        if self._reader is not None:
            try:
                found = self._reader.rows(missing)
            except CaptureError as error:
                self.problem = str(error)
        for exchange_id in missing:
            self._rows[exchange_id] = found.get(exchange_id)
        self._trim()

    def _trim(self) -> None:
        while len(self._rows) > ROW_LIMIT:
            self._rows.popitem(last=False)
