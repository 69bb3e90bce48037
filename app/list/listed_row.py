"""A row of the list: an exchange, and what is said of it that its own row in the capture has no place for. No Qt."""

from typing import NamedTuple

from proxy_core.model.exchange import ExchangeRow
from proxy_core.model.tls_facts import Program


class ListedRow(NamedTuple):
    """See the module."""

    exchange: ExchangeRow
    sentence: str = ""  # why it failed, or is dark
    messages: int = 0  # that a WebSocket has brought so far
    program: Program | None = None  # who asked, where that is known
