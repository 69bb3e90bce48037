"""A head as a message that somebody decides about, and what was decided as a head again.

Every protocol's head has a text (`raw`), in the form that HTTP/1 gives it; so a changed one is written and read back
strictly in that form, whatever protocol it came in and goes out in. How long a message is, a message doesn't say: the
head does that it came with, or the body that replaces what came. All functions that make heads raise ProtocolError when
what was decided can't be one.
"""

from collections.abc import Sequence

from proxy_core.model.endpoint import DEFAULT_PORTS, authority_text, endpoint_text
from proxy_core.model.message import Message
from proxy_core.model.message_head import Field, parse_head
from proxy_core.protocols.http1.fields import MalformedError, shown
from proxy_core.protocols.http1.head import HeadLimits, Http1RequestHead, Http1ResponseHead, TargetForm
from proxy_core.protocols.http1.response_head import read_response_head
from proxy_core.protocols.http1.rewriting import (
    framed,
    framing_for,
    may_have_content,
    own_framing,
    read_request,
    read_response,
    refused,
    response_framing,
    status_line,
    without_crumbs,
)
from proxy_core.protocols.http1.target import read_authority
from proxy_core.protocols.http2.head import Http2RequestHead
from proxy_core.protocols.http2.translation import request_fields
from proxy_core.protocols.http2.validation import read_request_head
from proxy_core.protocols.part import RequestHead, ResponseHead

CONTINUE = read_response_head(b"HTTP/1.1 100 Continue\r\n\r\n", b"", HeadLimits())
_FINAL = range(200, 1000)
# RFC 9530, RFC 3230 and RFC 1864: what would tell the receiver that a body has been changed on its way.
_DIGESTS = frozenset({b"content-digest", b"repr-digest", b"digest", b"content-md5"})


def request_message(head: RequestHead, scheme: str, host: str, port: int) -> Message:
    """What a request says that goes to this origin. Its Host is the one that it goes on with."""
    fields = parse_head(head.raw).fields
    named = _host_of(head)
    kept = [(name, named) if name.lower() == b"host" else (name, value) for name, value in fields]
    if all(name.lower() != b"host" for name, _ in fields):
        kept.insert(0, (b"Host", named))
    return Message(head.method, scheme, host, port, head.origin_target, 0, tuple(kept), None)


def response_message(head: ResponseHead, request: Message) -> Message:
    """What a response to this request says."""
    return request._replace(status=head.status, fields=tuple(parse_head(head.raw).fields), body=None)


def changed_request(head: RequestHead, message: Message, came: Message, *, keeps_host: bool = False) -> RequestHead:
    """The request with the message's method, origin, target, fields and, where it has one, body; it came as `came`.

    Its Host follows it to another origin, unless `keeps_host` says that the client's stays.
    """
    is_websocket = isinstance(head, Http2RequestHead) and head.protocol != b""
    if (message.method == b"CONNECT") != is_websocket:
        raise refused("What asks for a tunnel, and what doesn't, can't be made the other.")
    is_moved = message[1:4] != came[1:4]
    if is_moved:
        _check_destination(message)
    fields = _with_host(message, came, is_moved=is_moved and not keeps_host)
    if message.body is None:
        framing = own_framing(head)
    else:
        fields = _of_another_body(fields, came.fields)
        framing = framing_for(message.body) if message.body or head.body_length else own_framing(head)
    if not isinstance(head, Http1RequestHead):
        fields = without_crumbs(fields)
    method = b"GET" if is_websocket else message.method
    changed = read_request(method, message.target, framed(fields, framing), head.raw, message.scheme)
    # RFC 9112 §3.2.2: a target with an authority would overrule the origin that was decided upon.
    if changed.form not in (TargetForm.ORIGIN, TargetForm.ASTERISK):
        raise refused("The target is more than a path and a query.")
    if isinstance(head, Http2RequestHead) and is_websocket:
        return _extended_connect(changed, head.protocol)
    return changed


def changed_response(head: ResponseHead, message: Message, method: bytes) -> Http1ResponseHead:
    """The response with the message's status, fields and, where it has one, body; its client has asked with `method`.

    The head knows whether that client gets a body at all (`body_length`).
    """
    status, body, fields = message.status, message.body, list(message.fields)
    _check_final(status)
    start_line = status_line(status)
    if isinstance(head, Http1ResponseHead) and status == head.status:
        start_line = parse_head(head.raw).start_line
    if body is None or not may_have_content(status):
        framing = response_framing(head, status, method)
    else:
        fields = _of_another_body(fields, parse_head(head.raw).fields)
        framing = framing_for(body)
    return read_response(start_line, framed(fields, framing), head.raw, method)


def answering_response(message: Message, method: bytes) -> Http1ResponseHead:
    """A response out of nothing, to a client that has asked with `method`."""
    _check_final(message.status)
    fields = [field for field in message.fields if field[0].lower() != b"trailer"]
    framing = framing_for(message.body or b"") if may_have_content(message.status) else []
    return read_response(status_line(message.status), framed(fields, framing), b"", method)


def _of_another_body(fields: Sequence[Field], came: Sequence[Field]) -> list[Field]:
    """The fields of a message whose body was replaced: what was said of the one that came is not true of it."""
    stale = {field for field in came if field[0].lower() in _DIGESTS}
    return [field for field in fields if field[0].lower() != b"trailer" and field not in stale]


def _extended_connect(changed: Http1RequestHead, protocol: bytes) -> Http2RequestHead:
    """A WebSocket that HTTP/2 alone asks for so (RFC 8441 §4); HTTP/1's text is that of a GET."""
    if changed.body_length:
        raise refused("What asks for a WebSocket has no body.")
    pseudo = ((b":method", b"CONNECT", False), (b":protocol", protocol, False))
    try:
        return read_request_head((*pseudo, *request_fields(changed)[1:]), is_end=False, may_extend=True)
    except MalformedError as error:
        raise refused(error.text) from None


def _host_of(head: RequestHead) -> bytes:
    """The Host that a request is forwarded with."""
    if isinstance(head, Http1RequestHead):
        named = parse_head(head.forward).value(b"host")
    else:
        parsed = parse_head(head.raw)
        named = dict(parsed.pseudo).get(b":authority") or parsed.value(b"host")
    return named or authority_text(head.scheme, head.host, head.port).encode("utf-8")


def _with_host(message: Message, came: Message, *, is_moved: bool) -> list[Field]:
    """The message's fields; a Host that was left alone follows the request to another origin (RFC 9112 §3.2)."""
    named = message.value(b"host")
    if named is not None and not (is_moved and named == came.value(b"host")):
        return list(message.fields)
    host = authority_text(message.scheme, message.host, message.port).encode("utf-8")
    if named is None:
        return [(b"Host", host), *message.fields]
    return [(name, host) if name.lower() == b"host" else (name, value) for name, value in message.fields]


def _check_destination(message: Message) -> None:
    """Is there such an origin? The name is read as strictly as a client's."""
    if message.scheme not in DEFAULT_PORTS:
        raise refused(f"Harrier knows http and https, not «{_shown(message.scheme)}».")
    text = endpoint_text(message.host, message.port)
    try:
        is_same = text.isascii() and read_authority(text.encode("ascii")) == (message.host.lower(), message.port)
    except MalformedError as error:
        raise refused(error.text) from None
    if not is_same:
        raise refused(f"«{_shown(text)}» is not a valid host and port.")


def _shown(text: str) -> str:
    return shown(text.encode("utf-8", "backslashreplace"))


def _check_final(status: int) -> None:
    if status not in _FINAL:  # RFC 9110 §15.2: after a 1xx the client waits for the response
        raise refused(f"A response can't have the status {status}.")
