"""Where the time of an exchange went: bars under a title, and what was known of its connection beneath."""

from app.inspector.fact_view import FactView
from app.inspector.facts import phases, timing_sections, timing_title
from app.inspector.shown import Shown
from app.inspector.timing_view import TimingView
from app.look.plain_text import plain_label
from proxy_core.model.exchange import FIRST_FINAL_STATE


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
        told = phases(shown.detail)
        self.title.setText(timing_title(told, is_open=shown.row.state < FIRST_FINAL_STATE))
        self.bars.show_phases(told)
        self.show_sections(timing_sections(shown.row, shown.upstream))
