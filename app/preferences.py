"""What the window remembers from one start to the next: JSON in the home folder, written whole or not at all. No Qt.

The engine's settings are kept in the same file. A file that can't be read (damaged, of a later version) is put aside
and the defaults are used: preferences never keep Harrier from starting.
"""

import os
from base64 import b64decode, b64encode
from typing import Any

import msgspec

from proxy_core.model.settings import Settings
from proxy_core.partial_file import whole_file

_MOST_RECENT = 12


class ColumnPreference(msgspec.Struct, frozen=True):
    """One column of the list, in the order in which they stand."""

    key: str
    width: int
    is_shown: bool


class Preferences(msgspec.Struct, kw_only=True):
    """Everything; mutable, saved with `save`."""

    geometry: str = ""  # base64 of QWidget.saveGeometry
    splitter: tuple[int, ...] = ()  # heights of list and inspector
    columns: tuple[ColumnPreference, ...] = ()
    theme: str = "system"  # theme.Scheme
    browser: str = ""  # key of the browser that was opened last
    recent: tuple[str, ...] = ()  # paths of saved captures and HAR files, the latest first
    folder: str = ""  # where a file was opened or saved last
    settings: Settings = msgspec.field(default_factory=Settings)

    def remember_file(self, path: str) -> None:
        """Put a file at the head of the recent ones."""
        path = os.path.abspath(path)
        self.recent = (path, *(each for each in self.recent if each != path))[:_MOST_RECENT]
        self.folder = os.path.dirname(path)

    def geometry_bytes(self) -> bytes:
        """The window's geometry as Qt wants it; b"" when there is none."""
        try:
            return b64decode(self.geometry, validate=True)
        except ValueError:
            return b""

    def set_geometry(self, geometry: bytes) -> None:
        """Keep what `saveGeometry` gave."""
        self.geometry = b64encode(geometry).decode()


def load_preferences(path: str) -> Preferences:
    """Read the preferences; the defaults when there are none or they can't be read."""
    try:
        with open(path, "rb") as file:
            return msgspec.convert(_as_it_is_kept_now(msgspec.json.decode(file.read())), Preferences)
    except (FileNotFoundError, PermissionError):
        return Preferences()
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        try:
            os.replace(path, path + ".damaged")
        except OSError:
            pass
        return Preferences()


def _as_it_is_kept_now(kept: Any) -> Any:
    """What an earlier version has kept: one file of CAs, as a text."""
    settings = kept.get("settings") if isinstance(kept, dict) else None
    if isinstance(settings, dict) and isinstance(path := settings.get("upstream_ca"), str):
        settings["upstream_ca"] = [path] if path else []
    return kept


def save_preferences(preferences: Preferences, path: str) -> None:
    """Write them, readable by the user alone. Raises OSError."""
    with whole_file(path) as file:
        file.write(msgspec.json.format(msgspec.json.encode(preferences)))
