"""A row of the list: an exchange, and what is said of it that its own row in the capture has no place for. No Qt."""

from typing import NamedTuple

from app.exchange_text import StatusText, status_text
from proxy_core.model.exchange import ExchangeKind, ExchangeRow, ExchangeState
from proxy_core.model.tls_facts import Program


class ListedRow(NamedTuple):
    """See the module."""

    exchange: ExchangeRow
    sentence: str = ""  # why it failed, or is dark; how a call of gRPC failed
    messages: int = 0  # that a WebSocket has brought so far
    program: Program | None = None  # who asked, where that is known

    @property
    def status(self) -> StatusText:
        """The cell «Status»; a call of gRPC has failed also where HTTP says 200."""
        status = status_text(self.exchange)
        return status._replace(text="gRPC error", role="s5") if self.has_failed_call else status

    @property
    def has_failed_call(self) -> bool:
        """Whether HTTP has no more to say of it than that a call of gRPC failed."""
        row = self.exchange
        return bool(self.sentence) and row.kind == ExchangeKind.HTTP and row.state == ExchangeState.COMPLETE
