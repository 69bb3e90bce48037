"""One input, fed to a reader in every way that a network can cut it; all ways must read the same.

A reading is plain data, so that tables can spell it: `Reading.heads`, the body's bytes, the ends, and the failure if there
was one. Parts of one body are joined, because how many there are depends on the cuts, and nothing else may.
"""

import random
from collections.abc import Callable, Iterator
from typing import NamedTuple

from proxy_core.model.failure import Failure
from proxy_core.protocols.http1.head import Http1RequestHead, Http1ResponseHead
from proxy_core.protocols.http1.reader import RequestReader, ResponseReader
from proxy_core.protocols.part import BodyPart, EndOfMessage, ProtocolError


class Message(NamedTuple):
    """One message; `head` is None only for a failure before any head."""

    head: Http1RequestHead | Http1ResponseHead
    data: bytes
    wire: bytes
    end: EndOfMessage | None


class Reading(NamedTuple):
    """What came of an input."""

    messages: list[Message]
    failure: Failure | None
    is_at_end: bool
    leftover: bytes

    @property
    def only(self) -> Message:
        """The one message that there is, read without a failure."""
        assert self.failure is None, self.failure
        assert len(self.messages) == 1
        return self.messages[0]

    @property
    def refusal(self) -> tuple[str, int]:
        """Kind and status of the failure."""
        assert self.failure is not None, self.messages
        return self.failure.kind.value, self.failure.status


def read(reader: RequestReader | ResponseReader, pieces: list[bytes], *, eof: bool = False) -> Reading:
    """Feed pieces one by one, asking for parts after each."""
    messages: list[Message] = []
    failure = None
    try:
        for piece in pieces:
            reader.receive(piece)
            _take_parts(reader, messages)
        if eof:
            reader.receive_eof()
            _take_parts(reader, messages)
    except ProtocolError as error:
        failure = error.failure
    is_at_end = reader.is_at_end
    return Reading(messages, failure, is_at_end, b"" if failure else reader.leftover())


def _take_parts(reader: RequestReader | ResponseReader, messages: list[Message]) -> None:
    while (part := reader.next_part()) is not None:
        if isinstance(part, Http1RequestHead | Http1ResponseHead):
            messages.append(Message(part, b"", b"", None))
        elif isinstance(part, BodyPart):
            assert part.wire, "a part without bytes"
            last = messages[-1]
            messages[-1] = last._replace(data=last.data + part.data, wire=last.wire + part.wire)
        else:
            messages[-1] = messages[-1]._replace(end=part)


def cuts(data: bytes, random_cuts: int = 4) -> Iterator[list[bytes]]:
    """The input whole, byte by byte, and cut at random places (the same in every run)."""
    yield [data]
    yield [data[index : index + 1] for index in range(len(data))]
    generator = random.Random(len(data))
    for _ in range(random_cuts):
        places = sorted(generator.sample(range(len(data) + 1), min(3, len(data))))
        yield [data[start:end] for start, end in zip([0, *places], [*places, len(data)], strict=True)]


def read_every_way(
    new_reader: Callable[[], RequestReader | ResponseReader], data: bytes, *, eof: bool = False
) -> Reading:
    """The reading of `data`, the same whichever way it is cut."""
    first: Reading | None = None
    for pieces in cuts(data):
        reading = read(new_reader(), pieces, eof=eof)
        if first is None:
            first = reading
        # The sentence may differ: a head that comes slowly is refused for the first thing that is wrong with it.
        assert comparable(reading) == comparable(first), pieces
    assert first is not None
    return first


def comparable(reading: Reading) -> object:
    failure = reading.failure
    return reading._replace(failure=None), failure and (failure.kind, failure.status)


def read_requests(data: bytes, *, eof: bool = False, scheme: str = "http") -> Reading:
    """Requests from `data`, every way."""
    return read_every_way(lambda: RequestReader(scheme), data, eof=eof)


def read_response(data: bytes, *, method: bytes = b"GET", eof: bool = False) -> Reading:
    """The response to a request with `method`, every way."""

    def new_reader() -> ResponseReader:
        reader = ResponseReader()
        reader.expect(method)
        return reader

    return read_every_way(new_reader, data, eof=eof)
