"""HTTP/2's client side: one stream, which carries one exchange."""

from collections.abc import Callable

import gevent

from proxy_core.engine.limits import Limits
from proxy_core.engine.links.link import Link
from proxy_core.engine.sides.http2_session import Http2Session
from proxy_core.engine.sides.http2_stream import Http2Stream, StreamBrokenError
from proxy_core.engine.sides.http2_stream_link import Http2StreamLink
from proxy_core.engine.sides.side import ClientGoneError, SideError
from proxy_core.model.failure import Failure, FailureKind
from proxy_core.protocols.http2 import frame
from proxy_core.protocols.http2.hpack import Fields
from proxy_core.protocols.http2.translation import response_fields, trailer_fields
from proxy_core.protocols.http2.validation import raw_text
from proxy_core.protocols.part import BodyPart, EndOfMessage, ResponseHead


class Http2Client:
    """A `ClientSide`."""

    carries_one = False

    def __init__(self, session: Http2Session, stream: Http2Stream, limits: Limits) -> None:
        self._session = session
        self._stream = stream
        self._is_request_read = False
        self._fields: Fields | None = None  # of the response, not sent yet
        self._out: list[bytes] = []
        self._end: EndOfMessage | None = None
        stream.read_limit_s = limits.request_body_s
        stream.write_limit_s = limits.client_write_s
        self._linger_s = limits.linger_s

    @property
    def has_left(self) -> bool:
        """It sends nothing more."""
        return self._stream.has_left

    @property
    def has_reset(self) -> bool:
        """Nobody wants the response."""
        return self._stream.is_gone

    @property
    def reset_code(self) -> int | None:
        broken = self._stream.broken
        return broken.code if broken is not None else None

    @property
    def fault(self) -> Failure | None:
        broken = self._stream.broken
        return broken.failure if broken is not None else self._session.failure

    def limit_body(self, limit_s: float) -> None:
        self._stream.read_limit_s = limit_s

    @property
    def when_gone(self) -> Callable[[], None] | None:
        """Told that one of these has become true."""
        return self._stream.when_gone

    @when_gone.setter
    def when_gone(self, told: Callable[[], None] | None) -> None:
        self._stream.when_gone = told

    # The request

    def part_here(self) -> BodyPart | EndOfMessage | None:
        return self._next(wait=False)

    def next_part(self) -> BodyPart | EndOfMessage:
        part = self._next(wait=True)
        assert part is not None
        return part

    def _next(self, *, wait: bool) -> BodyPart | EndOfMessage | None:
        try:
            item = self._stream.take(wait=wait)
        except StreamBrokenError as error:
            if error.failure is not None:
                raise SideError(error.failure) from None
            text = f"The client {error.what} in the middle of its request's body."
            raise SideError(Failure(FailureKind.CLIENT_CLOSED, text)) from None
        except TimeoutError:
            text = f"The client sent nothing of its request's body for {self._stream.read_limit_s:.0f} seconds."
            raise SideError(Failure(FailureKind.CLIENT_TIMEOUT, text)) from None
        if item is None:
            return None
        if isinstance(item, BodyPart):
            return item
        assert isinstance(item, EndOfMessage)
        self._is_request_read = True
        return item

    # The response

    def send_interim(self, head: ResponseHead) -> None:
        try:
            self._stream.send_head(response_fields(head))
        except StreamBrokenError:
            raise ClientGoneError from None

    def send_head(self, head: ResponseHead, *, is_last: bool = False) -> None:
        del is_last  # a stream carries one exchange in any case
        self._fields = response_fields(head)

    @property
    def sent_head(self) -> bytes:
        """The text of the final response's head as this client gets it; between `send_head` and `flush`."""
        return raw_text(self._fields or ())

    def send_part(self, part: BodyPart | EndOfMessage) -> None:
        if isinstance(part, BodyPart):
            self._out.append(part.data)
        else:
            self._end = part

    def flush(self) -> None:
        try:
            self._flush()
        except StreamBrokenError:
            raise ClientGoneError from None
        except TimeoutError:
            self._stream.reset(frame.CANCEL)
            raise ClientGoneError from None

    def _flush(self) -> None:
        stream, out, end = self._stream, self._out, self._end
        trailers = trailer_fields(end.trailers) if end is not None and end.trailers else ()
        is_end = end is not None and not trailers
        if self._fields is not None:
            fields, self._fields = self._fields, None
            stream.send_head(fields, is_end=is_end and not out)
            if is_end and not out:
                self._end = None
                return
        if out:
            data = out[0] if len(out) == 1 else b"".join(out)
            out.clear()
            stream.send_data(data, is_end=is_end)
        elif is_end:
            stream.end()
        if trailers:
            stream.send_trailers(trailers)
        self._end = None

    def finish(self, *, is_own: bool = False) -> None:
        del is_own  # no response of one stream can be mistaken for another's
        if self._is_request_read or self._stream.has_ended or self._reads_to_end():
            self._stream.release()
        else:  # RFC 9113 §8.1: the response is whole, and what is left of the request isn't wanted
            self._stream.reset(frame.NO_ERROR)

    def _reads_to_end(self) -> bool:
        """Read on a little; whether the request has come to its end, or was given up.

        There are clients (curl 7.88) to whom a reset that comes with a response's end takes the response back.
        """
        try:
            with gevent.Timeout(self._linger_s, TimeoutError()):
                while not isinstance(self._stream.take(wait=True), EndOfMessage):
                    pass
        except TimeoutError:
            return False
        except StreamBrokenError:
            pass
        return True

    def is_still_there(self) -> bool:
        return not self.has_reset

    def cut_short(self) -> None:
        self._stream.reset(frame.INTERNAL_ERROR)

    def pass_reset(self, code: int) -> bool:
        self._stream.reset(code)
        return True

    def end_unanswered(self) -> None:
        self._stream.reset(frame.INTERNAL_ERROR)

    def abort(self) -> None:
        self._stream.reset(frame.INTERNAL_ERROR)

    def detach(self) -> tuple[Link, bytes]:
        return Http2StreamLink(self._session, self._stream), b""
