"""What is spoken here? Asked wherever bytes come whose protocol nobody has agreed upon."""

import re
from enum import Enum

import gevent

from proxy_core.engine.links.link import Link
from proxy_core.protocols.client_hello import ClientHello, ClientHelloReader, NotTls

_HTTP2_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"  # RFC 9113 §3.4
_HANDSHAKE = 0x16  # RFC 8446 §5.1: the record that a ClientHello comes in
_METHOD = re.compile(rb"[A-Za-z][-A-Za-z]{0,23}")  # of all that are registered (RFC 9110 §16.1.1)
_AUTHORITY = re.compile(rb"[-._~%\[0-9A-Za-z]")
_SCHEMES = (b"http://", b"https://")
_WORD_S = 2.0  # for the rest of a method, say; all of one request's beginning nearly always comes at once


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
        return _recognise_words(link, seen)
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


def _recognise_words(link: Link, seen: bytes) -> tuple[Speech, bytes]:
    """What isn't TLS, however its first bytes are cut."""
    is_http = _is_http(seen)
    if is_http is None:
        try:
            with gevent.Timeout(_WORD_S, TimeoutError()):
                while is_http is None and (data := link.receive()):
                    seen += data
                    is_http = _is_http(seen)
        except OSError:
            pass  # of the wait; or whoever goes on reading meets it again
    if not is_http:
        return _BY_FIRST_BYTE.get(seen[0], Speech.UNKNOWN), seen
    # «PRI *» is no other protocol's; the rest is for its reader.
    return Speech.HTTP2 if seen.startswith(_HTTP2_PREFACE[:6]) else Speech.HTTP1, seen


def _is_http(seen: bytes) -> bool | None:
    """Whether a request may begin like this; None where only more bytes can tell."""
    method, _, target = seen.partition(b" ")
    if _METHOD.fullmatch(method) is None:
        return False
    if not target:
        return None
    if method == b"CONNECT":
        return _AUTHORITY.match(target) is not None
    if method == b"PRI":
        return None if _HTTP2_PREFACE.startswith(seen[:6]) and len(seen) < 6 else True
    if target[:1] in b"/*":
        return True
    target = target[:8].lower()
    if target.startswith(_SCHEMES):
        return True
    return None if any(scheme.startswith(target) for scheme in _SCHEMES) else False
