"""What a peer says about the connection and its streams besides heads and bodies: settings, windows, resets, farewells.

Also what is said back where a rule was broken on one stream alone (RFC 9113 §5.4.2), and the counting of idle frames.
"""

from proxy_core.protocols.http2 import flood, frame
from proxy_core.protocols.http2.error import BrokenError
from proxy_core.protocols.http2.event import Event, GoAwayReceived, RoomChanged, SettingsReceived, StreamReset
from proxy_core.protocols.http2.limits import Http2Limits
from proxy_core.protocols.http2.sending import SendingHalf

_NUMBER_BITS = 0x7FFF_FFFF  # RFC 9113 §4.1, §6.9: the first bit is reserved
_LENGTHS = {frame.RST_STREAM: 4, frame.PING: 8, frame.WINDOW_UPDATE: 4, frame.PRIORITY: 5}
# A frame is a slice of a body that siblings wait behind; no larger ones, whatever the peer takes.
_LARGEST_FRAME_SENT = 65_536
_LONGEST_DEBUG = 1024  # bytes of a GOAWAY's text that are told


class ControlReading(SendingHalf):
    """Takes the frames of fixed form."""

    def __init__(self, is_client: bool, limits: Http2Limits) -> None:
        super().__init__(is_client, limits)
        self._events: list[Event] = []
        self.peer_allows_connect_protocol = False  # RFC 8441 §3

    def _read_control(self, kind: int, flags: int, number: int, payload: bytes) -> None:
        """A frame of fixed form."""
        if len(payload) != _LENGTHS.get(kind, len(payload)):
            raise BrokenError(frame.FRAME_SIZE_ERROR, "a frame has not the length that its type has.")
        if kind == frame.WINDOW_UPDATE:
            self._read_window_update(number, int.from_bytes(payload, "big") & _NUMBER_BITS)
        elif kind == frame.RST_STREAM:
            self._read_reset(number, int.from_bytes(payload, "big"))
        elif kind == frame.PRIORITY:
            if number == 0:
                raise BrokenError(frame.PROTOCOL_ERROR, "PRIORITY came for no stream.")
            self._check_dependency(number, payload)
            self._check_flood(flood.PRIORITIES, "PRIORITY")
        elif kind == frame.PUSH_PROMISE:
            raise BrokenError(frame.PROTOCOL_ERROR, "a push came, which was not allowed.")  # RFC 9113 §8.4
        elif number != 0:
            raise BrokenError(frame.PROTOCOL_ERROR, "a frame of the connection came for a stream.")
        elif kind == frame.SETTINGS:
            self._read_settings(flags, payload)
        elif kind == frame.PING:
            if not flags & frame.ACK:
                self._check_flood(flood.PINGS, "PING")
                self._queue(frame.ping_ack(payload))
        else:
            self._read_goaway(payload)

    def _read_window_update(self, number: int, increment: int) -> None:
        self._check_flood(flood.WINDOW_UPDATES, "WINDOW_UPDATE")
        if number == 0:
            if increment == 0:
                raise BrokenError(frame.PROTOCOL_ERROR, "the connection's window was opened by nothing.")
            was_shut = self._send_window <= 0
            self._send_window += increment
            if self._send_window > frame.LARGEST_WINDOW:
                raise BrokenError(frame.FLOW_CONTROL_ERROR, "the connection's window was opened too far.")
            if was_shut:
                self._events.append(RoomChanged(0))
            return
        stream = self._streams.get(number)
        if stream is None:
            self._check_known(number, "WINDOW_UPDATE")  # else it came late
        elif increment == 0:
            self._stream_error(number, frame.PROTOCOL_ERROR)
        else:
            was_shut = stream.send_window <= 0
            stream.send_window += increment
            if stream.send_window > frame.LARGEST_WINDOW:
                self._stream_error(number, frame.FLOW_CONTROL_ERROR)
            elif was_shut and stream.send_window > 0:
                self._events.append(RoomChanged(number))

    def _read_reset(self, number: int, code: int) -> None:
        self._check_known(number, "RST_STREAM")
        # A client asks, resets and asks again (CVE-2023-44487). Of a server's resets each costs a request of ours.
        if not self._is_client or number not in self._streams:
            self._check_flood(flood.RESETS, "RST_STREAM")
        if self._streams.pop(number, None) is not None:
            self._events.append(StreamReset(number, code, False, code == frame.REFUSED_STREAM))

    def _read_goaway(self, payload: bytes) -> None:
        if len(payload) < 8:
            raise BrokenError(frame.FRAME_SIZE_ERROR, "GOAWAY is too short.")
        last_stream = int.from_bytes(payload[:4], "big") & _NUMBER_BITS
        code = int.from_bytes(payload[4:8], "big")
        self._check_flood(flood.GOAWAYS, "GOAWAY")
        self._is_peer_leaving = True
        self._events.append(GoAwayReceived(last_stream, code, payload[8 : 8 + _LONGEST_DEBUG]))
        if self._is_client:
            for number in [number for number in self._streams if number > last_stream]:
                self._forget(number)
                self._events.append(StreamReset(number, frame.REFUSED_STREAM, False, True))

    def _read_settings(self, flags: int, payload: bytes) -> None:
        if flags & frame.ACK:
            if payload:
                raise BrokenError(frame.FRAME_SIZE_ERROR, "an acknowledgement of SETTINGS is not empty.")
            self._check_flood(flood.SETTINGS, "SETTINGS")
            self._settle_windows()
            return
        if len(payload) % 6:
            raise BrokenError(frame.FRAME_SIZE_ERROR, "SETTINGS ends in the middle of a setting.")
        self._check_flood(flood.SETTINGS, "SETTINGS")
        for identifier, value in frame.read_settings(payload):
            self._take_setting(identifier, value)
        self._queue(frame.SETTINGS_ACK)
        self._events.append(SettingsReceived())

    def _settle_windows(self) -> None:
        """The peer knows our first window now: where it was smaller than everybody's, streams have less left."""
        surplus = self._first_window - self._limits.stream_window_bytes
        if surplus:
            self._first_window = self._limits.stream_window_bytes
            for stream in self._streams.values():
                stream.window.left -= surplus

    def _take_setting(self, identifier: int, value: int) -> None:
        """RFC 9113 §6.5.2; what is unknown is ignored."""
        if identifier == frame.HEADER_TABLE_SIZE:
            self._encoder.limit_table(value)
        elif identifier == frame.ENABLE_PUSH:
            if value > 1 or (value and self._is_client):
                raise BrokenError(frame.PROTOCOL_ERROR, "SETTINGS_ENABLE_PUSH has a value that it may not have.")
        elif identifier == frame.MAX_CONCURRENT_STREAMS:
            self._peer_streams = value
        elif identifier == frame.INITIAL_WINDOW_SIZE:
            self._change_first_window(value)
        elif identifier == frame.MAX_FRAME_SIZE:
            if not frame.SMALLEST_FRAME_LIMIT <= value <= frame.LARGEST_FRAME_LIMIT:
                raise BrokenError(frame.PROTOCOL_ERROR, "SETTINGS_MAX_FRAME_SIZE has a value that it may not have.")
            self._peer_frame_bytes = min(value, _LARGEST_FRAME_SENT)
        elif identifier == frame.ENABLE_CONNECT_PROTOCOL:
            # RFC 8441 §3: it can't be taken back.
            if value > 1 or (self.peer_allows_connect_protocol and not value):
                raise BrokenError(
                    frame.PROTOCOL_ERROR, "SETTINGS_ENABLE_CONNECT_PROTOCOL has a value that it may not have."
                )
            self.peer_allows_connect_protocol = value == 1

    def _change_first_window(self, value: int) -> None:
        """RFC 9113 §6.9.2: it changes the windows of the streams that live, below zero if need be."""
        if value > frame.LARGEST_WINDOW:
            raise BrokenError(frame.FLOW_CONTROL_ERROR, "SETTINGS_INITIAL_WINDOW_SIZE is too large.")
        change = value - self._peer_first_window
        self._peer_first_window = value
        for stream in self._streams.values():
            was_shut = stream.send_window <= 0
            stream.send_window += change
            if stream.send_window > frame.LARGEST_WINDOW:
                raise BrokenError(frame.FLOW_CONTROL_ERROR, "SETTINGS_INITIAL_WINDOW_SIZE opens a window too far.")
            if was_shut and stream.send_window > 0:
                self._events.append(RoomChanged(stream.number))

    def _stream_error(self, number: int, code: int) -> None:
        """RFC 9113 §5.4.2: a rule was broken on this stream, living or closed."""
        if number in self._streams:
            self._events.append(StreamReset(number, code, True, False))
        self._drop(number, code)
        self._check_flood(flood.RESETS, "wrong")

    def _check_known(self, number: int, name: str) -> None:
        """Raise for a stream that was never opened (RFC 9113 §5.1, «idle»)."""
        is_known = number < self._next_stream if self._is_client else number <= self._highest
        if number == 0 or not is_known or not number & 1:
            raise BrokenError(frame.PROTOCOL_ERROR, f"{name} came for a stream that was never opened.")

    def _check_dependency(self, number: int, priority: bytes) -> None:
        """RFC 7540 §5.3.1, all that is left of priorities: nobody who could mean them well depends on itself."""
        if int.from_bytes(priority[:4], "big") & _NUMBER_BITS == number:
            raise BrokenError(frame.PROTOCOL_ERROR, "a stream is to depend on itself.")

    def _check_flood(self, kind: int, name: str) -> None:
        if self._flood.is_flood(kind):
            raise BrokenError(frame.ENHANCE_YOUR_CALM, f"it floods us with {name} frames.")
