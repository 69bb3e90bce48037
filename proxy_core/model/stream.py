"""The bodies of an exchange: each of its two messages has one as it was received and one as it was sent on."""

from enum import IntEnum


class Stream(IntEnum):
    """Which of them. What is forwarded is recorded only where somebody has put it in the place of what came."""

    REQUEST_RECEIVED = 0
    RESPONSE_RECEIVED = 1
    REQUEST_FORWARDED = 2
    RESPONSE_FORWARDED = 3
