"""Live captures as folders: making one, locking it while it is recorded, finding those that were never closed."""

import os
import shutil
from collections.abc import Iterator
from typing import NamedTuple

from proxy_core.capture.reader import CaptureError, CaptureReader
from proxy_core.capture.writer import INDEX_NAME
from proxy_core.file_lock import lock_at_once
from proxy_core.plain_file import open_plain, os_error_text

LOCK_NAME = "lock"


class CaptureLock:
    """Held by the recorder for as long as it lives; the system takes it away from a dead one."""

    def __init__(self, folder: str, flags: int = os.O_RDWR | os.O_CREAT) -> None:
        """Take the lock. Raises BlockingIOError when the capture is being recorded, OSError."""
        self._descriptor = open_plain(os.path.join(folder, LOCK_NAME), flags)
        if not lock_at_once(self._descriptor):
            os.close(self._descriptor)
            raise BlockingIOError(f"{folder} is being recorded")

    def release(self) -> None:
        """Let go."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


class StoredCapture(NamedTuple):
    """A live capture that nobody records now."""

    path: str
    exchanges: int
    is_closed: bool  # ended in order
    changed_at: float  # seconds since the epoch


def create_live_capture(folder: str) -> None:
    """Make the folder, readable by the user alone. Raises OSError (also when it exists)."""
    os.makedirs(folder, mode=0o700)


def is_recording(folder: str) -> bool:
    """Whether a recorder holds the capture's lock. Raises CaptureError when that can't be told."""
    try:
        # To be read only: the folder may lie where nothing can be written.
        CaptureLock(folder, os.O_RDONLY).release()
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    except OSError as error:
        raise CaptureError(f"{folder} can't be read ({os_error_text(error)}).") from None
    return False


def stored_captures(captures: str) -> list[StoredCapture]:
    """The live captures in a folder that are not being recorded, the latest first."""
    return sorted(_stored(captures), key=lambda each: each.changed_at, reverse=True)


def _stored(captures: str) -> Iterator[StoredCapture]:
    try:
        entries = list(os.scandir(captures))
    except OSError:
        return
    for entry in entries:
        index = os.path.join(entry.path, INDEX_NAME)
        if not entry.name.endswith(".live") or not os.path.exists(index):
            continue
        try:
            if is_recording(entry.path):
                continue
            reader = CaptureReader(entry.path)
        except CaptureError:
            continue
        try:
            total, is_closed = reader.total(), reader.meta("closed") == "1"
        except CaptureError:
            continue
        finally:
            reader.close()
        yield StoredCapture(entry.path, total, is_closed, os.path.getmtime(index))


def delete_live_capture(folder: str) -> None:
    """Remove a live capture with everything in it, unless it is being recorded. Raises OSError, BlockingIOError."""
    lock = CaptureLock(folder)
    try:
        shutil.rmtree(folder)
    finally:
        lock.release()
