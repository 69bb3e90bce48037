"""Which kinds of messages an exchange has: so much of it as the field that offers them needs. No Qt."""

from app.inspector.messages.message_filter import Kind, in_order, kinds_of
from proxy_core.model.message_row import MessageContent, MessageRow

SURVEYED = 20_000  # messages that are looked at for this alone; 0.3 s. What is seen beyond them counts, too
_MOST_KINDS = 50  # a stream that gives each event a type of its own would make a list that nobody reads


class KindSurvey:
    """One exchange's."""

    def __init__(self) -> None:
        self.seen = 0  # the last number gone over …
        self.count = 0  # … and how many these were
        self.is_due = True
        self._kinds: set[Kind] = set()

    @property
    def kinds(self) -> list[Kind]:
        """In the order in which they are offered."""
        return in_order(self._kinds)

    def take(self, row: MessageRow, content: MessageContent) -> bool:
        """Look at a message; returns whether it is the first of a kind."""
        before = len(self._kinds)
        if before < _MOST_KINDS:
            self._kinds.update(kinds_of(row, content))
        return len(self._kinds) > before
