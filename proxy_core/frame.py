"""Messages over a control socket, which is a stream: each is a frame, its length (4 bytes, big-endian) before it."""

import struct
from collections.abc import Iterator

_LENGTH = struct.Struct(">I")


def frame(message: bytes) -> bytes:
    """The message as it goes over the socket."""
    return _LENGTH.pack(len(message)) + message


class Frames:
    """Takes bytes as they come and gives whole messages. Both ends are ours, so lengths are not judged."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The messages that are whole with `data`; to be iterated to the end before the next `feed`."""
        self._rest += data
        while len(self._rest) >= _LENGTH.size:
            end = _LENGTH.size + _LENGTH.unpack_from(self._rest)[0]
            if len(self._rest) < end:
                return
            message, self._rest = self._rest[_LENGTH.size : end], self._rest[end:]
            yield message
