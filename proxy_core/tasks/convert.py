"""Between captures and HAR files, streamed in both directions: `convert`, and what the window's export and open use."""

import os
import stat
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any, BinaryIO

from proxy_core.capture.reader import CaptureError, CaptureReader
from proxy_core.capture.repair import best_reader, live_folder
from proxy_core.capture.saver import CaptureFile, Progress, SaveCancelledError, save_capture
from proxy_core.capture.walk import Walk
from proxy_core.formats.har_reader import HarError, read_har
from proxy_core.formats.har_repairs import HarRepairs
from proxy_core.formats.har_writer import HarSource, har_begin, har_end, har_entry, har_tunnel
from proxy_core.model.exchange import ExchangeKind
from proxy_core.partial_file import discard_partial, whole_file

_PAGE = 200
_TUNNELS_TOLD = 10_000


class ConversionError(Exception):
    """One sentence that says what can't be read or written."""


@dataclass(frozen=True, slots=True)
class ConversionReport:
    """How it went."""

    exchanges: int
    repairs: list[str]  # sentences


def convert(source: str, target: str) -> ConversionReport:
    """Convert by the names' endings: .har, .harrier, or a .live folder to read. Raises ConversionError."""
    if not target.endswith((".har", ".harrier")):
        raise ConversionError(f"{target} must end with .har or .harrier.")
    if source.endswith(".har") and target.endswith(".har"):
        raise ConversionError(f"{source} is a HAR file already.")
    if not live_folder(source) and not os.path.exists(source):
        raise ConversionError(f"There is no file {source}.")
    try:
        return import_har(source, target) if source.endswith(".har") else _write_capture(source, target)
    except CaptureError as error:
        raise ConversionError(str(error)) from None
    finally:
        discard_partial(target)  # an interrupt may come between the making of a file and the block that removes it


def _write_capture(source: str, target: str) -> ConversionReport:
    remarks: list[str] = []
    write = export_har if target.endswith(".har") else save_capture
    with best_reader(source, os.path.dirname(os.path.abspath(target)), remarks) as reader:
        return ConversionReport(write(reader, target, remarks=remarks), remarks)


def export_har(
    reader: CaptureReader,
    path: str,
    ids: Iterable[int] | None = None,
    progress: Progress | None = None,
    remarks: list[str] | None = None,
) -> int:
    """Write exchanges (all, or those with `ids`) in order of their start. Returns how many entries there are.

    What is damaged is left out, and `remarks` gets sentences about it. The file appears whole or not at all. Raises
    ConversionError, SaveCancelledError.
    """
    try:
        walk = Walk(reader, list(reader.ids(order_by="started_at")) if ids is None else sorted(ids))
        with whole_file(path) as file:
            count = _write_entries(walk, reader, file.write, progress)
        if remarks is not None:
            remarks += walk.remarks()
    except OSError as error:
        raise ConversionError(f"{path} can't be written ({error.strerror}).") from None
    except CaptureError as error:
        raise ConversionError(str(error)) from None
    return count


def _write_entries(
    walk: Walk, reader: CaptureReader, write: Callable[[bytes], object], progress: Progress | None
) -> int:
    write(har_begin())
    tunnels: list[dict[str, Any]] = []
    count = 0
    for page in walk:
        for row, detail in page:
            if row.kind == ExchangeKind.TUNNEL:
                if len(tunnels) < _TUNNELS_TOLD:
                    tunnels.append(har_tunnel(row, detail))
                continue
            source = HarSource(
                row,
                detail,
                walk.connection(detail.upstream_connection),
                partial(reader.iterate_body, detail.request_body),
                partial(reader.iterate_body, detail.response_body),
            )
            if count:
                write(b",\n")
            for piece in har_entry(source):
                write(piece)
            count += 1
        if progress is not None and not progress(walk.done, walk.total):
            raise SaveCancelledError
    write(har_end(tunnels))
    return count


def import_har(source: str, target: str, progress: Progress | None = None) -> ConversionReport:
    """Make a capture of a HAR file. One that breaks off gives what it held, and a repair that says so.

    Raises ConversionError, SaveCancelledError.
    """
    repairs = HarRepairs()
    count = 0
    ending: list[str] = []
    try:
        with _open_regular(source) as file, CaptureFile(target) as capture:
            capture.set_meta("imported_from", os.path.basename(source))
            try:
                for entry in read_har(_WatchedFile(file, progress), repairs):
                    capture.add(entry.row, entry.detail, (entry.request_body,), (entry.response_body,))
                    if entry.upstream is not None:
                        capture.add_connection(entry.upstream)
                    count += 1
            except HarError as error:
                if not count:
                    raise ConversionError(f"{source}: {error}") from None
                ending.append(str(error))
            capture.finish()
    except OSError as error:
        raise ConversionError(f"{source} can't be read ({error.strerror}).") from None
    except CaptureError as error:
        raise ConversionError(str(error)) from None
    return ConversionReport(count, repairs.sentences() + ending)


def _open_regular(path: str) -> BinaryIO:
    """A file to read, and nothing that only looks like one: a FIFO would never answer, a device never end."""
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0))
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise ConversionError(f"{path} is no file that can be read.")
    return os.fdopen(descriptor, "rb")


class _WatchedFile:
    """A file whose reading is told, and can be cancelled in the middle of an entry of any size."""

    def __init__(self, file: BinaryIO, progress: Progress | None) -> None:
        self._file = file
        self._progress = progress
        self._read = 0
        self._size = os.fstat(file.fileno()).st_size

    def read(self, size: int, /) -> bytes:
        """Raises SaveCancelledError."""
        if self._progress is not None and not self._progress(self._read, self._size):
            raise SaveCancelledError
        data = self._file.read(size)
        self._read += len(data)
        return data
