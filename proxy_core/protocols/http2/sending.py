"""The half of a connection that speaks: streams are opened and ended, and data go as far as the peer has room.

Nothing is written anywhere: frames wait in the output until `take_output` gives them away. What is said on a stream
that is gone (the peer may reset one at any moment) is dropped, and `can_send` is 0; its end was told by an event.
"""

from proxy_core.protocols.http2 import frame
from proxy_core.protocols.http2.flood import FloodGuard
from proxy_core.protocols.http2.flow import ReceiveWindow
from proxy_core.protocols.http2.hpack import FieldEncoder, Fields
from proxy_core.protocols.http2.limits import Http2Limits
from proxy_core.protocols.http2.stream import Stream

# Before the peer's SETTINGS there is no limit (RFC 9113 §6.5.2); this many nobody refuses.
_STREAMS_BEFORE_SETTINGS = 100
# Streams that we gave up, of which the peer may not know yet. A thousand are out of sight when the first is forgotten.
_MOST_REMEMBERED = 1000
_LONGEST_DEBUG = 256  # bytes of a GOAWAY's text


class SendingHalf:
    """What both roles send. Streams of a client are ours, those of a server the peer's."""

    def __init__(self, is_client: bool, limits: Http2Limits) -> None:
        self._is_client = is_client
        self._limits = limits
        self._streams: dict[int, Stream] = {}
        self._next_stream = 1
        self._highest = 0  # of the peer's streams
        self._dropped: dict[int, None] = {}  # given up by us: what was under way on them is ignored
        self._output: list[bytes] = []
        self._output_bytes = 0
        self._control_bytes = 0  # of the output, what the peer made us say
        self._encoder = FieldEncoder()
        self._send_window = frame.FIRST_WINDOW
        self._window = ReceiveWindow(max(limits.connection_window_bytes, frame.FIRST_WINDOW), frame.FIRST_WINDOW)
        # RFC 9113 §6.5.3: the peer may use the larger of its first window and ours until it has acknowledged ours.
        self._first_window = max(limits.stream_window_bytes, frame.FIRST_WINDOW)
        self._peer_frame_bytes = frame.SMALLEST_FRAME_LIMIT
        self._peer_first_window = frame.FIRST_WINDOW
        self._peer_streams = _STREAMS_BEFORE_SETTINGS
        self._is_peer_leaving = False
        self._is_leaving = False
        self._may_extend = False  # we said that we understand extended CONNECT
        self._flood = FloodGuard(limits.idle_frames, limits.period_s)

    @property
    def output_bytes(self) -> int:
        """Bytes queued and not yet taken."""
        return self._output_bytes

    @property
    def has_output(self) -> bool:
        return self._output_bytes > 0

    def take_output(self) -> bytes:
        """All that waits to be written, b"" for nothing."""
        output = b"".join(self._output)
        self._output.clear()
        self._output_bytes = 0
        self._control_bytes = 0
        return output

    @property
    def stream_count(self) -> int:
        """The streams that live."""
        return len(self._streams)

    @property
    def room(self) -> int:
        """How many more streams can be opened now."""
        if self._is_peer_leaving or self._is_leaving or not self._is_client:
            return 0
        numbers_left = (frame.LAST_STREAM - self._next_stream) // 2 + 1
        return max(0, min(self._peer_streams - len(self._streams), numbers_left))

    def is_open(self, number: int) -> bool:
        """Does the stream still live?"""
        return number in self._streams

    def open_stream(self, fields: Fields, is_end: bool) -> int:
        """Send a request, and return its stream's number; there must be `room`."""
        if self.room <= 0:
            raise RuntimeError("There is no room for another stream.")
        number = self._next_stream
        self._next_stream += 2
        method = next((value for name, value, _ in fields if name == b":method"), b"")
        stream = self._new_stream(number, method)
        self._send_fields(stream, fields, is_end)
        return number

    def send_head(self, number: int, fields: Fields, is_end: bool) -> None:
        """Send the head of a response: interim ones, then the final."""
        stream = self._streams.get(number)
        if stream is not None and stream.can_send:
            self._send_fields(stream, fields, is_end)

    def send_trailers(self, number: int, fields: Fields) -> None:
        """Send trailers, which end the message."""
        self.send_head(number, fields, is_end=True)

    def can_send(self, number: int) -> int:
        """How many bytes of data the windows have room for."""
        stream = self._streams.get(number)
        if stream is None or not stream.can_send:
            return 0
        return max(0, min(stream.send_window, self._send_window))

    def send_data(self, number: int, data: bytes, is_end: bool = False) -> int:
        """Send as much of `data` as the windows allow, and return how much that was.

        With `is_end`, the message ends with it if all of it was taken. When something is left, `RoomChanged` will tell
        of the window that was shut: the stream's or the connection's.
        """
        stream = self._streams.get(number)
        if stream is None or not stream.can_send:
            return 0
        size = len(data)
        room = min(stream.send_window, self._send_window)
        count = size if size <= room else max(0, room)
        ends = is_end and count == size
        limit = self._peer_frame_bytes
        output = self._output
        if count == size <= limit and count:
            output.append(frame.frame_header(size, frame.DATA, frame.END_STREAM if ends else 0, number))
            output.append(data)
            self._output_bytes += size + frame.FRAME_HEADER_BYTES
            self._flood.moved += 1
        else:
            for begin in range(0, count, limit):
                piece = data[begin : min(begin + limit, count)]
                is_last = ends and begin + limit >= count
                output.append(frame.frame_header(len(piece), frame.DATA, frame.END_STREAM if is_last else 0, number))
                output.append(piece)
                self._output_bytes += len(piece) + frame.FRAME_HEADER_BYTES
                self._flood.moved += 1
        if ends:
            if not size:
                self._queue(frame.frame_header(0, frame.DATA, frame.END_STREAM, number))
            self._sent_end(stream)
        stream.send_window -= count
        self._send_window -= count
        return count

    def end(self, number: int) -> None:
        """End the message without trailers."""
        self.send_data(number, b"", is_end=True)

    def reset(self, number: int, code: int) -> None:
        """Give a stream up in both directions; what is still under way on it is ignored."""
        if number in self._streams:
            self._drop(number, code)

    def consumed(self, number: int, credit: int) -> None:
        """The bytes of a `DataReceived` were taken further: its `credit` is given back to the peer.

        To be called for each of them, also when the stream is gone: the connection's window is everybody's.
        """
        increment = self._window.give_back(credit)
        if increment:
            self._queue(frame.window_update(0, increment))
        stream = self._streams.get(number)
        if stream is not None and stream.can_receive:
            increment = stream.window.give_back(credit)
            if increment:
                self._queue(frame.window_update(number, increment))

    def go_away(self, code: int, debug: bytes = b"") -> None:
        """Say that no more streams are taken; those that live go on."""
        self._is_leaving = True
        self._queue(frame.goaway_frame(self._highest, code, debug[:_LONGEST_DEBUG]))

    def announce_connect_protocol(self) -> None:
        """Offer extended CONNECT to the client (RFC 8441 §3); it can't be taken back."""
        if not self._may_extend:
            self._may_extend = True
            self._queue(frame.settings_frame([(frame.ENABLE_CONNECT_PROTOCOL, 1)]))

    def _new_stream(self, number: int, method: bytes) -> Stream:
        window = ReceiveWindow(self._limits.stream_window_bytes, self._first_window)
        stream = Stream(number, method, self._peer_first_window, window)
        self._streams[number] = stream
        return stream

    def _send_fields(self, stream: Stream, fields: Fields, is_end: bool) -> None:
        pieces = frame.head_frames(stream.number, self._encoder.encode(fields), self._peer_frame_bytes, is_end=is_end)
        self._output += pieces
        self._output_bytes += sum(map(len, pieces))
        self._flood.moved += 1
        if is_end:
            self._sent_end(stream)

    def _sent_end(self, stream: Stream) -> None:
        stream.can_send = False
        if not stream.can_receive:
            self._finish(stream)

    def _finish(self, stream: Stream) -> None:
        """Both directions came to their end."""
        del self._streams[stream.number]
        self._flood.finished += 1

    def _drop(self, number: int, code: int) -> None:
        """Reset a stream, which need not live."""
        self._forget(number)
        self._queue(frame.reset_frame(number, code))

    def _forget(self, number: int) -> None:
        """Give a stream up that need not live; what is still under way on it is ignored."""
        self._streams.pop(number, None)
        self._dropped[number] = None
        if len(self._dropped) > _MOST_REMEMBERED:
            del self._dropped[next(iter(self._dropped))]

    def _queue(self, control: bytes) -> None:
        """Put a control frame into the output."""
        self._output.append(control)
        self._output_bytes += len(control)
        self._control_bytes += len(control)
