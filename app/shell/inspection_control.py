"""Which exchange the inspector shows: the current one of the list, refreshed when it changes, kept in sight."""

from PySide6.QtCore import QObject, QTimer, Signal

from app.inspector.inspector import Inspector
from app.list.exchange_model import ExchangeModel
from app.shell.main_window import MainWindow
from proxy_core.model.exchange import ExchangeRow
from proxy_core.model.message_record import MessageKind


class Inspection(QObject):
    """Signal: `save_body_wanted` (ExchangeRow, MessageKind, without its content coding)."""

    save_body_wanted = Signal(object, object, bool)

    def __init__(self, window: MainWindow, model: ExchangeModel, inspector: Inspector) -> None:
        super().__init__(window)
        self._window = window
        self._model = model
        self._inspector = inspector
        self._row: ExchangeRow | None = None
        window.list.current_changed.connect(self._current_changed)
        window.list.picked.connect(inspector.focus_content)
        model.rows_changed.connect(self._refresh)
        inspector.closed.connect(self._close)
        inspector.save_body_wanted.connect(self._save_body)

    def _row_of(self, exchange_id: int) -> ExchangeRow | None:
        row = self._model.row_of(exchange_id)
        return self._model.exchange_at(row) if row >= 0 else None

    def _current_changed(self, exchange_id: int | None) -> None:
        self._window.show_inspector(is_shown=exchange_id is not None)
        self._row = None
        self._inspector.show_exchange(exchange_id)
        if exchange_id is not None:
            self._row = self._row_of(exchange_id)
            QTimer.singleShot(0, self._keep_current_visible)

    def _keep_current_visible(self) -> None:
        """The inspector has taken room: the row it shows stays in sight."""
        index = self._window.list.currentIndex()
        if index.isValid():
            self._window.list.scrollTo(index)

    def _refresh(self, from_id: int, to_id: int) -> None:
        shown = self._window.list.current_id
        if shown is None or not from_id <= shown <= to_id:
            return
        now = self._row_of(shown)
        if now is not None and now != self._row:
            self._row = now
            self._inspector.refresh(shown)

    def _close(self) -> None:
        self._window.list.select_nothing()
        self._window.focus_list()

    def _save_body(self, exchange_id: int, message: MessageKind, decoded: bool) -> None:
        if self._row is not None and self._row.id == exchange_id:
            self.save_body_wanted.emit(self._row, message, decoded)
