"""Responses that Harrier makes itself, and says so: failures, the explanation to a lost browser, the last hop.

They are short, plain, and marked (`Proxy-Status`, RFC 9209), so that nobody takes one for the origin's. Their heads are
written as HTTP/1's text; a client's side of another protocol puts them in its own form, as it does with an origin's.
"""

from typing import NamedTuple

import msgspec

from proxy_core.model.failure import FAILURES, Failure, FailureKind
from proxy_core.model.message import Message
from proxy_core.model.message_head import parse_head
from proxy_core.protocols.http1.basic import CHALLENGE
from proxy_core.protocols.http1.fields import shown
from proxy_core.protocols.http1.head import HeadLimits
from proxy_core.protocols.http1.response_head import read_response_head
from proxy_core.protocols.http1.writer import own_response
from proxy_core.protocols.message_text import answering_response
from proxy_core.protocols.part import RequestHead, ResponseHead
from proxy_core.protocols.via import came_by

NO_LOGIN = Failure(
    FailureKind.HTTP_REQUEST_DENIED,
    "This proxy is for those who log in, and the request brings no user name and password.",
    407,
)
WRONG_LOGIN = Failure(
    FailureKind.HTTP_REQUEST_DENIED, "This proxy does not know that user name with that password.", 407
)
NOT_A_WEB_SERVER = Failure(
    FailureKind.HTTP_REQUEST_ERROR,
    "This is a proxy, not a web server: enter its address as the HTTP and HTTPS proxy of your browser or program.",
    400,
)
# RFC 9110 §7.6.2 advises against echoing what may be secret.
_NOT_ECHOED = frozenset((b"authorization", b"cookie", b"proxy-authorization"))


_SHOWN_VIA = 200  # bytes; some five proxies


class OwnResponse(NamedTuple):
    """Head and body, for the client's side to send."""

    head: ResponseHead
    body: bytes


def failure_response(failure: Failure, request: RequestHead | None = None) -> OwnResponse:
    """The page that tells a failure, in the form that the request accepts."""
    accept = method = b""
    if request is not None:
        accept = parse_head(request.raw).value(b"accept") or b""
        method = request.method
    advice = "" if failure is NOT_A_WEB_SERVER else None
    status = failure.status or FAILURES[failure.kind].status or 502
    return _split(own_response(status, failure, accept=accept, head_only=method == b"HEAD", advice=advice), method)


def loop_failure(request: RequestHead) -> Failure:
    """It has been here before, as its Via says."""
    way = shown(came_by(request.raw), _SHOWN_VIA)
    text = f"The request has come back to Harrier by way of another proxy (Via: {way})."
    return Failure(FailureKind.PROXY_LOOP_DETECTED, text)


def login_response(failure: Failure, request: RequestHead) -> OwnResponse:
    """Demand a name and password (RFC 9110 §11.7.1), saying why."""
    response = failure_response(failure, request)
    raw = response.head.raw[:-2] + f"Proxy-Authenticate: {CHALLENGE}\r\n\r\n".encode("ascii")
    head = read_response_head(raw, request.method, HeadLimits())
    return response._replace(head=msgspec.structs.replace(head, forward=raw))  # a proxy's demand goes no further


def last_hop_response(request: RequestHead) -> OwnResponse:
    """Answer TRACE or OPTIONS with `Max-Forwards: 0` (RFC 9110 §7.6.2, §9.3.8)."""
    if request.method == b"TRACE":
        parsed = parse_head(request.raw)
        lines = [parsed.start_line]
        lines += [name + b": " + value for name, value in parsed.fields if name.lower() not in _NOT_ECHOED]
        body = b"\r\n".join(lines) + b"\r\n\r\n"
        return _last_hop(b"Content-Type: message/http\r\n", body, request.method)
    return _last_hop(b"Allow: *\r\n", b"", request.method)


def decided_response(message: Message, request: RequestHead) -> OwnResponse:
    """What somebody decided to answer in the place of an upstream. Raises ProtocolError."""
    head = answering_response(message, request.method)
    return OwnResponse(head, (message.body or b"") if head.body_length else b"")


def _last_hop(field: bytes, body: bytes, method: bytes) -> OwnResponse:
    head = b"HTTP/1.1 200 OK\r\n%bContent-Length: %d\r\nProxy-Status: harrier\r\n\r\n"
    return _split(head % (field, len(body)) + body, method)


def _split(raw: bytes, method: bytes) -> OwnResponse:
    head, end, body = raw.partition(b"\r\n\r\n")
    return OwnResponse(read_response_head(head + end, method, HeadLimits()), body)
