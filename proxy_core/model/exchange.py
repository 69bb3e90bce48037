"""The exchange as data: one request with its interim and final responses.

Two tuples describe an exchange everywhere, and both are ready to be bound to SQL: `ExchangeRow` is what lists, filters
and sorts need (narrow), `ExchangeDetail` is the rest (heads, trailers, where the bodies lie, timings). A worker makes
both, the recorder writes them unread, the window reads them. Instants are microseconds since the epoch (UTC), durations
microseconds on a monotonic clock.
"""

from enum import IntEnum, IntFlag
from typing import NamedTuple

from proxy_core.model.message_record import MessageKind, MessageRecord


class ExchangeState(IntEnum):
    """How far an exchange has come. The first three are open, the last two final."""

    REQUESTING = 0  # the request is being read or sent
    WAITING = 1  # the request is sent, no final response head yet
    RESPONDING = 2  # the response head is here, the body (or the tunnel) is under way
    COMPLETE = 3
    FAILED = 4  # `ExchangeRow.failure` says why; what was read before it is kept


FIRST_FINAL_STATE = ExchangeState.COMPLETE


class ExchangeKind(IntEnum):
    """What sort of exchange a row shows."""

    HTTP = 0
    TUNNEL = 1  # bytes relayed unread; request_bytes and response_bytes count each way
    WEBSOCKET = 2


class ResourceType(IntEnum):
    """The classes of the quick filter buttons, in their order; see `model.resource_type`."""

    OTHER = 0
    DOCUMENT = 1
    XHR = 2
    SCRIPT = 3
    STYLESHEET = 4
    IMAGE = 5
    FONT = 6
    MEDIA = 7
    WEBSOCKET = 8


class ExchangeFlag(IntFlag):
    """Facts about an exchange that are yes or no."""

    INTERCEPTED = 1  # came out of TLS that we ended
    UPSTREAM_REUSED = 2  # sent on an upstream connection that had served before
    OWN_RESPONSE = 4  # the response is Harrier's own (an error page), not the origin's
    REQUEST_INCOMPLETE = 8  # the request body ended before its framing said so
    RESPONSE_INCOMPLETE = 16
    BODY_NOT_RECORDED = 32  # a body went through but is not in the capture (disk full, recording paused)
    CHANGED = 64  # what was sent on is not what was received: a rule, a script or a person wanted it so
    ANSWERED = 128  # the response was made here because one of them wanted it so
    # Numbers that are spoken for; nothing sets them yet.
    PAUSED = 256  # it is held for a person
    SENT = 512  # the request is Harrier's own: a person, a script or a repetition sent it
    ACTED = 1024  # there are `ExchangeDetail.acts`


_SWITCHED = 101


class ExchangeRow(NamedTuple):
    """The narrow columns, in the order of the table `exchange` (see `capture.schema`)."""

    id: int  # the number that the list shows, given by the recorder in order of arrival; 1-based
    started_at: int  # microseconds since the epoch
    duration_us: int | None  # None while open; what the phases of `Timings` add up to, the connection's among them
    state: int  # ExchangeState
    kind: int  # ExchangeKind
    method: str
    scheme: str  # http, https; "" for a tunnel
    host: str  # hostname or IP literal without brackets; lower case as a name, as sent otherwise
    port: int
    path: str  # origin-form target with its query; "" for a tunnel
    status: int | None
    media_type: str  # lower-case essence of the response's Content-Type, "" when unknown
    resource_type: int  # ResourceType
    request_bytes: int  # request body on the wire, transfer coding removed; see also `relays_bytes`
    response_bytes: int
    failure: str  # FailureKind value, "" for none
    flags: int  # ExchangeFlag


def relays_bytes(row: ExchangeRow) -> bool:
    """Whether the row's bytes count what was relayed unread behind its heads, and are of no body: a tunnel's, or those
    of a protocol that was switched to.
    """
    if row.kind == ExchangeKind.TUNNEL or row.status == _SWITCHED:
        return True
    # RFC 8441 §5: over HTTP/2 a WebSocket begins with a CONNECT that succeeds.
    may_switch = row.kind == ExchangeKind.WEBSOCKET or row.method == "CONNECT"
    return may_switch and row.status is not None and 200 <= row.status < 300


class ExchangeDetail(NamedTuple):
    """All else about an exchange, as it lies packed in events and in the table `detail` (see `encode_detail`).

    What only few exchanges have stands at the end and has a default: the others are packed without it.
    """

    key: int  # the worker's own key of the exchange, unique in a capture: series << 32 | number
    request: MessageRecord
    response: MessageRecord  # the final one
    interim: bytes | None  # msgpack [[microseconds after the start, head], ...] of the 1xx responses
    timings: bytes  # msgpack list of seven durations in the order of `Timings`, -1 = doesn't apply
    failure_text: str  # one sentence for a person, "" for none
    notes: str  # remarks on the wire («Host differed from the target»), one a line
    client_connection: int  # key into the table `connection`, 0 = none
    upstream_connection: int
    acts: bytes | None = (
        None  # what was done about it by a rule, a script or a person; absent where nothing was: `model.act`
    )

    def message(self, kind: MessageKind) -> MessageRecord:
        """The request or the response."""
        return self.response if kind is MessageKind.RESPONSE else self.request


class Timings(NamedTuple):
    """Durations in microseconds, -1 = doesn't apply. `connect` does not include `tls`.

    The first exchange of a connection carries what it took to open it, also where that was before its request came (at
    the CONNECT). Together the phases of a finished exchange are its time, and nothing else is called so: in the list,
    its order, the filter's `time`, and HAR.
    """

    blocked: int = -1
    dns: int = -1
    connect: int = -1
    tls: int = -1
    send: int = -1
    wait: int = -1
    receive: int = -1


class Side(IntEnum):
    """On which side of Harrier a connection is."""

    CLIENT = 0
    UPSTREAM = 1


class ConnectionRow(NamedTuple):
    """A link to a client or to an upstream, in the order of the table `connection`."""

    key: int  # series << 32 | number
    side: int  # Side
    opened_at: int
    peer_host: str
    peer_port: int
    local_host: str
    local_port: int
    tls: bytes | None  # packed `TlsFacts`: what else is known, of its TLS and of the program behind it
