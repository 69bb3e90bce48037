"""The engine as the window knows it: where it listens, whether it records, how much it has captured. No Qt.

`EngineNews` tells it each notice. Whether an engine runs at all is known by the bridge alone.
"""

from typing import NamedTuple

from app.exchange_text import exchanges_text
from app.shell.capture_totals import CaptureTotals
from proxy_core.formats.one_line import one_line
from proxy_core.model.endpoint import endpoint_text
from proxy_core.model.notice import EngineStarted, RecordingChanged
from proxy_core.model.settings import is_open_to_others
from proxy_core.model.ways_in import read_listen_point


class EarlierCapture(NamedTuple):
    """What an engine had captured that another one has replaced."""

    path: str
    total: int
    is_counted: bool  # a killed engine may have captured more than it had told

    def text(self) -> str:
        """That it is kept."""
        # What a killed engine had not told yet lies in the journals, and is counted when the capture is opened.
        kept = exchanges_text(self.total) if self.is_counted else f"at least {exchanges_text(self.total)}"
        return f"What was captured before the restart is kept: {kept}."


class EngineState:
    """See the module."""

    def __init__(self, *, is_recording: bool) -> None:
        self.engine: EngineStarted | None = None  # that listens, or did so last
        self.is_recording = is_recording  # as the person wants it
        self.is_kept = True  # nothing keeps the engine from recording …
        self.has_ended = False  # … as long as it lives
        self.totals = CaptureTotals()  # of the live capture
        self._has_died = False
        self._rated_bytes = 0

    # What happens

    def started(self, engine: EngineStarted) -> EarlierCapture | None:
        """An engine listens. What the one before has captured; None where that is nothing."""
        before, total = self.engine, self.totals.total
        earlier = EarlierCapture(before.capture_path, total, not self._has_died) if before and total else None
        self.engine = engine
        self.totals.forget()
        self.has_ended = self._has_died = False
        self._rated_bytes = 0
        return earlier

    def recording_changed(self, notice: RecordingChanged) -> None:
        """Recording begins, stops, or is in trouble."""
        self.is_recording = notice.on
        self.is_kept = not notice.problem
        self.has_ended = notice.has_ended

    def died(self) -> None:
        """The engine has ended without a word."""
        self._has_died = True

    # What is said

    @property
    def capture_path(self) -> str:
        """The live capture; "" before there is one."""
        return "" if self.engine is None else self.engine.capture_path

    @property
    def address(self) -> str:
        """Where the proxy listens; "" for nowhere yet."""
        return "" if self.engine is None else endpoint_text(self.engine.host, self.engine.port)

    def port_text(self) -> str:
        """That it listens elsewhere than was wanted; "" where it doesn't."""
        engine = self.engine
        if engine is None or not engine.wanted_port or engine.port == engine.wanted_port:
            return ""
        return f"Port {engine.wanted_port} is taken by another program: Harrier listens on {self.address} instead."

    def open_text(self) -> str:
        """That others than this computer can use it; "" where they can't."""
        engine = self.engine
        if engine is None or engine.has_users:
            return ""
        points = map(read_listen_point, engine.also_listens)
        others = [point.place for point in points if not point.path and is_open_to_others(point.host)]
        places = [self.address, *others] if is_open_to_others(engine.host) else others
        if not places:
            return ""
        are = "is" if len(places) == 1 else "are"
        return (
            f"{' and '.join(places)} {are} open to everybody who can reach this computer: they can go anywhere through "
            "it, as you."
        )

    def places_text(self) -> str:
        """Where it listens besides, and for whom, one a line; "" for no more than the address."""
        engine = self.engine
        if engine is None:
            return ""
        lines = [f"{self.address} stands for {engine.reverse}"] if engine.reverse else []
        lines += [
            f"Also {point.place}" + (f", which stands for {point.origin.text}" if point.origin else "")
            for point in map(read_listen_point, engine.also_listens)
        ]
        return "\n".join(map(one_line, lines))

    def bytes_since(self) -> int:
        """How much was recorded since this was asked last."""
        recorded = self.totals.recorded_bytes
        added, self._rated_bytes = max(0, recorded - self._rated_bytes), recorded
        return added


def recording_problem_text(notice: RecordingChanged) -> str:
    """Why nothing is recorded; "" for no problem."""
    if not notice.problem:
        return ""
    lost = f" {exchanges_text(notice.not_recorded)} went by unrecorded." if notice.not_recorded else ""
    return one_line(notice.problem) + lost


def death_text(exit_status: int) -> str:
    """That an engine has ended without a word."""
    how = f"signal {-exit_status}" if exit_status < 0 else f"status {exit_status}"
    return f"The engine ended unexpectedly ({how}). What it had captured is kept."
