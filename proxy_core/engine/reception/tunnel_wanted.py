"""A client that wants a tunnel, in whatever protocol it has asked for one; `Connect` sees to it.

Who asks stays apart from what is done about it: a `TunnelAsker` knows the words of its protocol, and nothing else.
"""

from typing import NamedTuple, Protocol

from proxy_core.engine.exchange import own_answer
from proxy_core.engine.exchange.answering import answer
from proxy_core.engine.exchange.services import Services
from proxy_core.engine.links.link import Link
from proxy_core.engine.recording.report import Report
from proxy_core.engine.sides.http1_client import Http1Client
from proxy_core.model.failure import Failure
from proxy_core.protocols.http1.head import Http1RequestHead

_ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"


class TunnelAsker(Protocol):
    """The client, until it has been answered."""

    def detach(self) -> tuple[Link, bytes]:
        """Hand over the connection, and what has come on it behind the request."""
        ...

    def granted(self, report: Report) -> bytes:
        """What says to the client that it may begin; the report is told of it."""
        ...

    def refuse(self, report: Report, failure: Failure) -> None:
        """Answer that there is no connection to be had, and end the report."""
        ...


class TunnelWanted(NamedTuple):
    """The connection is open, and the next one's to close; the report is held."""

    asker: TunnelAsker
    host: str
    port: int
    report: Report
    came_by: bytes = b""  # the proxies that have passed it on to us (`via.came_by`)


class ConnectAsker:
    """A `TunnelAsker` that has sent a CONNECT (RFC 9110 §9.3.6)."""

    def __init__(self, services: Services, client: Http1Client, head: Http1RequestHead) -> None:
        self._services = services
        self._client = client
        self._head = head

    def detach(self) -> tuple[Link, bytes]:
        return self._client.detach()

    def granted(self, report: Report) -> bytes:
        report.status, report.response_head, report.response_version = 200, _ESTABLISHED, "HTTP/1.1"
        return _ESTABLISHED

    def refuse(self, report: Report, failure: Failure) -> None:
        response = own_answer.failure_response(failure, self._head)
        answer(self._services, self._client, report, response, failure, is_last=True)
