"""Events, worker → engine: facts about exchanges and connections, as MessagePack.

There are few kinds, and each is whole in itself and idempotent: an EXCHANGE event carries the complete row and detail
as they stand, so the recorder's work is one upsert and a journal may be replayed. The id in the row is 0 on the wire:
the recorder gives it.

A journal may have been written by somebody else, so an event is checked as it is decoded: its shape, and that each
number is one that the index can hold, add up and show. (Measured 2026-11-24: that takes no longer than decoding it
unchecked.) The packed detail is looked at by whoever opens it.
"""

from collections.abc import Callable
from enum import IntEnum
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from proxy_core.model.bounds import LATEST, MOST_COUNT, MOST_FLAGS, MOST_PORT, MOST_STATUS
from proxy_core.model.exchange import ExchangeDetail, ExchangeKind, ExchangeRow, ExchangeState, ResourceType, Side
from proxy_core.model.former_detail import decode_former_detail
from proxy_core.model.message_row import MOST_OPCODE

_encode = msgspec.msgpack.Encoder().encode
# The two that are called for each exchange are the encoder's own method: a function around it would cost a call.
# An event, kind and members, for the journal and the queue.
encode_event: Callable[[tuple[object, ...]], bytes] = _encode
# The members of an `ExchangeDetail`, packed once and for all: from here to the index they travel unopened.
# Measured 2026-11-24: bound as fifteen columns they cost the recorder 3.6 µs an exchange more (of 8.1).
encode_detail: Callable[[tuple[object, ...]], bytes] = _encode

_Key = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
_Count = Annotated[int, msgspec.Meta(ge=0, le=MOST_COUNT)]
_Instant = Annotated[int, msgspec.Meta(ge=0, le=LATEST)]
_Port = Annotated[int, msgspec.Meta(ge=0, le=MOST_PORT)]
_Status = Annotated[int, msgspec.Meta(ge=0, le=MOST_STATUS)]
_State = Annotated[int, msgspec.Meta(ge=0, le=int(max(ExchangeState)))]
_Kind = Annotated[int, msgspec.Meta(ge=0, le=int(max(ExchangeKind)))]
_Type = Annotated[int, msgspec.Meta(ge=0, le=int(max(ResourceType)))]
_Flags = Annotated[int, msgspec.Meta(ge=0, le=MOST_FLAGS)]
_Number = Annotated[int, msgspec.Meta(ge=1, le=MOST_COUNT)]
_Opcode = Annotated[int, msgspec.Meta(ge=0, le=MOST_OPCODE)]
_Side = Annotated[int, msgspec.Meta(ge=0, le=int(max(Side)))]

_MEMBERS = {
    "started_at": _Instant,
    "duration_us": _Count | None,
    "state": _State,
    "kind": _Kind,
    "port": _Port,
    "status": _Status | None,
    "resource_type": _Type,
    "request_bytes": _Count,
    "response_bytes": _Count,
    "flags": _Flags,
}  # of a row, where its type alone is not enough
if TYPE_CHECKING:
    EventRow = tuple[Any, ...]
else:  # an ExchangeRow without its id
    EventRow = tuple[tuple(_MEMBERS.get(name, ExchangeRow.__annotations__[name]) for name in ExchangeRow._fields[1:])]


class EventKind(IntEnum):
    """The first member of every event. 6 is kept for a remark."""

    CONNECTION = 1
    EXCHANGE = 2
    NOT_RECORDED = 3
    AMENDED = 4
    MESSAGES = 5


class ConnectionEvent(msgspec.Struct, array_like=True, tag=EventKind.CONNECTION.value, forbid_unknown_fields=True):
    """A connection, told again when more is known of it: the members of a `ConnectionRow`."""

    key: _Key
    side: _Side
    opened_at: _Instant
    peer_host: str
    peer_port: _Port
    local_host: str
    local_port: _Port
    tls: bytes | None


class ExchangeEvent(msgspec.Struct, array_like=True, tag=EventKind.EXCHANGE.value, forbid_unknown_fields=True):
    """An exchange as it stands."""

    key: _Key  # `ExchangeDetail.key`
    row: EventRow
    detail: bytes  # packed ExchangeDetail


class AmendedEvent(msgspec.Struct, array_like=True, tag=EventKind.AMENDED.value, forbid_unknown_fields=True):
    """An exchange that had ended well: its client left in the last moment."""

    key: _Key
    row: EventRow
    detail: bytes


class MessagesEvent(msgspec.Struct, array_like=True, tag=EventKind.MESSAGES.value, forbid_unknown_fields=True):
    """Messages within an exchange that is under way; one told again, by its number, replaces what was told of it."""

    key: _Key
    rows: list[tuple[_Number, _Instant, _Side, _Opcode, _Flags, _Count, bytes | None]]  # MessageRows without their id


class NotRecordedEvent(msgspec.Struct, array_like=True, tag=EventKind.NOT_RECORDED.value, forbid_unknown_fields=True):
    """So many exchanges went by unrecorded (disk full)."""

    count: _Count
    reason: str


Event = ConnectionEvent | ExchangeEvent | AmendedEvent | MessagesEvent | NotRecordedEvent
_decode_event: Callable[[bytes], Event] = msgspec.msgpack.Decoder(Event).decode


def decode_event(data: bytes) -> Event:
    """Decode one event. Raises ValueError on anything else."""
    return _decode_event(data)


_detail_decoder = msgspec.msgpack.Decoder(ExchangeDetail)


def decode_detail(data: bytes) -> ExchangeDetail:
    """Unpack a detail, of whichever format. Raises msgspec.DecodeError on anything else."""
    try:
        try:
            return _detail_decoder.decode(data)
        except msgspec.ValidationError:
            return decode_former_detail(data)
    except UnicodeDecodeError as error:
        raise msgspec.DecodeError(str(error)) from None


class Batch(msgspec.Struct, frozen=True, array_like=True):
    """Events as they cross the queue, in journal order."""

    series: _Count
    segment: _Count  # journal segment and offset behind the last of these events: the recorder's new progress;
    offset: _Count  # segment 0: these events are in no journal (recording was suspended)
    events: list[bytes]


_batch_decoder = msgspec.msgpack.Decoder(Batch)


def encode_batch(batch: Batch) -> bytes:
    """Encode a batch for the queue."""
    return _encode(batch)


def decode_batch(data: bytes) -> Batch:
    """Raises ValueError on anything else than a batch."""
    return _batch_decoder.decode(data)


def unrecorded_count(batch: Batch) -> int:
    """Of how many exchanges a batch says that they went by unrecorded."""
    count = 0
    for encoded in batch.events:
        try:
            event = decode_event(encoded)
        except ValueError:
            continue
        if isinstance(event, NotRecordedEvent):
            count += event.count
    return count
