"""From HTTP/2 to HTTP/1 and back: method, target, fields (order, duplicates) and their values stay (RFC 9113 §8.2.3)."""

from hypothesis import given, settings
from hypothesis import strategies as st

from proxy_core.protocols.http1.fields import MalformedError
from proxy_core.protocols.http1.head import Http1RequestHead, Http1ResponseHead
from proxy_core.protocols.http1.reader import RequestReader, ResponseReader
from proxy_core.protocols.http1.rewriting import as_http1_request, as_http1_response
from proxy_core.protocols.http2.translation import request_fields, response_fields
from proxy_core.protocols.http2.validation import read_request_head, read_response_head
from proxy_core.protocols.part import ProtocolError

NAMES = st.sampled_from([b"accept", b"x-a", b"cookie", b"via", b"user-agent", b"max-forwards", b"date"])
ANY_NAME = NAMES | st.text("abcx-_0!#.", min_size=1, max_size=6).map(str.encode)
# RFC 9113 §8.2.1: no controls, and no blanks around it.
SOUND = st.binary(max_size=12).map(
    lambda raw: bytes(byte for byte in raw if byte >= 0x20 and byte != 0x7F).strip(b" \t")
)
VALUES = st.sampled_from([b"", b"a", b"a, b", b"trailers", b"\xe9", b'"', b"a\tb"]) | SOUND
FIELDS = st.lists(st.tuples(ANY_NAME, VALUES), max_size=6)
METHODS = st.sampled_from([b"GET", b"POST", b"TRACE", b"OPTIONS", b"M-SEARCH", b"g"])
PATHS = st.sampled_from([b"/", b"/a?b", b"*", b"/%00", b"//x", b"/a#b"]) | SOUND.map(lambda rest: b"/" + rest)
STATUSES = st.integers(200, 599).filter(lambda status: status != 205).map(b"%d".__mod__)
# What means something to each hop, or is joined on the way, is looked at by tests of its own.
_OTHERS = (b"cookie", b"te", b"max-forwards", b"content-length", b"host", b"expect")


def kept(fields):
    return [(name, value) for name, value, _ in fields if name not in _OTHERS and not name.startswith(b":")]


def pseudo(fields):
    return {name: value for name, value, _ in fields if name.startswith(b":")}


@given(method=METHODS, path=PATHS, fields=FIELDS, has_body=st.booleans())
@settings(deadline=None, max_examples=500)
def test_requests(method, path, fields, has_body):
    asked = ((b":method", method), (b":scheme", b"https"), (b":authority", b"shop.test"), (b":path", path), *fields)
    sent = tuple((*field, False) for field in asked)
    try:
        head = read_request_head(sent, is_end=not has_body, may_extend=False)
    except MalformedError:
        return
    if head.is_tunnel:
        return
    try:
        forwarded = as_http1_request(head).forward
    except ProtocolError as error:
        assert error.failure.text
        return
    reader = RequestReader("https")
    reader.receive(forwarded)
    between = reader.next_part()
    assert isinstance(between, Http1RequestHead)
    assert (reader.leftover() == b"") or has_body
    assert (between.method, between.origin_target, between.body_length) == (method, path, head.body_length)
    again = request_fields(between)
    assert kept(again) == kept(sent)
    assert pseudo(again) == pseudo(sent)
    crumbs = [value for name, value, _ in sent if name == b"cookie"]
    assert [value for name, value, _ in again if name == b"cookie"] == (
        [b"; ".join(crumbs).strip(b" ")] if crumbs else []
    )


@given(status=STATUSES, fields=FIELDS, method=st.sampled_from([b"GET", b"HEAD"]), has_body=st.booleans())
@settings(deadline=None, max_examples=500)
def test_responses(status, fields, method, has_body):
    sent = tuple((*field, False) for field in ((b":status", status), *fields))
    try:
        head = read_response_head(sent, method, is_end=not has_body)
    except MalformedError:
        return
    try:
        forwarded = as_http1_response(head, method).forward
    except ProtocolError as error:
        assert error.failure.text
        return
    reader = ResponseReader()
    reader.expect(method)
    reader.receive(forwarded)
    between = reader.next_part()
    assert isinstance(between, Http1ResponseHead)
    assert (between.status, between.body_length) == (int(status), head.body_length)
    again = response_fields(between)
    assert pseudo(again) == pseudo(sent)
    assert kept(again) == kept(sent)
