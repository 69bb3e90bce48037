"""permessage-deflate (RFC 7692): what the handshake agreed on, and inflating one direction's messages.

Each direction has a window of its own, which may outlive a message (context takeover). So what is not kept of a message
is inflated all the same; who stopped would understand none of those that follow.

Inflating is the one thing here whose work doesn't grow with the bytes that come: deflate makes a thousand of one. So
each direction is given an allowance, and one that goes beyond it is not inflated any more.
"""

import re
import zlib
from collections.abc import Iterator
from typing import NamedTuple

_NAME = "permessage-deflate"
_TAIL = b"\x00\x00\xff\xff"  # RFC 7692 §7.2.2: the sender has taken it off the end of each message
_PIECE_BYTES = 64 * 1024
# What nobody sends for its content: repetitive JSON inflates to 10 or 20 times its size; deflate's most is 1,032.
_MOST_RATIO = 100
_FREE_BYTES = 16 * 1024 * 1024  # before the ratio counts: a few milliseconds' work
# A comma within quotes parts nothing (RFC 6455 §9.1). Possessive, and a quote without an end goes to the end: what is
# tried at each place anew would cost its square, and a head may have 256 KiB.
_EXTENSION = re.compile(r'(?:[^,"]++|"(?:[^"\\]|\\.)*+"?)++')


class Deflate(NamedTuple):
    """What was agreed on."""

    client_takeover: bool = True  # the client's window outlives a message
    server_takeover: bool = True


class InflateError(Exception):
    """A message can't be inflated: a sentence that says why."""

    def __init__(self, text: str, *, is_for_good: bool) -> None:
        """`is_for_good`: nor can those that follow in its direction."""
        super().__init__(text)
        self.is_for_good = is_for_good


def split_extensions(text: str) -> Iterator[list[str]]:
    """Each extension of a Sec-WebSocket-Extensions: its name, then its parameters, in lower case."""
    for extension in _EXTENSION.findall(text):
        yield [part.strip().lower() for part in extension.split(";")]


def agreed_deflate(extensions: str) -> tuple[Deflate | None, int]:
    """From the response's Sec-WebSocket-Extensions: the compression, and the RSV bits that have a meaning."""
    found: Deflate | None = None
    reserved = 0
    for name, *parameters in split_extensions(extensions):
        if name == _NAME and found is None:
            names = {each.partition("=")[0].strip() for each in parameters}
            found = Deflate("client_no_context_takeover" not in names, "server_no_context_takeover" not in names)
            reserved |= 4  # RFC 7692 §6: RSV1
        elif name:
            reserved |= 7  # whatever it uses, it is not ours to call it wrong
    return found, reserved


class Inflater:
    """One direction's. Windows smaller than the largest (`*_max_window_bits`) are inflated with the largest."""

    def __init__(self, *, keeps_window: bool) -> None:
        self._keeps_window = keeps_window
        self._stream = zlib.decompressobj(-zlib.MAX_WBITS)
        self._taken = 0
        self._given = 0

    def inflate(self, data: bytes) -> Iterator[bytes]:
        """What comes of some more bytes of a message, in pieces. Raises InflateError."""
        self._taken += len(data)
        while data:
            try:
                piece = self._stream.decompress(data, _PIECE_BYTES)
            except zlib.error:
                self._stream = zlib.decompressobj(-zlib.MAX_WBITS)
                text = "What came compressed is not as deflate writes it (RFC 7692 §7.2.2)."
                raise InflateError(text, is_for_good=self._keeps_window) from None
            self._given += len(piece)
            if self._given > _FREE_BYTES + _MOST_RATIO * self._taken:
                text = f"It inflates to more than {_MOST_RATIO} times its size: no more of it is inflated."
                raise InflateError(text, is_for_good=True)
            if piece:
                yield piece
            data = self._stream.unconsumed_tail
            if self._stream.eof:
                # RFC 7692 §7.2.3.4: a last block may stand in the middle; what follows begins a stream of its own.
                data = self._stream.unused_data
                self._stream = zlib.decompressobj(-zlib.MAX_WBITS)

    def end_message(self) -> Iterator[bytes]:
        """What is left of the message. Raises InflateError."""
        yield from self.inflate(_TAIL)
        if not self._keeps_window:
            self._stream = zlib.decompressobj(-zlib.MAX_WBITS)
