"""What a TLS client has sent in a handshake tells whether it was asked for a certificate, also where all is encrypted.

OpenSSL has no word for that once the handshake is over, and many servers complain only in HTTP. A client that is asked
and has nothing to show must say so (RFC 8446 §4.4.2, RFC 5246 §7.4.6): with an empty Certificate, which in TLS 1.2 is
readable, and in TLS 1.3 is one more record beside that of the Finished. One that has something to show sends a third
(CertificateVerify).
"""

from collections.abc import Iterator

_CHANGE_CIPHER_SPEC, _HANDSHAKE, _APPLICATION_DATA = 20, 22, 23  # RFC 8446 §5.1
_HEADER = 5
_EMPTY_CERTIFICATE = b"\x0b\0\0\3\0\0\0"  # RFC 5246 §7.4.2: a list of no certificates
_EMPTY_AND_FINISHED = 2  # records, as OpenSSL has one for each message


def was_asked_in_vain(sent: bytes) -> bool:
    """Whether a server has asked for a certificate and got none; `sent` is all that the client has sent until then."""
    encrypted = 0
    readable = b""
    has_changed = False
    for kind, content in _records(sent):
        if kind == _APPLICATION_DATA:
            encrypted += 1
        elif kind == _CHANGE_CIPHER_SPEC:
            has_changed = True
        elif kind == _HANDSHAKE and not has_changed:
            readable += content
    return encrypted == _EMPTY_AND_FINISHED or _has_empty_certificate(readable)


def _records(sent: bytes) -> Iterator[tuple[int, bytes]]:
    place = 0
    while len(sent) - place >= _HEADER:
        length = int.from_bytes(sent[place + 3 : place + _HEADER])
        yield sent[place], sent[place + _HEADER : place + _HEADER + length]
        place += _HEADER + length


def _has_empty_certificate(messages: bytes) -> bool:
    """RFC 5246 §7.4: type, three bytes of length, body; one message after another, whatever records they came in."""
    place = 0
    while len(messages) - place >= 4:
        if messages.startswith(_EMPTY_CERTIFICATE, place):
            return True
        place += 4 + int.from_bytes(messages[place + 1 : place + 4])
    return False
