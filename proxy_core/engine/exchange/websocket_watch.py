"""The messages of a WebSocket, told from a copy of what goes through: before it does, so that whoever has got a message
whole finds it in the capture, whatever becomes of the worker.
"""

from proxy_core.engine.links.turn import Turn
from proxy_core.engine.recording.message_writer import NO_EXTRAS
from proxy_core.engine.recording.report import Report
from proxy_core.engine.recording.reporter import Reporter
from proxy_core.formats.one_line import one_line
from proxy_core.model.exchange import Side
from proxy_core.model.message_head import parse_head
from proxy_core.model.message_row import Opcode
from proxy_core.protocols.part import ResponseHead
from proxy_core.protocols.websocket.close_code import close_code
from proxy_core.protocols.websocket.deflate import Inflater, agreed_deflate
from proxy_core.protocols.websocket.handshake import handshake_faults
from proxy_core.protocols.websocket.message import MessageData, MessageEnd, MessageReader

_PIECE_BYTES = 64 * 1024  # which may hold thirty thousand empty frames
_SIDES = (int(Side.CLIENT), int(Side.UPSTREAM))
_NAMES = ("client", "server")
_CLOSE = int(Opcode.CLOSE)


class WebSocketWatch:
    """A `TunnelWatch`, from the response on that has switched to the protocol."""

    def __init__(self, reporter: Reporter, report: Report, response: ResponseHead) -> None:
        self._reporter = reporter
        self._report = report
        self._turn = Turn()
        self._closes: dict[int, bytes] = {}  # what a side's close frame held, in the order in which they came
        answer = parse_head(response.raw)
        for each in handshake_faults(parse_head(report.request_forwarded_head or report.request_head), answer):
            report.note(each)
        fields = answer.values(b"sec-websocket-extensions")
        deflate, reserved = agreed_deflate(b", ".join(fields).decode("latin-1"))
        keeps = (None, None) if deflate is None else (deflate.client_takeover, deflate.server_takeover)
        self._readers = [
            MessageReader(
                is_client=side == Side.CLIENT,
                inflater=None if keeps_window is None else Inflater(keeps_window=keeps_window),
                allowed_reserved=reserved,
            )
            for side, keeps_window in zip(_SIDES, keeps, strict=True)
        ]

    def came(self, side: int, data: bytes) -> None:
        """Read some more of what a side says."""
        for begin in range(0, len(data), _PIECE_BYTES):
            piece = data if len(data) <= _PIECE_BYTES else data[begin : begin + _PIECE_BYTES]
            for each in self._readers[side].receive(piece):
                self._tell(side, each)
                self._turn.has_told()
            self._turn.has_read(len(piece))
        self._reporter.tell_messages(self._report)
        outbox = self._reporter.outbox
        if outbox.is_full:
            outbox.wait_for_room()

    def finish(self) -> None:
        """What had begun ends here."""
        for side in _SIDES:
            for each in self._readers[side].finish():
                self._tell(side, each)
        if self._closes:
            side, payload = next(iter(self._closes.items()))
            self._report.note(f"The {_NAMES[side]} closed the WebSocket: {_close_text(payload)}.")
        else:
            self._report.note("The WebSocket ended without a close: what browsers call 1006.")

    @property
    def has_closed(self) -> bool:
        """RFC 6455 §7.1.1: both have said goodbye; the connection may end in any way now."""
        return len(self._closes) == len(_SIDES)

    def _tell(self, side: int, read: MessageData | MessageEnd) -> None:
        reporter, report = self._reporter, self._report
        if isinstance(read, MessageData):
            reporter.message_data(report, side, read.opcode, read.data)
        elif read.is_alone:
            if read.opcode == _CLOSE:
                self._closes.setdefault(side, read.data)
            extras = (read.remark, "", "", None) if read.remark else NO_EXTRAS
            reporter.message(report, side, read.opcode, read.flags, read.size, read.data, extras)
        else:
            reporter.message_end(report, side, read.opcode, read.flags, read.size, read.data, read.remark)


def _close_text(payload: bytes) -> str:
    """What a close frame says, for a person."""
    code = close_code(payload)
    if code is None:
        return "without a code"
    reason = payload[2:].decode("utf-8", "replace")
    return f"{code}, «{one_line(reason)}»" if reason else str(code)
