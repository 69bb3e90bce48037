"""Every parser that meets the bytes of strangers, as one function of bytes each, for tests and for longer fuzzing.

A parser may raise the one error that it promises; whatever else leaves one of these functions is a finding. The first
byte of the input says how the rest is cut into reads.
"""

from collections.abc import Callable, Iterator

from proxy_core.model.message_head import parse_head
from proxy_core.protocols.client_hello import ClientHello, ClientHelloReader
from proxy_core.protocols.dns_message import dns_query, read_dns_answer
from proxy_core.protocols.event_stream.server_sent import EventReader
from proxy_core.protocols.fingerprint import fingerprint_of
from proxy_core.protocols.first_words import spoken_protocol
from proxy_core.protocols.http1.reader import RequestReader, ResponseReader
from proxy_core.protocols.http2.connection import Http2Connection
from proxy_core.protocols.http2.error import Http2ConnectionError
from proxy_core.protocols.http2.limits import Http2Limits
from proxy_core.protocols.part import ProtocolError
from proxy_core.protocols.socks.request import SocksError, SocksReader
from proxy_core.protocols.socks.socks4 import Socks4Reader
from proxy_core.protocols.socks.socks5 import Socks5Reader
from proxy_core.protocols.socks_client import Socks4aClient, Socks5Client
from proxy_core.protocols.socks_client import SocksError as SocksClientError
from proxy_core.protocols.websocket.deflate import Inflater, agreed_deflate
from proxy_core.protocols.websocket.handshake import handshake_faults
from proxy_core.protocols.websocket.message import MessageReader

_QUERY = dns_query("a.test", "A", 1)
# What one parser or another knows, of which inputs are put together: random bytes alone are refused at the first.
WORDS = (
    *(b"Sec-WebSocket-Extensions: permessage-deflate; a=", b'"', b"\\", b",", b"Sec-WebSocket-Protocol: a, b\r\n"),
    *(b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", b"\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00"),
    *(b"GET http://a.test/ HTTP/1.1\r\n", b"HTTP/1.1 200 OK\r\n", b"Host: a.test\r\n", b"\r\n", b"\r", b"\n"),
    *(b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n", b"5\r\nhello\r\n", b"0\r\n\r\n", b":", b";"),
    *(b"\x05\x01\x00", b"\x05\x01\x00\x03\x06a.test\x00\x50", b"\x04\x01\x00\x50\x00\x00\x00\x01me\x00a.test\x00"),
    *(b"\x05\x00", b"\x05\x02\x01\x00", b"\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x50", b"\x00\x5a\x00\x00"),
    *(b"\x16\x03\x01\x00\x20\x01\x00\x00\x1c\x03\x03", b"\x81\x05hello", b"\x88\x02\x03\xe8", b"data: x\n\n"),
    *(b"\x00\x00\x04\x08\x00\x00\x00\x00\x01", b"\x00\x00\x00\x01\x05\x00\x00\x00\x01", b"\x82\x86\x84\x41"),
    *(b"\x00\x01\x81\x80\x00\x01\x00\x01\x00\x00\x00\x00\x01a\x04test\x00\x00\x01\x00\x01", b"\xc0\x0c"),
    *(
        b"Connection: Upgrade\r\n",
        b"Upgrade: websocket\r\n",
        b"Expect: 100-continue\r\n",
        b"CONNECT a.test:443 HTTP/1.0\r\n",
    ),
    *(
        b"\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\x7f\x00\x00\x01",
        b"\xff\xff",
        b"SSH-2.0-",
        b"HTTP/1.1 103 Early Hints\r\n",
    ),
)


def _reads(data: bytes) -> Iterator[bytes]:
    """The input as it comes in: whole, or in pieces of 1 to 63 bytes."""
    step = (data[:1] or b"\0")[0] % 64
    rest = data[1:]
    if not step:
        step = len(rest) or 1
    for place in range(0, len(rest), step):
        yield rest[place : place + step]


def _read_http1(reader: RequestReader | ResponseReader, data: bytes) -> None:
    try:
        for piece in _reads(data):
            reader.receive(piece)
            if isinstance(reader, ResponseReader):
                reader.expect(b"GET")
            while reader.next_part() is not None:
                pass
        reader.receive_eof()
        while reader.next_part() is not None:
            pass
    except ProtocolError as error:
        assert error.failure.text


def http1_request(data: bytes) -> None:
    _read_http1(RequestReader(), data)


def http1_response(data: bytes) -> None:
    _read_http1(ResponseReader(), data)


def _read_http2(data: bytes, *, is_client: bool) -> None:
    connection = Http2Connection(is_client, Http2Limits())
    connection.start()
    if is_client:
        head = ((b":method", b"GET"), (b":scheme", b"https"), (b":authority", b"a.test"), (b":path", b"/"))
        connection.open_stream(tuple((*field, False) for field in head), True)
    try:
        for piece in _reads(data):
            connection.receive(piece, 0.0)
    except Http2ConnectionError as error:
        assert error.failure.text


def http2_server(data: bytes) -> None:
    _read_http2(data[:1] + b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0" + data[1:], is_client=False)


def http2_client(data: bytes) -> None:
    _read_http2(data[:1] + b"\0\0\0\4\0\0\0\0\0" + data[1:], is_client=True)


def websocket(data: bytes) -> None:
    for is_client in (False, True):
        reader = MessageReader(is_client=is_client, inflater=None, allowed_reserved=0)
        for piece in _reads(data):
            list(reader.receive(piece))
        list(reader.finish())


def websocket_deflated(data: bytes) -> None:
    reader = MessageReader(is_client=True, inflater=Inflater(keeps_window=bool(data[:1] > b"\x7f")), allowed_reserved=4)
    for piece in _reads(data):
        list(reader.receive(piece))
    list(reader.finish())


def websocket_handshake(data: bytes) -> None:
    request, response = (parse_head(half) for half in (data[: len(data) // 2], data[len(data) // 2 :]))
    assert all(each.isprintable() for each in handshake_faults(request, response))
    agreed_deflate(data.decode("latin-1"))


def client_hello(data: bytes) -> None:
    reader = ClientHelloReader()
    for piece in _reads(data):
        reader.receive(piece)
    hello = reader.next_part()
    if isinstance(hello, ClientHello):
        assert fingerprint_of(hello).ja4


def _read_socks(reader: SocksReader, data: bytes) -> None:
    try:
        for piece in _reads(data):
            reader.receive(piece)
            while reader.next_part() is not None:
                pass
    except SocksError as error:
        assert error.text


def socks4(data: bytes) -> None:
    _read_socks(Socks4Reader(demands_password=False), data)


def socks5(data: bytes) -> None:
    _read_socks(Socks5Reader(demands_password=True), data)


def socks_client(data: bytes) -> None:
    for client in (Socks5Client("a.test", 80, "me", "secret"), Socks4aClient("a.test", 80)):
        client.begin()
        try:
            for piece in _reads(data):
                client.receive(piece)
        except SocksClientError as error:
            assert str(error)


def dns_answer(data: bytes) -> None:
    read_dns_answer(data, _QUERY)


def event_stream(data: bytes) -> None:
    reader = EventReader()
    for piece in _reads(data):
        reader.receive(piece)
    reader.receive_eof()


def first_words(data: bytes) -> None:
    spoken_protocol(data[: len(data) // 2], data[len(data) // 2 :])


PARSERS: dict[str, Callable[[bytes], None]] = {
    parser.__name__: parser
    for parser in (
        http1_request,
        http1_response,
        http2_server,
        http2_client,
        websocket,
        websocket_deflated,
        websocket_handshake,
        client_hello,
        socks4,
        socks5,
        socks_client,
        dns_answer,
        event_stream,
        first_words,
    )
}
