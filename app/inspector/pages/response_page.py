"""The response: head and body; where there is room, timing and connection stand beside it."""

from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QSplitter

from app.inspector.message_page import MessagePage
from app.inspector.pages.page import Page, PageSpec
from app.inspector.timing_facts import TimingFacts
from proxy_core.model.message_record import MessageKind

_SIDE_FROM = 1080  # pixels of width
_SIDE_LEAST = 250


class ResponseArea(QSplitter):
    """The message and its side."""

    def __init__(self) -> None:
        super().__init__(Qt.Orientation.Horizontal)
        self.message = MessagePage("Response", MessageKind.RESPONSE)
        self.side = TimingFacts("Timing and connection", is_narrow=True)
        self.side.setMinimumWidth(_SIDE_LEAST)
        self.setHandleWidth(1)
        self.setChildrenCollapsible(False)
        self.addWidget(self.message)
        self.addWidget(self.side)
        self.setStretchFactor(0, 1)
        self.setSizes([1000, 300])

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.side.setVisible(event.size().width() >= _SIDE_FROM)


def _make() -> Page:
    area = ResponseArea()
    return Page(area, area.side.show_exchange, area.message)


RESPONSE = PageSpec("response", "Response", _make)
