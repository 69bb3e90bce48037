"""The list of exchanges as a widget: it follows the newest until a person looks elsewhere, keeps its place, and remembers its columns."""

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt, QTimer
from PySide6.QtGui import QAccessible, QFont, QFontMetrics, QHelpEvent, QPainter, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractSlider, QApplication, QToolTip

from app.exchange_text import messages_text
from app.list import exchange_model
from app.list.columns import COLUMN_INDEX, COLUMNS, STRETCHED
from app.list.exchange_list import ExchangeList
from app.list.exchange_model import ExchangeModel
from app.list.exchange_painter import PADDING
from app.look.theme import text_font
from app.preferences import ColumnPreference, Preferences, load_preferences, save_preferences
from proxy_core.formats.amount import duration_text
from proxy_core.model.dark_cause import DarkCause
from proxy_core.model.exchange import ExchangeState
from proxy_core.model.failure import FAILURES
from proxy_core.model.filter import parse_filter
from proxy_core.model.tls_facts import Program
from tests.support.captures import LiveCapture, Sample
from tests.support.live_feed import LiveFeed

FAILED = Sample(
    status=None,
    state=ExchangeState.FAILED,
    failure="client_refused_certificate",
    failure_text="The client doesn't trust Harrier's certificate.",
)


@pytest.fixture
def feed(tmp_path, qapp, monkeypatch):
    monkeypatch.setattr(exchange_model, "_RESORT_AFTER_MS", 0)
    capture = LiveCapture(tmp_path / "a.live")
    model = ExchangeModel()
    yield LiveFeed(capture, model)
    model.close()
    capture.close()


@pytest.fixture
def shown(feed, qtbot):
    view = ExchangeList(feed.model)
    qtbot.addWidget(view)
    view.resize(1100, 400)
    view.show()
    qtbot.waitExposed(view)
    qtbot.waitUntil(lambda: feed.is_settled)
    return view


def arrive(qtbot, feed: LiveFeed, count: int) -> None:
    feed.arrive(*[Sample(path=f"/{number}") for number in range(count)])
    settle(qtbot, feed)


def settle(qtbot, feed: LiveFeed) -> None:
    qtbot.waitUntil(lambda: feed.is_settled, timeout=20_000)
    QApplication.processEvents()  # what a timer of no time puts off


def is_at_end(view: ExchangeList) -> bool:
    bar = view.verticalScrollBar()
    return bar.maximum() > 0 and bar.value() == bar.maximum()


def turn_wheel(view: ExchangeList, steps: int) -> None:
    middle = QPointF(view.viewport().rect().center())
    event = QWheelEvent(
        middle,
        view.viewport().mapToGlobal(middle),
        QPoint(),
        QPoint(0, steps * 120),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(view.viewport(), event)


# The newest


def test_it_follows_the_newest(shown, feed, qtbot):
    arrive(qtbot, feed, 100)
    assert is_at_end(shown)
    arrive(qtbot, feed, 5)
    assert is_at_end(shown)
    assert shown.tail.pill.isHidden()


def test_who_scrolls_back_is_left_in_peace_and_told_how_many_are_new(shown, feed, qtbot):
    arrive(qtbot, feed, 100)
    turn_wheel(shown, 3)
    place = shown.verticalScrollBar().value()
    arrive(qtbot, feed, 18)
    assert shown.verticalScrollBar().value() == place
    assert shown.tail.pill.isVisible()
    assert shown.tail.pill.text() == "18 new ↓"
    assert "18" in shown.tail.pill.accessibleName()
    arrive(qtbot, feed, 1200)
    assert shown.tail.pill.text() == "1,218 new ↓"
    QTest.mouseClick(shown.tail.pill, Qt.MouseButton.LeftButton)
    QApplication.processEvents()
    assert is_at_end(shown)
    assert shown.tail.pill.isHidden()
    arrive(qtbot, feed, 3)
    assert is_at_end(shown)


@pytest.mark.parametrize("newest_first", [False, True])
def test_who_uses_the_scroll_bar_is_left_in_peace_too(shown, feed, qtbot, newest_first):
    arrive(qtbot, feed, 100)
    if newest_first:
        shown.sortByColumn(0, Qt.SortOrder.DescendingOrder)
        settle(qtbot, feed)
    action = QAbstractSlider.SliderAction
    shown.verticalScrollBar().triggerAction(action.SliderPageStepAdd if newest_first else action.SliderPageStepSub)
    looked_at = feed.model.id_at(shown.rowAt(0))
    arrive(qtbot, feed, 5)
    assert feed.model.id_at(shown.rowAt(0)) == looked_at
    assert shown.tail.pill.isVisible()


def test_scrolling_to_the_end_follows_again(shown, feed, qtbot):
    arrive(qtbot, feed, 100)
    turn_wheel(shown, 3)
    arrive(qtbot, feed, 1)
    shown.verticalScrollBar().setValue(shown.verticalScrollBar().maximum())
    assert shown.tail.pill.isHidden()
    arrive(qtbot, feed, 10)
    assert is_at_end(shown)


def test_who_has_selected_is_not_carried_away(shown, feed, qtbot):
    arrive(qtbot, feed, 100)
    assert shown.select_id(90)
    place = shown.verticalScrollBar().value()
    arrive(qtbot, feed, 7)
    assert shown.verticalScrollBar().value() == place
    assert shown.current_id == 90
    assert shown.tail.pill.text() == "7 new ↓"
    shown.follow()
    assert shown.current_id is None
    assert is_at_end(shown)


def test_the_newest_at_the_top_are_followed_there(shown, feed, qtbot):
    arrive(qtbot, feed, 100)
    shown.sortByColumn(0, Qt.SortOrder.DescendingOrder)
    settle(qtbot, feed)
    assert shown.verticalScrollBar().value() == 0
    arrive(qtbot, feed, 5)
    assert shown.verticalScrollBar().value() == 0
    assert feed.model.id_at(0) == 105
    bar = shown.verticalScrollBar()
    turn_wheel(shown, -3)
    looked_at = shown.rowAt(1)
    exchange = feed.model.id_at(looked_at)
    arrive(qtbot, feed, 4)
    assert bar.value() > 0
    assert feed.model.id_at(shown.rowAt(1)) == exchange
    assert shown.tail.pill.text() == "4 new ↑"


def test_a_few_that_are_all_in_sight_need_no_pill(shown, feed, qtbot):
    arrive(qtbot, feed, 3)
    assert shown.select_id(1)
    arrive(qtbot, feed, 2)
    assert shown.tail.pill.isHidden()


# Selection and place


def test_selection_and_place_survive_a_filter(shown, feed, qtbot):
    arrive(qtbot, feed, 200)
    changes = []
    shown.current_changed.connect(changes.append)
    assert shown.select_id(50)
    feed.model.set_filter(feed.model.query._replace(filter=parse_filter("path:4")))
    settle(qtbot, feed)
    assert shown.current_id == 50  # its path is /49
    assert shown.selected_ids() == [50]
    assert changes == [50]
    feed.model.set_filter(feed.model.query._replace(filter=parse_filter("path:/1")))
    settle(qtbot, feed)
    assert shown.current_id is None
    assert shown.selected_ids() == []
    assert changes == [50, None]


def test_several_rows_are_selected_by_range_and_all_at_once(shown, feed, qtbot):
    arrive(qtbot, feed, 300)
    assert shown.select_id(10)
    for _ in range(4):
        QTest.keyClick(shown, Qt.Key.Key_Down, Qt.KeyboardModifier.ShiftModifier)
    assert shown.selected_ids() == [10, 11, 12, 13, 14]
    assert shown.selected_count() == 5
    shown.selectAll()
    assert shown.selected_ids() == list(range(1, 301))
    assert shown.selected_count() == 300
    arrive(qtbot, feed, 1)
    assert shown.selected_ids() == list(range(1, 301))  # all of then are not all of now
    QTest.keyClick(shown, Qt.Key.Key_Escape)
    assert shown.selected_ids() == []
    assert shown.current_id is None


def test_how_many_are_selected_is_told_whenever_it_changes(shown, feed, qtbot):
    told = [0]
    shown.selected_changed.connect(told.append)

    def counts() -> tuple[int, int]:
        return told[-1], len(shown.selected_ids())

    arrive(qtbot, feed, 300)
    assert shown.select_id(10)
    QTest.keyClick(shown, Qt.Key.Key_Down, Qt.KeyboardModifier.ShiftModifier)
    assert counts() == (2, 2)
    shown.selectAll()
    assert counts() == (300, 300)
    assert not shown.tail.is_following
    arrive(qtbot, feed, 7)
    assert counts() == (300, 300)
    show_matches(feed, qtbot, "path:/29")  # /29 and /290 to /299
    assert counts() == (11, 11)
    show_matches(feed, qtbot, "path:/no-such")
    assert counts() == (0, 0)
    show_matches(feed, qtbot, "")
    shown.selectAll()
    feed.model.set_capture(str(feed.capture.folder))  # as after a restart
    assert counts() == (0, 0)
    settle(qtbot, feed)
    shown.selectAll()
    feed.clear()
    settle(qtbot, feed)
    assert counts() == (0, 0)


@pytest.mark.parametrize("newest_first", [False, True])
def test_what_is_selected_stays_selected_when_others_come_between(shown, feed, qtbot, newest_first):
    key = feed.key(1)
    feed.arrive(Sample(path="/a"), Sample(path="/b", status=None, state=ExchangeState.WAITING), keys=(feed.key(2), key))
    arrive(qtbot, feed, 3)
    if newest_first:
        shown.sortByColumn(0, Qt.SortOrder.DescendingOrder)
    show_matches(feed, qtbot, "status:200")
    shown.selectAll()
    feed.arrive(Sample(path="/b"), keys=(key,))
    arrive(qtbot, feed, 2)
    assert sorted(shown.selected_ids()) == [1, 3, 4, 5]
    assert shown.selected_count() == 4
    assert sorted(feed.model.all_ids()) == [1, 2, 3, 4, 5, 6, 7]


def test_a_large_selection_survives_another_order_and_asks_no_cell(shown, feed, qtbot, monkeypatch):
    feed.arrive(*[Sample(path=f"/{number % 7}") for number in range(3000)])
    settle(qtbot, feed)
    shown.selectAll()
    asked = []
    real = feed.model.flags
    monkeypatch.setattr(feed.model, "flags", lambda index: (asked.append(index.row()), real(index))[1])
    shown.sortByColumn(COLUMN_INDEX["path"], Qt.SortOrder.AscendingOrder)
    settle(qtbot, feed)
    assert sorted(shown.selected_ids()) == list(range(1, 3001))
    assert shown.selected_count() == 3000
    assert len(asked) < 3000


def test_too_scattered_a_selection_is_let_go_and_told(shown, feed, qtbot):
    feed.arrive(*[Sample(path=f"/{number % 2}") for number in range(6000)])
    settle(qtbot, feed)
    show_matches(feed, qtbot, "path:1")
    told = []
    shown.selectAll()
    shown.selected_changed.connect(told.append)
    show_matches(feed, qtbot, "")
    assert shown.selected_ids() == []
    assert told == [0]


def show_matches(feed: LiveFeed, qtbot, text: str) -> None:
    feed.model.set_filter(feed.model.query._replace(filter=parse_filter(text) if text else None))
    settle(qtbot, feed)


# Another order


@pytest.mark.parametrize("order", list(Qt.SortOrder))
def test_another_order_begins_at_its_top(shown, feed, qtbot, order):
    arrive(qtbot, feed, 100)
    assert is_at_end(shown)
    shown.sortByColumn(COLUMN_INDEX["path"], order)
    settle(qtbot, feed)
    assert shown.rowAt(0) == 0
    bar = shown.verticalScrollBar()
    bar.setValue(bar.maximum() // 2)
    place = bar.value()
    arrive(qtbot, feed, 10)  # sorted anew, in the same order: what is looked at stays
    assert bar.value() == place


def test_back_in_the_order_of_arrival_the_newest_are_followed_again(shown, feed, qtbot):
    arrive(qtbot, feed, 100)
    shown.sortByColumn(COLUMN_INDEX["path"], Qt.SortOrder.AscendingOrder)
    settle(qtbot, feed)
    shown.sortByColumn(0, Qt.SortOrder.AscendingOrder)
    settle(qtbot, feed)
    assert is_at_end(shown)
    arrive(qtbot, feed, 10)
    assert is_at_end(shown)


def test_another_order_keeps_the_exchange_in_sight_that_is_looked_at(shown, feed, qtbot):
    arrive(qtbot, feed, 100)
    assert shown.select_id(60)
    shown.sortByColumn(COLUMN_INDEX["path"], Qt.SortOrder.DescendingOrder)
    settle(qtbot, feed)
    row = feed.model.row_of(60)
    assert shown.viewport().rect().contains(shown.visualRect(feed.model.index(row, 0)).center())


# Keys

CTRL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
PLAIN = Qt.KeyboardModifier.NoModifier
HOME, END, PAGE_UP, PAGE_DOWN = Qt.Key.Key_Home, Qt.Key.Key_End, Qt.Key.Key_PageUp, Qt.Key.Key_PageDown


@pytest.mark.parametrize("modifier", [PLAIN, CTRL])
def test_keys_for_ends_and_pages_move_the_selection(shown, feed, qtbot, modifier):
    arrive(qtbot, feed, 100)
    assert shown.select_id(50)
    page = shown.viewport().height() // shown.painter.row_height

    def goes_to(key) -> int:
        QTest.keyClick(shown, key, modifier)
        assert shown.selected_ids() == [shown.current_id]
        row = feed.model.index(feed.model.row_of(shown.current_id), 0)
        assert shown.viewport().rect().contains(shown.visualRect(row).center())
        return shown.current_id

    assert goes_to(HOME) == 1
    assert page - 1 <= goes_to(PAGE_DOWN) <= page + 1
    assert goes_to(PAGE_UP) == 1
    assert goes_to(END) == 100
    assert 100 - page - 1 <= goes_to(PAGE_UP) <= 100 - page + 1


def test_with_shift_they_extend_it(shown, feed, qtbot):
    arrive(qtbot, feed, 100)
    click_on(shown, feed.model.row_of(97))
    QTest.keyClick(shown, END, SHIFT)
    assert shown.selected_ids() == [97, 98, 99, 100]
    QTest.keyClick(shown, HOME)
    click_on(shown, feed.model.row_of(3))
    QTest.keyClick(shown, HOME, CTRL | SHIFT)
    assert shown.selected_ids() == [1, 2, 3]


def click_on(view: ExchangeList, row: int) -> None:
    middle = view.visualRect(view.model().index(row, 0)).center()
    QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=middle)


def test_what_is_selected_stays_in_sight_when_the_list_gets_smaller(shown, feed, qtbot):
    arrive(qtbot, feed, 100)
    shown.verticalScrollBar().setValue(500)
    last = shown.rowAt(shown.viewport().height() - 12)
    click_on(shown, last)
    shown.resize(1100, 300)
    qtbot.waitUntil(lambda: shown.viewport().rect().contains(shown.visualRect(shown.currentIndex()).center()))
    shown.verticalScrollBar().setValue(0)  # who has scrolled away from it stays there
    shown.resize(1100, 250)
    assert shown.verticalScrollBar().value() == 0


def test_a_call_that_failed_is_marked_whatever_http_says_of_it(shown, feed, qtbot):
    ends = (b"grpc-status: 5\r\ngrpc-message: no such item\r\n", b"grpc-status: 0\r\n", None)
    feed.arrive(*[Sample("/shop.Items/Get", content_type="application/grpc", response_trailers=each) for each in ends])
    settle(qtbot, feed)
    rows = [feed.model.listed_row(row, feed.model.exchange_at(row), names_program=False) for row in range(3)]
    assert [each.status.text for each in rows] == ["gRPC error", "200", "200"]
    assert [each.status.role for each in rows] == ["s5", "s2", "s2"]
    assert [each.sentence for each in rows] == ["NOT_FOUND (5): no such item", "", ""]
    assert COLUMNS[COLUMN_INDEX["status"]].text(rows[0]) == "gRPC error"
    shown.grab()  # the sentence stands behind the path


def test_each_word_fits_its_column(shown):
    strong = text_font()
    strong.setWeight(QFont.Weight.DemiBold)
    advance = QFontMetrics(text_font()).horizontalAdvance
    width = {column.key: column.width - 2 * PADDING for column in COLUMNS}
    for facts in FAILURES.values():
        assert QFontMetrics(strong).horizontalAdvance(f"✕ {facts.label}") <= width["status"] - PADDING
    assert advance(duration_text(119 * 60_000_000 + 59_000_000)) <= width["time"]
    assert advance(messages_text(1_200_002)) <= width["size"]


@pytest.mark.parametrize(("key", "first"), [(HOME, True), (END, False), (PAGE_UP, None), (PAGE_DOWN, None)])
def test_they_begin_where_one_looks(shown, feed, qtbot, key, first):
    arrive(qtbot, feed, 100)
    bar = shown.verticalScrollBar()
    bar.setValue(bar.maximum() // 2)
    in_sight = range(feed.model.id_at(shown.rowAt(0)), feed.model.id_at(shown.rowAt(shown.viewport().height() - 1)) + 1)
    QTest.keyClick(shown, key)
    assert shown.selected_ids() == [shown.current_id]
    assert shown.current_id in (in_sight if first is None else {1 if first else 100})


@pytest.mark.parametrize(("newest_first", "key"), [(False, END), (True, HOME)])
def test_going_to_the_newest_by_key_follows_them(shown, feed, qtbot, newest_first, key):
    if newest_first:
        shown.sortByColumn(0, Qt.SortOrder.DescendingOrder)
    arrive(qtbot, feed, 100)
    assert shown.select_id(50)
    arrive(qtbot, feed, 3)
    assert shown.tail.pill.isVisible()
    QTest.keyClick(shown, key)
    assert shown.tail.pill.isHidden()
    assert shown.current_id == 103
    arrive(qtbot, feed, 30)
    assert shown.selected_ids() == [103]  # what is looked at stays what it is
    newest = feed.model.index(feed.model.row_of(133), 0)
    assert shown.viewport().rect().contains(shown.visualRect(newest).center())
    QTest.keyClick(shown, Qt.Key.Key_Up)
    assert not shown.tail.is_following


def test_the_other_end_and_another_order_are_not_followed(shown, feed, qtbot):
    arrive(qtbot, feed, 100)
    QTest.keyClick(shown, HOME)
    assert not shown.tail.is_following
    shown.sortByColumn(COLUMN_INDEX["path"], Qt.SortOrder.AscendingOrder)
    settle(qtbot, feed)
    QTest.keyClick(shown, END)
    assert not shown.tail.is_following


def test_arrows_begin_where_one_looks(shown, feed, qtbot):
    arrive(qtbot, feed, 100)
    QTest.keyClick(shown, Qt.Key.Key_Down)
    assert shown.current_id is not None
    assert shown.current_id >= 98  # it was following, so the newest is what one looks at
    QTest.keyClick(shown, Qt.Key.Key_Escape)
    turn_wheel(shown, 100)
    in_sight = feed.model.id_at(shown.rowAt(shown.painter.row_height - 1))
    QTest.keyClick(shown, Qt.Key.Key_Down)
    assert shown.current_id == in_sight < 90
    with qtbot.waitSignal(shown.picked):
        QTest.keyClick(shown, Qt.Key.Key_Return)


def test_clearing_lets_go_and_follows_again(shown, feed, qtbot):
    arrive(qtbot, feed, 100)
    assert shown.select_id(5)
    feed.clear()
    settle(qtbot, feed)
    assert shown.current_id is None
    assert shown.tail.is_following
    arrive(qtbot, feed, 100)
    assert is_at_end(shown)


def test_getting_the_focus_selects_nothing(shown, feed, qtbot):
    arrive(qtbot, feed, 10)
    shown.setFocus()
    assert shown.current_id is None


# Painting


def test_only_the_rows_in_sight_are_asked_for(shown, feed, qtbot, monkeypatch):
    arrive(qtbot, feed, 5000)
    asked = []
    real = feed.model.exchange_at
    monkeypatch.setattr(feed.model, "exchange_at", lambda row: (asked.append(row), real(row))[1])
    shown.grab()
    in_sight = shown.viewport().height() // shown.painter.row_height + 2
    assert 0 < len(set(asked)) <= in_sight
    assert len(asked) <= 2 * in_sight


def test_rows_of_every_state_are_painted_without_complaint(shown, feed, qtbot):
    feed.arrive(
        FAILED,
        Sample(status=None, state=ExchangeState.WAITING),
        Sample(status=101, kind=2, state=ExchangeState.RESPONDING),
        Sample(method="CONNECT", kind=1, status=None, scheme="", path=""),
        Sample(
            status=999,
            host="\u202eevil\x00",
            path="/\u2028" + "x" * 10_000,
            content_type="\ud7ff" * 300,
            method="M" * 500,
        ),
        *[Sample(status=status) for status in (100, 200, 301, 404, 500)],
    )
    settle(qtbot, feed)
    for column in COLUMNS:
        shown.header.show_column(COLUMN_INDEX[column.key], is_shown=True)
    for width in (1100, 300, 3000):
        shown.resize(width, 400)
        assert not shown.grab().isNull()


@pytest.fixture
def written(monkeypatch) -> list[str]:
    """What is painted as text."""
    texts: list[str] = []

    class NotingPainter(QPainter):
        def drawText(self, place, text) -> None:
            texts.append(text)
            super().drawText(place, text)

    monkeypatch.setattr("app.list.exchange_list.QPainter", NotingPainter)
    return texts


def test_what_is_open_shows_how_long_as_long_as_it_goes_on(shown, feed, qtbot, monkeypatch, written):
    feed.arrive(
        Sample(content_type="text/event-stream", state=ExchangeState.RESPONDING),
        Sample(status=101, kind=2, state=ExchangeState.RESPONDING),
        Sample(status=None, state=ExchangeState.WAITING),
        Sample(),
    )
    settle(qtbot, feed)

    def times() -> list[str]:
        written.clear()
        shown.grab()
        return [text for text in written if text == "open" or text.endswith((" s", " min"))]

    started_at = feed.model.exchange_at(0).started_at
    monkeypatch.setattr("app.list.exchange_list.time.time", lambda: started_at / 1e6 + 42)
    assert times() == ["42 s", "41 s", "41 s"]
    shown.set_running(is_running=False)  # a file, or an engine that is gone
    assert times() == ["open"]
    qtbot.waitUntil(lambda: not any(timer.isActive() for timer in shown.findChildren(QTimer)), timeout=10_000)
    assert times() == ["open"]
    assert not any(timer.isActive() for timer in shown.findChildren(QTimer))


def test_a_websocket_says_how_many_messages_it_has_brought(shown, feed, qtbot, written):
    message = (0, 1, 0, b"hi", ())
    sample = Sample(status=101, kind=2, state=ExchangeState.RESPONDING, messages=[message] * 3)
    feed.arrive(sample, keys=(feed.key(1),))
    feed.capture.writer.apply([feed.capture.messages_event(sample, feed.key(1))], None)
    feed.capture.writer.commit()
    settle(qtbot, feed)
    shown.grab()
    assert [text for text in written if text.startswith("⇅")] == ["⇅ 3"]


@pytest.mark.parametrize("state", [ExchangeState.COMPLETE, ExchangeState.FAILED])
def test_a_tunnel_says_why_it_is_dark_in_the_room_of_what_its_host_says_already(shown, feed, qtbot, written, state):
    shown.resize(1600, 300)
    feed.arrive(
        Sample("shop.test:443", "CONNECT", scheme="", kind=1, state=state, notes=DarkCause.NOT_WEB.told()),
        Sample("shop.test:444", "CONNECT", scheme="", kind=1),
    )
    settle(qtbot, feed)
    shown.grab()
    assert DarkCause.NOT_WEB.told() in written
    assert "shop.test:443" not in written  # the host is one of https's usual port
    assert "shop.test:444" in written


def links_in(view: ExchangeList, row: int) -> list[QPoint]:
    """Where in a row the pointer says that something can be clicked."""
    y = view.rowViewportPosition(row) + view.rowHeight(row) // 2
    found = []
    for x in range(0, view.viewport().width(), 4):
        QTest.mouseMove(view.viewport(), QPoint(x, y))
        if view.viewport().cursor().shape() is Qt.CursorShape.PointingHandCursor:
            found.append(QPoint(x, y))
    return found


def test_the_way_out_of_a_failure_is_one_click(shown, feed, qtbot):
    feed.arrive(Sample(), FAILED)
    settle(qtbot, feed)
    shown.grab()
    links = [place for row in range(2) for place in links_in(shown, row)]
    assert {shown.rowAt(place.y()) for place in links} == {1}
    with qtbot.waitSignal(shown.mend_wanted) as mend:
        QTest.mouseClick(shown.viewport(), Qt.MouseButton.LeftButton, pos=links[len(links) // 2])
    assert mend.args == [2]
    assert shown.current_id is None


def test_what_a_screen_reader_hears(shown, feed, qtbot):
    arrive(qtbot, feed, 3)
    told = QAccessible.queryAccessibleInterface(shown)
    assert told.text(QAccessible.Text.Name) == "Exchanges"
    assert feed.model.data(feed.model.index(0, COLUMN_INDEX["host"])) == "shop.test"


# Columns


def remembered(view: ExchangeList) -> dict[str, ColumnPreference]:
    return {each.key: each for each in view.header.remembered()}


def test_columns_come_back_as_they_were_left(shown, feed, qtbot, tmp_path):
    header = shown.header
    header.moveSection(header.visualIndex(COLUMN_INDEX["host"]), 0)
    header.resizeSection(COLUMN_INDEX["method"], 133)
    header.show_column(COLUMN_INDEX["scheme"], is_shown=True)
    header.show_column(COLUMN_INDEX["time"], is_shown=False)
    preferences = Preferences(columns=header.remembered())
    save_preferences(preferences, str(tmp_path / "p.json"))
    other = ExchangeList(feed.model)
    qtbot.addWidget(other)
    other.header.restore(load_preferences(str(tmp_path / "p.json")).columns)
    other.resize(1100, 400)
    other.show()
    again = other.header.remembered()
    assert [each.key for each in again][0] == "host"
    assert [each.key for each in again] == [each.key for each in header.remembered()]
    assert remembered(other)["method"].width == 133
    assert remembered(other)["scheme"].is_shown
    assert not remembered(other)["time"].is_shown
    assert [cell.key for cell in other.visible_cells()][0] == "host"


@pytest.mark.parametrize(
    "damaged",
    [
        (),
        (ColumnPreference("no such column", 10, True),),
        (ColumnPreference("host", -5, True), ColumnPreference("method", 10**9, False)),
        (ColumnPreference("status", 50, False), ColumnPreference("path", 50, False)),
        (ColumnPreference("host", 100, True),) * 3,
    ],
)
def test_odd_preferences_leave_a_list_that_can_be_used(shown, damaged):
    shown.header.restore(damaged)
    cells = shown.visible_cells()
    assert {"status", "path"} <= {cell.key for cell in cells}
    assert all(0 < cell.width <= 2000 for cell in cells)
    assert sorted(each.key for each in shown.header.remembered()) == sorted(column.key for column in COLUMNS)


def test_the_menu_of_columns_hides_shows_and_resets(shown):
    def entry(name: str):
        return next(action for action in shown.header.column_menu().actions() if action.text() == name)

    assert not entry("Status").isEnabled()
    entry("Host").trigger()
    assert shown.header.isSectionHidden(COLUMN_INDEX["host"])
    entry("Whole URL").trigger()
    assert not shown.header.isSectionHidden(COLUMN_INDEX["url"])
    entry("Default Columns").trigger()
    hidden = {column.key for column in COLUMNS if shown.header.isSectionHidden(COLUMN_INDEX[column.key])}
    assert hidden == {column.key for column in COLUMNS if not column.is_shown}


def test_the_path_takes_the_room_that_is_left(shown):
    def width() -> int:
        return shown.header.sectionSize(COLUMN_INDEX[STRETCHED])

    before = width()
    shown.resize(shown.width() + 200, 400)
    assert width() == before + 200


def test_the_number_is_never_cut_off(shown, feed, qtbot):
    index = COLUMN_INDEX["id"]
    shown.header.resizeSection(index, 1)  # as narrow as it goes
    narrow = shown.header.sectionSize(index)
    arrive(qtbot, feed, 9)
    assert shown.header.sectionSize(index) == narrow
    arrive(qtbot, feed, 1000)
    assert shown.painter.fits("1009", shown.header.sectionSize(index))

    wide = shown.header.sectionSize(index)
    shown.header.resizeSection(index, narrow)  # a person has the last word …
    arrive(qtbot, feed, 1)
    assert shown.header.sectionSize(index) == narrow
    shown.header.restore(())
    shown.header.resizeSection(index, narrow)
    arrive(qtbot, feed, 1)  # … until the columns are arranged anew
    assert shown.header.sectionSize(index) == wide


def test_a_click_on_a_header_sorts(shown, feed, qtbot):
    feed.arrive(Sample(host="b.test"), Sample(host="a.test"))
    settle(qtbot, feed)
    host = COLUMN_INDEX["host"]
    middle = QPoint(shown.header.sectionViewportPosition(host) + 30, shown.header.height() // 2)
    QTest.mouseClick(shown.header.viewport(), Qt.MouseButton.LeftButton, pos=middle)
    settle(qtbot, feed)
    assert list(feed.model.all_ids()) == [2, 1]
    QTest.mouseClick(shown.header.viewport(), Qt.MouseButton.LeftButton, pos=middle)
    settle(qtbot, feed)
    assert list(feed.model.all_ids()) == [1, 2]


def test_who_asked_is_told_whole_beneath_the_pointer(shown, feed, qtbot, monkeypatch):
    told = []
    monkeypatch.setattr(QToolTip, "showText", lambda _at, text, _over: told.append(text))
    feed.arrive(Sample(client=11), Sample(client=12))
    feed.name(11, Program("chromium", 4711, "/opt/<b>/chromium"))
    settle(qtbot, feed)

    def point_at(row: int) -> None:
        place = shown.visualRect(feed.model.index(row, COLUMN_INDEX["app"])).center()
        event = QHelpEvent(QHelpEvent.Type.ToolTip, place, shown.viewport().mapToGlobal(place))
        QApplication.sendEvent(shown.viewport(), event)

    point_at(1)
    assert told == []
    point_at(0)
    assert told == ['<span style="white-space:pre-wrap">/opt/&lt;b&gt;/chromium\nProcess 4711</span>']


def test_nobody_is_asked_for_programs_that_nobody_sees(shown, feed, qtbot, monkeypatch):
    arrive(qtbot, feed, 300)
    asked = []
    real = feed.model.reader.programs
    monkeypatch.setattr(feed.model.reader, "programs", lambda ids: (asked.append(len(ids)), real(ids))[1])
    feed.model.cache.forget()
    shown.header.show_column(COLUMN_INDEX["app"], is_shown=False)
    shown.grab()
    assert asked == []
    shown.header.show_column(COLUMN_INDEX["app"], is_shown=True)
    shown.grab()
    shown.grab()
    assert 1 <= len(asked) <= 2, "a block in sight is asked for at once, and once"


def test_in_a_narrow_window_the_path_can_be_read_and_the_list_scrolls(shown):
    path = COLUMN_INDEX[STRETCHED]
    shown.resize(640, 400)
    QApplication.processEvents()
    narrow = shown.header.sectionSize(path)
    assert narrow >= 120
    assert shown.horizontalScrollBar().maximum() > 0
    shown.resize(1200, 400)
    QApplication.processEvents()
    assert shown.header.sectionSize(path) > 300
    assert shown.header.length() == shown.viewport().width()
    assert shown.horizontalScrollBar().maximum() == 0
