"""A tunnel through a proxy behind us: what is said on a fresh connection to it until it leads to the origin.

By CONNECT to an HTTP proxy, by SOCKS to a SOCKS proxy. Whatever the proxy does instead (demands a password, refuses,
keeps silent, talks nonsense) becomes a sentence that names it. What it sent behind its consent is put back onto the
link: it is the origin's.
"""

import ssl

import gevent

from proxy_core.engine.links.link import Link
from proxy_core.engine.upstream.upstream_error import UpstreamError
from proxy_core.model.endpoint import endpoint_text
from proxy_core.model.failure import Failure, FailureKind
from proxy_core.model.proxy_server import ProxyServer
from proxy_core.protocols.http1.fields import shown
from proxy_core.protocols.http1.head import Http1ResponseHead
from proxy_core.protocols.http1.proxying import connect_request, demand_text
from proxy_core.protocols.http1.reader import ResponseReader
from proxy_core.protocols.part import ProtocolError
from proxy_core.protocols.socks_client import Socks4aClient, Socks5Client, SocksError

_LOOP = b"error=proxy_loop_detected"  # RFC 9209 §2.3.28, in a Proxy-Status
_SHOWN_REASON = 80  # bytes of a status line's phrase


class ProxyError(UpstreamError):
    """A proxy gave no way to the origin. `is_unusable`: it can't be reached or spoken to at all, so another may be."""

    def __init__(self, failure: Failure, *, is_unusable: bool) -> None:
        super().__init__(failure)
        self.is_unusable = is_unusable


def open_tunnel(link: Link, server: ProxyServer, host: str, port: int, limit_s: float, via: bytes = b"") -> None:
    """Have the proxy at the other end of `link` connect to host:port. Raises ProxyError; the caller closes the link.

    `via` is what HTTP proxies are told of those before them, as field lines.
    """
    try:
        with gevent.Timeout(limit_s, TimeoutError()):
            if server.scheme.startswith("socks"):
                _ask_socks(link, server, host, port)
            else:
                _ask_http(link, server, host, port, via)
    except TimeoutError:
        text = (
            f"{named(server)} did not say within {limit_s:.0f} seconds whether it reaches {endpoint_text(host, port)}."
        )
        raise ProxyError(Failure(FailureKind.CONNECTION_TIMEOUT, text), is_unusable=True) from None
    except OSError as error:
        reason = "a TLS error" if isinstance(error, ssl.SSLError) else error.strerror or error
        text = f"{named(server)} broke off while it was asked for {endpoint_text(host, port)} ({reason})."
        raise ProxyError(Failure(FailureKind.CONNECTION_TERMINATED, text), is_unusable=True) from None


def named(server: ProxyServer) -> str:
    """The proxy, as the beginning of a sentence."""
    return f"The upstream proxy {server.where}"


def demand_failure(server: ProxyServer, raw: bytes) -> Failure:
    """It answered 407, in this head."""
    wanted = demand_text(raw) or "without saying of what kind"
    if server.has_credentials and "basic" in wanted.lower():
        way_out = "It does not take the user and password that stand in its address."
    elif "basic" in wanted.lower():
        way_out = "Put them into its address: http://USER:PASSWORD@…, special characters as %XX."
    else:
        way_out = "Harrier can only answer «Basic»."
    text = f"{named(server)} demands a user and a password (407, {wanted}). {way_out}"
    return Failure(FailureKind.CONNECTION_REFUSED, text)


def _ask_http(link: Link, server: ProxyServer, host: str, port: int, via: bytes) -> None:
    link.send(connect_request(server, host, port, via))
    reader = ResponseReader()
    reader.expect(b"CONNECT")
    try:
        head = _read_answer(link, reader)
    except ProtocolError as error:
        text = f"{named(server)} did not answer as an HTTP proxy does: {error.failure.text}"
        raise ProxyError(Failure(FailureKind.HTTP_PROTOCOL_ERROR, text), is_unusable=True) from None
    if head is None:
        text = f"{named(server)} closed the connection when it was asked for {endpoint_text(host, port)}."
        raise ProxyError(Failure(FailureKind.CONNECTION_TERMINATED, text), is_unusable=True)
    if head.status == 407:
        raise ProxyError(demand_failure(server, head.raw), is_unusable=False)
    if not 200 <= head.status < 300:
        raise ProxyError(_refusal(server, head, endpoint_text(host, port)), is_unusable=False)
    link.put_back(reader.leftover())


def _read_answer(link: Link, reader: ResponseReader) -> Http1ResponseHead | None:
    """The final head, None when there is none. Raises ProtocolError, OSError."""
    while True:
        part = reader.next_part()
        if isinstance(part, Http1ResponseHead):
            if part.status >= 200:
                return part
        elif part is None:
            data = link.receive()
            if data:
                reader.receive(data)
            elif reader.is_mid_head:
                reader.receive_eof()
            else:
                return None


def _refusal(server: ProxyServer, head: Http1ResponseHead, where: str) -> Failure:
    line = head.raw.partition(b"\n")[0].strip().split(b" ", 2)
    reason = shown(line[2][:_SHOWN_REASON]) if len(line) > 2 else ""
    if _LOOP in head.raw.lower():
        text = (
            f"{named(server)} did not connect to {where}: the request went in a circle, from proxy to proxy and back."
        )
        return Failure(FailureKind.PROXY_LOOP_DETECTED, text)
    kind = FailureKind.CONNECTION_TIMEOUT if head.status == 504 else FailureKind.CONNECTION_REFUSED
    return Failure(
        kind, f"{named(server)} did not connect to {where}: it answered {f'{head.status} {reason}'.strip()}."
    )


def _ask_socks(link: Link, server: ProxyServer, host: str, port: int) -> None:
    try:
        make = Socks4aClient if server.scheme == "socks4a" else Socks5Client
        client = make(host, port, server.user, server.password)
        link.send(client.begin())
        while not client.is_done:
            data = link.receive()
            if not data:
                text = f"{named(server)} closed the connection when it was asked for {endpoint_text(host, port)}."
                raise ProxyError(Failure(FailureKind.CONNECTION_TERMINATED, text), is_unusable=True)
            if out := client.receive(data):
                link.send(out)
        link.put_back(client.leftover())
    except SocksError as error:
        text = f"{named(server)} did not connect to {endpoint_text(host, port)}: {error.text}."
        raise ProxyError(Failure(error.kind, text), is_unusable=error.is_junk) from None
