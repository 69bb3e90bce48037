"""Locks on open files between processes; the system takes them away from a dead one."""

import sys

if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def lock_at_once(descriptor: int) -> bool:
    """Take the lock on an open file until it is closed; False when somebody else has it. Never waits."""
    try:
        _lock(descriptor)
    except OSError:
        return False
    return True
