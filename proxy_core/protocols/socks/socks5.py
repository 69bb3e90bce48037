"""SOCKS 5 (RFC 1928), with user name and password (RFC 1929): greeting, credentials where they are asked for, request.

Of the methods we choose what is demanded; where nothing is, whoever offers nothing but a password is let in with any.
The bound address that the answer has room for is told as 0.0.0.0: the client is answered before there is a connection,
so that what it says first can decide what becomes of it.
"""

from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address

from proxy_core.model.failure import FailureKind
from proxy_core.protocols.socks.request import (
    CONNECT,
    Credentials,
    Part,
    Reply,
    SocksError,
    SocksRequest,
    read_name,
)

_VERSION = 5
_CREDENTIALS_VERSION = 1  # RFC 1929 §2
_NO_AUTHENTICATION, _PASSWORD, _NONE_ACCEPTABLE = 0, 2, 0xFF
_IPV4, _NAME, _IPV6 = 1, 3, 4
# RFC 1928 §6
_SUCCEEDED, _FAILED, _NOT_ALLOWED = 0, 1, 2
_NETWORK_UNREACHABLE, _HOST_UNREACHABLE, _REFUSED = 3, 4, 5
_NO_SUCH_COMMAND, _NO_SUCH_ADDRESS_TYPE = 7, 8
_CODES = {
    FailureKind.HTTP_REQUEST_DENIED: _NOT_ALLOWED,
    FailureKind.PROXY_LOOP_DETECTED: _NOT_ALLOWED,
    FailureKind.DESTINATION_IP_UNROUTABLE: _NETWORK_UNREACHABLE,
    FailureKind.DNS_ERROR: _HOST_UNREACHABLE,
    FailureKind.DNS_TIMEOUT: _HOST_UNREACHABLE,
    FailureKind.CONNECTION_TIMEOUT: _HOST_UNREACHABLE,
    FailureKind.CONNECTION_REFUSED: _REFUSED,
}


class Socks5Reader:
    """A `SocksReader`."""

    version = "SOCKS5"

    def __init__(self, *, demands_password: bool = False) -> None:
        self._demands_password = demands_password
        self._store = b""
        self._read: Callable[[], Part | None] = self._read_greeting

    def receive(self, data: bytes) -> None:
        self._store += data

    def next_part(self) -> Part | None:
        return self._read()

    def _read_greeting(self) -> Reply | None:
        store = self._store
        if len(store) < 2 or len(store) < 2 + store[1]:
            return None
        if store[0] != _VERSION:
            raise SocksError(f"A SOCKS 5 greeting begins with 5, not with {store[0]}.")
        methods = self._take(2 + store[1])[2:]
        if _NO_AUTHENTICATION in methods and not self._demands_password:
            self._read = self._read_request
            return Reply(bytes((_VERSION, _NO_AUTHENTICATION)))
        if _PASSWORD in methods:
            self._read = self._read_credentials
            return Reply(bytes((_VERSION, _PASSWORD)))
        offered = ", ".join(map(str, methods[:8])) or "none"
        if self._demands_password:
            text = f"This proxy is for those who log in, and the client offers none (methods {offered})."
        else:
            text = f"The client can log in only in ways that Harrier doesn't know (methods {offered})."
        raise SocksError(text, bytes((_VERSION, _NONE_ACCEPTABLE)), is_denial=self._demands_password)

    def _read_credentials(self) -> Credentials | None:
        store = self._store
        if len(store) < 2:
            return None
        if store[0] != _CREDENTIALS_VERSION:
            text = f"The client sends something else than its user name and password (version {store[0]})."
            raise SocksError(text, self.judged(is_good=False))
        user_end = 2 + store[1]
        if len(store) <= user_end or len(store) <= user_end + store[user_end]:
            return None
        message = self._take(user_end + 1 + store[user_end])
        self._read = self._read_request
        return Credentials(message[2:user_end], message[user_end + 1 :])

    def _read_request(self) -> SocksRequest | None:
        store = self._store
        if len(store) < 5:
            return None
        version, command, reserved, kind, first = store[:5]
        if version != _VERSION or reserved:
            raise SocksError("What the client sends after its greeting is no SOCKS 5 request.", _reply(_FAILED))
        if command != CONNECT:
            name = {2: "BIND", 3: "UDP ASSOCIATE"}.get(command, str(command))
            text = f"The client asks by SOCKS 5 for what Harrier can't do ({name}): only CONNECT."
            raise SocksError(text, _reply(_NO_SUCH_COMMAND))
        lengths = {_IPV4: 4, _NAME: 1 + first, _IPV6: 16}
        if kind not in lengths:
            text = f"The client names its host in a way that SOCKS 5 doesn't know (address type {kind})."
            raise SocksError(text, _reply(_NO_SUCH_ADDRESS_TYPE))
        end = 4 + lengths[kind]
        if len(store) < end + 2:
            return None
        message = self._take(end + 2)
        address, port = message[4:end], int.from_bytes(message[end:], "big")
        if not port:
            raise SocksError("The client names port 0, which doesn't exist.", _reply(_FAILED))
        if kind == _IPV4:
            return SocksRequest(str(IPv4Address(address)), port)
        if kind == _IPV6:
            return SocksRequest(str(IPv6Address(address)), port)
        try:
            return SocksRequest(read_name(address[1:]), port)
        except ValueError as error:
            raise SocksError(str(error), _reply(_HOST_UNREACHABLE)) from None

    def _take(self, length: int) -> bytes:
        message, self._store = self._store[:length], self._store[length:]
        return message

    def judged(self, *, is_good: bool) -> bytes:
        return bytes((_CREDENTIALS_VERSION, 0 if is_good else 1))

    def granted(self) -> bytes:
        return _reply(_SUCCEEDED)

    def refused(self, kind: FailureKind) -> bytes:
        return _reply(_CODES.get(kind, _FAILED))

    def leftover(self) -> bytes:
        return self._take(len(self._store))


def _reply(code: int) -> bytes:
    return bytes((_VERSION, code, 0, _IPV4)) + bytes(6)
