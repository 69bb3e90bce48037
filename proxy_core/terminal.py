"""What is said on the terminal: the one way out for texts that may hold what strangers wrote (names, files, servers).

A control character would be obeyed by the terminal, a bidirectional one would turn the sentence around, a line end
would begin a line that seems to be ours: what is no visible character is spelled out.
"""

import sys


def spelled_out(text: str, *, keeps_lines: bool = False) -> str:
    r"""The text with `\x1b` and the like for whatever can't be seen. `keeps_lines` for a text of our own with lines."""
    if text.isprintable():
        return text
    if keeps_lines:
        return "\n".join(spelled_out(line) for line in text.split("\n"))
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode("ascii") for each in text)


def say(text: str) -> None:
    """One line on standard output."""
    print(spelled_out(text), flush=True)


def complain(text: str, *, keeps_lines: bool = False) -> None:
    """On standard error, where there is one: a packaged window on Windows has none, and one may have been closed.

    Never raises: who complains has trouble enough.
    """
    if sys.stderr is None:
        return
    try:
        print(spelled_out(text, keeps_lines=keeps_lines), file=sys.stderr, flush=True)
    except (OSError, ValueError):
        pass
