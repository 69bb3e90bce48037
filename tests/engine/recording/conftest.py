"""A reporter with its journal, whose events go into an index as a recorder would take them in."""

import errno
from collections.abc import Callable, Iterator
from pathlib import Path

import gevent
import pytest

from proxy_core.capture.journal import Journal
from proxy_core.capture.live import create_live_capture
from proxy_core.capture.reader import CaptureReader
from proxy_core.capture.writer import INDEX_NAME, IndexWriter
from proxy_core.engine.recording.report import Report
from proxy_core.engine.recording.reporter import Reporter
from proxy_core.model.event import decode_batch
from proxy_core.model.exchange import ExchangeDetail, ExchangeRow


class Capture:
    """Where a reporter's words end up."""

    def __init__(self, folder: Path) -> None:
        create_live_capture(str(folder))
        self.folder = str(folder)
        self.journal = Journal(str(folder), 1)
        self.writer = IndexWriter(str(folder / INDEX_NAME))
        self.reporter = Reporter(self.journal, self)
        self.not_recorded = 0
        self.reasons: list[str] = []

    def put(self, data: bytes) -> None:
        batch = decode_batch(data)
        place = (batch.series, batch.segment, batch.offset) if batch.segment else None
        applied = self.writer.apply(batch.events, place)
        self.not_recorded += applied.not_recorded
        if applied.problem:
            self.reasons.append(applied.problem)
        self.writer.commit()

    def begins(self, path: str = "/") -> Report:
        report = self.reporter.open(0)
        report.method, report.scheme, report.host, report.port, report.path = "GET", "http", "shop.test", 80, path
        return report

    def announced(self, path: str = "/") -> Report:
        """One that has lasted long enough to be told of."""
        report = self.begins(path)
        self.reporter.tell_all()
        return report

    def exchanges(self) -> list[tuple[ExchangeRow, ExchangeDetail]]:
        self.reporter.tell_all()
        reader = CaptureReader(self.folder)
        try:
            found = []
            for number in reader.ids():
                detail = reader.detail(number)
                assert detail is not None
                found.append((reader.rows([number])[number], detail))
            return found
        finally:
            reader.close()

    def body(self, extents: bytes | None) -> bytes:
        reader = CaptureReader(self.folder)
        try:
            return reader.read_body(extents)
        finally:
            reader.close()

    def close(self) -> None:
        self.reporter.stop()
        self.writer.close(closed=True)


@pytest.fixture
def capture(tmp_path) -> Iterator[Capture]:
    made = Capture(tmp_path / "capture.live")
    yield made
    made.close()
    gevent.sleep(0)


@pytest.fixture
def full_disk(monkeypatch) -> Callable[[], None]:
    """The disk is full until what this returns is called."""

    def fail(*_arguments: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("proxy_core.capture.journal.os.write", fail)
    return monkeypatch.undo
