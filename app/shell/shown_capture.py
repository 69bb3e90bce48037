"""Which capture the window shows: the live one, or a file that was opened. A bar leads back from a file.

It has the one number of what is shown (`totals`), and knows what of the capture is left out. Signals: `about_to_change`
before another capture, or another part of it, is listed; `changed` behind that.
"""

from PySide6.QtCore import QObject, Signal

from app.list.exchange_model import ExchangeModel
from app.list.row_cache import PATIENCE_S
from app.look.notices import NoticeKind, NoticeStack
from app.shell.capture_totals import CaptureTotals
from app.shell.clearing import Clearing
from app.shell.engine_state import EngineState
from proxy_core.capture.left_out import LeftOut
from proxy_core.capture.message_search import SEARCHED_S
from proxy_core.capture.reader import CaptureError, CaptureReader
from proxy_core.formats.one_line import one_line
from proxy_core.model.notice import RowsChanged


class ShownCapture(QObject):
    """See the module."""

    about_to_change = Signal()
    changed = Signal()

    def __init__(self, model: ExchangeModel, state: EngineState, clearing: Clearing, notices: NoticeStack) -> None:
        super().__init__(model)
        self._model = model
        self._state = state
        self._clearing = clearing
        self._notices = notices
        self._file = ""  # path of the file that is shown, "" for the live capture
        self._live = ""  # path of the live capture that was last shown: an engine's may be unreadable, and stays behind
        self._title = ""
        self._file_totals = CaptureTotals()
        model.counted.connect(self._counted)
        model.failed.connect(self._tell_problem)
        model.searched.connect(self._searched)
        clearing.changed.connect(self._left_out_changed)

    @property
    def is_file(self) -> bool:
        """Whether it is not the live capture."""
        return bool(self._file)

    @property
    def path(self) -> str:
        """Where it lies; "" before there is a live capture. The rows of the list are of no other."""
        return self._file or self._live

    @property
    def title(self) -> str:
        """Of the file, for a person; "" for the live capture."""
        return self._title

    @property
    def stem(self) -> str:
        """What a file would be called that is made of it."""
        if self.is_file:
            return self._title.removesuffix(".harrier").removesuffix(".har").replace(":", ".")
        return "capture"

    @property
    def totals(self) -> CaptureTotals:
        """How many exchanges it holds."""
        return self._file_totals if self.is_file else self._state.totals

    @property
    def left_out(self) -> LeftOut | None:
        """What was cleared of it and lies in it all the same; None where there is nothing of the sort."""
        left_out = self._clearing.left_out
        return left_out if left_out.upto_id and not self.is_file else None

    def show_file(self, path: str, title: str) -> None:
        """Show what was opened."""
        if not self._use(path):
            return
        self._file, self._title = path, title
        self._file_totals = CaptureTotals()
        self._notices.tell(
            "viewing",
            NoticeKind.INFO,
            f"Viewing {one_line(title)}. The live capture goes on meanwhile.",
            [("Back to Live", self.back_to_live)],
            can_close=False,
        )
        self.changed.emit()

    def show_live(self) -> None:
        """Show what is being captured, once there is an engine."""
        path = self._state.capture_path
        if not path or not self._use(path):
            return
        self._file, self._title, self._live = "", "", path
        if self._clearing.left_out.upto_id:
            self._model.leave_out(self._clearing.left_out)
        self._notices.withdraw("viewing")
        self.changed.emit()

    def back_to_live(self) -> None:
        """Leave the file."""
        if self.is_file:
            self.show_live()

    def engine_started(self) -> None:
        """There is another live capture: it is shown unless a person looks at a file."""
        if not self.is_file:
            self.show_live()

    def rows_changed(self, notice: RowsChanged) -> None:
        """The live capture has grown."""
        if self.is_file:
            return
        if self._live == self._state.capture_path:
            self._model.take(notice)
        else:  # it could not be read when its engine started
            self.show_live()

    def _use(self, path: str) -> bool:
        try:
            reader = CaptureReader(path, patience_s=PATIENCE_S)
        except CaptureError as error:
            self._tell_problem(str(error))
            return False
        self.about_to_change.emit()
        self._model.read_with(reader)
        self._notices.withdraw("capture")
        return True

    def _counted(self, total: int, failed: int | None) -> None:
        self.totals.counted(total, failed)

    def _searched(self, is_whole: bool) -> None:
        if is_whole:
            self._notices.withdraw("searched")
            return
        self._notices.tell(
            "searched",
            NoticeKind.INFO,
            f"Messages were searched for {SEARCHED_S:.0f} seconds, and not all of them. What was found is listed.",
            [("Search On", self._model.search_on)],
        )

    def _left_out_changed(self) -> None:
        """Exchanges were cleared, or are back. How many there are now is told next."""
        self._state.totals.forget()
        if not self.is_file:
            self.about_to_change.emit()
            self._model.leave_out(self._clearing.left_out)
            self.changed.emit()

    def _tell_problem(self, sentence: str) -> None:
        self._notices.tell("capture", NoticeKind.ERROR, one_line(sentence))
