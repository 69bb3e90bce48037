"""Where captures lie that were made only to look at a foreign file: a folder that goes with the window. No Qt."""

import os
import shutil
import tempfile

from app.files.suggested_name import safe_name

_PREFIX = "opened-"


class OpenedFolder:
    """Made when it is first needed. What a killed run left behind is removed by the next."""

    def __init__(self, home: str) -> None:
        self._home = home
        self._path = ""
        self._count = 0

    def path_for(self, name: str) -> str:
        """A path for a capture of the file `name`. Raises OSError."""
        if not self._path:
            self._remove_orphans()
            self._path = self._made()
        self._count += 1
        return os.path.join(self._path, safe_name(f"{self._count}-{name}", ".harrier"))

    def _made(self) -> str:
        prefix = f"{_PREFIX}{os.getpid()}-"
        try:
            return tempfile.mkdtemp(prefix=prefix, dir=self._home)
        except OSError:  # the home's disk is full: it may well be what the person wants to look at
            return tempfile.mkdtemp(prefix=prefix)

    def remove(self) -> None:
        """Remove the folder with everything in it."""
        if self._path:
            shutil.rmtree(self._path, ignore_errors=True)
            self._path = ""

    def _remove_orphans(self) -> None:
        for entry in os.scandir(self._home):
            if entry.name.startswith(_PREFIX) and not _is_alive(entry.name.removeprefix(_PREFIX).partition("-")[0]):
                shutil.rmtree(entry.path, ignore_errors=True)


def _is_alive(pid: str) -> bool:
    if os.name != "posix":
        return False  # files that are open can't be removed there anyway
    try:
        os.kill(int(pid), 0)
    except (ProcessLookupError, ValueError):
        return False
    except PermissionError:
        return True
    return True
