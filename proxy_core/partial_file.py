"""A file that appears under its name whole or not at all, readable by its owner alone: captures hold secrets.

Until then it lies beside its place as `NAME.PID.part`. Whoever ends the process that writes one removes it with
`discard_partial`.
"""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

_NO_HARD_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}
_BUFFER_BYTES = 1 << 18
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL
_EXTRA = getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)


def partial_path(path: str, pid: int | None = None) -> str:
    """Where the process `pid` (ours) writes what is to become `path`."""
    return f"{path}.{os.getpid() if pid is None else pid}.part"


def create_partial(path: str) -> int:
    """A descriptor of the new, empty file for what is to become `path`, 0600.

    What lies there is from a process with our number that is gone, or was put there by somebody: a link is removed,
    never followed. Raises OSError.
    """
    temporary = partial_path(path)
    discard_partial(path)
    return os.open(temporary, _NEW | _EXTRA, 0o600)


def discard_partial(path: str, pid: int | None = None) -> None:
    """Remove what the process `pid` (ours) has left of `path`, if it has."""
    try:
        os.unlink(partial_path(path, pid))
    except OSError:
        pass


def place_partial(path: str, *, replaces: bool = True) -> None:
    """Bring what was written to the disk, and make it appear as `path`. Raises OSError.

    Without `replaces` what is there already stays, and that is a FileExistsError: of several processes one wins.
    """
    temporary = partial_path(path)
    descriptor = os.open(temporary, os.O_RDWR | _EXTRA)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    if replaces:
        os.replace(temporary, path)
    elif os.name == "nt":
        os.rename(temporary, path)  # refuses to replace there
    else:
        _place_new(temporary, path)


def _place_new(temporary: str, path: str) -> None:
    try:
        os.link(temporary, path)
    except OSError as error:
        if error.errno not in _NO_HARD_LINKS:
            raise
        # A file system such as FAT: the name is taken first. Who looks in that instant sees an empty file.
        os.close(os.open(path, _NEW | _EXTRA, 0o600))
        os.replace(temporary, path)
    else:
        os.unlink(temporary)


@contextmanager
def whole_file(path: str, *, replaces: bool = True) -> Iterator[BinaryIO]:
    """A file to write; it appears as `path` when the block ends, and is gone when the block raises.

    Raises OSError; FileExistsError where it may not replace what is there.
    """
    descriptor = create_partial(path)
    try:
        with os.fdopen(descriptor, "wb", buffering=_BUFFER_BYTES) as file:
            yield file
        place_partial(path, replaces=replaces)
    except BaseException:
        discard_partial(path)
        raise
