"""HTTP/1 on a client connection, or inside a tunnel: request after request, each relayed, until the connection ends."""

import ssl

import msgspec

from proxy_core.engine.exchange import own_answer
from proxy_core.engine.exchange.answering import answer
from proxy_core.engine.exchange.relay import ExchangeRelay
from proxy_core.engine.exchange.route import Route
from proxy_core.engine.exchange.services import Services
from proxy_core.engine.links.link import Link
from proxy_core.engine.reception.client_connection import Closed, Ended
from proxy_core.engine.reception.opened_report import open_report, open_unread_report, recorded_head
from proxy_core.engine.reception.tunnel_wanted import ConnectAsker, TunnelWanted
from proxy_core.engine.recording.report import Report
from proxy_core.engine.sides.http1_client import Http1Client
from proxy_core.engine.sides.side import SideError
from proxy_core.engine.trust.admission import Admission
from proxy_core.engine.trust.tls_failure import client_tls_failure
from proxy_core.model.dark_cause import DarkCause
from proxy_core.model.endpoint import endpoint_text
from proxy_core.model.exchange import ExchangeFlag, ExchangeKind
from proxy_core.model.failure import Failure, FailureKind
from proxy_core.protocols.http1.basic import proxy_credentials
from proxy_core.protocols.http1.head import Http1RequestHead, TargetForm
from proxy_core.protocols.via import came_by, has_passed

# Looking a member up on its enum costs 0.05 µs.
_ORIGIN_FORM = TargetForm.ORIGIN
_ASTERISK_FORM = TargetForm.ASTERISK
_REQUEST_INCOMPLETE = int(ExchangeFlag.REQUEST_INCOMPLETE)


class Http1Serving:
    """Serves what one client says in HTTP/1."""

    def __init__(self, services: Services, link: Link, connection: int, route: Route, first_bytes: bytes = b"") -> None:
        """Takes over the link and the route. `connection` is the client connection's key in the capture."""
        self._services = services
        self._reporter = services.reporter
        self._connection = connection
        self._route = route
        self._tunnel = route.tunnel
        scheme, named = "http", b""
        if route.tunnel is not None:
            scheme, host, port = route.tunnel
            named = endpoint_text(host, port).encode("ascii", "replace")
        self._has_served = False
        self._client = Http1Client(
            link,
            services.limits,
            scheme=scheme,
            default_authority=named,
            served=route.served,
            first_bytes=first_bytes,
        )

    def run(self) -> Ended:
        """Serve until the connection ends, or a CONNECT comes that is meant for us. Closes the upstream."""
        client = self._client
        wanted: TunnelWanted | None = None
        try:
            while wanted is None and client.keeps and (head := self._read_head()) is not None:
                wanted = self._serve(head)
        except OSError:
            pass  # between exchanges there is nobody to tell; within one it has been reported
        finally:
            self._route.close()
            if wanted is None:
                client.close()
        return wanted or Closed()

    def _read_head(self) -> Http1RequestHead | None:
        """Read the next head; None when the connection has ended, whether in order or with a reported failure."""
        client = self._client
        try:
            return client.next_request()
        except SideError as unread:
            self._refuse_unread(unread.failure, unread.raw)
        except OSError as error:
            if isinstance(error, ssl.SSLError) and not self._has_served and self._tunnel is not None:
                # In TLS 1.3 a client says only after its handshake that it refuses our certificate.
                report = self._reporter.open(self._connection)
                report.kind = ExchangeKind.TUNNEL
                report.method = "CONNECT"
                _, report.host, report.port = self._tunnel
                self._reporter.fail(report, client_tls_failure(error, report.host))
            elif client.is_mid_head:
                report = self._reporter.open(self._connection)
                report.request_head = recorded_head(self._services, self._tunnel, client.leftover())
                text = "The client reset the connection in the middle of its request's head."
                self._reporter.fail(report, Failure(FailureKind.CLIENT_CLOSED, text))
        return None

    def _refuse_unread(self, failure: Failure, raw: bytes) -> None:
        """Answer what could not be read as a request, and record it with what was read."""
        report = open_unread_report(self._services, self._connection, self._tunnel, raw)
        answer(self._services, self._client, report, own_answer.failure_response(failure), failure)

    def _serve(self, head: Http1RequestHead) -> TunnelWanted | None:
        """See to one request: have it relayed, answer it, or return it."""
        reporter, services, client = self._reporter, self._services, self._client
        self._has_served = True
        if reporter.outbox.is_full:
            reporter.outbox.wait_for_room()
        report = open_report(services, self._connection, self._tunnel, head)
        if has_passed(head.raw, services.pseudonym):
            if head.method == b"CONNECT":
                report.kind = ExchangeKind.TUNNEL
            failure = own_answer.loop_failure(head)
            self._answer_unread(head, report, own_answer.failure_response(failure, head), failure)
            return None
        if services.admission is not None and self._is_refused(head, report, services.admission):
            return None
        if head.method == b"CONNECT":
            return self._take_connect(head, report)
        is_nobodys = self._tunnel is None and self._route.served is None
        if is_nobodys and (head.form is _ORIGIN_FORM or (head.form is _ASTERISK_FORM and not head.host)):
            failure = own_answer.NOT_A_WEB_SERVER
            self._answer_unread(head, report, own_answer.failure_response(failure, head), failure, is_last=True)
            return None
        ExchangeRelay(services, self._route, client, head, report).run()
        return None

    def _is_refused(self, head: Http1RequestHead, report: Report, admission: Admission) -> bool:
        """Whether somebody asks for the proxy's services who may not have them; he is answered then.

        What is inside a tunnel was let in with it, and who comes to an origin that we stand for knows of no proxy.
        """
        names_none = head.form is _ORIGIN_FORM or (head.form is _ASTERISK_FORM and self._route.served is not None)
        if names_none or self._tunnel is not None:
            return False
        credentials = proxy_credentials(head.raw)
        if credentials is not None and admission.admits(*credentials):
            return False
        if head.method == b"CONNECT":
            report.kind = ExchangeKind.TUNNEL
        failure = own_answer.NO_LOGIN if credentials is None else own_answer.WRONG_LOGIN
        self._answer_unread(head, report, own_answer.login_response(failure, head), failure)
        return True

    def _answer_unread(
        self,
        head: Http1RequestHead,
        report: Report,
        response: own_answer.OwnResponse,
        failure: Failure,
        *,
        is_last: bool = False,
    ) -> None:
        """Answer a request whose body, where there is one, nobody has read."""
        if head.body_length:
            report.flags |= _REQUEST_INCOMPLETE
        answer(self._services, self._client, report, response, failure, is_last=is_last)

    def _take_connect(self, head: Http1RequestHead, report: Report) -> TunnelWanted | None:
        if self._tunnel is None:
            self._reporter.hold(report)
            asker = ConnectAsker(self._services, self._client, head)
            return TunnelWanted(asker, head.host, head.port, report, came_by(head.raw))
        # Inside a tunnel it is meant for the proxy at the tunnel's end. That one gets the very bytes, since what
        # concerns a proxy (RFC 9110 §11.7) is for it. Once it has answered, the two are left to themselves, whatever it
        # said: a refusal and a second try, too, are relayed unread.
        report.kind = ExchangeKind.TUNNEL
        report.notes = DarkCause.INNER_PROXY.told(endpoint_text(*self._tunnel[1:]))
        as_came = msgspec.structs.replace(head, forward=head.raw)
        ExchangeRelay(self._services, self._route, self._client, as_came, report).run()
        return None
