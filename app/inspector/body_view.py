"""A body in the views that fit it. What is shown was made by `body_content`; which views there are, by `viewers`."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QStackedWidget, QVBoxLayout, QWidget

from app.inspector.body_content import BodyContent
from app.inspector.line_view import LineView
from app.inspector.viewers.viewer import Canvas, CanvasViewer, Fit
from app.look.plain_text import plain_label
from proxy_core.formats.amount import size_text


class BodyView(QWidget):
    """Signals: `modes_changed` when another body has other views."""

    modes_changed = Signal()

    def __init__(self, name: str) -> None:
        super().__init__()
        self._content: BodyContent | None = None
        self._problem = plain_label("", "problem", wraps=True)
        self._problem.hide()
        self.lines = LineView(name)
        self.lines.copy_refused.connect(self._remark)
        self._message = plain_label("", "muted", wraps=True)
        self._message.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._canvases: dict[CanvasViewer, Canvas] = {}
        self._stack = QStackedWidget()
        self._stack.addWidget(self.lines)
        self._stack.addWidget(self._message)
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

    @property
    def shown(self) -> QWidget | None:
        """The lines, the widget of a view, or the sentence in their place."""
        return self._stack.currentWidget()

    def end(self) -> None:
        """End what views have begun."""
        for canvas in self._canvases.values():
            canvas.end()

    def show_message(self, text: str) -> None:
        """Say something in the body's place: that it is being loaded, that there is none."""
        self._content = None
        self._problem.hide()
        self._message.setText(text)
        self._stack.setCurrentWidget(self._message)
        self.modes_changed.emit()

    def modes(self) -> list[str]:
        """The views that this body has."""
        return [] if self._content is None else [each.viewer.mode for each in self._content.views]

    def best_mode(self, wanted: str) -> str | None:
        """The wanted view, or the one that shows this body best."""
        if self._content is None or not self._content.views:
            return None
        best = max(self._content.views, key=lambda each: each.fit)
        return wanted if wanted in self.modes() and best.fit is not Fit.SEEN else best.viewer.mode

    def show_content(self, content: BodyContent) -> None:
        """Take another body; `show_mode` then shows it."""
        self._content = content
        self._remark(_remarks(content, ""))
        self.modes_changed.emit()

    def _remark(self, text: str) -> None:
        self._problem.setText(text)
        self._problem.setVisible(bool(text))

    def show_mode(self, mode: str | None, *, keep_place: bool = False) -> None:
        """Show the body in a view that it has."""
        content = self._content
        if content is None:
            return
        view = None if mode is None else content.view(mode)
        self._remark(_remarks(content, "" if view is None else view.remark))
        if view is None:
            self._message.setText("No body")
            self._stack.setCurrentWidget(self._message)
        elif isinstance(view.viewer, CanvasViewer):
            self._stack.setCurrentWidget(self._canvas(view.viewer, content.data))
        else:
            self.lines.show_lines(view.lines, keep_place=keep_place)
            self._stack.setCurrentWidget(self.lines)

    def _canvas(self, viewer: CanvasViewer, data: bytes) -> QWidget:
        canvas = self._canvases.get(viewer)
        if canvas is None:
            canvas = self._canvases[viewer] = viewer.canvas()
            assert isinstance(canvas, QWidget)
            self._stack.addWidget(canvas)
        canvas.show_bytes(data)
        assert isinstance(canvas, QWidget)
        return canvas


def _remarks(content: BodyContent, of_view: str) -> str:
    """What is to be said of a body, and of the view in which it is shown."""
    remarks = [each for each in (content.problem, content.remark, of_view) if each]
    if content.is_truncated:
        remarks.append(f"Only the first {size_text(len(content.data))} are shown; «Save body» writes all of it.")
    return " ".join(remarks)
