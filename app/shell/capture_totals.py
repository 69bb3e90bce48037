"""How many exchanges a capture holds: the one place that knows, told by the engine or counted for the list. No Qt."""

from proxy_core.model.notice import RowsChanged


class CaptureTotals:
    """Of one capture. What is told and what is counted come in any order, and neither may take the number back."""

    def __init__(self) -> None:
        self.total = 0  # exchanges
        self.failed = 0  # of them
        self.recorded_bytes = 0  # known of a live capture only

    def told(self, notice: RowsChanged) -> None:
        """The engine says how many there are."""
        self.total = notice.total
        self.failed = notice.failed
        self.recorded_bytes = notice.capture_bytes

    def counted(self, total: int, failed: int | None) -> None:
        """So many there were when the list was asked for; the engine may have told of later ones meanwhile."""
        self.total = max(self.total, total)
        self.failed = max(self.failed, failed or 0)

    def forget(self) -> None:
        """Exchanges were cleared or are back: what was known is no longer so."""
        self.total = self.failed = self.recorded_bytes = 0
