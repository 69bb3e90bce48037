"""Messages read off the GUI thread: which there are, what their rows say, and the one that is looked at.

One thread with a reader of its own. What is seen comes first: between two pages of a long list it looks for other
wishes. A list goes on from where it ended when it is asked to `look_again`, so an open connection is followed.
"""

import threading
import time
from array import array
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

from PySide6.QtCore import QObject, Signal

from app.inspector.body_content import BodyContent, ready_body
from app.inspector.messages.kind_survey import SURVEYED, KindSurvey
from app.inspector.messages.message_filter import MessageFilter
from app.inspector.messages.message_text import EXCERPT_BYTES, ListedMessage, excerpt, listed
from app.inspector.viewers.table import VIEWERS
from proxy_core.capture.message_search import says
from proxy_core.capture.reader import CaptureError, CaptureReader
from proxy_core.fault_log import caught
from proxy_core.model.message_row import MessageContent, MessageRow, Opcode

_PAGE = 500  # messages read between two looks at other wishes; 3 ms
_TOLD_AFTER = 20_000  # found ones, or the end: a list that grows by pages would be laid out a thousand times
_TOLD_AFTER_S = 0.5  # or so long: large messages are searched whole, and a hundred of them take a second
_DAMAGED = MessageContent(remark="What is stored of this message can't be read.")


class Source(NamedTuple):
    """Whose messages."""

    path: str  # of the capture
    exchange_id: int


class Chosen(NamedTuple):
    """The message that is looked at."""

    message: ListedMessage
    content: MessageContent
    body: BodyContent


class _NotWantedError(Exception):
    """The person looks at something else meanwhile."""


class _Listing:
    """A list that is being made, or followed."""

    def __init__(self, ticket: int, source: Source, wanted: MessageFilter) -> None:
        self.ticket = ticket
        self.source = source
        self.wanted = wanted
        self.seen = 0  # the last number gone over …
        self.count = 0  # … and how many these were
        self.found = array("q")  # not told yet …
        self.told_mark = time.monotonic()  # … since then
        self.is_due = True


class MessageReading(QObject):
    """The thread. Each answer has the ticket of the list that it belongs to (`follow`).

    Signals: `found` (ticket, numbers that were added, how many were gone over, whether these are all for now),
    `rows_read` (ticket, list of ListedMessage), `chosen_read` (ticket, Chosen), `failed` (ticket, sentence),
    `kinds_found` (Source, list of Kind: all that were found by now).
    """

    found = Signal(int, object, int, bool)
    rows_read = Signal(int, object)
    chosen_read = Signal(int, object)
    failed = Signal(int, str)
    kinds_found = Signal(object, object)

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._condition = threading.Condition()
        self._wishes: deque[Callable[[], None]] = deque()
        self._ticket = 0
        self._chosen = 0  # the number that is wanted last
        self._is_over = False
        self._listing: _Listing | None = None
        self._survey = KindSurvey()
        self._surveyed: Source | None = None
        self._reader: CaptureReader | None = None
        self._thread: threading.Thread | None = None

    def follow(self, source: Source, wanted: MessageFilter) -> int:
        """List messages of another exchange, or others of the same. Returns the list's ticket."""
        with self._condition:
            self._ticket += 1
            self._chosen = 0
            self._wishes.clear()
            self._listing = _Listing(self._ticket, source, wanted)
            if source != self._surveyed:
                self._survey, self._surveyed = KindSurvey(), source
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="messages", daemon=True)
                self._thread.start()
            self._condition.notify()
            return self._ticket

    def look_again(self) -> None:
        """There may be more of them."""
        with self._condition:
            if self._listing is not None:
                self._listing.is_due = True
                self._survey.is_due = True
                self._condition.notify()

    def forget(self) -> None:
        """Nothing is wanted any more."""
        with self._condition:
            self._ticket += 1
            self._chosen = 0
            self._wishes.clear()
            self._listing = None
            self._surveyed = None

    def read_rows(self, numbers: Sequence[int]) -> None:
        """What the list shows of these, which follow each other in it."""
        listing = self._listing
        if listing is not None and numbers:
            self._wish(lambda: self._read_rows(listing, numbers))

    def choose(self, number: int) -> None:
        """Read one message whole; the one that was chosen before isn't wanted any more."""
        listing = self._listing
        if listing is not None:
            self._chosen = number
            self._wish(lambda: self._read_chosen(listing, number))

    def close(self) -> None:
        """End the thread."""
        self.forget()
        with self._condition:
            self._is_over = True
            self._condition.notify()
        if self._thread is not None:
            self._thread.join(2.0)

    def _wish(self, wish: Callable[[], None]) -> None:
        with self._condition:
            self._wishes.append(wish)
            self._condition.notify()

    # The thread

    def _work(self) -> None:
        while (step := self._next_step()) is not None:
            ticket = self._ticket
            try:
                step()
            except _NotWantedError:
                continue
            except CaptureError as error:
                self._stop_listing(ticket)
                self.failed.emit(ticket, str(error))
            except Exception:  # whatever a message sets off, the next ones are wanted all the same
                self._stop_listing(ticket)
                self.failed.emit(ticket, f"These messages can't be shown. {caught('the showing of messages')}")
        if self._reader is not None:
            self._reader.close()

    def _next_step(self) -> Callable[[], None] | None:
        with self._condition:
            while True:
                listing = self._listing
                if self._is_over:
                    return None
                if self._wishes:
                    return self._wishes.popleft()
                if listing is not None and listing.is_due:
                    return lambda: self._list_some(listing)
                if listing is not None and self._survey.is_due:
                    return partial(self._survey_some, listing, self._survey)
                self._condition.wait()

    def _stop_listing(self, ticket: int) -> None:
        with self._condition:
            if self._listing is not None and self._listing.ticket == ticket:
                self._listing.is_due = False
                self._survey.is_due = False

    def _reader_of(self, listing: _Listing) -> CaptureReader:
        path = listing.source.path
        if self._reader is None or self._reader.path != path:
            if self._reader is not None:
                self._reader.close()
                self._reader = None
            self._reader = CaptureReader(path)
        return self._reader

    def _list_some(self, listing: _Listing) -> None:
        """Go over some more messages."""
        reader, wanted = self._reader_of(listing), listing.wanted
        listing.is_due = False  # before reading: what comes meanwhile is looked for again
        if wanted.is_empty:
            numbers = reader.message_numbers(listing.source.exchange_id, listing.seen)
            self._tell(listing, numbers, is_end=True)
            return
        damaged: set[int] = set()
        rows = reader.messages(listing.source.exchange_id, listing.seen, _PAGE, damaged)
        is_end = len(rows) + len(damaged) < _PAGE
        behind = max([row.number for row in rows[-1:]] + list(damaged), default=listing.seen)
        sought = wanted.sought()
        for row in rows:
            if _is_wanted(reader, row, wanted, sought):
                listing.found.append(row.number)
            listing.count += 1
            if self._wishes and row.number < behind:  # what is seen comes first
                is_end, behind = False, row.number
                break
        listing.seen = behind
        listing.count += sum(number <= behind for number in damaged)
        is_late = time.monotonic() - listing.told_mark > _TOLD_AFTER_S
        if is_end or is_late or len(listing.found) >= _TOLD_AFTER:
            found, listing.found = listing.found, array("q")
            listing.told_mark = time.monotonic()
            self.found.emit(listing.ticket, found, listing.count, is_end)
        if not is_end:
            listing.is_due = True

    def _survey_some(self, listing: _Listing, survey: KindSurvey) -> None:
        """Look at some more messages for what they are."""
        reader = self._reader_of(listing)
        damaged: set[int] = set()
        survey.is_due = False
        rows = reader.messages(listing.source.exchange_id, survey.seen, _PAGE, damaged)
        survey.seen = max([row.number for row in rows[-1:]] + list(damaged), default=survey.seen)
        survey.count += len(rows) + len(damaged)
        self._take_kinds(listing, survey, [(row, _content(reader, row)) for row in rows])
        if len(rows) + len(damaged) == _PAGE and survey.count < SURVEYED:
            survey.is_due = True

    def _take_kinds(
        self, listing: _Listing, survey: KindSurvey, messages: list[tuple[MessageRow, MessageContent]]
    ) -> None:
        news = [row.number for row, content in messages if survey.take(row, content)]
        if news:
            self.kinds_found.emit(listing.source, survey.kinds)

    def _tell(self, listing: _Listing, numbers: "array[int]", *, is_end: bool) -> None:
        if numbers:
            listing.seen = numbers[-1]
            listing.count += len(numbers)
        self.found.emit(listing.ticket, numbers, listing.count, is_end)

    def _read_rows(self, listing: _Listing, numbers: Sequence[int]) -> None:
        reader, exchange_id = self._reader_of(listing), listing.source.exchange_id
        rows: list[ListedMessage] = []
        contents: list[tuple[MessageRow, MessageContent]] = []
        survey, surveyed = self._survey, self._surveyed
        if numbers[-1] - numbers[0] < 4 * len(numbers):
            span = numbers[-1] - numbers[0] + 1
            wanted = set(numbers)
            found = [row for row in reader.messages(exchange_id, numbers[0] - 1, span) if row.number in wanted]
        else:
            found = [row for number in numbers for row in reader.messages(exchange_id, number - 1, 1)]
        for row in found:
            content, beginning = _read(reader, row, EXCERPT_BYTES)
            rows.append(listed(row, content, beginning))
            contents.append((row, content))
        self.rows_read.emit(listing.ticket, rows)
        if surveyed == listing.source:
            self._take_kinds(listing, survey, contents)

    def _read_chosen(self, listing: _Listing, number: int) -> None:
        if self._chosen != number or self._ticket != listing.ticket:
            return

        def check() -> None:
            if self._chosen != number or self._ticket != listing.ticket:
                raise _NotWantedError

        reader = self._reader_of(listing)
        rows = [row for row in reader.messages(listing.source.exchange_id, number - 1, 1) if row.number == number]
        if not rows:
            raise CaptureError("This message can't be read.")
        content, data = _read(reader, rows[0], None)
        body = ready_body(data, _media_type(rows[0]), VIEWERS, check)
        self.chosen_read.emit(listing.ticket, Chosen(listed(rows[0], content, data[:EXCERPT_BYTES]), content, body))


def _read(reader: CaptureReader, row: MessageRow, length: int | None) -> tuple[MessageContent, bytes]:
    """A message and what it says, as far as that can be read."""
    try:
        content = reader.content(row)
        return content, reader.payload(content, length)
    except CaptureError:
        return _DAMAGED, b""


def _content(reader: CaptureReader, row: MessageRow) -> MessageContent:
    try:
        return reader.content(row)
    except CaptureError:
        return _DAMAGED


def _is_wanted(reader: CaptureReader, row: MessageRow, wanted: MessageFilter, sought: bytes) -> bool:
    if not wanted.wants(row):
        return False
    if not wanted.needs_content:
        return True
    content = _content(reader, row)
    return wanted.wants_event(content) and (not sought or _says(reader, row, content, sought))


def _says(reader: CaptureReader, row: MessageRow, content: MessageContent, sought: bytes) -> bool:
    """Whether it has a text: in its whole payload, in what the list shows of that, or in its name."""
    try:
        data = reader.payload(content)
    except CaptureError:
        return False
    beginning = excerpt(row, data[:EXCERPT_BYTES]).encode("utf-8", "replace")
    return says(data, sought) or says(beginning, sought) or says(content.name.encode("utf-8", "replace"), sought)


def _media_type(row: MessageRow) -> str:
    """What a body of the same bytes would call itself: nothing is guessed of what says that it is text."""
    return "text/plain; charset=utf-8" if row.opcode in (Opcode.TEXT, Opcode.EVENT, Opcode.LINE) else ""
