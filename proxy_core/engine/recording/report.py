"""What a worker knows of one exchange, and the event that tells it to journal and queue."""

import time

import msgspec

from proxy_core.capture.extents import Extent, encode_extents
from proxy_core.capture.journal import BodySegment
from proxy_core.model.event import EventKind, encode_detail, encode_event
from proxy_core.model.exchange import ExchangeKind, ExchangeState, ResourceType
from proxy_core.model.failure import Failure, FailureKind
from proxy_core.model.resource_type import media_essence, resource_type

# Plain integers: an operation on an enum's member costs more than what it is about.
_COMPLETE = int(ExchangeState.COMPLETE)
_FAILED = int(ExchangeState.FAILED)
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
        "request_forwarded_head",
        "request_head",
        "request_trailers",
        "request_version",
        "response_bytes",
        "response_forwarded_head",
        "response_head",
        "response_mark",
        "response_trailers",
        "response_version",
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
        self.request_version = self.response_version = ""  # of what was received
        self.request_forwarded_head: bytes | None = None  # only where somebody decided about it
        self.response_forwarded_head: bytes | None = None
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

    def began_earlier(self, spent_us: int) -> None:
        """So much of its time had been spent before its head was read: on the connection that was opened for it."""
        self.start_mark -= spent_us / 1e6
        self.started_at -= spent_us

    def both_extents(self) -> tuple[list[Extent], list[Extent]]:
        """Where the bodies lie so far, to be added to."""
        if self.extents is None:
            self.extents = ([], [])
        return self.extents

    def bare(self, sentence: str) -> "Report":
        """In the place of a report that can't be told: that there was such an exchange, and whose fault it is."""
        bare = Report(self.key, self.client_connection)
        bare.started_at, bare.start_mark, bare.received_mark = self.started_at, self.start_mark, self.received_mark
        bare.state, bare.failure = _FAILED, Failure(FailureKind.OWN_FAULT, sentence)
        return bare


def encode_report(report: Report, kind: int = _EXCHANGE) -> bytes:
    """The event that tells all of it, as the journal and the queue take it."""
    extents = report.extents
    failure = report.failure
    media_type = media_essence(report.content_type) if report.content_type else ""
    timings, duration_us = _timings(report)
    state = report.state
    return encode_event(
        (
            kind,
            report.key,
            (
                report.started_at,
                duration_us if state >= _COMPLETE else None,
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
                    (
                        report.request_head,
                        report.request_version,
                        report.request_trailers,
                        encode_extents(extents[0]) if extents is not None and extents[0] else None,
                        report.request_forwarded_head,
                        None,
                    ),
                    (
                        report.response_head,
                        report.response_version,
                        report.response_trailers,
                        encode_extents(extents[1]) if extents is not None and extents[1] else None,
                        report.response_forwarded_head,
                        None,
                    ),
                    None if report.interim is None else msgspec.msgpack.encode(report.interim),
                    timings,
                    "" if failure is None else failure.text,
                    report.notes,
                    report.client_connection,
                    report.upstream_connection,
                )
            ),
        )
    )


def _timings(report: Report) -> tuple[bytes, int]:
    """The seven durations, and the time of the exchange: what they add up to once it is over.

    A phase lasts until the next one begins, and the last that was reached until the end; so the time that a list shows
    is the one that adding up the phases gives, whatever became of the exchange. `msgpack` by hand would be faster, but
    not by what it costs to read.
    """
    start, ready = report.start_mark, report.ready_mark
    end_us = int((report.received_mark - start) * 1e6) if report.state >= _COMPLETE else -1
    if not ready:
        return (_NO_TIMINGS if end_us < 0 else _encode_list((end_us, -1, -1, -1, -1, -1, -1))), end_us
    ready_us = int((ready - start) * 1e6)
    response_us = int((report.response_mark - start) * 1e6) if report.response_mark else -1
    sent_us = int((report.sent_mark - start) * 1e6) if report.sent_mark >= ready else -1  # else of an attempt before
    if sent_us > response_us >= 0:
        sent_us = response_us  # the response came before its request was sent whole
    dns, connect, tls = report.dns_us, report.connect_us, report.tls_us
    blocked = ready_us
    for spent in (dns, connect, tls):
        if spent > 0:
            blocked -= spent
    rounding = 0
    if blocked < 0:  # what was spent was rounded by itself
        rounding, blocked = -blocked, 0
    # Where the next phase was not reached, the end stands for its beginning.
    wait_us = sent_us if sent_us >= 0 else response_us if response_us >= 0 else end_us
    receive_us = response_us if response_us >= 0 else end_us
    return _encode_list(
        (
            blocked,
            dns,
            connect,
            tls,
            wait_us - ready_us if wait_us >= 0 else -1,
            receive_us - sent_us if sent_us >= 0 and receive_us >= 0 else -1,
            end_us - response_us if response_us >= 0 and end_us >= 0 else -1,
        )
    ), end_us + rounding


_encode_list = msgspec.msgpack.Encoder().encode
_NO_TIMINGS = _encode_list((-1,) * 7)
