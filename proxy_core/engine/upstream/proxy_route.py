"""Which way leads to an origin: directly, or by one of the proxies that the settings, the system or a PAC file name.

The first pattern that means the host decides; then the list of hosts that need no proxy; then the choice for all. A
proxy that could not be used is tried last for a while, as browsers do.
"""

import time
from collections.abc import Callable
from typing import NamedTuple, Protocol, assert_never

from proxy_core.engine.upstream.system_proxies import SystemProxies
from proxy_core.engine.upstream.upstream_error import UpstreamError
from proxy_core.model.endpoint import authority_text
from proxy_core.model.failure import Failure, FailureKind
from proxy_core.model.host_pattern import HostPatterns
from proxy_core.model.proxy_server import ProxyAddressError, ProxyServer
from proxy_core.model.way import Pac, Simple, Way, read_pac_answer, read_way
from proxy_core.model.ways_out import WaysOut

AVOIDED_S = 60.0  # a proxy that failed while there was another; browsers avoid it for 30 s to 5 min
ANSWERS_KEPT_S = 60.0  # of a PAC file, for each origin
ANSWERS_KEPT = 1024


class PacError(Exception):
    """A PAC file gave no answer: why, in a clause without a full stop."""


class PacAsker(Protocol):
    """Who evaluates PAC files."""

    def ask(self, pac_url: str, url: str, host: str, find_name: Callable[[str], str]) -> str:
        """What the file's function returns. Waits in the greenlet. Raises PacError.

        `find_name` finds the IPv4 address of a name that the file wants to know, "" where there is none.
        """
        ...


class Routes(NamedTuple):
    """The ways to try in turn; None is the direct one."""

    servers: tuple[ProxyServer | None, ...]
    remark: str = ""  # for the person who looks at the exchange
    may_be_us: bool = False  # what the system names may be Harrier itself: then the way is the direct one


_DIRECT = Routes((None,))


class ProxyRoutes:
    """Answers for one worker under one set of settings."""

    def __init__(
        self, ways: WaysOut, pac: PacAsker | None = None, find_name: Callable[[str], str] = lambda _name: ""
    ) -> None:
        """`ways` can be read (`check_ways_out`); `find_name` looks up for PAC files (`PacNames`)."""
        self._default = read_way(ways.upstream_proxy)
        self._by_host = [(HostPatterns((each.hosts,)), read_way(each.proxy)) for each in ways.proxies_by_host]
        self._no_proxy = HostPatterns(ways.no_proxy)
        self._fails_without_pac = ways.pac_failure == "fail"
        self._is_direct = self._default is Simple.NONE and not self._by_host
        self._system = SystemProxies()
        self._pac = pac
        self._find_name = find_name
        self._answers: dict[tuple[str, str], tuple[float, Routes]] = {}
        self._avoided: dict[ProxyServer, float] = {}

    def find(self, scheme: str, host: str, port: int) -> Routes:
        """The ways to an origin. Raises UpstreamError where a PAC file gave none, and the direct one isn't wanted."""
        if self._is_direct:
            return _DIRECT
        routes = self._routes(self._way(host), scheme, host, port)
        if self._avoided and len(routes.servers) > 1:
            return routes._replace(servers=tuple(sorted(routes.servers, key=self._is_avoided)))
        return routes

    def avoid(self, server: ProxyServer) -> None:
        """It could not be used."""
        self._avoided[server] = time.monotonic() + AVOIDED_S

    def _is_avoided(self, server: ProxyServer | None) -> bool:
        return server is not None and self._avoided.get(server, 0.0) > time.monotonic()

    def _way(self, host: str) -> Way:
        for patterns, way in self._by_host:
            if patterns.match(host):
                return way
        return Simple.NONE if self._no_proxy.match(host) else self._default

    def _routes(self, way: Way, scheme: str, host: str, port: int) -> Routes:
        match way:
            case Simple.NONE:
                return _DIRECT
            case Simple.SYSTEM:
                server = self._system.server(scheme, host)
                return Routes((server,), may_be_us=True) if server is not None else _DIRECT
            case Pac(pac_url):
                return self._by_pac(pac_url, f"{scheme}://{authority_text(scheme, host, port)}/", host)
            case ProxyServer():
                return Routes((way,))
            case _:
                assert_never(way)

    def _by_pac(self, pac_url: str, url: str, host: str) -> Routes:
        """Ask once for each origin: a path says nothing about the way, and browsers don't tell it either."""
        key = pac_url, url
        kept = self._answers.get(key)
        if kept is not None and time.monotonic() < kept[0]:
            return kept[1]
        try:
            if self._pac is None:
                raise PacError("nobody evaluates PAC files here")
            routes = Routes(read_pac_answer(self._pac.ask(pac_url, url, host, self._find_name)))
        except (PacError, ProxyAddressError) as error:
            if self._fails_without_pac:
                text = f"The PAC file gave no way to {host}: {error}."
                raise UpstreamError(Failure(FailureKind.PROXY_INTERNAL_ERROR, text)) from None
            routes = Routes((None,), f"The PAC file gave no way to {host}, so it was reached directly: {error}.")
        if len(self._answers) >= ANSWERS_KEPT:
            self._answers.clear()
        self._answers[key] = (time.monotonic() + ANSWERS_KEPT_S, routes)
        return routes
