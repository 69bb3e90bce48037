"""Segments: the append-only files into which a worker writes, and how they are read back.

A journal segment is a sequence of records, each with a header (magic, kind, length, CRC-32) and a payload: body bytes
as on the wire, or one encoded event. `Journal.write` appends whole records or nothing, so a full disk leaves a readable
file behind; nothing is flushed to the platter here, since the system keeps what a killed process has written. A large
body has a segment of its own, raw bytes without headers (`BodySegment`), in the same numbering.
"""

import os
import struct
from binascii import crc32
from collections.abc import Iterator
from contextlib import suppress

from proxy_core.capture.page_cache import PageRelease, WrittenPages
from proxy_core.capture.segment import segment_name, segment_number
from proxy_core.plain_file import open_plain

RECORD_HEADER = struct.Struct("<BBHII")  # magic, kind, 0, payload length, CRC-32 of the payload
HEADER_SIZE = RECORD_HEADER.size
MAGIC = 0xA7
EVENT_RECORD = 1
BODY_RECORD = 2
DAMAGED_RECORD = -1  # is never written: `read_records` says so of an event that can't be read
EVENT_LIMIT_BYTES = 64 * 1024 * 1024  # heads are limited to a fraction of it, and extents too
SEGMENT_LIMIT_BYTES = 256 * 1024 * 1024
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


class JournalFullError(OSError):
    """Nothing could be written (disk full, quota, input/output error); the file is as it was before."""


_pack = RECORD_HEADER.pack


def record_header(kind: int, payload: bytes) -> bytes:
    """What stands before a payload. Who writes several records at once joins all the pieces, and copies them once."""
    return _pack(MAGIC, kind, 0, len(payload), crc32(payload))


def record(kind: int, payload: bytes) -> bytes:
    """One record, header and payload."""
    return record_header(kind, payload) + payload


def _append(descriptor: int, data: bytes, offset: int) -> None:
    """Append all of `data` at `offset`, the file's end, or nothing. Raises JournalFullError."""
    try:
        written = os.write(descriptor, data)
        while written < len(data):  # a short write: the rest tells the reason
            written += os.write(descriptor, memoryview(data)[written:])
    except OSError as error:
        os.ftruncate(descriptor, offset)
        raise JournalFullError(error.errno, error.strerror) from None


class BodySegment:
    """One large body, growing."""

    __slots__ = ("_descriptor", "_pages", "_path", "length", "segment")

    def __init__(self, path: str, segment: int, release: PageRelease) -> None:
        """Raises OSError."""
        self.segment = segment
        self.length = 0
        self._path = path
        self._pages = WrittenPages(path, release)
        self._descriptor = os.open(path, _CREATE, 0o600)

    def write(self, data: bytes) -> None:
        """Append all or nothing. Raises JournalFullError."""
        _append(self._descriptor, data, self.length)
        self.length += len(data)
        self._pages.grown_to(self.length)

    def close(self) -> None:
        """A segment into which nothing could be written goes. Calling it again does nothing."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
            if not self.length:
                with suppress(OSError):
                    os.unlink(self._path)


class Journal:
    """One worker's series of segments. Not for several threads."""

    def __init__(self, folder: str, series: int) -> None:
        """Begin the first segment of `series` in the live capture's folder. Raises OSError."""
        self.series = series
        self.segment = 0  # number of the journal segment that is written …
        self.offset = 0  # … and its length: where the next record begins
        self._folder = folder
        self._journals = 0  # how many were begun
        self._bodies = 0
        self._release = PageRelease()
        self._pages = WrittenPages("", self._release)
        self._descriptor = -1
        self.rotate()

    def rotate(self) -> None:
        """Begin a new journal segment. Raises OSError, and then goes on with the old one."""
        self._journals += 1
        segment = segment_number(self.series, self._journals)
        path = os.path.join(self._folder, segment_name(segment))
        descriptor = os.open(path, _CREATE, 0o600)
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor, self.segment, self.offset = descriptor, segment, 0
        self._pages = WrittenPages(path, self._release)

    def write(self, data: bytes) -> None:
        """Append whole records. Raises JournalFullError, and then nothing of them is there.

        The segment that this has filled is left at once, so that `segment` and `offset` are always those of the next.
        """
        _append(self._descriptor, data, self.offset)
        self.offset += len(data)
        self._pages.grown_to(self.offset)
        if self.offset > SEGMENT_LIMIT_BYTES:
            try:
                self.rotate()
            except OSError:
                pass  # the old one takes more; a full disk will be told by the next write

    def open_body(self) -> BodySegment:
        """A segment for one large body. Raises OSError."""
        self._bodies += 1
        segment = segment_number(self.series, self._bodies, is_body=True)
        return BodySegment(os.path.join(self._folder, segment_name(segment)), segment, self._release)

    def close(self) -> None:
        """Calling it again does nothing."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def read_records(path: str, offset: int = 0) -> Iterator[tuple[int, bytes, int]]:
    """The records from `offset` on, as (kind, payload, end offset); ends at the first one that is torn, or is none.

    Body payloads are skipped unread and come as b"". An event whose bytes are not those that were written is a
    DAMAGED_RECORD; those behind it are found by its length. Raises OSError when the file can't be opened.
    """
    with open(open_plain(path), "rb") as file:
        size = os.fstat(file.fileno()).st_size
        file.seek(offset)
        while True:
            header = file.read(RECORD_HEADER.size)
            if len(header) < RECORD_HEADER.size:
                return
            magic, kind, zero, length, checksum = RECORD_HEADER.unpack(header)
            offset += RECORD_HEADER.size + length
            if magic != MAGIC or zero:  # whoever wrote here was not killed: what lies behind can't be found any more
                yield DAMAGED_RECORD, header, size
                return
            if offset > size:
                return
            if kind == BODY_RECORD:
                file.seek(length, os.SEEK_CUR)
                yield kind, b"", offset
                continue
            if length > EVENT_LIMIT_BYTES:
                file.seek(length, os.SEEK_CUR)
                yield DAMAGED_RECORD, b"", offset
                continue
            payload = file.read(length)
            if len(payload) < length:
                return
            yield kind if crc32(payload) == checksum else DAMAGED_RECORD, payload, offset
