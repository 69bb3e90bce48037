"""Heads of HTTP/1 made anew: from another protocol's head, or from the lines of a text.

What is written here is read back by our own strict reader before it goes anywhere. So nothing, whoever made it, can put
a second request into a field's value, or two framings into one head; and a line that nobody changed keeps every byte
that it came with. All functions raise ProtocolError when what they were given can't be a head.
"""

import re
from collections.abc import Iterable, Iterator

from proxy_core.model.endpoint import authority_text
from proxy_core.model.failure import Failure, FailureKind
from proxy_core.model.message_head import Field, parse_fields, parse_head
from proxy_core.protocols.http1.fields import TOKEN, MalformedError, shown
from proxy_core.protocols.http1.head import HeadLimits, Http1RequestHead, Http1ResponseHead
from proxy_core.protocols.http1.request_head import read_request_head
from proxy_core.protocols.http1.response_head import read_response_head
from proxy_core.protocols.http1.writer import reason_phrase
from proxy_core.protocols.part import CHUNKED, UNTIL_CLOSE, ProtocolError, RequestHead, ResponseHead

_LIMITS = HeadLimits()
_TOKEN = re.compile(TOKEN + rb"++")
_FRAMING = frozenset((b"content-length", b"transfer-encoding"))  # RFC 9112 §6: how long a message is
_OF_CONNECTION = frozenset((b"connection", b"keep-alive", b"proxy-connection", b"te", b"upgrade"))
_NO_CONTENT = frozenset((204, 304))


def as_http1_request(head: RequestHead) -> Http1RequestHead:
    """The same request in HTTP/1; its own where it came in HTTP/1."""
    if isinstance(head, Http1RequestHead):
        return head
    if head.method == b"CONNECT" and head.upgrade:  # RFC 8441 §4: a stream of its own, which HTTP/1 hasn't
        text = f"The server speaks HTTP/1.1 alone, in which «{shown(head.upgrade)}» is not begun by CONNECT."
        raise ProtocolError(Failure(FailureKind.HTTP_UPGRADE_FAILED, text))
    host = (b"Host", authority_text(head.scheme, head.host, head.port).encode("utf-8"))
    fields = without_crumbs([field for field in parse_head(head.raw).fields if field[0].lower() != b"host"])
    fields = [field for field in fields if field[0].lower() not in _OF_CONNECTION]
    return read_request(head.method, head.origin_target, [host, *framed(fields, own_framing(head))], b"", head.scheme)


def as_http1_response(head: ResponseHead, method: bytes) -> Http1ResponseHead:
    """The same response in HTTP/1, to a request with `method`; its own where it came in HTTP/1."""
    if isinstance(head, Http1ResponseHead):
        return head
    fields = [field for field in parse_head(head.raw).fields if field[0].lower() not in _OF_CONNECTION]
    framing = response_framing(head, head.status, method)
    return read_response(status_line(head.status), framed(fields, framing), b"", method)


def without_crumbs(fields: list[Field]) -> list[Field]:
    """RFC 9113 §8.2.3: cookies that were cut for compression go on in one piece."""
    crumbs = [value for name, value in fields if name.lower() == b"cookie"]
    if len(crumbs) < 2:
        return fields
    first = next(place for place, (name, _) in enumerate(fields) if name.lower() == b"cookie")
    fields = [field for field in fields if field[0].lower() != b"cookie"]
    fields.insert(first, (b"cookie", b"; ".join(crumbs)))
    return fields


# How long a message is


def framed(fields: Iterable[Field], framing: list[Field]) -> list[Field]:
    """The fields with this framing in the place of whatever they say of it; what says the same stays where it is."""
    missing = list(framing)
    result = []
    for field in fields:
        if field[0].lower() in _FRAMING:
            if field not in missing:
                continue
            missing.remove(field)
        result.append(field)
    return result + missing


def own_framing(head: RequestHead | ResponseHead) -> list[Field]:
    """What a head says of its message's length; where it came in another protocol, in HTTP/1's words."""
    if isinstance(head, Http1RequestHead | Http1ResponseHead) or head.body_length in (0, UNTIL_CLOSE):
        return [field for field in parse_head(head.raw).fields if field[0].lower() in _FRAMING]
    return [_framing_of(head.body_length)]


def framing_for(body: bytes) -> list[Field]:
    """The framing of a body that is here whole."""
    return [_framing_of(len(body))]


def response_framing(head: ResponseHead, status: int, method: bytes) -> list[Field]:
    """The framing of this response when it answers `method` with `status`, whichever it came with."""
    if status < 200 or status == 204:  # RFC 9110 §8.6
        return []
    own = own_framing(head)
    if method == b"HEAD" or status in _NO_CONTENT or head.body_length:
        return own  # where there is no body, it tells what there would be
    return own if [value for _, value in own] == [b"0"] else [_framing_of(0)]


def may_have_content(status: int) -> bool:
    """Whether a final response with this status has a body, were it an empty one (RFC 9110 §15.3.5, §15.4.5)."""
    return status not in _NO_CONTENT


def _framing_of(length: int) -> Field:
    return (b"Transfer-Encoding", b"chunked") if length == CHUNKED else (b"Content-Length", b"%d" % length)


# Text


def status_line(status: int) -> bytes:
    """The first line of a response, without its end."""
    return b"HTTP/1.1 %d %b" % (status, reason_phrase(status).encode("ascii"))


def read_request(method: bytes, target: bytes, fields: list[Field], raw: bytes, scheme: str) -> Http1RequestHead:
    """A request's head of these fields; those that stand in `raw` word for word are taken from there."""
    try:
        text = _joined(b"%b %b HTTP/1.1" % (method, target), _lines_of(fields, raw))
        return read_request_head(text, scheme, b"", _LIMITS)
    except MalformedError as error:
        raise refused(error.text) from None


def read_response(start_line: bytes, fields: list[Field], raw: bytes, method: bytes) -> Http1ResponseHead:
    """A response's head of these fields, to a request with `method`; `raw` as above."""
    try:
        return read_response_head(_joined(start_line, _lines_of(fields, raw)), method, _LIMITS)
    except MalformedError as error:
        raise refused(error.text) from None


def refused(text: str) -> ProtocolError:
    """What was made, or changed, can be no head."""
    return ProtocolError(Failure(FailureKind.HTTP_PROTOCOL_ERROR, f"The changed head can't be sent: {text}"))


def _lines_of(fields: list[Field], raw: bytes) -> Iterator[bytes]:
    """The lines of these fields; those that stand in `raw` keep the blanks that they have there."""
    as_came: dict[Field, list[bytes]] = {}
    for line in raw.split(b"\r\n")[1:]:
        for field in parse_fields(line):
            as_came.setdefault(field, []).append(line)
    for field in fields:
        # The readers are lenient with what origins send; a name that is none could be read as a part of another field.
        if _TOKEN.fullmatch(field[0]) is None:
            raise MalformedError(f"A field can't have the name «{shown(field[0])}».")
        lines = as_came.get(field)
        yield lines.pop(0) if lines else b"%b: %b" % field


def _joined(start_line: bytes, lines: Iterator[bytes]) -> bytes:
    """The head that consists of these lines. One that holds another would begin a field of its own, or a message."""
    text = [start_line, *lines]
    for line in text:
        if b"\r" in line or b"\n" in line:
            raise MalformedError(f"A line holds a line end: «{shown(line)}».")
    return b"\r\n".join(text) + b"\r\n\r\n"
