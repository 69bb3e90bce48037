"""A HAR as a capture, streamed: for `convert` and for what the window opens."""

import os
import stat
from typing import BinaryIO

from proxy_core.capture.reader import CaptureError
from proxy_core.capture.saver import CaptureFile, Progress, SaveCancelledError
from proxy_core.formats.har_messages import HarMessage
from proxy_core.formats.har_reader import HarError, read_har
from proxy_core.formats.har_repairs import HarRepairs
from proxy_core.model.message_row import INLINE_LIMIT_BYTES
from proxy_core.tasks.conversion_report import ConversionError, ConversionReport


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
                    request = entry.detail.request._replace(
                        body=capture.add_body((entry.request_body,)),
                        forwarded_body=capture.add_forwarded_body(entry.request_forwarded),
                    )
                    response = entry.detail.response._replace(
                        body=capture.add_body((entry.response_body,)),
                        forwarded_body=capture.add_forwarded_body(entry.response_forwarded),
                    )
                    capture.add(entry.row, entry.detail._replace(request=request, response=response))
                    for message in entry.messages:
                        _add_message(capture, entry.row.id, message)
                    if entry.client is not None:
                        capture.add_connection(entry.client)
                    if entry.upstream is not None:
                        # Only the first entry of a connection tells of its TLS.
                        capture.add_connection(entry.upstream, replaces=entry.upstream.tls is not None)
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


def _add_message(capture: CaptureFile, exchange_id: int, message: HarMessage) -> None:
    """Small ones lie in their row, as a worker has them."""
    if len(message.data) <= INLINE_LIMIT_BYTES:
        content = message.content._replace(data=message.data)
    else:
        content = message.content._replace(extents=capture.add_body((message.data,)))
    capture.add_message(message.row._replace(exchange_id=exchange_id), content)


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

    def seek(self, place: int, /) -> int:
        """Go on reading elsewhere; the progress goes there, too."""
        self._read = place
        return self._file.seek(place)
