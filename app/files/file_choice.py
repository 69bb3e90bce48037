"""Asking for a file: the system's own dialogs, with an ending that can't be forgotten."""

from PySide6.QtWidgets import QFileDialog, QWidget

_KINDS = {
    ".harrier": "Harrier captures (*.harrier)",
    ".har": "HTTP archives (*.har)",
    ".pem": "Certificates (*.pem)",
}


def ask_open(parent: QWidget, folder: str) -> str:
    """The path of a capture or an archive, "" when the person thinks better of it."""
    kinds = f"Captures (*.harrier *.har);;{_KINDS['.harrier']};;{_KINDS['.har']};;All files (*)"
    path, _ = QFileDialog.getOpenFileName(parent, "Open a capture", folder, kinds)
    return path


def ask_save(parent: QWidget, title: str, suggested: str, ending: str) -> str:
    """The path to write to, "" for none. `ending` is that of our own kinds of file, "" for any other."""
    path, _ = QFileDialog.getSaveFileName(parent, title, suggested, _KINDS.get(ending, "All files (*)"))
    if path and not path.lower().endswith(ending):
        path += ending
    return path
