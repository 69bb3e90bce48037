"""Harrier's own address, as an upstream connection may meet it: the loop guard's knowledge.

Only what the listening socket really receives counts: other servers may have our port number on other addresses of this
machine (127.0.0.2, or [::1] beside our 127.0.0.1), and whoever debugs them must reach them.
"""

import os
import socket
from ipaddress import IPv4Address, IPv6Address, ip_address


class OwnAddress:
    """Where one listening socket can be reached."""

    def __init__(self, listener: socket.socket) -> None:
        self._path = str(listener.getsockname()) if _is_unix(listener) else ""
        if self._path:
            return
        host, self._port = listener.getsockname()[:2]
        self._host = _plain(host)
        self._takes_ipv4 = self._host.version == 4 or not listener.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY)

    def is_reached_by(self, sock: socket.socket) -> bool:
        """Whether a connected socket leads here."""
        try:
            peer = sock.getpeername()
            if self._path or not isinstance(peer, tuple):
                return bool(self._path) and not isinstance(peer, tuple) and _same_file(str(peer), self._path)
            if peer[1] != self._port:
                return False
            local = sock.getsockname()
        except OSError:
            return False
        host = _plain(peer[0])
        if not self._host.is_unspecified:
            return host == self._host
        # Every address of this machine, then. The system gives a connection to one of them that same address at the
        # near end, but on loopback, where all of 127.0.0.0/8 is this machine.
        is_of_family = self._takes_ipv4 if host.version == 4 else self._host.version == 6
        return is_of_family and (host.is_loopback or host == _plain(local[0]))


def _is_unix(sock: socket.socket) -> bool:
    return sock.family == getattr(socket, "AF_UNIX", None)


def _same_file(path: str, other: str) -> bool:
    try:
        return os.path.samefile(path, other)
    except OSError:
        return False


def _plain(host: str) -> IPv4Address | IPv6Address:
    """Without zone, and as IPv4 where it is that in an IPv6 form."""
    address = ip_address(host.partition("%")[0])
    return (address.ipv4_mapped if isinstance(address, IPv6Address) else None) or address
