"""Clearing the live capture, with a way back for a while: a bar offers it, and when the bar goes, so does the way back.

The engine leaves the exchanges out at once (`CaptureCleared`) and deletes them when it is told that nobody wants them
back any more. Until it says that they are deleted (`ClearedForgotten`), whoever asks the index leaves them out, too.
A window that closes gives them up; one that dies does not, and then the capture still holds them.
"""

from PySide6.QtCore import QObject, QTimer, Signal

from app.exchange_text import exchanges_text
from app.look.notices import NoticeKind, NoticeStack
from app.shell.engine_bridge import EngineBridge
from proxy_core.capture.left_out import NOTHING_LEFT_OUT, LeftOut
from proxy_core.model.command import ClearCapture, ForgetCleared, UndoClear
from proxy_core.model.notice import CaptureCleared, ClearedForgotten, EngineStarted

WAY_BACK_MS = 20_000  # long enough to see what has happened and to reach for the button
_KEY = "cleared"


class Clearing(QObject):
    """Signal: `changed`, when other exchanges are left out than before."""

    changed = Signal()

    def __init__(self, bridge: EngineBridge, notices: NoticeStack, parent: QObject) -> None:
        super().__init__(parent)
        self._bridge = bridge
        self._notices = notices
        self._left_out: list[LeftOut] = []  # of the live capture, not deleted yet; a later one holds those before
        self._can_undo = self._has_cleared = False
        self._way_back = QTimer(self, interval=WAY_BACK_MS, singleShot=True)
        self._way_back.timeout.connect(self.give_up)
        bridge.started.connect(self._engine_started)
        bridge.cleared.connect(self._cleared)
        bridge.clear_undone.connect(self._undone)
        bridge.cleared_forgotten.connect(self._forgotten)

    @property
    def left_out(self) -> LeftOut:
        """What of the live capture is not to be shown."""
        return self._left_out[-1] if self._left_out else NOTHING_LEFT_OUT

    @property
    def has_cleared(self) -> bool:
        """Whether the live capture has held more than it shows."""
        return self._has_cleared

    def clear(self) -> None:
        """Have the live capture cleared."""
        self._bridge.send(ClearCapture())

    def give_up(self) -> None:
        """End the way back: what was cleared is deleted."""
        if self._can_undo:
            self._end_way_back()
            self._bridge.send(ForgetCleared())

    def _undo(self) -> None:
        self._end_way_back()
        if self._bridge.is_running:
            self._bridge.send(UndoClear())
        else:
            self._undone()  # nothing was deleted by an engine that is gone

    def _end_way_back(self) -> None:
        self._can_undo = False
        self._way_back.stop()
        self._notices.withdraw(_KEY)

    # What the engine says

    def _engine_started(self, _notice: EngineStarted) -> None:
        """Another capture."""
        self._end_way_back()
        self._left_out.clear()
        self._has_cleared = False

    def _cleared(self, notice: CaptureCleared) -> None:
        self._left_out.append(LeftOut(notice.upto_id, frozenset(notice.kept)))
        self._can_undo = self._has_cleared = True
        self._way_back.start()
        text = f"{exchanges_text(notice.total)} cleared."
        self._notices.tell(_KEY, NoticeKind.INFO, text, [("Undo", self._undo)], closed=self.give_up)
        self.changed.emit()

    def _undone(self, _notice: object = None) -> None:
        if self._left_out:
            self._left_out.pop()
            self.changed.emit()

    def _forgotten(self, notice: ClearedForgotten) -> None:
        """Nothing is to be seen of this but that there is nothing left to be left out."""
        self._left_out = [each for each in self._left_out if each.upto_id != notice.upto_id]
