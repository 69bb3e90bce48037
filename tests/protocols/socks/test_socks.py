"""SOCKS 4, 4a and 5 as a proxy reads them: whole, byte by byte, with what follows; and what is no SOCKS at all."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy_core.model.failure import FailureKind
from proxy_core.protocols.socks.request import Credentials, Reply, SocksError, SocksRequest
from proxy_core.protocols.socks.socks4 import Socks4Reader
from proxy_core.protocols.socks.socks5 import Socks5Reader

GREETING = b"\5\1\0"
NAME = b"\5\1\0\3\x09shop.test\x01\xbb"
REFUSED_4 = b"\0\x5b" + bytes(6)


def conversation(reader, data, step):
    """All parts of these bytes, fed in pieces of so many."""
    parts = []
    for begin in range(0, len(data), step):
        reader.receive(data[begin : begin + step])
        while (part := reader.next_part()) is not None:
            parts.append(part)
            if isinstance(part, SocksRequest):
                return parts, reader.leftover() + data[begin + step :]
    return parts, reader.leftover()


CASES = [
    pytest.param(Socks4Reader, b"\4\1\0\x50\1\2\3\4me\0", [SocksRequest("1.2.3.4", 80)], id="4"),
    pytest.param(Socks4Reader, b"\4\1\0\x50\1\2\3\4\0", [SocksRequest("1.2.3.4", 80)], id="4 without a user"),
    pytest.param(Socks4Reader, b"\4\1\1\xbb\0\0\0\7me\0Shop.Test\0", [SocksRequest("shop.test", 443)], id="4a"),
    pytest.param(Socks5Reader, GREETING + NAME, [Reply(b"\5\0"), SocksRequest("shop.test", 443)], id="5 with a name"),
    pytest.param(
        Socks5Reader,
        GREETING + b"\5\1\0\1\1\2\3\4\0\x50",
        [Reply(b"\5\0"), SocksRequest("1.2.3.4", 80)],
        id="5 with an IPv4 address",
    ),
    pytest.param(
        Socks5Reader,
        GREETING + b"\5\1\0\4" + ipaddress.IPv6Address("2001:db8::7").packed + b"\0\x50",
        [Reply(b"\5\0"), SocksRequest("2001:db8::7", 80)],
        id="5 with an IPv6 address",
    ),
    pytest.param(
        Socks5Reader,
        GREETING + b"\5\1\0\3\3::1\0\x50",
        [Reply(b"\5\0"), SocksRequest("::1", 80)],
        id="5 with an address in the place of a name",
    ),
    pytest.param(
        Socks5Reader,
        GREETING + b"\5\1\0\3\xff" + b"a" * 255 + b"\0\x50",
        [Reply(b"\5\0"), SocksRequest("a" * 255, 80)],
        id="5 with the longest name",
    ),
    pytest.param(
        Socks5Reader,
        b"\5\1\2\1\2me\3abc" + NAME,
        [Reply(b"\5\2"), Credentials(b"me", b"abc"), SocksRequest("shop.test", 443)],
        id="5 with a password that nobody asked for",
    ),
    pytest.param(
        Socks5Reader,
        b"\5\3\0\1\2" + NAME,
        [Reply(b"\5\0"), SocksRequest("shop.test", 443)],
        id="5 with a choice of methods",
    ),
    pytest.param(
        lambda: Socks5Reader(demands_password=True),
        b"\5\2\0\2\1\0\0" + NAME,
        [Reply(b"\5\2"), Credentials(b"", b""), SocksRequest("shop.test", 443)],
        id="5 with an empty name and password, where one is demanded",
    ),
]


@pytest.mark.parametrize("rest", [b"", b"GET / HTTP/1.1\r\n\r\n"], ids=["", "more follows"])
@pytest.mark.parametrize("step", [1, 3, 1000])
@pytest.mark.parametrize(("make", "data", "parts"), CASES)
def test_what_is_wanted_is_read_however_it_comes(make, data, parts, step, rest):
    assert conversation(make(), data + rest, step) == (parts, rest)


@pytest.mark.parametrize(
    ("make", "data", "word", "reply"),
    [
        pytest.param(Socks4Reader, b"\4\2\0\x50\1\2\3\4\0", "command 2", REFUSED_4, id="4 BIND"),
        pytest.param(Socks4Reader, b"\4\1\0\0\1\2\3\4\0", "port 0", REFUSED_4, id="4 without a port"),
        pytest.param(Socks4Reader, b"\4\1\0\x50\1\2\3\4" + b"u" * 256, "longer than 255", REFUSED_4, id="4 endless"),
        pytest.param(
            Socks4Reader, b"\4\1\0\x50\0\0\0\1\0" + b"h" * 256 + b"\0", "longer than 255", REFUSED_4, id="4a endless"
        ),
        pytest.param(Socks4Reader, b"\4\1\0\x50\0\0\0\1\0\0", "no host", REFUSED_4, id="4a without a name"),
        pytest.param(Socks4Reader, b"\4\1\0\x50\0\0\0\1\0a/b\0", "«a/b»", REFUSED_4, id="4a with a path"),
        pytest.param(
            lambda: Socks4Reader(demands_password=True),
            b"\4\1\0\x50\1\2\3\4me\0",
            "password",
            REFUSED_4,
            id="4 where a password is demanded",
        ),
        pytest.param(Socks5Reader, b"\5\0", "none", b"\5\xff", id="5 without methods"),
        pytest.param(Socks5Reader, b"\5\1\1", "methods 1", b"\5\xff", id="5 with GSSAPI alone"),
        pytest.param(
            lambda: Socks5Reader(demands_password=True), b"\5\1\0", "log in", b"\5\xff", id="5 without a password"
        ),
        pytest.param(Socks5Reader, GREETING + b"GET / HTTP", "no SOCKS 5 request", b"\5\1", id="5 with HTTP behind"),
        pytest.param(Socks5Reader, GREETING + b"\5\1\1\1\1\2\3\4\0\x50", "no SOCKS 5", b"\5\1", id="5 reserved"),
        pytest.param(Socks5Reader, GREETING + b"\5\2\0\1\1\2\3\4\0\x50", "BIND", b"\5\7", id="5 BIND"),
        pytest.param(Socks5Reader, GREETING + b"\5\3\0\1\1\2\3\4\0\x50", "UDP", b"\5\7", id="5 UDP"),
        pytest.param(Socks5Reader, GREETING + b"\5\1\0\2\1\2\3\4\0\x50", "type 2", b"\5\x08", id="5 address type"),
        pytest.param(Socks5Reader, GREETING + b"\5\1\0\1\1\2\3\4\0\0", "port 0", b"\5\1", id="5 without a port"),
        pytest.param(Socks5Reader, GREETING + b"\5\1\0\3\0\0\x50", "no host", b"\5\4", id="5 with an empty name"),
        pytest.param(Socks5Reader, GREETING + b"\5\1\0\3\3a\0b\0\x50", "«a\\x00b»", b"\5\4", id="5 with a NUL"),
        pytest.param(Socks5Reader, GREETING + b"\5\1\0\3\3a\nb\0\x50", "«a\\x0ab»", b"\5\4", id="5 with a line end"),
        pytest.param(Socks5Reader, GREETING + b"\5\1\0\3\6a@b:80\0\x50", "valid host", b"\5\4", id="5 with a user"),
        pytest.param(
            lambda: Socks5Reader(demands_password=True), b"\5\1\2\5\1\0", "version 5", b"\1\1", id="5 no credentials"
        ),
    ],
)
def test_what_can_not_be_granted_is_told_and_answered(make, data, word, reply):
    for step in (1, 1000):
        with pytest.raises(SocksError) as told:
            conversation(make(), data, step)
        assert word in told.value.text
        assert told.value.reply.startswith(reply)


@given(st.sampled_from([Socks4Reader, Socks5Reader]), st.booleans(), st.binary(max_size=600))
def test_no_bytes_do_more_than_be_refused(make, demands_password, data):
    reader = make(demands_password=demands_password)
    try:
        parts, _ = conversation(reader, data, 7)
    except SocksError as error:
        assert error.text.isprintable()
        return
    for part in parts:
        if isinstance(part, SocksRequest):
            assert part.host
            assert part.host.isascii()
            assert part.host.isprintable()
            assert 0 < part.port < 65536


def test_answers():
    assert Socks4Reader().granted() == b"\0\x5a" + bytes(6)
    assert Socks4Reader().refused(FailureKind.DNS_ERROR) == REFUSED_4
    reader = Socks5Reader()
    assert reader.granted() == b"\5\0\0\1" + bytes(6)
    assert reader.refused(FailureKind.CONNECTION_REFUSED) == b"\5\5\0\1" + bytes(6)
    assert reader.refused(FailureKind.OWN_FAULT) == b"\5\1\0\1" + bytes(6)
    assert (reader.judged(is_good=True), reader.judged(is_good=False)) == (b"\1\0", b"\1\1")
