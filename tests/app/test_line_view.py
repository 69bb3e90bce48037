"""The viewer of lines asks for what is on the screen, whatever the size; it folds, finds, selects and copies."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from app.inspection.lines import LONGEST_LINE, HexLines, LaidOutLines, TextLines
from app.widgets.line_view import LineView
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
    view.find_text("words")
    qtbot.waitUntil(lambda: len(view._found) == 1000, timeout=10_000)


def test_very_long_lines_are_cut_and_folds_stay_where_they_were(view):
    layout = Layout(["{", "x" * (2 * LONGEST_LINE + 5), "}"], {0: 2})
    lines = LaidOutLines(layout, Language.JSON)
    assert [len(lines.text(number)) for number in range(lines.count)] == [1, LONGEST_LINE, LONGEST_LINE, 5, 1]
    assert lines.folds == {0: 4}
    view.show_lines(lines)
    view.toggle_fold(0)
    assert view._row_count() == 1


def test_what_is_found_is_unfolded_and_gone_to(view, qtbot):
    view.show_lines(LaidOutLines(lay_out_json('{"a": {"b": [1, 2, {"needle": 3}]}, "c": "Needle"}'), Language.JSON))
    view.fold_all(is_folded=True)
    told = []
    view.find_changed.connect(told.append)
    view.find_text("needle")
    qtbot.waitUntil(lambda: told[-1] == "1 of 2", timeout=5000)
    assert not any(first < view._found[0].line <= last for first, last in view._folded.items())
    view.find_next(1)
    view.find_next(1)
    assert told[-1] == "1 of 2"
    view.find_text("")
    assert told[-1] == ""


def test_text_is_selected_and_copied(view):
    view.show_lines(TextLines(b"one\ntwo\nthree"))
    view.select_all()
    view.copy()
    assert QApplication.clipboard().text() == "one\ntwo\nthree"
    QTest.keyClick(view, Qt.Key.Key_Home, Qt.KeyboardModifier.ControlModifier)


def test_control_and_direction_characters_are_seen_as_such():
    lines = TextLines("a\u202eb\x1b[31mc\0".encode())
    assert lines.text(0) == "a\ufffdb\ufffd[31mc\ufffd"


def test_bytes_as_hexadecimal():
    data = bytes(range(40))
    lines = HexLines(lambda offset, length: data[offset : offset + length], len(data))
    assert lines.count == 3
    assert lines.text(2) == "00000020  20 21 22 23 24 25 26 27" + " " * 27 + " !\"#$%&'"
