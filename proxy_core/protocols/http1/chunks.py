"""The chunked transfer coding, RFC 9112 §7.1: bytes in, body parts and the end with its trailers out.

One decoder reads one body. The chunks that lie in what was received become one part, so nobody pays for an origin's
taste for small chunks. Nothing is held back that could be sent on, except a size line or a trailer section that isn't
whole yet.

A chunk's extensions are passed on as they came, but for those that break the grammar: they are left out. In `5;a="`
before the line end one reader sees a line, another the beginning of a quoted string that runs over it, and the two then
disagree about every byte that follows. Without the extension both see what we saw. To refuse the message would be as
safe, but what an extension says is for the next hop only and may be ignored by anybody (RFC 9112 §7.1.1): no reason to
keep a person from seeing the body.
"""

import re

from proxy_core.protocols.http1.fields import BARE_LF, FIELD_LINES, TOKEN, VALUE, MalformedError, repair_lines, shown
from proxy_core.protocols.http1.head import END_OF_CHUNKS, HeadLimits
from proxy_core.protocols.part import BodyPart, EndOfMessage
from proxy_core.protocols.trailers import sent_trailers

_QUOTED = rb'"(?:[\t \x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\' + VALUE + rb')*+"'  # RFC 9110 §5.6.4
_EXTENSION = rb"[ \t]*+;[ \t]*+" + TOKEN + rb"++(?:[ \t]*+=[ \t]*+(?:" + TOKEN + rb"++|" + _QUOTED + rb"))?+"
_SIZE_LINE = re.compile(rb"([0-9A-Fa-f]{1,16}+)(?:" + _EXTENSION + rb")*+\r\n")
_ODD_SIZE_LINE = re.compile(rb"([0-9A-Fa-f]{1,16}+)[ \t]*+;" + VALUE + rb"*+\r\n")  # its extension is no good
# What a size line may look like as long as its end isn't here.
_PARTIAL_SIZE_LINE = re.compile(rb"(?:[0-9A-Fa-f]{1,16}+(?:[ \t]*+(?:;" + VALUE + rb"*+)?+)?+\r?+)?+")
_LARGEST_CHUNK = 2**63 - 1


class ChunkDecoder:
    """Decodes one body; the reader owns the bytes and asks with each position where it stands."""

    __slots__ = ("_at_data_end", "_last_line", "_left", "_limits")

    def __init__(self, limits: HeadLimits) -> None:
        self._limits = limits
        self._left = 0  # bytes of the current chunk that are still to come
        self._at_data_end = False  # the CRLF behind a chunk's data is next
        self._last_line = b""  # the size line of the last chunk, once it was read

    @property
    def is_in_trailers(self) -> bool:
        """The last chunk is read; the reader looks for the end of the trailers and then calls `end`."""
        return bool(self._last_line)

    def take(self, buffer: bytes, position: int) -> tuple[BodyPart | None, int]:
        """A part with all that `buffer` holds from `position` on, and the position behind it.

        Raises MalformedError, but only when nothing good lies before: what came whole is given out first.
        """
        begin = position
        length = len(buffer)
        pieces: list[bytes] = []
        while position < length:
            if self._left:
                end = min(position + self._left, length)
                pieces.append(_cut(buffer, position, end))
                self._left -= end - position
                position = end
                self._at_data_end = not self._left
                continue
            if self._at_data_end:
                if buffer[position : position + 2] != b"\r\n":
                    if position == begin:
                        self._check_data_end(buffer, position)
                    break
                self._at_data_end = False
                position += 2
                continue
            match = _SIZE_LINE.match(buffer, position)
            if match is None or (size := int(match[1], 16)) > _LARGEST_CHUNK:
                if position > begin:
                    break
                return self._take_odd_line(buffer, position)
            line_end = match.end()
            if line_end - position > self._limits.chunk_line_bytes:
                if position == begin:
                    raise self._line_too_long()
                break
            if not size:
                self._last_line = match[0]
                return self._part(buffer, begin, position, pieces), line_end
            if line_end == length:
                break  # the line goes with the first bytes of its data
            end = line_end + size
            if buffer[end : end + 2] == b"\r\n":  # the usual chunk: all of it is here
                pieces.append(buffer[line_end:end])
                position = end + 2
            else:
                self._left = size
                position = line_end
        return self._part(buffer, begin, position, pieces), position

    def _take_odd_line(self, buffer: bytes, position: int) -> tuple[BodyPart | None, int]:
        """Take a size line without its extension, which breaks the grammar. Raises MalformedError for what is none."""
        match = _ODD_SIZE_LINE.match(buffer, position)
        if match is None or (size := int(match[1], 16)) > _LARGEST_CHUNK:
            self._check_size_line(buffer, position)
            return None, position
        if match.end() - position > self._limits.chunk_line_bytes:
            raise self._line_too_long()
        line = match[1] + b"\r\n"
        if not size:
            self._last_line = line
            return None, match.end()
        self._left = size
        return BodyPart(b"", line), match.end()

    @staticmethod
    def _part(buffer: bytes, begin: int, position: int, pieces: list[bytes]) -> BodyPart | None:
        if begin == position:
            return None
        return BodyPart(pieces[0] if len(pieces) == 1 else b"".join(pieces), _cut(buffer, begin, position))

    @staticmethod
    def _check_data_end(buffer: bytes, position: int) -> None:
        """Raise MalformedError unless what lies there may become the CRLF behind a chunk's data."""
        if buffer[position:] != b"\r":
            raise MalformedError("A chunk is longer than its size says.")

    def _check_size_line(self, buffer: bytes, position: int) -> None:
        """Raise MalformedError unless what lies there may become a size line."""
        match = _SIZE_LINE.match(buffer, position) or _ODD_SIZE_LINE.match(buffer, position)
        if match is not None:
            raise MalformedError(f"A chunk is too large: {shown(match[1])}.")
        if _PARTIAL_SIZE_LINE.fullmatch(buffer, position) is None:
            line = buffer[position : position + 80].split(b"\r\n")[0]
            raise MalformedError(f"A chunk does not begin with its size: «{shown(line)}».")
        if len(buffer) - position > self._limits.chunk_line_bytes:
            raise self._line_too_long()

    def _line_too_long(self) -> MalformedError:
        return MalformedError(f"The line with a chunk's size is longer than {self._limits.chunk_line_bytes} bytes.")

    def end(self, section: bytes) -> EndOfMessage:
        """The end of the message with its trailer section, which ends with an empty line. Raises MalformedError."""
        if section == b"\r\n":
            return END_OF_CHUNKS if self._last_line == b"0\r\n" else EndOfMessage(b"", self._last_line + b"\r\n")
        if section.count(b"\n") - 1 > self._limits.fields:
            raise MalformedError(f"The body is followed by more than {self._limits.fields} trailer fields.")
        trailers = section[:-2]
        if FIELD_LINES.fullmatch(section) is None:
            section, _ = repair_lines(section, strip_names=False)
        return EndOfMessage(trailers, self._last_line + sent_trailers(section))


def _cut(buffer: bytes, begin: int, end: int) -> bytes:
    """A slice. Of the whole it is the same object: bytes in the middle of a large chunk are never copied."""
    return buffer if not begin and end == len(buffer) else buffer[begin:end]  # compiled code would copy


def check_partial_trailers(section: bytes | bytearray, start: int) -> None:
    """Raise MalformedError when trailers that aren't whole yet can't become well-formed ones; looks from `start` on."""
    if BARE_LF.search(section, start) is not None:
        raise MalformedError("A line ends with a bare LF instead of CRLF.")
