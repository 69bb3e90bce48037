"""The filter bar: what is written and chosen becomes one filter; what is none is told and searched as text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QLabel, QLineEdit, QVBoxLayout, QWidget

from app.filter.filter_bar import FilterBar
from app.filter.filtering import TYPE_BUTTONS, combined_filter, highlights, quoted
from app.look.theme import DARK
from proxy_core.model.exchange import ResourceType
from proxy_core.model.filter import And, Operator, Or, Term, Word, parse_filter, read_filter
from tests.support.screen import button

CSS, JS = ResourceType.STYLESHEET, ResourceType.SCRIPT


@pytest.fixture
def bar(qtbot):
    window = QWidget()
    qtbot.addWidget(window)
    column = QVBoxLayout(window)
    made = FilterBar()
    column.addWidget(made)
    column.addStretch(1)
    window.resize(1000, 300)
    window.show()
    qtbot.waitExposed(window)
    made.told = []
    made.filter_changed.connect(made.told.append)
    yield made


def write(bar: FilterBar, text: str) -> None:
    bar.field.setFocus()
    bar.field.clear()
    QTest.keyClicks(bar.field, text)


# What it means


def test_nothing_lets_everything_through():
    assert combined_filter("", frozenset()) == (None, None)
    assert combined_filter("   ", frozenset()) == (None, None)


def test_words_and_types_hold_together():
    css = Term("type", Operator.HAS, "css")
    assert combined_filter("", frozenset({CSS})).filter == css
    assert combined_filter("", frozenset({CSS, JS})).filter == Or((Term("type", Operator.HAS, "js"), css))
    both = combined_filter("status:404 or status:500", frozenset({CSS})).filter
    assert both == And((css, parse_filter("status:404 or status:500")))


@pytest.mark.parametrize("which", [which for which, _, _ in TYPE_BUTTONS])
def test_every_type_is_one_of_the_filter_language(which):
    term = combined_filter("", frozenset({which})).filter
    assert isinstance(term, Term)
    assert parse_filter(f"type:{term.value}") == term


@given(st.text(st.characters(exclude_characters="\n\r\x00", exclude_categories=["Cs"]), min_size=1, max_size=20))
def test_any_value_can_be_written_behind_a_key(value):
    term = parse_filter(f"host={quoted(value)}")
    assert isinstance(term, Term)
    assert (term.key, term.value) == ("host", value)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", []),
        ("words only", []),
        ("status>=400 or -host:a", [("status>=", "accent"), ("or", "muted"), ("host:", "accent")]),
        ('path:"a b" x', [("path:", "accent"), ('"a b"', "js")]),
        ('"not ended', [('"not ended', "js")]),
        ("path:/^a/ orange", [("path:", "accent"), ("/^a/", "js")]),
        ("NOT (a And b)", [("NOT", "muted"), ("And", "muted")]),
        ("page=2 Host:a", [("Host:", "accent")]),
    ],
)
def test_what_is_coloured_in_the_field(text, parts):
    assert [(text[each.start : each.start + each.length], each.role) for each in highlights(text)] == parts


@given(st.text(max_size=60))
def test_colours_are_in_order(text):
    behind = 0
    for start, length, role in highlights(text):
        assert behind <= start
        assert length > 0
        assert hasattr(DARK, role)
        behind = start + length
    assert behind <= len(text)


# The bar


def reason(bar: FilterBar) -> QLabel:
    found = bar.window().findChild(QLabel, "filterReason")
    assert isinstance(found, QLabel)
    return found


def test_what_is_written_is_applied_a_moment_later(bar, qtbot):
    write(bar, "status:404")
    assert bar.told == []
    qtbot.waitUntil(lambda: bar.told == [parse_filter("status:404")])
    assert bar.is_filtering


def test_enter_applies_at_once_and_the_same_again_says_nothing(bar):
    write(bar, "harrier")
    QTest.keyClick(bar.field, Qt.Key.Key_Return)
    QTest.keyClick(bar.field, Qt.Key.Key_Return)
    assert bar.told == [parse_filter("harrier")]


@pytest.mark.parametrize(
    "wrong",
    ["page=2", "localhost:21011", "status>=abc", "(a", "host:", "path:/(/", "nonsense:1 is:red", "size>1parsec"],
)
def test_what_is_no_filter_is_searched_as_text_and_a_hint_says_so(bar, wrong):
    bar.set_text("host:shop")
    bar.set_text(wrong)
    good = parse_filter("host:shop")
    assert bar.told == [good, read_filter(wrong).filter]
    assert reason(bar).isVisible()
    assert reason(bar).text() == bar.field.accessibleDescription()
    assert reason(bar).text().startswith("Searched as text. ")
    start, length = bar.field.mistake
    assert 0 <= start < start + length <= len(wrong) + 1
    bar.set_text("host:shop")
    assert reason(bar).isHidden()
    assert bar.field.accessibleDescription() == ""
    assert bar.told[2:] == [good]


@pytest.mark.parametrize(("beginning", "rest"), [("status>=", "4"), ("(a or ", "b)"), ("(a", ")"), ("not ", "a")])
def test_what_is_unfinished_is_told_and_the_last_good_filter_stays(bar, qtbot, beginning, rest):
    bar.set_text("host:shop")
    write(bar, beginning)
    assert reason(bar).isHidden()
    qtbot.waitUntil(reason(bar).isVisible)
    assert "Searched" not in reason(bar).text()
    assert bar.told == [parse_filter("host:shop")]
    QTest.keyClicks(bar.field, rest)
    assert reason(bar).isHidden()
    qtbot.waitUntil(lambda: bar.told[1:] == [parse_filter(beginning + rest)])


def test_the_hint_stands_over_the_list_only_while_one_writes(bar, qtbot):
    write(bar, "page=2")
    QTest.keyClick(bar.field, Qt.Key.Key_Return)
    assert reason(bar).isVisible()
    button(bar, "Type All").setFocus()
    assert reason(bar).isHidden()
    assert bar.field.accessibleDescription()
    bar.field.setFocus()
    assert reason(bar).isVisible()


def test_what_is_unfinished_is_searched_when_a_person_says_that_they_are_done(bar):
    write(bar, "(a")
    QTest.keyClick(bar.field, Qt.Key.Key_Return)
    assert bar.told == [Word("(a")]


def test_what_is_unfinished_is_searched_when_a_person_goes_on_to_the_list(bar):
    write(bar, "foo or")
    button(bar, "Type All").setFocus(Qt.FocusReason.MouseFocusReason)
    assert bar.told == [read_filter("foo or").filter]


def test_another_window_in_front_is_no_end_of_writing(bar):
    write(bar, "foo or")
    button(bar, "Type All").setFocus(Qt.FocusReason.ActiveWindowFocusReason)
    assert bar.told == []


def test_what_is_no_filter_is_not_searched_while_it_is_written(bar, qtbot):
    write(bar, "page=2")
    assert bar.told == []
    qtbot.waitUntil(lambda: bar.told == [Word("page=2")])
    assert reason(bar).isVisible()


def test_the_reason_stands_beneath_the_field_within_the_window(bar):
    bar.set_text("status>=" + "x" * 500)
    window = bar.window()
    window.resize(400, 300)
    bar.set_text("status>=" + "y" * 500)
    assert window.rect().contains(reason(bar).geometry())


def test_escape_clears_the_field(bar):
    bar.set_text("a b")
    QTest.keyClick(bar.field, Qt.Key.Key_Escape)
    assert bar.text == ""
    bar.apply()
    assert bar.told[-1] is None
    assert not bar.is_filtering


def test_types_are_chosen_one_or_several(bar):
    css, js = button(bar, "Type CSS"), button(bar, "Type JS")
    QTest.mouseClick(css, Qt.MouseButton.LeftButton)
    QTest.mouseClick(js, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ControlModifier)
    assert css.isChecked()
    assert js.isChecked()
    assert not button(bar, "Type All").isChecked()
    assert bar.told[-1] == combined_filter("", frozenset({CSS, JS})).filter
    QTest.mouseClick(js, Qt.MouseButton.LeftButton)
    assert bar.told[-1] == combined_filter("", frozenset({JS})).filter
    assert not css.isChecked()
    QTest.mouseClick(js, Qt.MouseButton.LeftButton)
    assert bar.told[-1] is None
    assert button(bar, "Type All").isChecked()
    QTest.mouseClick(button(bar, "Type All"), Qt.MouseButton.LeftButton)
    assert button(bar, "Type All").isChecked()


def test_types_can_be_chosen_with_the_keyboard(bar):
    button(bar, "Type CSS").setFocus()
    QTest.keyClick(button(bar, "Type CSS"), Qt.Key.Key_Space)
    assert bar.told == [combined_filter("", frozenset({CSS})).filter]


def test_the_cross_takes_everything_away(bar):
    bar.set_text("abc")
    bar.set_types(frozenset({CSS}))
    cross = button(bar, "Clear the filter")
    QTest.mouseClick(cross, Qt.MouseButton.LeftButton, pos=QPoint(5, 5))
    assert bar.told[-1] is None
    assert bar.text == ""
    assert not cross.isVisible()


def test_conditions_are_added_behind_what_is_there(bar):
    bar.add_condition("host=a.test")
    bar.add_condition('-host="b c"')
    assert bar.text == 'host=a.test -host="b c"'
    assert bar.told[-1] == parse_filter(bar.text)


def test_a_condition_that_stands_there_stands_there_alone_afterwards(bar):
    bar.set_text("path:x host=a.test")
    bar.add_condition("host=a.test")
    assert bar.text == "host=a.test"


def test_everything_has_a_name(bar):
    for widget in [*bar.findChildren(QAbstractButton), *bar.findChildren(QLineEdit)]:
        assert widget.accessibleName(), widget
