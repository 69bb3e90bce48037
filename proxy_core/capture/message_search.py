"""Whether the messages of an exchange say something: what the filter's key `messages` asks, one exchange at a time.

It stands within a query of a `CaptureReader`, as a function of its SQL. A text is found whatever the case of its
letters, as on the inspector's page of messages (`says`). Each message is looked into as far as `SEARCHED_BYTES`, and
one question takes `SEARCHED_S` at the most: then what is left is taken for not matching, and `is_cut` says so. What was
gone over is remembered, so whoever asks again goes on from there; a connection that goes on and on costs no more each
time than what it has brought since.
"""

import re
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Protocol

from proxy_core.capture.filter_sql import REGEX_INPUT_LIMIT
from proxy_core.model.filter import Operator
from proxy_core.model.message_row import MessageContent, MessageFlag, MessageRow

# Of a payload, in which a text is sought: more would be read from the disk for each of a hundred thousand.
SEARCHED_BYTES = 256 * 1024
SEARCHED_S = 10.0  # a million small messages take about 3 s; a person who wants more says so
_PAGE = 100  # messages read between two looks at the clock: 25 MB at the most
_REMEMBERED_TEXTS = 8
_REMEMBERED_EXCHANGES = 100_000  # for each text
_FOUND = -1  # in the place of a number
_Is = Callable[[bytes], bool]


class Messages(Protocol):
    """Where messages are read; what can't be read raises an error of its own."""

    def messages(
        self, exchange_id: int, after: int = 0, limit: int = 100, damaged: set[int] | None = None
    ) -> Sequence[MessageRow]:
        """Some of an exchange's messages, in order, from the first behind `after` on."""
        ...

    def content(self, message: MessageRow) -> MessageContent:
        """The rest of a message."""
        ...

    def payload(self, content: MessageContent, length: int | None = None) -> bytes:
        """What it says."""
        ...


class MessageSearch:
    """One reader's. Errors of `unreadable` mean that something can't be read: it is passed over."""

    def __init__(self, messages: Messages, unreadable: tuple[type[Exception], ...]) -> None:
        self.is_cut = False  # the time was up before all was searched
        self._messages = messages
        self._unreadable = unreadable
        self._until = 0.0
        # By what is sought: up to which message of an exchange it is not there.
        self._searched: OrderedDict[tuple[str, str], dict[int, int]] = OrderedDict()

    def begin(self) -> None:
        """Another question is asked."""
        self.is_cut = False
        self._until = time.monotonic() + SEARCHED_S

    def says(self, operator: str, value: str, exchange_id: int) -> bool:
        """Whether one of its messages is as the filter's term wants it."""
        searched = self._memory(operator, value)
        after = searched.get(exchange_id, 0)
        if after != _FOUND:
            after = self._search(exchange_id, after, _wanted(operator, value))
            if len(searched) < _REMEMBERED_EXCHANGES or exchange_id in searched:
                searched[exchange_id] = after
        return after == _FOUND

    def _memory(self, operator: str, value: str) -> dict[int, int]:
        sought = operator, value
        searched = self._searched.setdefault(sought, {})
        self._searched.move_to_end(sought)
        while len(self._searched) > _REMEMBERED_TEXTS:
            self._searched.popitem(last=False)
        return searched

    def _search(self, exchange_id: int, after: int, is_wanted: _Is) -> int:
        """Search from one message on; returns up to which it is in vain, or that it is found."""
        unfinished = 0  # the first of which more may come
        while time.monotonic() < self._until:
            damaged: set[int] = set()
            try:
                page = self._messages.messages(exchange_id, after, _PAGE, damaged)
            except self._unreadable:
                break
            for row in page:
                if self._says(row, is_wanted):
                    return _FOUND
                if row.flags & MessageFlag.INCOMPLETE:
                    unfinished = unfinished or row.number
            after = max((*damaged, *(row.number for row in page[-1:])), default=after)
            if len(page) + len(damaged) < _PAGE:
                break
        else:
            self.is_cut = True
        return unfinished - 1 if unfinished else after

    def _says(self, row: MessageRow, is_wanted: _Is) -> bool:
        try:
            content = self._messages.content(row)
            return is_wanted(self._messages.payload(content, SEARCHED_BYTES)) or (
                bool(content.name) and is_wanted(content.name.encode("utf-8", "replace"))
            )
        except self._unreadable:
            return False


def says(data: bytes, sought: bytes) -> bool:
    """Whether a payload has a text somewhere, whatever the case of its letters; `sought` is in lower case."""
    if sought in data:
        return True
    lowered = data.lower()  # of ASCII alone
    if sought in lowered:
        return True
    return not sought.isascii() and sought in data.decode("utf-8", "replace").lower().encode("utf-8")


@lru_cache(maxsize=32)
def _wanted(operator: str, value: str) -> _Is:
    """What a term of the filter wants of a payload, or of an event's name."""
    if operator == Operator.REGEX:
        expression = re.compile(value, re.IGNORECASE)
        return lambda data: expression.search(_text(data)[:REGEX_INPUT_LIMIT]) is not None
    is_whole = operator == Operator.IS
    if "*" in value or "?" in value:
        return _Glob(value, is_whole=is_whole).is_in
    if is_whole:
        return lambda data: _text(data).lower() == value.lower()
    sought = value.lower().encode("utf-8", "replace")
    return lambda data: says(data, sought)


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


class _Glob:
    """`*` and `?` in a long text. Each piece is sought once, so it takes no longer than reading: an expression would
    go back again and again.
    """

    def __init__(self, value: str, *, is_whole: bool) -> None:
        pieces = value.split("*")
        self._pieces = [re.compile(re.escape(piece).replace("\\?", "."), re.IGNORECASE | re.DOTALL) for piece in pieces]
        self._last = len(pieces[-1])  # characters, each of which stands for one
        self._is_whole = is_whole

    def is_in(self, data: bytes) -> bool:
        """Whether the pieces follow each other, from end to end where it is to be the whole."""
        text = _text(data)
        *before, last = self._pieces
        at = 0
        for place, piece in enumerate(before):
            match = piece.match(text) if self._is_whole and place == 0 else piece.search(text, at)
            if match is None:
                return False
            at = match.end()
        if not self._is_whole:
            return last.search(text, at) is not None
        begin = len(text) - self._last
        return (begin >= at if before else begin == 0) and last.fullmatch(text, begin) is not None
