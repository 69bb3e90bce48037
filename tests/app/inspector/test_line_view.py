"""The viewer of lines asks for what is on the screen, whatever the size; it folds, finds, selects and copies."""

import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QFontMetricsF, QImage, QMouseEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from app.inspector.line_view import LineView
from app.inspector.lines import LONGEST_LINE, HexLines, LaidOutLines, TextLines
from app.inspector.search import SOUGHT_LIMIT
from proxy_core.formats.highlight import Language
from proxy_core.formats.json_text import Layout, lay_out_json

ROW = b"%07d the same words again and again, until a line is long enough to be one\n"


@pytest.fixture
def view(qtbot):
    shown = LineView("Text")
    qtbot.addWidget(shown)
    shown.resize(800, 400)
    shown.show()
    return shown


def hundred_megabytes() -> TextLines:
    row = ROW % 0
    return TextLines(row * (100 * 1024 * 1024 // len(row)))


def test_a_hundred_megabytes_cost_what_is_on_the_screen(view):
    lines = hundred_megabytes()
    view.show_lines(lines)
    view.grab()
    assert lines.count > 1_000_000
    assert lines.asked < 1000
    asked = lines.asked
    view.verticalScrollBar().setValue(view.verticalScrollBar().maximum())
    view.grab()
    view.resize(700, 500)
    view.grab()
    assert lines.asked - asked < 200


def test_finding_in_a_hundred_megabytes_gives_way_to_the_window(view, qtbot):
    lines = hundred_megabytes()
    view.show_lines(lines)
    asked = lines.asked
    view.find_text("not to be found")
    assert lines.asked - asked < lines.count // 4  # the first moment's share; the rest comes bit by bit
    told = []
    view.find_changed.connect(told.append)
    view.find_text("words")
    qtbot.waitUntil(lambda: told[-1:] == ["1 of 1000+"], timeout=10_000)


def test_very_long_lines_are_cut_and_folds_stay_where_they_were(view):
    layout = Layout(["{", "x" * (2 * LONGEST_LINE + 5), "}"], {0: 2})
    lines = LaidOutLines(layout, Language.JSON)
    assert [len(lines.text(number)) for number in range(lines.count)] == [1, LONGEST_LINE, LONGEST_LINE, 5, 1]
    assert lines.folds == {0: 4}
    view.show_lines(lines)
    view.toggle_fold(0)
    assert view.row_count == 1


def test_what_is_found_is_unfolded_and_gone_to(view, qtbot):
    view.show_lines(LaidOutLines(lay_out_json('{"a": {"b": [1, 2, {"needle": 3}]}, "c": "Needle"}'), Language.JSON))
    unfolded = view.row_count
    view.fold_all(is_folded=True)
    assert view.row_count < unfolded
    told = []
    view.find_changed.connect(told.append)
    view.find_text("needle")
    qtbot.waitUntil(lambda: told[-1] == "1 of 2", timeout=5000)
    assert view.row_count == unfolded
    view.find_next(1)
    view.find_next(1)
    assert told[-1] == "1 of 2"
    view.find_text("")
    assert told[-1] == ""


def test_what_is_too_long_to_be_sought_is_told_at_once(view, qtbot):
    view.show_lines(TextLines(b"a" * 1_000_000))
    told = []
    view.find_changed.connect(told.append)
    view.find_text("a" * SOUGHT_LIMIT + "b")
    assert told == [f"At most {SOUGHT_LIMIT} characters can be sought."]
    view.find_next(1)
    view.find_text("a" * SOUGHT_LIMIT)
    qtbot.waitUntil(lambda: told[-1].startswith("1 of "), timeout=5000)


def test_text_is_selected_and_copied(view):
    view.show_lines(TextLines(b"one\ntwo\nthree"))
    view.select_all()
    view.copy()
    assert QApplication.clipboard().text() == "one\ntwo\nthree"
    QTest.keyClick(view, Qt.Key.Key_Home, Qt.KeyboardModifier.ControlModifier)


def row_height(view) -> float:
    """As high as a row is, or a little higher: for those in the upper half."""
    return view.viewport().height() / view.verticalScrollBar().pageStep()


def columns_unlike(first: QImage, second: QImage, y: int) -> list[int]:
    return [x for x in range(first.width()) if first.pixel(x, y) != second.pixel(x, y)]


def left_of(view) -> int:
    """Where lines begin to be drawn: the first ink in the first row, when nothing is scrolled sideways."""
    bar = view.horizontalScrollBar()
    before = bar.value()
    bar.setValue(0)
    image = view.viewport().grab().toImage()
    bar.setValue(before)
    background = image.pixel(image.width() - 1, image.height() - 1)
    ink = (x for x in range(image.width()) for y in range(round(row_height(view))) if image.pixel(x, y) != background)
    return next(ink)


def point_of(view, line: int, column: int) -> QPoint:
    """Where a character of a font with one width for all begins."""
    width = QFontMetricsF(view.font()).horizontalAdvance("0")
    x = left_of(view) + round(column * width) - view.horizontalScrollBar().value()
    return QPoint(x, round((line + 0.5) * row_height(view)))


def drag(view, start: tuple[int, int], end: tuple[int, int]) -> None:
    """From one line and column to another, as the mouse does it."""
    points = [point_of(view, *start), point_of(view, *end)]
    QTest.mousePress(view.viewport(), Qt.MouseButton.LeftButton, pos=points[0])
    move = QMouseEvent(
        QEvent.Type.MouseMove,
        QPointF(points[1]),
        view.viewport().mapToGlobal(QPointF(points[1])),
        Qt.MouseButton.NoButton,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    QApplication.sendEvent(view.viewport(), move)
    QTest.mouseRelease(view.viewport(), Qt.MouseButton.LeftButton, pos=points[1])


def test_a_drag_over_a_drawn_break_copies_no_break(view):
    view.show_lines(TextLines(b"x" * LONGEST_LINE + b"yes\r\nno"))
    drag(view, (0, 5), (1, 3))
    view.copy()
    assert QApplication.clipboard().text() == "x" * (LONGEST_LINE - 5) + "yes"
    drag(view, (1, 1), (2, 2))
    view.copy()
    assert QApplication.clipboard().text() == "es\r\nno"


def test_all_is_copied_as_it_came_and_a_line_without_its_break(view):
    text = "one\ttab\r\n" + "x" * (2 * LONGEST_LINE) + "\rtwo\0\u2028\n\n"
    view.show_lines(TextLines(text.encode()))
    view.select_all()
    view.copy()
    assert QApplication.clipboard().text() == text
    drag(view, (2, 3), (2, 3))
    view.copy()
    assert QApplication.clipboard().text() == text.split("\n")[1]


def test_a_double_click_takes_the_word_on_both_sides_of_a_break(view):
    word = "x" * LONGEST_LINE + "yes"
    view.show_lines(TextLines(f"{word} no".encode()))
    QTest.mouseDClick(view.viewport(), Qt.MouseButton.LeftButton, pos=point_of(view, 1, 1))
    assert view.selected_text() == word


def test_more_hexadecimal_than_is_copied_in_a_moment_is_refused_with_a_sentence(view, qtbot):
    data = bytes(2 << 20)
    view.show_lines(HexLines(lambda offset, length: data[offset : offset + length], len(data)))
    QApplication.clipboard().setText("before")
    view.select_all()
    with qtbot.waitSignal(view.copy_refused) as refused:
        view.copy()
    assert "«Save body»" in refused.args[0]
    assert QApplication.clipboard().text() == "before"
    drag(view, (0, 0), (1, 8))
    view.copy()
    assert QApplication.clipboard().text().endswith("\n00000010")


def test_what_is_found_far_to_the_right_is_scrolled_to(view):
    # Below the lines that are measured, so that nothing has made room for it before.
    text = b"short\n" * 500 + b"x" * 900 + b"needle" + b"y" * 100 + b"\nneedle\n"
    view.show_lines(TextLines(text))
    view.find_text("needle")
    bar = view.horizontalScrollBar()
    assert point_of(view, 0, 900).x() > 0
    assert point_of(view, 0, 906).x() < view.viewport().width()
    view.find_next(1)
    assert bar.value() == 0
    view.find_next(1)
    assert bar.value() > 0


def test_what_is_found_at_a_break_is_marked_in_both_lines(view):
    view.show_lines(TextLines(b"x" * (LONGEST_LINE - 3) + b"needle"))
    bar = view.horizontalScrollBar()

    def grabbed(sought: str, scrolled: int) -> QImage:
        view.find_text(sought)
        bar.setValue(scrolled)
        return view.viewport().grab().toImage()

    def marked(row: int, scrolled: int) -> tuple[int, int]:
        """Begin and end of the mark that is seen in a row, which holds all its height."""
        y = round(row * row_height(view)) + 2
        columns = columns_unlike(grabbed("needle", scrolled), grabbed("", scrolled), y)
        return columns[0], columns[-1] + 1

    def expected(row: int, begin: int, end: int) -> tuple[int, int]:
        return point_of(view, row, begin).x(), point_of(view, row, end).x()

    assert marked(1, 0) == pytest.approx(expected(1, 0, 3), abs=3)
    assert marked(0, bar.maximum()) == pytest.approx(expected(0, LONGEST_LINE - 3, LONGEST_LINE), abs=3)
    assert bar.value() > 0


def test_control_and_direction_characters_are_seen_as_such():
    lines = TextLines("a\u202eb\x1b[31mc\0".encode())
    assert lines.text(0) == "a\ufffdb\ufffd[31mc\ufffd"


def test_bytes_as_hexadecimal():
    data = bytes(range(40))
    lines = HexLines(lambda offset, length: data[offset : offset + length], len(data))
    assert lines.count == 3
    assert lines.text(2) == "00000020  20 21 22 23 24 25 26 27" + " " * 27 + " !\"#$%&'"
