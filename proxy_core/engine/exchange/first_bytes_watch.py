"""What the sides of a tunnel that nobody reads say first: kept for whoever wonders, and the protocol named if known."""

from collections.abc import Callable

from proxy_core.engine.recording.report import Report
from proxy_core.engine.recording.reporter import Reporter
from proxy_core.model.exchange import Side
from proxy_core.model.message_row import MessageFlag, Opcode
from proxy_core.protocols.client_hello import ClientHello, ClientHelloReader
from proxy_core.protocols.first_words import LOOKED_AT_BYTES, spoken_protocol

_PIECES = 4
_CLIENT = int(Side.CLIENT)
_FIRST_BYTES, _CUT = int(Opcode.FIRST_BYTES), int(MessageFlag.CUT)


class FirstBytesWatch:
    """A `TunnelWatch`."""

    def __init__(
        self, reporter: Reporter, report: Report, on_hello: Callable[[ClientHello], None] | None = None
    ) -> None:
        """`on_hello` is told what a client says that begins TLS."""
        self._reporter = reporter
        self._report = report
        self._first = [b"", b""]  # by Side
        self._pieces = [0, 0]
        self._is_named = False
        self._hello = ClientHelloReader()
        self._on_hello = on_hello

    def came(self, side: int, data: bytes) -> None:
        """Of what a side says, the first is looked at, in however many pieces it comes, up to a few."""
        if side == _CLIENT and self._on_hello is not None:
            self._hear(data)  # a hello may be longer than what is kept, and come in more pieces
        before = self._first[side]
        if self._pieces[side] == _PIECES or len(before) == LOOKED_AT_BYTES:
            return
        self._pieces[side] += 1
        kept = data[: LOOKED_AT_BYTES - len(before)]
        self._first[side] = before + kept
        flags = _CUT if len(data) > len(kept) else 0
        self._reporter.message(self._report, side, _FIRST_BYTES, flags, len(data), kept)
        if not self._is_named and (name := spoken_protocol(*self._first)):
            self._is_named = True
            notes = self._report.notes
            text = f"What goes through looks like {name}."
            self._report.notes = f"{notes}\n{text}" if notes else text

    def _hear(self, data: bytes) -> None:
        self._hello.receive(data)
        hello = self._hello.next_part()
        if isinstance(hello, ClientHello) and self._on_hello is not None:
            self._on_hello(hello)
        if hello is not None:
            self._on_hello = None

    has_closed = False  # nobody knows when it would be over

    def finish(self) -> None:
        """There is nothing left to say."""
