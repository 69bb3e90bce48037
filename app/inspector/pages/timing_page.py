"""Where the time of an exchange went."""

from app.inspector.pages.page import Page, PageSpec
from app.inspector.timing_facts import TimingFacts

_WIDEST_BARS = 720


def _make() -> Page:
    view = TimingFacts("Timing")
    view.bars.setMaximumWidth(_WIDEST_BARS)
    return Page(view, view.show_exchange)


TIMING = PageSpec("timing", "Timing", _make)
