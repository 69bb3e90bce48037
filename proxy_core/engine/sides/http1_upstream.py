"""HTTP/1's upstream side: one connection, which carries one exchange at a time."""

import ssl
import time
from collections.abc import Callable

import msgspec

from proxy_core.engine.links.link import Link
from proxy_core.engine.sides.reading import PartReader, await_part
from proxy_core.engine.sides.side import SideError
from proxy_core.engine.trust.tls_failure import upstream_tls_failure
from proxy_core.engine.upstream.connection import UpstreamConnection
from proxy_core.engine.upstream.proxy_tunnel import demand_failure
from proxy_core.model.failure import Failure, FailureKind
from proxy_core.protocols.http1.head import Http1RequestHead, Http1ResponseHead, ResponsePart
from proxy_core.protocols.http1.proxying import absolute_request
from proxy_core.protocols.http1.reader import ResponseReader
from proxy_core.protocols.http1.rewriting import as_http1_request
from proxy_core.protocols.http1.writer import chunk, last_chunk
from proxy_core.protocols.http2.frame import is_settings
from proxy_core.protocols.part import CHUNKED, BodyPart, EndOfMessage, ProtocolError, RequestHead
from proxy_core.protocols.via import via_line

_HTTP2 = "h2"
_MOMENT_S = 0.05
_FRESH_S = 1.0  # since its opening; no origin closes what was opened for a request as soon as that
_clock = time.perf_counter
# RFC 9112 §9.8: an end without close_notify may be an attacker's, and is no end of a message.
_CUT_BY_TLS = Failure(
    FailureKind.HTTP_RESPONSE_INCOMPLETE,
    "The server ended TLS without saying goodbye: the response may be cut short.",
)


class Http1Upstream:
    """A `Carrier` and its one `UpstreamSide`; it owns its connection."""

    def __init__(self, connection: UpstreamConnection) -> None:
        self.connection = connection
        self.exchanges = 0
        self.when_extended: Callable[[], None] | None = None  # HTTP/1.1 has Upgrade in its place
        self.is_busy = False
        self.reads_on = True
        self._link = connection.link
        self._reader = reader = ResponseReader()
        self.part_here = reader.next_body_part
        self._out: list[bytes] = []
        self._is_chunked = False
        self._is_connect = False
        self._is_closed = False
        self._used_mark = 0.0  # `time.perf_counter` seconds when the last exchange ended

    def room(self, *, is_sure: bool) -> int:
        """1 while it seems alive: an end, an error or bytes that nobody asked for (RFC 9112 §9.2) are none to send on.

        Without `is_sure` the system is not asked when the connection was in use a moment ago: no origin grows tired of
        it that soon, and the event loop would have seen most else.
        """
        if self._is_closed or self.is_busy:
            return 0
        link = self._link
        if not is_sure and _clock() - self._used_mark < _MOMENT_S and link.is_quiet():
            return 1
        return 0 if link.is_readable() else 1

    def next_side(self) -> "Http1Upstream":
        self.is_busy = True
        return self

    def was_kept(self, mark: float) -> bool:
        """Browsers open some connections ahead of time; such a tunnel's upstream is as old as the tunnel."""
        return self.exchanges > 0 or mark - self.connection.opened_mark > _FRESH_S

    # The request

    def send_head(self, head: RequestHead) -> None:
        request = head if isinstance(head, Http1RequestHead) else as_http1_request(head)
        self._reader.expect(request.method)
        self._is_chunked = request.body_length == CHUNKED
        self._is_connect = request.method == b"CONNECT"
        connection = self.connection
        if connection.forwarder is None:
            self._out.append(request.forward)
        else:
            via = via_line(head.version, connection.pseudonym)
            self._out.append(absolute_request(request, connection.forwarder, connection.host, connection.port, via))

    def head_text(self, head: RequestHead) -> bytes:
        return as_http1_request(head).forward

    def send_part(self, part: BodyPart | EndOfMessage) -> None:
        if isinstance(part, BodyPart):
            self._out.append((part.wire or chunk(part.data)) if self._is_chunked else part.data)
        elif self._is_chunked:
            self._out.append(part.wire or last_chunk(part.trailers))

    def flush(self) -> None:
        out = self._out
        if out:
            data = out[0] if len(out) == 1 else b"".join(out)
            out.clear()
            self._link.send(data)

    def send_failure(self, error: OSError) -> Failure:
        link, where = self._link, self.connection.where
        if isinstance(error, TimeoutError):
            text = f"{where} took nothing of the request for {link.write_limit_s:.0f} seconds."
            return Failure(FailureKind.CONNECTION_WRITE_TIMEOUT, text)
        try:
            while link.is_readable() and link.receive():
                pass
        except ssl.SSLError as last_word:  # in TLS 1.3 it comes after the handshake
            return upstream_tls_failure(last_word, self.connection.host, self.connection.port)
        except OSError:
            pass
        return Failure(FailureKind.CONNECTION_TERMINATED, f"{where} closed the connection while the request was sent.")

    # The response

    def next_head(self) -> Http1ResponseHead:
        try:
            head = await_part(self._reader, self._link)
        except (ProtocolError, OSError) as error:
            raise self._what_broke(error) from None
        if not isinstance(head, Http1ResponseHead):
            raise self._ended()
        if head.status >= 200:
            self.reads_on = head.keep_alive
            if head.status == 407 and self.connection.forwarder is not None:
                # The demand is for us: a client that were asked would send what is not for this proxy.
                raise SideError(demand_failure(self.connection.forwarder, head.raw))
        # What a proxy behind us says to a CONNECT of its client's is not for us to edit.
        return msgspec.structs.replace(head, forward=head.raw) if self._is_connect else head

    def next_part(self) -> BodyPart | EndOfMessage:
        reader: PartReader[ResponsePart] = self._reader
        try:
            part = await_part(reader, self._link)
        except (ProtocolError, OSError) as error:
            raise self._what_broke(error) from None
        if part is None or isinstance(part, Http1ResponseHead):
            raise self._ended()
        if self._link.is_truncated and isinstance(part, EndOfMessage):
            raise SideError(_CUT_BY_TLS)
        return part

    def _ended(self) -> SideError:
        text = f"{self.connection.where} closed the connection without sending a response."
        failure = Failure(FailureKind.CONNECTION_TERMINATED, text)
        return SideError(failure, is_unanswered=True, speaks=self._may_speak)

    @property
    def _may_speak(self) -> str:
        """What an origin may want that takes TLS, chooses nothing of what it is offered, and ends without a word."""
        connection = self.connection
        return _HTTP2 if connection.scheme == "https" and not connection.alpn and not self.exchanges else ""

    def _what_broke(self, error: ProtocolError | OSError) -> SideError:
        where, has_begun = self.connection.where, self._reader.is_mid_message
        if isinstance(error, ProtocolError):
            if not self.exchanges and is_settings(error.raw):
                text = f"{where} speaks HTTP/2, and was spoken to in HTTP/1."
                failure = Failure(FailureKind.HTTP_PROTOCOL_ERROR, text)
                return SideError(failure, is_unprocessed=True, speaks=_HTTP2)  # RFC 9113 §3.4: it saw no preface
            failure = _CUT_BY_TLS if self._link.is_truncated else error.failure
            if self.connection.forwarder is not None:
                failure = failure._replace(text=f"{where} gave no good answer: {failure.text}")
            return SideError(failure)
        if isinstance(error, TimeoutError):
            limit = f"{self._link.read_limit_s:.0f} seconds"
            if has_begun:
                text = f"{where} sent nothing more for {limit}, in the middle of its response."
                return SideError(Failure(FailureKind.CONNECTION_READ_TIMEOUT, text))
            return SideError(Failure(FailureKind.HTTP_RESPONSE_TIMEOUT, f"{where} did not answer within {limit}."))
        if isinstance(error, ssl.SSLError):  # an alert that TLS 1.3 brings only now, «certificate required» say
            return SideError(upstream_tls_failure(error, self.connection.host, self.connection.port))
        when = "in the middle of its response" if has_begun else "before it answered"
        text = f"{where} reset the connection {when} ({error.strerror or error})."
        failure = Failure(FailureKind.CONNECTION_TERMINATED, text)
        return SideError(failure, is_unanswered=not has_begun, speaks="" if has_begun else self._may_speak)

    # The end

    def finish(self, *, is_request_whole: bool) -> None:
        self.exchanges += 1
        self.is_busy = False
        self._used_mark = _clock()
        if not self.reads_on or not is_request_whole or self._reader.has_surplus:
            self.close()

    def hurry(self, limit_s: float) -> None:
        self._link.read_limit_s = min(self._link.read_limit_s, limit_s)
        self._link.write_limit_s = min(self._link.write_limit_s, limit_s)

    def abort(self, reset_code: int | None = None) -> None:
        del reset_code
        self._is_closed = True
        self.is_busy = False
        self._link.abort()

    def close(self) -> None:
        if not self._is_closed:
            self._is_closed = True
            self.is_busy = False
            self._link.close()

    def detach(self) -> tuple[Link, bytes]:
        self._is_closed = True
        self.is_busy = False
        return self._link, self._reader.leftover()
