"""The columns of the list as data: what each shows, how wide it is, what it sorts by, and its text. No Qt.

A column's `key` is what preferences remember, so it never changes. The text is what is copied, what accessibility
reads, and what the painter starts from.
"""

from collections.abc import Callable
from dataclasses import dataclass

from app.exchange_text import host_text, row_size_text, status_text, time_text, type_text
from proxy_core.formats.one_line import one_line
from proxy_core.model.endpoint import url_of
from proxy_core.model.exchange import ExchangeRow


@dataclass(frozen=True, slots=True)
class Column:
    """One column."""

    key: str
    title: str
    name: str  # in full, for the menu and for accessibility
    width: int
    order_by: str  # field of ExchangeRow
    text: Callable[[ExchangeRow], str]
    is_number: bool = False  # set to the right
    is_shown: bool = True
    can_hide: bool = True


def _status(row: ExchangeRow) -> str:
    status = status_text(row)
    return f"✕ {status.text}" if status.is_failed else status.text or "pending"


COLUMNS: tuple[Column, ...] = (
    Column("id", "#", "Number", 62, "id", lambda row: str(row.id), is_number=True),
    Column("status", "Status", "Status", 112, "status", _status, can_hide=False),
    Column("method", "Method", "Method", 76, "method", lambda row: one_line(row.method)),
    Column("scheme", "Scheme", "Scheme", 64, "scheme", lambda row: row.scheme, is_shown=False),
    Column("host", "Host", "Host", 168, "host", host_text),
    Column("path", "Path", "Path", 380, "path", lambda row: one_line(row.path), can_hide=False),
    Column("url", "URL", "Whole URL", 380, "path", lambda row: one_line(url_of(row)), is_shown=False),
    Column("type", "Type", "Type", 68, "media_type", type_text),
    Column("size", "Size", "Size", 84, "response_bytes", row_size_text, is_number=True),
    Column("time", "Time", "Time", 84, "duration_us", time_text, is_number=True),
)
COLUMN_INDEX = {column.key: index for index, column in enumerate(COLUMNS)}
STRETCHED = "path"  # takes the room that is left
