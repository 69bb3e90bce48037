"""Responses that Harrier makes itself, and says so: failures, the explanation to a lost browser, the last hop.

They are short, plain, and marked (`Proxy-Status`, RFC 9209), so that nobody takes one for the origin's.
"""

from typing import NamedTuple

from proxy_core.model.failure import FAILURES, Failure, FailureKind
from proxy_core.model.message_head import parse_head
from proxy_core.protocols.http1.writer import own_response
from proxy_core.protocols.part import RequestHead

NOT_A_WEB_SERVER = Failure(
    FailureKind.HTTP_REQUEST_ERROR,
    "This is a proxy, not a web server: enter its address as the HTTP and HTTPS proxy of your browser or program.",
    400,
)
# RFC 9110 §7.6.2 advises against echoing what may be secret.
_NOT_ECHOED = frozenset((b"authorization", b"cookie", b"proxy-authorization"))


class OwnResponse(NamedTuple):
    """Head and body, ready to be sent."""

    status: int
    head: bytes
    body: bytes
    content_type: bytes


def failure_response(failure: Failure, *, close: bool, request: RequestHead | None = None) -> OwnResponse:
    """The page that tells a failure, in the form that the request accepts."""
    accept = b""
    is_head = False
    if request is not None:
        accept = parse_head(request.raw).value(b"accept") or b""
        is_head = request.method == b"HEAD"
    advice = "" if failure is NOT_A_WEB_SERVER else None
    status = failure.status or FAILURES[failure.kind].status or 502
    return _split(status, own_response(status, failure, accept=accept, head_only=is_head, close=close, advice=advice))


def last_hop_response(request: RequestHead) -> OwnResponse:
    """Answer TRACE or OPTIONS with `Max-Forwards: 0` (RFC 9110 §7.6.2, §9.3.8)."""
    if request.method == b"TRACE":
        parsed = parse_head(request.raw)
        lines = [parsed.start_line]
        lines += [name + b": " + value for name, value in parsed.fields if name.lower() not in _NOT_ECHOED]
        body = b"\r\n".join(lines) + b"\r\n\r\n"
        return _last_hop(b"Content-Type: message/http\r\n", body)
    return _last_hop(b"Allow: *\r\n", b"")


def _last_hop(field: bytes, body: bytes) -> OwnResponse:
    head = b"HTTP/1.1 200 OK\r\n%bContent-Length: %d\r\nProxy-Status: harrier\r\nConnection: close\r\n\r\n"
    return _split(200, head % (field, len(body)) + body)


def _split(status: int, raw: bytes) -> OwnResponse:
    head, end, body = raw.partition(b"\r\n\r\n")
    head += end
    return OwnResponse(status, head, body, parse_head(head).value(b"content-type") or b"")
