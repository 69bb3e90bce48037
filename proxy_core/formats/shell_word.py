"""Bytes as words of a command line, for whatever shell they are pasted into: bash, dash, zsh. No Qt.

What is copied from a capture was written by strangers, so nothing of it may be read as anything but data. Printable
text stands in single quotes, in which no shell knows a special character; all else is spelled in octal for `printf`,
since control characters act on a terminal that is pasted into and `$'…'` is no word to every `sh`. No quoted text goes
over the end of a line: older shells expand «!» there even within quotes.
"""

import re
from itertools import groupby

LONGEST_WORD = 120_000  # bytes; Linux takes 131,071 in one argument of a program
_PLAIN = re.compile(r"[A-Za-z0-9_-]+")
# Characters in one word of `printf`: at four bytes of five characters each, a terminal's line (4,095) still holds it.
_PIECE = 200


def is_plain_text(data: bytes) -> bool:
    """Whether the bytes are UTF-8 text in one line with nothing invisible in it, so that they can stand as they are."""
    return data.decode("utf-8", "surrogateescape").isprintable()


def shell_word(data: bytes) -> str:
    """One word. Raises ValueError for what none can be: with NUL in it, or with a line end at its end."""
    if b"\0" in data or data.endswith(b"\n"):
        raise ValueError("no word of a command line can hold NUL or end with a line end")
    text = data.decode("utf-8", "surrogateescape")
    if _PLAIN.fullmatch(text):
        return text
    parts = []
    runs = [(is_printable, "".join(run)) for is_printable, run in groupby(text, str.isprintable)]
    for index, (is_printable, run) in enumerate(runs):
        if is_printable:
            parts.append("'" + run.replace("'", "'\\''") + "'")
            continue
        if run.endswith("\n"):  # which a substitution would cut off, so one character more goes into it
            following = runs[index + 1][1]
            run += following[0]
            runs[index + 1] = True, following[1:]
        spelled = "".join(f"\\{byte:03o}" for byte in run.encode("utf-8", "surrogateescape"))
        parts.append(f"\"$(printf '{spelled}')\"")
    return "".join(parts) or "''"


def printf_command(data: bytes) -> str:
    """A command that writes any bytes to its standard output. `printf` is built into the shells, so no length is too
    long for it.
    """
    text = data.decode("utf-8", "surrogateescape")
    pieces = [text[start : start + _PIECE].translate(_SPELLINGS) for start in range(0, len(text), _PIECE)]
    return "printf %b " + " \\\n  ".join(f"'{piece}'" for piece in pieces or [""])


class _Spellings(dict[int, str]):
    """How each character stands in an argument of `printf %b` within single quotes; filled as characters come."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        spelled = character
        if not character.isprintable():
            spelled = "".join(f"\\0{byte:03o}" for byte in character.encode("utf-8", "surrogateescape"))
        self[code] = spelled
        return spelled


_SPELLINGS = _Spellings({ord("\\"): "\\\\", ord("'"): "'\\''", ord("\n"): "\\n", ord("\r"): "\\r", ord("\t"): "\\t"})
