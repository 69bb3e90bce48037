"""The columns of the list as data: what each shows, how wide it is, what it sorts by, and its text. No Qt.

A column's `key` is what preferences remember, so it never changes. The text is what is copied, what accessibility
reads, and what the painter starts from.
"""

from collections.abc import Callable
from dataclasses import dataclass

from app.exchange_text import host_text, messages_text, row_size_text, time_text, type_text
from app.list.listed_row import ListedRow
from proxy_core.formats.one_line import one_line
from proxy_core.model.endpoint import url_of


@dataclass(frozen=True, slots=True)
class Column:
    """One column."""

    key: str
    title: str
    name: str  # in full, for the menu and for accessibility
    width: int
    order_by: str  # see `CaptureReader.ids`
    text: Callable[[ListedRow], str]
    is_number: bool = False  # set to the right
    is_shown: bool = True
    can_hide: bool = True


def _status(row: ListedRow) -> str:
    status = row.status
    return f"✕ {status.text}" if status.is_failed else status.text or "pending"


def _size(row: ListedRow) -> str:
    return messages_text(row.messages) if row.messages else row_size_text(row.exchange)


def _app(row: ListedRow) -> str:
    return "" if row.program is None else one_line(row.program.name)


def program_text(row: ListedRow) -> str:
    """All that is known of who asked: path and process."""
    program = row.program
    if program is None:
        return ""
    return f"{one_line(program.path or program.name)}\nProcess {program.pid}"


COLUMNS: tuple[Column, ...] = (
    Column("id", "#", "Number", 62, "id", lambda row: str(row.exchange.id), is_number=True),
    Column("status", "Status", "Status", 134, "status", _status, can_hide=False),
    Column("method", "Method", "Method", 76, "method", lambda row: one_line(row.exchange.method)),
    Column("scheme", "Scheme", "Scheme", 64, "scheme", lambda row: row.exchange.scheme, is_shown=False),
    Column("host", "Host", "Host", 168, "host", lambda row: host_text(row.exchange)),
    Column("path", "Path", "Path", 380, "path", lambda row: one_line(row.exchange.path), can_hide=False),
    Column("url", "URL", "Whole URL", 380, "path", lambda row: one_line(url_of(row.exchange)), is_shown=False),
    Column("type", "Type", "Type", 68, "media_type", lambda row: type_text(row.exchange)),
    Column("app", "App", "App", 84, "app", _app),
    Column("size", "Size", "Size", 98, "response_bytes", _size, is_number=True),
    Column("time", "Time", "Time", 102, "duration_us", lambda row: time_text(row.exchange), is_number=True),
)
APP = "app"
COLUMN_INDEX = {column.key: index for index, column in enumerate(COLUMNS)}
STRETCHED = "path"  # takes the room that is left
