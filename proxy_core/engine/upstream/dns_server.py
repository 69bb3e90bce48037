"""A DNS server of the person's choice, asked for both families at once: over UDP, over TCP where that is too small.

No cache and no search list, no hosts file: whoever names a server wants to know what it says.
"""

import secrets
import socket as stdlib_socket
import time
from functools import partial

import gevent
from gevent import socket

from proxy_core.engine.upstream.address import Address
from proxy_core.protocols.dns_message import AAAA, A, DnsAnswer, DnsQuery, dns_query, read_dns_answer

_RESOLUTION_DELAY_S = 0.05  # RFC 8305 §3: for the other kind of address, once there is one
ASKED_AGAIN_S = 2.0  # a datagram may be lost; glibc waits 5 s, systemd-resolved 1.5 s and more
_DATAGRAM_BYTES = 65535
_FAMILIES = {A: stdlib_socket.AF_INET, AAAA: stdlib_socket.AF_INET6}


class DnsServer:
    """Asks one server."""

    def __init__(self, host: str, port: int) -> None:
        """`host` is an IP literal."""
        self._to = host, port
        self._family = socket.AF_INET6 if ":" in host else socket.AF_INET

    def find(self, host: str, port: int) -> list[Address]:
        """The addresses of a name, IPv6 first (RFC 8305 §4). Waits in the greenlet, without end if need be.

        Raises OSError, UnicodeError.
        """
        kinds = AAAA, A
        asking = [
            gevent.spawn(partial(self._ask_quietly, dns_query(host, kind, secrets.randbits(16)))) for kind in kinds
        ]
        try:
            gevent.joinall(asking, count=1)
            if any(isinstance(greenlet.value, DnsAnswer) and greenlet.value.addresses for greenlet in asking):
                gevent.joinall(asking, timeout=_RESOLUTION_DELAY_S)
            else:
                gevent.joinall(asking)
            outcomes = [greenlet.value for greenlet in asking]
        finally:
            gevent.killall(asking)
        found: list[Address] = []
        for kind, outcome in zip(kinds, outcomes, strict=True):
            if isinstance(outcome, DnsAnswer):
                found += [(_FAMILIES[kind], (address, port)) for address in outcome.addresses]
        if found:
            return found
        for outcome in outcomes:
            if isinstance(outcome, OSError):
                raise OSError(outcome.errno, f"the DNS server {self._to[0]}: {outcome.strerror or outcome}")
        problems = [outcome.problem for outcome in outcomes if isinstance(outcome, DnsAnswer)]
        raise OSError(0, problems[-1])

    def _ask_quietly(self, query: DnsQuery) -> DnsAnswer | OSError:
        try:
            answer = self._ask_by_datagram(query)
            return self._ask_by_stream(query) if answer.is_truncated else answer
        except OSError as error:
            return error

    def _ask_by_datagram(self, query: DnsQuery) -> DnsAnswer:
        with socket.socket(self._family, socket.SOCK_DGRAM) as sock:
            sock.connect(self._to)  # others' datagrams are the system's to drop then
            while True:
                sock.send(query.wire)
                again_mark = time.monotonic() + ASKED_AGAIN_S
                while (left_s := again_mark - time.monotonic()) > 0:
                    sock.settimeout(left_s)
                    try:
                        answer = read_dns_answer(sock.recv(_DATAGRAM_BYTES), query)
                    except TimeoutError:
                        break
                    if answer is not None:
                        return answer
                    gevent.sleep(0)  # a flood of nonsense must not keep the hub

    def _ask_by_stream(self, query: DnsQuery) -> DnsAnswer:
        with socket.socket(self._family, socket.SOCK_STREAM) as sock:
            sock.connect(self._to)
            sock.sendall(len(query.wire).to_bytes(2) + query.wire)  # RFC 1035 §4.2.2
            size = int.from_bytes(_receive(sock, 2))
            answer = read_dns_answer(_receive(sock, size), query)
        if answer is None or answer.is_truncated:
            raise OSError(0, "it gave no whole answer")
        return answer


def _receive(sock: socket.socket, size: int) -> bytes:
    got = b""
    while len(got) < size:
        data = sock.recv(size - len(got))
        if not data:
            raise OSError(0, "it gave no whole answer")
        got += data
    return got
