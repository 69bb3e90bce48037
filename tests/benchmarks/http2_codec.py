"""What HTTP/2 costs in processor time: python -m tests.benchmarks.http2_codec

An exchange through a relay is four passes of this code: the request is read from the client and written to the origin, the
response is read from the origin and written to the client. Here a client, the relay's two ends and a server talk in memory;
only the relay's two ends are timed. A path that never comes twice is the usual case; fields that come again are, too.
"""

import sys
import time

from proxy_core.protocols.http2.connection import Http2Connection
from proxy_core.protocols.http2.event import DataReceived, EndReceived, HeadReceived

_REQUEST = (
    (b":method", b"GET"),
    (b":scheme", b"https"),
    (b":authority", b"shop.example.com"),
    (
        b"user-agent",
        b"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36",
    ),
    (b"accept", b"text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"),
    (b"accept-language", b"en-US,en;q=0.9"),
    (b"accept-encoding", b"gzip, deflate, br, zstd"),
    (b"cookie", b"session=0123456789abcdef0123456789abcdef; theme=dark"),
)
_RESPONSE = (
    (b":status", b"200"),
    (b"date", b"Wed, 25 Nov 2026 02:00:00 GMT"),
    (b"content-type", b"application/json; charset=utf-8"),
    (b"content-length", b"1024"),
    (b"cache-control", b"private, max-age=0"),
    (b"server", b"nginx"),
    (b"vary", b"accept-encoding"),
    (b"x-request-id", b"4bf92f3577b34da6a3ce929d0e0e4736"),
    (b"strict-transport-security", b"max-age=31536000"),
)
_BODY = b"x" * 1024
_LARGE = b"x" * 16_384


def _fields(pairs: tuple[tuple[bytes, bytes], ...]) -> tuple[tuple[bytes, bytes, bool], ...]:
    return tuple((name, value, False) for name, value in pairs)


def _request(path: bytes) -> tuple[tuple[bytes, bytes, bool], ...]:
    return ((b":path", path, False), *_fields(_REQUEST))


class _Passes:
    """Client, relay and server, greeted."""

    def __init__(self) -> None:
        self.client = Http2Connection(True)
        self.front = Http2Connection(False)
        self.back = Http2Connection(True)
        self.server = Http2Connection(False)
        for end in (self.client, self.front, self.back, self.server):
            end.start()
        for one, other in ((self.client, self.front), (self.back, self.server)):
            while one.has_output or other.has_output:
                other.receive(one.take_output(), 0.0)
                one.receive(other.take_output(), 0.0)
        self.spent_ns = 0

    def exchange(self, path: bytes, now_s: float) -> None:
        """One request and its response; what the relay's ends take is added up."""
        self.client.open_stream(_request(path), True)
        asked = self.client.take_output()
        begin = time.perf_counter_ns()
        events = self.front.receive(asked, now_s)
        for event in events:
            if isinstance(event, HeadReceived):
                stream = event.stream
                upstream = self.back.open_stream(event.head.fields, event.is_end)
        asked = self.back.take_output()
        self.spent_ns += time.perf_counter_ns() - begin
        self.server.receive(asked, now_s)
        self.server.send_head(upstream, _fields(_RESPONSE), False)
        self.server.send_data(upstream, _BODY, True)
        answered = self.server.take_output()
        begin = time.perf_counter_ns()
        for event in self.back.receive(answered, now_s):
            if isinstance(event, HeadReceived):
                self.front.send_head(stream, event.head.fields, event.is_end)
            elif isinstance(event, DataReceived):
                self.front.send_data(stream, event.data)
                self.back.consumed(event.stream, event.credit)
            elif isinstance(event, EndReceived):
                self.front.end(stream)
        answered = self.front.take_output()
        self.spent_ns += time.perf_counter_ns() - begin
        for event in self.client.receive(answered, now_s):
            if isinstance(event, DataReceived):
                self.client.consumed(event.stream, event.credit)
        self._settle(now_s)

    def _settle(self, now_s: float) -> None:
        for one, other in ((self.client, self.front), (self.back, self.server)):
            if one.has_output:
                other.receive(one.take_output(), now_s)
            if other.has_output:
                one.receive(other.take_output(), now_s)


def _exchange_us(count: int, *, same_path: bool) -> float:
    passes = _Passes()
    for number in range(count):
        passes.exchange(b"/api/items" if same_path else b"/api/items/%d?page=2" % number, float(number))
    return passes.spent_ns / count / 1000


def _data_rate(count: int) -> float:
    """MB a second of a body in frames of 16 KiB, read and written."""
    passes = _Passes()
    stream = passes.client.open_stream(_request(b"/"), False)
    upstream = 0
    for event in passes.front.receive(passes.client.take_output(), 0.0):
        if isinstance(event, HeadReceived):
            upstream = passes.back.open_stream(event.head.fields, event.is_end)
    passes.server.receive(passes.back.take_output(), 0.0)
    spent_ns = 0
    for number in range(count):
        for _ in range(4):
            passes.client.send_data(stream, _LARGE)
        sent = passes.client.take_output()
        begin = time.perf_counter_ns()
        for event in passes.front.receive(sent, float(number)):
            if isinstance(event, DataReceived):
                passes.back.send_data(upstream, event.data)
                passes.front.consumed(event.stream, event.credit)
        sent = passes.back.take_output()
        spent_ns += time.perf_counter_ns() - begin
        for event in passes.server.receive(sent, float(number)):
            if isinstance(event, DataReceived):
                passes.server.consumed(event.stream, event.credit)
        passes.client.receive(passes.front.take_output(), float(number))
        passes.back.receive(passes.server.take_output(), float(number))
    return count * 4 * len(_LARGE) / (spent_ns / 1e9) / 1e6


def main() -> int:
    """Print the table; the best of five of each, since the host is busy."""
    print(f"four passes, a path each   {min(_exchange_us(3000, same_path=False) for _ in range(5)):7.1f} µs")
    print(f"four passes, the same path {min(_exchange_us(3000, same_path=True) for _ in range(5)):7.1f} µs")
    print(f"DATA, read and written     {max(_data_rate(3000) for _ in range(5)):7.0f} MB/s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
