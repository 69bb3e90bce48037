"""Messages from the frames of one direction (RFC 6455 §5): joined, inflated, with control frames between.

A message is not held: its payload is given out as it comes (`MessageData`), and its end says what it was. Of one that
is too long the first bytes are given, the others counted. Frames that break the standard become messages all the same,
with a remark; where the bytes can't be followed any more, one message says so and no other comes.
"""

import codecs
from collections.abc import Iterator
from typing import NamedTuple

from proxy_core.model.message_row import KEPT_LIMIT_BYTES, MessageFlag, Opcode
from proxy_core.protocols.websocket.close_code import close_faults
from proxy_core.protocols.websocket.deflate import InflateError, Inflater
from proxy_core.protocols.websocket.frame import FrameHead, FramePiece, FrameReader

_CONTROL_KEPT_BYTES = 4096  # of a control frame, which has at the most 125 where it is sound
_REMARK_LIMIT = 10  # sentences about one message, which may have frames without end
_TEXT, _CONTINUATION, _CLOSE = int(Opcode.TEXT), int(Opcode.CONTINUATION), int(Opcode.CLOSE)
_DEFLATED, _CUT, _INCOMPLETE, _UNDECODED, _INVALID, _FRAGMENTED = (int(flag) for flag in MessageFlag)
_COMPRESSED = 4  # RSV1 (RFC 7692 §6)


class MessageData(NamedTuple):
    """Some more of the payload of the message under way."""

    opcode: int
    data: bytes


class MessageEnd(NamedTuple):
    """A message is over."""

    opcode: int
    flags: int
    size: int
    data: bytes  # the last of its payload, or all of it
    is_alone: bool  # a control frame: it has nothing of what was given out before it
    remark: str


class MessageReader:
    """One direction's."""

    def __init__(self, *, is_client: bool, inflater: Inflater | None, allowed_reserved: int) -> None:
        """`inflater` where permessage-deflate was agreed on."""
        self._frames = FrameReader(is_client=is_client, allowed_reserved=allowed_reserved)
        self._inflater = inflater
        self._is_compressing = inflater is not None
        self._control = b""
        self._control_size = 0
        self._has_closed = False
        self._is_over = False
        self._opcode: int | None = None  # of the data message under way
        self._faults: list[str] = []

    def receive(self, data: bytes) -> Iterator[MessageData | MessageEnd]:
        """Read some more bytes."""
        if self._is_over:
            return
        for piece in self._frames.receive(data):
            if piece.head.is_control:
                yield from self._control_piece(piece)
            else:
                yield from self._data_piece(piece)
        if self._frames.lost:
            yield self._end_lost(self._frames.lost)

    def finish(self) -> Iterator[MessageEnd]:
        """The direction has ended."""
        if not self._is_over and (self._opcode is not None or self._frames.is_within):
            yield self._end_lost("")

    def _begin(self, head: FrameHead) -> None:
        self._opcode = head.opcode
        self._size = self._given = self._frame_count = 0
        self._faults = []
        self._is_deflated = self._is_compressing and bool(head.reserved & _COMPRESSED)
        self._is_skipping = False
        self._flags = 0
        if self._is_deflated:
            self._flags = _DEFLATED if self._inflater is not None else _DEFLATED | _UNDECODED
        self._utf8 = None
        if head.opcode == _TEXT and not self._flags & _UNDECODED:
            self._utf8 = codecs.getincrementaldecoder("utf-8")()

    def _fault(self, text: str) -> None:
        self._flags |= _INVALID
        if len(self._faults) < _REMARK_LIMIT and text not in self._faults:
            self._faults.append(text)

    # Data frames

    def _data_piece(self, piece: FramePiece) -> Iterator[MessageData | MessageEnd]:
        head = piece.head
        if piece.is_first:
            yield from self._data_frame(head)
        is_end = piece.is_last and head.is_final
        opcode, last = self._opcode, b""
        assert opcode is not None
        for data in self._payload(piece, is_end=is_end):
            if last:
                yield MessageData(opcode, last)
            last = data
        if is_end:
            yield self._end(last)
        elif last:
            yield MessageData(opcode, last)

    def _data_frame(self, head: FrameHead) -> Iterator[MessageEnd]:
        if head.opcode != _CONTINUATION:
            if self._opcode is not None:
                self._fault("The next message began before the end of this one (RFC 6455 §5.4).")
                yield self._end(b"", is_whole=False)
            self._begin(head)
        elif self._opcode is None:
            self._begin(head)
            self._fault("A continuation, though no message had begun (RFC 6455 §5.4).")
        elif self._is_compressing and head.reserved & _COMPRESSED:
            self._fault("A continuation is marked as compressed (RFC 7692 §6.1).")
        self._frame_count += 1
        if head.faults:
            self._fault(head.faults)
        if self._has_closed:
            self._fault("It was sent after the close (RFC 6455 §5.5.1).")

    def _payload(self, piece: FramePiece, *, is_end: bool) -> Iterator[bytes]:
        """What is kept of a piece."""
        if not self._is_deflated or self._flags & _UNDECODED:
            yield from self._kept(piece.data)
            return
        if self._is_skipping:
            return
        assert self._inflater is not None
        try:
            for inflated in self._inflater.inflate(piece.data):
                yield from self._kept(inflated)
            if is_end:
                for inflated in self._inflater.end_message():
                    yield from self._kept(inflated)
        except InflateError as error:
            yield from self._not_inflated(error, piece)

    def _not_inflated(self, error: InflateError, piece: FramePiece) -> Iterator[bytes]:
        """This message ends with what came of it; if nothing did, and in those to come, the bytes stay as they are."""
        if error.is_for_good:
            self._inflater = None
        self._fault(str(error))
        self._utf8 = None
        if self._given:
            self._is_skipping = True
            self._flags |= _CUT
        else:
            self._flags |= _UNDECODED
            yield from self._kept(piece.data)

    def _kept(self, data: bytes) -> Iterator[bytes]:
        self._size += len(data)
        room = KEPT_LIMIT_BYTES - self._given
        if len(data) > room:
            self._flags |= _CUT
            data = data[:room]
        if not data:
            return
        self._given += len(data)
        if self._utf8 is not None:
            self._check_text(data, is_last=False)
        yield data

    def _check_text(self, data: bytes, *, is_last: bool) -> None:
        assert self._utf8 is not None
        try:
            self._utf8.decode(data, final=is_last)
        except UnicodeDecodeError:
            self._utf8 = None
            self._fault("The text is not UTF-8 (RFC 6455 §8.1).")

    def _end(self, rest: bytes, *, is_whole: bool = True) -> MessageEnd:
        if self._utf8 is not None and is_whole and not self._flags & _CUT:
            self._check_text(b"", is_last=True)
        if not is_whole:
            self._flags |= _INCOMPLETE
        if self._frame_count > 1:
            self._flags |= _FRAGMENTED
        assert self._opcode is not None
        end = MessageEnd(self._opcode, self._flags, self._size, rest, is_alone=False, remark="\n".join(self._faults))
        self._opcode = None
        return end

    # Control frames

    def _control_piece(self, piece: FramePiece) -> Iterator[MessageEnd]:
        if piece.is_first:
            self._control = b""
            self._control_size = 0
        self._control_size += len(piece.data)
        if len(self._control) < _CONTROL_KEPT_BYTES:
            self._control = (self._control + piece.data)[:_CONTROL_KEPT_BYTES]
        if piece.is_last:
            yield self._control_end(piece.head, 0)

    def _control_end(self, head: FrameHead, flags: int) -> MessageEnd:
        faults = [head.faults] if head.faults else []
        if self._has_closed:
            faults.append("It was sent after the close (RFC 6455 §5.5.1).")
        if head.opcode == _CLOSE and not flags:
            self._has_closed = True
            faults += close_faults(self._control)
        if head.reserved & _COMPRESSED and self._is_compressing:
            faults.append("A control frame is marked as compressed (RFC 7692 §6.1).")
        flags |= (_INVALID if faults else 0) | (_CUT if self._control_size > len(self._control) else 0)
        return MessageEnd(
            head.opcode, flags, self._control_size, self._control, is_alone=True, remark="\n".join(faults)
        )

    def _end_lost(self, reason: str) -> MessageEnd:
        """The end of what has not ended, and of reading."""
        self._is_over = True
        head = self._frames.head
        if self._opcode is not None:
            if reason:
                self._fault(reason)
            return self._end(b"", is_whole=False)
        if head is not None and head.is_control:
            return self._control_end(head, _INCOMPLETE)
        opcode = _CONTINUATION if head is None else head.opcode
        flags = _INCOMPLETE | (_INVALID if reason else 0)
        return MessageEnd(opcode, flags, 0, b"", is_alone=True, remark=reason)
