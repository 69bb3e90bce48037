"""The inspector shows what was captured: heads, bodies in their views, facts; and it stays where the person left it."""

import gzip
import json
import struct
import zlib

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QApplication, QLineEdit, QWidget

from app.inspector.fact import Fact, Section
from app.inspector.inspector import Inspector
from app.inspector.pages.page import fact_page
from app.inspector.pages.table import PAGES
from app.inspector.wrapped_text import WrappedText
from proxy_core.capture.reader import CaptureReader
from proxy_core.capture.soundness import damaged_row
from proxy_core.model.exchange import ExchangeRow, ExchangeState
from proxy_core.model.message_record import MessageKind
from tests.support.captures import LiveCapture, Sample
from tests.support.screen import button, texts

JSON = json.dumps({"wares": [{"id": 1, "name": "Marsh"}], "page": 2}).encode()


def png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


PNG = (
    b"\x89PNG\r\n\x1a\n"
    + png_chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0))
    + png_chunk(b"IDAT", zlib.compress(b"\0\x20\x60\xa0"))
    + png_chunk(b"IEND", b"")
)


@pytest.fixture
def live(tmp_path):
    capture = LiveCapture(tmp_path / "a.live")
    capture.add_connections()
    yield capture
    capture.close()


def rows_of(live, *ids: int) -> list[ExchangeRow]:
    """As the list has read them."""
    reader = CaptureReader(str(live.folder))
    try:
        found = reader.rows(ids)
        return [found[each] for each in ids]
    finally:
        reader.close()


@pytest.fixture
def show(live, qtbot):
    """Adds samples, and gives an inspector that shows the first."""
    made = []

    def make(*samples: Sample, width: int = 1300) -> tuple[Inspector, list[ExchangeRow]]:
        ids = live.add(*samples)
        inspector = Inspector()
        qtbot.addWidget(inspector)
        inspector.resize(width, 420)
        reader = CaptureReader(str(live.folder))
        made.append((inspector, reader))
        inspector.set_reader(reader)
        inspector.show()
        rows = rows_of(live, *ids)
        inspector.show_exchange(rows[0])
        return inspector, rows

    yield make
    for inspector, reader in made:
        inspector.set_reader(None)
        reader.close()


def lines_of(view) -> list[str]:
    view.select_all()
    return view.selected_text().splitlines()


def body_text(inspector) -> str:
    return "\n".join(lines_of(inspector.page.body.lines))


def summary_of(page) -> list[str]:
    bar = page.findChild(QWidget, "summaryBar")
    assert isinstance(bar, QWidget)
    return texts(bar)


def await_body(qtbot, inspector, mode: str) -> None:
    qtbot.waitUntil(lambda: inspector.page.mode == mode, timeout=10_000)


def test_a_response_is_summed_up_and_laid_out(show, qtbot):
    coded = Sample(
        content_type="application/json",
        response_body=gzip.compress(JSON),
        response_fields=[("Content-Encoding", "gzip"), ("X-Sight", "harrier")],
    )
    inspector, _ = show(coded)
    await_body(qtbot, inspector, "Pretty")
    assert '"name": "Marsh"' in body_text(inspector)
    assert len(lines_of(inspector.page.body.lines)) > 5
    status, media_type, size, version = summary_of(inspector.response)
    assert (status, media_type, version) == ("200 OK", "application/json", "HTTP/1.1")
    assert size == f"gzip · {len(coded.response_body)} B on the wire → {len(JSON)} B"
    assert "X-Sight: harrier" in lines_of(inspector.response.head)


def test_the_view_that_was_chosen_stays_for_the_next_exchange(show, qtbot):
    inspector, rows = show(
        Sample(content_type="application/json", response_body=JSON),
        Sample(content_type="application/json", response_body=b'{"second": true}'),
        Sample(content_type="image/png", response_body=PNG),
    )
    await_body(qtbot, inspector, "Pretty")
    button(inspector, "Show the body: Raw").click()
    assert body_text(inspector) == JSON.decode()
    inspector.show_exchange(rows[1])
    qtbot.waitUntil(lambda: body_text(inspector) == '{"second": true}', timeout=10_000)
    assert inspector.page.mode == "Raw"
    inspector.show_exchange(rows[2])
    await_body(qtbot, inspector, "Preview")
    qtbot.waitUntil(lambda: "1 × 1 pixels" in inspector.page.body.shown.caption, timeout=20_000)
    inspector.show_exchange(rows[0])
    await_body(qtbot, inspector, "Raw")


def test_the_pictures_of_both_messages_are_decoded(show, qtbot):
    sample = Sample(
        method="POST",
        request_body=PNG,
        request_fields=[("Content-Type", "image/png")],
        content_type="image/png",
        response_body=PNG,
    )
    inspector, _ = show(sample)
    for page in (inspector.request, inspector.response):
        qtbot.waitUntil(lambda page=page: page.mode == "Preview", timeout=10_000)
    for page in (inspector.request, inspector.response):
        qtbot.waitUntil(lambda page=page: "1 × 1 pixels" in page.body.shown.caption, timeout=20_000)


def test_the_tab_that_was_chosen_stays_for_the_next_exchange(show, qtbot):
    inspector, rows = show(
        Sample(method="POST", request_body=b"a=1&b=caf%C3%A9", request_fields=[("Content-Type", FORM)]),
        Sample(method="PUT", request_body=b"second"),
    )
    inspector.choose_tab("request")
    await_body(qtbot, inspector, "Pretty")
    assert lines_of(inspector.page.body.lines) == ["a = 1", "b = café"]
    inspector.show_exchange(rows[1])
    qtbot.waitUntil(lambda: body_text(inspector) == "second", timeout=10_000)
    assert summary_of(inspector.request)[0] == "PUT"


FORM = "application/x-www-form-urlencoded"


def test_what_has_no_body_says_why(show):
    inspector, rows = show(
        Sample(status=204),
        Sample(
            status=None, state=ExchangeState.FAILED, failure="connection_refused", failure_text="Refused by 10.0.0.7."
        ),
        Sample(status=None, state=ExchangeState.REQUESTING),
        Sample(status=None, state=ExchangeState.WAITING),
        Sample(content_type="text/event-stream; charset=utf-8", state=ExchangeState.RESPONDING),
        Sample(state=ExchangeState.RESPONDING),
        Sample(status=101, kind=2, state=ExchangeState.RESPONDING),
        Sample(status=101, kind=2),
        Sample(status=101, state=ExchangeState.RESPONDING),
        Sample(method="CONNECT", kind=1, status=200, state=ExchangeState.RESPONDING),
        Sample(method="CONNECT", kind=1, status=None),
        Sample(
            method="CONNECT", kind=1, state=ExchangeState.FAILED, failure="tls_alert_received", failure_text="No trust."
        ),
    )
    said = []
    for row in rows:
        inspector.show_exchange(row)
        said.extend(texts(inspector.response.body))
    assert said == [
        "The response has no body.",
        "Refused by 10.0.0.7.",
        "The request is on its way …",
        "Waiting for the response …",
        "The event stream is open. No event has come yet.",
        "The response has begun. Nothing of its body has come yet.",
        "The WebSocket is open: 0 B sent, 0 B received. «Messages» lists what was said.",
        "The WebSocket is closed: 0 B sent, 0 B received. «Messages» lists what was said.",
        "The connection has switched protocols, and is open. Its bytes are relayed unread: 0 B sent, 0 B received until now.",
        "The tunnel is open. Its bytes are relayed unread: 0 B sent, 0 B received until now.",
        "A tunnel: its bytes were relayed unread.",
        "No trust. «Overview» says what helps.",
    ]


def test_growth_keeps_the_place(show, live, qtbot):
    text = "".join(f"line {number}\n" for number in range(2000)).encode()
    key = live.journal.series << 32 | 900
    inspector, _ = show(Sample())
    exchange_id = apply(live, Sample(response_body=text, state=ExchangeState.RESPONDING), key)
    inspector.show_exchange(*rows_of(live, exchange_id))
    await_body(qtbot, inspector, "Raw")
    bar = inspector.page.body.lines.verticalScrollBar()
    bar.setValue(700)
    apply(live, Sample(response_body=text + b"one more\n"), key)
    inspector.refresh(*rows_of(live, exchange_id))
    qtbot.waitUntil(lambda: "one more" in body_text(inspector), timeout=10_000)
    assert bar.value() == 700


def apply(live, sample: Sample, key: int) -> int:
    applied = live.writer.apply([live.event(sample, key)], None)
    live.writer.commit()
    return applied.rows[0][0]


def test_a_late_body_of_another_exchange_is_dropped(show, qtbot):
    slow = b"\n".join(b"%d" % number for number in range(400_000))
    inspector, rows = show(Sample(response_body=slow), Sample(response_body=b"quick"))
    inspector.show_exchange(rows[1])
    qtbot.waitUntil(lambda: body_text(inspector) == "quick", timeout=10_000)
    with qtbot.assertNotEmitted(inspector.response.modes_changed, wait=200):
        pass
    assert body_text(inspector) == "quick"


def test_finding_marks_and_walks(show, qtbot):
    inspector, _ = show(Sample(response_body=b"a harrier\nno bird\nA Harrier again\n"))
    await_body(qtbot, inspector, "Raw")
    inspector.find_in_text()
    field = inspector.find_bar.findChild(QLineEdit)
    assert isinstance(field, QLineEdit)
    QTest.keyClicks(field, "harrier")
    qtbot.waitUntil(lambda: "1 of 2" in texts(inspector.find_bar), timeout=5000)
    QTest.keyClick(field, Qt.Key.Key_Return)
    assert "2 of 2" in texts(inspector.find_bar)
    QTest.keyClick(field, Qt.Key.Key_Escape)
    assert not inspector.find_bar.is_open


def test_facts_name_both_ends(show):
    inspector, _ = show(Sample(method="PATCH", path="/a?b=c", host="shop.test"))
    inspector.choose_tab("overview")
    assert {"https://shop.test/a?b=c", "PATCH", "10.0.0.7:443"} <= set(texts(inspector))


def test_a_long_url_is_broken_where_it_must_be_and_copied_whole(show, qtbot):
    path = "/" + "a" * 300 + "?page=2&no-break=\u00a0&token=" + "0123456789" * 500
    inspector, _ = show(Sample(path=path, host="shop.test"))
    inspector.choose_tab("overview")
    (text,) = (each for each in inspector.findChildren(WrappedText) if each.isVisible())
    for width in (900, 500):
        inspector.resize(width, 500)
        shown = text.document()
        qtbot.waitUntil(lambda shown=shown: text.height() >= shown.size().height())
        assert shown.idealWidth() <= text.viewport().width()
        assert text.mapTo(inspector, text.rect().topRight()).x() <= inspector.width()
    text.selectAll()
    text.copy()
    assert QApplication.clipboard().text() == f"https://shop.test{path}"


def test_an_exchange_that_is_gone_says_so(show):
    gone = "This exchange is no longer in the capture."
    inspector, rows = show(Sample())
    inspector.show_exchange(rows[0]._replace(id=rows[0].id + 100))
    assert texts(inspector.response.body) == [gone]
    inspector.show_exchange(rows[0])
    assert texts(inspector.response.body) != [gone]
    inspector.show_gone()
    assert texts(inspector.response.body) == [gone]


def test_an_exchange_that_is_damaged_says_so(show):
    inspector, rows = show(Sample())
    inspector.show_exchange(damaged_row(rows[0].id))
    assert texts(inspector.response.body) == ["This exchange is damaged."]


def test_saving_asks_for_a_body_as_it_was_or_decoded(show, qtbot):
    inspector, rows = show(Sample(response_body=b"plain"))
    await_body(qtbot, inspector, "Raw")
    with qtbot.waitSignal(inspector.save_body_wanted) as wanted:
        button(inspector, "Save the body to a file").click()
    assert wanted.args == [rows[0], MessageKind.RESPONSE, False]


def test_timing_stands_beside_the_response_where_there_is_room(show):
    inspector, _ = show(Sample(), width=1300)
    assert "Timing · 38 ms" in texts(inspector)
    inspector.resize(700, 420)
    assert "Timing · 38 ms" not in texts(inspector)


def test_everything_that_can_be_pressed_has_a_name(show):
    inspector, _ = show(Sample())
    buttons = inspector.findChildren(QAbstractButton)
    assert len(buttons) > len(PAGES)
    assert all(each.accessibleName() for each in buttons)


def test_pages_are_found_by_their_keys(show):
    inspector, _ = show(Sample())
    for spec in PAGES:
        inspector.choose_tab(spec.key)
        assert button(inspector, spec.title).isChecked()
        assert (inspector.page is not None) is (spec.key in ("request", "response"))


def test_alt_and_a_digit_choose_a_page(show):
    inspector, _ = show(Sample())
    by_keys = {action.shortcut().toString(): action for action in inspector.actions()}
    for place, spec in enumerate(PAGES, start=1):
        by_keys[f"Alt+{place}"].trigger()
        assert button(inspector, spec.title).isChecked()


def test_one_more_page_is_its_entry(show, monkeypatch):
    def sections(shown) -> list[Section]:
        return [Section("Words", [Fact("Head", f"{len(shown.detail.request.head)} bytes of {shown.row.method}")])]

    monkeypatch.setattr("app.inspector.inspector.PAGES", (*PAGES, fact_page("words", "Many Words", sections)))
    sample = Sample(method="PATCH")
    inspector, _ = show(sample)
    button(inspector, "Many Words").click()
    told = f"{len(sample.request_head())} bytes of PATCH"
    assert told in texts(inspector)
    inspector.show_gone()
    assert told not in texts(inspector)


def test_what_a_refreshed_exchange_says_of_its_decoded_body_stays(show, qtbot):
    coded = Sample(
        method="POST",
        request_body=gzip.compress(JSON),
        request_fields=[("Content-Encoding", "gzip"), ("Content-Type", "application/json")],
        state=ExchangeState.WAITING,
        status=None,
    )
    inspector, (row,) = show(coded)
    inspector.choose_tab("request")
    qtbot.waitUntil(lambda: "on the wire" in " ".join(summary_of(inspector.request)), timeout=10_000)
    inspector.refresh(row._replace(response_bytes=1))
    assert "on the wire" in " ".join(summary_of(inspector.request))
