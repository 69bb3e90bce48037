"""Synthetic captures: exchanges made from a few words, in live folders as a recorder leaves them."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec

from proxy_core.capture.extents import Extent, encode_extents
from proxy_core.capture.journal import BODY_RECORD, EVENT_RECORD, RECORD_HEADER, Journal, record
from proxy_core.capture.live import create_live_capture
from proxy_core.capture.writer import INDEX_NAME, IndexWriter
from proxy_core.model.event import EventKind, encode_detail, encode_event
from proxy_core.model.exchange import ConnectionRow, ExchangeDetail, ExchangeState, Side, Timings
from proxy_core.model.message_record import MessageRecord
from proxy_core.model.message_row import INLINE_LIMIT_BYTES, encode_content
from proxy_core.model.resource_type import media_essence, resource_type
from proxy_core.model.tls_facts import Program, TlsFacts, encode_tls_facts, with_program

STARTED_AT = 1_795_000_000_000_000


@dataclass
class Sample:
    """One exchange to be made. The heads follow from the rest."""

    path: str = "/"
    method: str = "GET"
    host: str = "shop.test"
    scheme: str = "https"
    port: int = 443
    status: int | None = 200
    content_type: str = "text/plain"
    response_body: bytes = b""
    request_body: bytes = b""
    request_fields: list[tuple[str, str]] = field(default_factory=list)
    response_fields: list[tuple[str, str]] = field(default_factory=list)
    state: int = ExchangeState.COMPLETE
    failure: str = ""
    failure_text: str = ""
    notes: str = ""
    kind: int = 0
    flags: int = 1
    duration_us: int = 38_000
    client: int = 1  # which of the capture's connections asked
    response_trailers: bytes | None = None
    request_forwarded_head: bytes | None = None  # None: as received
    request_forwarded_body: bytes | None = None
    response_forwarded_head: bytes | None = None
    response_forwarded_body: bytes | None = None
    acts: bytes | None = None
    interim: bytes | None = None
    # Of each: side, opcode, flags, payload, and what else a `MessageContent` has behind its extents.
    messages: Sequence[tuple[int, int, int, bytes, tuple[object, ...]]] = field(default_factory=list)

    def request_head(self) -> bytes:
        lines = [f"{self.method} {self.path} HTTP/1.1", f"Host: {self.host}"]
        lines += [f"{name}: {value}" for name, value in self.request_fields]
        return "".join(f"{line}\r\n" for line in [*lines, ""]).encode()

    def response_head(self) -> bytes:
        if self.status is None:
            return b""
        lines = [f"HTTP/1.1 {self.status} OK", f"Content-Type: {self.content_type}"]
        lines += [f"{name}: {value}" for name, value in self.response_fields]
        return "".join(f"{line}\r\n" for line in [*lines, ""]).encode()


class LiveCapture:
    """A live capture that a test fills: journal and index, as a worker and a recorder would."""

    def __init__(self, folder: Path, series: int = 1) -> None:
        self.folder = folder
        if not folder.exists():
            create_live_capture(str(folder))
        self.journal = Journal(str(folder), series)
        self.writer = IndexWriter(os.path.join(folder, INDEX_NAME))
        self._is_closed = False
        self._count = 0
        self._started_at = STARTED_AT

    def event(self, sample: Sample, key: int = 0) -> bytes:
        """Write a sample's bodies into the journal and return its event, which is written nowhere yet."""
        self._count += 1
        key = key or self.journal.series << 32 | self._count
        media_type = media_essence(sample.content_type.encode())
        is_open = sample.state < ExchangeState.COMPLETE
        self._started_at += 1000
        row = (
            self._started_at,
            None if is_open else sample.duration_us,
            int(sample.state),
            sample.kind,
            sample.method,
            sample.scheme,
            sample.host,
            sample.port,
            sample.path,
            sample.status,
            media_type,
            int(resource_type(media_type)),
            len(sample.request_body),
            len(sample.response_body),
            sample.failure,
            sample.flags,
        )
        timings = Timings(200, 1100, 3000, 6200, 400, 22_300, 4_800)
        detail = ExchangeDetail(
            key,
            MessageRecord(
                sample.request_head(),
                "HTTP/1.1",
                body=self._body(sample.request_body),
                forwarded_head=sample.request_forwarded_head,
                forwarded_body=self._forwarded(sample.request_forwarded_body),
            ),
            MessageRecord(
                sample.response_head(),
                "HTTP/1.1" if sample.status else "",
                sample.response_trailers,
                self._body(sample.response_body),
                sample.response_forwarded_head,
                self._forwarded(sample.response_forwarded_body),
            ),
            sample.interim,
            msgspec.msgpack.encode(list(timings)),
            sample.failure_text,
            sample.notes,
            self.journal.series << 32 | sample.client,
            self.journal.series << 32 | 2,
            sample.acts,
        )
        return encode_event((EventKind.EXCHANGE.value, key, row, encode_detail(detail)))

    def messages_event(self, sample: Sample, key: int) -> bytes:
        """Write payloads of a sample's messages into the journal and return the event that tells of all of them."""
        rows = []
        for number, (side, opcode, flags, payload, rest) in enumerate(sample.messages, 1):
            is_inline = len(payload) <= INLINE_LIMIT_BYTES
            content = (payload, None, *rest) if is_inline else (None, self._body(payload), *rest)
            at_us = STARTED_AT + number * 250_000
            rows.append((number, at_us, side, opcode, flags, len(payload), encode_content(content)))
        return encode_event((EventKind.MESSAGES.value, key, rows))

    def events(self, sample: Sample) -> list[bytes]:
        """All events of a sample: one, or those of an exchange that was open while its messages came."""
        if not sample.messages:
            return [self.event(sample)]
        key = self.journal.series << 32 | self._count + 1
        opened = self.event(replace(sample, state=ExchangeState.RESPONDING), key)
        return [opened, self.messages_event(sample, key), self.event(sample, key)]

    def _body(self, data: bytes) -> bytes | None:
        if not data:
            return None
        extent: Extent = (self.journal.segment, self.journal.offset + RECORD_HEADER.size, len(data))
        self.journal.write(record(BODY_RECORD, data))
        return encode_extents([extent])

    def _forwarded(self, data: bytes | None) -> bytes | None:
        return None if data is None else self._body(data) or encode_extents([])

    def journal_only(self, *samples: Sample) -> None:
        """What a killed engine leaves: in the journal, not in the index."""
        for sample in samples:
            for event in self.events(sample):
                self.journal.write(record(EVENT_RECORD, event))

    def add(self, *samples: Sample) -> list[int]:
        """Exchanges in journal and index, committed; their ids."""
        events = [event for sample in samples for event in self.events(sample)]
        for event in events:
            self.journal.write(record(EVENT_RECORD, event))
        progress = (self.journal.series, self.journal.segment, self.journal.offset)
        applied = self.writer.apply(events, progress)
        self.writer.commit()
        return list(dict.fromkeys(row[0] for row in applied.rows))

    def add_connections(self, tls: bytes | None = None) -> None:
        """The two connections that all samples name."""
        base = self.journal.series << 32
        rows = (
            ConnectionRow(base | 1, Side.CLIENT, STARTED_AT, "127.0.0.1", 50_000, "127.0.0.1", 8080, None),
            ConnectionRow(base | 2, Side.UPSTREAM, STARTED_AT, "10.0.0.7", 443, "10.0.0.2", 51_000, tls),
        )
        self.writer.apply([encode_event((EventKind.CONNECTION.value, *row)) for row in rows], None)
        self.writer.commit()

    def client_named(self, name: str) -> None:
        """The client of all samples has asked for this name in its ClientHello."""
        base = self.journal.series << 32
        tls = encode_tls_facts(TlsFacts(sni=name))
        row = ConnectionRow(base | 1, Side.CLIENT, STARTED_AT, "127.0.0.1", 50_000, "127.0.0.1", 8080, tls)
        self.writer.apply([encode_event((EventKind.CONNECTION.value, *row))], None)
        self.writer.commit()

    def client_event(self, number: int, program: Program | None) -> bytes:
        """The event that tells of a client's connection, and of who is behind it."""
        tls = None if program is None else with_program(None, program)
        key = self.journal.series << 32 | number
        row = ConnectionRow(key, Side.CLIENT, STARTED_AT, "127.0.0.1", 50_000, "127.0.0.1", 8080, tls)
        return encode_event((EventKind.CONNECTION.value, *row))

    def add_clients(self, programs: Mapping[int, Program | None]) -> None:
        """Clients' connections by their numbers, and who is behind them."""
        self.writer.apply([self.client_event(*each) for each in programs.items()], None)
        self.writer.commit()

    def close(self, *, closed: bool = True) -> str:
        """End the recording, once; the folder's path."""
        if not self._is_closed:
            self._is_closed = True
            self.journal.close()
            self.writer.close(closed=closed)
        return str(self.folder)
