"""Which characters the bytes of a text body are: header, byte order mark, declaration in the text, then a guess."""

import codecs
import re

from proxy_core.formats.checkpoint import Checkpoint, never

_LOOK_BYTES = 1024  # WHATWG HTML: a declaration stands in the first 1,024 bytes
_GUESS_BYTES = 4096  # charset-normalizer takes 4.5 ms for these, and 85 ms for 125 kB
# Decoded at once. Bytes that a charset has no character for take a tenth of a microsecond each, in which no other
# thread of the interpreter can run.
_STEP_BYTES = 1 << 17
_PARAMETER = re.compile(r"""charset\s*=\s*["']?([A-Za-z0-9_.:-]{1,40})""", re.IGNORECASE)
_DECLARED = re.compile(
    rb"""(?:<meta[^>]{0,200}charset|<\?xml[^>]{0,100}encoding|@charset)[\s="']{1,4}([A-Za-z0-9_.:-]{1,40})""",
    re.IGNORECASE,
)
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def to_text(data: bytes, content_type: str = "", checkpoint: Checkpoint = never) -> tuple[str, str]:
    """The text and the name of the charset used. Bytes that don't fit become U+FFFD; raises what `checkpoint` does."""
    charset = charset_of(data, content_type)
    codec = charset
    if charset in ("utf-16", "utf-32") and not data.startswith(tuple(mark for mark, _ in _MARKS)):
        codec += "-le"  # Encoding Standard §4.2: what doesn't say which order it has
    decoder = codecs.getincrementaldecoder(codec)("replace")
    parts = []
    for begin in range(0, len(data), _STEP_BYTES):
        checkpoint()
        parts.append(decoder.decode(data[begin : begin + _STEP_BYTES]))
    parts.append(decoder.decode(b"", final=True))
    return "".join(parts), charset.removesuffix("-sig")


def charset_of(data: bytes, content_type: str = "") -> str:
    """A charset that Python knows."""
    for mark, name in _MARKS:
        if data.startswith(mark):
            return name
    declared = _PARAMETER.search(content_type)
    if declared is not None and (known := _known(declared[1])):
        return known
    inside = _DECLARED.search(data[:_LOOK_BYTES])
    if inside is not None and (known := _known(inside[1].decode("ascii"))):
        return known
    try:
        data.decode("utf-8")
        return "utf-8"
    except UnicodeDecodeError as error:
        if error.reason == "unexpected end of data" and error.start > len(data) - 4:
            return "utf-8"  # cut in the middle of a character
    return _guess(data[:_GUESS_BYTES])


def _known(name: str) -> str:
    """Python's name of a text charset, "" for none; WHATWG: what says ISO-8859-1 or ASCII is Windows-1252."""
    try:
        info = codecs.lookup(name)
    except LookupError:
        return ""
    if not getattr(info, "_is_text_encoding", True) or info.name in (
        "idna",
        "undefined",
        "punycode",
        "unicode_escape",
        "raw_unicode_escape",
        "utf-7",
    ):
        return ""
    return "cp1252" if info.name in ("iso8859-1", "ascii") else info.name


def _guess(data: bytes) -> str:
    # Imported late: only texts that declare nothing and are no UTF-8 pay for it.
    from charset_normalizer import from_bytes

    best = from_bytes(data).best()
    return best.encoding if best is not None else "latin-1"
