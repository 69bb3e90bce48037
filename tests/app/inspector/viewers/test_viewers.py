"""The table of views: which a body has, which shows it best, and that one more needs nothing but its entry."""

import msgspec
import pytest
from PySide6.QtWidgets import QLabel

from app.inspector.body_content import load_body
from app.inspector.body_view import BodyView
from app.inspector.lines import TextLines
from app.inspector.viewers.table import MODES, VIEWERS
from app.inspector.viewers.viewer import Body, CanvasViewer, Fit, LineViewer
from proxy_core.model.message_head import parse_head

GIF = b"GIF89a\1\0\1\0"


def content_of(data: bytes, content_type: str, viewers=VIEWERS):
    class Capture:
        def body_length(self, _extents: bytes | None) -> int:
            return len(data)

        def iterate_body(self, _extents: bytes | None) -> list[bytes]:
            return [data]

    head = parse_head(f"HTTP/1.1 200\r\nContent-Type: {content_type}\r\n\r\n".encode())
    return load_body(Capture(), b"", head, viewers)


@pytest.fixture
def view(qtbot):
    made = BodyView("body")
    qtbot.addWidget(made)
    yield made
    made.end()


def test_buttons_stand_in_their_order():
    assert MODES == ("Pretty", "Raw", "Hex", "Preview")


@pytest.mark.parametrize(
    ("content_type", "data", "modes", "best"),
    [
        ("application/json", b"{}", ["Pretty", "Raw", "Hex"], "Pretty"),
        ("text/html", b"<p>", ["Pretty", "Raw", "Hex"], "Pretty"),
        ("application/x-www-form-urlencoded", b"a=b", ["Pretty", "Raw", "Hex"], "Pretty"),
        ("application/x-www-form-urlencoded", b"&", ["Raw", "Hex"], "Raw"),
        ("multipart/form-data; boundary=b", b"--b\r\n\r\nx\r\n--b--", ["Pretty", "Raw", "Hex"], "Pretty"),
        ("text/css", b"a{}", ["Raw", "Hex"], "Raw"),
        ("text/plain", b"text", ["Raw", "Hex"], "Raw"),
        ("application/zip", b"PK\0\1", ["Hex"], "Hex"),
        ("image/gif", GIF, ["Hex", "Preview"], "Preview"),
        ("image/svg+xml", b"<svg/>", ["Pretty", "Raw", "Hex"], "Pretty"),
    ],
)
def test_the_views_of_a_body(view, content_type, data, modes, best):
    view.show_content(content_of(data, content_type))
    assert view.modes() == modes
    assert view.best_mode("Pretty") == best


def test_the_view_that_is_wanted_is_taken_where_there_is_no_picture_to_see(view):
    view.show_content(content_of(b"{}", "application/json"))
    assert [view.best_mode(mode) for mode in MODES] == ["Pretty", "Raw", "Hex", "Pretty"]
    view.show_content(content_of(GIF, "image/gif"))
    assert {view.best_mode(mode) for mode in MODES} == {"Preview"}


def fits_packed(body: Body) -> Fit:
    return Fit.LAID_OUT if body.essence == "application/msgpack" else Fit.NONE


def test_one_more_view_of_lines_is_its_entry(view):
    def lines(body: Body, checkpoint):
        return TextLines(
            msgspec.json.format(msgspec.json.encode(msgspec.msgpack.decode(body.data))), checkpoint=checkpoint
        )

    packed = LineViewer("Pretty", fits_packed, lines)
    content = content_of(msgspec.msgpack.encode({"a": 1}), "application/msgpack", (*VIEWERS, packed))
    view.show_content(content)
    assert view.modes() == ["Pretty", "Hex"]
    view.show_mode(view.best_mode("Pretty"))
    assert view.shown is view.lines
    shown = content.view("Pretty").lines
    assert [shown.text(number) for number in range(shown.count)] == ["{", '  "a": 1', "}"]


def test_of_several_views_behind_a_button_the_one_that_fits_best_shows_a_body():
    def lines(_body: Body, _checkpoint):
        return TextLines(b"better")

    better = LineViewer("Raw", lambda body: Fit.LAID_OUT if body.charset else Fit.NONE, lines)
    for viewers in ((*VIEWERS, better), (better, *VIEWERS)):
        assert content_of(b"text", "text/plain", viewers).view("Raw").lines.text(0) == "better"


def test_one_more_view_that_is_a_widget_is_its_entry(view, qtbot):
    class Board(QLabel):
        has_ended = False

        def show_bytes(self, data: bytes) -> None:
            self.setText(f"{len(data)} bytes")

        def end(self) -> None:
            self.has_ended = True

    boards = CanvasViewer("Board", lambda body: Fit.SEEN if body.essence == "text/csv" else Fit.NONE, Board)
    for data in (b"a,b", b"a,b,c"):
        view.show_content(content_of(data, "text/csv", (*VIEWERS, boards)))
        assert view.modes() == ["Raw", "Hex", "Board"]
        view.show_mode(view.best_mode("Raw"))
        assert view.shown.text() == f"{len(data)} bytes"
    board = view.shown
    view.show_mode("Raw")
    assert view.shown is view.lines
    view.end()
    assert board.has_ended


def said_above(view: BodyView) -> list[str]:
    return [each.text() for each in view.findChildren(QLabel) if each.isVisibleTo(view) and each.text()]


def test_json_that_is_none_says_so_where_it_looks_like_it(view):
    view.show_content(content_of(b'{"a": 1, "b": [1,2,}', "application/json"))
    for mode in ("Pretty", "Raw", "Pretty", "Hex"):
        view.show_mode(mode)
        is_told = "This is no valid JSON (line 1, column 20: invalid character)." in said_above(view)
        assert is_told == (mode == "Pretty")
    view.show_content(content_of(b'{"a": 1}', "application/json"))
    view.show_mode("Pretty")
    assert said_above(view) == []


def test_of_json_that_is_shown_in_part_nothing_is_said_but_that(view, monkeypatch):
    monkeypatch.setattr("app.inspector.body_content.SHOWN_LIMIT_BYTES", 100)
    view.show_content(content_of(b"[" + b"1, " * 100 + b"1]", "application/json"))
    view.show_mode("Pretty")
    assert said_above(view) == ["Only the first 100 B are shown; «Save body» writes all of it."]


def test_lines_of_json_are_texts_of_their_own(view):
    view.show_content(content_of(b'{"a": 1}\n{"b": 2}\n', "application/x-ndjson"))
    view.show_mode("Pretty")
    assert said_above(view) == []
