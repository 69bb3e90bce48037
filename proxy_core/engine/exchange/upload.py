"""A request body on its way upstream, beside the response that may come early.

What has come with the head is sent at once with it. The rest is sent by a greenlet of its own: the relay waits for the
response meanwhile. When the upload fails, the upstream is given up, which wakes the relay; it then finds `failure`
here. An upstream that only takes no more is no failure yet: it may have answered.
"""

import time
from collections.abc import Callable

import gevent

from proxy_core.engine.recording.report import Report
from proxy_core.engine.sides.side import BodySource, SideError, UpstreamSide
from proxy_core.fault_log import caught
from proxy_core.model.exchange import ExchangeState
from proxy_core.model.failure import Failure, FailureKind
from proxy_core.protocols.part import BodyPart, EndOfMessage


class Upload:
    """One request body."""

    def __init__(
        self,
        source: BodySource,
        upstream: UpstreamSide,
        report: Report,
        record: Callable[[BodyPart | EndOfMessage], None] | None,
    ) -> None:
        """The head has been sent to `upstream`, though not flushed. `record` sees each part before it goes on."""
        self._source = source
        self._upstream = upstream
        self._report = report
        self._record = record
        self._greenlet: gevent.Greenlet[..., None] | None = None
        self._is_upstream_open = True
        self.is_done = False  # the whole body was read from its source
        self.failure: Failure | None = None  # the client's fault or leaving, or an upstream that took nothing

    def send_what_is_here(self) -> bool:
        """Send the head and what has come of the body. Returns whether that was all. Raises SideError, the client's."""
        while not self.is_done and (part := self._source.part_here()) is not None:
            self._take(part)
        self._flush()
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

    def _take(self, part: BodyPart | EndOfMessage) -> None:
        if self._record is not None:
            self._record(part)
        if self._is_upstream_open:
            self._upstream.send_part(part)
        self.is_done = isinstance(part, EndOfMessage)

    def _flush(self) -> None:
        try:
            self._upstream.flush()
        except TimeoutError as error:
            self._is_upstream_open = False
            self._fail(self._upstream.send_failure(error))
        except OSError:
            # The upstream takes no more. Its answer may lie in its socket: the relay finds it or the reset; the client
            # is read on, so that it comes to read that answer.
            self._is_upstream_open = False

    def _sent(self) -> None:
        self._report.sent_mark = time.perf_counter()
        self._report.state = max(self._report.state, ExchangeState.WAITING)

    def _run(self) -> None:
        try:
            while not self.is_done:
                self._take(self._source.next_part())
                if self._is_upstream_open:
                    self._flush()
            if self._is_upstream_open:
                self._sent()
        except SideError as error:
            self._fail(error.failure)
        except Exception:  # a border: the relay waits for the response, and nobody else would hear of it
            self._fail(Failure(FailureKind.OWN_FAULT, caught("an upload")))

    def _fail(self, failure: Failure) -> None:
        self.failure = failure
        self._upstream.abort()
