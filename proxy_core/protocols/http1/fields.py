"""The field lines of an HTTP/1 head or trailer section: their grammar, their repair, and edits to them.

A whole section is validated by one pattern and searched by another for the few fields that mean something to a proxy,
so that the usual head costs no Python loop over its fields. Only a section that fails the pattern is looked at line by
line: to be repaired where RFC 9112 lets a recipient do so, or to say what exactly is wrong with it. Whatever comes out
of here has CRLF line ends, names that are tokens, and values without control characters.
"""

import re
from collections.abc import Iterable, Set
from functools import lru_cache

from proxy_core.model.failure import FailureKind
from proxy_core.model.message_head import to_text

TOKEN = rb"[-!#$%&'*+.^_`|~0-9A-Za-z]"
# RFC 9110 §5.5: VCHAR, obs-text, SP and HTAB.
VALUE = rb"[\t\x20-\x7e\x80-\xff]"

OF_UPGRADE = (b"connection", b"upgrade")  # the fields that `FieldSection.keep_upgrade` has put right

# Any number of field lines and the empty line behind them.
FIELD_LINES = re.compile(rb"(?:" + TOKEN + rb"++:" + VALUE + rb"*+\r\n)*+\r\n")
BARE_LF = re.compile(rb"(?<!\r)\n")
_TOKEN = re.compile(TOKEN + rb"++")
_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
# The lookbehind lets a run of blanks be tried from its beginning only, or a long one would cost its square.
_FOLD = re.compile(rb"(?<![ \t])[ \t]*+\r\n[ \t]++")
_DIGITS = re.compile(rb"[0-9]{1,19}")
_ANY_FIELD = re.compile(rb"\n([^:\r]++):[^\r]*+\r")

LONGEST_CACHED_SECTION = 4096  # bytes of field lines whose meaning may be remembered
_LONGEST_CACHED = 256  # bytes; longer values are read without the cache, so that nobody can make it hold megabytes
_BEFORE_LINES = 2  # bytes of `FieldSection.text` that are no line
_LARGEST_LENGTH = 2**63 - 1  # what every reader behind us can hold

Match = re.Match[bytes]


class MalformedError(Exception):
    """A head, a chunk or a trailer section breaks the grammar; the reader makes a ProtocolError of it."""

    def __init__(self, text: str, status: int = 0, kind: FailureKind | None = None) -> None:
        super().__init__(text)
        self.text = text
        self.status = status  # of our response, 0 = the kind's
        self.kind = kind  # None = the reader's usual one


def special_fields(*names: bytes) -> re.Pattern[bytes]:
    """A pattern that finds the fields with these names (lower case; patterns, in fact) in a lower-case section.

    Group 1 of a match is the name, group 2 the value with its blanks.
    """
    by_first: dict[bytes, list[bytes]] = {}
    for name in names:
        by_first.setdefault(name[:1], []).append(name[1:])
    # Grouped by their first letter: the engine leaves a line of no interest after one comparison for each letter.
    branches = [first + rb"(?:" + b"|".join(rests) + rb")" for first, rests in by_first.items()]
    return re.compile(rb"\n(" + b"|".join(branches) + rb"):([^\r]*+)\r")


class FieldSection:
    """The field lines of one head: what was found in them, and the edits that make them fit for the next hop.

    `text` is a line end, by which fields are found, and the lines (repaired if need be). Values of matches are lower
    case.
    """

    __slots__ = ("_edits", "found", "notes", "text")

    def __init__(self, lines: bytes, special: re.Pattern[bytes], *, strip_names: bool) -> None:
        self.notes: list[str] = []
        if FIELD_LINES.fullmatch(lines) is None:
            lines, self.notes = repair_lines(lines, strip_names=strip_names)
        self.text = b"\r\n" + lines
        self._edits: list[tuple[int, int, bytes]] = []
        self.found: dict[bytes, list[Match]] = {}
        for match in special.finditer(self.text.lower()):
            name = match[1]
            if name in self.found:
                self.found[name].append(match)
            else:
                self.found[name] = [match]

    def has_more_than(self, limit: int) -> bool:
        """Are there more lines than that? One has four bytes at least."""
        return len(self.text) > 4 * limit and self.text.count(b"\n") - 2 > limit

    def spelled(self, match: Match) -> bytes:
        """The value as it was spelled, without surrounding blanks."""
        return self.text[match.start(2) : match.end(2)].strip(b" \t")

    def cut(self, matches: Iterable[Match]) -> None:
        """Remove these field lines."""
        for match in matches:
            self._edits.append((match.start() + 1, match.end() + 1, b""))

    def cut_named(self, names: Set[bytes]) -> None:
        """Remove the fields with these lower-case names, which need not be special ones."""
        # One look at each line, however many names there are: a peer may send tens of thousands of them.
        self.cut(match for match in _ANY_FIELD.finditer(self.text.lower()) if match[1] in names)

    def replace_value(self, match: Match, value: bytes) -> None:
        """Give a field another value."""
        self._edits.append((match.start(2), match.end(2), b" " + value))

    def insert_before(self, match: Match | None, lines: bytes) -> None:
        """Put field lines before the one of `match`, or before all others."""
        place = _BEFORE_LINES if match is None else match.start() + 1
        self._edits.append((place, place, lines))

    def keep_upgrade(self, protocols: bytes) -> None:
        """Have one Upgrade field with these protocols (there is one), and of Connection only what names it."""
        upgrade, *others = self.found[b"upgrade"]
        if self.spelled(upgrade) != protocols:
            self.replace_value(upgrade, protocols)
        self.cut(others)
        others = self.found.get(b"connection", [])
        if b"upgrade" in list_members(others):
            connection, *others = others
            if connection[2].strip(b" \t") != b"upgrade":
                self.replace_value(connection, b"Upgrade")
        self.cut(others)

    def rewritten(self) -> bytes:
        """The lines with the edits done."""
        pieces = []
        position = _BEFORE_LINES
        for edit_start, edit_end, new in sorted(self._edits):
            if edit_start >= position:  # else a line is cut twice, or a value within a line that is cut is replaced
                pieces.append(self.text[position:edit_start])
                pieces.append(new)
                position = edit_end
        pieces.append(self.text[position:])
        return b"".join(pieces)


@lru_cache(maxsize=256)
def _cached_members(value: bytes) -> frozenset[bytes]:
    return frozenset(member for part in value.split(b",") if (member := part.strip(b" \t")))


def list_members(matches: list[Match]) -> frozenset[bytes]:
    """The members of a comma-separated list that may stand on several lines (RFC 9110 §5.6.1), lower case."""
    if len(matches) == 1:
        value = matches[0][2]
        return _cached_members(value) if len(value) <= _LONGEST_CACHED else _cached_members.__wrapped__(value)
    return frozenset().union(*(list_members([match]) for match in matches))


def read_content_length(fields: FieldSection, matches: list[Match]) -> int:
    """The one value of Content-Length; duplicates that agree are folded into one (RFC 9112 §6.3(5))."""
    text = matches[0][2].strip(b" \t")
    for match in matches[1:]:
        if match[2].strip(b" \t") != text:
            raise MalformedError("Content-Length stands there twice with different values.")
    if _DIGITS.fullmatch(text) is None:
        raise MalformedError(f"Content-Length is not a number: «{shown(text)}».")
    length = int(text)
    if length > _LARGEST_LENGTH:
        raise MalformedError(f"Content-Length is too large: {shown(text)}.")
    if len(matches) > 1:
        fields.cut(matches[1:])
        fields.notes.append("Content-Length was repeated.")
    if text[:1] == b"0" and len(text) > 1:
        fields.replace_value(matches[0], b"%d" % length)  # legal, but a reader behind us may take it for octal
    return length


def require_chunked(fields: FieldSection, matches: list[Match]) -> None:
    """Raise MalformedError unless the transfer coding is chunked and nothing else (RFC 9112 §6.1, §6.3(4)).

    We never offer another coding (TE is not forwarded), so nobody may use one.
    """
    if len(matches) == 1 and fields.spelled(matches[0]) == b"chunked":
        return
    members = [member.strip(b" \t") for match in matches for member in match[2].split(b",")]
    if members[-1] != b"chunked" or b"chunked" in members[:-1] or b"" in members:
        raise MalformedError(f"Transfer-Encoding does not end with one «chunked»: «{shown(b', '.join(members))}».")
    if len(members) > 1:
        raise MalformedError(f"Harrier doesn't know the transfer coding «{shown(members[0])}».", 501)
    fields.replace_value(matches[0], b"chunked")  # «Chunked» is legal; nobody behind us shall have to know


def is_connection_auth(matches: Iterable[Match]) -> bool:
    """NTLM and Negotiate authenticate the connection, which then must not serve anybody else."""
    return any(match[2].lstrip(b" \t").startswith((b"ntlm", b"negotiate")) for match in matches)


def shown(value: bytes, limit: int = 60) -> str:
    """A value as it may stand in a sentence: short, on one line, control characters visible."""
    text = to_text(value[:limit])
    text = "".join(character if character.isprintable() else repr(character)[1:-1] for character in text)
    return text + ("…" if len(value) > limit else "")


def repair_lines(lines: bytes, *, strip_names: bool) -> tuple[bytes, list[str]]:
    """Make field lines that fail FIELD_LINES valid, and say in notes how; MalformedError where that isn't allowed.

    Folded lines are joined by a space; with `strip_names` (responses) blanks before a colon go.
    """
    if BARE_LF.search(lines) is not None:
        raise MalformedError("A line ends with a bare LF instead of CRLF.")
    if lines[:1] in (b" ", b"\t"):
        raise MalformedError("The first field line begins with a blank.")
    notes: list[str] = []
    unfolded = _FOLD.sub(b" ", lines)  # RFC 9112 §5.2: each obs-fold becomes a SP
    if unfolded != lines:
        notes.append("A folded field line was joined into one.")
    parts = unfolded.removesuffix(b"\r\n\r\n").split(b"\r\n")
    checked = [_checked_line(part, strip_names=strip_names) for part in parts]
    if checked != parts:
        notes.append("Blanks before a colon were removed.")
    return b"\r\n".join(checked) + b"\r\n\r\n", notes


def _checked_line(line: bytes, *, strip_names: bool) -> bytes:
    """The line, or MalformedError with the first thing that is wrong with it."""
    spelled_name, colon, value = line.partition(b":")
    name = spelled_name.rstrip(b" \t")
    if not colon:
        raise MalformedError(f"A field line has no colon: «{shown(line)}».")
    if not name:
        raise MalformedError(f"A field has no name: «{shown(line)}».")
    # RFC 9112 §5.1: a request with blanks before the colon must be refused, in a response they must be removed.
    if name != spelled_name and not strip_names:
        raise MalformedError(f"There is a blank between the field name «{shown(name)}» and its colon.")
    if _TOKEN.fullmatch(name) is None:
        raise MalformedError(f"A field name holds a character that is not allowed: «{shown(name)}».")
    control = _CONTROL.search(value)
    if control is not None:
        raise MalformedError(f"The value of {shown(name)} holds {_control_name(control[0])}.")
    return name + colon + value


def _control_name(character: bytes) -> str:
    names = {b"\x00": "a NUL byte", b"\r": "a bare CR", b"\n": "a bare LF"}
    return names.get(character, f"the control character 0x{character[0]:02x}")
