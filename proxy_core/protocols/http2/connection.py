"""One HTTP/2 connection, as a client or as a server, without a socket: bytes to events, calls to bytes (RFC 9113).

`receive` reads in one pass what came, puts what the protocol itself answers (SETTINGS, PING, errors of a stream) into
the output, and returns what a relay must know. A stream whose message is malformed is reset and told; its siblings
live. What can't be read any further raises `Http2ConnectionError`. Nothing of a body is kept here: a peer's data go
out with the events, and its windows open only with `consumed`.

Every bound of `Http2Limits` holds whatever the peer does. At rest, a connection keeps less than one frame and one
field block of its peer's bytes.
"""

from proxy_core.model.failure import Failure, FailureKind
from proxy_core.protocols.http1.fields import MalformedError
from proxy_core.protocols.http2 import flood, frame
from proxy_core.protocols.http2.control import ControlReading
from proxy_core.protocols.http2.error import BrokenError, Http2ConnectionError
from proxy_core.protocols.http2.event import (
    DataReceived,
    EndReceived,
    Event,
    HeadReceived,
    StreamMalformed,
)
from proxy_core.protocols.http2.field_section import list_bytes
from proxy_core.protocols.http2.hpack import TABLE_BYTES, FieldBlockError, FieldDecoder, Fields
from proxy_core.protocols.http2.limits import Http2Limits
from proxy_core.protocols.http2.stream import ANY_LENGTH, Stream
from proxy_core.protocols.http2.validation import read_request_head, read_response_head, read_trailers, refused_text
from proxy_core.protocols.part import CHUNKED

_LIMITS = Http2Limits()
_STREAM_BITS = 0x7FFF_FFFF  # RFC 9113 §4.1: the first bit is reserved
_PRIORITY_BYTES = 5
_HTTP1 = b"HTTP/1."
_KIND_AT = 3  # in a frame
_OF_HEADS = (frame.HEADERS, frame.CONTINUATION)
# A field that is not spelled out in its block has at the most the table's size; a Huffman code has five bits at least.
_LARGEST_ENTRY = TABLE_BYTES + 32
_HUFFMAN_FACTOR = 2
_LARGE_HEAD_BYTES = 32 * 1024  # servers refuse heads from 8 KiB (nginx) or 16 KiB (Node) on
_MOST_EXPANSION = 50


class Http2Connection(ControlReading):
    """One connection; whoever owns it calls from one greenlet at a time, and never while `receive` runs."""

    def __init__(self, is_client: bool, limits: Http2Limits = _LIMITS, enable_connect_protocol: bool = False) -> None:
        super().__init__(is_client, limits)
        self._may_extend = enable_connect_protocol and not is_client
        self._decoder = FieldDecoder(limits.head_bytes, limits.fields)
        self._rest = bytearray()  # the beginning of a frame
        self._needed = 0  # bytes that `rest` must have before there is something to read
        self._awaits_preface = not is_client
        self._awaits_settings = True
        self.peer_speaks_http1 = False  # a server that answered so
        self._block: list[bytes] = []  # the parts so far of a field block that goes on in CONTINUATION
        self._block_bytes = 0
        self._block_stream = 0  # 0 when there is none
        self._block_is_end = False
        self._lost: Http2ConnectionError | None = None

    def start(self) -> None:
        """Queue what a connection begins with (RFC 9113 §3.4)."""
        limits = self._limits
        settings = [
            (frame.INITIAL_WINDOW_SIZE, limits.stream_window_bytes),
            (frame.MAX_HEADER_LIST_SIZE, limits.head_bytes),
        ]
        if self._is_client:
            self._queue(frame.PREFACE)
            settings.insert(0, (frame.ENABLE_PUSH, 0))
        else:
            settings.insert(0, (frame.MAX_CONCURRENT_STREAMS, limits.streams))
            if self._may_extend:
                settings.append((frame.ENABLE_CONNECT_PROTOCOL, 1))
        self._queue(frame.settings_frame(settings))
        increment = self._window.size - self._window.left
        if increment:
            self._window.left += increment
            self._queue(frame.window_update(0, increment))

    def receive(self, data: bytes, now_s: float) -> list[Event]:
        """Take bytes from the peer at a time of any clock that goes on evenly. Raises Http2ConnectionError."""
        if self._lost is not None:
            raise Http2ConnectionError(self._lost.code, self._lost.failure, [])
        events: list[Event] = []
        self._events = events
        self._flood.tick(now_s)
        try:
            self._read(data)
            if self._control_bytes > self._limits.unsent_control_bytes:
                raise BrokenError(frame.ENHANCE_YOUR_CALM, "it asks for answers and does not read them.")
        except BrokenError as error:
            self.go_away(error.code, error.text.encode("utf-8"))
            raise self._lose(error.code, error.text) from None
        return events

    @property
    def is_within_head(self) -> bool:
        """What has come last is the beginning of a head, or may be."""
        rest = self._rest
        if not rest:
            return self._block_stream != 0
        return self._block_stream != 0 or len(rest) <= _KIND_AT or rest[_KIND_AT] in _OF_HEADS

    def receive_eof(self) -> None:
        """The peer will send no more. Raises Http2ConnectionError when streams wait for it."""
        if self._lost is None and (self._rest or any(stream.can_receive for stream in self._streams.values())):
            self._events = []
            kind = FailureKind.CLIENT_CLOSED if not self._is_client else FailureKind.HTTP_RESPONSE_INCOMPLETE
            raise self._lose(frame.NO_ERROR, "it closed the connection in the middle of a message.", kind)

    def _lose(self, code: int, text: str, kind: FailureKind | None = None) -> Http2ConnectionError:
        who = "The origin" if self._is_client else "The client"
        if kind is None:
            kind = FailureKind.HTTP_PROTOCOL_ERROR if self._is_client else FailureKind.HTTP_REQUEST_ERROR
            text = f"{who} broke HTTP/2 ({frame.error_name(code)}): {text}"
        else:
            text = who + text.removeprefix("it")
        self._lost = Http2ConnectionError(code, Failure(kind, text), self._events)
        self._rest.clear()
        self._block.clear()
        return self._lost

    def _read(self, data: bytes) -> None:
        if self._rest:
            self._rest += data
            if len(self._rest) < self._needed:
                return
            data = bytes(self._rest)
            self._rest.clear()
        if self._awaits_settings and self._is_client and data.startswith(_HTTP1):
            self.peer_speaks_http1 = True
            raise BrokenError(frame.HTTP_1_1_REQUIRED, "it speaks HTTP/1.")
        position = self._read_preface(data) if self._awaits_preface else 0
        end = len(data)
        unpack = frame.FRAME_HEADER.unpack_from
        while True:
            payload = position + frame.FRAME_HEADER_BYTES
            if payload > end:
                self._needed = frame.FRAME_HEADER_BYTES
                break
            length_high, length_low, kind, flags, number = unpack(data, position)
            behind = payload + (length_high << 8 | length_low)
            if behind - payload > frame.SMALLEST_FRAME_LIMIT:
                raise BrokenError(frame.FRAME_SIZE_ERROR, "a frame is larger than 16,384 bytes.")
            if behind > end:
                self._needed = behind - position
                break
            self._read_frame(kind, flags, number & _STREAM_BITS, data, payload, behind)
            position = behind
        if position < end:
            self._rest += data[position:] if position else data

    def _read_preface(self, data: bytes) -> int:
        """RFC 9113 §3.4: where the first frame begins, or where to go on when the preface isn't whole."""
        if data[: len(frame.PREFACE)] == frame.PREFACE:
            self._awaits_preface = False
            return len(frame.PREFACE)
        if not frame.PREFACE.startswith(data):
            raise BrokenError(frame.PROTOCOL_ERROR, "its first bytes are not those of HTTP/2.")
        self._rest += data
        self._needed = len(frame.PREFACE)
        return len(data)

    def _read_frame(self, kind: int, flags: int, number: int, data: bytes, begin: int, end: int) -> None:
        if self._block_stream and (kind != frame.CONTINUATION or number != self._block_stream):
            raise BrokenError(frame.PROTOCOL_ERROR, "a field block is interrupted by another frame.")
        if self._awaits_settings:
            if kind != frame.SETTINGS or flags & frame.ACK:
                raise BrokenError(frame.PROTOCOL_ERROR, "its first frame is not SETTINGS.")
            self._awaits_settings = False
        if kind == frame.DATA:
            self._read_data(flags, number, data, begin, end)
        elif kind == frame.HEADERS:
            self._read_headers(flags, number, data, begin, end)
        elif kind == frame.CONTINUATION:
            self._read_continuation(flags, number, data[begin:end])
        elif kind <= frame.WINDOW_UPDATE:
            self._read_control(kind, flags, number, data[begin:end])
        else:  # RFC 9113 §4.1: to be ignored
            self._check_flood(flood.UNKNOWN, "unknown")

    def _read_data(self, flags: int, number: int, data: bytes, begin: int, end: int) -> None:
        credit = end - begin
        if not self._window.take(credit):
            raise BrokenError(frame.FLOW_CONTROL_ERROR, "it sent more than the connection's window allows.")
        if flags & frame.PADDED:
            begin, end = _without_padding(data, begin, end)
        stream = self._streams.get(number)
        if stream is None:
            self._check_known(number, "DATA")
            if number not in self._dropped:  # RFC 9113 §5.1
                raise BrokenError(frame.STREAM_CLOSED, "DATA came for a stream that is closed.")
            self._give_back(credit)
        elif not stream.can_receive:
            self._give_back(credit)
            self._stream_error(number, frame.STREAM_CLOSED)
        elif not stream.window.take(credit):
            self._give_back(credit)
            self._stream_error(number, frame.FLOW_CONTROL_ERROR)
        elif not stream.has_head:
            self._give_back(credit)
            self._malformed(number, MalformedError("The response's body came before its head."), b"")
        else:
            self._take_data(stream, data[begin:end], credit, flags & frame.END_STREAM != 0)

    def _take_data(self, stream: Stream, data: bytes, credit: int, is_end: bool) -> None:
        if data:
            stream.received += len(data)
            if stream.expected != ANY_LENGTH and stream.received > stream.expected:
                self._give_back(credit)
                self._malformed(stream.number, self._wrong_length(stream), b"")
                return
            self._flood.moved += 1
            self._events.append(DataReceived(stream.number, data, credit))
        else:
            if not is_end:
                self._check_flood(flood.EMPTY_DATA, "empty DATA")
            if credit:
                self.consumed(stream.number, credit)
        if is_end:
            self._take_end(stream, b"")

    def _give_back(self, credit: int) -> None:
        """Bytes that nobody will take: only the connection's window is left to be opened."""
        increment = self._window.give_back(credit)
        if increment:
            self._queue(frame.window_update(0, increment))

    def _take_end(self, stream: Stream, trailers: bytes) -> None:
        if stream.expected not in (ANY_LENGTH, stream.received):
            self._malformed(stream.number, self._wrong_length(stream), b"")
            return
        self._events.append(EndReceived(stream.number, trailers))
        stream.can_receive = False
        if not stream.can_send:
            self._finish(stream)

    def _wrong_length(self, stream: Stream) -> MalformedError:
        """RFC 9113 §8.1.1: the length that the head promised is not that of the body."""
        what = "response" if self._is_client else "request"
        kind = FailureKind.HTTP_RESPONSE_INCOMPLETE if self._is_client else None
        if stream.received > stream.expected:
            return MalformedError(f"The {what} has more than the {stream.expected} bytes that it promised.", kind=kind)
        return MalformedError(f"The {what} ended after {stream.received} of {stream.expected} bytes.", kind=kind)

    def _read_headers(self, flags: int, number: int, data: bytes, begin: int, end: int) -> None:
        if number == 0:
            raise BrokenError(frame.PROTOCOL_ERROR, "HEADERS came for no stream.")
        if flags & frame.PADDED:
            begin, end = _without_padding(data, begin, end)
        if flags & frame.HAS_PRIORITY:  # RFC 9113 §5.3.2: read over
            begin += _PRIORITY_BYTES
            if begin > end:
                raise BrokenError(frame.FRAME_SIZE_ERROR, "HEADERS has no room for its priority.")
            self._check_dependency(number, data[begin - _PRIORITY_BYTES : begin])
        is_end = flags & frame.END_STREAM != 0
        if flags & frame.END_HEADERS:
            self._take_block(number, data[begin:end], is_end)
            return
        self._block_stream = number
        self._block_is_end = is_end
        self._block_bytes = end - begin
        self._block.append(data[begin:end])

    def _read_continuation(self, flags: int, number: int, part: bytes) -> None:
        if not self._block_stream:
            raise BrokenError(frame.PROTOCOL_ERROR, "CONTINUATION continues nothing.")
        self._block.append(part)
        self._block_bytes += len(part)
        if len(self._block) > self._limits.block_frames or self._block_bytes > self._limits.head_bytes:
            raise BrokenError(frame.ENHANCE_YOUR_CALM, "a field block does not end.")
        if flags & frame.END_HEADERS:
            block = b"".join(self._block)
            self._block.clear()
            self._block_stream = 0
            self._take_block(number, block, self._block_is_end)

    def _take_block(self, number: int, block: bytes, is_end: bool) -> None:
        try:
            fields = self._decoder.decode(block)
        except FieldBlockError as error:
            code = frame.ENHANCE_YOUR_CALM if error.is_bomb else frame.COMPRESSION_ERROR
            raise BrokenError(code, error.text) from None
        stream = self._streams.get(number)
        if stream is not None:
            self._flood.moved += 1
            if not stream.can_receive:
                self._stream_error(number, frame.STREAM_CLOSED)
            else:
                self._take_fields(stream, fields, len(block), is_end)
        elif number in self._dropped:
            pass  # it was under way when we reset the stream
        elif self._is_client or not number & 1 or number <= self._highest:
            self._check_known(number, "HEADERS")
            raise BrokenError(frame.STREAM_CLOSED, "HEADERS came for a stream that is closed.")
        else:
            self._highest = number
            if self._is_leaving or len(self._streams) >= self._limits.streams:
                self._stream_error(number, frame.REFUSED_STREAM)  # RFC 9113 §5.1.2
            else:
                self._flood.moved += 1
                self._take_request(number, fields, len(block), is_end)

    def _take_request(self, number: int, fields: Fields, block_bytes: int, is_end: bool) -> None:
        try:
            self._check_size(fields, block_bytes)
            head = read_request_head(fields, is_end=is_end, may_extend=self._may_extend)
        except MalformedError as error:
            self._malformed(number, error, refused_text(fields))
            return
        if len(head.raw) > _LARGE_HEAD_BYTES:
            self._check_expansion(len(head.raw), block_bytes)
        stream = self._new_stream(number, head.method)
        stream.has_head = True
        stream.is_tunnel = head.is_tunnel
        if not head.is_tunnel and head.body_length != CHUNKED:
            stream.expected = head.body_length
        self._events.append(HeadReceived(number, head, is_end))
        if is_end:
            self._take_end(stream, b"")

    def _take_fields(self, stream: Stream, fields: Fields, block_bytes: int, is_end: bool) -> None:
        """A field block on a stream that lives: a response's head, or trailers."""
        try:
            self._check_size(fields, block_bytes)
            if not stream.has_head:
                self._take_response(stream, fields, block_bytes, is_end)
                return
            if stream.is_tunnel or not is_end:
                raise MalformedError("A second head came where a body was to be.")
            trailers = read_trailers(fields)
        except MalformedError as error:
            self._malformed(stream.number, error, b"" if stream.has_head else refused_text(fields, is_response=True))
            return
        self._take_end(stream, trailers)

    def _take_response(self, stream: Stream, fields: Fields, block_bytes: int, is_end: bool) -> None:
        head = read_response_head(fields, stream.method, is_end=is_end)
        if len(head.raw) > _LARGE_HEAD_BYTES:
            self._check_expansion(len(head.raw), block_bytes)
        if head.status < 200:
            stream.interim_count += 1
            if stream.interim_count > self._limits.interim_responses:
                raise MalformedError(f"The origin sent more than {self._limits.interim_responses} interim responses.")
        else:
            stream.has_head = True
            stream.is_tunnel = stream.method == b"CONNECT" and head.status < 300
            if not stream.is_tunnel and head.body_length != CHUNKED:
                stream.expected = head.body_length
        self._events.append(HeadReceived(stream.number, head, is_end))
        if is_end:
            self._take_end(stream, b"")

    def _check_expansion(self, head_bytes: int, block_bytes: int) -> None:
        """Each head alone is allowed, and each costs a place in the capture. Raises BrokenError for too many."""
        if head_bytes > _MOST_EXPANSION * block_bytes and self._flood.is_flood(
            flood.EXPANSIONS, head_bytes // _LARGE_HEAD_BYTES
        ):
            raise BrokenError(frame.ENHANCE_YOUR_CALM, "its small field blocks make too many large heads.")

    def _check_size(self, fields: Fields, block_bytes: int) -> None:
        """Raise MalformedError for more than a head may have; the sum is only made where it may be too large."""
        limits = self._limits
        kind = FailureKind.HTTP_RESPONSE_HEADER_SECTION_SIZE if self._is_client else None
        if len(fields) > limits.fields:
            raise MalformedError(f"There are more than {limits.fields} header fields.", 431, kind)
        most = len(fields) * _LARGEST_ENTRY + block_bytes * _HUFFMAN_FACTOR
        if most > limits.head_bytes and list_bytes(fields) > limits.head_bytes:
            raise MalformedError(f"The header fields are larger than {limits.head_bytes} bytes.", 431, kind)

    def _malformed(self, number: int, error: MalformedError, raw: bytes) -> None:
        """RFC 9113 §8.1.1: the stream is given up, and its siblings live."""
        if self._is_client:
            failure = Failure(error.kind or FailureKind.HTTP_PROTOCOL_ERROR, error.text)
        else:
            failure = Failure(FailureKind.HTTP_REQUEST_ERROR, error.text, error.status or 400)
        self._events.append(StreamMalformed(number, failure, raw))
        self._drop(number, frame.PROTOCOL_ERROR)
        self._check_flood(flood.RESETS, "wrong")


def _without_padding(data: bytes, begin: int, end: int) -> tuple[int, int]:
    """Where the payload of a padded frame begins and ends (RFC 9113 §6.1)."""
    if begin == end:
        raise BrokenError(frame.FRAME_SIZE_ERROR, "a padded frame is empty.")
    padding = data[begin]
    if padding >= end - begin:
        raise BrokenError(frame.PROTOCOL_ERROR, "a frame has more padding than it has room for.")
    return begin + 1, end - padding
