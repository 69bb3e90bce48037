"""What a format of snippets is: the request of one exchange as a text to paste somewhere else.

A format is pure. It asks a `Recorded` for what it needs, so one that needs only the row has nothing read for it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from proxy_core.model.exchange import ExchangeDetail, ExchangeRow


class Recorded(Protocol):
    """One exchange of a capture. What is asked for is read then; a capture that can't be read raises its own error."""

    @property
    def row(self) -> ExchangeRow:
        """The narrow part, which is at hand."""
        ...

    def detail(self) -> ExchangeDetail | None:
        """The rest; None when the exchange is gone meanwhile."""
        ...

    def request_body(self, most: int) -> bytes:
        """The request's body as on the wire, `most` bytes of it at the most."""
        ...


@dataclass(frozen=True, slots=True)
class SnippetFormat:
    """One format."""

    key: str  # names it for whoever asks by name; never changes
    title: str  # what it is called in a menu
    write: Callable[[Recorded], str | None]  # None where the format has no word for this exchange
    between: str = "\n\n"  # stands between the snippets of several exchanges
    refuses: str = ""  # what `write` gives None for, as «no request that curl can make»; "" where it never does
