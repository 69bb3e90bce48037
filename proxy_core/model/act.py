"""What was done about an exchange by a rule, a script or a person: who, at which point, what, and what failed.

They lie packed in `ExchangeDetail.acts`. Whoever reads them may have got them from elsewhere: what can't be read is
none of them.
"""

from typing import NamedTuple

import msgspec

MOST_ACTS = 200  # of one exchange; who has more rules than that for one knows what they do
LONGEST_SENTENCE = 500  # characters


class Act(NamedTuple):
    """One of them."""

    point: int  # `Point`
    rule: str  # id of the rule, or who else it was
    sentence: str  # what was done, "" where nothing could be
    spent_us: int
    problem: str = ""  # what could not be done, and why


_encode = msgspec.msgpack.Encoder().encode
_decoder = msgspec.msgpack.Decoder(list[Act])


def encode_acts(acts: list[Act]) -> bytes:
    """For the detail."""
    return _encode(acts)


def decode_acts(packed: bytes | None) -> list[Act]:
    """In their order; none where they can't be read."""
    if packed is None:
        return []
    try:
        return _decoder.decode(packed)[:MOST_ACTS]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return []


def act_text(text: str) -> str:
    """A sentence as it is kept: of a bounded length, and text in every encoding."""
    return text[:LONGEST_SENTENCE].encode("utf-8", "backslashreplace").decode("utf-8")
