"""Which bodies are read in items, by their media type."""

from collections.abc import Callable
from typing import NamedTuple, Protocol

from proxy_core.model.message_row import Opcode
from proxy_core.model.resource_type import media_essence
from proxy_core.protocols.event_stream.item import Item
from proxy_core.protocols.event_stream.json_texts import LINES, RECORDS, JsonTextReader
from proxy_core.protocols.event_stream.server_sent import EventReader


class ItemReader(Protocol):
    """Reads one body, without its content coding."""

    def receive(self, data: bytes) -> list[Item]: ...
    def receive_eof(self) -> list[Item]: ...


class ItemKind(NamedTuple):
    """How such bodies are read, and what its items are called."""

    opcode: Opcode
    reader: Callable[[], ItemReader]


_EVENTS = ItemKind(Opcode.EVENT, EventReader)
_LINES = ItemKind(Opcode.LINE, lambda: JsonTextReader(LINES))
_RECORDS = ItemKind(Opcode.LINE, lambda: JsonTextReader(RECORDS))
_KINDS = {
    "text/event-stream": _EVENTS,
    "application/x-ndjson": _LINES,
    "application/ndjson": _LINES,
    "application/jsonl": _LINES,
    "application/x-jsonl": _LINES,
    "application/jsonlines": _LINES,
    "application/x-jsonlines": _LINES,
    "application/stream+json": _LINES,
    "application/x-json-stream": _LINES,
    "application/json-seq": _RECORDS,
    "application/geo+json-seq": _RECORDS,
}


def item_kind(content_type: bytes) -> ItemKind | None:
    """By the value of a Content-Type; None for a body that is read as a whole."""
    return _KINDS.get(media_essence(content_type))
