"""What rows of messages say, and which of them a filter wants: from data alone."""

import pytest

from app.inspector.messages.kind_survey import KindSurvey
from app.inspector.messages.message_filter import DIRECTIONS, FLAWED, KINDS, MessageFilter
from app.inspector.messages.message_text import EXCERPT_BYTES, clock_text, count_text, facts_text, listed
from proxy_core.model.exchange import Side
from proxy_core.model.message_row import MessageContent, MessageFlag, MessageRow, Opcode


def row(opcode: int = Opcode.TEXT, *, side: int = Side.UPSTREAM, flags: int = 0, size: int = 5) -> MessageRow:
    return MessageRow(1, 1, 1_795_000_000_123_456, side, opcode, flags, size, b"")


def shown(opcode: int, data: bytes, content: MessageContent = MessageContent()) -> tuple[str, str]:
    message = listed(row(opcode), content, data[:EXCERPT_BYTES])
    return message.kind, message.excerpt


@pytest.mark.parametrize(
    ("opcode", "data", "kind", "excerpt"),
    [
        (Opcode.TEXT, b"hello\n  world", "text", "hello world"),
        (Opcode.TEXT, b"a\x1b[31m\xe2\x80\xaeb", "text", "a\\x1b[31m\\u202eb"),
        (Opcode.TEXT, b"\xff\xfe", "text", "\ufffd\ufffd"),
        (Opcode.BINARY, b"\x00\x01\xff", "binary", "00 01 ff"),
        (Opcode.BINARY, b"as a text", "binary", "as a text"),
        (Opcode.FIRST_BYTES, b"SSH-2.0-x\r\n", "bytes", "SSH-2.0-x"),
        (Opcode.PING, b"", "ping", ""),
        (Opcode.CLOSE, b"\x03\xe8going", "close", "1000 going"),
        (Opcode.CLOSE, b"", "close", "without a code"),
        (Opcode.LINE, b'{"a": 1}', "line", '{"a": 1}'),
        (11, b"x", "opcode 11", "x"),
        (Opcode.TEXT, "é".encode() * 1000, "text", None),
    ],
)
def test_a_row(opcode, data, kind, excerpt):
    told = shown(opcode, data)
    assert told[0] == kind
    if excerpt is None:
        assert "\ufffd" not in told[1][:-1]
    else:
        assert told[1] == excerpt


def test_an_event_is_called_by_its_name():
    assert shown(Opcode.EVENT, b"1", MessageContent(name="price\n"))[0] == "price\\x0a"
    assert shown(Opcode.EVENT, b"1")[0] == "event"


def test_all_that_is_known_of_one():
    flags = MessageFlag.DEFLATED | MessageFlag.CUT
    content = MessageContent(event_id="7", retry_ms=3000)
    text = facts_text(listed(row(Opcode.EVENT, flags=flags, size=1200), content, b""), content)
    assert text.startswith("↓ ")
    assert text.endswith(
        "event · 1.2 kB · id 7 · retry 3,000 ms · only the beginning is recorded · compressed on the wire"
    )


def test_times_and_counts():
    assert clock_text(1_795_000_000_123_456).endswith(":40.123")
    assert clock_text(2**62) == "unknown"
    assert (count_text(1), count_text(1204), count_text(37, 1204)) == (
        "1 message",
        "1,204 messages",
        "37 of 1,204 messages",
    )


def test_by_direction_and_type():
    sent = MessageFilter(direction=[text for text, _ in DIRECTIONS].index("Sent"))
    assert sent.wants(row(side=Side.CLIENT))
    assert not sent.wants(row())
    for name, opcode in (("Text", Opcode.TEXT), ("Binary", Opcode.BINARY), ("Control", Opcode.CLOSE)):
        (kind,) = [each for each in KINDS if each.title == name]
        assert MessageFilter(kind=kind).wants(row(opcode))
        assert not MessageFilter(kind=kind).wants(row(11))
    flawed = MessageFilter(kind=FLAWED)
    assert flawed.wants(row(flags=MessageFlag.INVALID))
    assert not flawed.wants(row())
    assert MessageFilter().is_empty
    assert MessageFilter().wants(row(11))
    assert not MessageFilter("x").is_empty
    assert not flawed.is_empty


def test_what_an_exchange_has_is_what_is_offered():
    survey = KindSurvey()
    price, nameless = MessageContent(name="price"), MessageContent()
    assert survey.take(row(Opcode.EVENT), price)
    assert not survey.take(row(Opcode.EVENT), price)
    assert survey.take(row(Opcode.EVENT), nameless)
    assert survey.take(row(Opcode.LINE, flags=MessageFlag.INVALID), nameless)
    assert [each.title for each in survey.kinds] == ["All types", "Lines", "event", "price", "Flawed"]
    prices = MessageFilter(kind=survey.kinds[3])
    assert prices.wants(row(Opcode.EVENT))
    assert prices.wants_event(price)
    assert not prices.wants_event(nameless)
    for number in range(1000):
        survey.take(row(Opcode.EVENT), MessageContent(name=f"n{number}"))
    assert len(survey.kinds) <= 60


def test_by_text():
    assert MessageFilter("GRÜ").sought() == "grü".encode()
