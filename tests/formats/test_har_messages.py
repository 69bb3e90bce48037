"""Messages in HAR: as Chrome and others have them, and back without a loss."""

import json
import tracemalloc
from contextlib import closing

import pytest

from proxy_core.capture.reader import CaptureReader
from proxy_core.formats.har_messages import read_messages
from proxy_core.formats.har_reader import read_har
from proxy_core.formats.har_repairs import HarRepairs
from proxy_core.model.exchange import ExchangeKind, ExchangeState, ResourceType, Side
from proxy_core.model.message_row import MessageFlag, Opcode
from proxy_core.tasks.convert import convert
from tests.support.captures import STARTED_AT, LiveCapture, Sample
from tests.support.har_validation import check_har

LARGE = bytes(range(256)) * 50
TALK = [
    (Side.CLIENT, Opcode.TEXT, 0, "grüß".encode(), ()),
    (Side.UPSTREAM, Opcode.BINARY, MessageFlag.DEFLATED, LARGE, ()),
    (Side.UPSTREAM, Opcode.TEXT, MessageFlag.INVALID, b"\xff!", ("The text is not UTF-8.",)),
    (Side.UPSTREAM, Opcode.PING, 0, b"", ()),
    (Side.CLIENT, 11, 0, b"x", ()),
    (Side.CLIENT, Opcode.CLOSE, 0, b"\x0f\xa1see you", ()),
]
EVENTS = [
    (Side.UPSTREAM, Opcode.EVENT, 0, b"a\nb", ()),
    (Side.UPSTREAM, Opcode.EVENT, 0, b"1", ("", "price", "7", 250)),
    (Side.UPSTREAM, Opcode.EVENT, MessageFlag.INCOMPLETE, b"\xff", ("", "message", "8")),
]
LINES = [(Side.UPSTREAM, Opcode.LINE, 0, b'{"a": 1}', ())]


@pytest.fixture
def captured(tmp_path):
    live = LiveCapture(tmp_path / "a.live")
    live.add_connections()
    live.add(
        Sample("/chat", kind=ExchangeKind.WEBSOCKET, status=101, messages=TALK),
        Sample("/events", content_type="text/event-stream", messages=EVENTS),
        Sample("/lines", content_type="application/x-ndjson", messages=LINES),
        Sample("/plain"),
        Sample("/open", kind=ExchangeKind.WEBSOCKET, status=101, state=ExchangeState.RESPONDING, messages=TALK[:1]),
    )
    yield live.close()


def told_by(path: str) -> list[list[tuple]]:
    """The messages of each exchange, whole."""
    with closing(CaptureReader(path)) as reader:
        return [
            [
                (row.at_us, row.side, row.opcode, row.flags, row.size, reader.payload(content), *content[2:])
                for row in reader.messages(each, limit=100_000)
                for content in [reader.content(row)]
            ]
            for each in reader.ids()
        ]


def test_as_others_have_them(captured, tmp_path):
    convert(captured, str(tmp_path / "out.har"))
    chat, events, lines, plain, still_open = check_har(tmp_path / "out.har")["entries"]
    first, binary, invalid, ping, reserved, close = chat["_webSocketMessages"]
    assert first == {"type": "send", "time": STARTED_AT / 1e6 + 0.25, "opcode": 1, "data": "grüß"}
    assert (binary["type"], binary["opcode"], binary["data"][:8]) == ("receive", 2, "AAECAwQF")
    assert (invalid["data"], invalid["_harrier"]["remark"]) == ("\ufffd!", "The text is not UTF-8.")
    assert [each["opcode"] for each in (ping, reserved, close)] == [9, 11, 8]
    assert chat["_webSocketClose"] == {"code": 4001, "reason": "see you", "time": close["time"]}
    assert [(each["eventName"], each["eventId"], each["data"]) for each in events["_eventSourceMessages"]] == [
        ("message", "", "a\nb"),
        ("price", "7", "1"),
        ("message", "8", "\ufffd"),
    ]
    assert lines["_harrierMessages"][0]["data"] == '{"a": 1}'
    assert not [name for name in plain if name.endswith("Messages")]
    assert [each["data"] for each in still_open["_webSocketMessages"]] == ["grüß"]
    assert "_webSocketClose" not in still_open


def test_they_come_back_without_a_loss(captured, tmp_path):
    before = told_by(captured)
    convert(captured, str(tmp_path / "out.har"))
    report = convert(str(tmp_path / "out.har"), str(tmp_path / "back.harrier"))
    assert report.repairs == []
    assert [[each[5] for each in messages] for messages in before][0] == [each[3] for each in TALK]
    assert told_by(str(tmp_path / "back.harrier")) == before
    with closing(CaptureReader(str(tmp_path / "back.harrier"))) as reader:
        assert reader.rows([1])[1].resource_type == ResourceType.WEBSOCKET


def read(**entry: object) -> tuple[list[tuple], list[str]]:
    repairs = HarRepairs()
    found = [(each.row.side, each.row.opcode, each.data) for each in read_messages(entry, repairs)]
    return found, repairs.sentences()


def test_chrome_playwright_and_http_toolkit():
    messages = [
        {"type": "send", "time": 1795000000.5, "opcode": 1, "data": "a"},
        {"type": "receive", "time": 1795000000.6, "opcode": 2, "data": "AAE="},
        {"type": "receive", "time": 1795000000.7, "opcode": 2, "data": "no base64!"},
        {"type": "receive", "time": 1795000000.8, "opcode": -1, "data": "error"},
    ]
    assert read(_webSocketMessages=messages, _webSocketClose={"code": 1001, "reason": "gone"}) == (
        [
            (Side.CLIENT, 1, b"a"),
            (Side.UPSTREAM, 2, b"\x00\x01"),
            (Side.UPSTREAM, 2, b"no base64!"),
            (Side.UPSTREAM, 0, b"error"),
            (Side.UPSTREAM, 8, b"\x03\xe9gone"),
        ],
        [],
    )
    assert read(_webSocketClose="aborted") == ([], [])
    assert read(_eventSourceMessages=[{"time": "1795000000.5", "eventName": "x", "eventId": "1", "data": "d"}])[0] == [
        (Side.UPSTREAM, Opcode.EVENT, b"d")
    ]


@pytest.mark.parametrize(
    "item",
    [
        {},
        {"opcode": 10**30, "time": "never", "data": {"a": 1}, "type": 5},
        {"opcode": True, "time": -1, "data": None, "_harrier": {"flags": 2**70, "size": "x", "bytes": 5, "retry": []}},
        {"opcode": 1, "time": 1e300, "data": "\ud800", "_harrier": {"bytes": "?", "remark": "\udfff" * 9000}},
        {"eventName": "x" * 100_000, "eventId": "\ud800", "data": 5, "_harrier": [1]},
    ],
)
def test_whatever_an_item_says_is_something_a_capture_can_hold(tmp_path, item):
    entry = {"request": {"url": "http://a.test/"}, "response": {"status": 200}, "_webSocketMessages": [item, 5, None]}
    log = {"log": {"entries": [entry, entry | {"_eventSourceMessages": [item], "_webSocketMessages": None}]}}
    (tmp_path / "in.har").write_text(json.dumps(log))
    report = convert(str(tmp_path / "in.har"), str(tmp_path / "out.harrier"))
    assert any("2 WebSocket messages" in each for each in report.repairs)
    assert [len(each) for each in told_by(str(tmp_path / "out.harrier"))] == [1, 1]
    report = convert(str(tmp_path / "out.harrier"), str(tmp_path / "again.har"))
    assert not any("damaged" in each for each in report.repairs)


STARTED = '"startedDateTime": "2026-11-25T08:00:00Z"'


def har_of(*entries: str) -> bytes:
    return b'{"log": {"entries": [%s]}}' % ", ".join(entries).encode()


def large(messages: str, *, first: bool, member: str = "_webSocketMessages") -> str:
    """An entry of more than a megabyte with those messages, before or behind all else."""
    told = f'"{member}": [{messages}]'
    rest = f'{STARTED}, "request": {{"url": "http://a.test/x"}}, "response": {{"status": 200}}'
    return "{%s, %s}" % ((told, rest) if first else (rest, told))


def imported(tmp_path, har: bytes) -> tuple[list[str], list[list[bytes]]]:
    """What was mended, and the messages of each exchange."""
    (tmp_path / "in.har").write_bytes(har)
    report = convert(str(tmp_path / "in.har"), str(tmp_path / "out.harrier"))
    return report.repairs, [[each[5] for each in messages] for messages in told_by(str(tmp_path / "out.harrier"))]


@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("member", ["_webSocketMessages", "_eventSourceMessages", "_harrierMessages"])
def test_many_messages_are_read_as_they_are_taken_wherever_they_stand(tmp_path, member, first):
    words = [f"m{number}" for number in range(40_000)]
    messages = ", ".join(f'{{"opcode": 1, "time": 1, "data": "{word}"}}' for word in words)
    assert len(messages) > 1 << 20
    short = f'{{{STARTED}, "request": {{"url": "http://a.test/y"}}, "response": {{"status": 200}}}}'
    entry = large(messages, first=first, member=member)
    repairs, told = imported(tmp_path, har_of(entry, short, entry))
    assert repairs == []
    assert [[each.decode() for each in talk] for talk in told] == [words, [], words]


def test_messages_that_cannot_be_read_are_counted_and_their_exchange_is_kept(tmp_path):
    good = '{"opcode": 1, "data": "%s"}'
    parts = '{"opcode": 1, "data": "parts", "more": [0' + ", 1" * (6 << 20) + "]}"
    messages = [good % ("x" * (1 << 20)), parts, '{"opcode": nothing}', "5", good % "last"]
    repairs, told = imported(tmp_path, har_of(large(", ".join(messages), first=True)))
    assert told == [[b"x" * (1 << 20), b"last"]]
    assert repairs == ["Left out, since a capture has no place for it yet: 3 WebSocket messages."]


def test_a_list_of_messages_that_breaks_off_keeps_what_came_before(tmp_path):
    broken = '{"opcode": 1, "data": "%s"} {"data": "behind"}' % ("x" * (1 << 20))
    repairs, told = imported(tmp_path, har_of(large(broken, first=True), large('{"data": "next"}', first=False)))
    assert told == [[b"x" * (1 << 20)], [b"next"]]
    assert repairs == ["Messages behind one that is no JSON were left out (1 entry)."]


def test_an_entry_whose_frame_is_no_json_is_left_out_alone(tmp_path):
    wrong = '{"request": {"url": "http://a.test/"} "comment": "%s"}' % ("x" * (1 << 20))
    string = '"%s"' % ("x" * (1 << 20))
    repairs, told = imported(tmp_path, har_of(wrong, string, large('{"data": "next"}', first=False)))
    assert told == [[b"next"]]
    assert repairs == [
        "What is no JSON was left out (1 entry).",
        "Something that is no entry was left out (1 entry).",
    ]


def test_memory_is_flat_however_many_messages_there_are(tmp_path):
    (tmp_path / "in.har").write_bytes(har_of(large(", ".join(['{"data": "0123456789"}'] * 300_000), first=False)))
    tracemalloc.start()
    try:
        with (tmp_path / "in.har").open("rb") as file:
            (entry,) = [sum(1 for _ in each.messages) for each in read_har(file, HarRepairs())]
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert entry == 300_000
    assert peak < 24 << 20  # parsed at once they are 150 MB
