"""Captures as files: saving, exporting, opening, and those that an earlier run left behind.

All walking over captures happens in file jobs beside the window; here their progress becomes bars that can be
cancelled. Signals: `ready` (path that a reader can open, title for a person) when something is to be shown;
`gone_over` (path of a capture) when a job has read all of it, and made it whole where nobody records it any more.
"""

import os
import sqlite3
import threading
from collections.abc import Callable
from datetime import datetime

from PySide6.QtCore import QObject, QUrl, Signal
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QWidget

from app.exchange_text import exchanges_text
from app.files.background_job import BackgroundJob
from app.files.file_choice import ask_open, ask_save
from app.files.opened_folder import OpenedFolder
from app.files.suggested_name import safe_name, suggested_name
from app.look.notices import NoticeKind, NoticeStack
from app.preferences import Preferences
from proxy_core.capture.left_out import LeftOut
from proxy_core.capture.live import StoredCapture, delete_live_capture, stored_captures
from proxy_core.capture.reader import CaptureError, CaptureReader
from proxy_core.capture.repair import live_folder
from proxy_core.home import LIVE_SUFFIX, Home
from proxy_core.model.exchange import ExchangeRow
from proxy_core.model.message_record import MessageKind
from proxy_core.tasks.task import BodyTask, ExportTask, FileTask, ImportTask, MessageTask, OpenTask, SaveTask

_MOST_REMARKS = 3


def moment_text(path: str, changed_at: float) -> str:
    """When a capture was made, for a person: from its folder's name, else from its last change."""
    stem = os.path.basename(path).removesuffix(LIVE_SUFFIX)
    try:
        moment = datetime.strptime(stem[:19], "%Y-%m-%d %H.%M.%S")
    except ValueError:
        moment = datetime.fromtimestamp(changed_at)
    return f"{moment.day} {moment:%b}, {moment:%H:%M}"


class CaptureFiles(QObject):
    """See the module."""

    ready = Signal(str, str)
    gone_over = Signal(str)
    stored_found = Signal(list)

    def __init__(self, home: Home, preferences: Preferences, notices: NoticeStack, window: QWidget) -> None:
        super().__init__(window)
        self._home = home
        self._preferences = preferences
        self._notices = notices
        self._window = window
        self._opened = OpenedFolder(home.path)
        self._jobs: list[BackgroundJob] = []
        self.stored: list[StoredCapture] = []
        self.stored_found.connect(self._show_stored)

    # Writing

    def save(self, source: str, ids: list[int] | None, left_out: LeftOut | None, suggested: str) -> None:
        """Save a capture, all but what is left out, or some exchanges of it, as a file that the person chooses."""
        path = ask_save(self._window, "Save the capture", self._suggest(suggested, ".harrier"), ".harrier")
        if path:
            self._write(SaveTask(source, path, ids, left_out), path, "Saving")

    def export(self, source: str, ids: list[int] | None, left_out: LeftOut | None, suggested: str) -> None:
        """Write a capture, all but what is left out, or some exchanges of it, as HAR."""
        path = ask_save(self._window, "Export as HAR", self._suggest(suggested, ".har"), ".har")
        if path:
            self._write(ExportTask(source, path, ids, left_out), path, "Exporting")

    def save_body(self, source: str, row: ExchangeRow, message: MessageKind, *, decoded: bool) -> None:
        """Write the body of one message to a file that the person chooses."""
        name = suggested_name(row, message)
        path = ask_save(self._window, "Save the body", self._suggest(name, ""), "")
        if path:
            self._write(BodyTask(source, path, row.id, message, decoded), path, "Saving")

    def save_message(self, source: str, row: ExchangeRow, number: int) -> None:
        """Write a message within an exchange to a file that the person chooses."""
        name = f"{suggested_name(row, MessageKind.RESPONSE)}.message-{number}"
        path = ask_save(self._window, "Save the message", self._suggest(name, ""), "")
        if path:
            self._write(MessageTask(source, path, row.id, number), path, "Saving")

    def _suggest(self, stem: str, ending: str) -> str:
        folder = self._preferences.folder or os.path.expanduser("~")
        return os.path.join(folder, safe_name(stem, ending) or f"capture{ending}")

    def _write(self, task: SaveTask | ExportTask | BodyTask | MessageTask, path: str, verb: str) -> None:
        name = os.path.basename(path)

        def succeeded(remarks: list[str]) -> None:
            if not isinstance(task, BodyTask | MessageTask):
                self._preferences.remember_file(path)
            done = {"Saving": "Saved", "Exporting": "Exported"}[verb]
            kind = NoticeKind.WARNING if remarks else NoticeKind.GOOD
            said = " ".join([f"{done} {name}.", *remarks])
            ways = [("Show in Folder", lambda: _show_folder(path))]
            self._notices.tell(f"file {path}", kind, said, ways, is_passing=not remarks)

        self._run(task, f"file {path}", f"{verb} {name} …", succeeded)

    # Reading

    def ask_open(self) -> None:
        """Let the person choose a file, and open it."""
        path = ask_open(self._window, self._preferences.folder or os.path.expanduser("~"))
        if path:
            self.open(path)

    def open(self, path: str) -> None:
        """Open a `.harrier`, a `.har`, or a live capture that nobody records."""
        path = os.path.abspath(path)
        name = os.path.basename(path)
        live = live_folder(path)
        if path.lower().endswith(".har"):
            target = self._place_for(name)
            if not target:
                return
            self._run(
                ImportTask(path, target),
                f"file {path}",
                f"Opening {name} …",
                lambda remarks: self._imported(path, target, remarks),
            )
        elif live:
            self.recover(live, os.path.basename(live).removesuffix(LIVE_SUFFIX))
        else:
            self._run(
                OpenTask(path, ""), f"file {path}", f"Opening {name} …", lambda remarks: self._checked(path, remarks)
            )

    def _place_for(self, name: str) -> str:
        """Where a capture lies that is made only to look at it; "" after saying why it can't lie anywhere."""
        try:
            return self._opened.path_for(name)
        except OSError as error:
            self._notices.tell(f"file {name}", NoticeKind.ERROR, f"{name} can't be opened ({error.strerror}).")
            return ""

    def _checked(self, path: str, remarks: list[str]) -> None:
        self._preferences.remember_file(path)
        name = os.path.basename(path)
        if remarks:
            self._notices.tell("repairs", NoticeKind.WARNING, f"{name}: {' '.join(remarks)}")
        self.ready.emit(path, name)

    def _imported(self, path: str, target: str, remarks: list[str]) -> None:
        self._preferences.remember_file(path)
        name = os.path.basename(path)
        if remarks:
            told = " ".join(remarks[:_MOST_REMARKS])
            more = f" And {len(remarks) - _MOST_REMARKS} more." if len(remarks) > _MOST_REMARKS else ""
            self._notices.tell("repairs", NoticeKind.WARNING, f"{name} could not be taken over unchanged. {told}{more}")
        self.ready.emit(target, name)

    # What earlier runs left

    def look_for_stored(self, current: str) -> None:
        """Look in the background for captures of earlier runs; `current` is ours."""

        def look() -> None:
            found = []
            for capture in stored_captures(self._home.captures):
                if capture.path == current:
                    continue
                if capture.exchanges == 0 and not _holds_segments(capture.path):
                    _delete(capture.path)
                else:
                    found.append(capture)
            self.stored_found.emit(found)

        threading.Thread(target=look, name="stored-captures", daemon=True).start()

    def _show_stored(self, found: list[StoredCapture]) -> None:
        self.stored = found
        unclosed = [capture for capture in found if not capture.is_closed]
        for capture in unclosed[:3]:
            self._offer(capture)

    def _offer(self, capture: StoredCapture) -> None:
        key = f"unclosed {capture.path}"
        moment = moment_text(capture.path, capture.changed_at)

        def open_it() -> None:
            self._notices.withdraw(key)
            self.recover(capture.path, f"the capture of {moment}")

        def discard() -> None:
            self._notices.withdraw(key)
            self.stored = [each for each in self.stored if each.path != capture.path]
            problem = _delete(capture.path)
            if problem:
                self._notices.tell(key, NoticeKind.ERROR, f"The capture could not be discarded ({problem}).")

        self._notices.tell(
            key,
            NoticeKind.WARNING,
            f"A capture of {moment} was not closed: {exchanges_text(capture.exchanges)}.",
            [("Open", open_it), ("Discard", discard)],
        )

    def recover(self, folder: str, title: str) -> None:
        """Make a live capture of an earlier run whole, and show it."""
        key = f"file {folder}"
        target = self._place_for(os.path.basename(folder))
        if not target:
            return

        def succeeded(remarks: list[str]) -> None:
            # The copy is there when the capture could not be repaired in its place.
            self._recovered(folder, target if os.path.exists(target) else folder, title, remarks)

        self._run(OpenTask(folder, target), key, f"Opening {title} …", succeeded)

    def _recovered(self, folder: str, shown: str, title: str, remarks: list[str]) -> None:
        if remarks:
            self._notices.tell("repairs", NoticeKind.INFO, " ".join(remarks))
        self.stored = [each._replace(is_closed=True) if each.path == folder else each for each in self.stored]
        self.ready.emit(shown, title)

    def discard_empty(self, folder: str) -> None:
        """Remove a capture if nothing came into it: not even what nobody has told the window yet."""
        try:
            reader = CaptureReader(folder)
        except CaptureError:
            return
        try:
            is_empty = reader.total() == 0 and (reader.meta("closed") == "1" or not _holds_segments(folder))
        except CaptureError:
            return
        finally:
            reader.close()
        if is_empty:
            _delete(folder)

    # Jobs

    def _run(self, task: FileTask, key: str, text: str, succeeded: Callable[[list[str]], None]) -> None:
        job = BackgroundJob(task, self)
        self._jobs.append(job)
        notice = self._notices.tell(key, NoticeKind.INFO, text, [("Cancel", job.cancel)], can_close=False)

        def ended() -> None:
            self._jobs.remove(job)
            self._notices.withdraw(key)
            if isinstance(task, SaveTask | ExportTask):
                self.gone_over.emit(task.source)

        def failed(sentence: str) -> None:
            ended()
            self._notices.tell(key, NoticeKind.ERROR, sentence)

        def done(remarks: list[str]) -> None:
            ended()
            succeeded(remarks)

        job.progressed.connect(notice.show_progress)
        job.succeeded.connect(done)
        job.failed.connect(failed)
        job.cancelled.connect(ended)

    def close(self) -> None:
        """End what is under way and remove what was only opened."""
        for job in self._jobs:
            job.end()
        self._jobs.clear()
        self._opened.remove()


def _show_folder(path: str) -> None:
    QDesktopServices.openUrl(QUrl.fromLocalFile(os.path.dirname(path)))


def _holds_segments(folder: str) -> bool:
    try:
        return any(entry.name.endswith(".seg") and entry.stat().st_size for entry in os.scandir(folder))
    except OSError:
        return False


def _delete(folder: str) -> str:
    """Returns why it could not be done."""
    try:
        delete_live_capture(folder)
    except (OSError, sqlite3.Error) as error:
        return getattr(error, "strerror", None) or str(error)
    return ""
