"""What is spoken here? Asked wherever bytes come whose protocol nobody has agreed upon."""

import re
from enum import Enum

import gevent

from proxy_core.engine.links.link import Link
from proxy_core.protocols.client_hello import ClientHello, ClientHelloReader, NotTls

_HTTP2_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"  # RFC 9113 §3.4
_HANDSHAKE = 0x16  # RFC 8446 §5.1: the record that a ClientHello comes in
_LIKE_HTTP = re.compile(rb"[A-Z]{3,20} [/*h]|CONNECT [-._~%\[0-9A-Za-z]")


class Speech(Enum):
    """What isn't TLS, whose hello tells more."""

    HTTP1 = 1
    HTTP2 = 2  # with prior knowledge (RFC 9113 §3.3): its preface
    UNKNOWN = 3
    SOCKS4 = 4
    SOCKS5 = 5


_BY_FIRST_BYTE = {4: Speech.SOCKS4, 5: Speech.SOCKS5}  # the version; RFC 1928 §3


def recognise(link: Link, seen: bytes, limit_s: float) -> tuple[ClientHello | Speech, bytes]:
    """Tell what a peer speaks whose first bytes are `seen`, reading on until it is clear.

    There is one byte at least. Returns that and all bytes read. Raises OSError, TimeoutError.
    """
    if seen[0] != _HANDSHAKE:
        # «PRI *» is no other protocol's; the rest is for its reader.
        if seen.startswith(_HTTP2_PREFACE[: max(len(seen), 6)]):
            return Speech.HTTP2, seen
        if _LIKE_HTTP.match(seen):
            return Speech.HTTP1, seen
        return _BY_FIRST_BYTE.get(seen[0], Speech.UNKNOWN), seen
    reader = ClientHelloReader()
    reader.receive(seen)
    # A limit on the whole hello: single bytes don't hold a connection for ever.
    with gevent.Timeout(limit_s, TimeoutError()):
        while (hello := reader.next_part()) is None:
            data = link.receive()
            if not data:
                hello = NotTls()
                break
            seen += data
            reader.receive(data)
    return (hello if isinstance(hello, ClientHello) else Speech.UNKNOWN), seen
