"""Send WebSocket messages to an echo and count what comes back, in a process of its own.

python -m build_scripts.benchmark.websocket_load URL PROXY-PORT SECONDS SIZE plain|deflate

Eight connections, on each ten messages on their way. The last line is `RESULT` and a JSON object, as wrk.lua's.
"""

import asyncio
import json
import ssl
import sys
import time

from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

_CONNECTIONS, _IN_FLIGHT = 8, 10
_OPEN_WITHIN_S = 20.0
_WORDS = b'{"id": %d, "kind": "update", "price": %d, "side": "buy"}, '


def _message(size: int) -> str:
    """Text as applications send it: neither random nor one letter."""
    text = b""
    number = 0
    while len(text) < size:
        number += 1
        text += _WORDS % (number, number * 7919 % 10007)
    return text[:size].decode()


async def _exchange(url: str, proxy: str | None, end: float, message: str, compression: str | None) -> int:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    echoes = 0
    async with connect(
        url, proxy=proxy, ssl=context, compression=compression, ping_interval=None, open_timeout=_OPEN_WITHIN_S
    ) as connection:
        for _ in range(_IN_FLIGHT):
            await connection.send(message)
        while time.monotonic() < end:
            if len(await connection.recv()) != len(message):
                raise ValueError("the echo was another message")
            echoes += 1
            await connection.send(message)
        for _ in range(_IN_FLIGHT):
            await connection.recv()
        return echoes + _IN_FLIGHT


async def _run(url: str, port: int, seconds: float, size: int, compression: str | None) -> None:
    proxy = f"http://127.0.0.1:{port}" if port else None
    begin = time.monotonic()
    message = _message(size)
    echoes = await asyncio.gather(
        *(_exchange(url, proxy, begin + seconds, message, compression) for _ in range(_CONNECTIONS))
    )
    print("RESULT", json.dumps({"requests": sum(echoes), "seconds": time.monotonic() - begin}))


if __name__ == "__main__":
    compression = "deflate" if sys.argv[5] == "deflate" else None
    try:
        asyncio.run(_run(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4]), compression))
    except (OSError, WebSocketException) as error:
        sys.exit(f"{type(error).__name__}: {error}")
