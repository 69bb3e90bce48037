"""A client connection: what is known of it, and how what it says is served.

Whatever is spoken on a connection, and however far inside it (after a CONNECT, inside TLS), is served by a function
that returns what ended it (`Ended`): nothing more to do, or a tunnel that somebody has to see to. So the two questions
stay apart: «what is spoken here?» is asked by whoever hands a link over, «what is done about a tunnel?» by whoever
gets one back.
"""

import time
from typing import NamedTuple

from proxy_core.engine.exchange.services import Services
from proxy_core.engine.links.link import Link
from proxy_core.engine.reception.tunnel_wanted import TunnelWanted
from proxy_core.engine.recording.connection_record import connection_record
from proxy_core.model.exchange import Side
from proxy_core.model.tls_facts import Program, with_program


class ClientConnection:
    """The record of a connection that a client has opened to us."""

    def __init__(self, services: Services, link: Link) -> None:
        """Tells the capture of it."""
        self.key = services.reporter.connection_key()
        self._opened_at = int(time.time() * 1e6)
        self._services = services
        self._program: Program | None = None
        self.report(link, None)
        if services.programs is not None:
            services.programs.ask(self.key, link, self._program_found)

    def report(self, link: Link, tls: bytes | None) -> None:
        """Tell of it, again with `tls` once that is known."""
        if self._program is not None:
            tls = with_program(tls, self._program)
        self._row = connection_record(self.key, Side.CLIENT, self._opened_at, link, tls)
        self._services.reporter.connection(self._row)

    def _program_found(self, program: Program) -> None:
        self._program = program
        self._row = self._row._replace(tls=with_program(self._row.tls, program))
        self._services.reporter.connection(self._row)


class Closed(NamedTuple):
    """The connection is closed."""


Ended = Closed | TunnelWanted
