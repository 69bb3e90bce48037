"""The names that PAC files look up (`dnsResolve` and its kin): where the settings lead names, they lead here, too."""

import socket
import time

import gevent

from proxy_core.engine.upstream.names import Names
from proxy_core.engine.upstream.upstream_error import UpstreamError
from proxy_core.model.failure import Failure, FailureKind

LIMIT_S = 5.0  # as long as the C library waits for a name server by default (RES_TIMEOUT)
KEPT_S = 60.0  # also that a name has no address: at home, an office's file asks for the office with each host
KEPT = 256
_SLOW = Failure(FailureKind.DNS_TIMEOUT, "")  # nobody reads why a file is told that there is no such name


class PacNames:
    """For one worker, under one set of settings."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._kept: dict[str, tuple[float, str]] = {}

    def find(self, name: str) -> str:
        """The first IPv4 address, "" where there is none: PAC files know no other. Waits in the greenlet."""
        kept = self._kept.get(name)
        if kept is not None and time.monotonic() < kept[0]:
            return kept[1]
        try:
            with gevent.Timeout(LIMIT_S, UpstreamError(_SLOW)):
                addresses, _ = self._names.find(name, 0)
        except UpstreamError:
            addresses = []
        found = next((str(address[0]) for family, address in addresses if family == socket.AF_INET), "")
        if len(self._kept) >= KEPT:
            self._kept.clear()
        self._kept[name] = (time.monotonic() + KEPT_S, found)
        return found
