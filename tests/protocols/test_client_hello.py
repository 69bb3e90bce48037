"""The ClientHello: real ones from OpenSSL, made ones in every division into records and reads, and what is none."""

import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy_core.protocols.client_hello import ClientHello, ClientHelloReader, NotTls


def openssl_hello(server_name: str | None, alpn: list[str], newest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> bytes:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1_2, newest  # each build has its own default
    if alpn:
        context.set_alpn_protocols(alpn)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname=server_name)
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    return outgoing.read()


def vector(length_bytes: int, data: bytes) -> bytes:
    return len(data).to_bytes(length_bytes, "big") + data


def extension(kind: int, data: bytes) -> bytes:
    return kind.to_bytes(2, "big") + vector(2, data)


def sni(*names: bytes, kind: int = 0) -> bytes:
    return extension(0, vector(2, b"".join(bytes((kind,)) + vector(2, name) for name in names)))


def message(extensions: bytes | None = b"", version: bytes = b"\x03\x03", suites: bytes = b"\x13\x01\xc0\x2f") -> bytes:
    body = version + bytes(32) + vector(1, b"session") + vector(2, suites) + vector(1, b"\x00")
    if extensions is not None:
        body += vector(2, extensions)
    return b"\x01" + vector(3, body)


def records(handshake: bytes, size: int = 1 << 14) -> bytes:
    parts = [handshake[start : start + size] for start in range(0, len(handshake), size)]
    return b"".join(b"\x16\x03\x01" + vector(2, part) for part in parts)


def read(*pieces: bytes) -> ClientHello | NotTls | None:
    """The answer; once it is given it stays the same, whatever follows."""
    reader = ClientHelloReader()
    answer = reader.next_part()
    for piece in pieces:
        reader.receive(piece)
        assert answer is None or reader.next_part() == answer
        answer = reader.next_part()
    return answer


def byte_by_byte(data: bytes) -> list[bytes]:
    return [data[index : index + 1] for index in range(len(data))]


def test_a_hello_of_openssl():
    data = openssl_hello("a.test", ["h2", "http/1.1"])
    hello = read(data)
    assert isinstance(hello, ClientHello)
    assert hello.server_name == "a.test"
    assert hello.alpn == (b"h2", b"http/1.1")
    assert hello.versions == (0x0304, 0x0303)
    assert 0x1301 in hello.cipher_suites
    assert hello.length == len(data)
    assert read(*byte_by_byte(data)) == hello
    assert read(data + b"\x14\x03\x03early data") == hello


def test_a_hello_without_name_and_alpn():
    hello = read(openssl_hello(None, []))
    assert isinstance(hello, ClientHello)
    assert (hello.server_name, hello.alpn) == ("", ())


@pytest.mark.parametrize("name", [b"a.test:443", b"[::1]", b"a b", b"*.a.test", b"\xff.test", b"a\0b", b""])
def test_a_name_that_is_none_counts_as_no_name(name):
    hello = read(records(message(sni(name))))
    assert isinstance(hello, ClientHello)
    assert hello.server_name == ""


def test_a_hello_of_tls_1_2():
    hello = read(openssl_hello("a.test", [], ssl.TLSVersion.TLSv1_2))
    assert isinstance(hello, ClientHello)
    assert hello.versions == (0x0303,)


def test_a_hello_without_extensions():
    hello = read(records(message(None, version=b"\x03\x01")))
    assert isinstance(hello, ClientHello)
    assert (hello.server_name, hello.versions, hello.cipher_suites) == ("", (0x0301,), (0x1301, 0xC02F))


@pytest.mark.parametrize("size", [1, 3, 4, 5, 100, 1000])
def test_a_hello_divided_into_records(size):
    handshake = message(sni(b"a.test") + extension(21, bytes(500)))
    data = records(handshake, size)
    hello = read(data)
    assert isinstance(hello, ClientHello)
    assert (hello.server_name, hello.length) == ("a.test", len(data))
    assert read(*byte_by_byte(data)) == hello


def test_a_hello_larger_than_a_record():
    data = records(message(extension(21, bytes(30000)) + sni(b"a.test")))
    hello = read(data[:20000], data[20000:])
    assert isinstance(hello, ClientHello)
    assert hello.server_name == "a.test"


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ((b"a.test", b"b.test"), "a.test"),
        ((b"A.Test.",), "A.Test."),
        ((b"x" * 255,), "x" * 255),
        ((b"x" * 256,), ""),
        ((b"",), ""),
        ((b"a\x00b",), ""),
        ((b"a b",), ""),
        ((b"\xc3\xa4.test",), ""),
        ((), ""),
    ],
)
def test_server_names(names, expected):
    hello = read(records(message(sni(*names))))
    assert isinstance(hello, ClientHello)
    assert hello.server_name == expected


def test_a_server_name_of_another_kind_and_an_empty_extension():
    for extensions in (sni(b"a.test", kind=1), extension(0, b"")):
        hello = read(records(message(extensions)))
        assert isinstance(hello, ClientHello)
        assert hello.server_name == ""


@pytest.mark.parametrize(
    "data",
    [
        b"G",
        b"GET / HTTP/1.1\r\n",
        b"SSH-2.0-x",
        b"\x00",
        b"\x15\x03\x01\x00\x02\x02\x28",
        b"\x80\x2e\x01\x03\x01",
        b"\x16\x02",
    ],
)
def test_what_is_not_tls_is_told_at_once(data):
    assert read(data) == NotTls()
    assert read(*byte_by_byte(data)) == NotTls()


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01\x00\x00",  # an empty record
        b"\x16\x03\x01\x40\x01",  # a record larger than there may be
        b"\x16\x03\x01\x00\x04\x02\x00\x00\x00",  # a ServerHello
        records(b"\x01\x01\x00\x01" + bytes(16)),  # a hello larger than we read
        records(b"\x01" + vector(3, b"\x03\x03")),  # it ends in the random
        records(message(extension(0, b"\xff"))),
        records(message(extension(16, b"\x00\x05\xff"))),
        records(message(extension(43, b"\x03\x03\x04\x03"))),
        records(message(b"\x00")),
        records(message(b"\x00\x00\xff\xff")),
        records(message(suites=b"\x13")),
    ],
)
def test_a_broken_hello_is_not_tls(data):
    assert read(data) == NotTls()
    assert read(*byte_by_byte(data)) == NotTls()


def test_an_unfinished_hello_waits():
    data = openssl_hello("a.test", ["h2"])
    for end in range(len(data)):
        assert read(data[:end]) is None


@given(st.binary(max_size=300))
def test_nothing_escapes(data):
    assert read(data) == read(*byte_by_byte(data))
    mangled = records(message(sni(b"a.test") + data))
    assert read(mangled) == read(*byte_by_byte(mangled))
    tail = records(message(sni(b"a.test") + extension(16, data) + extension(43, data)))
    assert read(tail) == read(*byte_by_byte(tail))
