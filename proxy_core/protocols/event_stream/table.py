"""Which responses are streams of messages, by their media type. One more is a reader and a line here."""

from collections.abc import Callable

from proxy_core.protocols.event_stream.event import StreamReader
from proxy_core.protocols.event_stream.json_lines import JsonLineReader
from proxy_core.protocols.event_stream.sse import EventReader

STREAMS: dict[str, Callable[[], StreamReader]] = {
    "text/event-stream": EventReader,
    "application/x-ndjson": JsonLineReader,
    "application/ndjson": JsonLineReader,
    "application/jsonl": JsonLineReader,
    "application/x-jsonlines": JsonLineReader,
    "application/jsonlines": JsonLineReader,
    "application/json-seq": JsonLineReader,  # RFC 7464
    "application/stream+json": JsonLineReader,
    "application/x-json-stream": JsonLineReader,
}
