"""A live capture that grows and tells a model of the list about it, as recorder and engine do; without processes."""

from app.list.exchange_model import ExchangeModel
from app.shell.capture_totals import CaptureTotals
from proxy_core.model.notice import RowsChanged
from proxy_core.model.tls_facts import Program
from tests.support.captures import LiveCapture, Sample


class LiveFeed:
    """The model shows the capture from the start. Keys of exchanges are given by whoever lets them change later."""

    def __init__(self, capture: LiveCapture, model: ExchangeModel) -> None:
        self.capture = capture
        self.model = model
        self.totals = CaptureTotals()
        self._number = 0
        model.counted.connect(self.totals.counted)
        model.set_capture(str(capture.folder))

    def key(self, number: int) -> int:
        """A key that no other exchange of this capture has."""
        return self.capture.journal.series << 32 | 1 << 20 | number

    def arrive(self, *samples: Sample, keys: tuple[int, ...] = (), tells_rows: bool = True) -> list[int]:
        """Record these (new ones, or known keys in a new state) and tell the model; without rows, as when it can't
        keep up. Their ids.
        """
        events = [self.capture.event(sample, keys[place] if keys else 0) for place, sample in enumerate(samples)]
        return self._tell(events, tells_rows=tells_rows)

    def name(self, client: int, program: Program) -> None:
        """It is known by now who is behind a connection; the model is told."""
        self._tell([self.capture.client_event(client, program)], tells_rows=True)

    def _tell(self, events: list[bytes], *, tells_rows: bool) -> list[int]:
        writer = self.capture.writer
        applied = writer.apply(events, None)
        writer.commit()
        self._number += 1
        notice = RowsChanged(
            number=self._number,
            rows=sorted(applied.rows) if tells_rows else [],
            first_new_id=applied.first_new_id,
            last_new_id=applied.last_new_id,
            changed_from_id=applied.changed_from_id,
            changed_to_id=applied.changed_to_id,
            total=writer.total,
            failed=writer.failed,
            capture_bytes=0,
            has_programs=applied.has_programs,
        )
        self.totals.told(notice)
        self.model.take(notice)
        return [row[0] for row in applied.rows]

    def clear(self) -> None:
        """Forget what is finished; the model is told as the window's controller does it."""
        writer = self.capture.writer
        cleared = writer.clear()
        self.totals.forget()
        self.model.leave_out(cleared.left_out)
        while not writer.forget(cleared):
            pass

    @property
    def is_settled(self) -> bool:
        """Whether the model has no question open and none to ask."""
        model = self.model
        waits = model._is_matching or model._changed or model._changed_to or model._resort.isActive()
        return not model.is_busy and not waits
