"""Heads made anew: from a message that was changed, from another protocol's head, or from nothing.

What is written here is read back by our own strict reader before it goes anywhere. So no change, whoever made it, can
put a second request into a field's value, or two framings into one head; and a line that nobody changed keeps every
byte that it came with. All functions raise ProtocolError when what they were given can't be a head.
"""

from collections.abc import Iterator

from proxy_core.model.endpoint import authority_text
from proxy_core.model.failure import Failure, FailureKind
from proxy_core.model.message import Message
from proxy_core.model.message_head import Field, parse_fields, parse_head
from proxy_core.protocols.http1.fields import MalformedError, shown
from proxy_core.protocols.http1.head import HeadLimits, Http1RequestHead, Http1ResponseHead
from proxy_core.protocols.http1.request_head import read_request_head
from proxy_core.protocols.http1.response_head import read_response_head
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
    # RFC 9112 §3.2: the Host field names the origin; one that a rule left alone follows the message's host.
    fields = [field for field in message.fields if field[0].lower() != b"host"]
    named = message.value(b"host")
    is_moved = (message.host, message.port) != (head.host, head.port)
    if named is None or (is_moved and named == parse_head(head.raw).value(b"host")):
        named = _host_and_port(message.host, message.port, message.scheme)
    lines = [b"%b %b HTTP/1.1\r\n" % (message.method, message.target), b"Host: %b\r\n" % named]
    framing = _framing(head.body_length, message.body, is_kept=isinstance(head, Http1RequestHead))
    lines += _field_lines(fields, head.raw, framing)
    return _read_request(lines, message.scheme)


def changed_response(head: ResponseHead, message: Message) -> Http1ResponseHead:
    """The response with the message's status, fields and, where it has one, body."""
    is_kept = isinstance(head, Http1ResponseHead)
    start = _status_line(message.status)
    if is_kept and message.status == head.status:
        start = parse_head(head.raw).start_line + b"\r\n"
    body = message.body if _may_have_content(message.status) else None
    framing = _framing(head.body_length, body, is_kept=is_kept)
    return _read_response([start, *_field_lines(message.fields, head.raw, framing)], message.method)


def answering_response(message: Message) -> Http1ResponseHead:
    """A response out of nothing."""
    length = len(message.body or b"")
    framing = [_framing_line(length)] if _may_have_content(message.status) else []
    return _read_response([_status_line(message.status), *_field_lines(message.fields, b"", framing)], message.method)


def as_http1_request(head: RequestHead) -> Http1RequestHead:
    """The same request in HTTP/1; its own where it came in HTTP/1."""
    if isinstance(head, Http1RequestHead):
        return head
    if head.method == b"CONNECT" and head.upgrade:  # RFC 8441 §4: a stream of its own, which HTTP/1 hasn't
        text = f"The server speaks HTTP/1.1 alone, in which «{shown(head.upgrade)}» is not begun by CONNECT."
        raise ProtocolError(Failure(FailureKind.HTTP_UPGRADE_FAILED, text))
    authority = _host_and_port(head.host, head.port, head.scheme)
    fields = [field for field in parse_head(head.raw).fields if field[0].lower() not in (b"host", *_OF_CONNECTION)]
    # RFC 9113 §8.2.3: what was cut for compression goes on in one piece.
    crumbs = [value for name, value in fields if name.lower() == b"cookie"]
    if len(crumbs) > 1:
        first = next(place for place, (name, _) in enumerate(fields) if name.lower() == b"cookie")
        fields = [field for field in fields if field[0].lower() != b"cookie"]
        fields.insert(first, (b"cookie", b"; ".join(crumbs)))
    lines = [b"%b %b HTTP/1.1\r\n" % (head.method, head.origin_target), b"Host: %b\r\n" % authority]
    return _read_request([*lines, *_field_lines(fields, b"", _framing(head.body_length, None))], head.scheme)


def as_http1_response(head: ResponseHead, method: bytes) -> Http1ResponseHead:
    """The same response in HTTP/1, to a request with `method`; its own where it came in HTTP/1."""
    if isinstance(head, Http1ResponseHead):
        return head
    fields = [field for field in parse_head(head.raw).fields if field[0].lower() not in _OF_CONNECTION]
    # Without a body (an answer to HEAD, say), a length tells what there would be, and stays.
    framing = _framing(head.body_length, None, is_kept=head.body_length == 0)
    return _read_response([_status_line(head.status), *_field_lines(fields, b"", framing)], method)


def _framing(length: int, body: bytes | None, *, is_kept: bool = False) -> list[bytes] | None:
    """The lines that say how long a message is; None to keep those that it has."""
    if body is not None:
        return [_framing_line(len(body))] if body or length else []
    if is_kept:
        return None
    return [_framing_line(length)] if length not in (0, UNTIL_CLOSE) else []


def _status_line(status: int) -> bytes:
    return b"HTTP/1.1 %d %b\r\n" % (status, reason_phrase(status).encode("ascii"))


def _framing_line(length: int) -> bytes:
    return b"Transfer-Encoding: chunked\r\n" if length == CHUNKED else b"Content-Length: %d\r\n" % length


def _may_have_content(status: int) -> bool:
    return status >= 200 and status not in _NO_CONTENT  # RFC 9110 §8.6, §15.4.5


def _host_and_port(host: str, port: int, scheme: str) -> bytes:
    return authority_text(scheme, host, port).encode("utf-8")


def _field_lines(fields: "tuple[Field, ...] | list[Field]", raw: bytes, framing: list[bytes] | None) -> Iterator[bytes]:
    """The lines of these fields; those that stand in `raw` word for word are taken from there, with their blanks.

    `framing` stands in the place of the lines that say so now.
    """
    as_came: dict[Field, list[bytes]] = {}
    for line in raw.split(b"\r\n")[1:]:
        for field in parse_fields(line):
            as_came.setdefault(field, []).append(line)
    for field in fields:
        name, value = field
        if framing is None or name.lower() not in _FRAMING:
            lines = as_came.get(field)
            yield (lines.pop(0) if lines else b"%b: %b" % (name, value)) + b"\r\n"
    yield from framing or ()


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
