"""What the list says about an exchange: pure functions from a row to short texts and roles of colour. No Qt.

The window, its status bar, copying of cells and the tests all take their words from here. Strings from the network pass
through `one_line`, so that no control character or direction override can change how a row looks.
"""

from typing import NamedTuple

from proxy_core.model.endpoint import DEFAULT_PORTS, endpoint_text
from proxy_core.model.exchange import (
    FIRST_FINAL_STATE,
    ExchangeFlag,
    ExchangeKind,
    ExchangeRow,
    ExchangeState,
)
from proxy_core.model.failure import failure_label
from proxy_core.model.resource_type import short_type

QUIET_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_DASH = "—"
# Bidirectional overrides and isolates, line and paragraph separators, invisible operators: never wanted in one line.
_HIDDEN = {
    code: f"\\u{code:04x}"
    for code in (0x061C, *range(0x200B, 0x2010), *range(0x2028, 0x202F), *range(0x2060, 0x2070), 0xFEFF)
}
_HIDDEN.update({code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0))})
_MOST_SECONDS = 120  # more are told in minutes
LONGEST_CELL = 4000  # characters; the inspector has the rest
LONGEST_URL = 65_536  # characters that the inspector shows of one: more than servers take


class StatusText(NamedTuple):
    """The cell «Status»."""

    text: str
    role: str  # of `theme.Roles`
    is_failed: bool
    is_open: bool


def one_line(text: str, longest: int = LONGEST_CELL) -> str:
    """Text from outside as it may be shown in one line: control and direction characters are spelled out."""
    return text[:longest].translate(_HIDDEN)


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


def size_text(count: int) -> str:
    """`512 B`, `4.1 kB`, `312 kB`, `1.2 MB`: three digits at the most, decimal units as in the browsers' panels."""
    if count < 1000:
        return f"{count} B"
    value = float(count)
    for unit in ("kB", "MB", "GB", "TB"):
        value /= 1000
        if value < 999.5 or unit == "TB":
            return f"{value:.1f} {unit}" if value < 99.95 else f"{value:.0f} {unit}"
    raise AssertionError


def duration_text(duration_us: int) -> str:
    """`40 µs`, `0.4 ms`, `38 ms`, `1.03 s`, `2 min 5 s`, `3 h 20 min`."""
    ms = duration_us / 1000
    if duration_us < 95:
        return f"{duration_us} µs"
    if ms < 0.95:
        return f"{ms:.1f} ms"
    if ms < 999.5:
        return f"{ms:.0f} ms"
    if ms < 9_995:
        return f"{ms / 1000:.2f} s"
    seconds = round(ms / 1000)
    if seconds < _MOST_SECONDS:
        return f"{ms / 1000:.1f} s" if ms < 99_950 else f"{seconds} s"
    minutes, seconds = divmod(seconds, 60)
    if minutes < 120:
        return f"{minutes} min {seconds} s"
    return f"{minutes // 60} h {minutes % 60} min"


def _has_no_response(row: ExchangeRow) -> bool:
    """Failed, and what the client got, if anything, came from us: the room is for the reason."""
    if row.state != ExchangeState.FAILED:
        return False
    if row.kind == ExchangeKind.TUNNEL:
        return row.request_bytes + row.response_bytes == 0
    return row.status is None or bool(row.flags & ExchangeFlag.OWN_RESPONSE)


def row_size_text(row: ExchangeRow) -> str:
    """The response body's size; for a tunnel the bytes of both ways."""
    if _has_no_response(row):
        return ""
    if row.kind == ExchangeKind.TUNNEL:
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
    return f"{seconds} s" if seconds < _MOST_SECONDS else duration_text(elapsed_us)


def count_text(count: int) -> str:
    """`1,204`."""
    return f"{count:,}"


def exchanges_text(count: int) -> str:
    """`1 exchange`, `1,204 exchanges`."""
    return "1 exchange" if count == 1 else f"{count:,} exchanges"
