"""HTTP/2's upstream side: a connection that carries many exchanges, and a stream for each."""

import errno
import math
from collections.abc import Callable

import gevent

from proxy_core.engine.limits import HTTP2_LIMITS
from proxy_core.engine.links.link import Link
from proxy_core.engine.links.transport import DeadlineSweep
from proxy_core.engine.sides.http2_session import Http2Session
from proxy_core.engine.sides.http2_stream import Http2Stream, Item, StreamBrokenError
from proxy_core.engine.sides.http2_stream_link import Http2StreamLink
from proxy_core.engine.sides.side import SideError
from proxy_core.engine.upstream.connection import UpstreamConnection
from proxy_core.model.failure import Failure, FailureKind
from proxy_core.protocols.http2 import frame
from proxy_core.protocols.http2.connection import Http2Connection
from proxy_core.protocols.http2.head import Http2ResponseHead
from proxy_core.protocols.http2.translation import request_fields, trailer_fields
from proxy_core.protocols.http2.validation import raw_text
from proxy_core.protocols.part import BodyPart, EndOfMessage, RequestHead

_HTTP1 = "http/1.1"
_SETTINGS_S = 30.0  # an origin that has TLS but says nothing in it, as TLS itself may take
_FRESH_S = 1.0  # since its opening; no origin closes what was opened for a request as soon as that


class Http2Carrier:
    """A `Carrier`; it owns its connection."""

    def __init__(self, connection: UpstreamConnection, sweep: DeadlineSweep) -> None:
        self.connection = connection
        self.exchanges = 0
        self.when_extended: Callable[[], None] | None = None
        protocol = Http2Connection(is_client=True, limits=HTTP2_LIMITS)
        self.session = Http2Session(connection.link, protocol, sweep, on_settings=self._take_settings)
        gevent.spawn(self.session.receive_all)

    def _take_settings(self) -> None:
        if self.session.protocol.peer_allows_connect_protocol and self.when_extended is not None:
            self.when_extended()

    @property
    def is_busy(self) -> bool:
        """Some exchanges are under way."""
        return bool(self.session.streams)

    def room(self, *, is_sure: bool) -> int:
        """Somebody receives here all the time, so what has been seen of the connection is sure enough in any case."""
        del is_sure
        return self.session.room

    def next_side(self) -> "Http2Upstream":
        return Http2Upstream(self)

    def close(self) -> None:
        self.session.close()


class Http2Upstream:
    """An `UpstreamSide`."""

    def __init__(self, carrier: Http2Carrier) -> None:
        self.connection = carrier.connection
        self._carrier = carrier
        self._session = carrier.session
        self._stream: Http2Stream | None = None
        self._out: list[bytes] = []
        self._end: EndOfMessage | None = None
        self._has_begun = False  # a byte of the response has come
        self._is_left = False  # before there was a stream
        self._limit_s = math.inf

    @property
    def reads_on(self) -> bool:
        """RFC 9113 §8.1: who has answered resets what it doesn't want to read."""
        return self._stream is None or self._stream.broken is None

    def was_kept(self, mark: float) -> bool:
        return self._carrier.exchanges > 0 or mark - self.connection.opened_mark > _FRESH_S

    # The request

    def send_head(self, head: RequestHead) -> None:
        session = self._session
        if head.method == b"CONNECT" and head.upgrade:
            session.wait_for_settings(_SETTINGS_S)  # RFC 8441 §3
        if self._is_left:
            raise self._broke(StreamBrokenError("was left"))
        if not session.room:
            raise self._broke(StreamBrokenError(session.lost or "takes no more requests", is_unprocessed=True))
        if head.method == b"CONNECT" and head.upgrade and not session.protocol.peer_allows_connect_protocol:
            text = f"{self.connection.where} doesn't take WebSockets over HTTP/2."
            raise SideError(Failure(FailureKind.HTTP_UPGRADE_FAILED, text))
        fields = request_fields(head)
        is_end = head.body_length == 0 and head.method != b"CONNECT"
        self._stream = session.open_stream(fields, is_end=is_end)
        self._stream.read_limit_s = min(session.link.read_limit_s, self._limit_s)
        self._stream.write_limit_s = min(session.link.write_limit_s, self._limit_s)

    def head_text(self, head: RequestHead) -> bytes:
        return raw_text(request_fields(head))

    def send_part(self, part: BodyPart | EndOfMessage) -> None:
        if isinstance(part, BodyPart):
            self._out.append(part.data)
        else:
            self._end = part

    def flush(self) -> None:
        stream, out, end = self._stream, self._out, self._end
        assert stream is not None
        trailers = trailer_fields(end.trailers) if end is not None and end.trailers else ()
        is_end = end is not None and not trailers
        try:
            if out:
                data = out[0] if len(out) == 1 else b"".join(out)
                out.clear()
                stream.send_data(data, is_end=is_end)
            elif is_end:
                stream.end()
            if trailers:
                stream.send_trailers(trailers)
        except StreamBrokenError as error:
            raise ConnectionResetError(errno.ECONNRESET, error.what) from None
        self._end = None

    def send_failure(self, error: OSError) -> Failure:
        where = self.connection.where
        if isinstance(error, TimeoutError):
            limit_s = self._stream.write_limit_s if self._stream is not None else 0
            text = f"{where} took nothing of the request for {limit_s:.0f} seconds."
            return Failure(FailureKind.CONNECTION_WRITE_TIMEOUT, text)
        return Failure(FailureKind.CONNECTION_TERMINATED, f"{where} gave the exchange up while the request was sent.")

    # The response

    def next_head(self) -> Http2ResponseHead:
        item = self._take(wait=True)
        if not isinstance(item, Http2ResponseHead):  # the protocol yields a head first
            raise self._broke(StreamBrokenError("ended the stream"))
        return item

    def part_here(self) -> BodyPart | EndOfMessage | None:
        item = self._take(wait=False)
        assert item is None or isinstance(item, BodyPart | EndOfMessage)
        return item

    def next_part(self) -> BodyPart | EndOfMessage:
        item = self._take(wait=True)
        assert isinstance(item, BodyPart | EndOfMessage)
        return item

    def _take(self, *, wait: bool) -> Item | None:
        stream = self._stream
        assert stream is not None
        try:
            item = stream.take(wait=wait)
        except StreamBrokenError as error:
            raise self._broke(error) from None
        except TimeoutError:
            raise self._waited_in_vain(stream.read_limit_s) from None
        self._has_begun |= item is not None
        return item

    def _broke(self, error: StreamBrokenError) -> SideError:
        where = self.connection.where
        if error.failure is not None:
            if self._session.protocol.peer_speaks_http1:
                failure = Failure(error.failure.kind, f"{where} speaks HTTP/1, and was spoken to in HTTP/2.")
                return SideError(failure, is_unprocessed=True, speaks=_HTTP1)
            return SideError(error.failure, raw=error.raw)
        when = "in the middle of its response" if self._has_begun else "before it answered"
        name = "" if error.code is None else f" ({frame.error_name(error.code)})"
        failure = Failure(FailureKind.CONNECTION_TERMINATED, f"{where} {error.what} {when}{name}.")
        is_unanswered = error.is_connection and not self._has_begun
        return SideError(
            failure, is_unanswered=is_unanswered, is_unprocessed=error.is_unprocessed, reset_code=error.code
        )

    def _waited_in_vain(self, limit_s: float) -> SideError:
        where, limit = self.connection.where, f"{limit_s:.0f} seconds"
        if self._has_begun:
            text = f"{where} sent nothing more for {limit}, in the middle of its response."
            return SideError(Failure(FailureKind.CONNECTION_READ_TIMEOUT, text))
        return SideError(Failure(FailureKind.HTTP_RESPONSE_TIMEOUT, f"{where} did not answer within {limit}."))

    # The end

    def finish(self, *, is_request_whole: bool) -> None:
        self._carrier.exchanges += 1
        if self._stream is None:
            return
        if is_request_whole:
            self._stream.release()
        else:
            self._stream.reset(frame.CANCEL)

    def hurry(self, limit_s: float) -> None:
        self._limit_s = limit_s
        if self._stream is not None:
            self._stream.read_limit_s = min(self._stream.read_limit_s, limit_s)
            self._stream.write_limit_s = min(self._stream.write_limit_s, limit_s)

    def abort(self, reset_code: int | None = None) -> None:
        self._is_left = True
        if self._stream is not None:
            self._stream.reset(frame.CANCEL if reset_code is None else reset_code)

    def close(self) -> None:
        self.abort()

    def detach(self) -> tuple[Link, bytes]:
        assert self._stream is not None
        return Http2StreamLink(self._session, self._stream), b""
