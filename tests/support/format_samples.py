"""Makes what lies in `tests/capture/files`: a saved capture and a live one, in the format of the Harrier that runs this.

To be run once for each format, before the next one is begun: `python -m tests.support.format_samples FOLDER`. Nothing
made by it is ever made again: these files stand for those that people have.
"""

import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import msgspec

from proxy_core.capture.reader import CaptureReader
from proxy_core.capture.saver import save_capture
from proxy_core.capture.schema import SCHEMA_VERSION
from proxy_core.model.act import Act, encode_acts
from proxy_core.model.exchange import ExchangeFlag, ExchangeKind, ExchangeState, Side
from proxy_core.model.message_row import MessageFlag, Opcode
from proxy_core.model.tls_facts import TlsFacts, encode_tls_facts
from tests.support.captures import LiveCapture, Sample

LARGE = bytes(range(256)) * 12  # the body of /large
LONG_MESSAGE = bytes(range(255, -1, -1)) * 20  # too long to lie in the index
MESSAGES: list[tuple[int, int, int, bytes, tuple[object, ...]]] = [
    (int(Side.CLIENT), int(Opcode.TEXT), 0, "hello, Zürich".encode(), ()),
    (int(Side.UPSTREAM), int(Opcode.BINARY), int(MessageFlag.DEFLATED), LONG_MESSAGE, ()),
    (int(Side.UPSTREAM), int(Opcode.CLOSE), int(MessageFlag.INVALID), b"\x03\xed", ("Nobody sends that.",)),
]
ACTS = [Act(1, "shop/Header", "sets request header X-Env", 12), Act(3, "shop/Body", "", 7, "it is no JSON")]
SAMPLES = (
    Sample("/", content_type="text/html; charset=utf-8", response_body=b"<h1>Caf\xc3\xa9</h1>"),
    Sample("/cart?id=7", method="POST", request_body=b'{"item": 7}', content_type="application/json", status=201),
    Sample("/large", content_type="application/octet-stream", response_body=LARGE, response_trailers=b"X-Sum: 1\r\n"),
    Sample("/early", interim=msgspec.msgpack.encode([(120, b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n")])),
    Sample(
        "/gone",
        status=None,
        state=ExchangeState.FAILED,
        failure="connection_refused",
        failure_text="shop.test refused the connection.",
    ),
    Sample("", method="CONNECT", scheme="", host="pinned.test", kind=ExchangeKind.TUNNEL, flags=0),
    Sample(
        "/plain",
        scheme="http",
        port=80,
        host="::1",
        flags=int(ExchangeFlag.UPSTREAM_REUSED | ExchangeFlag.CHANGED | ExchangeFlag.ACTED),
        acts=encode_acts(ACTS),
    ),
    Sample("/chat", status=101, kind=ExchangeKind.WEBSOCKET, messages=MESSAGES),
)
TLS = TlsFacts(version="TLSv1.3", cipher="TLS_AES_128_GCM_SHA256", alpn="http/1.1", sni="shop.test", verified=True)
ONLY_IN_THE_JOURNAL = (Sample("/late", response_body=b"kept"), Sample("/under-way", state=ExchangeState.WAITING))


def make(folder: Path) -> None:
    """Make `format-N.harrier` and, as a killed recorder leaves it, the folder `format-N-live`."""
    live = LiveCapture(folder / f"format-{SCHEMA_VERSION}-live")
    live.add_connections(encode_tls_facts(TLS))
    live.add(*SAMPLES)
    live.add(Sample("/open", state=ExchangeState.RESPONDING, response_body=b"so far"))
    saved = folder / f"format-{SCHEMA_VERSION}.harrier"
    with closing(CaptureReader(str(live.folder))) as reader:
        save_capture(reader, str(saved), list(range(1, len(SAMPLES) + 1)))
    live.journal_only(*ONLY_IN_THE_JOURNAL)
    live.close(closed=False)
    with closing(sqlite3.connect(live.folder / "index.sqlite", isolation_level=None)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # in one file, that the repository has one less
        database.execute("VACUUM")


if __name__ == "__main__":
    make(Path(sys.argv[1]))
