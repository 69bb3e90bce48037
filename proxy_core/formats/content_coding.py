"""Content codings undone: gzip, deflate, br, zstd and lists of them, as a stream, and never more than asked for.

A body is untrusted: what expands without measure stops (`iterate_decoded` is the one place that decodes), what is cut
short or not what it says gives what could be read and a sentence about the problem. Decoding is for display and export,
never on the traffic's path.
"""

import sys
import zlib
from collections.abc import Iterable, Iterator
from typing import NamedTuple, Protocol

import brotli

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

STEP_BYTES = 1 << 16  # output of one step of a decoder
# Input of one step. What a decoder doesn't take at once it hands back as a copy: of a megabyte for each of its 130,000
# empty frames, this would cost the square of its size.
_FEED_BYTES = 4096
# gzip bodies may have members, zstd bodies frames, of which each costs a new decoder. Writers that flush often come to
# some hundred bytes in each.
FREE_MEMBERS = 10_000
LEAST_MEMBER_BYTES = 256  # decoded, on the average of more members than that
MOST_CODINGS = 5  # as curl has it; each more could multiply a bomb by a thousand
MOST_EXPANSION = 200  # times the size on the wire, as Apache's mod_deflate has it; text comes to 5 to 20
FREE_EXPANSION_BYTES = 16 << 20  # a page of zeros may expand a thousandfold: so much does no harm
FREE_IN_ALL_BYTES = 256 << 20  # of all bodies of one file
DECODED_LIMIT_BYTES = 4 << 30  # what a body of 20 MB may come to at the most, on disks that others fill, too
_ZSTD_WINDOW_LOG = 23  # 8 MiB, RFC 9659


class Decoded(NamedTuple):
    """What a body is without its content codings."""

    data: bytes
    is_truncated: bool  # there is more behind the limit
    problem: str  # "" or one sentence; `data` is then what could be read, or the body as it came


class _Decoder(Protocol):
    """One coding: a part in, parts out; `finish` tells whether the end was proper."""

    def feed(self, data: bytes) -> Iterator[bytes]: ...

    def finish(self) -> bool: ...


class CodingError(ValueError):
    """The bytes are not what their coding says, or the coding is unknown."""


class ExpansionError(CodingError):
    """Decoding would give more than a body of this size should."""


class _Members:
    """How many members were begun, and what the ones before have given."""

    def __init__(self) -> None:
        self._count = 0
        self._given_bytes = 0

    def give(self, part: bytes) -> bytes:
        """Take account of a part."""
        self._given_bytes += len(part)
        return part

    def begin(self) -> None:
        """Another member begins. Raises CodingError when there are many and next to nothing is in them."""
        self._count += 1
        if self._count > FREE_MEMBERS + self._given_bytes // LEAST_MEMBER_BYTES:
            raise CodingError(f"it has more than {FREE_MEMBERS:,} parts with next to nothing in them")


class _Zlib:
    """gzip with any number of members, or deflate in either of its two readings."""

    def __init__(self, *, is_gzip: bool) -> None:
        self._is_gzip = is_gzip
        self._decoder = zlib.decompressobj(31 if is_gzip else 15)
        self._has_begun = False
        self._members = _Members()

    def feed(self, data: bytes) -> Iterator[bytes]:
        while data:
            if self._decoder.eof:
                if not self._is_gzip or data[:1] != b"\x1f":
                    return  # padding behind the end is common, and harmless
                self._members.begin()
                self._decoder = zlib.decompressobj(31)
            try:
                out = self._decoder.decompress(data, STEP_BYTES)
            except zlib.error as error:
                if self._is_gzip or self._has_begun:
                    raise CodingError(str(error)) from None
                # RFC 9110 §8.4.1.2: «deflate» has the zlib wrapper; many send it raw.
                self._decoder = zlib.decompressobj(-15)
                self._has_begun = True
                continue
            self._has_begun = True
            data = self._decoder.unconsumed_tail or self._decoder.unused_data
            if out:
                yield self._members.give(out)
            elif not self._decoder.eof and not self._decoder.unconsumed_tail:
                return

    def finish(self) -> bool:
        return self._decoder.eof


class _Brotli:
    def __init__(self) -> None:
        self._decoder = brotli.Decompressor()

    def feed(self, data: bytes) -> Iterator[bytes]:
        try:
            out = self._decoder.process(data, output_buffer_limit=STEP_BYTES)
            while out or not self._decoder.can_accept_more_data():
                if out:
                    yield out
                if self._decoder.is_finished():
                    return
                out = self._decoder.process(b"", output_buffer_limit=STEP_BYTES)
        except brotli.error as error:
            raise CodingError(str(error) or "not brotli") from None

    def finish(self) -> bool:
        return bool(self._decoder.is_finished())


class _Zstd:
    def __init__(self) -> None:
        self._options = {int(zstd.DecompressionParameter.window_log_max): _ZSTD_WINDOW_LOG}
        self._decoder = zstd.ZstdDecompressor(options=self._options)
        self._members = _Members()

    def feed(self, data: bytes) -> Iterator[bytes]:
        try:
            while True:
                if self._decoder.eof:
                    if not data:
                        return
                    self._members.begin()
                    self._decoder = zstd.ZstdDecompressor(options=self._options)
                out = self._decoder.decompress(data, max_length=STEP_BYTES)
                data = b""
                if out:
                    yield self._members.give(out)
                if self._decoder.eof:
                    data = self._decoder.unused_data
                elif self._decoder.needs_input:
                    return
        except zstd.ZstdError as error:
            raise CodingError(str(error)) from None

    def finish(self) -> bool:
        return self._decoder.eof


def parse_codings(value: str | bytes) -> tuple[str, ...]:
    """The codings that a Content-Encoding names, in the order in which they were applied; identity left out."""
    text = value.decode("latin-1") if isinstance(value, bytes) else value
    names = (name.strip().lower() for name in text.split(","))
    return tuple(name for name in names if name and name != "identity")


def codings_text(codings: tuple[str, ...]) -> str:
    """For a sentence: not more of them than are ever undone."""
    return ", ".join([*(name[:40] for name in codings[:MOST_CODINGS]), *["…"] * (len(codings) > MOST_CODINGS)])


def _decoder(coding: str) -> _Decoder:
    match coding:
        case "gzip" | "x-gzip":
            return _Zlib(is_gzip=True)
        case "deflate":
            return _Zlib(is_gzip=False)
        case "br":
            return _Brotli()
        case "zstd":
            return _Zstd()
        case _:
            raise CodingError(f"the coding «{coding[:40]}» is unknown")


def iterate_decoded(
    chunks: Iterable[bytes],
    codings: tuple[str, ...],
    limit: int = DECODED_LIMIT_BYTES,
    free_bytes: int = FREE_EXPANSION_BYTES,
) -> Iterator[bytes]:
    """The body without its codings, as a stream of small parts. Raises CodingError; a cut end raises it last.

    More than `limit` bytes, or (beyond `free_bytes`) than a body of its size should give, raises ExpansionError, and so
    does what one of several codings gives: else the next could swallow terabytes and give nothing.
    """
    if len(codings) > MOST_CODINGS:
        raise CodingError(f"{len(codings):,} codings on top of each other are not undone")
    bound = _Bound(limit, free_bytes)
    stream: Iterable[bytes] = bound.counted(chunks) if codings else chunks
    for coding in reversed(codings):
        stream = bound.bounded(_undo(stream, coding))
    yield from stream


class Expansion:
    """What the bodies of one file may expand to together beyond what their sizes on the wire should give.

    Each by itself may be harmless: a thousand pages of zeros are not.
    """

    def __init__(self, free_bytes: int = FREE_IN_ALL_BYTES) -> None:
        self._left = free_bytes

    def free_bytes(self) -> int:
        """What the next body may take."""
        return min(self._left, FREE_EXPANSION_BYTES)

    def take(self, size: int, wire_size: int) -> None:
        """A body has been decoded."""
        self._left -= max(0, min(self._left, size - wire_size * MOST_EXPANSION))


class _Bound:
    """What a body may expand to, by what was read of it."""

    def __init__(self, limit: int, free_bytes: int) -> None:
        self._limit = limit
        self._free_bytes = free_bytes
        self.read = 0

    def counted(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            self.read += len(chunk)
            yield chunk

    def bounded(self, parts: Iterable[bytes]) -> Iterator[bytes]:
        size = 0
        for part in parts:
            size += len(part)
            self.check(size)
            yield part

    def check(self, size: int) -> None:
        """Whether it may have come to so much. Raises ExpansionError."""
        if size > self._limit:
            raise ExpansionError(f"it expands to more than {self._limit:,} bytes")
        if size > self._free_bytes and size > self.read * MOST_EXPANSION:
            raise ExpansionError(f"it expands to more than {MOST_EXPANSION} times its size")


def _undo(chunks: Iterable[bytes], coding: str) -> Iterator[bytes]:
    decoder = _decoder(coding)
    has_input = False
    for chunk in chunks:
        has_input = has_input or bool(chunk)
        for begin in range(0, len(chunk), _FEED_BYTES):
            yield from decoder.feed(chunk[begin : begin + _FEED_BYTES])
    if has_input and not decoder.finish():
        raise CodingError("it ends too early")


class StreamedDecoding:
    """A body decoded while it comes, for whoever can't wait for its end."""

    def __init__(self, codings: tuple[str, ...], free_bytes: int = FREE_EXPANSION_BYTES) -> None:
        """Up to `free_bytes` it may expand as it likes. Raises CodingError where the codings can't be undone."""
        if len(codings) > MOST_CODINGS:
            raise CodingError(f"{len(codings):,} codings on top of each other are not undone")
        self._decoders = [_decoder(coding) for coding in reversed(codings)]
        self._bound = _Bound(DECODED_LIMIT_BYTES, free_bytes)
        self._sizes = [0 for _ in codings]

    def receive(self, data: bytes) -> Iterator[bytes]:
        """What comes of some more bytes. Raises CodingError, ExpansionError."""
        self._bound.read += len(data)
        parts: Iterator[bytes] = iter((data,))
        if self._decoders:
            parts = (data[begin : begin + _FEED_BYTES] for begin in range(0, len(data), _FEED_BYTES))
        for number in range(len(self._decoders)):
            parts = self._undone(number, parts)
        return parts

    def _undone(self, number: int, parts: Iterator[bytes]) -> Iterator[bytes]:
        for part in parts:
            for decoded in self._decoders[number].feed(part):
                self._sizes[number] += len(decoded)
                self._bound.check(self._sizes[number])
                yield decoded


def decode(chunks: Iterable[bytes], codings: tuple[str, ...], limit: int) -> Decoded:
    """Decode at most `limit` bytes. A body that is not what it says comes back as it was, with the problem."""
    raw_seen: list[bytes] = []
    raw_size = 0

    def remember() -> Iterator[bytes]:
        nonlocal raw_size
        for chunk in chunks:
            if raw_size < limit:
                raw_seen.append(chunk[: limit - raw_size])
            raw_size += len(chunk)
            yield chunk

    out: list[bytes] = []
    size = 0
    source = remember()
    try:
        for part in iterate_decoded(source if codings else chunks, codings):
            if size + len(part) > limit:
                out.append(part[: limit - size])
                return Decoded(b"".join(out), is_truncated=True, problem="")
            out.append(part)
            size += len(part)
    except CodingError as error:
        names = codings_text(codings)
        if size:
            problem = f"The body says it is coded as {names}, but {error}: shown as far as it goes."
            return Decoded(b"".join(out), is_truncated=False, problem=problem)
        for _ in source:
            if raw_size > limit:
                break
        problem = f"The body says it is coded as {names}, but {error}: shown as it came."
        return Decoded(b"".join(raw_seen), is_truncated=raw_size > limit, problem=problem)
    return Decoded(b"".join(out), is_truncated=False, problem="")
