"""A stream that carries somebody else's bytes, as a link: behind a CONNECT (RFC 9113 §8.5, RFC 8441)."""

import errno
from collections.abc import Callable

from proxy_core.engine.links.link import RECEIVE_LIMIT, PeerState
from proxy_core.engine.sides.http2_session import Http2Session
from proxy_core.engine.sides.http2_stream import Http2Stream, StreamBrokenError
from proxy_core.protocols.http2 import frame
from proxy_core.protocols.part import BodyPart


class Http2StreamLink:
    """A `Link`. It owns the stream, and leaves the connection alone."""

    def __init__(self, session: Http2Session, stream: Http2Stream) -> None:
        link = session.link
        self._stream = stream
        self._ahead = b""
        self._has_received_end = False
        self._has_sent_end = False
        self._is_closed = False
        self.peer_host, self.peer_port = link.peer_host, link.peer_port
        self.local_host, self.local_port = link.local_host, link.local_port
        self.is_truncated = False
        self.on_ahead: Callable[[], None] | None = None
        stream.when_gone = self._peer_is_gone

    @property
    def read_limit_s(self) -> float:
        """A receive that waits longer raises TimeoutError."""
        return self._stream.read_limit_s

    @read_limit_s.setter
    def read_limit_s(self, limit_s: float) -> None:
        self._stream.read_limit_s = limit_s

    @property
    def write_limit_s(self) -> float:
        """A send that waits longer raises TimeoutError."""
        return self._stream.write_limit_s

    @write_limit_s.setter
    def write_limit_s(self, limit_s: float) -> None:
        self._stream.write_limit_s = limit_s

    def _peer_is_gone(self) -> None:
        if self.on_ahead is not None:
            self.on_ahead()

    def receive(self, limit: int = RECEIVE_LIMIT) -> bytes:
        if not self._ahead and not self._has_received_end:
            try:
                item = self._stream.take(wait=True)
            except StreamBrokenError as error:
                raise _as_reset(error) from None
            if isinstance(item, BodyPart):
                self._ahead = item.data
            else:
                self._has_received_end = True
        data, self._ahead = self._ahead[:limit], self._ahead[limit:]
        return data

    def send(self, data: bytes) -> None:
        if not data:
            return
        try:
            self._stream.send_data(data)
        except StreamBrokenError as error:
            raise _as_reset(error) from None

    def send_eof(self) -> None:
        if self._has_sent_end or self._is_closed:
            return
        self._has_sent_end = True
        try:
            self._stream.end()
        except StreamBrokenError as error:
            raise _as_reset(error) from None

    def close(self) -> None:
        if self._is_closed:
            return
        self._is_closed = True
        if self._has_sent_end and self._stream.has_ended:
            self._stream.release()
        else:
            self._stream.reset(frame.CANCEL)

    def abort(self) -> None:
        if not self._is_closed:
            self._is_closed = True
            self._stream.reset(frame.CONNECT_ERROR)  # RFC 9113 §8.5: what a TCP reset is here

    def is_readable(self) -> bool:
        return bool(self._ahead) or self._has_received_end or self._stream.has_news

    def is_quiet(self) -> bool:
        return not self.is_readable()

    def look_ahead(self) -> PeerState:
        if self._stream.is_gone:
            return PeerState.RESET
        return PeerState.ENDED if self._stream.has_left else PeerState.PRESENT

    def take_ahead(self) -> bytes:
        data, self._ahead = self._ahead, b""
        return data

    def put_back(self, data: bytes) -> None:
        self._ahead = data + self._ahead


def _as_reset(error: StreamBrokenError) -> OSError:
    return ConnectionResetError(errno.ECONNRESET, f"the peer {error.what}")
