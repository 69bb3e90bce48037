"""Heads made anew: from a message that was changed, from another protocol's head, or from nothing.

What is written here is read back by our own strict reader before it goes anywhere. So no change, whoever made it, can
put a second request into a field's value, or two framings into one head; and a line that nobody changed keeps every
byte that it came with. All functions raise ProtocolError when what they were given can't be a head.
"""

from collections.abc import Iterator

from proxy_core.model.failure import Failure, FailureKind
from proxy_core.model.message import Message
from proxy_core.model.message_head import Field, parse_fields, parse_head
from proxy_core.protocols.http1.fields import MalformedError, shown
from proxy_core.protocols.http1.head import HeadLimits, Http1RequestHead, Http1ResponseHead
from proxy_core.protocols.http1.request_head import read_request_head
from proxy_core.protocols.http1.response_head import read_response_head
from proxy_core.protocols.http1.target import DEFAULT_PORTS
from proxy_core.protocols.http1.writer import reason_phrase
from proxy_core.protocols.part import CHUNKED, UNTIL_CLOSE, ProtocolError, RequestHead, ResponseHead

_LIMITS = HeadLimits()
# RFC 9112 §6: how long a message is, its writer says.
_FRAMING = frozenset((b"content-length", b"transfer-encoding", b"trailer"))
_OF_CONNECTION = frozenset((b"connection", b"keep-alive", b"proxy-connection", b"te", b"upgrade"))
_NO_CONTENT = frozenset((204, 304))
CONTINUE = read_response_head(b"HTTP/1.1 100 Continue\r\n\r\n", b"", _LIMITS)


def request_message(head: RequestHead, scheme: str, host: str, port: int, body: bytes | None = None) -> Message:
    """What a request says that goes to this origin."""
    fields = tuple(parse_head(head.raw).fields)
    return Message(head.method, scheme, host, port, head.origin_target, 0, fields, body)


def response_message(head: ResponseHead, request: Message, body: bytes | None = None) -> Message:
    """What a response to this request says."""
    return request._replace(status=head.status, fields=tuple(parse_head(head.raw).fields), body=body)


def changed_request(head: RequestHead, message: Message) -> Http1RequestHead:
    """The request with the message's method, origin, target, fields and, where it has one, body."""
    host = _authority(message)
    lines = [b"%b %b HTTP/1.1\r\n" % (message.method, message.target)]
    # RFC 9112 §3.2: the Host field names the origin; one that a rule left alone follows the message's host.
    fields = [field for field in message.fields if field[0].lower() != b"host"]
    named = [value for name, value in message.fields if name.lower() == b"host"]
    was = parse_head(head.raw).value(b"host")
    is_moved = (message.host, message.port) != (head.host, head.port)
    lines.append(b"Host: %b\r\n" % (named[0] if named and (named[0] != was or not is_moved) else host))
    lines += _field_lines(fields, head.raw, drops_framing=message.body is not None)
    if message.body is not None and (message.body or head.body_length != 0):
        lines.append(b"Content-Length: %d\r\n" % len(message.body))
    return _read_request(lines, message.scheme)


def changed_response(head: ResponseHead, message: Message) -> Http1ResponseHead:
    """The response with the message's status, fields and, where it has one, body."""
    start = parse_head(head.raw).start_line + b"\r\n"
    if message.status != head.status:
        start = _status_line(message.status)
    lines = [start, *_field_lines(message.fields, head.raw, drops_framing=message.body is not None)]
    if message.body is not None and _may_have_content(message.status):
        lines.append(b"Content-Length: %d\r\n" % len(message.body))
    return _read_response(lines, message.method)


def answering_response(message: Message) -> Http1ResponseHead:
    """A response out of nothing."""
    lines = [_status_line(message.status), *_field_lines(message.fields, b"", drops_framing=True)]
    if _may_have_content(message.status):
        lines.append(b"Content-Length: %d\r\n" % len(message.body or b""))
    return _read_response(lines, message.method)


def as_http1_request(head: RequestHead) -> Http1RequestHead:
    """The same request in HTTP/1; its own where it came in HTTP/1."""
    if isinstance(head, Http1RequestHead):
        return head
    authority = _host_and_port(head.host, head.port, head.scheme)
    fields = [field for field in parse_head(head.raw).fields if field[0].lower() not in (b"host", *_OF_CONNECTION)]
    lines = [b"%b %b HTTP/1.1\r\nHost: %b\r\n" % (head.method, head.origin_target, authority)]
    lines += _field_lines(fields, b"", drops_framing=True)
    if head.body_length:
        lines.append(_framing_line(head.body_length))
    return _read_request(lines, head.scheme)


def as_http1_response(head: ResponseHead, method: bytes) -> Http1ResponseHead:
    """The same response in HTTP/1, to a request with `method`; its own where it came in HTTP/1."""
    if isinstance(head, Http1ResponseHead):
        return head
    fields = [field for field in parse_head(head.raw).fields if field[0].lower() not in _OF_CONNECTION]
    has_body = head.body_length != 0
    lines = [_status_line(head.status), *_field_lines(fields, b"", drops_framing=has_body)]
    if has_body and head.body_length != UNTIL_CLOSE:
        lines.append(_framing_line(head.body_length))
    return _read_response(lines, method)


def _status_line(status: int) -> bytes:
    return b"HTTP/1.1 %d %b\r\n" % (status, reason_phrase(status).encode("ascii"))


def _framing_line(length: int) -> bytes:
    return b"Transfer-Encoding: chunked\r\n" if length == CHUNKED else b"Content-Length: %d\r\n" % length


def _may_have_content(status: int) -> bool:
    return status >= 200 and status not in _NO_CONTENT  # RFC 9110 §8.6, §15.4.5


def _authority(message: Message) -> bytes:
    return _host_and_port(message.host, message.port, message.scheme)


def _host_and_port(host: str, port: int, scheme: str) -> bytes:
    name = f"[{host}]" if ":" in host else host
    return (name if DEFAULT_PORTS.get(scheme) == port else f"{name}:{port}").encode("utf-8")


def _field_lines(fields: "tuple[Field, ...] | list[Field]", raw: bytes, *, drops_framing: bool) -> Iterator[bytes]:
    """The lines of these fields; those that stand in `raw` word for word are taken from there, with their blanks."""
    as_came: dict[Field, list[bytes]] = {}
    for line in raw.split(b"\r\n")[1:] if raw else ():
        for field in parse_fields(line):
            as_came.setdefault(field, []).append(line)
    for field in fields:
        name, value = field
        if drops_framing and name.lower() in _FRAMING:
            continue
        lines = as_came.get(field)
        yield (lines.pop(0) if lines else b"%b: %b" % (name, value)) + b"\r\n"


def _read_request(lines: list[bytes], scheme: str) -> Http1RequestHead:
    try:
        return read_request_head(_joined(lines), scheme or "http", b"", _LIMITS)
    except MalformedError as error:
        raise _refused(error.text) from None


def _read_response(lines: list[bytes], method: bytes) -> Http1ResponseHead:
    try:
        return read_response_head(_joined(lines), method, _LIMITS)
    except MalformedError as error:
        raise _refused(error.text) from None


def _joined(lines: list[bytes]) -> bytes:
    """The head that consists of these lines. One that holds another would begin a field of its own, or a message."""
    for line in lines:
        if line.find(b"\r") != len(line) - 2 or line.find(b"\n") != len(line) - 1:
            raise MalformedError(f"A line holds a line end: «{shown(line[:-2])}».")
    return b"".join(lines) + b"\r\n"


def _refused(text: str) -> ProtocolError:
    return ProtocolError(Failure(FailureKind.HTTP_PROTOCOL_ERROR, f"The changed head can't be sent: {text}"))
