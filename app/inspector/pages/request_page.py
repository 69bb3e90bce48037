"""The request: head and body."""

from app.inspector.message_page import MessagePage
from app.inspector.pages.page import Page, PageSpec
from proxy_core.model.message_record import MessageKind


def _make() -> Page:
    message = MessagePage("Request", MessageKind.REQUEST)
    return Page(message, message=message)


REQUEST = PageSpec("request", "Request", _make)
