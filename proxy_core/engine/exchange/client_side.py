"""The relay's view of its client: the next request, answers of our own, its leaving, and the end of the connection.

One for each client connection (or the inside of an intercepted tunnel), held by its `Http1Relay`. Nothing here knows of
an upstream. While nobody receives, the client's leaving is noticed all the same: `has_left` and `has_reset` then hold,
and the relay is told.
"""

import ssl
import time
from collections.abc import Callable

import gevent

from proxy_core.engine.exchange import own_answer
from proxy_core.engine.exchange.request_heads import UnreadRequestError, next_request_head
from proxy_core.engine.links.transport import Link, PeerState
from proxy_core.engine.recording.report import Report
from proxy_core.engine.services import Services
from proxy_core.engine.trust.tls_failure import client_tls_failure
from proxy_core.fault_log import caught
from proxy_core.model.exchange import ExchangeFlag, ExchangeKind
from proxy_core.model.failure import Failure, FailureKind
from proxy_core.protocols.http1.reader import RequestReader
from proxy_core.protocols.part import RequestHead

# Plain integer: an operation on an enum's member costs 2 µs.
_OWN_RESPONSE = int(ExchangeFlag.OWN_RESPONSE)


class ClientGoneError(Exception):
    """The client took no more."""


class ClientSide:
    """One client connection."""

    def __init__(
        self, services: Services, link: Link, connection: int, scheme: str, authority: tuple[str, int] | None
    ) -> None:
        """`scheme` and `authority` are those of requests that name none; the authority is a tunnel's target."""
        self.link = link
        self.connection = connection
        self.scheme = scheme
        self.authority = authority
        named = b"%b:%d" % (authority[0].encode("ascii", "replace"), authority[1]) if authority else b""
        self.reader = RequestReader(scheme, default_authority=named)
        self.flags = int(ExchangeFlag.INTERCEPTED) if scheme == "https" else 0
        self.has_left = False  # it sends no more; it may still receive
        self.has_reset = False
        self.has_been_served = False
        self._limits = services.limits
        self._reporter = services.reporter

    # Its leaving

    def watch(self, on_gone: Callable[[], None]) -> None:
        """`on_gone` is called in the hub, maybe repeatedly, when the client leaves while nobody receives."""

        def look() -> None:
            state = self.link.look_ahead()
            if state is not PeerState.PRESENT:
                self.has_left = True
                self.has_reset |= state is PeerState.RESET
                on_gone()

        def look_safely() -> None:
            try:
                look()
            except Exception:  # a border: in the hub nobody would hear of it
                caught("looking whether a client has left")
                self.link.abort()

        self.link.on_ahead = look_safely

    def unwatch(self) -> None:
        """Look no more: whoever has the link now receives."""
        self.link.on_ahead = None

    # Its requests

    def next_head(self) -> RequestHead | None:
        """Read the next head; None when the connection has ended, whether in order or with a reported failure."""
        try:
            return next_request_head(self.reader, self.link, self._limits)
        except UnreadRequestError as error:
            self._refuse_unread(error.failure, error.raw)
        except OSError as error:
            if isinstance(error, ssl.SSLError) and not self.has_been_served and self.authority is not None:
                # In TLS 1.3 a client says only after its handshake that it refuses our certificate.
                report = self._reporter.open(self.connection)
                report.kind = ExchangeKind.TUNNEL
                report.method = "CONNECT"
                report.host, report.port = self.authority
                self._reporter.fail(report, client_tls_failure(error, report.host))
            elif self.reader.is_mid_head:
                report = self._reporter.open(self.connection)
                report.request_head = self.reader.leftover()
                text = "The client reset the connection in the middle of its request's head."
                self._reporter.fail(report, Failure(FailureKind.CLIENT_CLOSED, text))
        return None

    def _refuse_unread(self, failure: Failure, raw: bytes) -> None:
        """Answer what could not be read as a request, and record it with what was read."""
        report = self._reporter.open(self.connection)
        report.flags |= self.flags
        report.request_head = raw
        report.scheme = self.scheme
        if self.authority is not None:
            report.host, report.port = self.authority
        report.method = raw.split(b" ", 1)[0][:24].decode("latin-1") if raw[:1].isalpha() else "?"
        self.answer(report, own_answer.failure_response(failure, close=True), failure, keep_alive=False)

    # To it

    def send(self, data: bytes) -> None:
        """Send a part of a response. Raises ClientGoneError."""
        try:
            self.link.send(data)
        except OSError:
            raise ClientGoneError from None

    def answer(
        self, report: Report, response: own_answer.OwnResponse, failure: Failure | None, *, keep_alive: bool
    ) -> bool:
        """Send a response of Harrier's own and record it as such. Returns `keep_alive`."""
        report.flags |= _OWN_RESPONSE
        report.status = response.status
        report.response_head = response.head
        report.content_type = response.content_type
        report.response_mark = time.perf_counter()
        self._reporter.response_body(report, response.body)
        if failure is None:
            self._reporter.complete(report)
        else:
            self._reporter.fail(report, failure)
        try:
            self.link.send(response.head + response.body)
        except OSError:
            return False
        if not keep_alive:
            self.close_gently()
        return keep_alive

    @property
    def has_more_to_say(self) -> bool:
        """Whether bytes of it are left behind its last request, or its end; asks the system."""
        return self.reader.is_mid_head or self.link.is_readable()

    def close_gently(self) -> None:
        """RFC 9112 §9.6: half-close and read on a little, lest a reset wipe out the response on its way."""
        try:
            with gevent.Timeout(self._limits.linger_s, TimeoutError()):
                self.link.send_eof()
                while self.link.receive():
                    pass
        except OSError:
            pass
