"""Upstream proxies, as each of them sees it: tunnels, absolute form, SOCKS, credentials, refusals; and who is asked at all."""

import contextlib
from base64 import b64encode

import gevent
import pytest

from proxy_core.engine.limits import Limits
from proxy_core.model.settings import Settings
from proxy_core.model.ways_out import HostOverride, ProxyForHosts, WaysOut
from proxy_core.model.worker_command import UseSettings
from tests.support.conversation import Client, wait_for
from tests.support.tls_conversation import BioPipe, connect_through, https_origin

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
LOGIN = b"Proxy-Authorization: Basic " + b64encode(b"us er:p@:ss")
HANG_GUARD_S = 20


def ways(proxy: str, **changes) -> Settings:
    """Everything by this proxy, loopback too."""
    return Settings(ways_out=WaysOut(**{"upstream_proxy": proxy, "no_proxy": (), **changes}))


def pump(one, other) -> None:
    try:
        while data := one.recv(65536):
            other.sendall(data)
        other.shutdown(1)
    except OSError:
        pass


def lead(client: Client, port: int) -> None:
    """Be the middle of a tunnel to a port of this machine."""
    with gevent.socket.create_connection(("127.0.0.1", port)) as origin:
        back = gevent.spawn(pump, origin, client.sock)
        pump(client.sock, origin)
        back.join()


class HttpProxy:
    """An HTTP proxy that leads each tunnel to one port, and remembers the heads that it was sent."""

    def __init__(self, start_origin, leads_to: int = 0, answer: bytes = b"") -> None:
        self.heads: list[bytes] = []
        self._leads_to = leads_to
        self._answer = answer
        self.server = start_origin(self._serve)
        self.url = f"http://127.0.0.1:{self.server.port}"

    def _serve(self, client: Client) -> None:
        with contextlib.suppress(ConnectionResetError):  # who was refused hangs up
            self._answer_all(client)

    def _answer_all(self, client: Client) -> None:
        while head := client.reads_head():
            self.heads.append(head)
            if self._answer:
                client.sends(self._answer)
            elif head.startswith(b"CONNECT "):
                client.sends(b"HTTP/1.1 200 Fine\r\n\r\n")
                lead(client, self._leads_to)
                return
            else:
                client.sends(OK)


def ask(proxy, url: bytes = b"http://Shop.test/a?b", fields: bytes = b"") -> tuple[bytes, bytes]:
    client = proxy.connect()
    host = url.split(b"/")[2]
    client.sends(b"GET %b HTTP/1.1\r\nHost: %b\r\n%b\r\n" % (url, host, fields))
    with gevent.Timeout(HANG_GUARD_S):
        return client.reads_response()


class TestHttpProxy:
    def test_a_plain_request_goes_in_absolute_form(self, start_proxy, start_origin):
        upstream = HttpProxy(start_origin)
        proxy = start_proxy(settings=ways(upstream.url))
        head, body = ask(proxy, fields=b"X-Odd:  kept \r\n")
        assert body == b"hi"
        assert upstream.heads == [b"GET http://Shop.test/a?b HTTP/1.1\r\nHost: Shop.test\r\nX-Odd:  kept \r\n\r\n"]
        exchange = proxy.only()
        assert f"By way of the proxy {upstream.url}." in exchange.detail.notes
        assert (exchange.row.host, exchange.row.status) == ("shop.test", 200)

    def test_its_connection_is_kept(self, start_proxy, start_origin):
        upstream = HttpProxy(start_origin)
        proxy = start_proxy(settings=ways(upstream.url))
        client = proxy.connect()
        for _ in range(3):
            client.sends(b"GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n")
            assert client.reads_response()[1] == b"hi"
        assert upstream.server.connections == 1
        assert len(upstream.heads) == 3

    def test_options_for_a_whole_server(self, start_proxy, start_origin):
        upstream = HttpProxy(start_origin)
        proxy = start_proxy(settings=ways(upstream.url))
        client = proxy.connect()
        client.sends(b"OPTIONS * HTTP/1.1\r\nHost: a.test:81\r\n\r\n")
        client.reads_response()
        assert upstream.heads[0].startswith(b"OPTIONS http://a.test:81 HTTP/1.1\r\n")

    def test_credentials_are_the_proxys_alone(self, start_proxy, start_origin):
        upstream = HttpProxy(start_origin)
        address = upstream.url.replace("//", "//us%20er:p%40%3Ass@")
        proxy = start_proxy(settings=ways(address))
        assert ask(proxy, fields=b"Proxy-Authorization: Basic clients\r\n")[1] == b"hi"
        assert upstream.heads[0].count(b"Proxy-Authorization:") == 1
        assert LOGIN in upstream.heads[0]
        exchange = proxy.only()
        recorded = b"".join(proxy.events.batches) + repr(exchange.detail).encode()
        recorded += b"".join(path.read_bytes() for path in proxy.folder.iterdir() if path.is_file())
        for secret in (b"p@:ss", b"p%40%3Ass", b64encode(b"us er:p@:ss")):
            assert secret not in recorded

    def test_https_goes_through_a_tunnel(self, start_proxy, start_origin, example_ca, trusting):
        seen: list[bytes] = []

        def answer(pipe: BioPipe) -> None:
            seen.append(pipe.reads_head())
            pipe.sends(OK)

        origin = https_origin(start_origin, example_ca.leaf("shop.test"), answer)
        upstream = HttpProxy(start_origin, origin.port)
        address = upstream.url.replace("//", "//us%20er:p%40%3Ass@")
        settings = Settings(upstream_ca=trusting.upstream_ca, ways_out=WaysOut(upstream_proxy=address, no_proxy=()))
        proxy = start_proxy(settings=settings)
        pipe = connect_through(proxy, "shop.test", 443)
        pipe.sends(b"GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n")
        assert pipe.reads_head().startswith(b"HTTP/1.1 200 OK")
        where = b"CONNECT shop.test:443 HTTP/1.1\r\nHost: shop.test:443\r\n"
        assert upstream.heads == [where + LOGIN + b"\r\n\r\n"]
        assert b"roxy" not in seen[0]
        exchange = proxy.only()
        assert exchange.row.host == "shop.test"
        tls = proxy.connections[exchange.detail.upstream_connection].tls
        assert tls is not None
        assert b"TLSv1" in tls

    def test_a_tunnel_that_is_relayed_unread(self, start_proxy, start_origin):
        origin = start_origin(lambda client: (client.sends(b"220 first words\r\n"), client.sees(b"hello")))
        upstream = HttpProxy(start_origin, origin.port)
        proxy = start_proxy(settings=ways(upstream.url))
        client = proxy.connect()
        client.sends(b"CONNECT mail.test:25 HTTP/1.1\r\nHost: x\r\n\r\n")
        client.sees(b"HTTP/1.1 200 Connection established\r\n\r\n220 first words\r\n")
        client.sends(b"hello")
        client.sees_end()
        client.closes()
        assert proxy.only().row.host == "mail.test"

    def test_words_of_the_origin_that_come_with_the_proxys_consent_are_not_lost(self, start_proxy, start_origin):
        def serve(client: Client) -> None:
            client.reads_head()
            client.sends(b"HTTP/1.1 200 OK\r\n\r\n220 first words\r\n")
            client.sees(b"hello")

        upstream = start_origin(serve)
        proxy = start_proxy(settings=ways(f"http://127.0.0.1:{upstream.port}"))
        client = proxy.connect()
        client.sends(b"CONNECT mail.test:25 HTTP/1.1\r\nHost: x\r\n\r\n")
        client.sees(b"HTTP/1.1 200 Connection established\r\n\r\n220 first words\r\n")
        client.sends(b"hello")
        client.sees_end()

    def test_plain_http_within_a_clients_tunnel_stays_in_one(self, start_proxy, start_origin):
        origin = start_origin(lambda client: (client.reads_head(), client.sends(OK)))
        upstream = HttpProxy(start_origin, origin.port)
        proxy = start_proxy(settings=ways(upstream.url))
        client = proxy.connect()
        client.sends(b"CONNECT a.test:80 HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
        client.sees(b"HTTP/1.1 200 Connection established\r\n\r\n")
        assert client.reads_response()[1] == b"hi"
        assert upstream.heads == [b"CONNECT a.test:80 HTTP/1.1\r\nHost: a.test:80\r\n\r\n"]

    def test_tls_to_the_proxy_is_verified(self, start_proxy, start_origin, example_ca, trusting):
        def serve(pipe: BioPipe) -> None:
            while True:
                heads.append(pipe.reads_head())
                pipe.sends(OK)

        heads: list[bytes] = []
        server = https_origin(start_origin, example_ca.leaf("localhost"), serve)
        address = f"https://joe:geheim@localhost:{server.port}"
        way_out = WaysOut(upstream_proxy=address, no_proxy=())
        proxy = start_proxy(settings=Settings(ways_out=way_out))
        assert ask(proxy)[0].startswith(b"HTTP/1.1 502 ")
        exchange = proxy.only()
        assert exchange.row.failure == "tls_certificate_error"
        assert f"upstream proxy localhost:{server.port} can't be used" in exchange.detail.failure_text
        assert heads == []
        proxy = start_proxy(settings=Settings(upstream_ca=trusting.upstream_ca, ways_out=way_out))
        assert ask(proxy)[1] == b"hi"
        assert heads[0].startswith(b"GET http://Shop.test/a?b HTTP/1.1\r\nProxy-Authorization: Basic ")


class TestWhatHttpProxiesRefuse:
    @pytest.mark.parametrize("is_tunnel", [False, True])
    @pytest.mark.parametrize(
        ("address", "demand", "text"),
        [
            ("", b'Basic realm="office"', "Put them into its address"),
            ("joe:x@", b'Basic realm="office"', "does not take the user and password"),
            ("", b"NTLM", "can only answer «Basic»"),
        ],
    )
    def test_a_password_is_demanded(self, start_proxy, start_origin, is_tunnel, address, demand, text):
        answer = b"HTTP/1.1 407 No\r\nProxy-Authenticate: %b\r\nContent-Length: 4\r\n\r\nno!!" % demand
        upstream = HttpProxy(start_origin, answer=answer)
        proxy = start_proxy(settings=ways(upstream.url.replace("//", f"//{address}")))
        head = self.refused(proxy, is_tunnel=is_tunnel)
        assert b"407" not in head.split(b"\r\n")[0]
        exchange = proxy.only()
        assert exchange.row.failure == "connection_refused"
        assert f"upstream proxy 127.0.0.1:{upstream.server.port} demands a user" in exchange.detail.failure_text
        assert text in exchange.detail.failure_text
        assert (b"office" in demand) == ("realm «office»" in exchange.detail.failure_text)

    @pytest.mark.parametrize(
        ("answer", "kind", "text"),
        [
            (b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", "connection_refused", "it answered 403 Forbidden"),
            (b"HTTP/1.1 504\r\nContent-Length: 0\r\n\r\n", "connection_timeout", "it answered 504."),
            (b"SSH-2.0-x\r\n", "http_protocol_error", "did not answer as an HTTP proxy does"),
            (b"HTTP/1.1 200 O", "http_response_incomplete", "did not answer as an HTTP proxy does"),
            (b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 50_000, "http_protocol_error", "did not answer as an HTTP proxy"),
            (b"", "connection_terminated", "closed the connection"),
        ],
    )
    def test_a_tunnel_is_refused(self, start_proxy, start_origin, answer, kind, text):
        def serve(client: Client) -> None:
            client.reads_head()
            client.sends(answer)

        upstream = start_origin(serve)
        proxy = start_proxy(settings=ways(f"http://127.0.0.1:{upstream.port}"))
        head = self.refused(proxy, is_tunnel=True)
        exchange = proxy.only()
        assert text in exchange.detail.failure_text
        assert exchange.row.failure in (kind, "http_protocol_error")
        assert exchange.row.failure.encode() in head

    def test_one_that_keeps_silent(self, start_proxy, start_origin):
        upstream = start_origin(lambda client: client.reads_to_end())
        limits = Limits(connect_s=0.3, linger_s=0.2)
        proxy = start_proxy(settings=ways(f"http://127.0.0.1:{upstream.port}"), limits=limits)
        assert b"error=connection_timeout" in self.refused(proxy, is_tunnel=True)
        assert "did not say within" in proxy.only().detail.failure_text

    def test_one_that_is_not_there(self, start_proxy, start_origin):
        upstream = start_origin(lambda client: None)
        upstream.stop()
        proxy = start_proxy(settings=ways(f"http://127.0.0.1:{upstream.port}"))
        assert b"error=connection_refused" in self.refused(proxy, is_tunnel=False)
        assert f"The upstream proxy 127.0.0.1:{upstream.port} can't be used" in proxy.only().detail.failure_text

    def test_one_that_talks_nonsense_to_a_plain_request(self, start_proxy, start_origin):
        upstream = HttpProxy(start_origin, answer=b"SSH-2.0-x\r\n")
        proxy = start_proxy(settings=ways(upstream.url))
        assert b"error=http_protocol_error" in self.refused(proxy, is_tunnel=False)
        assert "The upstream proxy 127.0.0.1:" in proxy.only().detail.failure_text

    def test_harrier_itself_is_none(self, start_proxy):
        proxy = start_proxy()
        proxy.worker.obey(UseSettings(ways(f"http://127.0.0.1:{proxy.port}")))
        assert b"error=proxy_loop_detected" in self.refused(proxy, is_tunnel=False)

    @staticmethod
    def refused(proxy, *, is_tunnel: bool) -> bytes:
        if not is_tunnel:
            return ask(proxy)[0]
        with gevent.Timeout(HANG_GUARD_S):
            pipe = connect_through(proxy, "shop.test", 443)
            pipe.sends(b"GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n")
            return pipe.reads_head()


class SocksProxy:
    """SOCKS 5 by the book, leading everything to one port."""

    def __init__(self, start_origin, leads_to: int, *, login: tuple[bytes, bytes] | None = None, code: int = 0) -> None:
        self.asked: list[bytes] = []
        self._leads_to, self._login, self._code = leads_to, login, code
        self.server = start_origin(self._serve)

    def _serve(self, client: Client) -> None:
        version, count = self._take(client, 2)
        methods = self._take(client, count)
        assert version == 5
        if self._login is not None:
            assert 2 in methods
            client.sends(b"\5\2")
            assert self._take(client, 1) == b"\1"
            got = (self._take(client, self._take(client, 1)[0]), self._take(client, self._take(client, 1)[0]))
            client.sends(b"\1\0" if got == self._login else b"\1\1")
        else:
            client.sends(b"\5\0")
        head = self._take(client, 4)
        size = {1: 4, 4: 16}.get(head[3]) or self._take(client, 1)[0]
        self.asked.append(self._take(client, size) + self._take(client, 2))
        if self._code:
            client.sends(bytes((5, self._code, 0, 1)) + b"\0" * 6)
            return
        client.sends(b"\5\0\0\1" + b"\0" * 6)
        lead(client, self._leads_to)

    @staticmethod
    def _take(client: Client, size: int) -> bytes:
        got = b""
        while len(got) < size:
            data = client.sock.recv(size - len(got))
            assert data
            got += data
        return got


class TestSocks:
    @pytest.fixture
    def origin(self, start_origin):
        return start_origin(lambda client: (client.reads_head(), client.sends(OK)))

    def test_a_name_is_the_proxys_to_look_up(self, start_proxy, start_origin, origin):
        upstream = SocksProxy(start_origin, origin.port, login=(b"us er", b"p@:ss"))
        proxy = start_proxy(settings=ways(f"socks5h://us%20er:p%40%3Ass@127.0.0.1:{upstream.server.port}"))
        assert ask(proxy)[1] == b"hi"
        assert upstream.asked == [b"shop.test\0\x50"]

    def test_or_ours(self, start_proxy, start_origin, origin):
        upstream = SocksProxy(start_origin, origin.port)
        settings = ways(
            f"socks5://127.0.0.1:{upstream.server.port}", host_overrides=(HostOverride("shop.test", "192.0.2.7"),)
        )
        proxy = start_proxy(settings=settings)
        assert ask(proxy)[1] == b"hi"
        assert upstream.asked == [b"\xc0\0\2\7\0\x50"]

    def test_each_address_of_a_name_is_tried(self, start_proxy, start_origin, origin):
        upstream = SocksProxy(start_origin, origin.port, code=5)
        proxy = start_proxy(settings=ways(f"socks5://127.0.0.1:{upstream.server.port}"))
        assert b"error=connection_refused" in ask(proxy, b"http://localhost:81/")[0]
        assert upstream.asked == [b"\0" * 15 + b"\1\0\x51", b"\x7f\0\0\1\0\x51"]
        assert "the connection was refused there" in proxy.only().detail.failure_text

    def test_version_4a(self, start_proxy, start_origin, origin):
        def serve(client: Client) -> None:
            client.sees(b"\4\1\0\x50\0\0\0\1\0shop.test\0")
            client.sends(b"\0\x5a" + b"\0" * 6)
            lead(client, origin.port)

        upstream = start_origin(serve)
        proxy = start_proxy(settings=ways(f"socks4a://127.0.0.1:{upstream.port}"))
        assert ask(proxy)[1] == b"hi"

    def test_a_wrong_password(self, start_proxy, start_origin):
        def serve(client: Client) -> None:
            client.sees(b"\5\2\0\2")
            client.sends(b"\5\2")
            client.sees(b"\1\3joe\1x")
            client.sends(b"\1\1")

        upstream = start_origin(serve)
        proxy = start_proxy(settings=ways(f"socks5h://joe:x@127.0.0.1:{upstream.port}"))
        assert b"error=connection_refused" in ask(proxy)[0]
        assert "does not take our user and password" in proxy.only().detail.failure_text


class TestWhoIsAsked:
    def test_this_computer_is_reached_directly(self, start_proxy, start_origin):
        origin = start_origin(lambda client: (client.reads_head(), client.sends(OK)))
        upstream = HttpProxy(start_origin)
        proxy = start_proxy(settings=Settings(ways_out=WaysOut(upstream_proxy=upstream.url)))
        for host in (b"127.0.0.1", b"localhost"):
            assert ask(proxy, b"http://%b:%d/" % (host, origin.port))[1] == b"hi"
        assert upstream.heads == []

    def test_hosts_have_their_own_ways(self, start_proxy, start_origin):
        one, other = HttpProxy(start_origin), HttpProxy(start_origin)
        by_host = (ProxyForHosts("*.corp.test", other.url), ProxyForHosts("shop.test", one.url))
        proxy = start_proxy(settings=ways(one.url, proxies_by_host=by_host, no_proxy=("corp.test",)))
        ask(proxy, b"http://a.corp.test/")
        ask(proxy, b"http://shop.test/")
        ask(proxy, b"http://else.test/")
        assert [head.split(b" ")[1] for head in other.heads] == [b"http://a.corp.test/"]
        assert [head.split(b" ")[1] for head in one.heads] == [b"http://shop.test/", b"http://else.test/"]

    def test_new_settings_count_from_the_next_connection_on(self, start_proxy, start_origin):
        upstream = HttpProxy(start_origin)
        proxy = start_proxy()
        proxy.worker.obey(UseSettings(ways(upstream.url)))
        assert ask(proxy)[1] == b"hi"
        wait_for(lambda: len(upstream.heads) == 1)

    def test_what_the_system_says(self, start_proxy, start_origin, monkeypatch):
        upstream = HttpProxy(start_origin)
        origin = start_origin(lambda client: (client.reads_head(), client.sends(OK)))
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY", "REQUEST_METHOD"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("http_proxy", upstream.url)
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        proxy = start_proxy(settings=ways("system"))
        assert ask(proxy)[1] == b"hi"
        assert ask(proxy, b"http://127.0.0.1:%d/" % origin.port)[1] == b"hi"
        assert len(upstream.heads) == 1

    def test_the_system_may_name_harrier_itself(self, start_proxy, start_origin, monkeypatch):
        origin = start_origin(lambda client: (client.reads_head(), client.sends(OK)))
        proxy = start_proxy()
        for name in ("no_proxy", "NO_PROXY", "REQUEST_METHOD"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
        proxy.worker.obey(UseSettings(ways("system")))
        assert ask(proxy, b"http://127.0.0.1:%d/" % origin.port)[1] == b"hi"
        assert proxy.only().row.status == 200
