"""Where the exchanges of one client connection go, and the upstream that takes them there.

Upstream connections are not pooled over clients: each client connection has at the most one of its own. The origin then
sees as many connections as it would without Harrier, and authentication that is bound to a connection (NTLM, Negotiate)
stays where it belongs, without a rule for it.
"""

from proxy_core.engine.exchange.services import Services
from proxy_core.engine.recording.report import Report
from proxy_core.engine.sides.side import UpstreamSide
from proxy_core.engine.sides.spoken import OFFER, upstream_side
from proxy_core.engine.upstream.connection import UpstreamConnection
from proxy_core.engine.upstream.connector import UpstreamError
from proxy_core.model.exchange import ExchangeFlag
from proxy_core.protocols.part import RequestHead

_UPSTREAM_REUSED = int(ExchangeFlag.UPSTREAM_REUSED)


# An origin, as far as connecting to it goes: scheme, host, port.
# Measured 2026-11-24: made for each exchange, a class with these names costs 0.3 µs.
Destination = tuple[str, str, int]


class Route:
    """One client connection's; whoever made it closes it."""

    def __init__(
        self,
        services: Services,
        tunnel: Destination | None = None,
        *,
        server_name: str = "",
        prepared: UpstreamConnection | None = None,
        first_error: UpstreamError | None = None,
    ) -> None:
        """Inside a tunnel every request goes to its end, whatever its Host says. `server_name` is the tunnel's, too:
        whom the client asked for by SNI, as often as the upstream is made anew.

        `prepared` is taken over; `first_error` answers the first request where preparing it has failed.
        """
        self.tunnel = tunnel
        self._opener = services.opener
        self._server_name = server_name
        self._first_error = first_error
        self._prepared = prepared
        self._to = tunnel
        self._side = None if prepared is None else upstream_side(prepared)

    def destination(self, head: RequestHead) -> Destination:
        """Where a request goes that nobody sends elsewhere."""
        return self.tunnel or (head.scheme, head.host, head.port)

    def side_for(self, to: Destination, report: Report, *, can_repeat: bool) -> UpstreamSide:
        """The upstream that carries the next exchange, connected if need be; the report is told of it.

        Raises UpstreamError.
        """
        side = self._side
        if side is not None and (self._to != to or not side.room(is_sure=not can_repeat)):
            side.close()
            side = self._side = None
        if side is None:
            error, self._first_error = self._first_error, None
            if error is not None:
                report.began_earlier(error.spent_us)
                raise error
            # Another origin than the tunnel's (somebody decided so) is not asked for by the tunnel's name.
            name = self._server_name if to == self.tunnel and self._server_name else to[1]
            side = self._side = upstream_side(self._opener.connect(*to, name, OFFER))
            self._to = to
        elif not side.exchanges:
            report.began_earlier(side.connection.spent_us)  # opened before the request came that it was opened for
        opened = side.connection
        if side.exchanges:
            report.flags |= _UPSTREAM_REUSED
        else:
            report.flags &= ~_UPSTREAM_REUSED  # a retry has left the reused one
            report.opening_us = opened.opening_us
        report.upstream_connection = opened.key
        return side

    def close(self) -> None:
        """Close what is open."""
        if self._side is not None:
            self._side.close()
            self._side = None
