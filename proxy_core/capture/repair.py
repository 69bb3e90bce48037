"""A capture as it can be read best: what its recorder left undone is done first, in its place or on a copy.

A recording that was killed leaves events in its journals that its index lacks, and exchanges that are under way for
ever. Repairing writes into the folder; where that can't be (a disk that is full, or can be read only), a copy of the
index is repaired in another folder, and the bodies are read where they lie. An index that is damaged is made anew from
the journals, when more comes of it than can still be read. A capture of another Harrier is left alone, and so is one
that is being recorded: what its recorder has not taken in yet is waited for, and told.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager

from proxy_core.capture.backlog import caught_up, is_behind
from proxy_core.capture.live import is_recording
from proxy_core.capture.reader import (
    BusyCaptureError,
    CaptureError,
    CaptureReader,
    OtherFormatCaptureError,
    UnwritableError,
)
from proxy_core.capture.recovery import Recovery, recover
from proxy_core.capture.writer import INDEX_NAME
from proxy_core.home import LIVE_SUFFIX
from proxy_core.plain_file import open_plain, os_error_text

_PREFIX = ".harrier-"


@contextmanager
def best_reader(
    path: str, workplace: str, remarks: list[str], *, keeps_numbers: bool = False
) -> Iterator[CaptureReader]:
    """A reader of a `.harrier` file or a live capture; `remarks` gets sentences about what was repaired, or is missing.

    A FILE.harrier whose recorder was killed does not exist yet, but its live capture lies beside it. `workplace` is a
    folder where a copy of the index has room. Who has the exchanges' numbers already wants them kept (`keeps_numbers`):
    an index made anew has others. Raises CaptureError.
    """
    folder = live_folder(path)
    if not folder or is_recording(folder):
        with _beside_others(path, folder, remarks) as reader:
            yield reader
        return
    try:
        recovery = repair(folder)
    except BusyCaptureError:  # somebody else has begun to repair it
        with _beside_others(path, folder, remarks) as reader:
            yield reader
        return
    except OtherFormatCaptureError:
        raise
    except CaptureError as error:
        with _copied(folder, workplace, error, remarks, keeps_numbers=keeps_numbers) as reader:
            yield reader
        return
    _tell(recovery, remarks)
    with closing(CaptureReader(folder)) as reader:
        yield reader


@contextmanager
def _beside_others(path: str, folder: str, remarks: list[str]) -> Iterator[CaptureReader]:
    """A reader that leaves the writing to whoever writes, if anybody does."""
    with closing(CaptureReader(folder or path)) as reader:
        if folder and (missing := caught_up(reader, folder)):
            remarks.append(missing)
        yield reader


def live_folder(path: str) -> str:
    """The folder of the live capture that `path` means, "" when it means a file.

    Its index is the one file in it that looks as if it could be opened; it is nothing without the folder.
    """
    folder, name = os.path.split(os.path.abspath(path))
    if name == INDEX_NAME and folder.endswith(LIVE_SUFFIX):
        return folder
    live = path + LIVE_SUFFIX
    return path if os.path.isdir(path) else live if not os.path.exists(path) and os.path.isdir(live) else ""


def repair(folder: str) -> Recovery | None:
    """Repair a live capture that nobody records, in its place; None when it was closed in order.

    A WAL that was left is taken in, too: of any size, it would be read by everybody who opens the index. A worker may
    have outlived its recorder, and have written on when the capture was repaired. Raises CaptureError.
    """
    with closing(CaptureReader(folder)) as reader:
        is_whole = reader.meta("closed") == "1" and not _has_backlog(reader, folder)
    if is_whole and not os.path.exists(os.path.join(folder, f"{INDEX_NAME}-wal")):
        return None
    recovery = recover(folder)
    return None if is_whole else recovery


def _has_backlog(reader: CaptureReader, folder: str) -> bool:
    try:
        return is_behind(reader, folder)
    except OSError:
        return False  # a journal that can't be read gives nothing


def _tell(recovery: Recovery | None, remarks: list[str], *, is_kept: bool = True) -> None:
    if recovery is None:
        return
    text = f"The recording had not been finished; {recovery.exchanges:,} exchanges are there"
    if recovery.marked_failed:
        text += f", {recovery.marked_failed:,} of them were under way and are marked as failed"
    if recovery.replayed:
        text += f"; {recovery.replayed:,} changes came from the journals"
    remarks.append(f"{text}.")
    if recovery.unread:
        what = "One record" if recovery.unread_count == 1 else f"{recovery.unread_count:,} records"
        remarks.append(recovery.unread if is_kept else f"{what} of the journals could not be read.")


@contextmanager
def _copied(
    folder: str, workplace: str, error: CaptureError, remarks: list[str], *, keeps_numbers: bool
) -> Iterator[CaptureReader]:
    with _workshop(workplace) as place:
        if isinstance(error, UnwritableError):
            reader = _repaired_copy(folder, place, remarks, keeps_numbers=keeps_numbers)
        else:
            reader = _best_of_damaged(folder, place, error, remarks, keeps_numbers=keeps_numbers)
        with closing(reader):
            yield reader


def _repaired_copy(folder: str, place: str, remarks: list[str], *, keeps_numbers: bool) -> CaptureReader:
    index = os.path.join(place, INDEX_NAME)
    try:
        for suffix in ("", "-wal"):
            _copy(os.path.join(folder, INDEX_NAME + suffix), index + suffix)
    except OSError as error:
        raise CaptureError(f"{folder} can't be copied for its repair ({os_error_text(error)}).") from None
    try:
        _tell(recover(folder, index), remarks, is_kept=False)
    except (UnwritableError, OtherFormatCaptureError):
        raise
    except CaptureError as error:
        return _best_of_damaged(folder, place, error, remarks, keeps_numbers=keeps_numbers)
    return CaptureReader(folder, index=index)


def _best_of_damaged(
    folder: str, place: str, error: CaptureError, remarks: list[str], *, keeps_numbers: bool
) -> CaptureReader:
    """Whatever gives more: the index as it is, or what the journals give. Raises `error` when neither does."""
    as_it_is, readable = _opened(folder)
    index = os.path.join(place, f"anew-{INDEX_NAME}")
    try:
        recovery = None if keeps_numbers else recover(folder, index)
    except CaptureError:
        recovery = None
    if recovery is not None and recovery.exchanges > readable:
        if as_it_is is not None:
            as_it_is.close()
        remarks.append(f"The capture's index was made anew from the journals. {error}")
        _tell(recovery, remarks, is_kept=False)
        return CaptureReader(folder, index=index)
    if as_it_is is None:
        raise error
    remarks.append(f"What can be read of the capture is there; it can't be repaired. {error}")
    return as_it_is


def _opened(folder: str) -> tuple[CaptureReader | None, int]:
    """A reader of the index as it lies there, and how many exchanges it can read."""
    try:
        reader = CaptureReader(folder)
    except CaptureError:
        return None, 0
    try:
        return reader, reader.total()
    except CaptureError:
        reader.close()
        return None, 0


@contextmanager
def _workshop(workplace: str) -> Iterator[str]:
    """A folder for us alone, in `workplace` or, where that is full too, where temporary files lie."""
    for place in (workplace, tempfile.gettempdir()):
        try:
            made = tempfile.mkdtemp(prefix=_PREFIX, dir=place)
        except OSError as error:
            reason = os_error_text(error)
        else:
            break
    else:
        raise CaptureError(f"There is no room for the repair of the capture ({reason}).")
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _copy(source: str, target: str) -> None:
    try:
        descriptor = open_plain(source)
    except FileNotFoundError:
        return
    with open(descriptor, "rb") as read, open(open_plain(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL), "wb") as write:
        shutil.copyfileobj(read, write, 1 << 20)
