"""A response's body whose messages are told while it comes: read from a copy, decoded, after it has gone on."""

from proxy_core.engine.links.turn import Turn
from proxy_core.engine.recording.message_writer import NO_EXTRAS
from proxy_core.engine.recording.report import Report
from proxy_core.engine.recording.reporter import Reporter
from proxy_core.engine.sides.side import BodySource
from proxy_core.fault_log import caught
from proxy_core.formats.content_coding import CodingError, StreamedDecoding, codings_text, parse_codings
from proxy_core.model.exchange import Side
from proxy_core.model.message_head import parse_head
from proxy_core.model.message_row import MessageFlag
from proxy_core.protocols.event_stream.item import Item
from proxy_core.protocols.event_stream.kind import ItemKind, ItemReader, item_kind
from proxy_core.protocols.part import BodyPart, EndOfMessage, ResponseHead

_UPSTREAM = int(Side.UPSTREAM)
_UNREADABLE = int(MessageFlag.INVALID | MessageFlag.INCOMPLETE)
_CUT, _INCOMPLETE = int(MessageFlag.CUT), int(MessageFlag.INCOMPLETE)
_FREE_EXPANSION_BYTES = 512 * 1024  # every eight bytes may be a message, and is a row then
_PIECE_BYTES = 16 * 1024  # which may hold eight thousand lines
_WAITING_LIMIT_BYTES = 256 * 1024  # parts that have come together are read together, unless they are too many


def stream_body(reporter: Reporter, report: Report, head: ResponseHead, body: BodySource) -> BodySource:
    """The body, or, where it is a stream of messages, one that tells them. Costs a look-up for every response."""
    kind = item_kind(head.content_type)
    if kind is None or head.body_length == 0:
        return body
    codings = parse_codings(b", ".join(parse_head(head.raw).values(b"content-encoding")))
    return _StreamBody(_Messages(reporter, report, kind, codings), body)


class _StreamBody:
    """A `BodySource`."""

    def __init__(self, messages: "_Messages", body: BodySource) -> None:
        self._messages = messages
        self._body = body
        self._passed: list[bytes] = []
        self._passed_bytes = 0

    def part_here(self) -> BodyPart | EndOfMessage | None:
        """See `BodySource`. The parts before are still waiting to be flushed."""
        if self._passed_bytes > _WAITING_LIMIT_BYTES:
            self._read()
        try:
            return self._taken(self._body.part_here())
        except Exception:
            self._finish()
            raise

    def next_part(self) -> BodyPart | EndOfMessage:
        """See `BodySource`. The parts before have been sent."""
        self._read()
        self._messages.wait_for_room()
        try:
            part = self._taken(self._body.next_part())
        except Exception:
            self._finish()
            raise
        assert part is not None
        return part

    def _taken(self, part: BodyPart | EndOfMessage | None) -> BodyPart | EndOfMessage | None:
        if isinstance(part, BodyPart):
            self._passed.append(part.data)
            self._passed_bytes += len(part.data)
        elif part is not None:
            self._finish()
        return part

    def _read(self) -> None:
        passed, self._passed = self._passed, []
        self._passed_bytes = 0
        if passed:
            self._messages.receive(passed[0] if len(passed) == 1 else b"".join(passed))

    def _finish(self) -> None:
        self._read()
        self._messages.finish()


class _Messages:
    """Read and told. A fault in it costs the messages that follow, and the response nothing."""

    def __init__(self, reporter: Reporter, report: Report, kind: ItemKind, codings: tuple[str, ...]) -> None:
        self._reporter = reporter
        self._report = report
        self._opcode = int(kind.opcode)
        self._reader: ItemReader | None = kind.reader()
        self._codings = codings
        self._decoding: StreamedDecoding | None = None
        self._turn = Turn()

    def receive(self, data: bytes) -> None:
        if self._reader is None:
            return
        try:
            if self._decoding is None:
                self._decoding = StreamedDecoding(self._codings, _FREE_EXPANSION_BYTES)
            for part in self._decoding.receive(data):
                for begin in range(0, len(part), _PIECE_BYTES):
                    self._tell(self._reader.receive(part[begin : begin + _PIECE_BYTES]))
                    self._turn.has_read(_PIECE_BYTES)
        except CodingError as error:
            self._tell(self._reader.receive_eof())
            self._reader = None
            remark = f"The body says it is coded as {codings_text(self._codings)}, but {error}: the rest is not read."
            self._reporter.message(self._report, _UPSTREAM, self._opcode, _UNREADABLE, 0, b"", (remark, "", "", None))
        except Exception:  # a border: what is only shown must not cost what is relayed
            self._reader = None
            caught("reading the messages of a response")

    def wait_for_room(self) -> None:
        outbox = self._reporter.outbox
        if outbox.is_full:
            outbox.wait_for_room()

    def finish(self) -> None:
        reader, self._reader = self._reader, None
        if reader is not None:
            try:
                self._tell(reader.receive_eof())
            except Exception:
                caught("reading the last message of a response")

    def _tell(self, items: list[Item]) -> None:
        for each in items:
            has_extras = each.event or each.event_id or each.retry_ms is not None
            extras = ("", each.event, each.event_id, each.retry_ms) if has_extras else NO_EXTRAS
            flags = (0 if each.is_whole else _INCOMPLETE) | (_CUT if each.size > len(each.data) else 0)
            self._reporter.message(self._report, _UPSTREAM, self._opcode, flags, each.size, each.data, extras)
            self._turn.has_told()
