"""Which exchange the inspector shows: the current one of the list, refreshed when it changes, kept in sight."""

from PySide6.QtCore import QObject, QTimer

from app.inspector.inspector import Inspector
from app.list.exchange_model import ExchangeModel
from app.shell.main_window import MainWindow


class Inspection(QObject):
    """Gives the inspector the rows that the list has read to paint them."""

    def __init__(self, window: MainWindow, model: ExchangeModel, inspector: Inspector) -> None:
        super().__init__(window)
        self._window = window
        self._model = model
        self._inspector = inspector
        window.list.current_changed.connect(self._current_changed)
        window.list.picked.connect(inspector.focus_content)
        model.rows_changed.connect(self._refresh)
        inspector.closed.connect(self._close)

    def _current_changed(self, exchange_id: int | None) -> None:
        self._window.show_inspector(is_shown=exchange_id is not None)
        if exchange_id is None:
            self._inspector.show_nothing()
        else:
            row = self._model.exchange(exchange_id)
            if row is None:
                self._inspector.show_gone()
            else:
                self._inspector.show_exchange(row)
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
        row = self._model.exchange(shown)
        if row is not None:
            self._inspector.refresh(row)

    def _close(self) -> None:
        self._window.list.select_nothing()
        self._window.focus_list()
