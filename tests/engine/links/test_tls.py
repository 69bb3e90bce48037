"""TLS as a link: conversations in memory, in whatever pieces the bytes come, and over sockets."""

import hashlib
import socket
import ssl
from collections.abc import Callable, Iterator

import gevent
import gevent.socket
import gevent.subprocess
import pytest

from proxy_core.engine.links.tls import (
    SEND_CHUNK,
    TlsTransport,
    tls_name,
)
from proxy_core.engine.links.tls_error import TlsEofError, TlsHandshakeError, TlsRenegotiationError
from proxy_core.engine.links.tls_facts import peer_chain, tls_facts
from proxy_core.engine.links.transport import DeadlineSweep, Transport
from proxy_core.model.tls_facts import TlsFacts, decode_tls_facts
from tests.support.link_pair import byte_by_byte, link_pair, whole
from tests.support.test_ca import ExampleCa, Leaf

VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]
BIG = 10 * 1024 * 1024


def odd_pieces(data: bytes) -> Iterator[bytes]:
    """Pieces that end within record headers and records alike."""
    at, size = 0, 1
    while at < len(data):
        yield data[at : at + size]
        at, size = at + size, size * 3 % 1021 + 1


CUTS = [whole, byte_by_byte, odd_pieces]


@pytest.fixture(scope="module")
def ca() -> ExampleCa:
    return ExampleCa()


@pytest.fixture(scope="module")
def leaf(ca) -> Leaf:
    return ca.leaf("localhost")


@pytest.fixture(scope="module")
def client_context(ca) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=ca.pem.decode())
    context.set_alpn_protocols(["http/1.1"])
    context.options |= ssl.OP_NO_RENEGOTIATION
    return context


@pytest.fixture
def server_context(leaf) -> ssl.SSLContext:
    context = leaf.server_context(["http/1.1"])
    context.options |= ssl.OP_NO_RENEGOTIATION
    return context


@pytest.fixture
def connect(client_context, server_context) -> Callable[..., tuple[TlsTransport, TlsTransport]]:
    """Connect a client and a server over two links."""

    def connect(links=None, version: ssl.TLSVersion | None = None) -> tuple[TlsTransport, TlsTransport]:
        if version is not None:
            server_context.maximum_version = version
        left, right = links or link_pair()
        client = TlsTransport(left, client_context, server_side=False, server_hostname="localhost")
        server = TlsTransport(right, server_context, server_side=True)
        together(client.handshake, server.handshake)
        return client, server

    return connect


def together(*calls: Callable[[], object]) -> list[object]:
    """Run calls in greenlets at the same time; their results. The first error is raised."""
    greenlets = [gevent.spawn(call) for call in calls]
    gevent.joinall(greenlets, timeout=60, raise_error=True)
    assert all(greenlet.ready() for greenlet in greenlets)
    return [greenlet.value for greenlet in greenlets]


def read_exactly(link, size: int) -> bytes:
    parts = []
    while size > 0:
        data = link.receive(size)
        assert data
        parts.append(data)
        size -= len(data)
    return b"".join(parts)


@pytest.fixture
def sockets() -> Iterator[Callable[[], tuple[Transport, Transport]]]:
    """Makes pairs of transports over real sockets."""
    made: list[Transport] = []
    sweep = DeadlineSweep()

    def make() -> tuple[Transport, Transport]:
        pair = tuple(Transport(sock, sweep, 30.0, 30.0) for sock in socket.socketpair())
        made.extend(pair)
        return pair

    yield make
    for transport in made:
        transport.close()


# The handshake


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("cut", CUTS)
def test_a_conversation(connect, version, cut):
    client, server = connect(link_pair(cut), version)
    assert client.ssl_object.version() == server.ssl_object.version() == f"TLSv1.{version - 0x301}"
    assert client.ssl_object.selected_alpn_protocol() == "http/1.1"
    client.send(b"GET")
    assert server.receive() == b"GET"
    server.send(b"200")
    server.send(b"!")
    assert client.receive() == b"200"
    assert client.receive() == b"!"
    server.close()
    assert client.receive() == b""
    assert client.receive() == b""
    assert not client.is_truncated


def test_it_tells_of_the_link_beneath(connect):
    left, right = link_pair()
    client, _ = connect((left, right))
    assert (client.peer_host, client.peer_port, client.local_host, client.local_port) == ("memory", 0, "memory", 0)
    client.read_limit_s = 3.5
    client.write_limit_s = 4.5
    assert (left.read_limit_s, left.write_limit_s) == (3.5, 4.5)
    assert (client.read_limit_s, client.write_limit_s) == (3.5, 4.5)


@pytest.mark.parametrize("seen", [1, 5, 100, None])
def test_a_client_hello_that_was_read_before_is_fed_in(client_context, server_context, seen):
    left, right = link_pair()
    client = TlsTransport(left, client_context, server_side=False, server_hostname="localhost")

    def serve() -> bytes:
        hello = right.receive(seen or 65536)
        server = TlsTransport(right, server_context, server_side=True, first_bytes=hello)
        server.handshake()
        return server.receive()

    def ask() -> None:
        client.handshake()
        client.send(b"hello")

    assert together(serve, ask)[0] == b"hello"


def test_a_request_that_comes_with_the_last_handshake_bytes_is_not_lost(client_context, server_context):
    left, right = link_pair()
    send, held = left.send, []
    # Hold back the last flight of the handshake, and send it together with the request.
    left.send = lambda data: held.append(data) if left.sent else send(data)
    client = TlsTransport(left, client_context, server_side=False, server_hostname="localhost")
    server = TlsTransport(right, server_context, server_side=True)

    def ask() -> None:
        client.handshake()
        client.send(b"early")
        send(b"".join(held))

    together(ask, server.handshake)
    assert server.is_readable()
    assert server.receive() == b"early"


def test_facts_of_a_connection(connect, leaf):
    client, server = connect()
    facts = decode_tls_facts(tls_facts(client.ssl_object, "localhost"))
    assert facts == TlsFacts(
        version="TLSv1.3",
        cipher="TLS_AES_256_GCM_SHA384",
        alpn="http/1.1",
        sni="localhost",
        verified=True,
        chain=(ssl.PEM_cert_to_DER_cert(leaf.certificate_pem.decode()),),
    )
    facts = decode_tls_facts(tls_facts(server.ssl_object, ""))
    assert facts == TlsFacts(version="TLSv1.3", cipher="TLS_AES_256_GCM_SHA384", alpn="http/1.1")


def test_facts_of_an_unverified_connection(server_context):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    left, right = link_pair()
    client = TlsTransport(left, context, server_side=False, server_hostname="other")
    together(client.handshake, TlsTransport(right, server_context, server_side=True).handshake)
    facts = decode_tls_facts(tls_facts(client.ssl_object, "other"))
    assert not facts.verified
    assert "switched off" in facts.verify_error
    assert len(facts.chain) == 1


def test_damaged_facts_are_none():
    assert decode_tls_facts(None) is None
    assert decode_tls_facts(b"\xc1") is None
    assert decode_tls_facts(b"\x81\xa5chain\x01") is None


def test_the_chain_is_there_after_a_refusal(server_context, leaf):
    left, right = link_pair()
    client = TlsTransport(left, ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), server_side=False, server_hostname="localhost")
    server = TlsTransport(right, server_context, server_side=True)
    accepting = gevent.spawn(server.handshake)
    with pytest.raises(TlsHandshakeError) as caught:
        client.handshake()
    assert isinstance(caught.value.cause, ssl.SSLCertVerificationError)
    assert caught.value.chain[0] == ssl.PEM_cert_to_DER_cert(leaf.certificate_pem.decode())
    assert caught.value.chain == peer_chain(client.ssl_object)
    with pytest.raises(TlsHandshakeError) as refused:
        accepting.get()
    assert refused.value.has_answered
    assert refused.value.cause.reason == "TLSV1_ALERT_UNKNOWN_CA"


@pytest.mark.parametrize("garbage", [b"\0" * 64, b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\xff\xff" + b"x" * 64])
def test_garbage_for_a_handshake(server_context, garbage):
    left, right = link_pair()
    left.send(garbage)
    left.send_eof()
    server = TlsTransport(right, server_context, server_side=True)
    with pytest.raises(TlsHandshakeError) as caught:
        server.handshake()
    assert caught.value.seen == garbage
    assert not caught.value.has_answered


def test_an_end_within_the_handshake_at_each_place(client_context, server_context):
    left, right = link_pair()
    client = TlsTransport(left, client_context, server_side=False, server_hostname="localhost")
    gevent.spawn(client.handshake)
    hello = right.receive()
    right.close()
    for size in range(0, len(hello), 7):
        left, right = link_pair()
        if size:
            left.send(hello[:size])
        left.send_eof()
        with pytest.raises(TlsHandshakeError) as caught:
            TlsTransport(right, server_context, server_side=True).handshake()
        assert isinstance(caught.value.cause, TlsEofError)


def test_a_reset_within_the_handshake(server_context):
    left, right = link_pair()
    left.abort()
    with pytest.raises(TlsHandshakeError) as caught:
        TlsTransport(right, server_context, server_side=True).handshake()
    assert isinstance(caught.value.cause, ConnectionResetError)


@pytest.mark.parametrize("name", ["a" * 64 + ".example", "", ".", "\0", "a..b"])
def test_an_impossible_name_is_an_error_of_the_handshake(client_context, name):
    left, right = link_pair()
    right.close()
    with pytest.raises(TlsHandshakeError):
        TlsTransport(left, client_context, server_side=False, server_hostname=name).handshake()


def test_the_handshake_keeps_no_bytes(connect):
    client, server = connect()
    assert client._seen == server._seen == b""


@pytest.mark.parametrize(
    ("hostname", "name"),
    [("a.example.", "a.example"), ("[::1]", "::1"), ("fe80::1%eth0", "fe80::1"), ("192.0.2.1", "192.0.2.1")],
)
def test_names_to_verify(hostname, name):
    assert tls_name(hostname) == name


# Receiving


def test_one_receive_gives_all_that_came(connect):
    client, server = connect()
    server.send(bytes(60_000))
    assert len(client.receive()) == 60_000


@pytest.mark.parametrize("limit", [1, 1000, 16384, 16385, 50_000, 65536])
def test_a_receive_never_gives_more_than_its_limit(connect, limit):
    client, server = connect()
    data = bytes(range(256)) * 200
    server.send(data)
    server.close()
    parts = []
    while part := client.receive(limit):
        parts.append(part)
    assert b"".join(parts) == data
    assert max(map(len, parts)) <= limit
    assert not client.is_truncated


def test_data_before_the_end_comes_first(connect):
    client, server = connect()
    server.send(b"last words")
    server.close()
    assert client.receive() == b"last words"
    assert client.receive() == b""


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("size", [0, 10, 40_000])
def test_an_end_without_goodbye_is_truncation(connect, version, size):
    left, right = link_pair()
    client, server = connect((left, right), version)
    server.send(bytes(size))
    right.close()
    got = 0
    while data := client.receive():
        got += len(data)
    assert got == size
    assert client.is_truncated


def test_an_end_within_a_record_is_truncation(connect):
    left, right = link_pair()
    client, server = connect((left, right))
    right.cut = lambda data: iter([data[:-1]])
    server.send(b"cut")
    right.close()
    assert client.receive() == b""
    assert client.is_truncated


def test_a_broken_record_is_an_error_after_the_data_before_it(connect):
    left, right = link_pair(lambda data: iter([data]))
    client, server = connect((left, right))
    # Both records come in one piece, so that the first is decrypted before the second is found broken.
    pieces: list[bytes] = []
    right.cut = lambda data: iter(pieces.append(data) or [])
    server.send(b"good")
    server.send(b"bad!")
    broken = pieces[1][:-1] + bytes([pieces[1][-1] ^ 1])
    right.cut = whole
    right.send(pieces[0] + broken)
    assert client.receive() == b"good"
    for _ in range(2):
        with pytest.raises(ssl.SSLError):
            client.receive()
    assert left.sent[-1][0] in (21, 23)  # the peer is told (alert; in TLS 1.3 it looks like data)


def test_a_broken_link_is_an_error_of_receive_and_send(connect):
    left, right = link_pair()
    client, _ = connect((left, right))
    right.abort()
    with pytest.raises(ConnectionResetError):
        client.receive()
    left.close()
    with pytest.raises(BrokenPipeError):
        client.send(b"x")


def test_session_tickets_are_not_something_to_receive(connect, server_context):
    server_context.num_tickets = 2
    left, right = link_pair()
    client, server = connect((left, right))
    assert left.is_readable()  # the tickets
    assert not client.is_readable()
    server.send(b"data")
    assert client.is_readable()
    assert client.is_readable()
    assert client.receive() == b"data"
    assert not client.is_readable()
    server.close()
    assert client.is_readable()
    assert client.receive() == b""
    assert not client.is_truncated


def test_readable_with_a_part_of_a_record_waits_for_the_rest(connect):
    left, right = link_pair(byte_by_byte)
    client, server = connect((left, right))
    held = []
    right.cut = lambda data: iter(held.append(data) or [data[:7]])
    server.send(b"data")
    assert not client.is_readable()
    right.cut = lambda data: iter([held[0][7:]])
    right.send(b"-")
    assert client.is_readable()
    assert client.receive() == b"data"


# Sending


def test_a_message_is_one_send_of_the_link(connect):
    left, right = link_pair()
    client, _ = connect((left, right))
    before = len(left.sent)
    client.send(bytes(16 * 1024))
    assert len(left.sent) == before + 1
    client.send(bytes(60_000))
    assert len(left.sent) == before + 2
    client.send(b"")
    assert len(left.sent) == before + 2


def test_big_data_is_encrypted_in_chunks(connect):
    left, right = link_pair()
    client, server = connect((left, right))
    before = len(left.sent)
    data = bytes(range(251)) * 8000
    client.send(data)
    assert len(left.sent) - before == -(-len(data) // SEND_CHUNK)
    assert max(map(len, left.sent)) < SEND_CHUNK * 1.01
    assert read_exactly(server, len(data)) == data


def test_any_buffer_can_be_sent(connect):
    client, server = connect()
    for data in (bytearray(b"array"), memoryview(b"view")):
        client.send(data)
        assert server.receive() == bytes(data)


# Ends


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("cut", CUTS)
def test_half_closing(connect, version, cut):
    left, right = link_pair(cut)
    client, server = connect((left, right), version)
    client.send(b"question")
    client.send_eof()
    assert left.has_sent_eof
    assert server.receive() == b"question"
    assert server.receive() == b""
    assert not server.is_truncated
    server.send(b"answer")
    assert client.receive() == b"answer"
    server.send(bytes(50_000))
    assert read_exactly(client, 50_000) == bytes(50_000)
    server.close()
    assert client.receive() == b""
    assert not client.is_truncated


@pytest.mark.parametrize("version", VERSIONS)
def test_half_closing_before_what_came_is_read(connect, version):
    client, server = connect(version=version)
    server.send(bytes(100_000))
    assert len(client.receive(10)) == 10  # the rest waits, decrypted and not
    client.send_eof()
    assert server.receive() == b""
    server.send(b"more")
    server.close()
    assert len(read_exactly(client, 99_990)) == 99_990
    assert client.receive() == b"more"
    assert client.receive() == b""
    assert not client.is_truncated


def test_closing_twice_says_goodbye_once(connect):
    left, right = link_pair()
    client, server = connect((left, right))
    before = len(left.sent)
    client.close()
    client.close()
    assert len(left.sent) == before + 1
    assert left.is_closed
    assert server.receive() == b""
    assert not server.is_truncated


def test_aborting_says_no_goodbye(connect):
    left, right = link_pair()
    client, server = connect((left, right))
    client.abort()
    assert left.is_aborted
    with pytest.raises(ConnectionResetError):
        server.receive()


def test_closing_before_the_handshake(client_context):
    left, right = link_pair()
    client = TlsTransport(left, client_context, server_side=False, server_hostname="localhost")
    client.send_eof()
    client.close()
    assert left.sent == []
    assert right.receive() == b""


def test_no_goodbye_after_half_a_record(connect):
    left, right = link_pair()
    send, is_broken = left.send, False

    def send_unless_broken(data: bytes) -> None:
        if is_broken:
            raise TimeoutError
        send(data)

    left.send = send_unless_broken
    client, server = connect((left, right))
    is_broken = True
    with pytest.raises(TimeoutError):
        client.send(b"x")
    before = len(left.sent)
    client.close()
    assert len(left.sent) == before
    assert server.receive() == b""
    assert server.is_truncated


# TLS within TLS, and sockets


@pytest.mark.parametrize("cut", CUTS)
def test_tls_within_tls(connect, cut):
    left, right = link_pair(cut)
    client, server = connect(connect((left, right)))
    client.send(b"inner")
    assert server.receive() == b"inner"
    data = bytes(range(256)) * 1000
    server.send(data)
    assert read_exactly(client, len(data)) == data
    assert not client.is_readable()
    server.close()
    assert client.is_readable()
    assert client.receive() == b""
    assert not client.is_truncated


@pytest.mark.parametrize("version", VERSIONS)
def test_ten_megabytes_both_ways_at_once(connect, sockets, version):
    client, server = connect(sockets(), version)
    block = hashlib.sha256(b"seed").digest() * 2048

    def send(link) -> str:
        digest = hashlib.sha256()
        for sizes in range(BIG // len(block)):
            data = block[sizes:] + block[:sizes]
            link.send(data)
            digest.update(data)
        link.send_eof()
        return digest.hexdigest()

    def receive(link) -> str:
        digest = hashlib.sha256()
        while data := link.receive():
            digest.update(data)
        return digest.hexdigest()

    up, down, got_up, got_down = together(
        lambda: send(client), lambda: send(server), lambda: receive(server), lambda: receive(client)
    )
    assert (got_up, got_down) == (up, down)
    assert not client.is_truncated
    assert not server.is_truncated


def test_one_send_of_ten_megabytes_over_sockets(connect, sockets):
    client, server = connect(sockets())
    data = hashlib.sha256(b"seed").digest() * (BIG // 32)
    _, got = together(lambda: client.send(data), lambda: read_exactly(server, BIG))
    assert hashlib.sha256(got).digest() == hashlib.sha256(data).digest()


# What Python can't do: key updates and renegotiation, through the `openssl` program. It takes a line as a command when
# it reads it alone, so each line waits for what the last one has caused.


@pytest.fixture
def start_program() -> Iterator[Callable[..., gevent.subprocess.Popen]]:
    programs = []

    def start(*arguments: str) -> gevent.subprocess.Popen:
        pipe = gevent.subprocess.PIPE
        programs.append(gevent.subprocess.Popen(["openssl", *arguments], stdin=pipe, stdout=pipe, stderr=-2))
        return programs[-1]

    yield start
    for program in programs:
        program.stdin.close()
        program.kill()
        program.wait(timeout=10)
        program.stdout.close()


def types(program: gevent.subprocess.Popen, line: bytes) -> None:
    program.stdin.write(line + b"\n")
    program.stdin.flush()


def prints(program: gevent.subprocess.Popen, text: bytes) -> bytes:
    """Read the program's output up to a line with `text`."""
    with gevent.Timeout(30):
        for line in program.stdout:
            if text in line:
                return line
    raise AssertionError(text)


@pytest.fixture
def start_client(start_program, server_context):
    listener = gevent.socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()

    def start(version: str) -> tuple[TlsTransport, gevent.subprocess.Popen]:
        program = start_program("s_client", "-connect", f"127.0.0.1:{listener.getsockname()[1]}", version)
        with gevent.Timeout(30):
            sock, _ = listener.accept()
        server = TlsTransport(Transport(sock, DeadlineSweep(), 30.0, 30.0), server_context, server_side=True)
        server.handshake()
        made.append(server)
        return server, program

    made: list[TlsTransport] = []
    yield start
    for server in made:
        server.close()
    listener.close()


@pytest.fixture
def start_server(start_program, client_context, leaf, tmp_path):
    def start(version: str) -> tuple[TlsTransport, gevent.subprocess.Popen]:
        program = start_program(
            "s_server", "-cert", leaf.write(str(tmp_path)), "-accept", "127.0.0.1:0", "-naccept", "1", version
        )
        port = int(prints(program, b"ACCEPT").rpartition(b":")[2])
        sock = gevent.socket.create_connection(("127.0.0.1", port))
        transport = Transport(sock, DeadlineSweep(), 30.0, 30.0)
        client = TlsTransport(transport, client_context, server_side=False, server_hostname="localhost")
        client.handshake()
        made.append(client)
        return client, program

    made: list[TlsTransport] = []
    yield start
    for client in made:
        client.close()


@pytest.mark.parametrize("command", [b"K", b"k"])  # with and without a request for ours
def test_a_clients_key_update_is_followed(start_client, command):
    server, program = start_client("-tls1_3")
    for _ in range(3):
        types(program, b"before")
        assert server.receive() == b"before\n"
        types(program, command)
        prints(program, b"KEYUPDATE")
        types(program, b"after")
        assert server.receive() == b"after\n"
        server.send(b"answer\n")
        prints(program, b"answer")


def test_a_servers_key_update_is_followed(start_server):
    client, program = start_server("-tls1_3")
    client.send(b"before\n")
    prints(program, b"before")
    assert not client.is_readable()  # takes in the session tickets
    types(program, b"K")
    with gevent.Timeout(30):
        while not client._link.is_readable():
            gevent.sleep(0.01)
    types(program, b"answer")
    assert client.receive() == b"answer\n"
    client.send(b"after\n")
    prints(program, b"after")


def test_a_clients_renegotiation_is_refused(start_client):
    server, program = start_client("-tls1_2")
    types(program, b"before")
    assert server.receive() == b"before\n"
    types(program, b"R")
    for limit in (10, 65536):
        with pytest.raises(TlsRenegotiationError):
            server.receive(limit)
    prints(program, b"no renegotiation")


def test_a_servers_renegotiation_is_refused(start_server):
    client, program = start_server("-tls1_2")
    client.send(b"before\n")
    prints(program, b"before")
    types(program, b"R")
    with pytest.raises(TlsRenegotiationError):
        client.receive()
    prints(program, b"no renegotiation")
