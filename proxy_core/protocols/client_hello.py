"""The first message of TLS, read without TLS: what a client wants before anybody has answered it.

A relay that has answered CONNECT feeds what comes and learns whether it is TLS at all, for which name, and with which
protocols (RFC 8446 §4.1.2; SNI is RFC 6066 §3, ALPN RFC 7301). Nothing is consumed: the relay keeps the bytes and feeds
them to the TLS object afterwards. The reader never raises; whatever is not a well-formed ClientHello is `NotTls`.
"""

import re
import struct
from typing import NamedTuple

# RFC 8446 §5.1: a record holds 2^14 bytes at the most; real hellos are below 4 KiB even with post-quantum key shares.
_LARGEST_RECORD = 1 << 14
_LARGEST_HELLO = 1 << 16

_HANDSHAKE = 0x16
_CLIENT_HELLO = 1
_SERVER_NAME = 0
_GROUPS = 10
_POINT_FORMATS = 11
_SIGNATURE_ALGORITHMS = 13
_ALPN = 16
_SUPPORTED_VERSIONS = 43
_NAME = re.compile(rb"[A-Za-z0-9._-]+")  # the underscore is no letter of a hostname, but is in use


class ClientHello(NamedTuple):
    """What the client wants."""

    server_name: str  # from SNI, as spelled; "" when there is none
    alpn: tuple[bytes, ...]  # in the client's order
    versions: tuple[int, ...]  # 0x0304 is TLS 1.3; from supported_versions, else the legacy version alone
    cipher_suites: tuple[int, ...]
    length: int  # bytes of the stream that the hello took, record headers included
    # What the client can be told by (`protocols.fingerprint`).
    legacy_version: int
    extensions: tuple[int, ...]  # all of them, in the client's order
    groups: tuple[int, ...]
    point_formats: tuple[int, ...]
    signature_algorithms: tuple[int, ...]


class NotTls(NamedTuple):
    """The first bytes are something else, or a hello that is broken."""


class _Bytes:
    """A cursor over bytes. Raises IndexError at the end; what it gives is never shorter than asked for."""

    __slots__ = ("_data", "_position")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._position = 0

    def __bool__(self) -> bool:
        return self._position < len(self._data)

    def take(self, length: int) -> bytes:
        end = self._position + length
        if end > len(self._data):
            raise IndexError
        data = self._data[self._position : end]
        self._position = end
        return data

    def number(self, length: int) -> int:
        return int.from_bytes(self.take(length), "big")

    def vector(self, length_bytes: int) -> "_Bytes":
        """A vector with its length before it (RFC 8446 §3.4)."""
        return _Bytes(self.take(self.number(length_bytes)))

    def rest(self) -> bytes:
        return self.take(len(self._data) - self._position)


class ClientHelloReader:
    """Fed with the first bytes of a connection until `next_part` says what they are."""

    def __init__(self) -> None:
        self._data = bytearray()  # records not taken apart yet
        self._message = bytearray()  # the handshake message, put together from records
        self._taken = 0
        self._result: ClientHello | NotTls | None = None

    def receive(self, data: bytes) -> None:
        """Take bytes from the client."""
        if self._result is None:
            self._data += data

    def next_part(self) -> ClientHello | NotTls | None:
        """What the bytes are, None as long as that is open."""
        if self._result is None:
            self._result = self._read()
            if self._result is not None:
                self._data.clear()
                self._message.clear()
        return self._result

    def _read(self) -> ClientHello | NotTls | None:
        data = self._data
        while data:
            # A record: type, version 0x03??, length, and then so many bytes.
            if data[0] != _HANDSHAKE or (len(data) > 1 and data[1] != 3):
                return NotTls()
            if len(data) < 5:
                return None
            length = data[3] << 8 | data[4]
            if not 0 < length <= _LARGEST_RECORD:
                return NotTls()
            if len(data) > 5 and not self._message and data[5] != _CLIENT_HELLO:
                return NotTls()
            if len(data) < 5 + length:
                return None
            self._message += data[5 : 5 + length]
            self._taken += 5 + length
            del data[: 5 + length]
            hello = self._read_message()
            if hello is not None:
                return hello
        return None

    def _read_message(self) -> ClientHello | NotTls | None:
        message = self._message
        if len(message) < 4:
            return None
        length = int.from_bytes(message[1:4], "big")
        if length > _LARGEST_HELLO:
            return NotTls()
        if len(message) < 4 + length:
            return None
        try:
            return _parse_hello(bytes(message[4 : 4 + length]), self._taken)
        except IndexError:
            return NotTls()


def _parse_hello(body: bytes, taken: int) -> ClientHello:
    """Raises IndexError when a length points past the end."""
    cursor = _Bytes(body)
    legacy_version = cursor.number(2)
    versions: tuple[int, ...] = (legacy_version,)
    cursor.take(32)  # random
    cursor.vector(1)  # legacy session id
    cipher_suites = _read_numbers(cursor.vector(2))
    cursor.vector(1)  # legacy compression methods
    server_name = ""
    alpn: tuple[bytes, ...] = ()
    kinds: list[int] = []
    lists: dict[int, tuple[int, ...]] = {}
    extensions = cursor.vector(2) if cursor else _Bytes(b"")
    while extensions:
        kind = extensions.number(2)
        kinds.append(kind)
        content = extensions.vector(2)
        if kind == _SERVER_NAME and content:
            server_name = _read_server_name(content)
        elif kind == _ALPN:
            alpn = _read_alpn(content)
        elif kind == _SUPPORTED_VERSIONS:
            versions = _read_numbers(content.vector(1))
        elif kind in (_GROUPS, _SIGNATURE_ALGORITHMS):
            lists[kind] = _read_numbers(content.vector(2))
        elif kind == _POINT_FORMATS:
            lists[kind] = tuple(content.vector(1).rest())
    return ClientHello(
        server_name,
        alpn,
        versions,
        cipher_suites,
        taken,
        legacy_version,
        tuple(kinds),
        *(lists.get(kind, ()) for kind in (_GROUPS, _POINT_FORMATS, _SIGNATURE_ALGORITHMS)),
    )


def _read_server_name(content: _Bytes) -> str:
    """The first DNS name, "" when it is none that a certificate could bear."""
    names = content.vector(2)
    while names:
        kind = names.number(1)
        name = names.vector(2).rest()
        # RFC 6066 §3: a DNS name in ASCII. Some clients put `name:port` here, and no certificate is made out to that.
        if kind == 0:
            return name.decode("ascii") if _is_name(name) else ""
    return ""


def _is_name(name: bytes) -> bool:
    return 0 < len(name) <= 255 and _NAME.fullmatch(name) is not None


def _read_alpn(content: _Bytes) -> tuple[bytes, ...]:
    protocols = content.vector(2)
    found: list[bytes] = []
    while protocols:
        found.append(protocols.vector(1).rest())
    return tuple(found)


def _read_numbers(vector: _Bytes) -> tuple[int, ...]:
    """Two bytes each."""
    data = vector.rest()
    if len(data) % 2:
        raise IndexError
    return struct.unpack(f">{len(data) // 2}H", data)
