"""What is copied from the list: URLs, cURL commands, the values of a column. No Qt."""

import shlex
from collections.abc import Sequence

from app.columns import COLUMNS
from app.exchange_text import url_of
from proxy_core.capture.reader import CaptureReader
from proxy_core.model.exchange import ExchangeDetail, ExchangeKind, ExchangeRow
from proxy_core.model.message_head import parse_head, to_text

CURL_BODY_LIMIT = 1 << 20  # a command line can't be longer on most systems
# curl makes these itself, or they hold for one connection only.
_OWN_FIELDS = frozenset(
    {"content-length", "connection", "proxy-connection", "keep-alive", "transfer-encoding", "te", "expect", "upgrade"}
)


def urls_text(rows: Sequence[ExchangeRow]) -> str:
    """One URL a line."""
    return "\n".join(url_of(row) for row in rows)


def cell_text(rows: Sequence[ExchangeRow], column: int) -> str:
    """The values of a column, one a line, as the list shows them."""
    return "\n".join(COLUMNS[column].text(row) for row in rows)


def curl_text(reader: CaptureReader, rows: Sequence[ExchangeRow]) -> str:
    """One command for each exchange that is a request; tunnels are none. Raises CaptureError."""
    commands = []
    for row in rows:
        detail = None if row.kind == ExchangeKind.TUNNEL else reader.detail(row.id)
        if detail is not None:
            body = reader.read_body(detail.request_body, 0, CURL_BODY_LIMIT + 1)
            commands.append(curl_command(row, detail, body))
    return "\n\n".join(commands)


def curl_command(row: ExchangeRow, detail: ExchangeDetail, body: bytes) -> str:
    """The same request by curl, for a POSIX shell."""
    words = ["curl", _quoted(url_of(row))]
    if row.method == "HEAD":
        words.append("--head")
    elif row.method != ("POST" if body else "GET"):
        words += ["-X", _quoted(row.method)]
    asks_compressed = False
    for name_bytes, value_bytes in parse_head(detail.request_head).fields:
        name, value = to_text(name_bytes), to_text(value_bytes)
        lower = name.lower()
        if lower in _OWN_FIELDS or lower.startswith("proxy-"):
            continue
        if lower == "host" and value.lower() in (row.host.lower(), f"{row.host}:{row.port}".lower()):
            continue
        asks_compressed = asks_compressed or lower == "accept-encoding"
        words.append("\\\n  -H " + _quoted(f"{name}: {value}" if value else f"{name};"))
    if asks_compressed:
        words.append("\\\n  --compressed")
    if len(body) > CURL_BODY_LIMIT:
        words.append("\\\n  --data-binary @request-body  # too long for a command: save it from the inspector")
    elif body:
        words.append("\\\n  --data-raw " + _quoted_bytes(body))
    return " ".join(words)


def _quoted(text: str) -> str:
    return shlex.quote(text) if text.isprintable() else _quoted_bytes(text.encode())


def _quoted_bytes(data: bytes) -> str:
    """Text as it is; anything else in the ANSI-C quotes of bash and zsh."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = ""
    if text and all(character.isprintable() or character in "\n\t" for character in text):
        return shlex.quote(text)
    spelled = "".join(chr(byte) if 0x20 <= byte < 0x7F and byte not in b"'\\" else f"\\x{byte:02x}" for byte in data)
    return f"$'{spelled}'"
