"""HTTP/1 between one client connection and its upstream: exchange after exchange, in order.

An ordinary blocking loop in the client's greenlet. It shows the four points at which rules will act:
`_at_request_head`, `_at_request_body`, `_at_response_head`, `_at_response_body`. A request whose body is not here yet
is uploaded by a second greenlet, so that an interim or an early final response reaches the client while the body is
still on its way.

Bodies pass through as they arrive: what one `receive` brings is sent on before the next, so a slow reader on one side
slows the other, and memory stays flat. The report of an exchange is completed before its last bytes are sent.
"""

import time

from proxy_core.engine.exchange import own_answer
from proxy_core.engine.exchange.client_side import ClientGoneError, ClientSide
from proxy_core.engine.exchange.response_parts import ResponseFailedError, next_response_part, send_failure
from proxy_core.engine.exchange.tunnel import relay_tunnel
from proxy_core.engine.exchange.upload import Upload, took_nothing
from proxy_core.engine.links.transport import Link
from proxy_core.engine.recording.report import Report
from proxy_core.engine.services import Services
from proxy_core.engine.upstream.connection import Upstream, connect_upstream
from proxy_core.engine.upstream.connector import UpstreamError
from proxy_core.fault_log import caught
from proxy_core.model.exchange import ExchangeFlag, ExchangeKind, ExchangeState
from proxy_core.model.failure import Failure, FailureKind
from proxy_core.protocols.http1.writer import with_close, without_chunking
from proxy_core.protocols.part import (
    CHUNKED,
    UNTIL_CLOSE,
    BodyPart,
    EndOfMessage,
    ProtocolError,
    RequestHead,
    ResponseHead,
    TargetForm,
)

# RFC 9110 §9.2.2: what may be sent again without asking; only where no body was sent either.
_IDEMPOTENT = frozenset((b"GET", b"HEAD", b"OPTIONS", b"TRACE", b"PUT", b"DELETE"))
_WAITED_IN_VAIN = (FailureKind.HTTP_RESPONSE_TIMEOUT, FailureKind.CONNECTION_READ_TIMEOUT)
_clock = time.perf_counter
# Plain integers: an operation on an enum's member costs 2 µs, and these are set for each exchange.
_UPSTREAM_REUSED = int(ExchangeFlag.UPSTREAM_REUSED)
_REQUEST_INCOMPLETE = int(ExchangeFlag.REQUEST_INCOMPLETE)
_RESPONSE_INCOMPLETE = int(ExchangeFlag.RESPONSE_INCOMPLETE)
_WAITING = int(ExchangeState.WAITING)
_RESPONDING = int(ExchangeState.RESPONDING)


class Http1Relay:
    """Serves one client connection (or the inside of one intercepted tunnel) until it ends."""

    def __init__(
        self,
        services: Services,
        client: Link,
        connection: int,
        *,
        scheme: str = "http",
        authority: tuple[str, int] | None = None,
        server_name: str = "",
        upstream: Upstream | None = None,
        first_error: UpstreamError | None = None,
        first_bytes: bytes = b"",
    ) -> None:
        """`authority` is the CONNECT target inside a tunnel: every request goes there, whatever its Host says.
        `server_name` is the tunnel's too: whom the client asked for by SNI, as often as the upstream is made anew.

        `upstream` may be prepared; `first_error` answers the first request where preparing it failed.
        """
        self.services = services
        self._client = ClientSide(services, client, connection, scheme, authority)
        self._reporter = services.reporter
        self._scheme = scheme
        self._authority = authority
        self._server_name = server_name
        self._upstream = upstream
        self._first_error = first_error
        self.connect_request: tuple[RequestHead, Report] | None = None
        if first_bytes:
            self._client.reader.receive(first_bytes)

    def run(self) -> None:
        """Serve until the connection ends; closes both sides.

        A CONNECT ends it too, and leaves the client open: the request is in `connect_request`, for the caller.
        """
        client = self._client
        client.watch(self._on_client_gone)
        try:
            while True:
                head = client.next_head()
                if head is None or not self._serve(head):
                    break
        except (OSError, ClientGoneError):
            pass  # between exchanges there is nobody to tell, within one it has been reported
        finally:
            client.unwatch()
            if self.connect_request is None:
                client.link.close()
            if self._upstream is not None:
                self._upstream.close()

    def leftover(self) -> bytes:
        """What the client has sent behind the last request that was read."""
        return self._client.reader.leftover()

    def _on_client_gone(self) -> None:
        # Runs in the hub.
        if self._upstream is not None:
            self._let_go(self._upstream)

    def _let_go(self, upstream: Upstream) -> None:
        """The client has left. After a reset nobody wants the response.

        An end may be half of one (RFC 9112 §9.6): then it is still waited for, though not for long if the upstream is
        silent.
        """
        link = upstream.link
        if self._client.has_reset:
            link.abort()
        else:
            link.read_limit_s = min(link.read_limit_s, self.services.limits.half_closed_s)

    # One exchange

    def _serve(self, head: RequestHead) -> bool:
        """Relay one exchange. Returns whether the connection can carry another."""
        reporter = self._reporter
        client = self._client
        client.has_been_served = True
        if reporter.is_full:
            reporter.wait_for_room()
        report = reporter.open(client.connection)
        report.request_head = head.raw
        report.method = head.method.decode("ascii")
        report.notes = head.notes
        report.flags = client.flags
        if head.body_length == 0:
            client.reader.next_part()  # the end of the message
        if head.method == b"CONNECT":
            if self._authority is not None:
                return self._pass_connect_on(report, head, *self._authority)
            report.is_held = True
            self.connect_request = head, report
            return False
        report.scheme = head.scheme
        report.host, report.port = head.host, head.port
        report.path = head.origin_target.decode("utf-8", "replace")
        authority = self._authority
        if authority is None:
            if head.form is TargetForm.ORIGIN or (head.form is TargetForm.ASTERISK and not head.host):
                failure = own_answer.NOT_A_WEB_SERVER
                response = own_answer.failure_response(failure, close=True, request=head)
                return client.answer(report, response, failure, keep_alive=False)
            authority = head.host, head.port
            scheme = head.scheme
        else:
            scheme = report.scheme = self._scheme
            if (head.host, head.port) != authority and not report.notes:
                report.notes = f"Sent to {authority[0]}:{authority[1]}, though its Host says {head.host}:{head.port}."
        if head.max_forwards == 0 and head.method in (b"TRACE", b"OPTIONS"):
            # RFC 9110 §7.6.2: the last hop that the client asked for is this one.
            return client.answer(report, own_answer.last_hop_response(head), None, keep_alive=False)
        return self._relay(report, head, scheme, *authority)

    def _pass_connect_on(self, report: Report, head: RequestHead, host: str, port: int) -> bool:
        """Relay a CONNECT that comes inside a tunnel: it is meant for the proxy at the tunnel's end.

        That proxy gets the very bytes, since what concerns a proxy (RFC 9110 §11.7) is for it. Once it has answered,
        the two are left to themselves, whatever it said: a refusal and a second try, too, are relayed unread.
        """
        report.kind = ExchangeKind.TUNNEL
        report.host, report.port = head.host, head.port
        report.notes = f"Asked of the proxy {host}:{port}, inside a tunnel to it."
        return self._relay(report, head._replace(forward=head.raw), self._scheme, host, port)

    def _relay(self, report: Report, head: RequestHead, scheme: str, host: str, port: int) -> bool:
        upload: Upload | None = None
        try:
            self._at_request_head(report, head)
            can_repeat = head.body_length == 0 and head.method in _IDEMPOTENT
            upstream = self._upstream_for(report, scheme, host, port, can_repeat=can_repeat)
            try:
                upload = self._send_request(report, head, upstream)
                keep_alive = self._relay_response(report, head, upstream, upload)
            except ResponseFailedError as error:
                is_end = error.is_upstreams_end and upstream.was_kept(report.ready_mark)
                if not is_end or report.interim or self._client.has_reset:
                    raise
                if not can_repeat:
                    return self._leave_unanswered(report, head, error.failure, upload)
                upstream.close()
                self._upstream = None
                upstream = self._upstream_for(report, scheme, host, port, can_repeat=False)
                upload = self._send_request(report, head, upstream)
                keep_alive = self._relay_response(report, head, upstream, upload)
        except UpstreamError as error:
            report.upstream_connection = error.connection
            return self._fail(report, head, error.failure, upload)
        except ResponseFailedError as error:
            return self._fail(report, head, error.failure, upload, needs_reset=error.needs_reset)
        except ClientGoneError:
            self._drop_upstream(upload)
            text = "The client closed the connection before it had the whole response."
            self._reporter.fail(report, Failure(FailureKind.CLIENT_CLOSED, text))
            return False
        except Exception:  # a border: our own fault costs this exchange and its connection, and is told
            return self._fail(report, head, Failure(FailureKind.OWN_FAULT, caught("a relay")), upload)
        return keep_alive

    def _upstream_for(self, report: Report, scheme: str, host: str, port: int, *, can_repeat: bool) -> Upstream:
        """The upstream for this exchange, connected if need be. Raises UpstreamError."""
        upstream = self._upstream
        if upstream is not None and not (
            upstream.serves(scheme, host, port) and upstream.is_alive(is_sure=not can_repeat)
        ):
            upstream.close()
            upstream = self._upstream = None
        if upstream is not None and not upstream.exchanges:
            report.began_earlier(upstream.spent_us)  # opened before the request came that it was opened for
        elif upstream is None:
            error, self._first_error = self._first_error, None
            if error is not None:
                report.began_earlier(error.spent_us)
                raise error
            upstream = self._upstream = connect_upstream(self.services, scheme, host, port, self._server_name)
            if self._client.has_left:
                self._let_go(upstream)
        if upstream.exchanges:
            report.flags |= _UPSTREAM_REUSED
        else:
            report.flags &= ~_UPSTREAM_REUSED  # a retry has left the reused one
            report.dns_us, report.connect_us, report.tls_us = upstream.dns_us, upstream.connect_us, upstream.tls_us
        report.upstream_connection = upstream.connection
        report.ready_mark = _clock()
        return upstream

    def _send_request(self, report: Report, head: RequestHead, upstream: Upstream) -> Upload | None:
        """Send the head and as much of the body as is here; an `Upload` sends the rest."""
        upstream.reader.expect(head.method)
        try:
            if head.body_length == 0:
                upstream.link.send(head.forward)
                report.state = _WAITING
                report.sent_mark = _clock()
                return None
            upload = Upload(self._client.link, self._client.reader, upstream, report, self._at_request_body)
            if not upload.send_what_is_here(head.forward):
                upload.start()
            return upload
        except ProtocolError as error:
            raise ResponseFailedError(error.failure) from None
        except TimeoutError:
            failure = Failure(FailureKind.CONNECTION_WRITE_TIMEOUT, took_nothing(upstream))
            raise ResponseFailedError(failure) from None
        except OSError:
            raise ResponseFailedError(send_failure(upstream), is_upstreams_end=True) from None

    # The response

    def _relay_response(self, report: Report, head: RequestHead, upstream: Upstream, upload: Upload | None) -> bool:
        response = self._read_response_head(report, head, upstream, upload)
        report.response_mark = _clock()
        report.response_head = response.raw
        report.status = response.status
        report.content_type = response.content_type
        report.state = _RESPONDING
        if response.notes:
            report.notes = f"{report.notes}\n{response.notes}" if report.notes else response.notes
        self._at_response_head(report, response)
        if response.status == 101:
            return self._switch_protocols(report, response, upstream, upload)
        if head.method == b"CONNECT":
            return self._switch_protocols(report, response._replace(forward=response.raw), upstream, upload)
        keep_alive = head.keep_alive and head.minor >= 1 and response.body_length != UNTIL_CLOSE
        says_close = not keep_alive
        if upload is not None and not upload.is_done and not response.connection_auth:
            # RFC 9110 §10.1.1: who answers before he has the body says whether he reads on. Clients that were refused
            # send their next request where the body belongs, so none is invited. NTLM alone goes on on this connection,
            # and its clients know that the body is owed.
            keep_alive = False
            # WORKAROUND curl 7.88: it sends again, without the expectation, what a 417 has refused without «close». It
            # does see that the connection ends all the same.
            says_close = not self._is_refused(head, response, upload) or response.status != 417
        forward = response.forward
        if head.minor == 0:
            forward = without_chunking(forward)
        if says_close:
            forward = with_close(forward)
        dechunk = response.body_length == CHUNKED and head.minor == 0
        try:
            self._relay_response_body(report, upstream, upload, forward, dechunk=dechunk)
        except ResponseFailedError as error:
            # RFC 9112 §8: what is cut short must look so, and where only the close tells the end, that takes a reset.
            error.needs_reset = dechunk or response.body_length == UNTIL_CLOSE
            raise
        upstream.exchanges += 1
        upstream.used_mark = report.received_mark
        if upload is not None and not upload.is_done:
            keep_alive = self._end_upload(report, head, response, upload) and keep_alive
        if not response.keep_alive or upstream.reader.has_surplus or (upload is not None and not upload.is_done):
            upstream.close()
            self._upstream = None
        if not keep_alive and ((upload is not None and not upload.is_done) or self._client.has_more_to_say):
            self._client.close_gently()
        return keep_alive

    @staticmethod
    def _is_refused(head: RequestHead, response: ResponseHead, upload: Upload) -> bool:
        """Whether a client that asked before sending its body was told no, and has sent nothing. It is read no more."""
        # A status below 300 refuses nothing: there are origins that begin to answer and then read.
        return head.expect_continue and response.status >= 300 and upload.stop_unless_begun()

    def _end_upload(self, report: Report, head: RequestHead, response: ResponseHead, upload: Upload) -> bool:
        """The response is over before the request's body. Returns whether that came to be read whole."""
        # Where the origin reads on, so do we: it may use what comes, and some clients read no response before they have
        # sent everything. Who waited for a 100 and was told something else has nothing to send.
        has_nothing = head.expect_continue and not response.connection_auth and upload.stop_unless_begun()
        is_whole = upload.finish(wait=response.keep_alive and not has_nothing)
        if not is_whole:
            report.flags |= _REQUEST_INCOMPLETE
        self._reporter.complete(report)
        return is_whole

    def _read_response_head(
        self, report: Report, head: RequestHead, upstream: Upstream, upload: Upload | None
    ) -> ResponseHead:
        """The final response's head; interim ones are passed on and recorded as they come."""
        while True:
            part = next_response_part(upstream, upload)
            assert isinstance(part, ResponseHead)
            if part.status >= 200:
                return part
            if part.status == 101:
                if head.upgrade:
                    return part
                text = "The server switched protocols though the request had not asked for it."
                raise ResponseFailedError(Failure(FailureKind.HTTP_PROTOCOL_ERROR, text))
            self._reporter.interim(report, part.raw)
            if head.minor >= 1:  # RFC 9110 §15.2: never to an HTTP/1.0 client
                self._client.send(part.forward)

    def _relay_response_body(
        self, report: Report, upstream: Upstream, upload: Upload | None, forward: bytes, *, dechunk: bool
    ) -> None:
        reader, reporter = upstream.reader, self._reporter
        out = [forward]
        while True:
            try:
                part = reader.next_part()
            except ProtocolError as error:
                self._client.send(b"".join(out))
                raise ResponseFailedError(error.failure) from None
            if part is None:
                self._client.send(out[0] if len(out) == 1 else b"".join(out))
                out.clear()
                reporter.changed(report)
                part = next_response_part(upstream, None)
            if isinstance(part, BodyPart):
                self._at_response_body(report, part)
                reporter.response_body(report, part.data)
                out.append(part.data if dechunk else part.wire)
                continue
            assert isinstance(part, EndOfMessage)
            if part.trailers:
                report.response_trailers = part.trailers
            if part.wire and not dechunk:
                out.append(part.wire)
            break
        if upload is None or upload.is_done:
            reporter.complete(report)
        if out:
            self._client.send(out[0] if len(out) == 1 else b"".join(out))

    def _switch_protocols(
        self, report: Report, response: ResponseHead, upstream: Upstream, upload: Upload | None
    ) -> bool:
        # RFC 9110 §7.8: from here on the connection belongs to the new protocol, the client's side of it once its
        # request is whole.
        if response.upgrade.lower() == b"websocket":
            report.kind = ExchangeKind.WEBSOCKET
        self._client.send(response.forward)
        if upload is not None:
            upload.finish(wait=True)
            if upload.failure is not None:
                raise ResponseFailedError(upload.failure)
        self._upstream = None
        self._client.unwatch()  # a tunnel passes the end on
        early_up, early_down = self._client.reader.leftover(), upstream.reader.leftover()
        relay_tunnel(self.services, report, self._client.link, upstream.link, early_up, early_down)
        return False

    # Failures

    def _leave_unanswered(self, report: Report, head: RequestHead, failure: Failure, upload: Upload | None) -> bool:
        """Close the client's connection as the origin has closed its own, which was kept open and brought no byte.

        RFC 9110 §9.2.2: a proxy must not repeat such a request, but the client may, and knows how: without us it would
        see exactly this. (A fresh upstream for each of them instead would cost a handshake every time and end an NTLM
        session; an answer of ours would look final.)
        """
        self._drop_upstream(upload)
        if upload is not None and not upload.is_done:
            report.flags |= _REQUEST_INCOMPLETE
        method = head.method.decode("ascii")
        text = f"{failure.text} It had been kept open before; only the client may repeat its {method}."
        self._reporter.fail(report, Failure(failure.kind, text))
        return False

    def _fail(
        self, report: Report, head: RequestHead, failure: Failure, upload: Upload | None, *, needs_reset: bool = False
    ) -> bool:
        """Answer with the failure, or cut the client off where the response has begun already."""
        if upload is not None and upload.failure is not None:
            failure = upload.failure
        if self._client.has_reset or (self._client.has_left and failure.kind in _WAITED_IN_VAIN):
            # That was our own doing: who leaves is not waited for.
            when = "it had the whole response" if report.response_head else "the response came"
            failure = Failure(FailureKind.CLIENT_CLOSED, f"The client left before {when}.")
        request_is_read = head.body_length == 0 or (upload is not None and upload.is_done and upload.failure is None)
        self._drop_upstream(upload)
        if failure.kind is FailureKind.CLIENT_CLOSED:
            if not request_is_read:
                report.flags |= _REQUEST_INCOMPLETE
            if report.response_head:
                report.flags |= _RESPONSE_INCOMPLETE
            self._reporter.fail(report, failure)
            return False
        if report.response_head:
            report.flags |= _RESPONSE_INCOMPLETE
            self._reporter.fail(report, failure)
            if needs_reset:
                self._client.link.abort()
            else:
                self._client.close_gently()  # a reset would take back what a slow client hasn't read yet
            return False
        keep_alive = request_is_read and head.keep_alive and head.minor >= 1
        keep_alive = keep_alive and failure.kind is not FailureKind.OWN_FAULT  # who knows what state it has left
        response = own_answer.failure_response(failure, close=not keep_alive, request=head)
        return self._client.answer(report, response, failure, keep_alive=keep_alive)

    def _drop_upstream(self, upload: Upload | None) -> None:
        if upload is not None and not upload.is_done:
            upload.finish(wait=False)
        if self._upstream is not None:
            self._upstream.link.abort()
            self._upstream = None

    # The four points where rules will act. Each sees the report and the part, before it is sent on.

    def _at_request_head(self, report: Report, head: RequestHead) -> None:
        pass

    def _at_request_body(self, report: Report, part: BodyPart) -> None:
        self._reporter.request_body(report, part.data)

    def _at_response_head(self, report: Report, head: ResponseHead) -> None:
        pass

    def _at_response_body(self, report: Report, part: BodyPart) -> None:
        pass
