"""Where the exchanges of one client connection go, and the upstreams that take them there.

Upstream connections are not pooled over clients: each client connection has its own. A client that speaks HTTP/1 has at
the most one at a time. The origin then sees as many connections as it would without Harrier, and authentication that is
bound to a connection (NTLM, Negotiate) stays where it belongs, without a rule for it. A client whose exchanges overlap
(HTTP/2) shares an upstream that can carry many; one that can't (HTTP/1) is joined by others, as many as it takes.
"""

import time
from collections.abc import Callable

from gevent.event import Event

from proxy_core.engine.exchange.services import Services
from proxy_core.engine.recording.report import Report
from proxy_core.engine.sides.side import Carrier, UpstreamSide
from proxy_core.engine.sides.spoken import HTTP1_ALONE, carrier_of
from proxy_core.engine.upstream.connection import UpstreamConnection
from proxy_core.engine.upstream.upstream_error import UpstreamError
from proxy_core.model.exchange import ExchangeFlag
from proxy_core.model.ways_in import Origin
from proxy_core.protocols.part import RequestHead

_UPSTREAM_REUSED = int(ExchangeFlag.UPSTREAM_REUSED)
_NEWS_S = (
    10.0  # an error is told in place of another try; whoever paused the request longer wants to know how it is now
)
_clock = time.monotonic


# An origin, as far as connecting to it goes: scheme, host, port.
# Measured 2026-11-24: made for each exchange, a class with these names costs 0.3 µs.
Destination = tuple[str, str, int]


class _Opening:
    """A connection that is being opened; who wants the same waits for what comes of it."""

    def __init__(self) -> None:
        self.is_over = Event()
        self.error: UpstreamError | None = None


class Route:
    """One client connection's; whoever made it closes it."""

    def __init__(
        self,
        services: Services,
        tunnel: Destination | None = None,
        *,
        served: Origin | None = None,
        server_name: str = "",
        offer: tuple[str, ...] = HTTP1_ALONE,
        plain_protocol: str = "",
        prepared: UpstreamConnection | None = None,
        first_error: UpstreamError | None = None,
        came_by: bytes = b"",
    ) -> None:
        """Inside a tunnel every request goes to its end, whatever its Host says. `server_name` is the tunnel's, too:
        whom the client asked for by SNI, as often as the upstream is made anew. Upstreams are offered `offer` in TLS;
        without TLS they are spoken to in `plain_protocol`, an ALPN name, as their client speaks.

        `served` is the origin that the client's listener stands for: requests that name none are read as its own, and
        it may have to be reached on a Unix socket.

        `prepared` is taken over; `first_error` answers the first request where preparing it has failed. `came_by` are
        the proxies that have passed on the request for the tunnel.
        """
        self.tunnel = tunnel
        self.served = served
        self._socket: tuple[Destination, str] | None = None
        if served is not None and served.path:
            self._socket = (served.scheme, served.host, served.port), served.path
        self.overlaps = False  # may exchanges go on at the same time? Set by who serves such a client
        self._when_extended: Callable[[], None] | None = None
        self._opener = services.opener
        self._learnt = services.learnt
        self._sweep = services.sweep
        self._server_name = server_name
        self._offer = offer
        self._plain_protocol = plain_protocol
        self._came_by = came_by
        self._first_error = first_error
        self._first_error_mark = _clock()
        self._carriers: list[tuple[Destination, Carrier]] = []
        self._opening: dict[Destination, _Opening] = {}
        if prepared is not None and tunnel is not None:
            self._add(tunnel, prepared)

    def tell_extended(self, told: Callable[[], None]) -> None:
        """Have it told that an upstream understands an extended CONNECT, as soon as that is known."""
        self._when_extended = told
        for _, carrier in self._carriers:
            carrier.when_extended = told

    def destination(self, head: RequestHead) -> Destination:
        """Where a request goes that nobody sends elsewhere."""
        return self.tunnel or (head.scheme, head.host, head.port)

    def learn(self, to: Destination, alpn: str) -> None:
        """It turned out what is spoken there: the next upstream is spoken to like that."""
        self._learnt.learn(to, alpn)

    def forget_first_error(self) -> None:
        """What was prepared is not what the first request wanted; by the next one the error is an old one."""
        self._first_error = None

    def side_for(self, to: Destination, report: Report, *, can_repeat: bool) -> UpstreamSide:
        """The upstream half of the next exchange, connected if need be; the report is told of it.

        Raises UpstreamError.
        """
        carrier = self._carrier_with_room(to, is_sure=not can_repeat)
        if carrier is None:
            carrier = self._opened(to, report)
        elif not carrier.exchanges:
            report.began_earlier(carrier.connection.spent_us)  # opened before the request came that it was opened for
        opened = carrier.connection
        if carrier.exchanges:
            report.flags |= _UPSTREAM_REUSED
        else:
            report.flags &= ~_UPSTREAM_REUSED  # a retry has left the reused one
            report.opening_us = opened.opening_us
        report.upstream_connection = opened.key
        if opened.remark and opened.remark not in report.notes:
            report.notes = f"{report.notes}\n{opened.remark}" if report.notes else opened.remark
        return carrier.next_side()

    def _carrier_with_room(self, to: Destination, *, is_sure: bool) -> Carrier | None:
        for place, carrier in self._carriers:
            if place == to and carrier.room(is_sure=is_sure):
                return carrier
        return None

    def _opened(self, to: Destination, report: Report) -> Carrier:
        """A new connection there, or another's that can carry one more exchange."""
        self._close_what_is_over()
        if self._first_error is not None and to == self.tunnel:
            error, self._first_error = self._first_error, None
            if _clock() - self._first_error_mark < _NEWS_S:
                report.began_earlier(error.spent_us)
                raise error
        while (under_way := self._opening.get(to)) is not None:
            under_way.is_over.wait()
            if under_way.error is not None:
                raise under_way.error
            carrier = self._carrier_with_room(to, is_sure=False)
            if carrier is not None:
                return carrier
        return self._open(to)

    def _open(self, to: Destination) -> Carrier:
        opening = _Opening()
        learnt = self._learnt.of(to)
        # What turned out to carry one exchange at a time is worth no waiting for.
        if not any(place == to for place, _ in self._carriers):
            self._opening[to] = opening
        # Another origin than the tunnel's (somebody decided so) is not asked for by the tunnel's name.
        name = self._server_name if to == self.tunnel and self._server_name else to[1]
        try:
            if self._socket is not None and to == self._socket[0]:
                connection = self._opener.connect_unix(*to, self._socket[1])
            else:
                offer = (learnt,) if learnt else self._offer
                connection = self._opener.connect(*to, name, offer, is_tunnel=to == self.tunnel, came_by=self._came_by)
        except UpstreamError as error:
            opening.error = error
            raise
        finally:
            if self._opening.get(to) is opening:
                del self._opening[to]
            opening.is_over.set()
        if to[0] == "http" and connection.forwarder is None:
            connection.alpn = connection.alpn or learnt or self._plain_protocol
        elif learnt and connection.alpn != learnt:
            self._learnt.forget(to)
        return self._add(to, connection)

    def _add(self, to: Destination, connection: UpstreamConnection) -> Carrier:
        carrier = carrier_of(connection, self._sweep)
        carrier.when_extended = self._when_extended
        self._carriers.append((to, carrier))
        return carrier

    def _close_what_is_over(self) -> None:
        """Let go of what can carry nothing more; of all, where one at a time is what the client has."""
        kept = []
        for place, carrier in self._carriers:
            if self.overlaps and (carrier.is_busy or carrier.room(is_sure=True)):
                kept.append((place, carrier))
            else:
                carrier.close()
        self._carriers = kept

    def close(self) -> None:
        """Close what is open."""
        carriers, self._carriers = self._carriers, []
        for _, carrier in carriers:
            carrier.close()
