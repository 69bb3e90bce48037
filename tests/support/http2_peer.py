"""One end of an HTTP/2 connection in a conversation, spoken by h2: an implementation that we haven't written."""

from collections.abc import Callable
from typing import Any, NamedTuple

import h2.config
import h2.connection
import h2.events
import h2.settings
from gevent import Timeout

from tests.support.conversation import WAIT_S

Fields = list[tuple[bytes, bytes]]


class Answer(NamedTuple):
    """A response, as the peer got it."""

    interim: list[Fields]
    fields: Fields
    body: bytes
    trailers: Fields | None

    @property
    def status(self) -> int:
        return int(dict(self.fields)[b":status"])


class Http2Peer:
    """`send` and `read` are of a socket or TLS pipe; `read` raises EOFError or gives b"" at the end."""

    def __init__(
        self,
        send: Callable[[bytes], object],
        read: Callable[[int], bytes],
        *,
        is_client: bool,
        settings: dict[h2.settings.SettingCodes, int] | None = None,
        opens_windows: bool = True,
        validates: bool = True,
    ) -> None:
        config = h2.config.H2Configuration(
            client_side=is_client,
            header_encoding=None,
            validate_outbound_headers=validates,
            normalize_outbound_headers=validates,
            normalize_inbound_headers=False,
            split_outbound_cookies=False,
        )
        self.h2 = h2.connection.H2Connection(config)
        values: dict[Any, int] = {key: self.h2.local_settings[key] for key in self.h2.local_settings}
        values.update(settings or {})
        self.h2.local_settings = h2.settings.Settings(client=is_client, initial_values=values)
        self.h2.initiate_connection()
        self.h2.increment_flow_control_window(16 * 1024 * 1024)  # the connection's: streams have their own
        self._send, self._read = send, read
        self._opens_windows = opens_windows
        self.events: list[Any] = []
        self.flush()

    def flush(self) -> None:
        if data := self.h2.data_to_send():
            self._send(data)

    def sends_raw(self, data: bytes) -> None:
        """Say what h2 wouldn't."""
        self._send(data)

    def receive(self) -> None:
        """Take in what comes next."""
        try:
            data = self._read(65536)
        except EOFError:
            data = b""
        if not data:
            raise EOFError
        for event in self.h2.receive_data(data):
            self.events.append(event)
            if self._opens_windows and isinstance(event, h2.events.DataReceived):
                self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        self.flush()

    def until(self, kind: type, stream: int | None = None) -> Any:
        """The next event of this kind (on this stream), waited for; the others stay."""
        with Timeout(WAIT_S, AssertionError(f"no {kind.__name__} came: {self.events}")):
            while True:
                for event in self.events:
                    if isinstance(event, kind) and (stream is None or getattr(event, "stream_id", None) == stream):
                        self.events.remove(event)
                        return event
                self.receive()

    # A client's

    def requests(
        self, fields: Fields, body: bytes | None = None, *, is_end: bool = True, trailers: Fields | None = None
    ) -> int:
        """Open a stream; its number. A body must fit into the windows."""
        stream = self.h2.get_next_available_stream_id()
        self.h2.send_headers(stream, fields, end_stream=body is None and is_end)
        if body is not None:
            size = self.h2.max_outbound_frame_size
            for place in range(0, len(body), size):
                self.h2.send_data(stream, body[place : place + size])
            if trailers:
                self.h2.send_headers(stream, trailers, end_stream=True)
            elif is_end:
                self.h2.end_stream(stream)
        self.flush()
        return stream

    def answer(self, stream: int) -> Answer:
        """The response on a stream, waited for to its end."""
        self.until(h2.events.StreamEnded, stream)
        interim: list[Fields] = []
        fields: Fields = []
        body = b""
        trailers = None
        for event in [each for each in self.events if getattr(each, "stream_id", None) == stream]:
            self.events.remove(event)
            if isinstance(event, h2.events.InformationalResponseReceived):
                interim.append(list(event.headers))
            elif isinstance(event, h2.events.ResponseReceived):
                fields = list(event.headers)
            elif isinstance(event, h2.events.DataReceived):
                body += event.data
            elif isinstance(event, h2.events.TrailersReceived):
                trailers = list(event.headers)
        return Answer(interim, fields, body, trailers)

    # A server's

    def responds(
        self, stream: int, fields: Fields, body: bytes = b"", *, is_end: bool = True, trailers: Fields | None = None
    ) -> None:
        self.h2.send_headers(stream, fields, end_stream=not body and is_end and not trailers)
        if body:
            self.h2.send_data(stream, body, end_stream=is_end and not trailers)
        if trailers:
            self.h2.send_headers(stream, trailers, end_stream=True)
        self.flush()

    def sends_data(self, stream: int, body: bytes, *, is_end: bool = False) -> None:
        """Send a body of any length, as the windows open."""
        while body:
            room = min(self.h2.local_flow_control_window(stream), self.h2.max_outbound_frame_size)
            if not room:
                self.flush()
                self.receive()
                continue
            self.h2.send_data(stream, body[:room])
            body = body[room:]
        if is_end:
            self.h2.end_stream(stream)
        self.flush()

    def resets(self, stream: int, code: int) -> None:
        self.h2.reset_stream(stream, code)
        self.flush()

    def goes_away(self, last_stream: int, code: int = 0) -> None:
        self.h2.close_connection(code, last_stream_id=last_stream)
        self.flush()
