"""A WebSocket server with TLS that sends every message back: python -m build_scripts.benchmark.echo_origin PORT PEM

A process of its own beside nginx, which has no WebSockets. It compresses where the client offers that.
"""

import asyncio
import ssl
import sys

from websockets.asyncio.server import ServerConnection, serve


async def _echo(connection: ServerConnection) -> None:
    async for message in connection:
        await connection.send(message)


async def _serve(port: int, certificate: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    # No pings: idle connections shall be idle.
    async with serve(_echo, "127.0.0.1", port, ssl=context, ping_interval=None, backlog=4096) as server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), sys.argv[2]))
