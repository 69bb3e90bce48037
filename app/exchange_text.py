"""What the list says about an exchange: pure functions from a row to short texts and roles of colour. No Qt.

The window, its status bar, copying of cells and the tests all take their words from here. Strings from the network pass
through `one_line`, so that no control character or direction override can change how a row looks.
"""

from typing import NamedTuple

from proxy_core.formats.amount import MOST_SECONDS, duration_text, size_text
from proxy_core.formats.one_line import one_line
from proxy_core.model.endpoint import DEFAULT_PORTS, endpoint_text
from proxy_core.model.exchange import (
    FIRST_FINAL_STATE,
    ExchangeFlag,
    ExchangeKind,
    ExchangeRow,
    ExchangeState,
    relays_bytes,
)
from proxy_core.model.failure import failure_label
from proxy_core.model.resource_type import short_type

QUIET_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_DASH = "—"
LONGEST_URL = 65_536  # characters that the inspector shows of one: more than servers take


class StatusText(NamedTuple):
    """The cell «Status»."""

    text: str
    role: str  # of `theme.Roles`
    is_failed: bool
    is_open: bool


def status_text(row: ExchangeRow) -> StatusText:
    """The code, or in words what stands in its place."""
    is_open = row.state < FIRST_FINAL_STATE
    if row.state == ExchangeState.FAILED:
        return StatusText(failure_label(row.failure) or "Failed", "s5", is_failed=True, is_open=False)
    if row.status is not None:
        return StatusText(str(row.status), status_role(row.status), is_failed=False, is_open=is_open)
    if row.kind == ExchangeKind.TUNNEL and not is_open:
        return StatusText("Tunnel", "s1", is_failed=False, is_open=False)
    return StatusText("" if is_open else _DASH, "s1", is_failed=False, is_open=is_open)


def status_role(status: int) -> str:
    """The role of colour for a status code."""
    return {2: "s2", 3: "s3", 4: "s4", 5: "s5"}.get(status // 100, "s1")


def host_text(row: ExchangeRow) -> str:
    """The hostname, with the port where it is not the scheme's own."""
    host = one_line(row.host)
    if row.port and row.port != DEFAULT_PORTS.get(row.scheme or "https"):
        return endpoint_text(host, row.port)
    return host


def path_parts(row: ExchangeRow) -> tuple[str, str]:
    """The path, and the query with its question mark."""
    path, mark, query = one_line(row.path).partition("?")
    return path, mark + query


def type_text(row: ExchangeRow) -> str:
    """The short word for what the response is; "" for a failure that had none."""
    if _has_no_response(row):
        return ""
    if row.kind == ExchangeKind.TUNNEL:
        return "tunnel"
    if row.kind == ExchangeKind.WEBSOCKET:
        return "ws"
    return one_line(short_type(row.media_type))


def _has_no_response(row: ExchangeRow) -> bool:
    """Failed, and what the client got, if anything, came from us: the room is for the reason."""
    if row.state != ExchangeState.FAILED:
        return False
    if row.kind == ExchangeKind.TUNNEL:
        return row.request_bytes + row.response_bytes == 0
    return row.status is None or bool(row.flags & ExchangeFlag.OWN_RESPONSE)


def row_size_text(row: ExchangeRow) -> str:
    """The response body's size; for a tunnel and a WebSocket the bytes of both ways."""
    if _has_no_response(row):
        return ""
    if row.kind == ExchangeKind.TUNNEL or (row.kind == ExchangeKind.WEBSOCKET and relays_bytes(row)):
        total = row.request_bytes + row.response_bytes
        return f"⇅ {size_text(total)}" if total else _DASH
    if row.status is None:
        return "" if row.state != ExchangeState.COMPLETE else _DASH
    if row.response_bytes == 0 and row.status in (101, 204, 304):
        return _DASH
    return size_text(row.response_bytes)


def time_text(row: ExchangeRow) -> str:
    """The duration; an open tunnel is «open», any other open exchange has no time yet. See also `running_text`."""
    if row.duration_us is not None:
        return duration_text(row.duration_us)
    if row.kind != ExchangeKind.HTTP and row.state == ExchangeState.RESPONDING:
        return "open"
    return ""


def running_text(row: ExchangeRow, now_us: int) -> str:
    """How long an open exchange has been under way, told from the first second on: `12 s`, `3 min 5 s`."""
    elapsed_us = now_us - row.started_at
    seconds = elapsed_us // 1_000_000
    if seconds < 1:
        return time_text(row)
    return f"{seconds} s" if seconds < MOST_SECONDS else duration_text(elapsed_us)


def messages_text(count: int) -> str:
    """What stands in the place of a WebSocket's size: how many messages went both ways."""
    return f"⇅ {count:,}"


def count_text(count: int) -> str:
    """`1,204`."""
    return f"{count:,}"


def exchanges_text(count: int) -> str:
    """`1 exchange`, `1,204 exchanges`."""
    return "1 exchange" if count == 1 else f"{count:,} exchanges"
