"""What a row may say: types and ranges that everybody who shows, exports or compares it can rely on.

A file from elsewhere can hold anything in any column (SQLite's types are a habit, no rule). The bounds are those to
which workers and imports are held (`model.bounds`).
"""

from itertools import product
from typing import Any, NamedTuple, get_args

from proxy_core.capture.extents import ENCODED_LIMIT_BYTES
from proxy_core.model.bounds import EARLIEST, LATEST, MOST_COUNT, MOST_FLAGS, MOST_PORT, MOST_STATUS, TEXT_LIMIT
from proxy_core.model.exchange import (
    ConnectionRow,
    ExchangeKind,
    ExchangeRow,
    ExchangeState,
    ResourceType,
    Side,
)
from proxy_core.model.failure import FailureKind
from proxy_core.model.message_row import MOST_OPCODE, MessageRow
from proxy_core.model.tls_facts import decode_facts, encode_tls_facts

_LARGEST_ID = 2**62
_CONTENT_LIMIT_BYTES = ENCODED_LIMIT_BYTES + 4 * TEXT_LIMIT  # extents, and texts


def _types_of(row: type[NamedTuple]) -> frozenset[tuple[type, ...]]:
    """The types that the members of a row can have together."""
    return frozenset(product(*(get_args(kind) or (kind,) for kind in row.__annotations__.values())))


_ROW_TYPES = _types_of(ExchangeRow)
_CONNECTION_TYPES = _types_of(ConnectionRow)
_MESSAGE_TYPES = _types_of(MessageRow)


def sound_row(values: tuple[Any, ...]) -> ExchangeRow | None:
    """The row, None when it can't be one of ours."""
    if tuple(map(type, values)) not in _ROW_TYPES:
        return None
    row = ExchangeRow._make(values)
    is_sound = (
        0 < row.id < _LARGEST_ID
        and EARLIEST <= row.started_at <= LATEST
        and 0 <= (row.duration_us or 0) <= MOST_COUNT
        and 0 <= row.state < len(ExchangeState)
        and 0 <= row.kind < len(ExchangeKind)
        and 0 <= row.port <= MOST_PORT
        and 0 <= (row.status or 0) <= MOST_STATUS
        and 0 <= row.resource_type < len(ResourceType)
        and 0 <= row.request_bytes <= MOST_COUNT
        and 0 <= row.response_bytes <= MOST_COUNT
        and 0 <= row.flags <= MOST_FLAGS
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
        EARLIEST <= row.opened_at <= LATEST
        and 0 <= row.peer_port <= MOST_PORT
        and 0 <= row.local_port <= MOST_PORT
        and len(row.peer_host) + len(row.local_host) <= TEXT_LIMIT
    )
    if not is_sound:
        return None
    facts = decode_facts(row.tls)
    # Packed anew: what was packed otherwise (members that are none, texts that are none) is not for everybody to mind.
    return row._replace(tls=None if facts is None else encode_tls_facts(facts))


def sound_message(values: tuple[Any, ...]) -> MessageRow | None:
    """The message, None when it can't be one of ours."""
    if tuple(map(type, values)) not in _MESSAGE_TYPES:
        return None
    row = MessageRow._make(values)
    is_sound = (
        0 < row.exchange_id < _LARGEST_ID
        and 0 < row.number <= MOST_COUNT
        and EARLIEST <= row.at_us <= LATEST
        and 0 <= row.side < len(Side)
        and 0 <= row.opcode <= MOST_OPCODE
        and 0 <= row.flags <= MOST_FLAGS
        and 0 <= row.size <= MOST_COUNT
        and len(row.body or b"") <= _CONTENT_LIMIT_BYTES
    )
    return row if is_sound else None


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
