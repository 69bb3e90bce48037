"""A form's fields (application/x-www-form-urlencoded) as names and values. No Qt."""

import re
from collections.abc import Iterator
from urllib.parse import unquote_plus, unquote_to_bytes

from app.inspector.lines import Lines
from app.inspector.viewers.pair_lines import pair_lines
from app.inspector.viewers.viewer import Body, Fit, LineViewer, of_kind
from proxy_core.formats.body_kind import BodyKind
from proxy_core.formats.checkpoint import Checkpoint

_PAIRS = 2048  # between two checkpoints
_UNQUOTED_AT_ONCE = 64 * 1024  # characters
_ESCAPES = 16 * 1024  # percent signs in what is unquoted, between two checkpoints
_PAIR = re.compile(r"[^&]++")


def _lines(body: Body, checkpoint: Checkpoint) -> Lines | None:
    return pair_lines(form_pairs(body.text, checkpoint), checkpoint)


def form_pairs(text: str, checkpoint: Checkpoint) -> Iterator[tuple[str, str]]:
    """Names and values, percent codes undone."""
    for number, pair in enumerate(_PAIR.finditer(text)):
        if not number % _PAIRS:
            checkpoint()
        name, _, value = pair[0].partition("=")
        yield _unquoted(name, checkpoint), _unquoted(value, checkpoint)


def _unquoted(text: str, checkpoint: Checkpoint) -> str:
    """A name or a value with its percent codes undone, in steps: one alone may be as long as the body."""
    if len(text) <= _UNQUOTED_AT_ONCE:
        return unquote_plus(text)
    pieces: list[bytes] = []
    begin = escapes = 0
    while begin < len(text):
        end = begin + _UNQUOTED_AT_ONCE
        cut = text.rfind("%", max(end - 2, begin + 1), end)
        piece = text[begin : cut if cut >= 0 else end]
        begin += len(piece)
        escapes += piece.count("%")
        while escapes >= _ESCAPES:
            checkpoint()
            escapes -= _ESCAPES
        pieces.append(unquote_to_bytes(piece.replace("+", " ").encode("utf-8", "replace")))
    return b"".join(pieces).decode("utf-8", "replace")


FORM_BODY = LineViewer("Pretty", of_kind(BodyKind.FORM, Fit.LAID_OUT), _lines)
