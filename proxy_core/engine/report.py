"""What a worker knows of one exchange, and the event that tells it to journal and queue."""

import time

import msgspec

from proxy_core.capture.extents import Extent, encode_extents
from proxy_core.capture.journal import BodySegment
from proxy_core.model.event import EventKind, encode_detail, encode_event
from proxy_core.model.exchange import ExchangeKind, ExchangeState, ResourceType
from proxy_core.model.failure import Failure
from proxy_core.model.resource_type import media_essence, resource_type

# Plain integers: an operation on an enum's member costs more than what it is about.
_COMPLETE = int(ExchangeState.COMPLETE)
_EXCHANGE = int(EventKind.EXCHANGE)
_WEBSOCKET = int(ExchangeKind.WEBSOCKET)
_WEBSOCKET_TYPE = int(ResourceType.WEBSOCKET)

_clock = time.perf_counter


class Report:
    """What is known of one exchange so far. The relay sets the facts; the last six fields are the reporter's.

    Marks are `time.perf_counter` seconds, 0.0 = not reached.
    """

    __slots__ = (
        "body_segments",
        "client_connection",
        "connect_us",
        "content_type",
        "dns_us",
        "extents",
        "failure",
        "flags",
        "host",
        "interim",
        "is_announced",
        "is_dirty",
        "is_held",
        "key",
        "kind",
        "method",
        "notes",
        "path",
        "pending",
        "pending_bytes",
        "port",
        "ready_mark",
        "received_mark",
        "request_bytes",
        "request_head",
        "request_trailers",
        "response_bytes",
        "response_head",
        "response_mark",
        "response_trailers",
        "scheme",
        "sent_mark",
        "start_mark",
        "started_at",
        "state",
        "status",
        "tls_us",
        "upstream_connection",
    )

    def __init__(self, key: int, client_connection: int) -> None:
        self.key = key
        self.client_connection = client_connection
        self.started_at = int(time.time() * 1e6)
        self.start_mark = _clock()
        self.ready_mark = self.sent_mark = self.response_mark = self.received_mark = 0.0
        self.dns_us = self.connect_us = self.tls_us = -1
        self.state: int = ExchangeState.REQUESTING
        self.kind: int = ExchangeKind.HTTP
        self.flags = 0
        self.method = self.scheme = self.host = self.path = self.notes = ""
        self.port = 0
        self.status: int | None = None
        self.content_type = b""
        self.failure: Failure | None = None
        self.request_head = self.response_head = b""
        self.interim: list[tuple[int, bytes]] | None = None
        self.request_trailers: bytes | None = None
        self.response_trailers: bytes | None = None
        self.request_bytes = self.response_bytes = 0
        self.upstream_connection = 0
        self.pending: list[tuple[int, bytes]] = []  # (0 request | 1 response, bytes), in order
        self.pending_bytes = 0
        self.extents: tuple[list[Extent], list[Extent]] | None = None
        self.body_segments: list[BodySegment | None] | None = None
        self.is_held = False  # not to be announced yet: whether it is an exchange is not known
        self.is_announced = False
        self.is_dirty = True

    @property
    def is_final(self) -> bool:
        """Whether the exchange is over: nothing is written about it any more."""
        return self.state >= _COMPLETE


def encode_report(report: Report, kind: int = _EXCHANGE) -> bytes:
    """The event that tells all of it, as the journal and the queue take it."""
    extents = report.extents
    failure = report.failure
    media_type = media_essence(report.content_type) if report.content_type else ""
    state = report.state
    start_mark = report.start_mark
    return encode_event(
        (
            kind,
            report.key,
            (
                report.started_at,
                int((report.received_mark - start_mark) * 1e6) if state >= _COMPLETE else None,
                state,
                int(report.kind),
                report.method,
                report.scheme,
                report.host,
                report.port,
                report.path,
                report.status,
                media_type,
                resource_type(media_type) if report.kind != _WEBSOCKET else _WEBSOCKET_TYPE,
                report.request_bytes,
                report.response_bytes,
                "" if failure is None else failure.kind.value,
                report.flags,
            ),
            encode_detail(
                (
                    report.key,
                    report.request_head,
                    report.response_head,
                    None,
                    None,
                    None if report.interim is None else msgspec.msgpack.encode(report.interim),
                    report.request_trailers,
                    report.response_trailers,
                    encode_extents(extents[0]) if extents is not None and extents[0] else None,
                    encode_extents(extents[1]) if extents is not None and extents[1] else None,
                    _timings(report),
                    "" if failure is None else failure.text,
                    report.notes,
                    report.client_connection,
                    report.upstream_connection,
                )
            ),
        )
    )


def _timings(report: Report) -> bytes:
    """The seven durations; `msgpack` by hand would be faster, but not by what it costs to read."""
    start, ready, sent, response = report.start_mark, report.ready_mark, report.sent_mark, report.response_mark
    if not ready:
        return _NO_TIMINGS
    dns, connect, tls = report.dns_us, report.connect_us, report.tls_us
    blocked = int((ready - start) * 1e6)
    for spent in (dns, connect, tls):
        if spent > 0:
            blocked -= spent
    return _encode_list(
        (
            max(blocked, 0),
            dns,
            connect,
            tls,
            int((sent - ready) * 1e6) if sent else -1,
            int((response - sent) * 1e6) if response else -1,
            int((report.received_mark - response) * 1e6) if response and report.received_mark else -1,
        )
    )


_encode_list = msgspec.msgpack.Encoder().encode
_NO_TIMINGS = _encode_list((-1,) * 7)
