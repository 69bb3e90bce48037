"""What goes by on a connection that stays: the messages of a WebSocket, the events of a stream."""

from app.inspector.messages.message_area import MessageArea
from app.inspector.pages.page import Page, PageSpec


def _make() -> Page:
    area = MessageArea()
    return Page(area, area.show_exchange, find=area.begin_finding, save_wanted=area.save_wanted, end=area.end)


MESSAGES = PageSpec("messages", "Messages", _make)
