"""HTTP/1's client side: one connection, which carries exchange after exchange.

It decides what the connection's persistence and the client's version ask of a response's head (RFC 9112 §9.3), and
whether another request may follow (`keeps`). Other exchanges' parts come in no framing of ours and get one here.
"""

import time
from collections.abc import Callable

import gevent

from proxy_core.engine.limits import Limits
from proxy_core.engine.links.lingering import end_gently
from proxy_core.engine.links.link import Link, PeerState
from proxy_core.engine.sides.reading import await_part
from proxy_core.engine.sides.side import ClientGoneError, SideError
from proxy_core.fault_log import caught
from proxy_core.model.failure import Failure, FailureKind
from proxy_core.model.ways_in import Origin
from proxy_core.protocols.http1.head import Http1RequestHead, Http1ResponseHead
from proxy_core.protocols.http1.reader import RequestReader
from proxy_core.protocols.http1.rewriting import as_http1_response
from proxy_core.protocols.http1.writer import chunk, last_chunk, with_close, without_chunking
from proxy_core.protocols.part import CHUNKED, UNTIL_CLOSE, BodyPart, EndOfMessage, ProtocolError, ResponseHead

_LOOK_S = 0.02  # between two looks for a reset
_clock = time.perf_counter


class Http1Client:
    """A `ClientSide`. Ask it for `next_request`, then have the exchange relayed, as long as it `keeps`."""

    carries_one = True
    fault: Failure | None = None  # what can't be read deserves an answer in HTTP/1

    def __init__(
        self,
        link: Link,
        limits: Limits,
        *,
        scheme: str = "http",
        default_authority: bytes = b"",
        served: Origin | None = None,
        first_bytes: bytes = b"",
    ) -> None:
        """Scheme and authority are those of requests that name none: inside a tunnel, those of the CONNECT.

        With `served`, requests without a host in their target are for that origin, whatever their Host says.
        """
        self.link = link
        self._limits = limits
        self._reader = RequestReader(scheme, default_authority=default_authority, served=served)
        if first_bytes:
            self._reader.receive(first_bytes)
        self._out: list[bytes] = []
        self._head: Http1RequestHead | None = None  # of the request that is being answered, None if it can't be read
        self._head_since = 0.0
        self._has_waited = False
        self._has_body_begun = False
        self._is_request_read = True
        self._is_chunked = False  # the response goes out so
        self._ends_by_close = False  # nothing else tells the end of the response
        self.keeps = True
        self.has_left = self.has_reset = False
        self.reset_code: int | None = None  # HTTP/1 has no such word
        self.when_gone: Callable[[], None] | None = None
        link.on_ahead = self._look_ahead

    @property
    def is_mid_head(self) -> bool:
        """Some bytes of a head are here, but not all."""
        return self._reader.is_mid_head

    def leftover(self) -> bytes:
        """Take what has come and was not read."""
        return self._reader.leftover()

    def _look_ahead(self) -> None:
        # Runs in the hub: something has come while an exchange is under way.
        try:
            state = self.link.look_ahead()
            if state is PeerState.PRESENT:
                return
            self.has_left = True
            self.has_reset |= state is PeerState.RESET
            if self.when_gone is not None:
                self.when_gone()
        except Exception:  # a border: in the hub nobody would hear of it
            caught("looking whether a client has left")
            self.link.abort()

    # The request

    def next_request(self) -> Http1RequestHead | None:
        """The next request's head; None when the client ended the connection, or stayed silent, between requests.

        Raises SideError where what came deserves an answer, OSError.
        """
        reader, link, limits = self._reader, self.link, self._limits
        self._head = None
        self._head_since = 0.0
        self._has_waited = self._has_body_begun = False
        link.read_limit_s = limits.idle_s
        try:
            part = await_part(reader, link, self._limit_head)
        except ProtocolError as error:
            raise SideError(error.failure, raw=error.raw) from None
        except TimeoutError:
            if not reader.is_mid_head:
                return None
            text = f"The client did not finish its request's head within {limits.request_head_s:.0f} seconds."
            raise SideError(Failure(FailureKind.CLIENT_TIMEOUT, text), raw=reader.leftover()) from None
        if part is None:
            return None
        assert isinstance(part, Http1RequestHead)
        link.read_limit_s = limits.request_body_s
        self._head = part
        self._is_request_read = part.body_length == 0
        if self._is_request_read:
            reader.next_body_part()  # the end of the message
        return part

    def _limit_head(self) -> None:
        """A limit on the whole head, with the empty lines before it: one byte a minute doesn't hold a connection."""
        has_begun = self._has_waited or self._reader.is_mid_head
        self._has_waited = True
        if has_begun:
            self._head_since = self._head_since or _clock()
            self.link.read_limit_s = self._limits.request_head_s - (_clock() - self._head_since)
            if self.link.read_limit_s <= 0:
                raise TimeoutError

    def limit_body(self, limit_s: float) -> None:
        self.link.read_limit_s = limit_s

    def part_here(self) -> BodyPart | EndOfMessage | None:
        try:
            part = self._reader.next_part()
        except ProtocolError as error:
            raise SideError(error.failure) from None
        return None if part is None else self._noted(part)

    def next_part(self) -> BodyPart | EndOfMessage:
        link = self.link
        try:
            return self._noted(await_part(self._reader, link))
        except ProtocolError as error:
            raise SideError(error.failure) from None
        except TimeoutError:
            text = f"The client sent nothing of its request's body for {link.read_limit_s:.0f} seconds."
            raise SideError(Failure(FailureKind.CLIENT_TIMEOUT, text)) from None
        except OSError:
            text = "The client closed the connection in the middle of its request's body."
            raise SideError(Failure(FailureKind.CLIENT_CLOSED, text)) from None

    def _noted(self, part: object) -> BodyPart | EndOfMessage:
        if isinstance(part, BodyPart):
            self._has_body_begun = True
            return part
        assert isinstance(part, EndOfMessage)
        self._is_request_read = True
        return part

    # The response

    def send_interim(self, head: ResponseHead) -> None:
        assert self._head is not None
        if self._head.minor:  # RFC 9110 §15.2: never to an HTTP/1.0 client
            self._out.append(as_http1_response(head, self._head.method).forward)
            self.flush()

    def send_head(self, head: ResponseHead, *, is_last: bool = False) -> None:
        request = self._head
        if isinstance(head, Http1ResponseHead):
            response = head
        else:
            response = as_http1_response(head, b"" if request is None else request.method)
        length = response.body_length
        if length >= 0 and request is not None and request.keep_alive and self._is_request_read and not is_last:
            # The usual case: nothing about the connection has to be said.
            self._is_chunked = self._ends_by_close = False
            self._out.append(response.forward)
        elif response.status == 101:
            self._out.append(response.forward)
        else:
            self._send_edited(response, request, is_last=is_last)

    def _send_edited(self, response: Http1ResponseHead, request: Http1RequestHead | None, *, is_last: bool) -> None:
        """Begin a response whose head has to say how it, or the connection, ends."""
        forward = response.forward
        self._is_chunked = response.body_length == CHUNKED
        self._ends_by_close = response.body_length == UNTIL_CLOSE
        if request is None or not request.minor:
            # RFC 9112 §6.1: an HTTP/1.0 client doesn't know chunks; its body ends with the connection.
            forward = without_chunking(forward)
            self._ends_by_close |= self._is_chunked
            self._is_chunked = False
        keeps = request is not None and request.keep_alive and not self._ends_by_close and not is_last
        says_close = not keeps
        if keeps and request is not None and not self._is_request_read and not response.connection_auth:
            # RFC 9110 §10.1.1: who answers before he has the body says whether he reads on. Clients that were refused
            # send their next request where the body belongs, so none is invited. NTLM alone goes on on this connection,
            # and its clients know that the body is owed.
            keeps = False
            # WORKAROUND curl 7.88: it sends again, without the expectation, what a 417 has refused without «close». It
            # does see that the connection ends all the same.
            was_refused = request.expect_continue and not self._has_body_begun
            says_close = not was_refused or response.status != 417
        self.keeps = keeps
        self._out.append(with_close(forward) if says_close else forward)

    @property
    def sent_head(self) -> bytes:
        """The text of the final response's head as this client gets it; between `send_head` and `flush`."""
        return self._out[-1]

    def send_part(self, part: BodyPart | EndOfMessage) -> None:
        if isinstance(part, BodyPart):
            self._out.append((part.wire or chunk(part.data)) if self._is_chunked else part.data)
        elif self._is_chunked:
            self._out.append(part.wire or last_chunk(part.trailers))

    def flush(self) -> None:
        out = self._out
        if not out:
            return
        data = out[0] if len(out) == 1 else b"".join(out)
        out.clear()
        try:
            self.link.send(data)
        except OSError:
            self.keeps = False
            raise ClientGoneError from None

    def finish(self, *, is_own: bool = False) -> None:
        is_request_read = self._is_request_read
        if self.keeps and is_request_read:
            return
        self.keeps = False
        if is_own or not is_request_read or self._reader.is_mid_head or self.link.is_readable():
            self._close_gently()

    def is_still_there(self) -> bool:
        end_mark = _clock() + self._limits.linger_s
        while not self.has_reset and _clock() < end_mark:
            gevent.sleep(_LOOK_S)
            self._look_ahead()
        return not self.has_reset

    def cut_short(self) -> None:
        self.keeps = False
        # RFC 9112 §8: what is cut short must look so, and where only the close tells the end, that takes a reset.
        # Elsewhere a reset would take back what a slow client hasn't read yet.
        if self._ends_by_close:
            self.link.abort()
        else:
            self._close_gently()

    def pass_reset(self, code: int) -> bool:
        del code
        return False

    def end_unanswered(self) -> None:
        self.keeps = False

    def abort(self) -> None:
        self.keeps = False
        self.link.abort()

    def detach(self) -> tuple[Link, bytes]:
        self.keeps = False
        self.link.on_ahead = None  # a tunnel passes the end on
        return self.link, self._reader.leftover()

    def close(self) -> None:
        """Close in order."""
        self.link.on_ahead = None
        self.link.close()

    def _close_gently(self) -> None:
        end_gently(self.link, self._limits.linger_s)
