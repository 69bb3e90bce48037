"""The report of a request that has just been read, with what its head says; or of what could not be read as one."""

from proxy_core.engine.exchange.route import Destination
from proxy_core.engine.exchange.services import Services
from proxy_core.engine.recording.report import Report
from proxy_core.model.exchange import ExchangeFlag
from proxy_core.protocols.http1.basic import without_credentials
from proxy_core.protocols.part import RequestHead

_INTERCEPTED = int(ExchangeFlag.INTERCEPTED)


def open_report(services: Services, connection: int, tunnel: Destination | None, head: RequestHead) -> Report:
    """Begin a request's report. `connection` is the client connection's key, `tunnel` the end of the one it is in."""
    report = services.reporter.open(connection)
    report.request_head = recorded_head(services, tunnel, head.raw)
    report.request_version = head.version
    report.method = head.method.decode("ascii")
    report.notes = head.notes
    report.host, report.port = head.host, head.port
    if tunnel is None:
        report.scheme = head.scheme
    else:
        report.scheme = tunnel[0]
        if tunnel[0] == "https":
            report.flags = _INTERCEPTED
        if not head.host:
            _, report.host, report.port = tunnel
    report.path = head.origin_target.decode("utf-8", "replace")
    return report


def open_unread_report(services: Services, connection: int, tunnel: Destination | None, raw: bytes) -> Report:
    """Begin the report of what came in a request's place."""
    report = services.reporter.open(connection)
    report.request_head = recorded_head(services, tunnel, raw)
    report.scheme = "http"
    if tunnel is not None:
        report.scheme, report.host, report.port = tunnel
        if report.scheme == "https":
            report.flags = _INTERCEPTED
    report.method = raw.split(b" ", 1)[0][:24].decode("latin-1") if raw[:1].isalpha() else "?"
    return report


def recorded_head(services: Services, tunnel: Destination | None, raw: bytes) -> bytes:
    """A head as it is kept: what opens our own door is nobody's to read who is given the capture."""
    if services.admission is None or tunnel is not None:
        return raw
    return without_credentials(raw)
