"""What can be done with the rows that are selected: copy them, filter by them; and the menu that offers it."""

from functools import partial

from PySide6.QtCore import QObject, QPoint, Signal
from PySide6.QtGui import QGuiApplication

from app.exchange_text import count_text, exchanges_text
from app.filter.filtering import quoted
from app.list.clipboard_texts import cell_text
from app.list.exchange_model import ExchangeModel
from app.look.notices import NoticeKind
from app.shell.actions import bind_actions, snippet_action
from app.shell.main_window import MainWindow
from proxy_core.capture.reader import CaptureError
from proxy_core.formats.snippets.snippet import SnippetFormat
from proxy_core.formats.snippets.table import SNIPPETS
from proxy_core.model.exchange import ExchangeRow
from proxy_core.tasks.snippet_text import snippet_text

_MOST_COPIED = 5000  # rows


class ListActions(QObject):
    """Signal: `menu_about_to_open`, for whoever knows what else is possible just now."""

    menu_about_to_open = Signal()

    def __init__(self, window: MainWindow, model: ExchangeModel) -> None:
        super().__init__(window)
        self._window = window
        self._model = model
        self._column = 0  # of the cell that the menu was opened on
        window.list.menu_wanted.connect(self._open_menu)
        bind_actions(
            window.actions_by_key,
            {
                "filter": window.filter_bar.begin,
                "clear_filter": window.filter_bar.clear,
                "to_end": window.list.follow,
                "copy_cell": lambda: self._put(
                    cell_text(self._model.cache.listed_rows(self._selected_ids()), self._column)
                ),
                "only_host": lambda: self._filter_host(""),
                "not_host": lambda: self._filter_host("-"),
                "select_all": window.list.selectAll,
                "show_list": window.focus_list,
                **{snippet_action(each): partial(self._copy, each) for each in SNIPPETS},
            },
        )

    def current_row(self) -> ExchangeRow | None:
        """The exchange that has the keyboard."""
        current = self._window.list.current_id
        return None if current is None else self._model.exchange(current)

    def enable(self) -> None:
        """Let the actions be possible that are."""
        has_rows = self._model.rowCount() > 0
        has_selection = self._window.list.selected_count() > 0
        row = self.current_row()
        has_host = row is not None and bool(row.host)
        for keys, is_possible in (
            ((*map(snippet_action, SNIPPETS), "copy_cell", "export_selected", "save_selected"), has_selection),
            (("export_all", "export_shown", "save", "select_all", "to_end"), has_rows),
            (("only_host", "not_host"), has_host),
        ):
            for key in keys:
                self._window.action(key).setEnabled(is_possible)

    def _open_menu(self, position: QPoint, column: int) -> None:
        self._column = max(column, 0)
        self.menu_about_to_open.emit()
        self._window.open_list_menu(position)

    def _filter_host(self, sign: str) -> None:
        row = self.current_row()
        if row is not None and row.host:
            self._window.filter_bar.add_condition(f"{sign}host={quoted(row.host)}")

    def _copy(self, form: SnippetFormat) -> None:
        rows = self._model.cache.rows(self._selected_ids())
        try:
            text, left_out = ("", 0) if self._model.reader is None else snippet_text(self._model.reader, rows, form)
        except CaptureError as error:
            self._model.failed.emit(str(error))
            return
        self._put(text)
        if left_out:
            are = "1 is" if left_out == 1 else f"{count_text(left_out)} are"
            why = f"{form.refuses}, or too much to copy" if form.refuses else "it is too much to copy"
            said = f"Of {exchanges_text(len(rows))} {are} not copied: {why}."
            self._window.notices.tell("copied", NoticeKind.WARNING, said)

    def _selected_ids(self) -> list[int]:
        """As many as are copied at once."""
        self._window.notices.withdraw("copied")
        ids = self._window.list.selected_ids()
        if len(ids) > _MOST_COPIED:
            said = f"The first {count_text(_MOST_COPIED)} of {exchanges_text(len(ids))} are copied."
            self._window.notices.tell("copied_first", NoticeKind.WARNING, said)
        else:
            self._window.notices.withdraw("copied_first")
        return ids[:_MOST_COPIED]

    @staticmethod
    def _put(text: str) -> None:
        if text:
            QGuiApplication.clipboard().setText(text)
