"""What runs in the process of a file job: saving, exporting, importing, recovering. No Qt.

These walk over whole captures; in a process of their own they take neither the window's interpreter nor its memory. A
task is plain data with a method `run`; its result and its progress cross a pipe as MessagePack. Cancelling is a byte in
the other direction, so that the task ends in order and leaves no half file behind.
"""

import os
import sys
from collections.abc import Callable
from multiprocessing.connection import Connection

import msgspec

from proxy_core.body_file import save_body
from proxy_core.capture.reader import CaptureError, CaptureReader
from proxy_core.capture.recovery import recover
from proxy_core.capture.saver import SaveCancelledError, save_capture
from proxy_core.conversion import ConversionError, export_har, import_har, readable_capture

Progress = Callable[[int, int], bool]


class SaveTask(msgspec.Struct, frozen=True, tag="save"):
    """Save a capture (all of it, or some exchanges) as one `.harrier` file."""

    source: str
    target: str
    ids: list[int] | None = None

    def run(self, progress: Progress) -> list[str]:
        """Returns remarks for the person."""
        reader = CaptureReader(self.source)
        try:
            save_capture(reader, self.target, self.ids, progress)
        finally:
            reader.close()
        return []


class ExportTask(msgspec.Struct, frozen=True, tag="export"):
    """Write a capture (all of it, or some exchanges) as HAR."""

    source: str
    target: str
    ids: list[int] | None = None

    def run(self, progress: Progress) -> list[str]:
        """Returns remarks for the person."""
        reader = CaptureReader(self.source)
        try:
            export_har(reader, self.target, self.ids, progress)
        finally:
            reader.close()
        return []


class BodyTask(msgspec.Struct, frozen=True, tag="body"):
    """Write the body of a request or a response to a file, as it was on the wire or with its content coding undone."""

    source: str
    target: str
    exchange_id: int
    is_response: bool
    decoded: bool

    def run(self, progress: Progress) -> list[str]:
        """Returns remarks for the person."""
        reader = CaptureReader(self.source)
        try:
            return save_body(
                reader, self.exchange_id, self.target, progress, is_response=self.is_response, decoded=self.decoded
            )
        finally:
            reader.close()


class ImportTask(msgspec.Struct, frozen=True, tag="import"):
    """Make a capture of a HAR file."""

    source: str
    target: str

    def run(self, progress: Progress) -> list[str]:
        """Returns what had to be repaired."""
        return import_har(self.source, self.target, progress).repairs


class RecoverTask(msgspec.Struct, frozen=True, tag="recover"):
    """Make a live capture whole that was not closed; `source` may be the `.harrier` file that it was to become."""

    source: str

    def run(self, progress: Progress) -> list[str]:
        """Returns what had to be repaired."""
        del progress
        repairs: list[str] = []
        folder = readable_capture(self.source, repairs)
        if os.path.isdir(folder) and not repairs:
            reader = CaptureReader(folder)
            try:
                is_closed = reader.meta("closed") == "1"
            finally:
                reader.close()
            if not is_closed:
                recover(folder)
        return repairs


FileTask = SaveTask | ExportTask | BodyTask | ImportTask | RecoverTask


class Progressed(msgspec.Struct, frozen=True, tag="progressed"):
    """So much of so much."""

    done: int
    total: int


class Finished(msgspec.Struct, frozen=True, tag="finished"):
    """All is well."""

    remarks: list[str]


class Failed(msgspec.Struct, frozen=True, tag="failed"):
    """One sentence why."""

    sentence: str


class Cancelled(msgspec.Struct, frozen=True, tag="cancelled"):
    """As the person wished; nothing was left behind."""


FileNews = Progressed | Finished | Failed | Cancelled

encode_task = msgspec.msgpack.Encoder().encode
decode_news: Callable[[bytes], FileNews] = msgspec.msgpack.Decoder(FileNews).decode
_decode_task: Callable[[bytes], FileTask] = msgspec.msgpack.Decoder(FileTask).decode
_encode_news = msgspec.msgpack.Encoder().encode


def run_file_job(task: bytes, pipe: "Connection[bytes, bytes]") -> None:
    """The process: carry out one task and tell how it goes. It ends when the window does."""

    def progress(done: int, total: int) -> bool:
        if pipe.poll():
            return False
        pipe.send_bytes(_encode_news(Progressed(done, total)))
        return True

    news: FileNews
    try:
        news = Finished(_decode_task(task).run(progress))
    except SaveCancelledError:
        news = Cancelled()
    except (ConversionError, CaptureError) as error:
        news = Failed(str(error))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        sys.exit(1)  # the window is gone
    except (OSError, ValueError, MemoryError) as error:
        news = Failed(f"This failed unexpectedly: {error}.")
    try:
        pipe.send_bytes(_encode_news(news))
    except OSError:
        sys.exit(1)
