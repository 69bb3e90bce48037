"""Where names lead: what the settings say of them first, then the system, or the DNS server that the settings name.

Whatever waits, waits in a greenlet or in gevent's thread pool, never in the hub. What was found is kept for a while.
"""

import socket
import time
from typing import TYPE_CHECKING

import gevent
from gevent import get_hub

from proxy_core.engine.upstream.address import Address
from proxy_core.engine.upstream.upstream_error import UpstreamError
from proxy_core.model.failure import Failure, FailureKind
from proxy_core.model.ways_out import HostOverride, WaysOut, read_resolver

if TYPE_CHECKING:
    from proxy_core.engine.upstream.dns_server import DnsServer

LOOKUP_KEPT_S = 30.0
LOOKUPS_KEPT = 1024
_LOCALHOST = "localhost"


class Names:
    """Looks names up for one worker, under one set of settings."""

    def __init__(self, ways: WaysOut, limit_s: float) -> None:
        """`ways` can be read (`check_ways_out`); a look-up that lasts longer than `limit_s` is given up."""
        self._limit_s = limit_s
        self._server = _chosen_server(ways)
        self._exact = {_plain(each.name): each for each in ways.host_overrides if not each.name.startswith("*")}
        self._below = [each for each in ways.host_overrides if each.name.startswith("*")]
        self._below.sort(key=lambda each: len(each.name), reverse=True)  # the nearest first
        self._kept: dict[tuple[str, int], tuple[float, list[Address]]] = {}

    def led_elsewhere(self, host: str) -> str:
        """The host that the settings put in this one's place, itself where they don't."""
        override = self._override(host) if self._exact or self._below else None
        return host if override is None else override.address.strip("[]")

    def _override(self, host: str) -> HostOverride | None:
        name = _plain(host)
        exact = self._exact.get(name)
        if exact is not None:
            return exact
        return next((each for each in self._below if name.endswith(_plain(each.name[1:])) or each.name == "*"), None)

    def find(self, host: str, port: int) -> tuple[list[Address], bool]:
        """Where to try, and whether a name had to be looked up for it. Raises UpstreamError."""
        host = self.led_elsewhere(host)
        name = host.removesuffix(".")
        if name == _LOCALHOST or name.endswith("." + _LOCALHOST):
            # RFC 6761 §6.3: these names mean this machine, and nobody is to be asked: a system's file may know one
            # family only, and the server listen on the other. In the order of browsers.
            return [(socket.AF_INET6, ("::1", port)), (socket.AF_INET, ("127.0.0.1", port))], False
        key = (host, port)
        known = self._kept.get(key)
        now = time.monotonic()
        if known is not None and now < known[0]:
            return known[1], False
        is_literal = _is_literal(host)
        try:
            addresses = _look_up(host, port, socket.AI_NUMERICHOST) if is_literal else self._ask(host, port)
        except gevent.Timeout:
            raise UpstreamError(
                Failure(FailureKind.DNS_TIMEOUT, f"The name {host} could not be looked up in time.")
            ) from None
        except (OSError, UnicodeError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else "it is not a valid name"
            raise UpstreamError(
                Failure(FailureKind.DNS_ERROR, f"The name {host} could not be found ({reason}). Is it spelled right?")
            ) from None
        addresses = _interleave(addresses)
        if len(self._kept) >= LOOKUPS_KEPT:
            self._kept.clear()
        self._kept[key] = (now + LOOKUP_KEPT_S, addresses)
        return addresses, not is_literal

    def forget(self, host: str, port: int) -> None:
        """Nobody answered there."""
        self._kept.pop((self.led_elsewhere(host), port), None)

    def _ask(self, host: str, port: int) -> list[Address]:
        """Raises OSError, UnicodeError, gevent.Timeout."""
        with gevent.Timeout(self._limit_s):
            if self._server is not None:
                return self._server.find(host, port)
            outcome = get_hub().threadpool.apply(_look_up_quietly, (host, port))
        if not isinstance(outcome, list):
            raise outcome
        return outcome


def _chosen_server(ways: WaysOut) -> "DnsServer | None":
    server = read_resolver(ways.resolver)
    if server is None:
        return None
    from proxy_core.engine.upstream.dns_server import DnsServer  # its library takes 60 ms, and is seldom wanted

    return DnsServer(*server)


def _plain(name: str) -> str:
    return name.lower().removesuffix(".")


def _look_up(host: str, port: int, flags: int = 0) -> list[Address]:
    infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)
    return [(family, address) for family, _, _, _, address in infos]


def _look_up_quietly(host: str, port: int) -> list[Address] | OSError | UnicodeError:
    """For the thread pool, which prints what is raised in it."""
    try:
        return _look_up(host, port)
    except (OSError, UnicodeError) as error:
        return error


def _is_literal(host: str) -> bool:
    if ":" in host:
        return True
    try:
        socket.inet_pton(socket.AF_INET, host)
    except (OSError, UnicodeError, ValueError):
        return False
    return True


def _interleave(addresses: list[Address]) -> list[Address]:
    """RFC 8305 §4: the families in turn, beginning with the one that the system prefers."""
    unique = list(dict.fromkeys(addresses))
    first_family = unique[0][0]
    first = [address for address in unique if address[0] == first_family]
    other = [address for address in unique if address[0] != first_family]
    mixed: list[Address] = []
    while first or other:
        if first:
            mixed.append(first.pop(0))
        if other:
            mixed.append(other.pop(0))
    return mixed
