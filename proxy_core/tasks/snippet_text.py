"""Exchanges of a capture as one text in a format of snippets: for a clipboard, or whoever asks without a window."""

from collections.abc import Sequence

from proxy_core.capture.reader import CaptureReader
from proxy_core.formats.snippets.snippet import SnippetFormat
from proxy_core.model.exchange import ExchangeDetail, ExchangeRow

COPIED_LIMIT = 16 << 20  # characters; more makes clipboards, and what is pasted into, stand still


def snippet_text(reader: CaptureReader, rows: Sequence[ExchangeRow], form: SnippetFormat) -> tuple[str, int]:
    """The snippets of all rows, and how many rows have none: the format refuses them, or it would be too much.

    Raises CaptureError.
    """
    snippets: list[str] = []
    length = 0
    for row in rows:
        snippet = form.write(_InCapture(reader, row)) if length < COPIED_LIMIT else None
        if snippet is not None:
            length += len(snippet)
            snippets.append(snippet)
    return form.between.join(snippets), len(rows) - len(snippets)


class _InCapture:
    """An exchange, its detail read once."""

    def __init__(self, reader: CaptureReader, row: ExchangeRow) -> None:
        self.row = row
        self._reader = reader
        self._detail: ExchangeDetail | None = None

    def detail(self) -> ExchangeDetail | None:
        if self._detail is None:
            self._detail = self._reader.detail(self.row.id)
        return self._detail

    def request_body(self, most: int) -> bytes:
        detail = self.detail()
        return b"" if detail is None else self._reader.read_body(detail.request.body, 0, most)
