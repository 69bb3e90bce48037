"""A message as it lies in a capture: what was received of a request or a response, and what was sent on in its place.

An exchange's detail holds two, `request` and `response`; which of them is meant is a `MessageKind`, everywhere. (What a
rule sees and changes while an exchange is under way is a `model.message.Message`: no bytes of a protocol, no places in
a capture.)
"""

from enum import IntEnum
from typing import NamedTuple


class MessageKind(IntEnum):
    """Which of an exchange's messages."""

    REQUEST = 0
    RESPONSE = 1


class MessageRecord(NamedTuple):
    """One message. What is absent has its default; more members may follow in later versions, with defaults, too."""

    head: bytes = b""  # as received, byte for byte, with its closing empty line; b"" when none came
    version: str = ""  # of the protocol that it was received in: «HTTP/1.1», «HTTP/2»; "" when that isn't known
    trailers: bytes | None = None  # raw field lines
    body: bytes | None = None  # extents, see `capture.extents`; None for no body
    forwarded_head: bytes | None = None  # what was sent on, only where a rule changed it (not the hop-by-hop work)
    forwarded_body: bytes | None = None  # extents, only where it differs


NO_MESSAGE = MessageRecord()
