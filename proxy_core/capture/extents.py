"""Where a body lies: a list of extents (segment, offset, length), in order, as MessagePack in a `MessageRecord`.

`segment` > 0 is a segment file of a live capture (`capture.segment`), and `offset` is that of the body bytes themselves
(behind any record header). `segment` 0 is the saved file: `offset` is then the id of a row in `body_chunk`, whose
`data` is exactly `length` bytes long. No byte of a capture belongs twice to one body.
"""

from collections.abc import Callable
from itertools import pairwise

import msgspec

Extent = tuple[int, int, int]

ENCODED_LIMIT_BYTES = 4 * 1024 * 1024  # a saved body of 300 GB needs as much; decoded it takes some 100 MB at the worst
_LARGEST = 2**62  # beyond it, sums of two no longer fit where offsets go (`lseek`)

# For the bodies of a `MessageRecord`, where no extents are a body of no bytes, and None is no body.
encode_extents: Callable[[list[Extent]], bytes] = msgspec.msgpack.Encoder().encode
_decoder: msgspec.msgpack.Decoder[list[Extent]] = msgspec.msgpack.Decoder(list[Extent])


def decode_extents(data: bytes | None) -> list[Extent]:
    """An absent column is a body of no bytes. Raises msgspec.DecodeError on damage."""
    if not data:
        return []
    if len(data) > ENCODED_LIMIT_BYTES:
        raise msgspec.ValidationError("more extents than any body has")
    extents = _decoder.decode(data)
    if any(not 0 <= number < _LARGEST for extent in extents for number in extent):
        raise msgspec.ValidationError("an extent lies nowhere")
    if len(extents) > 1 and _has_overlap(extents):
        raise msgspec.ValidationError("a part of the body is used twice")
    return extents


def _has_overlap(extents: list[Extent]) -> bool:
    """Otherwise a MB in a file could stand for a body of any size."""
    return any(
        segment == next_segment and offset + (length if segment else 1) > next_offset
        for (segment, offset, length), (next_segment, next_offset, _) in pairwise(sorted(extents))
    )


def extents_length(extents: list[Extent]) -> int:
    """How many bytes the body has."""
    return sum(length for _, _, length in extents)
