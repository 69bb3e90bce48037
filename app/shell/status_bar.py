"""The status bar: how many exchanges, how many are shown, how much was recorded, what failed, and where it lies."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QLabel, QWidget

from app.exchange_text import count_text
from app.look.plain_text import plain_label
from proxy_core.formats.amount import size_text


class StatusBar(QWidget):
    """Shows numbers; holds none."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("statusBar")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setAccessibleName("Status")
        self.setFixedHeight(27)
        row = QHBoxLayout(self)
        row.setContentsMargins(14, 0, 14, 0)
        row.setSpacing(16)
        self._total = plain_label("0", "strong")
        self._total_word = plain_label(" exchanges", "muted")
        self._shown = plain_label("", "strong")
        self._shown_word = plain_label(" shown", "muted")
        self._size = plain_label("", "muted")
        self._failed = plain_label("", "failed")
        self._selected = plain_label("", "muted")
        self._capture = plain_label("", "muted")
        self._engine = plain_label("", "muted")
        for number, word in ((self._total, self._total_word), (self._shown, self._shown_word)):
            pair = QHBoxLayout()
            pair.setSpacing(0)
            pair.addWidget(number)
            pair.addWidget(word)
            row.addLayout(pair)
        for label in (self._size, self._failed, self._selected, self._capture):
            row.addWidget(label)
        row.addStretch(1)
        row.addWidget(self._engine)
        self.show_numbers(total=0, shown=None, size=0, failed=0)

    def show_numbers(self, *, total: int, shown: int | None, size: int, failed: int) -> None:
        """`shown` is None without a filter."""
        self._total.setText(count_text(total))
        self._total_word.setText(" exchange" if total == 1 else " exchanges")
        self._shown.setVisible(shown is not None)
        self._shown_word.setVisible(shown is not None)
        if shown is not None:
            self._shown.setText(count_text(shown))
        _show(self._size, size_text(size) if size else "")
        _show(self._failed, f"{count_text(failed)} failed" if failed else "")

    def show_selected(self, count: int) -> None:
        """How many rows are selected, told from two on."""
        _show(self._selected, f"{count_text(count)} selected" if count > 1 else "")

    def show_capture(self, text: str) -> None:
        """In which state the capture is."""
        _show(self._capture, text)

    def show_engine(self, text: str) -> None:
        """What the engine does."""
        _show(self._engine, text)

    def show_rate(self, bytes_per_s: int, workers: int) -> None:
        """How much is recorded, and by how many."""
        text = "1 worker" if workers == 1 else f"{workers} workers"
        self.show_engine(f"{size_text(bytes_per_s)}/s · {text}" if bytes_per_s else text)


def _show(label: QLabel, text: str) -> None:
    """A label with nothing to say takes no room."""
    label.setText(text)
    label.setVisible(bool(text))
