"""How a conversion went, and the one error of those that did not."""

from dataclasses import dataclass


class ConversionError(Exception):
    """One sentence that says what can't be read or written."""


@dataclass(frozen=True, slots=True)
class ConversionReport:
    """How it went."""

    exchanges: int
    repairs: list[str]  # sentences
