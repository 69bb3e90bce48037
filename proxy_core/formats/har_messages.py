"""The messages of an exchange in HAR, written as a stream and read back.

Those of WebSockets stand as Chrome, Playwright and HTTP Toolkit have them (`_webSocketMessages`, `_webSocketClose`),
events as most tools do (`_eventSourceMessages`). Text is text, and everything else base64. What these have no place
for, and what is neither (`_harrierMessages`), is told in members of our own, so that an import by Harrier loses
nothing.
"""

from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Any, NamedTuple

import msgspec

from proxy_core.formats.har_repairs import HarRepairs
from proxy_core.formats.har_values import as_dict, as_integer, as_number, as_text
from proxy_core.model.bounds import EARLIEST, LATEST, MOST_COUNT, MOST_FLAGS
from proxy_core.model.exchange import Side
from proxy_core.model.message_row import KEPT_LIMIT_BYTES, MOST_OPCODE, MessageContent, MessageRow, Opcode

_SOCKET, _EVENTS, _OTHERS = "_webSocketMessages", "_eventSourceMessages", "_harrierMessages"
MESSAGE_MEMBERS = (_SOCKET, _EVENTS, _OTHERS)
_THINGS = {_SOCKET: "WebSocket message", _EVENTS: "server-sent event", _OTHERS: "message"}
_FIRST_BEYOND_SOCKETS = 16
_TEXTS = frozenset((Opcode.TEXT, Opcode.EVENT, Opcode.LINE))
_NAME_LIMIT = 4096  # characters of an event's type or id
_DEFAULT_EVENT = "message"  # WHATWG HTML §9.2.6: what an event without a type is dispatched as
_encode = msgspec.json.Encoder().encode

Messages = Iterator[tuple[MessageRow, MessageContent]]


class HarMessage(NamedTuple):
    """A message out of a HAR; its row is numbered, and names no exchange."""

    row: MessageRow
    content: MessageContent
    data: bytes


def message_members(messages: Messages, payload: Callable[[MessageContent], bytes]) -> Iterator[bytes]:
    """What is added to an entry, behind its other members, in pieces; nothing for an exchange without messages."""
    first = next(messages, None)
    if first is None:
        return
    name = _member_of(first[0].opcode)
    yield b',"' + name.encode() + b'":['
    close: dict[str, Any] | None = None
    comma = b"\n"
    for row, content in chain((first,), messages):
        if _member_of(row.opcode) != name:
            continue  # of another kind of stream: nobody has made that
        data = payload(content)
        yield comma + _encode(_event(row, content, data) if name == _EVENTS else _message(row, content, data))
        comma = b",\n"
        if row.opcode == Opcode.CLOSE and len(data) >= 2:
            reason = data[2:].decode("utf-8", "replace")
            close = {"code": int.from_bytes(data[:2], "big"), "reason": reason, "time": row.at_us / 1e6}
    yield b"\n]"
    if close is not None:
        yield b',"_webSocketClose":' + _encode(close)


def _member_of(opcode: int) -> str:
    if opcode < _FIRST_BEYOND_SOCKETS:
        return _SOCKET
    return _EVENTS if opcode == Opcode.EVENT else _OTHERS


def _message(row: MessageRow, content: MessageContent, data: bytes) -> dict[str, Any]:
    is_text = row.opcode in _TEXTS
    own = _own_facts(row, content, data)
    if is_text:
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError:
            text, own["bytes"] = data.decode("utf-8", "replace"), b64encode(data).decode()
    else:
        text = b64encode(data).decode()
    told: dict[str, Any] = {
        "type": "send" if row.side == Side.CLIENT else "receive",
        "time": row.at_us / 1e6,
        "opcode": row.opcode,
        "data": text,
    }
    return told | {"_harrier": own} if own else told


def _event(row: MessageRow, content: MessageContent, data: bytes) -> dict[str, Any]:
    own = _own_facts(row, content, data)
    if content.retry_ms is not None:
        own["retry"] = content.retry_ms
    if content.name == _DEFAULT_EVENT:
        own["isNamed"] = True
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        text, own["bytes"] = data.decode("utf-8", "replace"), b64encode(data).decode()
    told: dict[str, Any] = {
        "time": row.at_us / 1e6,
        "eventName": content.name or _DEFAULT_EVENT,
        "eventId": content.event_id,
        "data": text,
    }
    return told | {"_harrier": own} if own else told


def _own_facts(row: MessageRow, content: MessageContent, data: bytes) -> dict[str, Any]:
    facts: dict[str, Any] = {}
    if row.flags:
        facts["flags"] = row.flags
    if row.size != len(data):
        facts["size"] = row.size
    if content.remark:
        facts["remark"] = content.remark
    return facts


# Reading


class Untaken:
    """The items of an array that is too long to be held: read from their file when they are taken."""

    def __init__(self, items: Callable[[], Iterator[object]]) -> None:
        self._items = items

    def __iter__(self) -> Iterator[object]:
        """What can't be read, or is too large, is None."""
        return self._items()


def read_messages(entry: dict[str, Any], repairs: HarRepairs) -> Iterator[HarMessage]:
    """The messages of an entry, from whoever wrote it; each list is an array, or `Untaken`. Never raises."""
    number = 0
    has_close = False
    for member, thing in _THINGS.items():
        for item in _items(entry.get(member)):
            message = _read(member, item, number + 1) if isinstance(item, dict) else None
            if message is None:
                repairs.leave_out(thing)
                continue
            number += 1
            has_close = has_close or message.row.opcode == Opcode.CLOSE
            yield message
    # HTTP Toolkit tells of a close here alone.
    close = as_dict(entry.get("_webSocketClose"))
    if close and not has_close:
        code = as_integer(close.get("code"), 0, 0xFFFF)
        data = (code.to_bytes(2, "big") if code else b"") + as_text(close.get("reason")).encode("utf-8", "replace")
        row = MessageRow(0, number + 1, _instant(close.get("time")), Side.UPSTREAM, Opcode.CLOSE, 0, len(data), None)
        yield HarMessage(row, MessageContent(), data[:KEPT_LIMIT_BYTES])


def _items(told: object) -> Iterable[object]:
    return told if isinstance(told, list | Untaken) else ()


def has_socket_messages(entry: dict[str, Any]) -> bool:
    """Whether an entry is a WebSocket by what it tells."""
    return bool(entry.get(_SOCKET)) or bool(entry.get("_webSocketClose"))


def _read(member: str, item: dict[str, Any], number: int) -> HarMessage | None:
    own = as_dict(item.get("_harrier"))
    if member == _EVENTS:
        opcode, side = int(Opcode.EVENT), Side.UPSTREAM
        name = as_text(item.get("eventName") or item.get("name"))[:_NAME_LIMIT]
        content = MessageContent(
            remark=_line(own.get("remark")),
            name="" if name == _DEFAULT_EVENT and not own.get("isNamed") else _whole(name),
            event_id=_whole(as_text(item.get("eventId") or item.get("id"))[:_NAME_LIMIT]),
            retry_ms=as_integer(own["retry"], 0, MOST_COUNT) if "retry" in own else None,
        )
    else:
        opcode = as_integer(item.get("opcode", Opcode.TEXT), 0, MOST_OPCODE)
        side = Side.CLIENT if as_text(item.get("type")) in ("send", "request") else Side.UPSTREAM
        content = MessageContent(remark=_line(own.get("remark")))
    data = _data(item, own, is_text=opcode in _TEXTS)
    if data is None:
        return None
    size = as_integer(own.get("size", len(data)), 0, MOST_COUNT)
    flags = as_integer(own.get("flags", 0), 0, MOST_FLAGS)
    row = MessageRow(0, number, _instant(item.get("time")), side, opcode, flags, size, None)
    return HarMessage(row, content, data[:KEPT_LIMIT_BYTES])


def _data(item: dict[str, Any], own: dict[str, Any], *, is_text: bool) -> bytes | None:
    coded = own.get("bytes") if is_text else item.get("data")
    if coded is None or (is_text and not isinstance(coded, str)):
        return as_text(item.get("data")).encode("utf-8", "replace")
    try:
        return b64decode(as_text(coded), validate=True)
    except (Base64Error, ValueError):
        # There are writers that have every message as text.
        return as_text(item.get("data")).encode("utf-8", "replace")


def _instant(told: object) -> int:
    seconds = as_number(told)
    return max(EARLIEST, min(round(seconds * 1e6), LATEST)) if seconds >= 0 else 0


def _line(told: object) -> str:
    return _whole(as_text(told)[:_NAME_LIMIT])


def _whole(text: str) -> str:
    """JavaScript's writers leave half a surrogate pair in a text: no database takes it."""
    return text.encode("utf-8", "replace").decode()
