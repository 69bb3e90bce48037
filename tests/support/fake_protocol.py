"""A second protocol for tests: lines of JSON. It has heads, parts and ends as HTTP has, and no framing in common with it.

Each line is an object: {"head": …}, {"data": text}, {"end": trailers}. It carries many exchanges at once on paper (its
sides say how many), one in these tests.
"""

import json
from collections.abc import Callable
from typing import Any, NamedTuple

from proxy_core.engine.links.link import Link
from proxy_core.engine.sides.side import ClientGoneError, SideError
from proxy_core.engine.upstream.connection import UpstreamConnection
from proxy_core.model.failure import Failure, FailureKind
from proxy_core.model.message_head import parse_head
from proxy_core.protocols.part import CHUNKED, BodyPart, EndOfMessage, RequestHead, ResponseHead

ROOM = 100


class FakeRequestHead(NamedTuple):
    """A `RequestHead`."""

    raw: bytes
    method: bytes
    scheme: str
    host: str
    port: int
    origin_target: bytes
    body_length: int
    version: str = "FAKE/1"
    expect_continue: bool = False
    upgrade: bytes = b""
    max_forwards: int = -1
    notes: str = ""


class FakeResponseHead(NamedTuple):
    """A `ResponseHead`."""

    raw: bytes
    status: int
    body_length: int
    content_type: bytes
    version: str = "FAKE/1"
    connection_auth: bool = False
    upgrade: bytes = b""
    notes: str = ""


def line(**members: Any) -> bytes:
    return json.dumps(members).encode() + b"\n"


def _text(start: str, fields: list[list[str]]) -> bytes:
    return (start + "\r\n" + "".join(f"{name}: {value}\r\n" for name, value in fields) + "\r\n").encode()


def _fields(raw: bytes) -> list[list[str]]:
    return [[name.decode(), value.decode()] for name, value in parse_head(raw).fields]


class _FakeSide:
    def __init__(self, link: Link) -> None:
        self.link = link
        self._buffer = b""
        self._out = b""

    def _next_line(self, *, wait: bool) -> dict[str, Any] | None:
        while b"\n" not in self._buffer:
            if not wait:
                return None
            data = self.link.receive()
            if not data:
                raise SideError(Failure(FailureKind.HTTP_RESPONSE_INCOMPLETE, "It ended early."))
            self._buffer += data
        first, _, self._buffer = self._buffer.partition(b"\n")
        read: dict[str, Any] = json.loads(first)
        return read

    @staticmethod
    def _part(read: dict[str, Any]) -> BodyPart | EndOfMessage:
        if "data" in read:
            return BodyPart(read["data"].encode(), b"")
        return EndOfMessage(read["end"].encode(), b"")

    def part_here(self) -> BodyPart | EndOfMessage | None:
        read = self._next_line(wait=False)
        return None if read is None else self._part(read)

    def next_part(self) -> BodyPart | EndOfMessage:
        read = self._next_line(wait=True)
        assert read is not None
        return self._part(read)

    def send_part(self, part: BodyPart | EndOfMessage) -> None:
        if isinstance(part, BodyPart):
            self._out += line(data=part.data.decode())
        else:
            self._out += line(end=part.trailers.decode())

    def flush(self) -> None:
        out, self._out = self._out, b""
        self.link.send(out)

    def abort(self, reset_code: int | None = None) -> None:
        self.link.abort()

    def close(self) -> None:
        self.link.close()

    def detach(self) -> tuple[Link, bytes]:
        return self.link, self._buffer


class FakeClient(_FakeSide):
    """A `ClientSide`."""

    carries_one = True
    fault = None
    reset_code = None

    def __init__(self, link: Link) -> None:
        super().__init__(link)
        self.has_left = self.has_reset = False
        self.sent_head = b""
        self.when_gone: Callable[[], None] | None = None

    def limit_body(self, limit_s: float) -> None:
        self.link.read_limit_s = limit_s

    def next_request(self) -> FakeRequestHead:
        read = self._next_line(wait=True)
        assert read is not None
        method, host, port, target, fields, length = read["head"]
        raw = _text(f"{method} {target} FAKE/1", [["Host", f"{host}:{port}"], *fields])
        return FakeRequestHead(raw, method.encode(), "http", host, port, target.encode(), length)

    def flush(self) -> None:
        try:
            super().flush()
        except OSError:
            raise ClientGoneError from None

    def send_interim(self, head: ResponseHead) -> None:
        self._out += line(interim=head.status)
        self.flush()

    def send_head(self, head: ResponseHead, *, is_last: bool = False) -> None:
        self._out += line(head=[head.status, _fields(head.raw)], last=is_last)
        self.sent_head = head.raw

    def finish(self, *, is_own: bool = False) -> None:
        pass

    def is_still_there(self) -> bool:
        return not self.has_reset

    def cut_short(self) -> None:
        self.link.abort()

    def pass_reset(self, code: int) -> bool:
        return False

    def end_unanswered(self) -> None:
        self.link.close()


class FakeUpstream(_FakeSide):
    """A `Carrier` and its `UpstreamSide`."""

    def __init__(self, connection: UpstreamConnection) -> None:
        super().__init__(connection.link)
        self.connection = connection
        self.exchanges = 0
        self.is_busy = False
        self.when_extended: Callable[[], None] | None = None
        self.reads_on = True

    def next_side(self) -> "FakeUpstream":
        return self

    def room(self, *, is_sure: bool) -> int:
        return ROOM - self.exchanges

    def was_kept(self, mark: float) -> bool:
        return self.exchanges > 0

    def send_head(self, head: RequestHead) -> None:
        members = [head.method.decode(), head.origin_target.decode(), _fields(head.raw), head.body_length]
        self._out += line(head=members)
        if head.body_length == 0:
            self._out += line(end="")

    def head_text(self, head: RequestHead) -> bytes:
        return head.raw

    def send_failure(self, error: OSError) -> Failure:
        return Failure(FailureKind.CONNECTION_TERMINATED, str(error))

    def next_head(self) -> FakeResponseHead:
        read = self._next_line(wait=True)
        assert read is not None
        status, fields = read["head"]
        types = [value for name, value in fields if name.lower() == "content-type"]
        raw = _text(f"FAKE/1 {status} Fine", fields)
        return FakeResponseHead(raw, status, CHUNKED, "".join(types).encode())

    def finish(self, *, is_request_whole: bool) -> None:
        self.exchanges += 1

    def hurry(self, limit_s: float) -> None:
        self.link.read_limit_s = min(self.link.read_limit_s, limit_s)
