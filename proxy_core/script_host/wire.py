"""Frames between the script process and those that call it: length, length of the head, a JSON head, raw blobs.

The head's `blobs` lists the lengths of what follows it. Both lengths are 4 bytes, big-endian. Whoever connects says the
token first, as a frame's only blob.
"""

import json
import struct
from collections.abc import Sequence
from typing import Any

LENGTHS = struct.Struct(">II")
LONGEST_FRAME = 96 * 1024 * 1024  # two bodies of the largest size that is ever held, and their heads


class WireError(Exception):
    """What came is no frame of ours."""


def pack(head: dict[str, Any], blobs: Sequence[bytes] = ()) -> bytes:
    """One frame."""
    text = json.dumps({**head, "blobs": [len(blob) for blob in blobs]}, separators=(",", ":")).encode("ascii")
    size = 4 + len(text) + sum(map(len, blobs))
    return b"".join((LENGTHS.pack(size, len(text)), text, *blobs))


def unpack(data: bytes, head_length: int) -> tuple[dict[str, Any], list[bytes]]:
    """Head and blobs of what follows the lengths. Raises WireError."""
    try:
        head = json.loads(data[:head_length])
        lengths = head["blobs"]
        blobs, at = [], head_length
        for length in lengths:
            blobs.append(data[at : at + length])
            at += length
    except (ValueError, KeyError, TypeError) as error:
        raise WireError("a head that is none") from error
    if at != len(data):
        raise WireError("blobs of other lengths than the head says")
    return head, blobs
