"""After a 101 (RFC 9110 §7.8): the connection belongs to the new protocol, and is relayed unread."""

from proxy_core.engine.report import Report
from proxy_core.engine.services import Services
from proxy_core.engine.transport import Link
from proxy_core.engine.tunnel import relay_tunnel
from proxy_core.model.exchange import ExchangeKind
from proxy_core.model.failure import Failure, FailureKind
from proxy_core.protocols.http1_parts import ResponseHead


def relay_switched(
    services: Services,
    report: Report,
    response: ResponseHead,
    client: Link,
    upstream: Link,
    early_up: bytes,
    early_down: bytes,
) -> None:
    """Relay until both sides have ended, and finish the report. The 101 has been sent on.

    The early bytes came behind the request and behind the 101. Closes both links.
    """
    reporter = services.reporter
    if response.upgrade.lower() == b"websocket":
        report.kind = ExchangeKind.WEBSOCKET

    def from_client(count: int) -> None:
        report.request_bytes += count
        reporter.changed(report)

    def from_upstream(count: int) -> None:
        report.response_bytes += count
        reporter.changed(report)

    reporter.changed(report)
    try:
        if early_down:
            client.send(early_down)
            from_upstream(len(early_down))
        if early_up:
            upstream.send(early_up)
            from_client(len(early_up))
    except OSError:
        pass  # the tunnel finds it out and says so
    problem = relay_tunnel(client, upstream, services.limits, from_client, from_upstream)
    if problem:
        reporter.fail(report, Failure(FailureKind.CONNECTION_TERMINATED, problem))
    else:
        reporter.complete(report)
