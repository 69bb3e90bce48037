"""The client's half of SOCKS: how a SOCKS proxy is asked for a connection (RFC 1928, RFC 1929; SOCKS 4a).

Bytes in, bytes out: `begin` is sent first, `receive` takes what the proxy says and returns what is to be sent next,
until `is_done`. Replies have lengths of their own, and no more is taken than those: what follows is the tunnel's.
"""

import ipaddress
from collections.abc import Callable

from proxy_core.model.failure import FailureKind

_VERSION_5, _VERSION_4 = 5, 4
_CONNECT = 1
_NO_AUTHENTICATION, _PASSWORD, _NONE_ACCEPTABLE = 0, 2, 0xFF
_IPV4, _NAME, _IPV6 = 1, 3, 4
_ADDRESS_BYTES = {_IPV4: 4, _IPV6: 16}
_NAME_LIMIT = 255  # RFC 1928 §5: one octet holds the length
_UNKNOWN = (FailureKind.CONNECTION_REFUSED, "it refused, for a reason that has no name")
# RFC 1928 §6
_REPLIES = {
    1: (FailureKind.CONNECTION_REFUSED, "it failed (general SOCKS server failure)"),
    2: (FailureKind.CONNECTION_REFUSED, "its rules do not allow that"),
    3: (FailureKind.DESTINATION_IP_UNROUTABLE, "it has no route to that network"),
    4: (FailureKind.DESTINATION_IP_UNROUTABLE, "it can't reach that host, or does not find its name"),
    5: (FailureKind.CONNECTION_REFUSED, "the connection was refused there"),
    6: (FailureKind.CONNECTION_TIMEOUT, "nobody answered in time there"),
    7: (FailureKind.CONNECTION_REFUSED, "it makes no connections (command not supported)"),
    8: (FailureKind.CONNECTION_REFUSED, "it does not know this kind of address"),
}
_REPLIES_4 = {
    0x5B: (FailureKind.CONNECTION_REFUSED, "it refused, or the connection failed there"),
    0x5C: (FailureKind.CONNECTION_REFUSED, "it wants to ask an identd on this machine who we are"),
    0x5D: (FailureKind.CONNECTION_REFUSED, "it did not like what an identd on this machine said"),
}


class SocksError(Exception):
    """No connection; the text goes on after «The upstream proxy … :». `is_junk`: that is no SOCKS proxy at all."""

    def __init__(self, kind: FailureKind, text: str, *, is_junk: bool = False) -> None:
        super().__init__(text)
        self.kind = kind
        self.text = text
        self.is_junk = is_junk


class Socks5Client:
    """Asks for one connection by SOCKS 5; `host` is a name, or an IP literal without brackets."""

    def __init__(self, host: str, port: int, user: str = "", password: str = "") -> None:
        """Raises SocksError for a name that SOCKS can't carry."""
        self._destination = _address(host) + port.to_bytes(2)
        self._user, self._password = user.encode(), password.encode()
        self._store = bytearray()
        self._step: Callable[[], bytes | None] = self._read_method
        self.is_done = False

    def begin(self) -> bytes:
        """What is sent first."""
        methods = [_NO_AUTHENTICATION, _PASSWORD] if self._user or self._password else [_NO_AUTHENTICATION]
        return bytes((_VERSION_5, len(methods), *methods))

    def receive(self, data: bytes) -> bytes:
        """Take in what came; returns what is to be sent, b"" for nothing. Raises SocksError."""
        self._store += data
        out = b""
        while not self.is_done and (reply := self._step()) is not None:
            out += reply
        return out

    def leftover(self) -> bytes:
        """What came behind the last reply."""
        return bytes(self._store)

    # Each step returns None as long as its reply is not whole.

    def _read_method(self) -> bytes | None:
        if self._store and self._store[0] != _VERSION_5:
            raise _junk(self._store)
        if len(self._store) < 2:
            return None
        method = self._store[1]
        del self._store[:2]
        if method == _PASSWORD and (self._user or self._password):
            self._step = self._read_login
            return bytes((1, len(self._user), *self._user, len(self._password), *self._password))  # RFC 1929 §2
        if method == _NONE_ACCEPTABLE and (self._user or self._password):
            raise SocksError(FailureKind.CONNECTION_REFUSED, "it takes no user and password, and nobody without")
        if method != _NO_AUTHENTICATION:
            text = "it demands a user and a password: put them into its address, as socks5h://USER:PASSWORD@…"
            raise SocksError(FailureKind.CONNECTION_REFUSED, text)
        return self._ask()

    def _read_login(self) -> bytes | None:
        if len(self._store) < 2:
            return None
        status = self._store[1]
        del self._store[:2]
        if status:
            raise SocksError(FailureKind.CONNECTION_REFUSED, "it does not take our user and password")
        return self._ask()

    def _ask(self) -> bytes:
        self._step = self._read_reply
        return bytes((_VERSION_5, _CONNECT, 0)) + self._destination

    def _read_reply(self) -> bytes | None:
        store = self._store
        if store and store[0] != _VERSION_5:
            raise _junk(store)
        if len(store) < 2:
            return None
        if store[1]:  # what follows a refusal says nothing more
            raise SocksError(*_REPLIES.get(store[1], _UNKNOWN))
        if len(store) < 5:
            return None
        size = 1 + store[4] if store[3] == _NAME else _ADDRESS_BYTES.get(store[3], 0)
        if not size:
            raise _junk(store)
        if len(store) < 4 + size + 2:
            return None
        del store[: 4 + size + 2]
        self.is_done = True
        return b""


class Socks4aClient:
    """Asks for one connection by SOCKS 4a, which carries names; version 4 alone where the host is an IPv4 literal."""

    def __init__(self, host: str, port: int, user: str = "", password: str = "") -> None:
        """Raises SocksError: SOCKS 4 has no IPv6 and no passwords."""
        if password:
            raise SocksError(FailureKind.CONNECTION_REFUSED, "SOCKS 4a carries no password: use socks5h:// for it")
        try:
            literal = ipaddress.ip_address(host)
        except ValueError:
            address, name = b"\0\0\0\1", _name(host) + b"\0"
        else:
            if literal.version == 6:
                raise SocksError(FailureKind.DESTINATION_IP_UNROUTABLE, "SOCKS 4a knows no IPv6 addresses")
            address, name = literal.packed, b""
        user_bytes = user.encode().replace(b"\0", b"")
        self._request = bytes((_VERSION_4, _CONNECT)) + port.to_bytes(2) + address + user_bytes + b"\0" + name
        self._store = bytearray()
        self.is_done = False

    def begin(self) -> bytes:
        """What is sent first; there is nothing else."""
        return self._request

    def receive(self, data: bytes) -> bytes:
        """Take in what came. Raises SocksError."""
        self._store += data
        if self._store[0] != 0:
            raise _junk(self._store)
        if len(self._store) >= 2 and self._store[1] != 0x5A:
            raise SocksError(*_REPLIES_4.get(self._store[1], _UNKNOWN))
        if len(self._store) >= 8:
            del self._store[:8]
            self.is_done = True
        return b""

    def leftover(self) -> bytes:
        """What came behind the reply."""
        return bytes(self._store)


def _address(host: str) -> bytes:
    try:
        literal = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        name = _name(host)
        return bytes((_NAME, len(name))) + name
    return bytes((_IPV4 if literal.version == 4 else _IPV6,)) + literal.packed


def _name(host: str) -> bytes:
    try:
        name = host.encode("ascii") if host.isascii() else host.encode("idna")
    except UnicodeError:
        name = b""
    if not 1 <= len(name) <= _NAME_LIMIT or b"\0" in name:
        raise SocksError(FailureKind.DNS_ERROR, f"«{host[:80]}» is no name that SOCKS can carry")
    return name


def _junk(seen: bytes | bytearray) -> SocksError:
    if seen.startswith(b"HTTP/"):
        text = "it answers in HTTP, so it is an HTTP proxy: write http:// before its address"
    else:
        text = f"it does not speak SOCKS (its first byte is 0x{seen[0]:02x})"
    return SocksError(FailureKind.CONNECTION_TERMINATED, text, is_junk=True)
