"""A file job as the window sees it: a process beside it, with progress, a way to cancel, and one of three endings."""

from typing import assert_never

from PySide6.QtCore import QObject, QTimer, Signal

from proxy_core.channel import SPAWN
from proxy_core.fault_log import caught, fault_log_path
from proxy_core.partial_file import discard_partial
from proxy_core.tasks.task import (
    Cancelled,
    Failed,
    FileTask,
    Finished,
    Outcome,
    Progressed,
    decode_news,
    encode_task,
)
from proxy_core.tasks.task_entry import task_main

_LOOK_MS = 50
_KILL_AFTER_LOOKS = 60  # after a wish to cancel that is not heard


class BackgroundJob(QObject):
    """Signals: `progressed` (done, in all), then exactly one of `succeeded` (remarks), `failed` (sentence) and
    `cancelled`. The job deletes itself afterwards.
    """

    progressed = Signal(object, object)
    succeeded = Signal(list)
    failed = Signal(str)
    cancelled = Signal()

    def __init__(self, task: FileTask, parent: QObject) -> None:
        super().__init__(parent)
        self._target = task.target
        self._pipe, theirs = SPAWN.Pipe(duplex=True)
        self._process = SPAWN.Process(
            target=task_main,
            args=(encode_task(task), theirs, fault_log_path()),
            name="harrier-file-job",
            daemon=True,
        )
        self._process.start()
        theirs.close()
        self._looks_since_cancel = -1
        self._has_ended = False
        self._timer = QTimer(self, interval=_LOOK_MS)
        self._timer.timeout.connect(self._look)
        self._timer.start()

    def cancel(self) -> None:
        """Ask it to end and to leave nothing behind."""
        if self._has_ended or self._looks_since_cancel >= 0:
            return
        self._looks_since_cancel = 0
        try:
            self._pipe.send_bytes(b"cancel")
        except OSError:
            pass

    def end(self) -> None:
        """End it at once; for a window that closes. No signal comes."""
        if not self._has_ended:
            self._has_ended = True
            self._timer.stop()
            self._process.terminate()
            self._process.join()
            self._pipe.close()
            self._clear_away()

    def _look(self) -> None:
        latest: Progressed | None = None
        try:
            while self._pipe.poll():
                news = decode_news(self._pipe.recv_bytes())
                if not isinstance(news, Progressed):
                    self._finish(news)
                    return
                latest = news
        except (EOFError, OSError):
            self._finish(Failed("The process that did this ended unexpectedly."))
            return
        except Exception:  # a border: what is no news of ours ends the job, and not the window's looking
            self._process.terminate()
            self._finish(Failed(f"What this was doing can't be heard. {caught('hearing a file job')}"))
            return
        if latest is not None:
            self.progressed.emit(latest.done, latest.total)
        if self._looks_since_cancel >= 0:
            self._looks_since_cancel += 1
            if self._looks_since_cancel > _KILL_AFTER_LOOKS:
                self._process.terminate()

    def _finish(self, outcome: Outcome) -> None:
        self._has_ended = True
        self._timer.stop()
        self._process.join(1.0)
        self._pipe.close()
        self._clear_away()
        match outcome:
            case Finished(remarks=remarks):
                self.succeeded.emit(remarks)
            case Failed(sentence=sentence):
                if self._looks_since_cancel >= 0:
                    self.cancelled.emit()
                else:
                    self.failed.emit(sentence)
            case Cancelled():
                self.cancelled.emit()
            case _:
                assert_never(outcome)
        self.deleteLater()

    def _clear_away(self) -> None:
        """A process that was ended by force, or died, has left its half file; one that ended in order has not."""
        if self._target:
            discard_partial(self._target, self._process.pid)
