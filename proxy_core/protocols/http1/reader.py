"""The HTTP/1 readers: bytes in, parts out (RFC 9112), for the client's side and for the upstream's.

A reader is fed with `receive` and asked with `next_part` until that gives None. It holds no more than what it was
given and could not yet interpret: at the most a head. Bytes that lie behind a message stay where they are, as the
beginning of the next request, or for `leftover` when the connection becomes a tunnel.
"""

from proxy_core.model.failure import Failure, FailureKind
from proxy_core.model.ways_in import Origin
from proxy_core.protocols.http1.fields import BARE_LF, MalformedError
from proxy_core.protocols.http1.head import HeadLimits, Http1RequestHead, Http1ResponseHead, RequestPart, ResponsePart
from proxy_core.protocols.http1.message_reader import (
    AT_HEAD,
    AT_REST,
    IN_CHUNKS,
    IN_COUNTED,
    IN_UNCOUNTED,
    MessageReader,
)
from proxy_core.protocols.http1.request_head import check_request_line, check_request_start, read_request_head
from proxy_core.protocols.http1.response_head import check_response_start, check_status_line, read_response_head
from proxy_core.protocols.part import END_WITHOUT_TRAILERS, EndOfMessage, ProtocolError

_LIMITS = HeadLimits()

_CR = 0x0D
_LEFT_IN_HEAD = Failure(FailureKind.CLIENT_CLOSED, "The client left in the middle of a request head.")
_LEFT_IN_BODY = Failure(FailureKind.CLIENT_CLOSED, "The client left before the request body was whole.")
_CUT_IN_HEAD = Failure(
    FailureKind.HTTP_RESPONSE_INCOMPLETE, "The origin closed the connection in the middle of the response head."
)


class RequestReader(MessageReader):
    """Reads what a client sends: requests, one behind the other.

    `default_scheme` and `default_authority` are those of requests that don't name them: inside an interception, "https"
    and the authority of the CONNECT. With `served`, requests whose target names no host are for that origin, whatever
    their Host says.
    """

    def __init__(
        self,
        default_scheme: str = "http",
        limits: HeadLimits = _LIMITS,
        *,
        default_authority: bytes = b"",
        served: Origin | None = None,
    ) -> None:
        super().__init__(limits)
        self._default_scheme = default_scheme
        self._default_authority = default_authority
        self._served = served

    def next_part(self) -> RequestPart | None:
        """The next part, None when bytes are needed (or `is_at_end`). Raises ProtocolError, then always the same."""
        if self._next == AT_HEAD:
            return self._next_head()
        return self.next_body_part()

    def _next_head(self) -> Http1RequestHead | None:
        store: bytes | bytearray = self._partial or self._buffer
        begin = self._position
        if begin == len(store):
            return None
        if store[begin] == _CR:
            store, begin = self._skip_empty_lines()
            if store[begin:] == b"\r" and not self._has_eof:
                return None
        raw = self._take_section(b"\r\n\r\n", self._limits.head_bytes)
        try:
            if raw is None:
                self._check_partial_head(store)
                return None
            if len(raw) > self._limits.start_line_bytes:
                self._check_line_length(raw, 0, raw.index(b"\n"))
            head = read_request_head(raw, self._default_scheme, self._default_authority, self._limits, self._served)
        except MalformedError as error:
            raise self._broken(error, raw if raw is not None else bytes(store[begin:])) from None
        self._is_line_checked = False
        self._begin_body(head.body_length)
        return head

    def _skip_empty_lines(self) -> tuple[bytes, int]:
        """RFC 9112 §2.2: ignore empty lines before a request line."""
        self._settle()
        while self._buffer.startswith(b"\r\n", self._position):
            self._position += 2
        return self._buffer, self._position

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


class ResponseReader(MessageReader):
    """Reads what an upstream sends: for each `expect`, interim responses and a final one."""

    def __init__(self, limits: HeadLimits = _LIMITS) -> None:
        super().__init__(limits)
        self._next = AT_REST
        self._method = b""
        self._interim_count = 0

    def expect(self, method: bytes) -> None:
        """A request with this method was sent: what comes now answers it."""
        self._method = method
        if self._next == AT_REST:
            self._next = AT_HEAD

    @property
    def has_surplus(self) -> bool:
        """Bytes came that answer no request: the connection can't be used again (RFC 9112 §9.2)."""
        return self._next == AT_REST and self._has_bytes

    def next_part(self) -> ResponsePart | None:
        """The next part, None when bytes are needed (or `is_at_end`). Raises ProtocolError, then always the same.

        After a 101, or a 2xx to CONNECT, there is no further part: `leftover` has the tunnel's first bytes.
        """
        if self._next == AT_HEAD:
            return self._next_head()
        if self._next == AT_REST:
            return None
        return self.next_body_part()

    def _next_head(self) -> Http1ResponseHead | None:
        store: bytes | bytearray = self._partial or self._buffer
        begin = self._position
        if begin == len(store):
            return None
        line_end = store.find(b"\n", begin if self._is_line_checked else max(begin, self._searched))
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

    def _begin_response(self, head: Http1ResponseHead) -> None:
        if head.status == 101 or (self._method == b"CONNECT" and 200 <= head.status < 300):
            self._next = AT_REST
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
            if store.find(b"\r", max(begin, self._searched)) >= 0:
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
        self._next = AT_REST
        return end

    def _check_eof(self) -> EndOfMessage | None:
        if not self._has_eof:
            return None
        if self._next == IN_UNCOUNTED:
            return self._finish(END_WITHOUT_TRAILERS)
        if self._next == IN_COUNTED:
            text = f"The origin closed the connection after {self._length - self._left} of {self._length} bytes."
        else:
            text = f"The origin closed the connection after {self._decoded} bytes, before the last chunk."
        raise self._break(Failure(FailureKind.HTTP_RESPONSE_INCOMPLETE, text), b"")

    def _broken(self, error: MalformedError, raw: bytes = b"") -> ProtocolError:
        in_body = self._next == IN_CHUNKS
        usual = FailureKind.HTTP_RESPONSE_TRANSFER_CODING if in_body else FailureKind.HTTP_PROTOCOL_ERROR
        return self._break(Failure(error.kind or usual, error.text), raw)
