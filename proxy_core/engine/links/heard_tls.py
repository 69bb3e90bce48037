"""TLS with a client that tells when the client has said something inside it, once; reading costs no more after that."""

import ssl
from collections.abc import Callable

from proxy_core.engine.links.link import Link
from proxy_core.engine.links.tls import TlsTransport


class HeardTls(TlsTransport):
    """Our side of a client's TLS."""

    __slots__ = ("_on_first_word", "has_heard")

    def __init__(
        self, link: Link, context: ssl.SSLContext, *, first_bytes: bytes, on_first_word: Callable[[], object]
    ) -> None:
        """`on_first_word` is called within the receive that brings it."""
        super().__init__(link, context, server_side=True, first_bytes=first_bytes)
        self._on_first_word = on_first_word
        self.has_heard = False

    def _start(self) -> Callable[[], None]:
        step = super()._start()
        self._read = self._read_first
        return step

    def _read_first(self, limit: int) -> bytes:
        """Stands in the place of OpenSSL's own until there is something."""
        data = self.ssl_object.read(limit)
        if data:
            self.has_heard = True
            self._read = self.ssl_object.read
            self._on_first_word()
        return data
