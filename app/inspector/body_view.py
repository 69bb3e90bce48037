"""A body in the views that fit it: pretty, raw, hexadecimal, picture. What is shown was made by `body_content`."""

from collections.abc import Callable
from enum import Enum

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QStackedWidget, QVBoxLayout, QWidget

from app.inspector.body_content import BodyContent
from app.inspector.line_view import LineView
from app.inspector.lines import HexLines
from app.inspector.picture_decoder import PictureDecoder
from app.inspector.picture_view import PictureView
from app.look.plain_text import plain_label
from proxy_core.formats.amount import size_text
from proxy_core.formats.body_kind import BodyKind


class BodyMode(Enum):
    """The views, in the order of their buttons."""

    PRETTY = "Pretty"
    RAW = "Raw"
    HEX = "Hex"
    PREVIEW = "Preview"


class BodyView(QWidget):
    """Signals: `modes_changed` when another body has other views."""

    modes_changed = Signal()

    def __init__(self, name: str, decoder: PictureDecoder) -> None:
        super().__init__()
        self._name = name
        self._content: BodyContent | None = None
        self._problem = plain_label("", "problem", wraps=True)
        self._problem.hide()
        self.lines = LineView(name)
        self.lines.copy_refused.connect(self._remark)
        self._message = plain_label("", "muted", wraps=True)
        self._message.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.picture = PictureView(decoder)
        self._stack = QStackedWidget()
        for widget in (self.lines, self._message, self.picture):
            self._stack.addWidget(widget)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self._problem)
        layout.addWidget(self._stack, 1)
        self.setFocusProxy(self.lines)

    @property
    def content(self) -> BodyContent | None:
        """What is shown; None while it is being loaded."""
        return self._content

    def show_message(self, text: str) -> None:
        """Say something in the body's place: that it is being loaded, that there is none."""
        self._content = None
        self._problem.hide()
        self._message.setText(text)
        self._stack.setCurrentWidget(self._message)
        self.modes_changed.emit()

    def modes(self) -> list[BodyMode]:
        """The views that this body has."""
        content = self._content
        if content is None or not content.wire_length:
            return []
        modes = [BodyMode.PRETTY] if content.pretty is not None else []
        if content.raw is not None:
            modes.append(BodyMode.RAW)
        modes.append(BodyMode.HEX)
        if content.kind is BodyKind.IMAGE:
            modes.append(BodyMode.PREVIEW)
        return modes

    def best_mode(self, wanted: BodyMode) -> BodyMode | None:
        """The wanted view, or the one that shows this body best."""
        modes = self.modes()
        if wanted in modes and not (wanted is BodyMode.HEX and BodyMode.PREVIEW in modes):
            return wanted
        for mode in (BodyMode.PREVIEW, BodyMode.PRETTY, BodyMode.RAW, BodyMode.HEX):
            if mode in modes:
                return mode
        return None

    def show_content(self, content: BodyContent) -> None:
        """Take another body; `show_mode` then shows it."""
        self._content = content
        remarks = [each for each in (content.problem, content.remark) if each]
        if content.is_truncated:
            remarks.append(f"Only the first {size_text(len(content.data))} are shown; «Save body» writes all of it.")
        self._remark(" ".join(remarks))
        self.modes_changed.emit()

    def _remark(self, text: str) -> None:
        self._problem.setText(text)
        self._problem.setVisible(bool(text))

    def show_mode(self, mode: BodyMode | None, *, keep_place: bool = False) -> None:
        """Show the body in a view that it has."""
        content = self._content
        if content is None or mode is None:
            if content is not None:
                self._message.setText("No body")
                self._stack.setCurrentWidget(self._message)
            return
        if mode is BodyMode.PREVIEW:
            self.picture.show_bytes(content.data)
            self._stack.setCurrentWidget(self.picture)
            return
        if mode is BodyMode.HEX:
            data = content.data
            self.lines.show_lines(HexLines(_slicer(data), len(data)), keep_place=keep_place)
        else:
            self.lines.show_lines(content.pretty if mode is BodyMode.PRETTY else content.raw, keep_place=keep_place)
        self._stack.setCurrentWidget(self.lines)


def _slicer(data: bytes) -> Callable[[int, int], bytes]:
    return lambda offset, length: data[offset : offset + length]
