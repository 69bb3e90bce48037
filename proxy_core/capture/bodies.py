"""The bytes of bodies, by their extents: from the segment files of a live capture, or the chunks of a saved one.

Used by `CaptureReader`, and like it by one thread. Segments are opened in the capture's folder alone, and only regular
files; what is not there ends a body early, and that is remembered.
"""

import os
import sqlite3
from collections.abc import Iterator, Sequence

from proxy_core.capture.extents import Extent
from proxy_core.capture.segment import segment_name
from proxy_core.plain_file import open_folder, open_plain

_OPEN_SEGMENTS = 32  # descriptors that are kept open
_MOST_REMEMBERED = 10_000  # places of which it is remembered that they are gone
EVERYTHING = 2**62


class BodySource:
    """`folder` is that of a live capture, "" for a saved one."""

    def __init__(self, database: sqlite3.Connection, folder: str) -> None:
        """Raises OSError."""
        self._database = database
        self._folder = folder
        self._descriptor = open_folder(folder) if folder else None
        self._segments: dict[int, int] = {}
        self.missing: set[tuple[int, int]] = set()  # (segment, offset) of what could not be read

    def close(self) -> None:
        """Close all files."""
        for descriptor in self._segments.values():
            os.close(descriptor)
        self._segments.clear()
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def read(self, extents: Sequence[Extent], start: int, length: int, chunk_bytes: int) -> Iterator[bytes]:
        """A range of a body in pieces of at most `chunk_bytes`; it ends where something is missing."""
        for segment, offset, extent_length in extents:
            if start >= extent_length:
                start -= extent_length
                continue
            wanted = min(extent_length - start, length)
            while wanted > 0:
                piece = self._piece(segment, offset, start, min(wanted, chunk_bytes))
                if not piece:
                    if len(self.missing) < _MOST_REMEMBERED:
                        self.missing.add((segment, offset))
                    return
                yield piece
                start += len(piece)
                wanted -= len(piece)
                length -= len(piece)
            if length <= 0:
                return
            start = 0

    def segment_bytes(self, segment: int) -> int:
        """How long a segment is, 0 for one that is not there."""
        try:
            return os.fstat(self._segment(segment)).st_size if self._folder else 0
        except OSError:
            return 0

    def _piece(self, segment: int, offset: int, start: int, length: int) -> bytes:
        if segment == 0:
            return self._chunk(offset, start, length)
        if not self._folder:
            return b""
        try:
            descriptor = self._segment(segment)
            room = os.fstat(descriptor).st_size - offset - start
            if room <= 0:
                return b""
            os.lseek(descriptor, offset + start, os.SEEK_SET)
            return os.read(descriptor, min(length, room))
        except OSError:
            return b""

    def _chunk(self, chunk_id: int, start: int, length: int) -> bytes:
        try:
            with self._database.blobopen("body_chunk", "data", chunk_id, readonly=True) as blob:
                blob.seek(min(start, len(blob)))
                return blob.read(length)
        except sqlite3.Error:
            return b""

    def _segment(self, segment: int) -> int:
        descriptor = self._segments.get(segment)
        if descriptor is None:
            name = segment_name(segment)
            path = name if self._descriptor is not None else os.path.join(self._folder, name)
            descriptor = open_plain(path, folder=self._descriptor)
            if len(self._segments) >= _OPEN_SEGMENTS:
                os.close(self._segments.pop(next(iter(self._segments))))
            self._segments[segment] = descriptor
        return descriptor
