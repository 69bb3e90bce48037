"""What a page of the inspector is: a key to find it by, a title for its tab, and how it is made."""

from collections.abc import Callable
from typing import NamedTuple

from PySide6.QtCore import SignalInstance
from PySide6.QtWidgets import QWidget

from app.inspector.fact import Section
from app.inspector.fact_view import FactView
from app.inspector.message_page import MessagePage
from app.inspector.shown import Shown


class Page(NamedTuple):
    """A page that was made, of one inspector."""

    widget: QWidget
    show: Callable[[Shown | None], None] | None = None  # shows another exchange, or none; but for the message
    message: MessagePage | None = None  # whose head and body are seen on it: the inspector fills it
    find: Callable[[], None] | None = None  # begins to find something on it; but for the message's text
    save_wanted: SignalInstance | None = None  # (ExchangeRow, number): a message within it is to be saved
    end: Callable[[], None] | None = None  # ends what it has begun, with the inspector
    pressed: SignalInstance | None = None  # (`press` of a fact): a button beside it


class PageSpec(NamedTuple):
    """An entry of the table."""

    key: str  # never changes
    title: str
    make: Callable[[], Page]


def fact_page(key: str, title: str, sections: Callable[[Shown], list[Section]]) -> PageSpec:
    """A page of nothing but facts."""

    def make() -> Page:
        view = FactView(title)
        return Page(
            view, lambda shown: view.show_sections([] if shown is None else sections(shown)), pressed=view.pressed
        )

    return PageSpec(key, title, make)
