"""The page of messages, as a person uses it: listed, live, filtered, looked at, copied."""

import json

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLineEdit

from app.inspector.inspector import Inspector
from app.inspector.messages.message_area import MessageArea
from app.inspector.messages.message_filter import DIRECTIONS
from proxy_core.capture.reader import CaptureReader
from proxy_core.model.exchange import ExchangeKind, ExchangeRow, ExchangeState, Side
from proxy_core.model.message_row import MessageFlag, Opcode
from tests.support.captures import LiveCapture, Sample
from tests.support.screen import button, texts

JSON = json.dumps({"wares": [{"id": number} for number in range(500)]}).encode()


def message(data: bytes, side: int = Side.UPSTREAM, opcode: int = Opcode.TEXT, flags: int = 0, *rest: object) -> tuple:
    return (int(side), int(opcode), int(flags), data, rest)


def chat(*messages: tuple, path: str = "/chat", state: int = ExchangeState.COMPLETE) -> Sample:
    return Sample(path, kind=ExchangeKind.WEBSOCKET, status=101, state=state, messages=list(messages))


TALK = (
    message(b"hello", Side.CLIENT),
    message(JSON),
    message(b"\x00\x01\x02", opcode=Opcode.BINARY),
    message(b"\xff", Side.UPSTREAM, Opcode.TEXT, MessageFlag.INVALID, "The text is not UTF-8 (RFC 6455 §8.1)."),
    message(b"\x03\xe8bye", opcode=Opcode.CLOSE),
)


@pytest.fixture
def live(tmp_path):
    capture = LiveCapture(tmp_path / "a.live")
    capture.add_connections()
    yield capture
    capture.close()


class Screen:
    """An inspector on its page of messages."""

    def __init__(self, live: LiveCapture, qtbot) -> None:
        self.live = live
        self.qtbot = qtbot
        self.inspector = Inspector()
        qtbot.addWidget(self.inspector)
        self.inspector.resize(1300, 420)
        self.reader = CaptureReader(str(live.folder))
        self.inspector.set_reader(self.reader)
        self.inspector.show()
        button(self.inspector, "Messages").click()
        area = self.inspector.findChild(MessageArea)
        assert isinstance(area, MessageArea)
        self.area = area

    def row(self, exchange_id: int) -> ExchangeRow:
        return self.reader.rows([exchange_id])[exchange_id]

    def shows(self, exchange_id: int) -> None:
        self.inspector.show_exchange(self.row(exchange_id))

    def rows(self, count: int) -> list[list[str]]:
        """What stands in the list once there are so many rows, and all are read."""
        model = self.area.model

        def read() -> list[list[str]]:
            return [[model.index(row, column).data() for column in range(5)] for row in range(model.rowCount())]

        self.qtbot.waitUntil(lambda: len(read()) == count and all(each[1] for each in read()), timeout=10_000)
        return read()

    def says(self, text: str) -> None:
        self.qtbot.waitUntil(lambda: text in texts(self.area), timeout=10_000)

    def chooses(self, row: int) -> None:
        self.area.list.selectRow(row)
        self.qtbot.waitUntil(self.area.facts.isVisible, timeout=10_000)

    def chooses_kind(self, title: str) -> None:
        box = self.area.kind
        self.qtbot.waitUntil(lambda: box.findText(title) > 0, timeout=10_000)
        box.setCurrentIndex(box.findText(title))

    def body(self) -> str:
        self.area.body.lines.select_all()
        return self.area.body.lines.selected_text()


@pytest.fixture
def screen(live, qtbot):
    made = Screen(live, qtbot)
    yield made
    made.inspector.set_reader(None)
    made.reader.close()


def test_messages_are_listed(screen):
    screen.live.add(chat(*TALK))
    screen.shows(1)
    rows = screen.rows(5)
    assert [[each[0], each[2], each[3]] for each in rows] == [
        ["↑", "text", "5 B"],
        ["↓", "text", "6.4 kB"],
        ["↓", "binary", "3 B"],
        ["↓", "⚠ text", "1 B"],
        ["↓", "close", "5 B"],
    ]
    assert [each[4][:12] for each in rows] == ["hello", '{"wares": [{', "00 01 02", "\ufffd", "1000 bye"]
    screen.says("5 messages")


def test_one_is_looked_at_as_what_it_is(screen):
    screen.live.add(chat(*TALK))
    screen.shows(1)
    screen.rows(5)
    screen.chooses(1)
    screen.qtbot.waitUntil(lambda: '"id": 499' in screen.body(), timeout=10_000)
    button(screen.area, "Raw").click()
    assert screen.body() == JSON.decode()
    screen.area.list.selectRow(3)
    screen.says("The text is not UTF-8 (RFC 6455 §8.1).")


def test_one_is_copied(screen):
    screen.live.add(chat(*TALK))
    screen.shows(1)
    screen.rows(5)
    screen.chooses(0)
    QTest.keyClick(screen.area.list, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert QApplication.clipboard().text() == "hello"
    screen.area.list.selectRow(2)
    screen.qtbot.waitUntil(lambda: "binary" in screen.area.facts.text())
    button(screen.area, "Copy this message").click()
    assert QApplication.clipboard().text() == "00 01 02"


def test_one_is_to_be_saved(screen):
    screen.live.add(chat(*TALK))
    screen.shows(1)
    screen.rows(5)
    screen.chooses(1)
    with screen.qtbot.waitSignal(screen.inspector.save_message_wanted) as saved:
        button(screen.area, "Save this message").click()
    assert saved.args == [screen.row(1), 2]


def test_those_that_are_wanted(screen):
    screen.live.add(chat(*TALK))
    screen.shows(1)
    screen.rows(5)
    screen.area.field.setText("WARES")
    screen.says("1 of 5 messages")
    screen.area.field.clear()
    screen.chooses_kind("Control")
    screen.says("1 of 5 messages")
    screen.area.kind.setCurrentIndex(0)
    screen.area.direction.setCurrentIndex([name for name, _ in DIRECTIONS].index("Sent"))
    screen.says("1 of 5 messages")
    assert screen.rows(1)[0][4] == "hello"
    screen.area.field.setText("nobody says so")
    screen.says("None of 5 messages is like that.")


def test_ten_thousand_are_found_in_and_filtered(screen):
    large = b"x" * 2000 + b" the Needle " + b"x" * 2000
    talk = [
        message(b"%d" % number, number % 2, Opcode.BINARY if number % 10 == 7 else Opcode.TEXT)
        for number in range(9_998)
    ]
    screen.live.add(chat(*talk, message(large, Side.CLIENT), message(large, Side.UPSTREAM, Opcode.BINARY)))
    screen.shows(1)
    screen.says("10,000 messages")
    field, direction = screen.area.field, screen.area.direction
    field.setText("needle")
    screen.says("2 of 10,000 messages")
    assert [each[0] for each in screen.rows(2)] == ["↑", "↓"]
    direction.setCurrentIndex([name for name, _ in DIRECTIONS].index("Received"))
    screen.says("1 of 10,000 messages")
    assert screen.rows(1)[0][2] == "binary"
    screen.chooses(0)
    screen.qtbot.waitUntil(lambda: "Needle" in screen.body(), timeout=10_000)
    screen.chooses_kind("Text")
    screen.says("None of 10,000 messages is like that.")
    field.setText("9997")
    direction.setCurrentIndex(0)
    screen.chooses_kind("Binary")
    screen.says("1 of 10,000 messages")
    field.clear()
    screen.says("1,001 of 10,000 messages")


def test_a_message_is_searched_to_its_end(screen):
    screen.live.add(chat(message(b"x" * 3_000_000 + b"NEEDLE"), message(b"other"), message(b"\x03\xe8", opcode=8)))
    screen.shows(1)
    screen.rows(3)
    screen.area.field.setText("needle")
    screen.says("1 of 3 messages")
    assert screen.rows(1)[0][3] == "3.0 MB"
    screen.area.field.setText("1000")  # as the list shows it
    screen.qtbot.waitUntil(lambda: screen.rows(1)[0][2] == "close", timeout=10_000)


def test_finding_is_within_the_message_that_is_chosen(screen):
    screen.live.add(chat(message(b"one NEEDLE\ntwo needle"), message(b"no needle here, but a Needle")))
    screen.shows(1)
    screen.rows(2)
    screen.chooses(0)
    button(screen.inspector, "Find in this text").click()
    field = screen.inspector.focusWidget()
    assert isinstance(field, QLineEdit)
    assert screen.area.find_bar.isAncestorOf(field)
    QTest.keyClicks(field, "needle")
    screen.says("1 of 2")
    QTest.keyClick(field, Qt.Key.Key_Return)
    screen.says("2 of 2")
    screen.area.list.selectRow(1)
    screen.says("1 of 2")
    QTest.keyClick(field, Qt.Key.Key_Escape)
    assert screen.area.find_bar.isHidden()


def test_what_it_has_is_offered_and_nothing_moves(screen):
    events = [message(b"1", opcode=Opcode.EVENT), message(b"2", Side.UPSTREAM, Opcode.EVENT, 0, "", "price", "7")]
    screen.live.add(Sample("/events", content_type="text/event-stream", messages=events), chat(*TALK * 300))
    screen.shows(1)
    screen.rows(2)
    screen.chooses_kind("price")
    screen.says("1 of 2 messages")
    assert screen.rows(1)[0][2] == "price"
    assert not screen.area.direction.isVisible()
    box = screen.area.kind
    assert [box.itemText(each) for each in range(box.count())] == ["All types", "event", "price"]
    place = box.geometry()
    screen.area.kind.setCurrentIndex(0)
    screen.says("2 messages")
    assert box.geometry() == place
    screen.shows(2)
    screen.says("1,500 messages")
    assert screen.area.direction.isVisible()
    place = box.geometry()
    screen.chooses_kind("Flawed")
    screen.says("300 of 1,500 messages")
    assert box.geometry() == place
    assert [box.itemText(each) for each in range(box.count())] == ["All types", "Text", "Binary", "Control", "Flawed"]


def test_finding_begins_in_the_field_of_the_page(screen):
    screen.live.add(chat(*TALK))
    screen.shows(1)
    screen.rows(5)
    button(screen.inspector, "Find in this text").click()
    assert screen.inspector.focusWidget() is screen.area.field
    assert screen.area.isVisible()


def test_an_open_connection_is_followed(screen):
    sample = chat(message(b"first"), state=ExchangeState.RESPONDING)
    screen.live.add(sample)
    screen.shows(1)
    screen.rows(1)
    key = screen.live.journal.series << 32 | 1
    sample.messages = [message(b"message %d" % number) for number in range(2000)]
    screen.live.writer.apply([screen.live.messages_event(sample, key)], None)
    screen.live.writer.commit()
    screen.inspector.refresh(screen.row(1)._replace(response_bytes=99))
    screen.qtbot.waitUntil(lambda: screen.area.model.rowCount() == 2000, timeout=10_000)
    bar = screen.area.list.verticalScrollBar()
    assert bar.value() == bar.maximum() > 0
    screen.says("2,000 messages")


def test_who_has_scrolled_away_stays_there(screen):
    sample = chat(*[message(b"x")] * 500, state=ExchangeState.RESPONDING)
    screen.live.add(sample)
    screen.shows(1)
    screen.qtbot.waitUntil(lambda: screen.area.model.rowCount() == 500)
    bar = screen.area.list.verticalScrollBar()
    bar.setValue(100)
    sample.messages += [message(b"y")] * 500
    screen.live.writer.apply([screen.live.messages_event(sample, screen.live.journal.series << 32 | 1)], None)
    screen.live.writer.commit()
    screen.inspector.refresh(screen.row(1)._replace(response_bytes=99))
    screen.qtbot.waitUntil(lambda: screen.area.model.rowCount() == 1000, timeout=10_000)
    assert bar.value() == 100


def test_what_had_not_ended_is_read_again(screen):
    sample = chat(message(b"be", flags=MessageFlag.INCOMPLETE), state=ExchangeState.RESPONDING)
    screen.live.add(sample)
    screen.shows(1)
    assert screen.rows(1)[0][4] == "be"
    sample.messages = [message(b"begun and ended")]
    screen.live.writer.apply([screen.live.messages_event(sample, screen.live.journal.series << 32 | 1)], None)
    screen.live.writer.commit()
    screen.inspector.refresh(screen.row(1)._replace(response_bytes=99))
    screen.qtbot.waitUntil(lambda: screen.rows(1)[0][4] == "begun and ended", timeout=10_000)


def test_another_exchange_has_others_or_none(screen):
    screen.live.add(chat(*TALK), chat(message(b"other")), Sample("/plain"), chat(state=ExchangeState.RESPONDING))
    screen.shows(1)
    screen.rows(5)
    screen.chooses(0)
    screen.shows(2)
    assert screen.rows(1)[0][4] == "other"
    assert not screen.area.facts.isVisible()
    screen.shows(3)
    screen.says("No messages: this exchange is one request and one response.")
    screen.shows(4)
    screen.says("No message yet")


def test_a_message_that_is_damaged_says_so(screen):
    screen.live.add(chat(message(b"one"), message(b"two")))
    screen.live.writer._database.execute("UPDATE message SET body = x'c1' WHERE number = 2")
    screen.shows(1)
    rows = screen.rows(2)
    assert rows[1][2] == "⚠ text"
    screen.chooses(1)
    screen.says("What is stored of this message can't be read.")
