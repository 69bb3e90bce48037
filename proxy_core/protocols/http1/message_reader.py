"""What the two HTTP/1 readers share: the bytes that wait, the body in its three framings, and the end of a message.

How bytes are kept: what was received last is `_buffer`, read from `_position` on. Only when a head, a size line or a
trailer section is cut by the end of it is the rest joined with the next bytes, in `_partial`; `_searched` says how
much of that was already searched for an empty line, so that a head fed byte by byte costs no more than one fed whole.
"""

from proxy_core.model.failure import Failure
from proxy_core.protocols.http1.chunks import ChunkDecoder, check_partial_trailers
from proxy_core.protocols.http1.fields import MalformedError
from proxy_core.protocols.http1.head import HeadLimits
from proxy_core.protocols.part import CHUNKED, END_WITHOUT_TRAILERS, UNTIL_CLOSE, BodyPart, EndOfMessage, ProtocolError

# What comes next.
# Measured 2026-11-23: as members of an enum these cost 1 µs a message, being looked up on its class a dozen times.
AT_HEAD = 0
IN_COUNTED = 1  # bytes of a body with a length
IN_CHUNKS = 2
IN_UNCOUNTED = 3  # bytes until the close
AT_END = 4  # the message's end, without another byte
AT_REST = 5  # a response is over: what follows is surplus
BROKEN = 6


class MessageReader:
    """What both sides share: the bytes, the body, the end."""

    def __init__(self, limits: HeadLimits) -> None:
        self._limits = limits
        self._buffer = b""
        self._position = 0
        self._partial = bytearray()
        self._searched = 0
        self._is_line_checked = False  # of a head that isn't whole, the start line is, and is well-formed
        self._has_eof = False
        self._next = AT_HEAD
        self._left = 0
        self._length = 0
        self._decoded = 0  # bytes of a chunked body so far
        self._chunks: ChunkDecoder | None = None
        self._error: ProtocolError | None = None

    def receive(self, data: bytes) -> None:
        """Take bytes from the peer; ask `next_part` until it gives None before bringing more."""
        if self._partial:
            self._partial += data
        elif self._position == len(self._buffer):
            self._buffer = data
            self._position = 0
            self._searched = 0
        else:
            self._partial += memoryview(self._buffer)[self._position :]
            self._partial += data
            self._searched = max(0, self._searched - self._position)
            self._buffer = b""
            self._position = 0

    def receive_eof(self) -> None:
        """The peer sends no more."""
        self._has_eof = True

    def leftover(self) -> bytes:
        """Take away what lies behind the message: the first bytes of a tunnel."""
        self._settle()
        data = self._buffer[self._position :]
        self._buffer = b""
        self._position = 0
        return data

    @property
    def is_mid_head(self) -> bool:
        """Some bytes of a head are here, but not all."""
        return self._next == AT_HEAD and self._has_bytes

    @property
    def is_mid_message(self) -> bool:
        """Some bytes of a message are here or were given out, but not its end."""
        return self._has_bytes if self._next == AT_HEAD else self._next != AT_REST

    @property
    def is_at_end(self) -> bool:
        """The peer has left, and not in the middle of anything."""
        return self._has_eof and self._next in (AT_HEAD, AT_REST) and not self._has_bytes

    @property
    def _has_bytes(self) -> bool:
        return bool(self._partial) or self._position < len(self._buffer)

    def _settle(self) -> None:
        """Make `_buffer` hold everything."""
        if self._partial:
            self._buffer = bytes(self._partial)
            self._position = 0
            self._partial.clear()
            self._searched = 0

    def _take_section(self, mark: bytes, most_bytes: int) -> bytes | None:
        """Take everything up to and with `mark`, None as long as it isn't here; the caller checks what is too long."""
        begin = self._position
        partial = self._partial
        end = (partial or self._buffer).find(mark, max(begin, self._searched)) + len(mark)
        if end < len(mark) or end - begin > most_bytes:
            return None
        self._searched = 0
        if partial:
            section = bytes(memoryview(partial)[:end])
            self._buffer = bytes(memoryview(partial)[end:])
            partial.clear()
            return section
        buffer = self._buffer
        if end == len(buffer):
            self._buffer = b""  # an idle connection holds nothing
            self._position = 0
        else:
            self._position = end
        return buffer[begin:end]

    def _begin_body(self, length: int) -> None:
        self._length = self._left = length
        self._decoded = 0
        if length > 0:
            self._next = IN_COUNTED
        elif length == CHUNKED:
            self._next = IN_CHUNKS
            self._chunks = ChunkDecoder(self._limits)
        elif length == UNTIL_CLOSE:
            self._next = IN_UNCOUNTED
        else:
            self._next = AT_END

    def next_body_part(self) -> BodyPart | EndOfMessage | None:
        """The next part within a message whose head has been given out; see the readers' `next_part`."""
        if self._next == BROKEN and self._error is not None:
            raise self._error
        if self._partial:
            if self._next == IN_CHUNKS and self._chunks is not None and self._chunks.is_in_trailers:
                return self._next_trailers(self._chunks)
            self._settle()
        if self._next == IN_CHUNKS and self._chunks is not None:
            return self._next_chunks(self._chunks)
        if self._next == AT_END:
            return self._finish(END_WITHOUT_TRAILERS)
        if self._position == len(self._buffer):
            return self._check_eof()
        return self._next_plain_bytes()

    def _next_plain_bytes(self) -> BodyPart:
        data = self._buffer
        if self._position:
            data = data[self._position :]
        if self._next == IN_COUNTED:
            if len(data) > self._left:
                data = data[: self._left]
                self._position += self._left
                self._left = 0
                self._next = AT_END
                return BodyPart(data, data)
            self._left -= len(data)
            if not self._left:
                self._next = AT_END
        self._buffer = b""
        self._position = 0
        return BodyPart(data, data)

    def _next_chunks(self, chunks: ChunkDecoder) -> BodyPart | EndOfMessage | None:
        if not chunks.is_in_trailers:
            try:
                part, self._position = chunks.take(self._buffer, self._position)
            except MalformedError as error:
                raise self._broken(error) from None
            if part is not None:
                self._decoded += len(part.data)
                return part
        if chunks.is_in_trailers:
            return self._next_trailers(chunks)
        return self._check_eof()

    def _next_trailers(self, chunks: ChunkDecoder) -> EndOfMessage | None:
        store: bytes | bytearray = self._partial or self._buffer
        begin = self._position
        is_empty = store[begin : begin + 2] == b"\r\n"
        section = self._take_section(b"\r\n" if is_empty else b"\r\n\r\n", self._limits.trailer_bytes)
        try:
            if section is not None:
                return self._finish(chunks.end(section))
            check_partial_trailers(store, max(begin, self._searched))
        except MalformedError as error:
            raise self._broken(error) from None
        if len(store) - begin > self._limits.trailer_bytes:
            raise self._broken(MalformedError(f"The trailers are longer than {self._limits.trailer_bytes} bytes."))
        self._searched = max(begin, len(store) - 3)
        return self._check_eof()

    def _finish(self, end: EndOfMessage) -> EndOfMessage:
        self._chunks = None
        self._next = AT_HEAD
        return end

    def _check_eof(self) -> EndOfMessage | None:
        raise NotImplementedError

    def _broken(self, error: MalformedError, raw: bytes = b"") -> ProtocolError:
        raise NotImplementedError

    def _break(self, failure: Failure, raw: bytes) -> ProtocolError:
        self._next = BROKEN
        self._error = ProtocolError(failure, raw)
        return self._error
