"""What is copied from the list: URLs, cURL commands, the values of a column. No Qt."""

from collections.abc import Sequence

from app.list.columns import COLUMNS
from proxy_core.formats.snippets.curl import CURL_BODY_LIMIT, can_be_sent, curl_command
from proxy_core.capture.reader import CaptureReader
from proxy_core.model.endpoint import url_of
from proxy_core.model.exchange import ExchangeRow

COPIED_LIMIT = 16 << 20  # characters of commands; more makes clipboards, and what is pasted into, stand still


def urls_text(rows: Sequence[ExchangeRow]) -> str:
    """One URL a line, with nothing in it that a line or a terminal could take for anything else."""
    return "\n".join(map(_visible_url, rows))


def cell_text(rows: Sequence[ExchangeRow], column: int) -> str:
    """The values of a column, one a line: as the list shows them, but whole where it shows a beginning."""
    spec = COLUMNS[column]
    text = _WHOLE.get(spec.key, spec.text)
    return "\n".join(text(row) for row in rows)


def curl_text(reader: CaptureReader, rows: Sequence[ExchangeRow]) -> tuple[str, int]:
    """A command for each request, and how many rows have none: tunnels, what is no request for curl, what is too much.

    Raises CaptureError.
    """
    commands: list[str] = []
    length = 0
    for row in rows:
        detail = reader.detail(row.id) if can_be_sent(row) and length < COPIED_LIMIT else None
        if detail is not None:
            command = curl_command(row, detail, reader.read_body(detail.request.body, 0, CURL_BODY_LIMIT + 1))
            length += len(command)
            commands.append(command)
    return "\n\n".join(commands), len(rows) - len(commands)


def _visible_url(row: ExchangeRow) -> str:
    return _visible(url_of(row))


def _visible_path(row: ExchangeRow) -> str:
    return _visible(row.path)


def _visible(url: str) -> str:
    """RFC 3986 §2.1: what is no visible character stands as its bytes' percent signs."""
    if url.isprintable() and " " not in url:
        return url
    return "".join(
        character
        if character.isprintable() and character != " "
        else "".join(f"%{byte:02X}" for byte in character.encode("utf-8", "replace"))
        for character in url
    )


_WHOLE = {"path": _visible_path, "url": _visible_url}  # by the column's key
