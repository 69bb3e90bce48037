"""What the window knows at one moment about its capture, its list and its engine, and what it says of that. No Qt."""

from typing import NamedTuple

from app.exchange_text import count_text


class Situation(NamedTuple):
    """Put together by `WindowController`, shown by the window's parts; `emptiness` finds in it why a list is empty."""

    shown: int  # rows in the list
    total: int  # exchanges in the capture
    failed: int
    recorded_bytes: int
    is_filtering: bool
    is_looking: bool  # another list is on its way …
    is_late: bool  # … and lets wait for itself
    is_file: bool  # else the live capture is shown
    is_running: bool  # the engine, as far as is known
    has_engine: bool  # there was one that listened
    is_recording: bool  # as the person wants it
    is_kept: bool  # nothing keeps the engine from recording
    has_cleared: bool

    def count_text(self) -> str:
        """What stands in the filter's field."""
        if self.is_late:
            return "looking …"
        return f"{count_text(self.shown)} of {count_text(self.total)}" if self.is_filtering else ""

    def capture_text(self) -> str:
        """In which state the capture is."""
        if self.is_file:
            return "Opened from a file"
        if not self.is_running:
            return "Capture kept" if self.has_engine else ""
        return "Capture saved as it comes" if self.is_recording and self.is_kept else "Not recording"
