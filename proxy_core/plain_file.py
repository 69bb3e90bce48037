"""Opening regular files and nothing else: what lies in a capture's folder may be a trap.

A folder from elsewhere can hold a link in the place of a file (and what it points to would be read, or written over), a
FIFO (whose opening waits for ever) or a device. Whoever opens by name something that others may have put there comes
through here.
"""

import errno
import os
import stat

_GUARDS = sum(getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY"))
_CAN_OPEN_BY_FOLDER = os.open in os.supports_dir_fd and hasattr(os, "O_DIRECTORY")


class NotPlainError(OSError):
    """There is something by that name, and it is no regular file."""

    def __init__(self, path: str) -> None:
        super().__init__(errno.EINVAL, "it is a link or no regular file", path)


def os_error_text(error: OSError) -> str:
    """What went wrong, and with which file of several."""
    reason = error.strerror or str(error)
    return f"{os.path.basename(error.filename)}: {reason}" if isinstance(error.filename, str) else reason


def open_plain(path: str, flags: int = os.O_RDONLY, mode: int = 0o600, *, folder: int | None = None) -> int:
    """Open a regular file; its descriptor. `folder` is a descriptor by `open_folder` that `path` is relative to.

    Raises NotPlainError, OSError.
    """
    try:
        # Looked at first: opening a device may do something.
        if not stat.S_ISREG(os.stat(path, dir_fd=folder, follow_symlinks=False).st_mode):
            raise NotPlainError(path)
    except FileNotFoundError:
        if not flags & os.O_CREAT:
            raise
    descriptor = os.open(path, flags | _GUARDS, mode, dir_fd=folder)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise NotPlainError(path)
    return descriptor


def open_folder(path: str) -> int | None:
    """A descriptor that stands for the folder whatever becomes of its name; None where a system has no such thing."""
    return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC) if _CAN_OPEN_BY_FOLDER else None


def plain_size(path: str) -> int:
    """The size of a regular file, 0 when there is nothing by that name. Raises NotPlainError, OSError."""
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return 0
    if not stat.S_ISREG(found.st_mode):
        raise NotPlainError(path)
    return found.st_size
