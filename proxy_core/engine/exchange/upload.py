"""A request body on its way upstream, beside the response that may come early.

What lay in the reader's buffer with the head is sent at once with it. The rest is sent by a greenlet of its own: the
relay waits for the response meanwhile. When the upload fails, the upstream connection is reset, which wakes the relay;
it then finds `failure` here. An upstream that only takes no more is no failure yet: it may have answered.
"""

import time
from collections.abc import Callable

import gevent

from proxy_core.engine.links.transport import Link
from proxy_core.engine.recording.report import Report
from proxy_core.engine.upstream.connection import Upstream
from proxy_core.fault_log import caught
from proxy_core.model.exchange import ExchangeState
from proxy_core.model.failure import Failure, FailureKind
from proxy_core.protocols.http1.reader import RequestReader
from proxy_core.protocols.part import BodyPart, EndOfMessage, ProtocolError


class Upload:
    """One request body."""

    def __init__(
        self,
        client: Link,
        reader: RequestReader,
        upstream: Upstream,
        report: Report,
        at_body: Callable[[Report, BodyPart], None],
    ) -> None:
        """`at_body` sees each part before it is sent on."""
        self._client = client
        self._reader = reader
        self._upstream = upstream
        self._report = report
        self._at_body = at_body
        self._greenlet: gevent.Greenlet[..., None] | None = None
        self._is_upstream_open = True
        self.is_done = False  # the whole body was read from the client
        self.failure: Failure | None = None  # the client's fault or leaving, or an upstream that took nothing

    def send_what_is_here(self, head: bytes) -> bool:
        """Send the head and the buffered part of the body. Returns whether that was all.

        Raises ProtocolError (the client's).
        """
        out = [head]
        while (part := self._reader.next_part()) is not None:
            if self._take(part, out):
                break
        self._send(out)
        if self.is_done and self._is_upstream_open:
            self._sent()
        return self.is_done

    def start(self) -> None:
        """Send the rest in the background."""
        self._greenlet = gevent.spawn(self._run)

    def finish(self, *, wait: bool) -> bool:
        """The response is over: let the upload end (`wait`) or end it. Returns whether the body was read whole."""
        if self._greenlet is not None:
            if wait:
                self._greenlet.join()
            else:
                self._greenlet.kill()
        return self.is_done and self.failure is None

    def stop_unless_begun(self) -> bool:
        """Read nothing more from the client, had it not sent a byte of the body. Returns whether that is so."""
        has_begun = self.is_done or self._report.request_bytes > 0
        if not has_begun and self._greenlet is not None:
            self._greenlet.kill()
        return not has_begun

    def _take(self, part: object, out: list[bytes]) -> bool:
        """Record a part and put its bytes on `out`; True at the end of the body."""
        if isinstance(part, BodyPart):
            self._at_body(self._report, part)
            out.append(part.wire)
            return False
        assert isinstance(part, EndOfMessage)
        if part.trailers:
            self._report.request_trailers = part.trailers
        if part.wire:
            out.append(part.wire)
        self.is_done = True
        return True

    def _send(self, out: list[bytes]) -> None:
        link = self._upstream.link
        try:
            link.send(b"".join(out))
        except TimeoutError:
            self._is_upstream_open = False
            self._fail(FailureKind.CONNECTION_WRITE_TIMEOUT, took_nothing(self._upstream))
        except OSError:
            # The upstream takes no more. Its answer may lie in its socket: the relay finds it or the reset; the client
            # is read on, so that it comes to read that answer.
            self._is_upstream_open = False

    def _sent(self) -> None:
        self._report.sent_mark = time.perf_counter()
        self._report.state = max(self._report.state, ExchangeState.WAITING)

    def _run(self) -> None:
        client, reader = self._client, self._reader
        try:
            while not self.is_done:
                part = reader.next_part()
                if part is None:
                    if data := client.receive():
                        reader.receive(data)
                    else:
                        reader.receive_eof()
                    continue
                out: list[bytes] = []
                self._take(part, out)
                if self._is_upstream_open and out:
                    self._send(out)
            if self._is_upstream_open:
                self._sent()
        except ProtocolError as error:
            if reader.is_at_end or error.failure.kind is FailureKind.HTTP_RESPONSE_INCOMPLETE:
                self._fail(FailureKind.CLIENT_CLOSED, error.failure.text)
            else:
                self.failure = error.failure
                self._upstream.link.abort()
        except TimeoutError:
            text = f"The client sent nothing of its request's body for {client.read_limit_s:.0f} seconds."
            self._fail(FailureKind.CLIENT_TIMEOUT, text)
        except OSError:
            text = "The client closed the connection in the middle of its request's body."
            self._fail(FailureKind.CLIENT_CLOSED, text)
        except Exception:  # a border: the relay waits for the response, and nobody else would hear of it
            self._fail(FailureKind.OWN_FAULT, caught("an upload"))

    def _fail(self, kind: FailureKind, text: str) -> None:
        self.failure = Failure(kind, text)
        self._upstream.link.abort()


def took_nothing(upstream: Upstream) -> str:
    """The sentence for an upstream that lets a request wait."""
    return f"{upstream.host}:{upstream.port} took nothing of the request for {upstream.link.write_limit_s:.0f} seconds."
