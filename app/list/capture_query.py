"""Filtering and sorting off the GUI thread: one thread with its own reader, which the window asks and never waits for.

Answers come as Qt signals in the window's thread. Each question carries the generation of the list that it is for; a
new list makes the running query end (`CaptureReader.interrupt`) and older answers are thrown away by whoever asked.
"""

import threading
from array import array
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from typing import NamedTuple

from PySide6.QtCore import QObject, Signal

from proxy_core.capture.left_out import LeftOut
from proxy_core.capture.reader import CaptureError, CaptureInterruptedError, CaptureReader
from proxy_core.fault_log import caught
from proxy_core.model.filter import Filter, Operator, Term


class ListQuery(NamedTuple):
    """Which exchanges, and in which order."""

    filter: Filter | None = None
    order_by: str = "id"
    descending: bool = False

    @property
    def is_in_id_order(self) -> bool:
        """Such a list can be kept up to date without asking again."""
        return self.order_by == "id"


class Listed(NamedTuple):
    """The whole list. In the order of ids it is ascending, whichever way it will be shown."""

    generation: int
    ids: "array[int]"
    upto_id: int  # the list knows every exchange up to this one
    total: int
    failed: int | None  # None when it was not asked for
    is_cut: bool = False  # not all messages were searched: that took too long


class RangeListed(NamedTuple):
    """Which exchanges of a range of ids (both ends included) match."""

    generation: int
    from_id: int
    to_id: int
    ids: "array[int]"


class IdsMatched(NamedTuple):
    """Which of some exchanges match."""

    generation: int
    among: Sequence[int]
    matching: "set[int]"


class CaptureQuery(QObject):
    """The thread. Signals: `answered` (Listed, RangeListed or IdsMatched), `failed` (generation, sentence)."""

    answered = Signal(object)
    failed = Signal(int, str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._reader: CaptureReader | None = None  # belongs to the thread, but for `interrupt`
        self._lock = threading.Lock()  # `interrupt` must not meet a reader that is being closed
        self._generation = 0
        self._thread = threading.Thread(target=self._run, name="capture-query", daemon=True)
        self._thread.start()

    def open(self, path: str | None) -> None:
        """Ask about this capture from now on; None: about none."""
        self._interrupt()
        self._jobs.put(lambda: self._open(path))

    def leave_out(self, left_out: LeftOut) -> None:
        """Answer without these from the next question on."""
        self._jobs.put(lambda: self._leave_out(left_out))

    def list_all(self, generation: int, query: ListQuery, *, counts_failed: bool) -> None:
        """Ask for a whole list; ends the query that is running."""
        self._generation = generation
        self._interrupt()
        self._jobs.put(lambda: self._list_all(generation, query, counts_failed=counts_failed))

    def list_range(self, generation: int, query: ListQuery, from_id: int, to_id: int) -> None:
        """Ask which exchanges of a range are in the list."""
        self._jobs.put(lambda: self._list_range(generation, query, from_id, to_id))

    def match(self, generation: int, query: ListQuery, among: Sequence[int]) -> None:
        """Ask which of these are in the list."""
        self._jobs.put(lambda: self._match(generation, query, among))

    def close(self) -> None:
        """End the thread."""
        self._generation = -1
        self._interrupt()
        self._jobs.put(None)
        self._thread.join()

    def _interrupt(self) -> None:
        with self._lock:
            if self._reader is not None:
                self._reader.interrupt()

    # The thread

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                job()
            except Exception:  # whatever one question sets off, the next ones are to be answered
                self.failed.emit(self._generation, caught("the thread of filters"))
        self._open(None)

    def _open(self, path: str | None) -> None:
        with self._lock:
            if self._reader is not None:
                self._reader.close()
            self._reader = None
            if path is None:
                return
            try:
                self._reader = CaptureReader(path)
            except CaptureError as error:
                reason = str(error)
            else:
                return
        self.failed.emit(self._generation, reason)

    def _leave_out(self, left_out: LeftOut) -> None:
        if self._reader is not None:
            self._reader.leave_out(left_out)

    def _ask(self, generation: int, question: Callable[[CaptureReader], object]) -> None:
        if self._reader is None or generation != self._generation:
            return
        try:
            answer = question(self._reader)
        except CaptureInterruptedError:
            return
        except CaptureError as error:
            self.failed.emit(generation, str(error))
            return
        self.answered.emit(answer)

    def _list_all(self, generation: int, query: ListQuery, *, counts_failed: bool) -> None:
        def question(reader: CaptureReader) -> Listed:
            upto_id = reader.last_id()
            ids = reader.ids(
                query.filter,
                order_by=query.order_by,
                descending=query.descending and not query.is_in_id_order,
                upto_id=upto_id,
            )
            is_cut = reader.is_search_cut
            failed = len(reader.ids(Term("is", Operator.IS, "failed"), upto_id=upto_id)) if counts_failed else None
            return Listed(generation, ids, upto_id, reader.total(), failed, is_cut)

        self._ask(generation, question)

    def _list_range(self, generation: int, query: ListQuery, from_id: int, to_id: int) -> None:
        def question(reader: CaptureReader) -> RangeListed:
            ids = reader.ids(query.filter, after_id=from_id - 1, upto_id=to_id)
            return RangeListed(generation, from_id, to_id, ids)

        self._ask(generation, question)

    def _match(self, generation: int, query: ListQuery, among: Sequence[int]) -> None:
        def question(reader: CaptureReader) -> IdsMatched:
            assert query.filter is not None
            return IdsMatched(generation, among, reader.matching(among, query.filter))

        self._ask(generation, question)
