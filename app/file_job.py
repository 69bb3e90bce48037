"""What runs in the process of a file job: saving, exporting, importing, recovering. No Qt.

These walk over whole captures; in a process of their own they take neither the window's interpreter nor its memory.
Cancelling is a byte from the window, so that the task ends in order and leaves no half file behind.
"""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection

from app.file_task import (
    BodyTask,
    Cancelled,
    ExportTask,
    Failed,
    FileNews,
    FileTask,
    Finished,
    ImportTask,
    Progressed,
    RecoverTask,
    SaveTask,
    encode_news,
)
from proxy_core.body_file import save_body
from proxy_core.capture.reader import CaptureError, CaptureReader
from proxy_core.capture.recovery import recover
from proxy_core.capture.saver import SaveCancelledError, save_capture
from proxy_core.conversion import ConversionError, export_har, import_har, readable_capture
from proxy_core.fault_log import caught

Progress = Callable[[int, int], bool]


def run_file_job(task: FileTask, pipe: "Connection[bytes, bytes]") -> None:
    """Carry out one task and tell how it goes. The process ends when the window does."""

    def progress(done: int, total: int) -> bool:
        if pipe.poll():
            return False
        pipe.send_bytes(encode_news(Progressed(done, total)))
        return True

    news: FileNews
    try:
        news = Finished(_carry_out(task, progress))
    except SaveCancelledError:
        news = Cancelled()
    except (ConversionError, CaptureError) as error:
        news = Failed(str(error))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        sys.exit(1)  # the window is gone
    except OSError as error:
        news = Failed(f"This failed unexpectedly: {error}.")
    except Exception:  # a process ends here, and the person waits for its word
        news = Failed(caught(f"a {type(task).__name__}"))
    try:
        pipe.send_bytes(encode_news(news))
    except OSError:
        sys.exit(1)


def _carry_out(task: FileTask, progress: Progress) -> list[str]:
    """Returns remarks for the person: what had to be repaired or left as it was."""
    match task:
        case SaveTask(source=source, target=target, ids=ids):
            with _reading(source) as reader:
                save_capture(reader, target, ids, progress)
        case ExportTask(source=source, target=target, ids=ids):
            with _reading(source) as reader:
                export_har(reader, target, ids, progress)
        case BodyTask(source=source, target=target, exchange_id=exchange_id, is_response=is_response, decoded=decoded):
            with _reading(source) as reader:
                return save_body(reader, exchange_id, target, progress, is_response=is_response, decoded=decoded)
        case ImportTask(source=source, target=target):
            return import_har(source, target, progress).repairs
        case RecoverTask(source=source):
            return _recover(source)
    return []


def _recover(source: str) -> list[str]:
    repairs: list[str] = []
    folder = readable_capture(source, repairs)
    if os.path.isdir(folder) and not repairs:
        with _reading(folder) as reader:
            is_closed = reader.meta("closed") == "1"
        if not is_closed:
            recover(folder)
    return repairs


@contextmanager
def _reading(path: str) -> Iterator[CaptureReader]:
    reader = CaptureReader(path)
    try:
        yield reader
    finally:
        reader.close()
