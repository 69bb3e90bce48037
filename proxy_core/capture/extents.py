"""Where a body lies: a list of extents (segment, offset, length), in order, as MessagePack in the table `detail`.

`segment` > 0 names a segment file of a live capture (`segment_name`), and `offset` is that of the body bytes themselves
(behind any record header). `segment` 0 is the saved file: `offset` is then the id of a row in `body_chunk`, whose
`data` is exactly `length` bytes long.
"""

import msgspec

Extent = tuple[int, int, int]

_encode = msgspec.msgpack.Encoder().encode
_decoder: msgspec.msgpack.Decoder[list[Extent]] = msgspec.msgpack.Decoder(list[Extent])


def encode_extents(extents: list[Extent]) -> bytes:
    """For the columns `request_body` and `response_body`."""
    return _encode(extents)


def decode_extents(data: bytes | None) -> list[Extent]:
    """An absent column is a body of no bytes. Raises msgspec.DecodeError on damage."""
    return _decoder.decode(data) if data else []


def extents_length(extents: list[Extent]) -> int:
    """How many bytes the body has."""
    return sum(length for _, _, length in extents)


def segment_name(segment: int) -> str:
    """The file name of a segment in the live capture's folder."""
    return f"{segment:08x}.seg"


_BODY_BIT = 1 << 19


def segment_number(series: int, count: int, *, is_body: bool = False) -> int:
    """The number of the `count`-th segment (from 1) of a worker's series (from 1)."""
    return series << 20 | (_BODY_BIT if is_body else 0) | count


def is_journal(segment: int) -> bool:
    """Whether a segment consists of records. A raw body never is read as records, whatever its bytes look like."""
    return not segment & _BODY_BIT


def segment_series(segment: int) -> int:
    """Which series a segment belongs to."""
    return segment >> 20
