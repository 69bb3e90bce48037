"""Frames from the bytes of one direction (RFC 6455 §5.2), however the bytes are cut.

A frame's head is read, its payload passes in pieces as it comes: no frame is held, whatever its length. The bytes
themselves are relayed by somebody else; so what breaks the standard is told (`FrameHead.faults`) and read on, as long
as it is known where the next frame begins.
"""

from collections.abc import Iterator
from typing import NamedTuple

from proxy_core.protocols.websocket.masking import unmasked

FIRST_CONTROL = 8
_CONTROL_LIMIT_BYTES = 125
_KNOWN = frozenset((0, 1, 2, 8, 9, 10))
_LENGTHS = 1 << 63  # RFC 6455 §5.2: the highest bit of a length is 0


class FrameHead(NamedTuple):
    """What stands before a payload."""

    is_final: bool  # FIN
    reserved: int  # RSV1, RSV2, RSV3 as a number of three bits
    opcode: int
    mask: bytes  # four bytes, none where the frame is not masked
    length: int
    faults: str  # what of it breaks the standard, sentences one a line

    @property
    def is_control(self) -> bool:
        """Whether it may stand between the frames of a message (RFC 6455 §5.5)."""
        return self.opcode >= FIRST_CONTROL


class FramePiece(NamedTuple):
    """Some of a frame's payload."""

    head: FrameHead
    data: bytes  # without the mask
    is_first: bool
    is_last: bool


class FrameReader:
    """One direction's."""

    def __init__(self, *, is_client: bool, allowed_reserved: int) -> None:
        """`allowed_reserved`: the RSV bits that a negotiated extension has given a meaning."""
        self._is_client = is_client
        self._allowed_reserved = allowed_reserved
        self._begun = b""  # of a head
        self._head: FrameHead | None = None
        self._passed = 0  # bytes of the payload
        self.lost = ""  # why the frames can't be followed any more

    @property
    def head(self) -> FrameHead | None:
        """Of the frame that has begun and not ended, once it is read."""
        return self._head

    @property
    def is_within(self) -> bool:
        """Whether a frame has begun and not ended."""
        return self._head is not None or bool(self._begun)

    def receive(self, data: bytes) -> Iterator[FramePiece]:
        """Read some more bytes."""
        if self._begun:
            data = self._begun + data
            self._begun = b""
        place, end = 0, len(data)
        while place < end and not self.lost:
            head = self._head
            if head is None:
                read = self._read_head(data, place)
                if read is None:
                    self._begun = data[place:]
                    return
                head, place = read
                self._head = head
                self._passed = 0
                if head.length >= _LENGTHS:
                    return
            passed = self._passed
            piece = data[place : place + head.length - passed]
            place += len(piece)
            self._passed = passed + len(piece)
            is_last = self._passed == head.length
            if not piece and not is_last:
                return  # only the head is here
            if is_last:
                self._head = None
            if head.mask and piece:
                piece = unmasked(piece, head.mask, passed)
            yield FramePiece(head, piece, passed == 0, is_last)

    def _read_head(self, data: bytes, place: int) -> tuple[FrameHead, int] | None:
        """The head at `place` and where its payload begins; None when not all of it is here."""
        end = len(data)
        if end - place < 2:
            return None
        first, second = data[place], data[place + 1]
        length = second & 0x7F
        place += 2
        if length > _CONTROL_LIMIT_BYTES:
            width = 2 if length == 126 else 8
            if end - place < width:
                return None
            length = int.from_bytes(data[place : place + width], "big")
            place += width
        mask = b""
        if second & 0x80:
            mask = data[place : place + 4]
            if len(mask) < 4:
                return None
            place += 4
        faults = self._faults(first, second, length)
        return FrameHead(first >= 0x80, (first >> 4) & 7, first & 0x0F, mask, length, faults), place

    def _faults(self, first: int, second: int, length: int) -> str:
        """What of a head breaks RFC 6455. Of a short sound one this is a few comparisons."""
        opcode = first & 0x0F
        is_sound = (
            opcode in _KNOWN
            and (second >= 0x80) == self._is_client
            and not (first >> 4) & 7 & ~self._allowed_reserved
            and second & 0x7F == length <= _CONTROL_LIMIT_BYTES
            and (opcode < FIRST_CONTROL or first >= 0x80)
        )
        return "" if is_sound else self._named_faults(first, second, length)

    def _named_faults(self, first: int, second: int, length: int) -> str:
        opcode, coded = first & 0x0F, second & 0x7F
        faults = []
        if opcode not in _KNOWN:
            faults.append(f"The opcode {opcode:#x} is reserved (RFC 6455 §5.2).")
        if self._is_client and second < 0x80:
            faults.append("The client's frame is not masked (RFC 6455 §5.1).")
        if not self._is_client and second >= 0x80:
            faults.append("The server's frame is masked (RFC 6455 §5.1).")
        if (first >> 4) & 7 & ~self._allowed_reserved:
            faults.append("Reserved bits are set that no extension has given a meaning (RFC 6455 §5.2).")
        if opcode >= FIRST_CONTROL and coded > _CONTROL_LIMIT_BYTES:
            faults.append("A control frame is longer than 125 bytes (RFC 6455 §5.5).")
        if opcode >= FIRST_CONTROL and first < 0x80:
            faults.append("A control frame is fragmented (RFC 6455 §5.5).")
        if (coded == 126 and length <= _CONTROL_LIMIT_BYTES) or (coded == 127 and length < 1 << 16):
            faults.append("The length is not written in the fewest bytes (RFC 6455 §5.2).")
        if length >= _LENGTHS:
            self.lost = "A frame's length has its highest bit set (RFC 6455 §5.2): nobody knows where the next begins."
            faults.append(self.lost)
        return "\n".join(faults)
