"""Bars: one for each thing that is to be said, three at once, and none for longer than it is of use."""

from collections.abc import Iterator

import pytest
from PySide6.QtCore import QPoint
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from app.look import notices
from app.look.notices import NoticeKind, NoticeStack
from tests.support.screen import button, texts


@pytest.fixture
def stack(qtbot) -> Iterator[NoticeStack]:
    window = QWidget()
    qtbot.addWidget(window)
    stack = NoticeStack()
    QVBoxLayout(window).addWidget(stack)
    window.resize(800, 600)
    window.show()
    yield stack
    window.close()


def column(stack: NoticeStack) -> list[str]:
    """What is shown, from top to bottom."""
    labels = [each for each in stack.findChildren(QLabel) if each.isVisibleTo(stack) and each.text()]
    return [each.text() for each in sorted(labels, key=lambda each: each.mapTo(stack, QPoint()).y())]


def tell(stack: NoticeStack, *numbers: int) -> None:
    for number in numbers:
        stack.tell(f"key {number}", NoticeKind.WARNING, f"Said {number}.")


def test_one_with_the_same_key_stands_where_the_former_stood(stack, qtbot):
    tell(stack, 1, 2, 3)
    stack.tell("key 2", NoticeKind.ERROR, "Worse.")
    qtbot.waitUntil(lambda: column(stack) == ["Said 1.", "Worse.", "Said 3."])
    assert list(stack.texts()) == ["key 1", "key 2", "key 3"]


def test_the_same_said_again_is_said_once(stack):
    stack.tell("file a", NoticeKind.ERROR, "It can't be written.")
    stack.tell("else", NoticeKind.ERROR, "Something else.")
    stack.tell("file b", NoticeKind.ERROR, "It can't be written.")
    assert texts(stack) == ["Something else.", "It can't be written."]


def test_what_something_hangs_on_is_not_taken_for_another(stack):
    stack.tell("job a", NoticeKind.INFO, "Saving a …", [("Cancel", lambda: None)], can_close=False)
    stack.tell("job b", NoticeKind.INFO, "Saving a …", [("Cancel", lambda: None)], can_close=False)
    assert list(stack.texts()) == ["job a", "job b"]


def test_the_latest_three_are_shown_and_the_others_on_demand(stack):
    tell(stack, 1, 2, 3)
    assert texts(stack) == ["Said 1.", "Said 2.", "Said 3."]
    tell(stack, 4, 5)
    assert texts(stack) == ["Said 3.", "Said 4.", "Said 5."]
    button(stack, "2 more").click()
    assert texts(stack) == [f"Said {number}." for number in range(1, 6)]
    button(stack, "Show fewer").click()
    assert texts(stack) == ["Said 3.", "Said 4.", "Said 5."]
    button(stack, "2 more").click()
    stack.withdraw("key 4")
    assert button(stack, "Show fewer")
    stack.withdraw("key 5")
    assert texts(stack) == ["Said 1.", "Said 2.", "Said 3."]
    assert not any(each.isVisibleTo(stack) for each in stack.findChildren(QWidget) if "more" in each.accessibleName())
    tell(stack, 6)
    assert texts(stack) == ["Said 2.", "Said 3.", "Said 6."]


def test_of_very_many_the_oldest_go_but_none_that_something_hangs_on(stack):
    undone = []
    stack.tell("cleared", NoticeKind.INFO, "Cleared.", [("Undo", lambda: None)], closed=lambda: undone.append(1))
    stack.tell("job", NoticeKind.INFO, "Saving …", can_close=False)
    tell(stack, *range(100))
    assert list(stack.texts()) == ["cleared", "job", *(f"key {number}" for number in range(94, 100))]
    assert undone == []


def test_good_news_go_by_themselves(stack, qtbot, monkeypatch):
    monkeypatch.setattr(notices, "PASSING_MS", 30)
    tell(stack, 1)
    stack.tell("saved", NoticeKind.GOOD, "Saved a.", is_passing=True)
    qtbot.waitUntil(lambda: texts(stack) == ["Said 1."], timeout=10_000)


def test_good_news_go_with_the_next_ones(stack):
    stack.tell("a", NoticeKind.GOOD, "Saved a.", is_passing=True)
    tell(stack, 1)
    assert texts(stack) == ["Saved a.", "Said 1."]
    stack.tell("b", NoticeKind.GOOD, "Exported b.", is_passing=True)
    assert texts(stack) == ["Said 1.", "Exported b."]


def test_good_news_stay_while_somebody_is_about_to_press_their_button(stack, qtbot, monkeypatch):
    monkeypatch.setattr(notices, "PASSING_MS", 30)
    pressed = []
    stack.tell("saved", NoticeKind.GOOD, "Saved.", [("Show in Folder", lambda: pressed.append(1))], is_passing=True)
    show = button(stack, "Show in Folder")
    qtbot.waitUntil(stack.isVisible, timeout=10_000)
    stack.window().activateWindow()
    show.setFocus()
    qtbot.waitUntil(show.hasFocus, timeout=10_000)
    stack.tell("other", NoticeKind.GOOD, "Not passing.")
    later = []
    stack.tell("mark", NoticeKind.INFO, "A mark in time.", is_passing=False).pass_after(200, lambda: later.append(1))
    qtbot.waitUntil(lambda: bool(later), timeout=10_000)
    show.click()
    assert pressed == [1]
    show.clearFocus()
    qtbot.waitUntil(lambda: "saved" not in stack.texts(), timeout=10_000)


def test_one_that_took_the_place_of_passing_news_stays(stack, qtbot, monkeypatch):
    monkeypatch.setattr(notices, "PASSING_MS", 30)
    stack.tell("file a", NoticeKind.GOOD, "Saved a.", is_passing=True)
    stack.tell("file a", NoticeKind.ERROR, "a can't be written.")
    later = []
    stack.tell("mark", NoticeKind.INFO, "A mark in time.").pass_after(200, lambda: later.append(1))
    qtbot.waitUntil(lambda: bool(later), timeout=10_000)
    assert "a can't be written." in texts(stack)


def test_they_close_by_their_button(stack):
    closed = []
    stack.tell("a", NoticeKind.WARNING, "Said.", closed=lambda: closed.append(1))
    QTest.keyClick(button(stack, "Close this notice"), " ")
    assert (closed, stack.texts(), stack.isVisible()) == ([1], {}, False)
