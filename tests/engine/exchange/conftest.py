"""A relay whose two ends are in memory: no socket, no process, the real reporter and journal."""

from pathlib import Path
from typing import Any

import gevent
import pytest

from proxy_core.capture.extents import decode_extents
from proxy_core.capture.journal import Journal
from proxy_core.capture.segment import segment_name
from proxy_core.capture.writer import INDEX_NAME, IndexWriter
from proxy_core.certificate_authority import CertificateAuthority
from proxy_core.engine.exchange.point import Points
from proxy_core.engine.exchange.relay import ExchangeRelay
from proxy_core.engine.exchange.route import Route
from proxy_core.engine.exchange.services import Services
from proxy_core.engine.limits import Limits
from proxy_core.engine.links.memory import MemoryLink, memory_links
from proxy_core.engine.links.transport import DeadlineSweep
from proxy_core.engine.reception.http1_serving import Http1Serving
from proxy_core.engine.reception.http2_serving import Http2Serving
from proxy_core.engine.recording.reporter import Reporter
from proxy_core.engine.sides import spoken
from proxy_core.engine.trust.certificates import LeafCertificates
from proxy_core.engine.upstream.connection import UpstreamConnection
from proxy_core.model.event import decode_batch, decode_detail, decode_event
from proxy_core.model.exchange import ExchangeDetail, ExchangeRow
from proxy_core.model.settings import Settings
from tests.support.conversation import EventList
from tests.support.fake_protocol import FakeClient, FakeUpstream
from tests.support.http2_peer import Http2Peer


class Peer:
    """The far end of a memory link, as a conversation."""

    def __init__(self, link: MemoryLink) -> None:
        self.link = link
        self._read = b""

    def sends(self, data: bytes) -> None:
        self.link.send(data)

    def sees(self, expected: bytes) -> None:
        while len(self._read) < len(expected):
            data = self.link.receive()
            if not data:
                break
            self._read += data
        got, self._read = self._read[: len(expected)], self._read[len(expected) :]
        assert got == expected

    def reads_head(self) -> bytes:
        while b"\r\n\r\n" not in self._read:
            data = self.link.receive()
            assert data, f"it ended behind {self._read!r}"
            self._read += data
        head, end, self._read = self._read.partition(b"\r\n\r\n")
        return head + end

    def reads(self, length: int) -> bytes:
        while len(self._read) < length:
            data = self.link.receive()
            assert data, f"it ended behind {self._read!r}"
            self._read += data
        got, self._read = self._read[:length], self._read[length:]
        return got

    def reads_to_end(self) -> bytes:
        try:
            while data := self.link.receive():
                self._read += data
        except ConnectionResetError:
            self._read += b"<reset>"
        got, self._read = self._read, b""
        return got


class MemoryOpener:
    """Opens memory links whose far ends the house keeps."""

    def __init__(self, house: "House") -> None:
        self._house = house

    def connect(self, scheme: str, host: str, port: int, *_tls: object, **_options: object) -> UpstreamConnection:
        ours, theirs = memory_links("upstream")
        self._house.connections.append(((scheme, host, port), Peer(theirs)))
        return UpstreamConnection(ours, scheme, host, port, 7, -1, -1, -1, alpn=self._house.chosen)


class House:
    """Services with a real reporter; upstreams are memory links that `connections` collects."""

    def __init__(self, folder: Path, authority: CertificateAuthority, monkeypatch: pytest.MonkeyPatch) -> None:
        self._folder = folder
        self._events = EventList()
        self.reporter = Reporter(Journal(str(folder), 1), self._events)
        limits = Limits(linger_s=0.1)
        certificates = LeafCertificates(authority)
        self.services = Services(Settings(), limits, self.reporter, DeadlineSweep(), MemoryOpener(self), certificates)
        self.connections: list[tuple[tuple[str, str, int], Peer]] = []
        self.chosen = spoken.HTTP1  # by the origins
        monkeypatch.setitem(spoken._CARRIERS, "fake", lambda connection, _: FakeUpstream(connection))
        self.client_links: list[MemoryLink] = []  # of those who speak HTTP/2
        self._greenlets: list[gevent.Greenlet] = []

    def decide(self, points: Points | None) -> None:
        """From now on these points decide about each exchange."""
        self.services.points = lambda _message, _report: points

    def http1_client(self) -> Peer:
        """A client that speaks HTTP/1 to a serving of its own."""
        ours, theirs = memory_links("client")
        serving = Http1Serving(self.services, ours, 1, Route(self.services))
        self._greenlets.append(gevent.spawn(serving.run))
        return Peer(theirs)

    def http2_client(self, **options: Any) -> Http2Peer:
        """A client that speaks HTTP/2 to a serving of its own."""
        ours, theirs = memory_links("client")
        self.client_links.append(theirs)
        serving = Http2Serving(self.services, ours, 1, Route(self.services))
        self._greenlets.append(gevent.spawn(serving.run))
        return Http2Peer(theirs.send, theirs.receive, is_client=True, **options)

    def fake_client(self) -> Peer:
        """A client that speaks the other protocol, for one exchange."""
        ours, theirs = memory_links("client")

        def serve() -> None:
            client = FakeClient(ours)
            head = client.next_request()
            report = self.reporter.open(1)
            report.request_head, report.method = head.raw, head.method.decode()
            report.host, report.port = head.host, head.port
            ExchangeRelay(self.services, Route(self.services), client, head, report).run()

        self._greenlets.append(gevent.spawn(serve))
        return Peer(theirs)

    def use_http2_upstreams(self) -> None:
        self.chosen = spoken.HTTP2

    def http2_upstream(self, number: int = 0) -> Http2Peer:
        """The far end of the connection that was made as the number'th, in HTTP/2."""
        link = self.upstream(number).link
        return Http2Peer(link.send, link.receive, is_client=False)

    def use_fake_upstreams(self) -> None:
        self.chosen = "fake"

    def upstream(self, number: int = 0) -> Peer:
        """The far end of the connection that was made as the number'th, waited for."""
        with gevent.Timeout(10):
            while len(self.connections) <= number:
                gevent.sleep(0.001)
        return self.connections[number][1]

    def finishes(self) -> None:
        """All that is under way comes to its end."""
        with gevent.Timeout(10):
            while self.reporter.under_way():
                gevent.sleep(0.001)

    def recorded(self) -> list[tuple[ExchangeRow, ExchangeDetail]]:
        """What the journal has, the latest of each."""
        self.reporter.tell_all()
        latest = {}
        for batch in self._events.batches:
            for event in map(decode_event, decode_batch(batch).events):
                if hasattr(event, "detail"):
                    latest[event.key] = ExchangeRow(0, *event.row), decode_detail(event.detail)
        return [latest[key] for key in sorted(latest)]

    def capture(self) -> str:
        """The capture that a recorder makes of what the reporter has told."""
        self.reporter.tell_all()
        writer = IndexWriter(str(self._folder / INDEX_NAME))
        for batch in map(decode_batch, self._events.batches):
            writer.apply(batch.events, (batch.series, batch.segment, batch.offset))
        writer.commit()
        writer.close(closed=True)
        return str(self._folder)

    def body(self, extents: bytes | None) -> bytes:
        data = b""
        for segment, offset, length in decode_extents(extents):
            raw = (self._folder / segment_name(segment)).read_bytes()
            data += raw[offset : offset + length]
        return data

    def stop(self) -> None:
        gevent.killall(self._greenlets)
        self.reporter.stop()


@pytest.fixture
def house(tmp_path, authority, monkeypatch):
    house = House(tmp_path, authority, monkeypatch)
    yield house
    house.stop()
