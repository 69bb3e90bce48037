"""Conversations inside TLS, over the green sockets of `conversation`: a client behind CONNECT, and an HTTPS origin."""

import contextlib
import ssl
from collections.abc import Callable, Sequence
from typing import TypeVar, cast

from gevent import socket

from tests.support.conversation import Client, Origin, Proxy
from tests.support.test_ca import Leaf

OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nhi"
ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"

_Result = TypeVar("_Result")


class BioPipe:
    """The few verbs that a TLS test needs; TLS by memory BIOs over a green socket, so that nothing blocks the hub."""

    def __init__(
        self, sock: socket.socket, tls: ssl.SSLObject, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO
    ) -> None:
        self.sock, self.tls, self._incoming, self._outgoing = sock, tls, incoming, outgoing

    def run(self, step: Callable[..., _Result], *arguments: object) -> _Result:
        while True:
            try:
                result = step(*arguments)
                self._flush()
                return result
            except ssl.SSLWantReadError:
                self._flush()
                data = self.sock.recv(65536)
                if not data:
                    raise EOFError from None
                self._incoming.write(data)
            except ssl.SSLError:
                self._flush()
                raise

    def _flush(self) -> None:
        if data := self._outgoing.read():
            self.sock.sendall(data)

    def sends(self, data: bytes) -> None:
        self.run(self.tls.write, data)

    def reads(self, most: int) -> bytes:
        data = self.run(self.tls.read, most)
        if not data:
            raise EOFError
        return data

    def says_goodbye(self) -> None:
        """Send a close_notify; the socket stays open."""
        with contextlib.suppress(ssl.SSLWantReadError):  # the other one's goodbye is not waited for
            self.tls.unwrap()
        self._flush()

    def reads_head(self) -> bytes:
        got = b""
        while not got.endswith(b"\r\n\r\n"):
            got += self.reads(1)
        return got

    def reads_exactly(self, size: int) -> bytes:
        got = b""
        while len(got) < size:
            got += self.reads(size - len(got))
        return got


def https_origin(
    start_origin: Callable[..., Origin],
    leaf: Leaf,
    handle: Callable[[BioPipe], None],
    alpn: Sequence[str] = (),
    prepare: Callable[[ssl.SSLContext], object] = lambda context: None,
) -> Origin:
    """An origin that speaks TLS with `leaf`; `handle` gets each connection decrypted, `prepare` the server's context."""
    context = leaf.server_context(alpn)
    prepare(context)

    def script(upstream: Client) -> None:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        pipe = BioPipe(upstream.sock, context.wrap_bio(incoming, outgoing, server_side=True), incoming, outgoing)
        try:
            pipe.run(pipe.tls.do_handshake)
            handle(pipe)
        except (ssl.SSLError, ConnectionError, EOFError):
            pass

    return start_origin(script)


def answer_all(pipe: BioPipe) -> None:
    while True:
        pipe.reads_head()
        pipe.sends(OK)


def connect_through(
    proxy: Proxy, host: str, port: int, *, name: str | None = "", alpn: Sequence[str] = (), trust: bool = True
) -> BioPipe:
    """CONNECT, then TLS as a client that trusts Harrier's CA, and asks for `name` ("": for the host) by SNI."""
    client = proxy.connect()
    client.sends(b"CONNECT %b:%d HTTP/1.1\r\nHost: x\r\n\r\n" % (host.encode(), port))
    client.sees(ESTABLISHED)
    return tls_over(proxy, client, host if name == "" else name, alpn=alpn, trust=trust)


def tls_over(
    proxy: Proxy, client: Client, name: str | None, *, alpn: Sequence[str] = (), trust: bool = True
) -> BioPipe:
    """TLS with Harrier, as a client that trusts its CA, and asks for `name` by SNI."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = _client_context(proxy, name, alpn, trust=trust).wrap_bio(incoming, outgoing, server_hostname=name)
    pipe = BioPipe(client.sock, tls, incoming, outgoing)
    pipe.run(pipe.tls.do_handshake)
    return pipe


def tls_inside(proxy: Proxy, outer: BioPipe, name: str) -> BioPipe:
    """The same, inside TLS."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = _client_context(proxy, name, (), trust=True).wrap_bio(incoming, outgoing, server_hostname=name)
    pipe = BioPipe(cast("socket.socket", _SocketOf(outer)), tls, incoming, outgoing)
    pipe.run(pipe.tls.do_handshake)
    return pipe


class _SocketOf:
    """What a pipe needs of a socket, over another pipe."""

    def __init__(self, pipe: BioPipe) -> None:
        self.sendall = pipe.sends
        self.recv = pipe.reads


def _client_context(proxy: Proxy, name: str | None, alpn: Sequence[str], *, trust: bool) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if trust:
        context.load_verify_locations(cadata=proxy.authority.certificate_pem.decode())
    if alpn:
        context.set_alpn_protocols(list(alpn))
    if name is None:
        context.check_hostname = False
    return context
