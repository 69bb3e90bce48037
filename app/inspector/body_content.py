"""A body taken apart for the inspector: decoded, told what it is, laid out. Bounded in everything, and without Qt.

It runs off the GUI thread for all but small bodies, with a reader of its own.
"""

import re
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import unquote_plus, unquote_to_bytes

from app.inspector.lines import LaidOutLines, Lines, TextLines
from proxy_core.capture.reader import CaptureReader
from proxy_core.formats.body_kind import SNIFFED_BYTES, BodyKind, body_kind
from proxy_core.formats.charset import to_text
from proxy_core.formats.checkpoint import Checkpoint, never
from proxy_core.formats.content_coding import decode, parse_codings
from proxy_core.formats.highlight import Language
from proxy_core.formats.json_text import Layout, lay_out_json
from proxy_core.formats.markup_text import lay_out_markup
from proxy_core.formats.multipart import split_multipart
from proxy_core.formats.one_line import one_line
from proxy_core.model.message_head import MessageHead
from proxy_core.model.message_head import to_text as head_text
from proxy_core.model.resource_type import media_essence

SHOWN_LIMIT_BYTES = 64 * 1024 * 1024
# A layout may pass so many checkpoints: five million tokens of JSON, a million pieces of markup. It takes two or three
# seconds then, more on a busy machine. 12 MB of records stay below, and 8 MB of HTML.
LAYOUT_CHECKPOINTS = 600
_PAIRS = 2048  # of a form, between two checkpoints
_UNQUOTED_AT_ONCE = 64 * 1024  # characters
_ESCAPES = 16 * 1024  # percent signs in what is unquoted, between two checkpoints
_PARTS = 256  # of a multipart body, likewise
_LONGEST_VALUE_BYTES = 2000  # of a part that is shown in its line
_PAIR = re.compile(r"[^&]++")


_LANGUAGES = {
    BodyKind.JSON: Language.JSON,
    BodyKind.MARKUP: Language.MARKUP,
    BodyKind.SCRIPT: Language.SCRIPT,
    BodyKind.STYLE: Language.STYLE,
}


@dataclass(frozen=True, slots=True)
class BodyContent:
    """A body ready to be shown."""

    kind: BodyKind
    data: bytes  # decoded, as far as the limit
    wire_length: int
    coding: str  # «br», "" for none
    charset: str
    is_truncated: bool
    problem: str
    pretty: Lines | None  # None where raw text or hex is all there is
    raw: Lines | None  # None for binary bodies
    remark: str = ""  # one sentence about how it is shown


EMPTY = BodyContent(BodyKind.BINARY, b"", 0, "", "", False, "", None, None)


class _TooMuchWorkError(Exception):
    """A body has too many parts to be laid out."""


def load_body(
    reader: CaptureReader, extents: bytes | None, head: MessageHead, checkpoint: Checkpoint = never
) -> BodyContent:
    """Read, decode and lay out a body. Raises CaptureError, and whatever `checkpoint` raises."""
    wire_length = reader.body_length(extents)
    if not wire_length:
        return EMPTY
    codings = parse_codings(b",".join(head.values(b"content-encoding")))
    wire = _checked(reader.iterate_body(extents), checkpoint)
    decoded = decode(wire, codings, SHOWN_LIMIT_BYTES)
    content_type = head_text(head.value(b"content-type") or b"")
    essence = media_essence(content_type.encode("latin-1", "replace"))
    kind = body_kind(essence, decoded.data)
    charset = remark = ""
    pretty: Lines | None = None
    raw: Lines | None = None
    if kind not in (BodyKind.BINARY, BodyKind.IMAGE):
        text, charset = to_text(decoded.data, content_type, checkpoint)
        language = _LANGUAGES.get(kind, Language.PLAIN)
        utf8 = decoded.data if charset == "utf-8" else text.encode("utf-8", "replace")
        raw = TextLines(utf8, language, checkpoint)
        try:
            pretty = _lay_out(kind, text, decoded.data, content_type, essence, _budget(checkpoint))
        except _TooMuchWorkError:
            remark = "It has too many parts to be laid out: it is shown as it came. «Save body» writes it to a file."
    return BodyContent(
        kind,
        decoded.data,
        wire_length,
        one_line(", ".join(codings)),
        charset,
        decoded.is_truncated,
        one_line(decoded.problem),
        pretty,
        raw,
        remark,
    )


def _checked(chunks: Iterable[bytes], checkpoint: Checkpoint) -> Iterator[bytes]:
    for chunk in chunks:
        checkpoint()
        yield chunk


def _budget(checkpoint: Checkpoint) -> Checkpoint:
    """The same checkpoint, which raises _TooMuchWorkError when it is passed too often."""
    passed = 0

    def budgeted() -> None:
        nonlocal passed
        checkpoint()
        passed += 1
        if passed > LAYOUT_CHECKPOINTS:
            raise _TooMuchWorkError

    return budgeted


def _lay_out(
    kind: BodyKind, text: str, data: bytes, content_type: str, essence: str, checkpoint: Checkpoint
) -> Lines | None:
    match kind:
        case BodyKind.JSON:
            return LaidOutLines(lay_out_json(text, checkpoint), Language.JSON, checkpoint=checkpoint)
        case BodyKind.MARKUP:
            layout = lay_out_markup(text, is_html=_is_html(essence, text), checkpoint=checkpoint)
            return LaidOutLines(layout, Language.MARKUP, checkpoint=checkpoint)
        case BodyKind.FORM:
            return _pair_lines(_form_pairs(text, checkpoint), checkpoint)
        case BodyKind.MULTIPART:
            return _pair_lines(_multipart_pairs(data, content_type, checkpoint), checkpoint)
        case _:
            return None


def _pair_lines(pairs: Iterable[tuple[str, str]], checkpoint: Checkpoint) -> Lines | None:
    """Names and values, a pair a line; the lines know where the values begin."""
    lines: list[str] = []
    value_starts = array("Q")
    for name, value in pairs:
        lines.append(f"{name} = {value}")
        value_starts.append(len(name) + len(" = "))
    return LaidOutLines(Layout(lines, {}), Language.FORM, value_starts, checkpoint) if lines else None


def _is_html(essence: str, text: str) -> bool:
    if essence.endswith("xml"):
        return False
    return essence == "text/html" or "<html" in text[:SNIFFED_BYTES].lower()


def _form_pairs(text: str, checkpoint: Checkpoint) -> Iterator[tuple[str, str]]:
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


def _multipart_pairs(data: bytes, content_type: str, checkpoint: Checkpoint) -> Iterator[tuple[str, str]]:
    """Name and value of each part; what is no short text is told with its size."""
    for number, part in enumerate(split_multipart(data, content_type)):
        if not number % _PARTS:
            checkpoint()
        value = _short_text(part.data)
        if part.file_name or value is None:
            value = f"{part.file_name or 'binary'} ({part.media_type}, {len(part.data):,} bytes)"
        yield ("(no name)" if part.name is None else part.name), value


def _short_text(data: bytes) -> str | None:
    if len(data) > _LONGEST_VALUE_BYTES or b"\0" in data:
        return None
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return None
