"""Names that a client may ask for by SNI (standards: T12): a leaf for each that is one, and no harm from the others."""

import ssl

import pytest

from proxy_core.model.settings import Settings
from tests.support.conversation import Client
from tests.support.tls_conversation import ESTABLISHED, OK, answer_all, connect_through, https_origin

LONG = ".".join(["a" * 63] * 3 + ["b" * 61])


@pytest.fixture
def proxy(start_proxy):
    return start_proxy(settings=Settings(insecure_upstream=True))


@pytest.fixture
def origin(start_origin, example_ca):
    return https_origin(start_origin, example_ca.leaf("localhost"), answer_all)


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        (None, "localhost"),
        ("shop.test", "shop.test"),
        ("Shop.Test", "shop.test"),
        ("xn--bcher-kva.test", "xn--bcher-kva.test"),
        ("under_score.test", "under_score.test"),
        (LONG, LONG),
    ],
)
def test_a_leaf_is_for_the_name_that_was_asked_for(proxy, origin, asked, named):
    pipe = connect_through(proxy, "localhost", origin.port, name=asked)
    certificate = pipe.tls.getpeercert()
    assert certificate["subjectAltName"] == (("DNS", named),)
    pipe.sends(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert pipe.reads_exactly(len(OK)) == OK


PLACEHOLDER = b"placeholder-of-a-name.test"


@pytest.mark.parametrize(
    "name",
    [
        b"shop.test\0.evil.test",
        b"shop.test.",
        b".",
        b"\0",
        b"\xff\xfe",
        b"a\r\nHost: evil",
        b"*.test",
        b"127.0.0.1",
        b"[::1]",
        b"../../etc/passwd",
        b"<script>",
        b"a" * 26,
        b"." * 26,
    ],
    ids=repr,
)
def test_what_is_no_name_does_no_harm(proxy, origin, name):
    """A hello that was tampered with comes to no end, but is heard, and the next client is served."""
    client = says_hello(proxy, origin, name)
    assert client.sock.recv(1) in (b"\x15", b"\x16")  # an alert, or the server's side of the handshake
    client.resets()
    proxy.finished(1)
    pipe = connect_through(proxy, "localhost", origin.port)
    pipe.sends(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert pipe.reads_exactly(len(OK)) == OK


def test_a_name_that_is_one_is_answered_in_such_a_hello_too(proxy, origin):
    client = says_hello(proxy, origin, b"shop.test")
    client.sees(b"\x16\x03\x03")
    client.resets()


def says_hello(proxy, origin, name: bytes) -> Client:
    """A client that has asked for this name behind a CONNECT."""
    outgoing = ssl.MemoryBIO()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    tls = context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=PLACEHOLDER.decode())
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    client = proxy.connect()
    client.sends(b"CONNECT localhost:%d HTTP/1.1\r\nHost: x\r\n\r\n" % origin.port)
    client.sees(ESTABLISHED)
    client.sends(renamed(outgoing.read(), name))
    return client


def renamed(hello: bytes, name: bytes) -> bytes:
    """This record with another server name, all lengths around it (RFC 8446 §4.1.2, RFC 6066 §3) put right."""
    place = hello.index(PLACEHOLDER)
    less = len(PLACEHOLDER) - len(name)
    changed = bytearray(hello[:place] + name + hello[place + len(PLACEHOLDER) :])
    session_end = 43 + 1 + changed[43]
    extensions = session_end + 2 + int.from_bytes(changed[session_end : session_end + 2], "big")
    extensions += 1 + changed[extensions]
    for at, size in ((3, 2), (6, 3), (extensions, 2), (place - 7, 2), (place - 5, 2), (place - 2, 2)):
        length = int.from_bytes(changed[at : at + size], "big") - less
        changed[at : at + size] = length.to_bytes(size, "big")
    return bytes(changed)
