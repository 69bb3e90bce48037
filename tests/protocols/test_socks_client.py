"""What is said to a SOCKS proxy, byte for byte, and what its answers mean: whole, byte by byte, with more behind them."""

import pytest

from proxy_core.model.failure import FailureKind
from proxy_core.protocols.socks_client import Socks4aClient, Socks5Client, SocksError

BOUND = b"\5\0\0\1\0\0\0\0\0\0"


def talk(client: Socks5Client | Socks4aClient, *replies: bytes, cut: int = 0) -> bytes:
    """All that the client says to these replies."""
    said = client.begin()
    for reply in replies:
        pieces = [reply[i : i + cut] for i in range(0, len(reply), cut)] if cut else [reply]
        for piece in pieces:
            said += client.receive(piece)
    return said


@pytest.mark.parametrize("cut", [0, 1, 3])
class TestSocks5:
    def test_a_name(self, cut):
        client = Socks5Client("shop.test", 443)
        said = talk(client, b"\5\0", BOUND, cut=cut)
        assert said == b"\5\1\0" + b"\5\1\0\3\x09shop.test\x01\xbb"
        assert client.is_done
        assert client.leftover() == b""

    @pytest.mark.parametrize(
        ("host", "address"),
        [
            ("127.0.0.1", b"\1\x7f\0\0\1"),
            ("::1", b"\4" + b"\0" * 15 + b"\1"),
            ("fe80::1%eth0", b"\4\xfe\x80" + b"\0" * 13 + b"\1"),
        ],
    )
    def test_a_literal(self, cut, host, address):
        assert talk(Socks5Client(host, 80), b"\5\0", BOUND, cut=cut).endswith(b"\5\1\0" + address + b"\0\x50")

    def test_user_and_password(self, cut):
        client = Socks5Client("a", 80, "joe", "s3cret")
        said = talk(client, b"\5\2", b"\1\0", BOUND, cut=cut)
        assert said == b"\5\2\0\2" + b"\1\3joe\6s3cret" + b"\5\1\0\3\1a\0\x50"

    def test_they_stay_unsaid_where_nobody_asks(self, cut):
        assert b"s3cret" not in talk(Socks5Client("a", 80, "joe", "s3cret"), b"\5\0", BOUND, cut=cut)

    @pytest.mark.parametrize("bound", [BOUND, b"\5\0\0\3\4abcd\0\1", b"\5\0\0\4" + b"\0" * 18])
    def test_what_comes_behind_is_the_tunnels(self, cut, bound):
        client = Socks5Client("a", 80)
        talk(client, b"\5\0", bound + b"220 hello", cut=cut)
        assert client.is_done
        assert client.leftover() == b"220 hello"

    @pytest.mark.parametrize(
        ("replies", "kind", "text"),
        [
            ((b"\5\xff",), FailureKind.CONNECTION_REFUSED, "demands a user"),
            ((b"\5\2",), FailureKind.CONNECTION_REFUSED, "demands a user"),
            ((b"\5\0", b"\5\1\0\1"), FailureKind.CONNECTION_REFUSED, "general"),
            ((b"\5\0", b"\5\2\0\1"), FailureKind.CONNECTION_REFUSED, "rules"),
            ((b"\5\0", b"\5\3\0\1"), FailureKind.DESTINATION_IP_UNROUTABLE, "network"),
            ((b"\5\0", b"\5\4\0\1"), FailureKind.DESTINATION_IP_UNROUTABLE, "host"),
            ((b"\5\0", b"\5\5\0\1"), FailureKind.CONNECTION_REFUSED, "refused"),
            ((b"\5\0", b"\5\6\0\1"), FailureKind.CONNECTION_TIMEOUT, "in time"),
            ((b"\5\0", b"\5\x63\0\1"), FailureKind.CONNECTION_REFUSED, "no name"),
            ((b"HTTP/1.1 400 Bad",), FailureKind.CONNECTION_TERMINATED, "in HTTP|speak SOCKS"),
            ((b"\4\0",), FailureKind.CONNECTION_TERMINATED, "speak SOCKS"),
            ((b"\5\0", b"\5\0\0\x09\0\0"), FailureKind.CONNECTION_TERMINATED, "speak SOCKS"),
        ],
    )
    def test_refusals(self, cut, replies, kind, text):
        with pytest.raises(SocksError, match=text) as caught:
            talk(Socks5Client("a", 80), *replies, cut=cut)
        assert caught.value.kind is kind

    def test_a_wrong_password(self, cut):
        with pytest.raises(SocksError, match="does not take our"):
            talk(Socks5Client("a", 80, "joe", "x"), b"\5\2", b"\1\1", cut=cut)


class TestSocks4a:
    def test_a_name(self):
        client = Socks4aClient("shop.test", 80, "joe")
        assert talk(client, b"\0\x5a" + b"\0" * 6 + b"more") == b"\4\1\0\x50\0\0\0\1joe\0shop.test\0"
        assert client.is_done
        assert client.leftover() == b"more"

    def test_a_literal(self):
        assert talk(Socks4aClient("127.0.0.1", 80)) == b"\4\1\0\x50\x7f\0\0\1\0"

    @pytest.mark.parametrize("code", [0x5B, 0x5C, 0x5D, 0x11])
    def test_refusals(self, code):
        with pytest.raises(SocksError):
            talk(Socks4aClient("a", 80), bytes((0, code)))

    def test_no_ipv6_and_no_password(self):
        with pytest.raises(SocksError):
            Socks4aClient("::1", 80)
        with pytest.raises(SocksError):
            Socks4aClient("a", 80, "joe", "x")


@pytest.mark.parametrize("name", ["", "a" * 256, "é" * 100, "a\0b"])
def test_names_that_socks_can_t_carry(name):
    for make in (Socks5Client, Socks4aClient):
        with pytest.raises(SocksError):
            make(name, 80)
