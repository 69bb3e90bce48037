"""The HTTP/1 readers: bytes in, parts out (RFC 9112), for the client's side and for the upstream's.

A reader is fed with `receive` and asked with `next_part` until that gives None. It holds no more than what it was
given and could not yet interpret: at the most a head. Bytes that lie behind a message stay where they are, as the
beginning of the next request, or for `leftover` when the connection becomes a tunnel.

How bytes are kept: what was received last is `_buffer`, read from `_position` on. Only when a head, a size line or a
trailer section is cut by the end of it is the rest joined with the next bytes, in `_partial`; `_searched` says how
much of that was already searched for an empty line, so that a head fed byte by byte costs no more than one fed whole.
"""

from proxy_core.model.failure import Failure, FailureKind
from proxy_core.protocols.http1_chunks import ChunkDecoder, check_partial_trailers
from proxy_core.protocols.http1_fields import BARE_LF, MalformedError
from proxy_core.protocols.http1_parts import (
    CHUNKED,
    END_WITHOUT_TRAILERS,
    UNTIL_CLOSE,
    BodyPart,
    EndOfMessage,
    HeadLimits,
    ProtocolError,
    RequestHead,
    RequestPart,
    ResponseHead,
    ResponsePart,
)
from proxy_core.protocols.http1_request_head import check_request_line, check_request_start, read_request_head
from proxy_core.protocols.http1_response_head import check_response_start, check_status_line, read_response_head

_LIMITS = HeadLimits()

# What comes next.
_HEAD = 0
_SIZED = 1  # `_left` bytes of body
_CHUNKS = 2
_UNTIL_CLOSE = 3
_END = 4  # the message's end, without another byte
_NOTHING = 5  # a response is over: what follows is surplus
_BROKEN = 6

_CR = 0x0D
_LEFT_IN_HEAD = Failure(FailureKind.CLIENT_CLOSED, "The client left in the middle of a request head.")
_LEFT_IN_BODY = Failure(FailureKind.CLIENT_CLOSED, "The client left before the request body was whole.")
_CUT_IN_HEAD = Failure(
    FailureKind.HTTP_RESPONSE_INCOMPLETE, "The origin closed the connection in the middle of the response head."
)


class _Reader:
    """What both sides share: the bytes, the body, the end."""

    def __init__(self, limits: HeadLimits) -> None:
        self._limits = limits
        self._buffer = b""
        self._position = 0
        self._partial = bytearray()
        self._searched = 0
        self._is_line_checked = False  # of a head that isn't whole, the start line is, and is well-formed
        self._has_eof = False
        self._state = _HEAD
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
        return self._state == _HEAD and self._has_bytes

    @property
    def is_mid_message(self) -> bool:
        """Some bytes of a message are here or were given out, but not its end."""
        return self._has_bytes if self._state == _HEAD else self._state != _NOTHING

    @property
    def is_at_end(self) -> bool:
        """The peer has left, and not in the middle of anything."""
        return self._has_eof and self._state in (_HEAD, _NOTHING) and not self._has_bytes

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
        store: bytes | bytearray = self._partial or self._buffer
        begin = self._position
        found = store.find(mark, max(begin, self._searched))
        if found < 0 or found + len(mark) - begin > most_bytes:
            return None
        end = found + len(mark)
        if store is self._partial:
            section = bytes(memoryview(store)[begin:end])
            self._buffer = bytes(memoryview(store)[end:])
            self._position = 0
            self._partial.clear()
        else:
            section = self._buffer[begin:end]
            self._position = end
            if end == len(store):
                self._buffer = b""  # an idle connection holds nothing
                self._position = 0
        self._searched = 0
        return section

    def _begin_body(self, length: int) -> None:
        self._length = self._left = length
        self._decoded = 0
        if length > 0:
            self._state = _SIZED
        elif length == CHUNKED:
            self._state = _CHUNKS
            self._chunks = ChunkDecoder(self._limits)
        elif length == UNTIL_CLOSE:
            self._state = _UNTIL_CLOSE
        else:
            self._state = _END

    def _next_body_part(self) -> BodyPart | EndOfMessage | None:
        if self._state == _BROKEN and self._error is not None:
            raise self._error
        if self._partial:
            if self._state == _CHUNKS and self._chunks is not None and self._chunks.is_in_trailers:
                return self._next_trailers(self._chunks)
            self._settle()
        if self._state == _CHUNKS and self._chunks is not None:
            return self._next_chunks(self._chunks)
        if self._state == _END:
            return self._finish(END_WITHOUT_TRAILERS)
        if self._position == len(self._buffer):
            return self._check_eof()
        return self._next_plain_bytes()

    def _next_plain_bytes(self) -> BodyPart:
        data = self._buffer
        if self._position:
            data = data[self._position :]
        if self._state == _SIZED:
            if len(data) > self._left:
                data = data[: self._left]
                self._position += self._left
                self._left = 0
                self._state = _END
                return BodyPart(data, data)
            self._left -= len(data)
            if not self._left:
                self._state = _END
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
        self._state = _HEAD
        return end

    def _check_eof(self) -> EndOfMessage | None:
        raise NotImplementedError

    def _broken(self, error: MalformedError, raw: bytes = b"") -> ProtocolError:
        raise NotImplementedError

    def _break(self, failure: Failure, raw: bytes) -> ProtocolError:
        self._state = _BROKEN
        self._error = ProtocolError(failure, raw)
        return self._error


class RequestReader(_Reader):
    """Reads what a client sends: requests, one behind the other.

    `default_scheme` and `default_authority` are those of requests that don't name them: inside an interception, "https"
    and the authority of the CONNECT.
    """

    def __init__(
        self, default_scheme: str = "http", limits: HeadLimits = _LIMITS, *, default_authority: bytes = b""
    ) -> None:
        super().__init__(limits)
        self._default_scheme = default_scheme
        self._default_authority = default_authority

    def next_part(self) -> RequestPart | None:
        """The next part, None when bytes are needed (or `is_at_end`). Raises ProtocolError, then always the same."""
        if self._state == _HEAD:
            return self._next_head()
        return self._next_body_part()

    def _next_head(self) -> RequestHead | None:
        if not self._has_bytes:
            return None
        store: bytes | bytearray = self._partial or self._buffer
        if store[self._position] == _CR:
            self._skip_empty_lines()
            store = self._buffer
            if store[self._position :] == b"\r" and not self._has_eof:
                return None
        begin = self._position
        raw = self._take_section(b"\r\n\r\n", self._limits.head_bytes)
        try:
            if raw is None:
                self._check_partial_head(store)
                return None
            if len(raw) > self._limits.start_line_bytes:
                self._check_line_length(raw, 0, raw.index(b"\n"))
            head = read_request_head(raw, self._default_scheme, self._default_authority, self._limits)
        except MalformedError as error:
            raise self._broken(error, raw if raw is not None else bytes(store[begin:])) from None
        self._is_line_checked = False
        self._begin_body(head.body_length)
        return head

    def _skip_empty_lines(self) -> None:
        """RFC 9112 §2.2: ignore empty lines before a request line."""
        self._settle()
        while self._buffer.startswith(b"\r\n", self._position):
            self._position += 2

    def _check_partial_head(self, store: bytes | bytearray) -> None:
        """Refuse a head that can't become a good one as early as possible; the client may be waiting for an answer."""
        begin = self._position
        if not self._is_line_checked and len(store) > begin:
            line_end = store.find(b"\n", max(begin, self._searched))
            self._check_line_length(store, begin, line_end)
            if line_end >= 0:
                check_request_line(bytes(store[begin : line_end + 1]))
                self._is_line_checked = True
            else:
                check_request_start(store, begin)
        if BARE_LF.search(store, max(begin, self._searched)) is not None:
            raise MalformedError("A line ends with a bare LF instead of CRLF.")
        if len(store) - begin > self._limits.head_bytes:
            raise MalformedError(f"The header fields are larger than {self._limits.head_bytes} bytes.", 431)
        self._searched = max(begin, len(store) - 3)
        if self._has_eof and len(store) > begin:
            raise self._break(_LEFT_IN_HEAD, bytes(store[begin:]))

    def _check_line_length(self, store: bytes | bytearray, begin: int, line_end: int) -> None:
        """RFC 9112 §3: a request line that is too long is answered with 414."""
        if (line_end + 1 if line_end >= 0 else len(store)) - begin > self._limits.start_line_bytes:
            raise MalformedError(f"The request line is longer than {self._limits.start_line_bytes} bytes.", 414)

    def _check_eof(self) -> None:
        if self._has_eof:
            raise self._break(_LEFT_IN_BODY, b"")

    def _broken(self, error: MalformedError, raw: bytes = b"") -> ProtocolError:
        return self._break(Failure(FailureKind.HTTP_REQUEST_ERROR, error.text, error.status or 400), raw)


class ResponseReader(_Reader):
    """Reads what an upstream sends: for each `expect`, interim responses and a final one."""

    def __init__(self, limits: HeadLimits = _LIMITS) -> None:
        super().__init__(limits)
        self._state = _NOTHING
        self._method = b""
        self._interim_count = 0

    def expect(self, method: bytes) -> None:
        """A request with this method was sent: what comes now answers it."""
        self._method = method
        self._state = _HEAD

    @property
    def is_mid_message(self) -> bool:
        """A response has begun to arrive, and isn't whole."""
        return self.is_mid_head if self._state == _HEAD else self._state != _NOTHING

    @property
    def has_surplus(self) -> bool:
        """Bytes came that answer no request: the connection can't be used again (RFC 9112 §9.2)."""
        return self._state == _NOTHING and self._has_bytes

    def next_part(self) -> ResponsePart | None:
        """The next part, None when bytes are needed (or `is_at_end`). Raises ProtocolError, then always the same.

        After a 101, or a 2xx to CONNECT, there is no further part: `leftover` has the tunnel's first bytes.
        """
        if self._state == _HEAD:
            return self._next_head()
        if self._state == _NOTHING:
            return None
        return self._next_body_part()

    def _next_head(self) -> ResponseHead | None:
        if not self._has_bytes:
            return None
        store: bytes | bytearray = self._partial or self._buffer
        begin = self._position
        line_end = store.find(b"\n", begin)
        # RFC 9112 §2.2: the first line shows whether this origin ends its lines with LF alone.
        mark = b"\n\n" if line_end > begin and store[line_end - 1] != _CR else b"\r\n\r\n"
        raw = self._take_section(mark, self._limits.head_bytes)
        try:
            if raw is None:
                self._check_partial_head(store, line_end, mark)
                return None
            head = read_response_head(raw, self._method, self._limits)
        except MalformedError as error:
            raise self._broken(error, raw if raw is not None else bytes(store[begin:])) from None
        self._is_line_checked = False
        self._begin_response(head)
        return head

    def _begin_response(self, head: ResponseHead) -> None:
        if head.status == 101 or (self._method == b"CONNECT" and 200 <= head.status < 300):
            self._state = _NOTHING
        elif head.status < 200:
            self._interim_count += 1
            if self._interim_count > self._limits.interim_responses:
                raise self._broken(
                    MalformedError(f"The origin sent more than {self._limits.interim_responses} interim responses."),
                    head.raw,
                )
        else:
            self._interim_count = 0
            self._begin_body(head.body_length)

    def _check_partial_head(self, store: bytes | bytearray, line_end: int, mark: bytes) -> None:
        """Refuse what can't become a head as early as possible: an origin that speaks another protocol may wait."""
        begin = self._position
        if not self._is_line_checked:
            if line_end >= 0:
                check_status_line(bytes(store[begin : line_end + 1]))
                self._is_line_checked = True
            else:
                check_response_start(store, begin)
        if mark == b"\n\n":
            if store.find(b"\r", begin) >= 0:
                raise MalformedError("Some lines of the head end with CRLF, others with a bare LF.")
        elif BARE_LF.search(store, max(begin, self._searched)) is not None:
            raise MalformedError("A line ends with a bare LF instead of CRLF.")
        if len(store) - begin > self._limits.head_bytes:
            raise MalformedError(
                f"The header fields are larger than {self._limits.head_bytes} bytes.",
                kind=FailureKind.HTTP_RESPONSE_HEADER_SECTION_SIZE,
            )
        self._searched = max(begin, len(store) - 3)
        if self._has_eof:
            raise self._break(_CUT_IN_HEAD, bytes(store[begin:]))

    def _finish(self, end: EndOfMessage) -> EndOfMessage:
        super()._finish(end)
        self._state = _NOTHING
        return end

    def _check_eof(self) -> EndOfMessage | None:
        if not self._has_eof:
            return None
        if self._state == _UNTIL_CLOSE:
            return self._finish(END_WITHOUT_TRAILERS)
        if self._state == _SIZED:
            text = f"The origin closed the connection after {self._length - self._left} of {self._length} bytes."
        else:
            text = f"The origin closed the connection after {self._decoded} bytes, before the last chunk."
        raise self._break(Failure(FailureKind.HTTP_RESPONSE_INCOMPLETE, text), b"")

    def _broken(self, error: MalformedError, raw: bytes = b"") -> ProtocolError:
        in_body = self._state == _CHUNKS
        usual = FailureKind.HTTP_RESPONSE_TRANSFER_CODING if in_body else FailureKind.HTTP_PROTOCOL_ERROR
        return self._break(Failure(error.kind or usual, error.text), raw)
