"""Where Harrier keeps its things: the CA, settings, live captures, browser profiles. One folder for each user, 0700."""

import os
import secrets
from dataclasses import dataclass
from datetime import datetime

import platformdirs

from proxy_core.ownership import take_from_others

HOME_VARIABLE = "HARRIER_HOME"
LIVE_SUFFIX = ".live"


class HomeError(Exception):
    """The home folder can't be used: one sentence that says why and what to do."""


@dataclass(frozen=True, slots=True)
class Home:
    """The folder and the names in it."""

    path: str

    @property
    def ca(self) -> str:
        """The CA's folder."""
        return os.path.join(self.path, "ca")

    @property
    def captures(self) -> str:
        """Live captures lie here, each a folder `*.live`."""
        return os.path.join(self.path, "captures")

    @property
    def browsers(self) -> str:
        """Profiles of the browsers that Harrier starts."""
        return os.path.join(self.path, "browsers")

    @property
    def preferences(self) -> str:
        """The window's preferences and the engine's settings."""
        return os.path.join(self.path, "preferences.json")

    @property
    def log(self) -> str:
        """What went wrong in any of the processes."""
        return os.path.join(self.path, "harrier.log")

    def new_capture(self) -> str:
        """The path of a live capture that doesn't exist yet, named by the local time."""
        stem = datetime.now().astimezone().strftime("%Y-%m-%d %H.%M.%S")
        path = os.path.join(self.captures, stem + LIVE_SUFFIX)
        count = 1
        while os.path.exists(path):
            count += 1
            path = os.path.join(self.captures, f"{stem} ({count}){LIVE_SUFFIX}")
        return path


def open_home(path: str | None = None) -> Home:
    """Make sure that the home folder is there and ours: `path`, $HARRIER_HOME, or the system's custom.

    Raises HomeError.
    """
    path = path or os.environ.get(HOME_VARIABLE) or platformdirs.user_data_dir("Harrier", appauthor=False)
    home = Home(os.path.abspath(path))
    try:
        for folder in (home.path, home.ca, home.captures):
            os.makedirs(folder, mode=0o700, exist_ok=True)
        # A folder that was there before may hold more than is Harrier's: who reads it is the person's affair.
        take_from_others(home.path, 0o022)
        take_from_others(home.captures, 0o077)
        probe = os.path.join(home.path, f".probe-{secrets.token_hex(8)}")
        os.close(os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        os.unlink(probe)
    except OSError as error:
        raise HomeError(
            f"Harrier can't write to its home folder {home.path} ({error.strerror}): choose another with --home DIR."
        ) from None
    return home
