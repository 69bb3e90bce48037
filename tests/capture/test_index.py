"""Writer and reader: what is applied can be read, filtered, sorted, cleared; damage is an error of one sentence."""

import os
import random
import shutil
import sqlite3
import threading
from contextlib import suppress

import pytest

from proxy_core.capture.extents import encode_extents
from proxy_core.capture.reader import CaptureError, CaptureInterruptedError, CaptureReader
from proxy_core.capture.recovery import recover, replay_series
from proxy_core.capture.saver import SaveCancelledError, save_capture
from proxy_core.capture.writer import INDEX_NAME, IndexWriter
from proxy_core.model.event import EventKind, decode_event, encode_detail, encode_event
from proxy_core.model.exchange import ExchangeRow, ExchangeState
from proxy_core.model.failure import FailureKind
from proxy_core.model.filter import parse_filter, read_filter
from proxy_core.model.tls_facts import Program
from tests.support.btree import PAGE_BYTES, leaf_pages
from tests.support.captures import LiveCapture, Sample

BODY = b"x" * 3000
ROWS_ON_A_PAGE = 1  # of such bodies


@pytest.fixture
def reader(live):
    opened: list[CaptureReader] = []

    def open_reader(path: str | None = None) -> CaptureReader:
        opened.append(CaptureReader(path or str(live.folder)))
        return opened[-1]

    yield open_reader
    for each in opened:
        each.close()
    live.close()


def test_what_is_written_can_be_read_while_it_grows(live, reader):
    capture = reader()
    assert (capture.total(), capture.last_id()) == (0, 0)
    live.add(Sample("/a", response_body=b"hello"), Sample("/b", status=404))
    assert list(capture.ids()) == [1, 2]
    rows = capture.rows([1, 2, 99])
    assert [rows[each].path for each in sorted(rows)] == ["/a", "/b"]
    detail = capture.detail(1)
    assert capture.read_body(detail.response.body) == b"hello"
    assert capture.read_body(detail.response.body, 1, 3) == b"ell"
    assert capture.body_length(detail.response.body) == 5
    assert capture.detail(99) is None


def test_an_open_exchange_is_updated_under_its_number(live, reader):
    key = 77
    first = live.event(Sample("/slow", state=ExchangeState.WAITING, status=None), key)
    applied = live.writer.apply([first], None)
    assert (applied.first_new_id, applied.last_new_id, applied.changed_from_id) == (1, 1, 0)
    applied = live.writer.apply([live.event(Sample("/slow", status=200), key)], None)
    live.writer.commit()
    assert (applied.first_new_id, applied.changed_from_id, applied.changed_to_id) == (0, 1, 1)
    assert reader().rows([1])[1].status == 200
    assert live.writer.total == 1


def test_what_open_exchanges_have_brought_is_counted_once(live):
    def tell(key: int, size: int, state: int) -> None:
        event = decode_event(live.event(Sample("/slow", state=state), key))
        row = [*event.row]
        row[12:14] = 0, size
        live.writer.apply([encode_event((EventKind.EXCHANGE.value, key, row, event.detail))], None)

    tell(1, 100, ExchangeState.RESPONDING)
    assert live.writer.recorded_bytes == 100
    tell(1, 300, ExchangeState.RESPONDING)
    tell(2, 40, ExchangeState.COMPLETE)
    assert live.writer.recorded_bytes == 340
    cleared = live.writer.clear()
    assert (cleared.recorded_bytes, live.writer.recorded_bytes) == (40, 300)
    live.writer.bring_back(cleared)
    live.writer.commit()
    live.writer._load()  # as when the capture is gone on with
    assert live.writer.recorded_bytes == 340
    tell(1, 500, ExchangeState.COMPLETE)
    assert live.writer.recorded_bytes == 540


def test_an_amended_exchange_keeps_its_number(live, reader):
    event = live.event(Sample("/late"), 5)
    live.writer.apply([event, live.event(Sample("/other"), 6)], None)
    told = decode_event(event)
    row = [*told.row]
    row[2], row[14] = int(ExchangeState.FAILED), "client_closed"
    amended = encode_event((EventKind.AMENDED.value, told.key, row, told.detail))
    live.writer.apply([amended], None)
    live.writer.commit()
    capture = reader()
    assert capture.total() == 2
    assert capture.rows([1])[1].failure == "client_closed"
    assert live.writer.failed == 1


def test_clearing_keeps_what_is_under_way_and_numbers_go_on(live, reader):
    live.add(Sample("/a"), Sample("/b"))
    live.writer.apply([live.event(Sample("/open", state=ExchangeState.WAITING), 50)], None)
    cleared = live.writer.clear()
    assert (cleared.left_out.upto_id, set(cleared.left_out.kept), cleared.total) == (3, {3}, 2)
    live.add(Sample("/c"))
    capture = reader()
    capture.leave_out(cleared.left_out)
    for _ in range(2):
        assert list(capture.ids()) == [3, 4]
        assert capture.matching([1, 2, 3, 4], parse_filter("path:/")) == {3, 4}
        assert capture.total() == live.writer.total == 2
        assert live.writer.forget(cleared)
        live.writer._cleared.append(cleared)  # to be forgotten again, which changes nothing
    assert list(reader().ids()) == [3, 4]


def test_what_was_cleared_can_be_brought_back(live, reader):
    live.add(Sample("/a", response_body=b"123"), Sample("/b", state=ExchangeState.FAILED, failure="dns_error"))
    cleared = live.writer.clear()
    assert (live.writer.total, live.writer.failed, live.writer.recorded_bytes) == (0, 0, 0)
    live.add(Sample("/c"))
    live.writer.bring_back(cleared)
    assert (live.writer.total, live.writer.failed, live.writer.recorded_bytes) == (3, 1, 3)
    assert list(reader().ids()) == [1, 2, 3]


def test_what_is_cleared_is_forgotten_a_bit_at_a_time(live, reader, monkeypatch):
    monkeypatch.setattr("proxy_core.capture.writer._FORGOTTEN_AT_ONCE", 10)
    live.add(*[Sample(f"/{number}") for number in range(25)])
    cleared = live.writer.clear()
    live.add(Sample("/new"))
    left = []
    while not live.writer.forget(cleared):
        left.append(reader().total())
    assert left == [16, 6]
    capture = reader()
    assert list(capture.ids()) == [26]
    assert capture.detail(25) is None
    assert live.writer.total == 1


@pytest.mark.parametrize("with_new", [True, False])
def test_numbers_go_on_after_all_is_forgotten_and_the_index_is_opened_again(live, tmp_path, with_new):
    live.add(Sample("/a"), Sample("/b"))
    cleared = live.writer.clear()
    if with_new:
        live.add(Sample("/c"))
    assert live.writer.forget(cleared)
    live.close(closed=False)
    again = IndexWriter(os.path.join(live.folder, INDEX_NAME))
    assert (again.total, again.last_id) == ((1, 3) if with_new else (0, 2))
    again.close(closed=True)


def test_counts_leave_out_what_was_cleared_after_trouble_with_the_disk(live):
    live.add(Sample("/a"), Sample("/b"))
    live.writer.clear()
    live.add(Sample("/c"))
    live.writer.apply([live.event(Sample("/d"))], None)
    live.writer.roll_back()
    assert live.writer.total == 1


def test_counts_survive_reopening(live, reader):
    live.add(Sample("/a", response_body=b"12345"), Sample("/b", state=ExchangeState.FAILED, failure="dns_error"))
    live.writer.close(closed=False)
    live.writer = IndexWriter(os.path.join(live.folder, INDEX_NAME))
    assert (live.writer.total, live.writer.failed, live.writer.recorded_bytes, live.writer.last_id) == (2, 1, 5, 2)
    assert live.add(Sample("/c")) == [3]


def test_sorting_and_ranges(live, reader):
    live.add(*(Sample(f"/{n}", duration_us=duration) for n, duration in enumerate((300, 100, 200))))
    capture = reader()
    assert list(capture.ids(order_by="duration_us")) == [2, 3, 1]
    assert list(capture.ids(order_by="duration_us", descending=True)) == [1, 3, 2]
    assert list(capture.ids(after_id=1, upto_id=2)) == [2]


FILTERED = [
    ("status:404", [2]),
    ("status:4xx", [2]),
    ("status>=400", [2, 4]),
    ("status:200-299", [1, 3]),
    ("-status:200", [2, 4, 5]),
    ("method:post", [3]),
    ("host:api.*", [3]),
    ("host:shop", [1, 2, 4, 5]),
    ("host=shop", []),
    ("type:json", [3]),
    ("type:img", [2]),
    ("type:js", []),
    ("path:/^\\/v\\d/", [3]),
    ("path:/v1/", [3]),
    ("is:failed", [5]),
    ("v1 or ico", [2, 3]),
    ("shop -type:img -is:failed", [1, 4]),
    ("(status:404 or status:503) host:shop", [2, 4]),
    ("not (status:404 or status:503)", [1, 3, 5]),
    ('"two words"', []),
    ("100%", []),
    ("_", [5]),  # of «dns_error»: no wildcard
    ("size>2", [3]),
    ("time<1s", [1, 2, 3, 4, 5]),
    ("https://api.test", [3]),
    ("503", [4]),
]


@pytest.fixture
def filtered(live, reader):
    live.add(
        Sample("/"),
        Sample("/favicon.ico", status=404, content_type="image/png"),
        Sample("/v1/items", method="POST", host="api.test", content_type="application/json", response_body=b"[1]"),
        Sample("/pay", status=503),
        Sample("/gone", status=None, state=ExchangeState.FAILED, failure="dns_error"),
    )
    return reader()


@pytest.mark.parametrize(("text", "ids"), FILTERED)
def test_filters(filtered, text, ids):
    query = parse_filter(text)
    assert list(filtered.ids(query)) == ids
    assert filtered.matching([1, 2, 3, 4, 5], query) == set(ids)


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("localhost:21011", [2]),
        ("127.0.0.1:80", [4]),
        ("[::1]:9000/a", [3]),
        ("shop.test/cart?page=2", [1]),
        ("https://shop.test/cart", [1]),  # as it is shown, copied and pasted
        ("https://shop.test:443/cart", [1]),
        ("http://localhost:21011/", [2]),
        ("https://localhost", []),
        ("http://localhost/api", []),
        ("url:shop.test:443", [1]),
        ("url=https://shop.test/cart?page=2", [1]),
        ("url:/^http:..localhost:21011.api$/", [2]),
        ("page=2", [1]),
        ("other.test:8443", [5]),
        ('host:"[::1]"', [3]),
        ("host:[::1]", [3]),
        ("host=[::1]", [3]),
        ("host=::1", [3]),
        ("host:[::1]:9000", [3]),
        ("host=[::1]:9000", [3]),
        ("host:[::1]:9", [3]),
        ("host:[::*]", [3]),
        ("host:[::1]:443", []),
        ("host=[::1", []),
        ("-host:[::1]", [1, 2, 4, 5]),
        ("host:localhost:21011", [2]),
        ("host=other.test:8443", [5]),
        (r"host:/^\[::1\]$/", [3]),
        ("host:/^::1$/", [3]),
        ("host:/9/", []),  # a port is no part of the host
        ("[::1]", [3]),
        ("[:", [3]),
        ("host:[::1] port:9000", [3]),
        ("url:[::1]", [3]),
    ],
)
def test_parts_of_an_url_are_found_however_it_is_written(live, reader, text, ids):
    live.add(
        Sample("/cart?page=2"),
        Sample("/api", scheme="http", host="localhost", port=21011),
        Sample("/a", host="::1", port=9000),
        Sample("/", scheme="http", host="127.0.0.1", port=80),
        Sample("", method="CONNECT", kind=1, scheme="", host="other.test", port=8443),
    )
    assert list(reader().ids(read_filter(text).filter)) == ids


def test_who_is_behind_exchanges(live, reader):
    live.add(*[Sample(client=client) for client in (11, 12, 13, 11)])
    curl, node = Program("curl", 4711, "/usr/bin/curl"), Program("Node", 12)
    capture = reader()
    assert capture.programs([1, 2, 3, 4]) == {}
    live.add_clients({11: curl, 12: node, 13: None})
    assert capture.programs([4, 3, 2, 99]) == {4: curl, 2: node}
    assert list(capture.ids(order_by="app")) == [1, 4, 2, 3]
    assert list(capture.ids(order_by="app", descending=True)) == [2, 4, 1, 3]


def test_that_a_program_is_known_is_told_by_the_writer(live):
    assert not live.writer.apply([live.client_event(11, None)], None).has_programs
    assert live.writer.apply([live.client_event(11, Program("curl", 1))], None).has_programs
    assert not live.writer.apply([live.event(Sample(client=11))], None).has_programs


def test_a_query_can_be_interrupted_from_another_thread(live, reader):
    live.add(*(Sample(f"/{n}") for n in range(3000)))
    capture = reader()
    has_begun = threading.Event()

    def slow(_pattern, _text):
        has_begun.set()
        threading.Event().wait(0.002)
        return 0

    capture._database.create_function("matches", 2, slow)
    interrupter = threading.Thread(target=lambda: (has_begun.wait(10), capture.interrupt()))
    interrupter.start()
    with pytest.raises(CaptureInterruptedError):
        capture.ids(parse_filter("path:/^x+$/"))
    interrupter.join()


class TestRecovery:
    def test_what_only_the_journal_holds_is_replayed_once(self, live, reader):
        live.add(Sample("/indexed"))
        live.journal_only(Sample("/lost", response_body=b"kept"), Sample("/open", state=ExchangeState.WAITING))
        live.close(closed=False)
        result = recover(str(live.folder))
        assert (result.exchanges, result.replayed, result.marked_failed) == (3, 2, 1)
        capture = reader()
        rows = capture.rows([1, 2, 3])
        assert [rows[each].path for each in (1, 2, 3)] == ["/indexed", "/lost", "/open"]
        assert rows[3].failure == FailureKind.ENGINE_DIED
        assert capture.read_body(capture.detail(2).response.body) == b"kept"
        assert capture.meta("closed") == "1"
        again = recover(str(live.folder))
        assert (again.exchanges, again.replayed, again.marked_failed) == (3, 0, 0)

    def test_a_torn_tail_is_left_out(self, live, reader):
        live.journal_only(Sample("/whole"))
        size = live.journal.offset
        live.journal_only(Sample("/torn"))
        path = os.path.join(live.folder, f"{live.journal.segment:08x}.seg")
        live.close(closed=False)
        os.truncate(path, size + 20)
        assert recover(str(live.folder)).exchanges == 1

    def test_only_the_dead_series_is_replayed(self, tmp_path):
        one = LiveCapture(tmp_path / "two.live", series=1)
        one.journal_only(Sample("/one"))
        two = LiveCapture(tmp_path / "two.live", series=2)
        two.journal_only(Sample("/two"))
        assert len(replay_series(one.writer, str(one.folder), 2).rows) == 1
        two.close()
        one.close()

    def test_a_capture_that_is_being_recorded_is_refused(self, live, reader):
        from proxy_core.capture.live import CaptureLock

        lock = CaptureLock(str(live.folder))
        with pytest.raises(CaptureError, match="being recorded"):
            recover(str(live.folder))
        lock.release()


class TestSaving:
    def test_a_saved_capture_is_the_same_and_can_be_saved_again(self, live, reader, tmp_path):
        body = bytes(range(256)) * 9000
        live.add_connections()
        live.add(Sample("/a", response_body=body, request_body=b"asked"), Sample("/b"), Sample("/c"))
        first, second = str(tmp_path / "one.harrier"), str(tmp_path / "two.harrier")
        save_capture(reader(), first)
        save_capture(reader(first), second, ids=[1, 3])
        saved = reader(second)
        assert list(saved.ids()) == [1, 3]
        detail = saved.detail(1)
        assert saved.read_body(detail.response.body) == body
        assert saved.read_body(detail.response.body, 1_048_000, 2000) == body[1_048_000:1_050_000]
        assert saved.read_body(detail.request.body) == b"asked"
        assert saved.connection(detail.upstream_connection).peer_host == "10.0.0.7"
        assert os.stat(second).st_mode & 0o777 == 0o600

    def test_what_was_sent_on_is_saved_beside_what_came(self, live, reader, tmp_path):
        live.add(
            Sample("/as-it-came", response_body=b"one"),
            Sample("/changed", response_body=b"two", response_forwarded_body=BODY),
            Sample("/emptied", response_body=b"three", response_forwarded_body=b""),
        )
        save_capture(reader(), str(tmp_path / "a.harrier"))
        shutil.rmtree(live.folder)
        saved = reader(tmp_path / "a.harrier")
        as_it_came, changed, emptied = (saved.detail(each).response for each in saved.ids())
        assert [saved.read_body(each.body) for each in (as_it_came, changed, emptied)] == [b"one", b"two", b"three"]
        assert as_it_came.forwarded_body is None
        assert saved.read_body(changed.forwarded_body) == BODY
        assert (emptied.forwarded_body is None, saved.body_length(emptied.forwarded_body)) == (False, 0)
        assert saved.bodies_missing() == 0

    def test_cancelling_leaves_nothing(self, live, reader, tmp_path):
        live.add(Sample("/a"))
        with pytest.raises(SaveCancelledError):
            save_capture(reader(), str(tmp_path / "x.harrier"), progress=lambda _done, _all: False)
        assert os.listdir(tmp_path) == ["test.live"]

    def test_a_folder_that_is_not_there_is_a_sentence(self, live, reader, tmp_path):
        with pytest.raises(CaptureError, match="can't be written"):
            save_capture(reader(), str(tmp_path / "nowhere" / "x.harrier"))


class TestDamage:
    @pytest.fixture
    def saved(self, live, reader, tmp_path) -> bytes:
        live.add(*(Sample(f"/{n}", response_body=BODY) for n in range(40)))
        path = tmp_path / "good.harrier"
        save_capture(reader(), str(path))
        return path.read_bytes()

    def read_all(self, path) -> str | dict[int, tuple[ExchangeRow | None, bytes | None]]:
        """What each exchange that is listed says, None for what can't be read of it; a sentence where none is listed."""
        read: dict[int, tuple[ExchangeRow | None, bytes | None]] = {}
        try:
            capture = CaptureReader(str(path))
        except CaptureError as error:
            return str(error)
        try:
            for each in capture.ids():
                row = body = None
                with suppress(CaptureError):
                    row = capture.rows([each]).get(each)
                with suppress(CaptureError):
                    detail = capture.detail(each)
                    body = detail and capture.read_body(detail.response.body)
                read[each] = row, body
            with suppress(CaptureError):
                assert set(capture.ids(read_filter("host:shop").filter, order_by="path")) <= read.keys()
        except CaptureError as error:
            return str(error)
        finally:
            capture.close()
        return read

    def check_sentence(self, told: str) -> None:
        assert told.endswith(".")
        assert "\n" not in told
        assert "harrier" in told.lower()

    def test_cut_files(self, saved, tmp_path):
        """What is left of them is as it was, or a sentence says that they are damaged."""
        path = tmp_path / "cut.harrier"
        path.write_bytes(saved)
        whole = self.read_all(path)
        assert [row.path for row, _ in whole.values()] == [f"/{n}" for n in range(40)]
        assert {body for _, body in whole.values()} == {BODY}
        listed = 0
        for size in [*range(0, 200, 7), *range(200, len(saved), max(len(saved) // 60, 1))]:
            path.write_bytes(saved[:size])
            told = self.read_all(path)
            if isinstance(told, str):
                self.check_sentence(told)
                continue
            listed += 1
            assert told.keys() <= whole.keys()
            for each, (row, body) in told.items():
                assert row in (None, whole[each][0])
                assert body is None or BODY.startswith(body)
        assert listed  # the bodies lie behind the rows: without the last of them there is something to show

    def test_flipped_bytes(self, saved, tmp_path):
        """A byte of one page costs no more than what lies on it; where it is nobody's, it may be all: a sentence."""
        path = tmp_path / "flipped.harrier"
        path.write_bytes(saved)
        whole = self.read_all(path)
        bodies = leaf_pages(path, "body_chunk")
        chance = random.Random(1)
        damaged_bodies = 0
        for _ in range(240):
            place = chance.randrange(len(saved))
            damaged = bytearray(saved)
            damaged[place] ^= 1 << chance.randrange(8)
            path.write_bytes(damaged)
            told = self.read_all(path)
            if place // PAGE_BYTES + 1 in bodies:
                assert [row for row, _ in told.values()] == [row for row, _ in whole.values()]
                others = [body for _, body in told.values() if body != BODY]
                assert len(others) <= ROWS_ON_A_PAGE
                damaged_bodies += len(others)
            elif isinstance(told, str):
                self.check_sentence(told)
            else:
                assert told.keys() <= whole.keys()
                assert all(body is None or len(body) <= len(BODY) for _, body in told.values())
        assert damaged_bodies

    def test_not_a_capture(self, tmp_path):
        for name, content in (("empty", b""), ("text", b"hello" * 100), ("pickle", b"cos\nsystem\n(S'true'\ntR.")):
            path = tmp_path / name
            path.write_bytes(content)
            with pytest.raises(CaptureError):
                CaptureReader(str(path))
        other = tmp_path / "other.sqlite"
        database = sqlite3.connect(other)
        database.execute("CREATE TABLE exchange (id)")
        database.commit()
        database.close()
        with pytest.raises(CaptureError, match="no Harrier capture"):
            CaptureReader(str(other))

    def test_a_later_version_is_refused_with_a_reason(self, live, reader, tmp_path):
        path = tmp_path / "later.harrier"
        live.add(Sample("/a"))
        save_capture(reader(), str(path))
        database = sqlite3.connect(path)
        database.execute("PRAGMA user_version=99")
        database.close()
        with pytest.raises(CaptureError, match=r"was made by a later Harrier \(.*format 99\)"):
            CaptureReader(str(path))

    @pytest.mark.parametrize("extents", [[(9, 0, 10)], [(0, 12345, 10)], [(1 << 20 | 1, 10**15, 10**15)]])
    def test_bodies_that_are_not_there_are_empty(self, live, reader, extents):
        live.add(Sample("/a", response_body=b"x"))
        assert reader().read_body(encode_extents(extents)) == b""

    @pytest.mark.parametrize("extents", [b"\xc1", b"\x93", encode_extents([(1, -5, 10)]), encode_extents([(1, 0, -1)])])
    def test_senseless_extents_are_an_error(self, live, reader, extents):
        live.add(Sample("/a"))
        with pytest.raises(CaptureError):
            reader().read_body(extents)

    @pytest.mark.parametrize("packed", [b"", b"\xc1", b"\x90", encode_detail(("key", b"", b"")), "text", 7])
    def test_a_senseless_detail_is_an_error_and_keeps_nobody_from_ending_what_was_open(self, live, reader, packed):
        live.add(Sample("/a"))
        live.writer.apply([live.event(Sample("/open", state=ExchangeState.WAITING), 50)], None)
        live.writer.commit()
        database = sqlite3.connect(live.folder / "index.sqlite")
        with database:
            database.execute("UPDATE detail SET packed = ?", (packed,))
        database.close()
        for each in (1, 2):
            with pytest.raises(CaptureError, match="damaged"):
                reader().detail(each)
        live.writer.mark_open_as_failed(None, FailureKind.ENGINE_DIED, "The end.")
        assert reader().rows([2])[2].failure == FailureKind.ENGINE_DIED.value
