"""Sending a client a response of Harrier's own (`own_answer` makes them), and recording it as such."""

import time

from proxy_core.engine.exchange.own_answer import OwnResponse
from proxy_core.engine.exchange.services import Services
from proxy_core.engine.recording.report import Report
from proxy_core.engine.sides.side import ClientGoneError, ClientSide
from proxy_core.model.exchange import ExchangeFlag
from proxy_core.model.failure import Failure, FailureKind
from proxy_core.model.stream import Stream
from proxy_core.protocols.part import END_WITHOUT_TRAILERS, BodyPart

_OWN_RESPONSE = int(ExchangeFlag.OWN_RESPONSE)
_STATUS_DIGITS = 3
_clock = time.perf_counter


def answer(
    services: Services,
    client: ClientSide,
    report: Report,
    response: OwnResponse,
    failure: Failure | None,
    *,
    is_last: bool = False,
) -> None:
    """Send a response of Harrier's own, and record it as such."""
    client.send_head(response.head, is_last=is_last)
    record_answer(services, report, response, client.sent_head)
    if failure is None:
        services.reporter.complete(report)
    else:
        services.reporter.fail(report, failure)
    try:
        send_body(client, response)
    except ClientGoneError:
        text = "The client closed the connection before it had Harrier's answer."
        services.reporter.fail(report, Failure(FailureKind.CLIENT_CLOSED, text))
        client.end_unanswered()
        return
    client.finish(is_own=True)


def record_answer(services: Services, report: Report, response: OwnResponse, sent_head: bytes) -> None:
    """Record it as the response; as what was sent in its place, where an upstream's was received already."""
    if report.response_head:
        report.response_forwarded_head = sent_head
        services.reporter.forwarded_body(report, Stream.RESPONSE_FORWARDED, response.body)
        return
    head = response.head
    report.flags |= _OWN_RESPONSE
    report.status = head.status
    report.response_head = sent_head
    report.response_version = sent_head.partition(b" ")[0].decode("ascii")
    report.content_type = head.content_type
    report.response_mark = _clock()
    services.reporter.response_body(report, response.body)


def record_refused(report: Report, raw: bytes) -> None:
    """A response's head that is none: what there was of it is what came, and an answer of ours stands beside it."""
    version, _, status = raw.partition(b"\r\n")[0].partition(b" ")
    report.response_mark = _clock()
    report.response_head = raw
    report.response_version = version.decode("ascii")
    if status.isdigit() and len(status) == _STATUS_DIGITS:
        report.status = int(status)


def send_body(client: ClientSide, response: OwnResponse) -> None:
    """Send what follows its head, and all of it. Raises ClientGoneError."""
    if response.body:
        client.send_part(BodyPart(response.body, b""))
    client.send_part(END_WITHOUT_TRAILERS)
    client.flush()
