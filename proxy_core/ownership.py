"""Whose a file or folder is, and what others may do with it, on systems that tell so by owner and mode.

On Windows the user's profile grants what it grants, and nothing here has an effect.
"""

import os
import stat
import sys

_WRITABLE_BY_OTHERS = 0o022
_READABLE_BY_OTHERS = 0o044
_ADMINISTRATOR = 0


def take_from_others(path: str, rights: int) -> None:
    """Take the rights (bits of 0o077) away from everybody else. Raises OSError.

    What isn't ours is left alone, and a folder that everybody shares (`--home /tmp`), too.
    """
    if sys.platform == "win32":
        return
    status = os.stat(path)
    is_shared = stat.S_ISDIR(status.st_mode) and bool(status.st_mode & stat.S_ISVTX)
    if status.st_mode & rights and status.st_uid == os.geteuid() and not is_shared:
        os.chmod(path, stat.S_IMODE(status.st_mode) & ~rights)


def is_of_another(status: os.stat_result) -> bool:
    """Whether it belongs to another user. The administrator counts as none: there is no hiding from that one."""
    return sys.platform != "win32" and status.st_uid not in (os.geteuid(), _ADMINISTRATOR)


def is_writable_by_others(status: os.stat_result) -> bool:
    """Whether another user may write to it."""
    return sys.platform != "win32" and bool(status.st_mode & _WRITABLE_BY_OTHERS)


def is_readable_by_others(status: os.stat_result) -> bool:
    """Whether another user may read it."""
    return sys.platform != "win32" and bool(status.st_mode & _READABLE_BY_OTHERS)
