"""The menu of what can be opened again: files of late, and captures of earlier runs."""

from PySide6.QtWidgets import QMenu

from app.exchange_text import exchanges_text
from app.files.capture_files import CaptureFiles, moment_text
from app.preferences import Preferences

_MOST_CAPTURES = 12


def fill_recent_menu(menu: QMenu, preferences: Preferences, files: CaptureFiles) -> None:
    """Make the menu anew, each time before it is shown."""
    menu.clear()
    for path in preferences.recent:
        action = menu.addAction(path.replace("&", "&&"))
        action.triggered.connect(lambda _checked=False, path=path: files.open(path))
    if files.stored:
        menu.addSection("Captured earlier")
    for capture in files.stored[:_MOST_CAPTURES]:
        moment = moment_text(capture.path, capture.changed_at)
        action = menu.addAction(f"{moment} — {exchanges_text(capture.exchanges)}")
        action.triggered.connect(
            lambda _checked=False, path=capture.path, moment=moment: files.recover(path, f"the capture of {moment}")
        )
    if menu.isEmpty():
        menu.addAction("Nothing yet").setEnabled(False)
