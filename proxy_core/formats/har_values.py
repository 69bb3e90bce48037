"""Values of a HAR file taken for what they should be, whatever they are: nothing here raises."""

from typing import Any

UNKNOWN_TYPE = "x-unknown"  # what Chrome, too, has for the media type of a body that came without one
_LONGEST_NUMBER = 32  # characters; longer ones are none that HAR has


def as_dict(value: object) -> dict[str, Any]:
    """An object, else an empty one."""
    return value if isinstance(value, dict) else {}


def as_dicts(value: object) -> list[dict[str, Any]]:
    """The objects in an array."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def as_text(value: object) -> str:
    """A string; a number as one; else ""."""
    if isinstance(value, str):
        return value
    return "" if value is None or isinstance(value, dict | list | bool) else str(value)


def as_number(value: object) -> float:
    """A number, also one that was written as a string; else -1, which is HAR's «unknown»."""
    if isinstance(value, str) and len(value) <= _LONGEST_NUMBER:
        try:
            value = float(value)
        except ValueError:
            return -1.0
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e15:
        return float(value)
    return -1.0


def as_integer(value: object, least: int, most: int) -> int:
    """A whole number within bounds, also one that was written as a string; else the least, or 0."""
    if isinstance(value, str) and len(value) <= _LONGEST_NUMBER:
        try:
            value = int(value)
        except ValueError:
            value = as_number(value)
    if isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= most:
        return int(value)
    return max(least, 0)
