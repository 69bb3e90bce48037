"""What the window has not been told yet: some rows, and ranges of ids that never grow.

A window that is slow, or frozen, costs the recorder nothing: what it has missed is merged until it answers, and then
it reads itself the rows that it wants.
"""

from typing import Any

from proxy_core.capture.writer import Applied

CARRIED_ROWS = 200  # rows that one notice carries; more become a range


class News:
    """Add to it, tell it, forget it."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """It is told, or nothing any more."""
        self._rows: list[tuple[Any, ...]] = []
        self.first_new_id = self.last_new_id = self.changed_from_id = self.changed_to_id = 0
        self.has_programs = False
        self.is_due = False

    def add(self, applied: Applied) -> None:
        """This has changed."""
        if applied.has_programs:
            self.has_programs = self.is_due = True
        if not applied.rows:
            return
        self.is_due = True
        if len(self._rows) <= CARRIED_ROWS:
            self._rows.extend(applied.rows[: CARRIED_ROWS + 1])
        if applied.first_new_id:
            self.first_new_id = self.first_new_id or applied.first_new_id
            self.last_new_id = applied.last_new_id
        if applied.changed_from_id:
            self.changed_from_id = min(self.changed_from_id or applied.changed_from_id, applied.changed_from_id)
            self.changed_to_id = max(self.changed_to_id, applied.changed_to_id)

    @property
    def rows(self) -> list[tuple[Any, ...]]:
        """All that have changed, or none when they are too many."""
        return self._rows if len(self._rows) <= CARRIED_ROWS else []
