"""Where the time of an exchange went: bars under a title, and what was known of its connection beneath."""

import os
import time

from app.inspector.fact_view import FactView
from app.inspector.facts import phases, timing_sections, timing_title
from app.inspector.shown import Shown
from app.inspector.timing_view import TimingView
from app.look.plain_text import plain_label
from proxy_core.model.elapsed import timings_of, timings_until
from proxy_core.model.exchange import FIRST_FINAL_STATE, Timings


class TimingFacts(FactView):
    """Stands on a page of its own, and narrow beside the response."""

    def __init__(self, name: str, *, is_narrow: bool = False) -> None:
        super().__init__(name, is_narrow=is_narrow)
        self.title = plain_label("", "title")
        self.bars = TimingView()
        self.put_above(self.title)
        self.put_above(self.bars)

    def show_exchange(self, shown: Shown | None) -> None:
        """Show another exchange, or none."""
        if shown is None:
            self.title.setText("")
            self.bars.show_phases([])
            self.show_sections([])
            return
        so_far = _so_far(shown)
        told = phases(shown.detail, so_far)
        is_open = shown.row.state < FIRST_FINAL_STATE
        self.title.setText(timing_title(told if so_far or not is_open else [], is_open=is_open))
        self.bars.show_phases(told)
        self.show_sections(timing_sections(shown.row, shown.upstream))


def _so_far(shown: Shown) -> Timings | None:
    """What an exchange that is being recorded has spent by now: of a file nobody knows how it went on."""
    if shown.row.state >= FIRST_FINAL_STATE or not os.path.isdir(shown.path):
        return None
    return timings_until(timings_of(shown.detail), shown.row, time.time_ns() // 1000)
