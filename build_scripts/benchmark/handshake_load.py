"""Make TLS connections, one request on each, to one name or to a new one each time, in a process of its own.

python -m build_scripts.benchmark.handshake_load HOST PORT PROXY-PORT SECONDS known|new

The connection goes to the origin's address, and the name is the one that the client asks for in TLS (SNI): proxies that
intercept make their certificate for it, and its look-up is no part of the figure. The last line is `RESULT` and JSON.
"""

import json
import ssl
import sys
import threading
import time
import uuid
from collections.abc import Callable

from build_scripts.benchmark.idle_latency import read_response, tunnelled
from build_scripts.benchmark.origin import NAMES
from build_scripts.benchmark.process_tree import BenchmarkError

_THREADS = 8


def _client(context: ssl.SSLContext, host: str, port: int, proxy_port: int, name: str) -> None:
    request = f"GET /1k HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n".encode()
    with context.wrap_socket(tunnelled(host, port, proxy_port), server_hostname=name) as link:
        link.sendall(request)
        read_response(link)


def _run(host: str, port: int, proxy_port: int, seconds: float, names: Callable[[], str]) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    counts = [[0, 0] for _ in range(_THREADS)]
    begin = time.monotonic()

    def work(count: list[int]) -> None:
        while time.monotonic() < begin + seconds:
            try:
                _client(context, host, port, proxy_port, names())
            except (OSError, BenchmarkError):
                count[1] += 1
            else:
                count[0] += 1

    threads = [threading.Thread(target=work, args=(count,)) for count in counts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    good, errors = (sum(count[index] for count in counts) for index in (0, 1))
    print("RESULT", json.dumps({"requests": good, "seconds": time.monotonic() - begin, "errors": errors}))


if __name__ == "__main__":
    is_new = sys.argv[5] == "new"
    _run(
        sys.argv[1],
        int(sys.argv[2]),
        int(sys.argv[3]),
        float(sys.argv[4]),
        (lambda: f"{uuid.uuid4().hex}.{NAMES}") if is_new else (lambda: f"known.{NAMES}"),
    )
