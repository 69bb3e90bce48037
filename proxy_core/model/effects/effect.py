"""What every effect of a rule has: its key in a rule file, the point that it acts at, a check and a sentence.

An effect is a `msgspec` struct whose members are what a rule file may write behind its key; its tag is that key. What
the types of the members don't say, `mistakes` does.
"""

from enum import IntEnum
from typing import ClassVar, NamedTuple, Self

import msgspec


class Point(IntEnum):
    """Where something of an exchange can be known or done, in the order of time."""

    CONNECT = 0  # host, port and scheme alone are known
    REQUEST_HEAD = 1
    REQUEST_BODY = 2
    RESPONSE_HEAD = 3
    RESPONSE_BODY = 4

    @property
    def is_of_response(self) -> bool:
        """Whether the response is what is looked at."""
        return self >= Point.RESPONSE_HEAD


class Mistake(NamedTuple):
    """What is wrong with a value in a rule file."""

    path: tuple[str | int, ...]  # the keys and indices that lead to it from the effect's own key
    text: str  # one sentence


class Effect(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="effect", omit_defaults=True):
    """One effect of a rule."""

    KEY: ClassVar[str]  # in a rule file, with dots
    POINT: ClassVar[Point]  # the last one at which it can act

    @classmethod
    def from_file(cls, value: object) -> Self:
        """From what stands behind its key. Raises msgspec.ValidationError."""
        return msgspec.convert(value, cls)

    def mistakes(self) -> list[Mistake]:
        """What its members can't mean."""
        return []

    @property
    def holds(self) -> bool:
        """Whether it needs its message's body whole before anything of the message goes on."""
        return False

    def explain(self) -> str:
        """What it does, as the rest of a sentence: «answers with status 200»."""
        raise NotImplementedError
