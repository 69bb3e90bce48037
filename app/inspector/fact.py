"""What the inspector tells, in its smallest parts."""

from typing import NamedTuple


class Fact(NamedTuple):
    """A name, a value, and the role of colour of the value."""

    name: str
    value: str
    role: str = ""
    press: str = ""  # the name is a button, and this is what is wanted when it is pressed


class Section(NamedTuple):
    """Facts under a title."""

    title: str
    facts: list[Fact]
