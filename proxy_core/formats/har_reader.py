"""HAR files read as a stream, entry by entry, from whoever wrote them.

What is missing or odd is repaired and said, what can't be read is left out and said; a file that breaks off ends the
import with everything before it kept.

Memory holds one entry at a time, and none that is too large or too deep. A large one is read member by member, and
without the messages of a connection that went on for hours: those stay in the file until they are taken, one by one.
"""

import json
from collections.abc import Iterator
from functools import partial
from typing import Any

import msgspec

from proxy_core.formats.har_entry import HarConnections, HarEntry, read_entry
from proxy_core.formats.har_messages import MESSAGE_MEMBERS, Untaken
from proxy_core.formats.har_repairs import HarRepairs
from proxy_core.formats.json_stream import (
    MOST_SMALL_BYTES,
    MOST_VALUE_BYTES,
    JsonError,
    JsonStream,
    Omission,
    Source,
    small_bytes,
)
from proxy_core.model.message_row import KEPT_LIMIT_BYTES

_WHOLE_BYTES = 1 << 20  # an entry up to this size is parsed at once, and so are its messages: some 25 MB of objects
_MOST_MESSAGE_BYTES = 6 * KEPT_LIMIT_BYTES  # as JSON, which may have six characters for a byte
_LONGEST_INTEGER = 19  # digits; longer ones are no count of anything, and need no precision


class HarError(Exception):
    """The file is no HAR, or breaks off: one sentence. What was read before it has been handed out."""


def read_har(file: Source, repairs: HarRepairs) -> Iterator[HarEntry]:
    """The entries in the file's order, numbered from 1, each to be done with before the next one is asked for.

    Raises HarError, also after some entries.
    """
    reader = _Reader(file, repairs)
    number = 0
    connections = HarConnections()
    try:
        for entry in reader.entries():
            number += 1
            yield read_entry(entry.pop(), number, repairs, connections)
    except JsonError as error:
        kept = f"; the {number} entries before are kept" if number else ""
        raise HarError(f"The file is no HAR or breaks off ({error}){kept}.") from None
    if not reader.has_entries:
        raise HarError("The file is JSON, but no HAR: it has no log with entries.")
    if not number and repairs.counts:
        raise HarError(f"No entry can be read. {' '.join(repairs.sentences())}")


class _Reader:
    """The frame of the file: what is around the entries."""

    def __init__(self, file: Source, repairs: HarRepairs) -> None:
        self._stream = JsonStream(file)
        self._repairs = repairs
        self._is_text_bad = False  # that of the entry that is being read
        self.has_entries = False

    def entries(self) -> Iterator[list[dict[str, Any]]]:
        """Each entry, as the only item of a list: whoever takes it out holds the only reference to it."""
        for name in self._stream.members():
            if name == "log" and self._stream.peek() == b"{":
                yield from self._log()
            else:
                self._stream.skip()
        if not self._stream.is_at_end():
            raise JsonError("there is more behind its end")

    def _log(self) -> Iterator[list[dict[str, Any]]]:
        for name in self._stream.members():
            match name, self._stream.peek():
                case "entries", b"[":
                    self.has_entries = True
                    for _ in self._stream.items():
                        entry = self._entry()
                        behind = self._stream.place
                        if entry is not None:
                            yield [entry]
                            entry = None
                        self._stream.go_to(behind)  # its messages may have been taken meanwhile
                case "pages", b"[":
                    self._repairs.leave_out("page", self._skip_items())
                case "_tunnels", b"[":
                    self._repairs.tunnels += self._skip_items()
                case "comment", b'"':
                    comment = self._stream.value()
                    self._repairs.leave_out("comment of the file", int(comment != b'""'))
                case _:
                    self._stream.skip()

    def _skip_items(self) -> int:
        count = 0
        for _ in self._stream.items():
            self._stream.skip()
            count += 1
        return count

    def _entry(self) -> dict[str, Any] | None:
        self._is_text_bad = False
        is_object = self._stream.peek() == b"{"
        place = self._stream.place
        raw: bytes | bytearray | Omission | dict[str, Any] = self._stream.value(_WHOLE_BYTES, gives_up=is_object)
        try:
            if raw is Omission.TOO_LARGE:
                raw = self._large_entry(place) if is_object else b"null"
            if isinstance(raw, Omission):
                self._repairs.note(f"What is {raw.value} was left out")
                return None
            entry = raw if isinstance(raw, dict) else self._parsed(raw)
        except ValueError:
            self._repairs.note("What is no JSON was left out")
            return None
        if not isinstance(entry, dict):
            self._repairs.note("Something that is no entry was left out")
            return None
        return entry

    def _large_entry(self, place: int) -> dict[str, Any] | Omission:
        """The one that begins there, by its members. Raises ValueError, and has passed it over all the same."""
        self._stream.go_to(place)
        try:
            return self._members()
        except ValueError:  # also of the frame within it
            self._stream.go_to(place)
            self._stream.skip()
            raise

    def _members(self) -> dict[str, Any] | Omission:
        """An entry without its lists of messages, which stay where they are. Raises ValueError."""
        entry: dict[str, Any] = {}
        omission: Omission | None = None
        size = small = 0
        for name in self._stream.members():
            is_list = name in MESSAGE_MEMBERS and self._stream.peek() == b"["
            place = self._stream.place
            raw = self._stream.value(_WHOLE_BYTES if is_list else MOST_VALUE_BYTES)
            if is_list and isinstance(raw, Omission):
                entry[name] = Untaken(partial(self._messages, place))
            elif isinstance(raw, Omission):
                omission = omission or raw
                entry.clear()
            elif omission is None:
                size += len(raw)
                # As long as there is not much of it, it isn't looked through: that would take as long as reading it.
                small += small_bytes(raw) if size > MOST_SMALL_BYTES else 0
                if size > MOST_VALUE_BYTES or small > MOST_SMALL_BYTES:
                    omission = Omission.TOO_LARGE if size > MOST_VALUE_BYTES else Omission.TOO_MANY_PARTS
                    entry.clear()
                else:
                    entry[name] = self._parsed(raw)
        return omission or entry

    def _messages(self, place: int) -> Iterator[object]:
        """The items of an array; what can't be read is None."""
        self._stream.go_to(place)
        try:
            for _ in self._stream.items():
                raw = self._stream.value(_MOST_MESSAGE_BYTES)
                try:
                    yield None if isinstance(raw, Omission) else self._parsed(raw)
                except ValueError:
                    yield None
        except JsonError:
            self._repairs.note("Messages behind one that is no JSON were left out")

    def _parsed(self, raw: bytes | bytearray) -> object:
        """Strictly and fast; else as JavaScript's writers may have it: half a surrogate pair, NaN, huge integers."""
        try:
            return msgspec.json.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError):
            pass
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError:
            if not self._is_text_bad:
                self._repairs.note("Bytes that are no UTF-8 were replaced")
            self._is_text_bad = True
            text = raw.decode("utf-8", "replace")
        parsed: object = json.loads(text, strict=False, parse_int=_integer)
        return parsed


def _integer(digits: str) -> float:
    return int(digits) if len(digits) <= _LONGEST_INTEGER else float(digits)
