"""What is remembered of messages is bounded in bytes, too: who sends large ones, each another, has nothing kept."""

import tracemalloc
from collections.abc import Callable

import pytest

from proxy_core.engine.recording.report import Report
from proxy_core.engine.recording.report_event import encode_report
from proxy_core.model.resource_type import media_essence
from proxy_core.protocols.client_hello import ClientHello
from proxy_core.protocols.event_stream.kind import item_kind
from proxy_core.protocols.fingerprint import fingerprint_of
from proxy_core.protocols.http1.reader import RequestReader, ResponseReader
from proxy_core.protocols.http2.validation import read_request_head

_TIMES = 300
_MOST_BYTES = 4 << 20  # what may stay of it all; what each call is given takes 60,000 bytes or more
_LARGE = b"x" * 60_000


def hello(number: int) -> None:
    values = tuple(range(1000 + number, 3000 + number))
    fingerprint_of(ClientHello("a.test", (), (), values, 10_000, 0x0303, (), (), (), ()))


def request(number: int) -> None:
    reader = RequestReader()
    reader.receive(b"GET http://%d%b/ HTTP/1.1\r\nHost: a.test\r\n\r\n" % (number, _LARGE))
    assert reader.next_part() is not None


def response(number: int) -> None:
    reader = ResponseReader()
    reader.expect(b"GET")
    reader.receive(b"HTTP/1.1 200 OK\r\nContent-Type: %d%b\r\n\r\n" % (number, _LARGE))
    assert reader.next_part() is not None


def http2_request(number: int) -> None:
    fields = [
        (b":method", b"GET"),
        (b":scheme", b"https"),
        (b":authority", b"%d%b" % (number, _LARGE)),
        (b":path", b"/"),
    ]
    read_request_head(tuple((*field, False) for field in fields), is_end=True, may_extend=False)


def event(number: int) -> None:
    report = Report(1, 1)
    report.content_type = b"%d%b" % (number, _LARGE)
    encode_report(report)


@pytest.mark.parametrize(
    "read",
    [
        hello,
        request,
        response,
        http2_request,
        lambda number: media_essence(b"%d%b" % (number, _LARGE)),
        lambda number: item_kind(b"%d%b" % (number, _LARGE)),
        event,
    ],
    ids=["hello", "request", "response", "http2_request", "media_essence", "item_kind", "event"],
)
def test_large_ones_are_not_kept(read: Callable[[int], object]):
    read(-1)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for number in range(_TIMES):
            read(number)
        assert tracemalloc.get_traced_memory()[0] - before < _MOST_BYTES
    finally:
        tracemalloc.stop()


def test_a_type_that_is_too_long_is_known_by_its_beginning():
    assert media_essence(b"text/html" + b" " * 1000 + b"; charset=utf-8") == "text/html"
    assert len(media_essence(b"x" * 200_000)) == 255
