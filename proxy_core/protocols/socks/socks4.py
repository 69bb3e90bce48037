"""SOCKS 4 and its extension 4a: one message from the client, one from the proxy.

There is no RFC; these are NEC's «SOCKS: A protocol for TCP proxy across firewalls» and Ying-Da Lee's «SOCKS 4A: A
Simple Extension to SOCKS 4 Protocol».
"""

from ipaddress import IPv4Address

from proxy_core.model.failure import FailureKind
from proxy_core.protocols.socks.request import CONNECT, Part, SocksError, SocksRequest, read_name

_VERSION = 4
_FIXED_BYTES = 8  # version, command, port, address; then come strings that end with a NUL
# There is no limit of its own; as long as what SOCKS 5 can carry.
_STRING_LIMIT = 255
_GRANTED, _REJECTED = 90, 91


class Socks4Reader:
    """A `SocksReader`."""

    version = "SOCKS4"

    def __init__(self, *, demands_password: bool = False) -> None:
        """`demands_password`: nobody is let in, since SOCKS 4 knows no passwords."""
        self._demands_password = demands_password
        self._store = b""

    def receive(self, data: bytes) -> None:
        self._store += data

    def next_part(self) -> Part | None:
        store = self._store
        if len(store) < _FIXED_BYTES:
            return None
        if store[0] != _VERSION or store[1] != CONNECT:
            raise SocksError(f"The client asks by SOCKS 4 for what Harrier can't do (command {store[1]}).", _reply())
        user_end = self._string_end(_FIXED_BYTES, "user")
        if user_end is None:
            return None
        if self._demands_password:
            text = "This proxy is for those who log in, and SOCKS 4 has no room for a password."
            raise SocksError(text, _reply(), is_denial=True)
        port, address = int.from_bytes(store[2:4], "big"), store[4:8]
        # 4a: the address 0.0.0.x, which is no host's, says that a name follows.
        if address[:3] != b"\0\0\0" or not address[3]:
            return self._request(str(IPv4Address(address)), port, user_end)
        name_end = self._string_end(user_end, "host")
        if name_end is None:
            return None
        self.version = "SOCKS4a"
        try:
            host = read_name(store[user_end : name_end - 1])
        except ValueError as error:
            raise SocksError(str(error), _reply()) from None
        return self._request(host, port, name_end)

    def _string_end(self, begin: int, what: str) -> int | None:
        """Where the string that begins there is over, its NUL included; None as long as that isn't here."""
        end = self._store.find(b"\0", begin)
        if (end if end >= 0 else len(self._store)) - begin > _STRING_LIMIT:
            raise SocksError(f"The client's name of a {what} is longer than {_STRING_LIMIT} bytes.", _reply())
        return end + 1 if end >= 0 else None

    def _request(self, host: str, port: int, end: int) -> SocksRequest:
        if not port:
            raise SocksError("The client names port 0, which doesn't exist.", _reply())
        self._store = self._store[end:]
        return SocksRequest(host, port)

    def judged(self, *, is_good: bool) -> bytes:
        del is_good
        raise AssertionError("SOCKS 4 asks for no password")

    def granted(self) -> bytes:
        return _reply(_GRANTED)

    def refused(self, kind: FailureKind) -> bytes:
        del kind  # it has one word for all
        return _reply()

    def leftover(self) -> bytes:
        rest, self._store = self._store, b""
        return rest


def _reply(code: int = _REJECTED) -> bytes:
    return bytes((0, code)) + bytes(6)  # port and address mean nothing in an answer to CONNECT
