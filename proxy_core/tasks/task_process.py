"""What runs in the process of a file job: saving, exporting, importing, recovering. No Qt.

These walk over whole captures; in a process of their own they take neither the window's interpreter nor its memory.
Cancelling is a byte from the window, so that the task ends in order and leaves no half file behind.
"""

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import assert_never

from proxy_core.capture.reader import CaptureError, CaptureReader
from proxy_core.capture.repair import best_reader
from proxy_core.capture.saver import SaveCancelledError, save_capture
from proxy_core.capture.walk import lost_text
from proxy_core.fault_log import caught
from proxy_core.tasks.body_file import save_body
from proxy_core.tasks.conversion_report import ConversionError
from proxy_core.tasks.har_export import export_har
from proxy_core.tasks.har_import import import_har
from proxy_core.tasks.message_file import save_message
from proxy_core.tasks.task import (
    BodyTask,
    Cancelled,
    ExportTask,
    Failed,
    FileNews,
    FileTask,
    Finished,
    ImportTask,
    MessageTask,
    OpenTask,
    Progressed,
    SaveTask,
    encode_news,
)

Progress = Callable[[int, int], bool]


def run_task(task: FileTask, pipe: "Connection[bytes, bytes]") -> None:
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
    """Returns remarks for the person: what had to be repaired, left out, or left as it was."""
    remarks: list[str] = []
    match task:
        case SaveTask(target=target, ids=ids):
            with _reading_whole(task, remarks) as reader:
                save_capture(reader, target, ids, progress, remarks)
        case ExportTask(target=target, ids=ids):
            with _reading_whole(task, remarks) as reader:
                export_har(reader, target, ids, progress, remarks)
        case BodyTask(source=source, target=target, exchange_id=exchange_id, message=message, decoded=decoded):
            with _reading(source) as reader:
                return save_body(reader, exchange_id, message, target, progress, decoded=decoded)
        case MessageTask(source=source, target=target, exchange_id=exchange_id, number=number):
            with _reading(source) as reader:
                return save_message(reader, exchange_id, number, target)
        case ImportTask(source=source, target=target):
            return import_har(source, target, progress).repairs
        case OpenTask(source=source, target=target):
            _open(source, target, progress, remarks)
        case _:
            assert_never(task)
    return remarks


def _open(source: str, target: str, progress: Progress, remarks: list[str]) -> None:
    with best_reader(source, os.path.dirname(target) or tempfile.gettempdir(), remarks) as reader:
        reader.total()  # goes over the whole list once: what is wrong with it is found here, not in the window
        if not reader.is_in_place:
            save_capture(reader, target, None, progress, remarks)
        elif lost := reader.lost():
            remarks.append(lost_text(lost))


@contextmanager
def _reading_whole(task: SaveTask | ExportTask, remarks: list[str]) -> Iterator[CaptureReader]:
    """With what lies in the journals of a live capture only: its engine may have died while the window showed it."""
    keeps_numbers = task.ids is not None or task.left_out is not None
    with best_reader(task.source, os.path.dirname(task.target), remarks, keeps_numbers=keeps_numbers) as reader:
        if task.left_out is not None:
            reader.leave_out(task.left_out)
        yield reader


@contextmanager
def _reading(path: str) -> Iterator[CaptureReader]:
    reader = CaptureReader(path)
    try:
        yield reader
    finally:
        reader.close()
