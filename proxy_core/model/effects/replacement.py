"""What is sought by a regular expression, and what is put in its place."""

import msgspec
import regex

HEAD_PATTERN_S = 0.02  # no expression takes longer on a head, but one that has gone wild
_LONGEST_PATTERN = 1000  # characters; what people write by hand is shorter
_CHECK_S = 1.0


class Replacement(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    r"""`find` is a regular expression (of the package regex), `with` may name its groups: `\1`, `\g<name>`."""

    find: str
    put: str = msgspec.field(name="with", default="")

    def mistake(self) -> str:
        """Why it can't be carried out, else ""."""
        if not self.find:
            return "find needs a regular expression."
        if len(self.find) > _LONGEST_PATTERN:
            return f"A regular expression has at the most {_LONGEST_PATTERN:,} characters."
        try:
            self.pattern()
            # What is put is read where something has been found: here nothing, behind whatever is sought.
            regex.compile(f"(?:{self.find}\n)|").sub(self.put, "", timeout=_CHECK_S)
        except (regex.error, RecursionError, OverflowError, TimeoutError, ValueError, IndexError) as error:
            return f"This regular expression, or what it puts, is wrong: {error}."
        return ""

    def pattern(self) -> "regex.Pattern[str]":
        """Raises regex.error."""
        return regex.compile(self.find)


class NamedReplacement(Replacement, frozen=True, kw_only=True):
    """A replacement in what is called so."""

    name: str


def fault_text(error: Exception) -> str:
    """Why nothing was replaced, in half a sentence."""
    return "the expression takes too long" if isinstance(error, TimeoutError) else str(error)
