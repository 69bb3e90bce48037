"""The list's model beside a capture that grows: always what a query of the whole capture would give, and never a lie to Qt."""

import random
import sqlite3
from collections.abc import Sequence
from dataclasses import replace

import pytest
from PySide6.QtCore import QModelIndex, Qt
from PySide6.QtTest import QAbstractItemModelTester

from app.exchange_text import status_text
from app.list import exchange_model
from app.list.columns import COLUMN_INDEX, COLUMNS
from app.list.exchange_model import ExchangeModel
from app.list.row_cache import BLOCK, ROW_LIMIT, RowCache
from proxy_core.capture.reader import CaptureError, CaptureReader
from proxy_core.capture.recovery import recover
from proxy_core.model.dark_cause import DarkCause
from proxy_core.model.exchange import ExchangeKind, ExchangeState
from proxy_core.model.filter import parse_filter
from proxy_core.model.tls_facts import Program
from tests.support.captures import LiveCapture, Sample
from tests.support.live_feed import LiveFeed

OPEN = ExchangeState.RESPONDING  # only such can change: what is finished is never heard of again
CURL = Program("curl", 4711, "/usr/bin/curl")
FAILED = {"status": None, "state": ExchangeState.FAILED, "failure": "dns_error"}


@pytest.fixture
def live(tmp_path):
    capture = LiveCapture(tmp_path / "a.live")
    yield capture
    capture.close()


@pytest.fixture
def feed(live, qapp, monkeypatch):
    monkeypatch.setattr(exchange_model, "_RESORT_AFTER_MS", 0)
    model = ExchangeModel()
    tester = QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal)
    yield LiveFeed(live, model)
    del tester
    model.close()


def wanted(feed: LiveFeed) -> list[int]:
    """What the capture itself says to the model's query."""
    reader = CaptureReader(str(feed.capture.folder))
    query = feed.model.query
    ids = list(reader.ids(query.filter, order_by=query.order_by, descending=query.descending))
    reader.close()
    return ids


def settle(feed: LiveFeed, qtbot) -> list[int]:
    qtbot.waitUntil(lambda: feed.is_settled, timeout=20_000)
    model = feed.model
    shown = list(model.all_ids())
    assert shown == [model.id_at(row) for row in range(model.rowCount())]
    assert [model.row_of(each) for each in shown] == list(range(len(shown)))
    return shown


def show(feed: LiveFeed, text: str) -> None:
    feed.model.set_filter(feed.model.query._replace(filter=parse_filter(text) if text else None))


def test_it_grows_with_the_capture(feed, qtbot):
    assert settle(feed, qtbot) == []
    first = feed.arrive(Sample(path="/1"), Sample(path="/2"))
    assert settle(feed, qtbot) == first
    second = feed.arrive(Sample(path="/3"), tells_rows=False)
    assert settle(feed, qtbot) == first + second
    assert [cell(feed.model, row, "path") for row in range(3)] == ["/1", "/2", "/3"]
    assert feed.totals.total == 3


def cell(model: ExchangeModel, row: int, key: str) -> object:
    return model.data(model.index(row, COLUMN_INDEX[key]))


def test_what_was_there_already_is_listed_with_its_failures(live, qapp, qtbot):
    ids = live.add(Sample(), Sample(**FAILED), Sample())
    model = ExchangeModel()
    with qtbot.waitSignal(model.counted) as counted:
        model.set_capture(str(live.folder))
    qtbot.waitUntil(lambda: not model.is_busy)
    assert list(model.all_ids()) == ids
    assert counted.args == [3, 1]
    model.close()


@pytest.mark.parametrize("tells_rows", [True, False])
def test_an_exchange_that_changes_is_shown_as_it_is_now(feed, qtbot, tells_rows):
    key = feed.key(1)
    feed.arrive(Sample(status=None, state=ExchangeState.WAITING), keys=(key,))
    settle(feed, qtbot)
    assert cell(feed.model, 0, "status") == "pending"
    with qtbot.waitSignal(feed.model.dataChanged):
        feed.arrive(Sample(status=201), keys=(key,), tells_rows=tells_rows)
    assert cell(feed.model, 0, "status") == "201"


@pytest.mark.parametrize("tells_rows", [True, False])
def test_a_filter_holds_for_newcomers_and_for_what_changes(feed, qtbot, tells_rows):
    keys = (feed.key(1), feed.key(2))
    show(feed, "status:404")
    feed.arrive(Sample(status=404, state=OPEN), Sample(status=200, state=OPEN), keys=keys, tells_rows=tells_rows)
    assert settle(feed, qtbot) == [1]
    feed.arrive(Sample(status=200), Sample(status=404), keys=keys, tells_rows=tells_rows)
    assert settle(feed, qtbot) == [2]
    feed.arrive(Sample(status=404), Sample(status=404), tells_rows=tells_rows)
    assert settle(feed, qtbot) == [2, 3, 4]
    show(feed, "")
    assert settle(feed, qtbot) == [1, 2, 3, 4]


def test_sorting_and_turning_around(feed, qtbot):
    feed.arrive(*[Sample(path=f"/{name}") for name in "cab"])
    assert settle(feed, qtbot) == [1, 2, 3]
    feed.model.sort(0, Qt.SortOrder.DescendingOrder)
    assert settle(feed, qtbot) == [3, 2, 1]
    feed.arrive(Sample(path="/0"))
    assert settle(feed, qtbot) == [4, 3, 2, 1]
    feed.model.sort(COLUMN_INDEX["path"], Qt.SortOrder.AscendingOrder)
    assert settle(feed, qtbot) == [4, 2, 3, 1]
    feed.arrive(Sample(path="/aa"))
    assert settle(feed, qtbot) == [4, 2, 5, 3, 1]
    feed.model.sort(99)
    assert feed.model.query.order_by == "path"


def test_a_wish_taken_back_before_its_answer_came_leaves_no_trace(feed, qtbot):
    feed.arrive(Sample(path="/b", status=404), Sample(path="/a", status=200))
    settle(feed, qtbot)
    show(feed, "status:404")
    show(feed, "")
    assert settle(feed, qtbot) == [1, 2]
    feed.model.sort(COLUMN_INDEX["path"], Qt.SortOrder.AscendingOrder)
    feed.model.sort(0, Qt.SortOrder.DescendingOrder)
    assert settle(feed, qtbot) == [2, 1]


def apps(feed: LiveFeed) -> list[str]:
    column = COLUMN_INDEX["app"]
    return [feed.model.data(feed.model.index(row, column)) for row in range(feed.model.rowCount())]


def test_who_asked_stands_in_the_row_as_soon_as_it_is_known(feed, qtbot):
    feed.arrive(Sample(client=11), Sample(client=12), Sample(client=11))
    settle(feed, qtbot)
    assert apps(feed) == ["", "", ""]
    feed.name(11, CURL)
    assert apps(feed) == ["curl", "", "curl"]
    feed.name(12, Program("\u202eevil\n", 12))
    assert apps(feed) == ["curl", "\\u202eevil\\x0a", "curl"]
    feed.model.sort(0, Qt.SortOrder.DescendingOrder)
    feed.arrive(Sample(client=12), Sample(client=13))
    settle(feed, qtbot)
    assert apps(feed) == ["", "\\u202eevil\\x0a", "curl", "\\u202eevil\\x0a", "curl"]


def test_a_filter_by_app_finds_what_had_ended_before_its_app_was_known(feed, qtbot):
    feed.model.set_filter(feed.model.query._replace(filter=parse_filter("-is:failed app:curl")))
    feed.arrive(Sample(client=11), Sample(client=12), Sample(client=11))
    assert settle(feed, qtbot) == []
    feed.name(12, Program("node", 12))
    assert settle(feed, qtbot) == []
    feed.name(11, CURL)
    assert settle(feed, qtbot) == [1, 3]


def test_a_filter_by_messages_finds_an_open_connection_as_soon_as_it_says_so(feed, qtbot):
    key = feed.key(1)
    chat = Sample(kind=ExchangeKind.WEBSOCKET, status=101, state=OPEN, messages=[(0, 1, 0, b"hay", ())])
    feed.model.set_filter(feed.model.query._replace(filter=parse_filter("messages:needle")))
    feed.arrive(chat, Sample("/needle"), keys=(key, feed.key(2)))
    feed.capture.writer.apply([feed.capture.messages_event(chat, key)], None)
    feed.arrive(chat, keys=(key,))
    assert settle(feed, qtbot) == []
    chat.messages = [*chat.messages, (1, 1, 0, b"The Needle", ())]
    feed.capture.writer.apply([feed.capture.messages_event(chat, key)], None)
    feed.arrive(chat, keys=(key,))
    assert settle(feed, qtbot) == [1]


def test_sorting_by_app_goes_on_while_apps_become_known(feed, qtbot):
    feed.arrive(*[Sample(client=client) for client in (11, 12, 13, 11)])
    feed.name(11, Program("zsh", 11))
    feed.name(12, Program("Curl", 12))
    feed.model.sort(COLUMN_INDEX["app"])
    assert settle(feed, qtbot) == wanted(feed) == [2, 1, 4, 3]
    feed.name(13, Program("node", 13))
    assert settle(feed, qtbot) == wanted(feed) == [2, 3, 1, 4]
    assert apps(feed) == ["Curl", "node", "zsh", "zsh"]
    feed.model.sort(COLUMN_INDEX["app"], Qt.SortOrder.DescendingOrder)
    assert settle(feed, qtbot) == wanted(feed) == [4, 1, 3, 2]


def test_clearing_keeps_what_is_under_way(feed, qtbot):
    feed.arrive(Sample(), Sample(status=None, state=ExchangeState.WAITING), Sample())
    settle(feed, qtbot)
    feed.clear()
    assert settle(feed, qtbot) == [2]
    feed.arrive(Sample())
    assert settle(feed, qtbot) == [2, 4]


def test_many_scattered_newcomers_are_one_reset(feed, qtbot):
    keys = tuple(feed.key(number) for number in range(400))
    show(feed, "status:404")
    feed.arrive(*[Sample(status=404, state=OPEN), Sample(status=200, state=OPEN)] * 200, keys=keys)
    assert settle(feed, qtbot) == list(range(1, 400, 2))
    resets = []
    feed.model.modelReset.connect(lambda: resets.append(1))
    feed.arrive(*[Sample(status=404)] * 200, keys=keys[1::2])
    assert settle(feed, qtbot) == list(range(1, 401))
    assert len(resets) == 1


@pytest.mark.parametrize("seed", range(8))
def test_whatever_happens_it_shows_what_the_capture_holds(feed, qtbot, seed):
    chance = random.Random(seed)
    filters = ["", "status:404", "-status:404", "path:a", "method:POST", "is:pending", "size>0"]
    under_way: list[int] = []
    count = 0

    def sample(key: int) -> Sample:
        state = chance.choice([ExchangeState.WAITING, OPEN, ExchangeState.COMPLETE, ExchangeState.FAILED])
        if state < ExchangeState.COMPLETE:
            under_way.append(key)
        return Sample(
            path=f"/{chance.choice('abc')}",
            method=chance.choice(["GET", "POST"]),
            status=None if state == ExchangeState.WAITING else chance.choice([200, 404]),
            state=state,
            response_body=b"x" * chance.choice([0, 10]),
        )

    for _ in range(25):
        match chance.randrange(8):
            case 0 | 1 | 2:
                new = [feed.key(count + number) for number in range(chance.choice([1, 2, 90]))]
                count += len(new)
                feed.arrive(*map(sample, new), keys=tuple(new), tells_rows=chance.random() < 0.7)
            case 3 | 4 if under_way:
                some = chance.sample(under_way, min(len(under_way), chance.choice([1, 3, 150])))
                under_way[:] = [each for each in under_way if each not in some]
                feed.arrive(*map(sample, some), keys=tuple(some), tells_rows=chance.random() < 0.7)
            case 5:
                show(feed, chance.choice(filters))
            case 6:
                column = chance.choice(["id", "id", "status", "path"])
                feed.model.sort(COLUMN_INDEX[column], chance.choice(list(Qt.SortOrder)))
            case 7 if chance.random() < 0.3:
                feed.clear()
        if chance.random() < 0.5:
            settle(feed, qtbot)
    assert settle(feed, qtbot) == wanted(feed)
    assert feed.totals.total == feed.capture.writer.total


@pytest.mark.parametrize("text", ["", "path:/"])
@pytest.mark.parametrize("order", [("id", False), ("id", True), ("path", False)])
def test_what_a_repair_has_brought_is_listed_when_it_looks_again(feed, qtbot, text, order):
    show(feed, text)
    feed.model.set_filter(feed.model.query._replace(order_by=order[0], descending=order[1]))
    feed.arrive(Sample("/b"), Sample("/c", state=OPEN))
    settle(feed, qtbot)
    feed.capture.journal_only(Sample("/a"), Sample("/d", **FAILED))
    feed.capture.close(closed=False)
    assert recover(str(feed.capture.folder)).replayed == 2
    with qtbot.waitSignal(feed.model.rows_changed) as changed, qtbot.waitSignal(feed.model.counted) as counted:
        feed.model.look_again()
    assert settle(feed, qtbot) == wanted(feed)
    assert (changed.args, counted.args) == ([1, 2], [4, 2])
    shown = sorted(cell(feed.model, row, "path") for row in range(feed.model.rowCount()))
    assert shown == ["/a", "/b", "/c", "/d"]
    under_way = feed.model.exchange(2)
    assert under_way is not None
    assert under_way.failure == "engine_died"


def test_a_capture_that_cannot_be_read_leaves_the_one_that_was_shown(feed, qtbot, tmp_path):
    feed.arrive(Sample())
    settle(feed, qtbot)
    (tmp_path / "bad.harrier").write_bytes(b"no capture")
    with pytest.raises(CaptureError):
        feed.model.set_capture(str(tmp_path / "bad.harrier"))
    assert settle(feed, qtbot) == [1]
    assert cell(feed.model, 0, "host") == "shop.test"


def test_no_capture_is_an_empty_list(qapp, qtbot):
    model = ExchangeModel()
    model.set_capture(None)
    model.sort(1, Qt.SortOrder.DescendingOrder)
    assert model.rowCount() == 0
    assert not model.is_busy
    model.close()


def test_what_qt_asks(feed, qtbot):
    feed.arrive(Sample(status=404, path="/\u202ea"))
    settle(feed, qtbot)
    model = feed.model
    index = model.index(0, COLUMN_INDEX["path"])
    assert model.data(index) == "/\\u202ea"
    assert model.data(index, Qt.ItemDataRole.ToolTipRole) is None
    assert model.data(QModelIndex()) is None
    assert (model.rowCount(index), model.columnCount(index)) == (0, 0)
    titles = [model.headerData(column, Qt.Orientation.Horizontal) for column in range(model.columnCount())]
    assert titles == [column.title for column in COLUMNS]
    names = [
        model.headerData(column, Qt.Orientation.Horizontal, Qt.ItemDataRole.AccessibleTextRole)
        for column in range(model.columnCount())
    ]
    assert all(names)
    assert model.headerData(0, Qt.Orientation.Vertical) is None
    assert model.headerData(99, Qt.Orientation.Horizontal) is None


def test_rows_between(feed, qtbot):
    feed.arrive(*[Sample()] * 5)
    settle(feed, qtbot)
    assert list(feed.model.ids_between(1, 3)) == [2, 3, 4]
    feed.model.sort(0, Qt.SortOrder.DescendingOrder)
    settle(feed, qtbot)
    assert list(feed.model.ids_between(1, 3)) == [4, 3, 2]
    assert list(feed.model.ids_between(0, 4)) == list(feed.model.all_ids())


# Rows


class CountingReader:
    """A reader that notes what it is asked for."""

    def __init__(self, reader: CaptureReader) -> None:
        self._reader = reader
        self.asked: list[int] = []

    def rows(self, ids, damaged=None):
        self.asked.append(len(ids))
        return self._reader.rows(ids)

    def detail(self, exchange_id):
        self.asked.append(1)
        return self._reader.detail(exchange_id)

    def programs(self, ids):
        self.asked.append(len(ids))
        return self._reader.programs(ids)


@pytest.fixture
def counting(live):
    live.add(*[Sample(path=f"/{number}") for number in range(3 * BLOCK)])
    reader = CaptureReader(str(live.folder))
    yield CountingReader(reader)
    reader.close()


def test_rows_are_read_a_block_at_a_time_and_once(counting):
    cache = RowCache()
    cache.use(counting)
    ids = list(range(1, 3 * BLOCK + 1))
    for _ in range(3):
        for place in range(BLOCK, 2 * BLOCK):
            row = cache.row(ids, place)
            assert row is not None
            assert row.path == f"/{place}"
    assert counting.asked == [BLOCK]


def test_programs_are_read_a_block_at_a_time_and_once_where_they_are_known(live, counting):
    live.add_clients({1: CURL})
    live.add(Sample(client=2))
    cache = RowCache()
    cache.use(counting)
    ids = list(range(1, 3 * BLOCK + 2))
    for _ in range(3):
        assert [cache.program(ids, place) for place in range(BLOCK)] == [CURL] * BLOCK
        assert cache.program(ids, 3 * BLOCK) is None
    assert counting.asked == [BLOCK, 1]
    live.add_clients({2: CURL})
    cache.look_for_programs()
    assert (cache.program(ids, 3 * BLOCK), cache.program(ids, 0)) == (CURL, CURL)
    assert counting.asked == [BLOCK, 1, 1]


def kept(cache: RowCache, counting: CountingReader, ids: Sequence[int]) -> int:
    """How many of these, of which the last came last, are at hand: they are given without another look."""
    looks = len(counting.asked)
    for number, exchange_id in enumerate(reversed(ids)):
        cache.row([exchange_id], 0)
        if len(counting.asked) > looks:
            return number
    return len(ids)


def test_rows_in_memory_are_bounded(live, counting):
    cache = RowCache()
    cache.use(counting)
    row = cache.row([1], 0)
    assert row is not None
    cache.put(row._replace(id=number) for number in range(10, 3 * ROW_LIMIT))
    assert kept(cache, counting, range(10, 3 * ROW_LIMIT)) == ROW_LIMIT


def test_an_exchange_that_is_gone_is_nothing(counting):
    cache = RowCache()
    cache.use(counting)
    assert cache.row([999_999], 0) is None
    assert cache.program([999_999], 0) is None
    assert cache.rows([1, 999_999, 2])[1].id == 2


def test_a_capture_that_fails_is_told_and_paints_nothing(counting):
    def fail(*_):
        raise CaptureError("The disk is gone.")

    cache = RowCache()
    cache.use(counting)
    counting.rows = counting.detail = counting.programs = fail
    assert cache.row([1], 0) is None
    assert cache.program([1], 0) is None
    assert cache.rows([1]) == []
    assert cache.problem == "The disk is gone."


def test_a_damaged_row_has_a_stand_in_that_says_so(live):
    live.add(Sample("/a"), Sample("/b"))
    live.close()
    database = sqlite3.connect(live.folder / "index.sqlite")
    with database:
        database.execute("UPDATE exchange SET kind = 99 WHERE id = 2")
    database.close()
    cache = RowCache()
    reader = CaptureReader(str(live.folder))
    cache.use(reader)
    first, second = cache.row([1, 2], 0), cache.row([1, 2], 1)
    assert first.path == "/a"
    assert status_text(second).text == "Damaged"
    assert cache.sentence(second) == "What is stored of this exchange can't be read."
    reader.close()


def test_a_tunnel_says_why_it_is_dark_and_once_it_has_failed_how_too(live):
    dark = DarkCause.NOT_WEB.told()
    key = live.journal.series << 32 | 900
    tunnel = Sample("", "CONNECT", kind=ExchangeKind.TUNNEL, state=OPEN, notes=f"A remark.\n{dark}")
    failed = replace(tunnel, state=ExchangeState.FAILED, failure="connection_terminated", failure_text="It was reset.")
    reader = CaptureReader(str(live.folder))
    cache = RowCache()
    cache.use(reader)
    said = []
    for sample in (tunnel, failed):
        live.writer.apply([live.event(sample, key)], None)
        live.writer.commit()
        row = reader.rows([1])[1]
        cache.put([row])  # as a notice brings it
        said.append(cache.sentence(row))
    assert said == [dark, f"It was reset. {dark}"]
    reader.close()


def test_very_long_paths_are_not_kept_without_end(live):
    live.add(*(Sample(f"/{number}{'x' * 1_500_000}") for number in range(BLOCK + 10)))
    cache = RowCache()
    reader = CaptureReader(str(live.folder))
    counting = CountingReader(reader)
    cache.use(counting)
    ids = list(range(1, BLOCK + 11))
    for position in range(len(ids)):
        assert cache.row(ids, position) is not None
    assert kept(cache, counting, ids) <= BLOCK
    reader.close()
