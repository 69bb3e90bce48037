"""What the sides of a tunnel that nobody reads say first: kept for whoever wonders, and the protocol named if known."""

from proxy_core.engine.recording.report import Report
from proxy_core.engine.recording.reporter import Reporter
from proxy_core.model.message_row import MessageFlag, Opcode
from proxy_core.protocols.first_words import LOOKED_AT_BYTES, spoken_protocol

_PIECES = 4
_FIRST_BYTES, _CUT = int(Opcode.FIRST_BYTES), int(MessageFlag.CUT)


class FirstBytesWatch:
    """A `TunnelWatch`."""

    def __init__(self, reporter: Reporter, report: Report) -> None:
        self._reporter = reporter
        self._report = report
        self._first = [b"", b""]  # by Side
        self._pieces = [0, 0]
        self._is_named = False

    def came(self, side: int, data: bytes) -> None:
        """Of what a side says, the first is looked at, in however many pieces it comes, up to a few."""
        before = self._first[side]
        if self._pieces[side] == _PIECES or len(before) == LOOKED_AT_BYTES:
            return
        self._pieces[side] += 1
        kept = data[: LOOKED_AT_BYTES - len(before)]
        self._first[side] = before + kept
        flags = _CUT if len(data) > len(kept) else 0
        self._reporter.message(self._report, side, _FIRST_BYTES, flags, len(data), kept)
        if not self._is_named and (name := spoken_protocol(*self._first)):
            self._is_named = True
            notes = self._report.notes
            text = f"What goes through looks like {name}."
            self._report.notes = f"{notes}\n{text}" if notes else text

    has_closed = False  # nobody knows when it would be over

    def finish(self) -> None:
        """There is nothing left to say."""
