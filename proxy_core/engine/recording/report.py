"""What is known of one exchange: the facts, as whoever relays it finds them.

A relay sets these, and calls `Reporter.changed` when that is worth telling. What the reporter keeps beside them is in
`record`, and nobody else's. How all of it is told is `report_event`'s.
"""

import time

from proxy_core.engine.recording.exchange_record import ExchangeRecord
from proxy_core.model.act import MOST_ACTS, Act
from proxy_core.model.exchange import ExchangeFlag, ExchangeState
from proxy_core.model.failure import Failure, FailureKind

_COMPLETE = int(ExchangeState.COMPLETE)
_ACTED = int(ExchangeFlag.ACTED)
_FAILED = int(ExchangeState.FAILED)
NOT_OPENED = (-1, -1, -1)  # nothing was opened for this exchange
_clock = time.perf_counter
_now = time.time


class Report:
    """What is known of one exchange so far. Marks are `time.perf_counter` seconds, 0.0 = not reached."""

    __slots__ = (
        "acts",
        "client_connection",
        "content_type",
        "failure",
        "flags",
        "host",
        "interim",
        "key",
        "kind",
        "method",
        "notes",
        "opening_us",
        "path",
        "port",
        "ready_mark",
        "received_mark",
        "record",
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
        "upstream_connection",
    )

    def __init__(self, key: int, client_connection: int) -> None:
        self.key = key
        self.record = ExchangeRecord()
        self.client_connection = client_connection
        self.upstream_connection = 0
        self.started_at = int(_now() * 1e6)
        self.start_mark = _clock()
        self.ready_mark = self.sent_mark = self.response_mark = self.received_mark = 0.0
        self.opening_us = NOT_OPENED  # name resolution, connecting, TLS; where the upstream was opened for it
        self.state = self.kind = self.flags = self.port = self.request_bytes = self.response_bytes = 0
        self.method = self.scheme = self.host = self.path = self.notes = ""
        self.request_version = self.response_version = ""  # of what was received
        self.content_type = self.request_head = self.response_head = b""
        self.status: int | None = None
        self.failure: Failure | None = None
        self.interim: list[tuple[int, bytes]] | None = None
        self.request_trailers: bytes | None = None
        self.response_trailers: bytes | None = None
        self.request_forwarded_head: bytes | None = None  # only where somebody decided about it
        self.response_forwarded_head: bytes | None = None
        self.acts: list[Act] | None = None  # what was done about it

    def began_earlier(self, spent_us: int) -> None:
        """So much of its time had been spent before its head was read: on the connection that was opened for it."""
        self.start_mark -= spent_us / 1e6
        self.started_at -= spent_us

    def note(self, text: str) -> None:
        """Add a remark for a person."""
        self.notes = f"{self.notes}\n{text}" if self.notes else text

    def act(self, act: Act) -> None:
        """Something was done about it, or was to be done and couldn't."""
        if self.acts is None:
            self.acts = []
            self.flags |= _ACTED
        if len(self.acts) < MOST_ACTS:
            self.acts.append(act)

    def bare(self, sentence: str) -> "Report":
        """In the place of a report that can't be told: that there was such an exchange, and whose fault it is."""
        bare = Report(self.key, self.client_connection)
        bare.started_at, bare.start_mark, bare.received_mark = self.started_at, self.start_mark, self.received_mark
        bare.state, bare.failure = _FAILED, Failure(FailureKind.OWN_FAULT, sentence)
        return bare
