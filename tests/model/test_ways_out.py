"""What a person may write about the ways out, and what it means."""

import pytest

from proxy_core.model.host_pattern import LOOPBACK, HostPatterns
from proxy_core.model.proxy_server import ProxyAddressError, ProxyServer, read_proxy_server
from proxy_core.model.way import MOST_PAC_ENTRIES, Pac, Simple, read_pac_answer, read_way, way_text
from proxy_core.model.ways_out import (
    AcceptedCertificate,
    ClientCertificate,
    HostOverride,
    ProxyForHosts,
    WayError,
    WaysOut,
    check_ways_out,
    read_fingerprint,
    read_resolver,
)


class TestProxyServer:
    @pytest.mark.parametrize(
        ("text", "server"),
        [
            ("http://proxy.test:3128", ProxyServer("http", "proxy.test", 3128)),
            ("proxy.test:3128", ProxyServer("http", "proxy.test", 3128)),
            ("proxy.test", ProxyServer("http", "proxy.test", 80)),
            ("HTTPS://Proxy.Test/", ProxyServer("https", "proxy.test", 443)),
            ("socks5://[::1]:9", ProxyServer("socks5", "::1", 9)),
            ("socks5h://10.0.0.1", ProxyServer("socks5h", "10.0.0.1", 1080)),
            ("socks://10.0.0.1", ProxyServer("socks5h", "10.0.0.1", 1080)),
            ("socks4a://joe@a:1", ProxyServer("socks4a", "a", 1, "joe")),
            ("http://us%20er:p%40%3Ass@a:1", ProxyServer("http", "a", 1, "us er", "p@:ss")),
            ("http://:only@a:1", ProxyServer("http", "a", 1, "", "only")),
        ],
    )
    def test_addresses(self, text, server):
        assert read_proxy_server(text) == server

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "ftp://a:1",
            "http://a:0",
            "http://a:65536",
            "http://a:x",
            "http://a/path",
            "http://a b:1",
            "http://u:p@:80",
            "http://u%3Aser:p@a",
            "http://u%0d%0aX:p@a",
            "http://%ff:p@a",
            "http://[::g]:1",
            "socks5://" + "u" * 256 + ":p@a",
        ],
    )
    def test_what_is_none(self, text):
        with pytest.raises(ProxyAddressError):
            read_proxy_server(text)

    def test_a_refusal_tells_no_secret(self):
        with pytest.raises(ProxyAddressError) as caught:
            read_proxy_server("http://joe:geheim@host:99999")
        assert "geheim" not in str(caught.value)

    def test_what_is_shown_holds_no_secret(self):
        server = read_proxy_server("http://joe:geheim@[::1]:3128")
        assert server.url == "http://[::1]:3128"
        assert way_text(server) == "http://[::1]:3128"
        assert way_text(Pac("http://joe:geheim@a/x.pac")) == "pac+http://a/x.pac"


class TestWay:
    @pytest.mark.parametrize(
        ("text", "way"),
        [
            ("none", Simple.NONE),
            ("Direct", Simple.NONE),
            ("system", Simple.SYSTEM),
            ("pac+https://a.test/proxy.pac?x=1", Pac("https://a.test/proxy.pac?x=1")),
            ("PAC+file:///etc/my proxy.pac".replace(" ", "%20"), Pac("file:///etc/my%20proxy.pac")),
        ],
    )
    def test_words(self, text, way):
        assert read_way(text) == way

    @pytest.mark.parametrize("text", ["pac+ftp://a/x", "pac+file://relative", "pac+/etc/x", "pac+"])
    def test_no_pac(self, text):
        with pytest.raises(ProxyAddressError, match=r"pac\+http"):
            read_way(text)


class TestPacAnswer:
    def test_servers_in_turn(self):
        a, b, c = ProxyServer("http", "a", 8080), ProxyServer("https", "b", 443), ProxyServer("socks5h", "c", 1080)
        assert read_pac_answer("PROXY a:8080; HTTPS b; SOCKS5 c:1080 ;DIRECT") == (a, b, c, None)
        assert read_pac_answer("proxy a:8080;PROXY a:8080") == (a,)
        assert read_pac_answer("SOCKS d:1") == (ProxyServer("socks4a", "d", 1),)

    @pytest.mark.parametrize("text", ["", "  ", "DIRECT"])
    def test_direct(self, text):
        assert read_pac_answer(text) == (None,)

    def test_bad_entries_are_left_out(self):
        assert read_pac_answer("PROXY a:0; PROXY u:p@b:1; FTP c; PROXY d:1") == (ProxyServer("http", "d", 1),)

    @pytest.mark.parametrize("text", ["[object Object]", "undefined", "PROXY", "DIRECTLY", "<html>"])
    def test_junk(self, text):
        with pytest.raises(ProxyAddressError):
            read_pac_answer(text)

    def test_an_endless_list_is_cut(self):
        assert len(read_pac_answer("; ".join(f"PROXY a:{port}" for port in range(1, 1000)))) == MOST_PAC_ENTRIES


NO_HOSTS = ("10.0.0.0/99", "::1/129", "10.0.0/8x", "http://a/", "a:80", "a b", " ")


class TestHostPatterns:
    @pytest.mark.parametrize(
        ("pattern", "host"),
        [
            ("shop.test", "shop.test"),
            ("shop.test", "www.Shop.test."),
            (".shop.test", "shop.test"),
            (".shop.test", "a.b.shop.test"),
            ("*.shop.test", "a.shop.test"),
            ("*", "anything"),
            ("10.0.0.0/8", "10.1.2.3"),
            ("10.0.0.1", "10.0.0.1"),
            ("10.0.0.0/8", "::ffff:10.0.0.1"),
            ("fe80::/10", "fe80::1%eth0"),
            ("[::1]", "::1"),
        ],
    )
    def test_meant(self, pattern, host):
        assert HostPatterns((pattern,)).match(host)

    @pytest.mark.parametrize(
        ("pattern", "host"),
        [
            ("shop.test", "myshop.test"),
            ("*.shop.test", "shop.test"),
            ("10.0.0.0/8", "11.0.0.1"),
            ("10.0.0.0/8", "10.0.0.1.test"),
            ("", "x"),
        ],
    )
    def test_not_meant(self, pattern, host):
        assert not HostPatterns((pattern,)).match(host)

    @pytest.mark.parametrize("host", ["localhost", "app.localhost", "127.0.0.9", "::1"])
    def test_loopback(self, host):
        assert HostPatterns(LOOPBACK).match(host)


class TestWaysOut:
    @pytest.mark.parametrize(
        "ways",
        [
            WaysOut(),
            WaysOut(upstream_proxy="socks5://a:1", proxies_by_host=(ProxyForHosts("*.test", "none"),)),
            WaysOut(host_overrides=(HostOverride("*.test", "::1"), HostOverride("a.test", "b.test"))),
            WaysOut(accepted_certificates=(AcceptedCertificate("a", "0" * 64),)),
            WaysOut(
                no_proxy=("a", ".b.test", "*.c.test", "h[0-9]", "10.0.0.0/8", "10.1.2.3/8", "::1", "[::1]", "fe80::/10")
            ),
        ],
    )
    def test_good(self, ways):
        check_ways_out(ways)

    @pytest.mark.parametrize(
        "ways",
        [
            WaysOut(upstream_proxy="gopher://a"),
            WaysOut(proxies_by_host=(ProxyForHosts("*.test", "pac+x"),)),
            WaysOut(resolver="dns.test"),
            WaysOut(host_overrides=(HostOverride("a b", "::1"),)),
            WaysOut(host_overrides=(HostOverride("a", "*.b"),)),
            WaysOut(host_overrides=(HostOverride("a.*", "::1"),)),
            WaysOut(accepted_certificates=(AcceptedCertificate("a", "xyz"),)),
            *(WaysOut(no_proxy=("a", pattern)) for pattern in NO_HOSTS),
            *(WaysOut(proxies_by_host=(ProxyForHosts(pattern, "none"),)) for pattern in NO_HOSTS),
            *(WaysOut(client_certificates=(ClientCertificate(pattern, "/a.pem"),)) for pattern in NO_HOSTS),
        ],
    )
    def test_bad(self, ways):
        with pytest.raises(WayError):
            check_ways_out(ways)

    def test_resolvers(self):
        assert read_resolver("System") is None
        assert read_resolver("9.9.9.9") == ("9.9.9.9", 53)
        assert read_resolver("[::1]:5353") == ("::1", 5353)
        assert read_resolver("127.0.0.1:5353") == ("127.0.0.1", 5353)
        for text in ("9.9.9.9:0", "9.9.9.9:70000", "::1:x"):
            with pytest.raises(WayError):
                read_resolver(text)

    def test_fingerprints(self):
        digits = "ab" * 32
        assert read_fingerprint(":".join(["AB"] * 32)) == digits
        with pytest.raises(WayError):
            read_fingerprint("ab" * 31)

    def test_an_accepted_certificate_is_one_hosts(self):
        accepted = AcceptedCertificate("shop.test", "0" * 64)
        assert accepted.is_for("Shop.test.")
        assert not accepted.is_for("www.shop.test")
