"""Bodies that are held back until somebody has decided, or read to be recorded alone.

What is held waits in memory, up to `HELD_LIMIT_BYTES`, and no longer than its exchange may be kept waiting: a stream of
events has no end. What is larger or slower than that can't be decided upon, and passes as it came.
"""

import time
from collections.abc import Callable
from http import HTTPStatus
from typing import NamedTuple

import gevent

from proxy_core.engine.sides.side import BodySource
from proxy_core.model.message import Message
from proxy_core.protocols.part import END_WITHOUT_TRAILERS, BodyPart, EndOfMessage

HELD_LIMIT_BYTES = 1024 * 1024  # what may be taken apart within a worker without stalling its other exchanges

# gRPC's streams can't be told from its single calls by their heads.
_WITHOUT_END = (b"text/event-stream", b"application/grpc", b"multipart/x-mixed-replace")
Part = BodyPart | EndOfMessage
Record = Callable[[Part], None]
_clock = time.monotonic


class Held:
    """A `BodySource` of what is here, and of what a source still gives behind it."""

    def __init__(self, parts: list[Part], rest: BodySource | None = None, record: Record | None = None) -> None:
        """What `rest` gives is still to be recorded."""
        self._parts = parts
        self._rest = rest
        self._record = record

    def part_here(self) -> Part | None:
        if self._parts:
            return self._parts.pop(0)
        return self._recorded(self._rest.part_here()) if self._rest is not None else None

    def next_part(self) -> Part:
        if self._parts:
            return self._parts.pop(0)
        assert self._rest is not None, "nothing follows the end of a message"
        part = self._rest.next_part()
        self._recorded(part)
        return part

    def _recorded(self, part: Part | None) -> Part | None:
        if part is not None and self._record is not None:
            self._record(part)
        return part


class Holding(NamedTuple):
    """What has come of a body."""

    parts: list[Part]
    data: bytes | None  # the whole body; None where it isn't whole
    remark: str  # why not


def whole(body: bytes) -> Held:
    """A source of this body."""
    return Held([BodyPart(body, b""), END_WITHOUT_TRAILERS] if body else [END_WITHOUT_TRAILERS])


def _why_not_held(message: Message) -> str:
    """What to say of a body that passes as it comes, whoever wants it whole; "" of all others.

    What is told piece by piece, for as long as somebody listens, must not wait for an end.
    """
    kind = (message.value(b"content-type") or b"").lower()
    if kind.startswith(_WITHOUT_END):
        return "A rule wanted the body, which is a stream: it passed as it came."
    if message.status == HTTPStatus.PARTIAL_CONTENT:
        return "A rule wanted the body, of which this is but a part: it passed as it came."
    return ""


def hold(message: Message, body: BodySource, record: Record, limit_s: float) -> Holding:
    """Read the message's body until its end, or until it is too large or takes too long. Raises SideError.

    Nothing is read of one that is not to be held.
    """
    if remark := _why_not_held(message):
        return Holding([], None, remark)
    end_mark = _clock() + limit_s
    parts: list[Part] = []
    size = 0
    while size <= HELD_LIMIT_BYTES:
        part = _part_until(end_mark, body)
        if part is None:
            text = f"A rule wanted the body, which had not ended after {limit_s:.0f} seconds: it passed as it came."
            return Holding(parts, None, text)
        record(part)
        parts.append(part)
        if isinstance(part, EndOfMessage):
            return Holding(parts, b"".join([each.data for each in parts if isinstance(each, BodyPart)]), "")
        size += len(part.data)
    limit = f"{HELD_LIMIT_BYTES // 1024:,} KiB"
    return Holding(parts, None, f"A rule wanted the body, which is larger than {limit}: it passed as it came.")


def drain(body: BodySource, record: Record, limit_s: float) -> None:
    """Read a body to its end, for the record alone, or give up after a while. Raises SideError."""
    end_mark = _clock() + limit_s
    part: Part | None = None
    while not isinstance(part, EndOfMessage):
        part = _part_until(end_mark, body)
        if part is None:
            return
        record(part)


def _part_until(end_mark: float, body: BodySource) -> Part | None:
    """The next part, None when it has not come in time. Raises SideError."""
    left_s = end_mark - _clock()
    if left_s <= 0:  # also of what comes without a pause
        return None
    part = body.part_here()
    if part is None:
        # Nothing is lost with a wait that is broken off: what has come by then lies with the side.
        wait = gevent.Timeout.start_new(left_s)
        try:
            part = body.next_part()
        except gevent.Timeout as over:
            if over is not wait:
                raise
        finally:
            wait.close()
    return part
