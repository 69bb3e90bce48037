"""HTML and XML laid out for reading: a tag a line, indented. No entity is resolved, no declaration followed."""

import re
from collections import Counter

from proxy_core.formats.checkpoint import Checkpoint, never
from proxy_core.formats.json_text import INDENT, Layout, indented

_BLANKS = " \t\r\n\f"  # a no-break space is text
# What has no end goes on to the end of the text: looking for one again at each beginning would cost the square.
_COMMENT = r"<!--.*?(?:-->|\Z)|<!\[CDATA\[.*?(?:\]\]>|\Z)"
_TAG = r"<[!?/]?[A-Za-z][^<>]*+>"
_XML_TAG = r"<[!?/]?[^\W\d][^<>]*+>"  # names may begin with any letter or an underscore
_TEXT = r"[^<]++|<"
_VERBATIM = r"<(script|style|pre|textarea)(?=[\s/>])[^<>]*+>.*?(?:</\1\s*+>|\Z)"
_XML_PIECE = re.compile(f"{_COMMENT}|{_XML_TAG}|{_TEXT}", re.DOTALL)
_HTML_PIECE = re.compile(f"{_COMMENT}|{_VERBATIM}|{_TAG}|{_TEXT}", re.DOTALL | re.IGNORECASE)
_VERBATIM_NAMES = frozenset({"script", "style", "pre", "textarea"})
_NAME = re.compile(r"<(/?)([^\W\d][\w:.-]*)")
_VOID = frozenset(
    "area base br col embed hr img input link meta param source track wbr".split()
)  # HTML: elements that have no end
_LINE = re.compile(r"[^\r\n]++")
_SHORT = 100  # an element whose whole text fits stays on one line
_STEPS = 4096  # pieces or lines between two checkpoints: some milliseconds


class _Writer:
    """The lines so far, and the elements that are open."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        self.lines: list[str] = []
        self.folds: dict[int, int] = {}
        self._opened: list[tuple[str, int]] = []
        self._still_open: Counter[str] = Counter()  # how many of a name are in `_opened`
        self._checkpoint = checkpoint

    def write(self, piece: str, *, keeps_blanks: bool) -> None:
        """A piece that neither opens nor closes anything."""
        depth = len(self._opened)
        for steps, match in enumerate(_LINE.finditer(piece), start=1):
            if not steps % _STEPS:
                self._checkpoint()
            line = match[0]
            stripped = line.strip(_BLANKS)
            if stripped:
                self.lines.append(indented(line if keeps_blanks else stripped, depth))

    def open(self, name: str, tag: str) -> None:
        """A tag that something follows; its attributes may stand in lines of their own."""
        first = len(self.lines)
        self.write(tag, keeps_blanks=False)
        self.lines[first + 1 :] = [INDENT * 2 + line for line in self.lines[first + 1 :]]
        self._opened.append((name, first))
        self._still_open[name] += 1

    def close(self, name: str, tag: str) -> None:
        """A closing tag; what was left open inside ends with it. One without a beginning closes nothing."""
        if self._still_open[name]:
            while self._opened:
                last, begin = self._opened.pop()
                self._still_open[last] -= 1
                if last == name:
                    if len(self.lines) > begin + 1:
                        self.folds[begin] = len(self.lines)
                    break
        self.write(" ".join(tag.split()), keeps_blanks=False)


def lay_out_markup(text: str, *, is_html: bool, checkpoint: Checkpoint = never) -> Layout:
    """One tag or text a line; an element with a short text stays together. Scripts and styles keep their lines."""
    pieces = _pieces(text, checkpoint, is_html=is_html)
    writer = _Writer(checkpoint)
    position = 0
    while position < len(pieces):
        if not position % _STEPS:
            checkpoint()
        piece = pieces[position]
        position += 1
        tag = _NAME.match(piece)
        name = tag[2].lower() if tag else ""
        if tag and tag[1]:
            writer.close(name, piece)
        elif is_html and name in _VERBATIM_NAMES:
            writer.write(piece, keeps_blanks=True)
        elif not tag or piece.endswith("/>") or (is_html and name in _VOID):
            writer.write(piece, keeps_blanks=piece.startswith("<!"))
        elif together := _short_element(name, pieces, position):
            writer.write(together, keeps_blanks=False)
            position += 2
        else:
            writer.open(name, piece)
    return Layout(writer.lines, writer.folds)


def _pieces(text: str, checkpoint: Checkpoint, *, is_html: bool) -> list[str]:
    """Tags, texts and comments, without the blanks around them."""
    pattern = _HTML_PIECE if is_html else _XML_PIECE
    pieces: list[str] = []
    for match in pattern.finditer(text):
        if piece := match[0].strip(_BLANKS):
            pieces.append(piece)
            if not len(pieces) % _STEPS:
                checkpoint()
    return pieces


def _short_element(name: str, pieces: list[str], position: int) -> str:
    """A tag, its text and its end as one line, "" where they are something else, or long. `position` is the text's."""
    if len(pieces) < position + 2 or pieces[position].startswith("<"):
        return ""
    end = _NAME.match(pieces[position + 1])
    if end is None or not end[1] or end[2].lower() != name:
        return ""
    together = "".join(pieces[position - 1 : position + 2])
    return "" if len(together) > _SHORT or "\n" in together or "\r" in together else together
