"""SOCKS on a client connection: the handshake, at the end of which a tunnel is wanted, or the connection ends."""

import gevent

from proxy_core.engine.exchange import own_answer
from proxy_core.engine.exchange.services import Services
from proxy_core.engine.links.lingering import end_gently
from proxy_core.engine.links.link import Link
from proxy_core.engine.reception.client_connection import Closed
from proxy_core.engine.reception.tunnel_wanted import TunnelWanted
from proxy_core.engine.recording.report import Report
from proxy_core.model.exchange import ExchangeKind
from proxy_core.model.failure import Failure, FailureKind
from proxy_core.protocols.socks.request import Credentials, Reply, SocksError, SocksReader, SocksRequest


class _RefusedError(Exception):
    """A wrong user name or password."""


class SocksServing:
    """Serves what one client says in SOCKS. As a `TunnelAsker` it answers the request that has come of it."""

    def __init__(
        self, services: Services, link: Link, connection: int, reader: SocksReader, first_bytes: bytes
    ) -> None:
        """Takes over the link. `connection` is the client connection's key in the capture."""
        self._services = services
        self._link = link
        self._reader = reader
        reader.receive(first_bytes)
        self._report = report = services.reporter.open(connection)
        services.reporter.hold(report)
        report.kind = ExchangeKind.TUNNEL
        report.method = "CONNECT"  # SOCKS calls it so, too

    def run(self) -> Closed | TunnelWanted:
        """Hear what is wanted."""
        limit_s = self._services.limits.request_head_s
        try:
            # A limit on the whole: single bytes don't hold a connection for ever.
            with gevent.Timeout(limit_s, TimeoutError()):
                request = self._next_request()
        except SocksError as error:
            kind = FailureKind.HTTP_REQUEST_DENIED if error.is_denial else FailureKind.HTTP_REQUEST_ERROR
            self._end(Failure(kind, error.text), error.reply)
        except _RefusedError:
            self._end(own_answer.WRONG_LOGIN, self._reader.judged(is_good=False))
        except TimeoutError:
            text = f"The client did not finish its SOCKS request within {limit_s:.0f} seconds."
            self._end(Failure(FailureKind.CLIENT_TIMEOUT, text))
        except OSError:
            self._end(Failure(FailureKind.CLIENT_CLOSED, "The client closed the connection within its SOCKS request."))
        else:
            self._report.request_version = self._reader.version
            self._report.host, self._report.port = request
            return TunnelWanted(self, *request, self._report)
        return Closed()

    def _next_request(self) -> SocksRequest:
        """Raises SocksError, _RefusedError, OSError."""
        admission = self._services.admission
        while True:
            part = self._reader.next_part()
            if isinstance(part, SocksRequest):
                return part
            if isinstance(part, Reply):
                self._link.send(part.data)
            elif isinstance(part, Credentials):
                if admission is not None and not admission.admits(*part):
                    raise _RefusedError
                self._link.send(self._reader.judged(is_good=True))
            else:
                data = self._link.receive()
                if not data:
                    raise OSError("the client closed the connection")
                self._reader.receive(data)

    def _end(self, failure: Failure, reply: bytes = b"") -> None:
        self._report.request_version = self._reader.version
        self._services.reporter.fail(self._report, failure)
        try:
            self._link.send(reply)
        except OSError:
            pass
        else:
            end_gently(self._link, self._services.limits.linger_s)
        self._link.close()

    # As the one who asks for a tunnel

    def detach(self) -> tuple[Link, bytes]:
        return self._link, self._reader.leftover()

    def granted(self, report: Report) -> bytes:
        del report  # nothing in it is SOCKS's own
        return self._reader.granted()

    def refuse(self, report: Report, failure: Failure) -> None:
        assert report is self._report
        self._end(failure, self._reader.refused(failure.kind))
