"""What is asked of a SOCKS proxy, whatever its version, and what reading it gives.

A reader is fed with `receive` and asked with `next_part` until a `SocksRequest` comes: before it, SOCKS 5 has words to
say (`Reply`) and a name and password to be judged (`Credentials`). What lies behind the request is the tunnel's
(`leftover`): clients may send on before they have their answer.
"""

import re
from ipaddress import AddressValueError, IPv6Address
from typing import NamedTuple, Protocol

from proxy_core.model.failure import FailureKind

CONNECT = 1
# The rest of what RFC 1123 §2.1 allows in a name is in use as well: the underscore, and the final dot.
_NAME = re.compile(rb"[A-Za-z0-9._-]+")
_SHOWN_BYTES = 80


class Reply(NamedTuple):
    """To be sent, then reading goes on."""

    data: bytes


class Credentials(NamedTuple):
    """Whoever knows says by `judged` whether these are good."""

    user: bytes
    password: bytes


class SocksRequest(NamedTuple):
    """A connection is wanted: to a name in lower case, or an IP literal without brackets."""

    host: str
    port: int


Part = Reply | Credentials | SocksRequest


class SocksError(Exception):
    """What came is no request that could be granted: a sentence, and what is to be sent before the connection ends."""

    def __init__(self, text: str, reply: bytes = b"", *, is_denial: bool = False) -> None:
        super().__init__(text)
        self.text = text
        self.reply = reply
        self.is_denial = is_denial  # who asks has not logged in


class SocksReader(Protocol):
    """One client's handshake."""

    version: str  # for a person

    def receive(self, data: bytes) -> None:
        """Take bytes from the client."""
        ...

    def next_part(self) -> Part | None:
        """The next part, None when bytes are needed. Raises SocksError."""
        ...

    def judged(self, *, is_good: bool) -> bytes:
        """What is sent after `Credentials`."""
        ...

    def granted(self) -> bytes:
        """What is sent before the tunnel's first byte."""
        ...

    def refused(self, kind: FailureKind) -> bytes:
        """What is sent when the connection could not be made, or must not."""
        ...

    def leftover(self) -> bytes:
        """Take what has come and was not read."""
        ...


def read_name(name: bytes) -> str:
    """The host that a name field holds. Raises ValueError with a sentence for what names none.

    Some clients write an address there.
    """
    text = name.decode("latin-1")
    if b":" in name:
        try:
            return str(IPv6Address(text.removeprefix("[").removesuffix("]")))
        except AddressValueError:
            pass
    elif _NAME.fullmatch(name) is not None:
        return text.lower()
    shown = "".join(c if " " <= c <= "~" else f"\\x{ord(c):02x}" for c in text[:_SHOWN_BYTES])
    raise ValueError(f"«{shown}» is not a valid host." if name else "The client names no host.")
