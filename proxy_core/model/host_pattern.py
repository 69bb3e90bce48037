"""Hosts as a person writes them in a list: a name, a part of names, an address, a network.

`shop.test` and `.shop.test` mean that name and all below it (as curl and the system's own variables have it),
`*.shop.test` what a glob means, `10.0.0.0/8` the addresses of a network, `*` everything. A name is never looked up to
find out whether it lies in a network.
"""

import ipaddress
import re
from fnmatch import fnmatchcase

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
LOOPBACK = ("localhost", "127.0.0.0/8", "::1")


class HostPatterns:
    """A list of patterns; says whether one of them means a host."""

    def __init__(self, patterns: tuple[str, ...]) -> None:
        self._networks: list[_Network] = []
        self._globs: list[str] = []
        self._names: list[str] = []
        for pattern in map(str.strip, patterns):
            network = _network(pattern)
            if network is not None:
                self._networks.append(network)
            elif any(char in pattern for char in "*?["):
                self._globs.append(pattern.lower())
            elif pattern:
                self._names.append(pattern.lower().strip("."))

    def match(self, host: str) -> bool:
        """Whether one of them means this host, a lower-case name or a literal without brackets."""
        name = host.lower().removesuffix(".")
        address = _address(name)
        if address is not None and any(address in network for network in self._networks):
            return True
        if any(name == each or name.endswith(f".{each}") for each in self._names):
            return True
        return any(fnmatchcase(name, glob) for glob in self._globs)


def means_hosts(pattern: str) -> bool:
    """Whether it can mean any host: no address or network that is spelled wrong, no URL, no port."""
    pattern = pattern.strip()
    return bool(pattern) and (_network(pattern) is not None or not re.search(r"[/:\s]", pattern))


def _network(pattern: str) -> _Network | None:
    try:
        return ipaddress.ip_network(pattern.strip("[]"), strict=False)
    except ValueError:
        return None


def _address(name: str) -> _Address | None:
    try:
        address = ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return None
    return (address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None) or address
