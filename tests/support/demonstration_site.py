"""A small shop to look at through Harrier, with everything a web server can do right and wrong.

Used by the end-to-end tests and for screenshots; by hand: `python -m tests.support.demonstration_site`. One thread per
connection, HTTP/1.1 written by ourselves, plain and with TLS by a test CA. Everything listens on loopback alone.
`/everything` lists what it can do. The names `localhost` and `127.0.0.1` are two hosts to a browser.
"""

import argparse
import socket
import ssl
import sys
import tempfile
import threading
from pathlib import Path

from tests.support.demonstration.answers import route_for
from tests.support.demonstration.visit import Visit, VisitorGoneError
from tests.support.test_ca import ExampleCa

_JOIN_WITHIN_S = 5.0


class DemonstrationSite:
    """Serves from its creation to `stop`. As a context manager it stops at the end of the block."""

    def __init__(self, http_port: int = 0, https_port: int = 0, ca: ExampleCa | None = None) -> None:
        """Port 0 takes any free one. Raises OSError when a port is taken."""
        self.ca = ca or ExampleCa()
        self._context = self.ca.leaf("localhost", "127.0.0.1", "*.localhost", "::1").server_context(["http/1.1"])
        self._lock = threading.Lock()
        self._links: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._seen: list[str] = []
        self._stops = threading.Event()
        self._listeners = [_listening(http_port), _listening(https_port)]
        self.http_port, self.https_port = (listener.getsockname()[1] for listener in self._listeners)
        for listener, is_secure in zip(self._listeners, (False, True), strict=True):
            self._start(self._accept, listener, is_secure)

    @property
    def http_url(self) -> str:
        """Without a slash at its end."""
        return f"http://localhost:{self.http_port}"

    @property
    def https_url(self) -> str:
        """Without a slash at its end; its certificate is the `ca`'s."""
        return f"https://localhost:{self.https_port}"

    def write_ca(self, folder: str | Path) -> str:
        """Write the CA's certificate into a folder, for `--upstream-ca`; its path."""
        return self.ca.write(str(folder), "demonstration-ca.pem")

    @property
    def seen(self) -> list[str]:
        """What was asked for until now: «GET /style.css»."""
        with self._lock:
            return list(self._seen)

    def stop(self) -> None:
        """End all connections and wait for the threads."""
        self._stops.set()
        for listener in self._listeners:
            # Closing alone doesn't wake a thread that waits in accept.
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        with self._lock:
            links, threads = list(self._links), list(self._threads)
        for link in links:
            try:
                link.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        for thread in threads:
            thread.join(_JOIN_WITHIN_S)

    def __enter__(self) -> "DemonstrationSite":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _start(self, target: object, *arguments: object) -> None:
        assert callable(target)
        thread = threading.Thread(target=target, args=arguments, name="demonstration-site", daemon=True)
        with self._lock:
            self._threads = [other for other in self._threads if other.is_alive()]
            thread.start()
            self._threads.append(thread)

    def _accept(self, listener: socket.socket, is_secure: bool) -> None:
        while True:
            try:
                link, _ = listener.accept()
            except OSError:
                return
            with self._lock:
                self._links.add(link)
            if self._stops.is_set():
                link.close()
                return
            self._start(self._serve, link, is_secure)

    def _serve(self, plain: socket.socket, is_secure: bool) -> None:
        link: socket.socket = plain
        try:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if is_secure:
                link = self._context.wrap_socket(plain, server_side=True)
                with self._lock:
                    self._links.discard(plain)
                    self._links.add(link)
            visit = Visit(link, is_secure=is_secure, site_stops=self._stops)
            while visit.leave_open and visit.read_request():
                with self._lock:
                    self._seen.append(f"{visit.method} {visit.target}")
                route_for(visit.path)(visit)
        except (OSError, VisitorGoneError, ValueError):
            pass  # the visitor has gone, or sent what this server doesn't read; the visitor's tests see it
        finally:
            with self._lock:
                self._links.discard(link)
                self._links.discard(plain)
            _end(link)


def _end(link: socket.socket) -> None:
    """Close; over TLS with a close_notify, unless the route asked for a reset."""
    linger = link.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8) if link.fileno() >= 0 else b""
    if isinstance(link, ssl.SSLSocket) and linger[:4] == b"\0\0\0\0":
        try:
            link.settimeout(1.0)
            link.unwrap()
        except (OSError, ValueError):
            pass
    link.close()


def _listening(port: int) -> socket.socket:
    return socket.create_server(("127.0.0.1", port), backlog=256)


def main(arguments: list[str]) -> int:
    """Serve until Control-C."""
    parser = argparse.ArgumentParser(prog="demonstration_site", description="A small shop to look at through Harrier.")
    parser.add_argument("--http-port", type=int, default=8000, metavar="PORT", help="0 = any free one")
    parser.add_argument("--https-port", type=int, default=8443, metavar="PORT", help="0 = any free one")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder, DemonstrationSite(options.http_port, options.https_port) as site:
        print(site.http_url)
        print(site.https_url)
        print(f"certificate of its CA, for --upstream-ca: {site.write_ca(folder)}", flush=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            print()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
