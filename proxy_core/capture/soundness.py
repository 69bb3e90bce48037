"""What a row may say: types and ranges that everybody who shows, exports or compares it can rely on.

A file from elsewhere can hold anything in any column (SQLite's types are a habit, no rule). The bounds are those of the
formats behind the columns, as wide as a worker or an import of a HAR file can make them.
"""

from typing import Any

from proxy_core.model.exchange import (
    ConnectionRow,
    ExchangeKind,
    ExchangeRow,
    ExchangeState,
    ResourceType,
)
from proxy_core.model.failure import FailureKind
from proxy_core.model.tls_facts import decode_tls_facts, encode_tls_facts

TEXT_LIMIT = 2 * 1024 * 1024  # characters of one column; Chromium's longest URL (kMaxURLChars)
_LARGEST = 2**62
# What `datetime` can say, in microseconds since the epoch, with a day to spare for time zones.
_EARLIEST = -62_135_500_000 * 1_000_000
_LATEST = 253_402_200_000 * 1_000_000
_PORTS = 65_536

_MAYBE = (int, type(None))
_ROW_TYPES = frozenset(
    (int, int, duration, int, int, str, str, str, int, str, status, str, int, int, int, str, int)
    for duration in _MAYBE
    for status in _MAYBE
)
_CONNECTION_TYPES = frozenset((int, int, int, str, int, str, int, tls) for tls in (bytes, type(None)))


def sound_row(values: tuple[Any, ...]) -> ExchangeRow | None:
    """The row, None when it can't be one of ours."""
    if tuple(map(type, values)) not in _ROW_TYPES:
        return None
    row = ExchangeRow._make(values)
    is_sound = (
        0 < row.id < _LARGEST
        and _EARLIEST < row.started_at < _LATEST
        and 0 <= (row.duration_us or 0) < _LARGEST
        and 0 <= row.state < len(ExchangeState)
        and 0 <= row.kind < len(ExchangeKind)
        and 0 <= row.port < _PORTS
        and 0 <= (row.status or 0) <= 999
        and 0 <= row.resource_type < len(ResourceType)
        and 0 <= row.request_bytes < _LARGEST
        and 0 <= row.response_bytes < _LARGEST
        and 0 <= row.flags < _LARGEST
        and len(row.path) <= TEXT_LIMIT
        and len(row.method) + len(row.scheme) + len(row.host) + len(row.media_type) + len(row.failure) <= TEXT_LIMIT
    )
    return row if is_sound else None


def sound_connection(values: tuple[Any, ...]) -> ConnectionRow | None:
    """The connection, without its TLS when that can't be read; None when it can't be one of ours."""
    if tuple(map(type, values)) not in _CONNECTION_TYPES:
        return None
    row = ConnectionRow._make(values)
    is_sound = (
        _EARLIEST < row.opened_at < _LATEST
        and 0 <= row.peer_port < _PORTS
        and 0 <= row.local_port < _PORTS
        and len(row.peer_host) + len(row.local_host) <= TEXT_LIMIT
    )
    if not is_sound:
        return None
    facts = decode_tls_facts(row.tls)
    # Packed anew: what was packed otherwise (members that are none, texts that are none) is not for everybody to mind.
    return row._replace(tls=None if facts is None else encode_tls_facts(facts))


def damaged_row(exchange_id: int) -> ExchangeRow:
    """What stands in the list for a row that can't be read."""
    return ExchangeRow(
        id=exchange_id,
        started_at=0,
        duration_us=None,
        state=int(ExchangeState.FAILED),
        kind=int(ExchangeKind.HTTP),
        method="",
        scheme="",
        host="",
        port=0,
        path="",
        status=None,
        media_type="",
        resource_type=int(ResourceType.OTHER),
        request_bytes=0,
        response_bytes=0,
        failure=FailureKind.CAPTURE_DAMAGED.value,
        flags=0,
    )
