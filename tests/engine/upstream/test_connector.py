"""Where a name leads: this machine for localhost and *.localhost, and never back into Harrier, but to all who aren't Harrier."""

import contextlib
import socket as stdlib_socket

import gevent
import pytest

from proxy_core.engine.limits import Limits
from tests.support.conversation import port_free_on

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"


def answer(upstream) -> None:
    upstream.reads_head()
    upstream.sends(OK)


def ask(proxy, authority: str) -> bytes:
    """The head that a request for this authority is answered with."""
    client = proxy.connect()
    client.sends(f"GET http://{authority}/ HTTP/1.1\r\nHost: {authority}\r\n\r\n".encode())
    with gevent.Timeout(10):  # a guard that lets a loop pass would have it go round
        return client.reads_head()


class TestLocalhost:
    @pytest.mark.parametrize(
        "name", ["localhost", "LocalHost.", "app.localhost", "a.b.localhost", "APP.LocalHost", "app.localhost."]
    )
    @pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
    def test_its_names_lead_to_this_machine_unasked(self, proxy, start_origin, monkeypatch, name, host):
        def asked(*arguments, **_options):
            raise AssertionError(f"somebody was asked: {arguments}")

        origin = start_origin(answer, host=host)
        monkeypatch.setattr(stdlib_socket, "getaddrinfo", asked)
        assert ask(proxy, f"{name}:{origin.port}").startswith(b"HTTP/1.1 200 ")
        assert proxy.only().row.host == name.lower()

    def test_nobody_there(self, proxy, nobody):
        assert ask(proxy, f"app.localhost:{nobody.port}").startswith(b"HTTP/1.1 502 ")
        assert proxy.only().row.failure == "connection_refused"

    def test_names_that_only_look_like_it_are_asked_for(self, proxy, monkeypatch):
        names: list[str] = []

        def asked(host, *_arguments, **_options):
            names.append(host)
            raise stdlib_socket.gaierror(stdlib_socket.EAI_NONAME, "Name or service not known")

        monkeypatch.setattr(stdlib_socket, "getaddrinfo", asked)
        for name in ("applocalhost", "localhost.test"):
            assert ask(proxy, name).startswith(b"HTTP/1.1 502 ")
        assert names == ["applocalhost", "localhost.test"]


class TestLoopGuard:
    @pytest.mark.parametrize(
        ("listening", "name"),
        [
            ("127.0.0.1", "127.0.0.1"),
            ("127.0.0.1", "localhost"),
            ("127.0.0.1", "app.localhost"),
            ("127.0.0.1", "0.0.0.0"),
            ("127.0.0.1", "[::ffff:127.0.0.1]"),
            ("127.0.0.1", "[::ffff:7f00:1]"),
            ("127.0.0.1", "127.1"),
            ("127.0.0.1", "0x7f000001"),
            ("127.0.0.1", "0177.0.0.01"),
            ("127.0.0.1", "2130706433"),
            ("127.0.0.1", "0"),
            ("127.0.0.1", "localhost."),
            ("127.0.0.2", "127.0.0.2"),
            ("0.0.0.0", "127.0.0.1"),
            ("0.0.0.0", "127.0.0.2"),
            ("0.0.0.0", "0.0.0.0"),
            ("0.0.0.0", "[::ffff:127.0.0.3]"),
            ("::1", "[::1]"),
            ("::", "[::1]"),
            ("::", "127.0.0.1"),
            ("::", "127.0.0.2"),
        ],
    )
    def test_what_leads_back_is_refused(self, start_proxy, listening, name):
        proxy = start_proxy(host=listening)
        authority = f"{name}:{proxy.port}"
        assert b"error=proxy_loop_detected" in ask(proxy, authority)
        assert proxy.only().detail.failure_text.startswith(f"{authority} is Harrier's own address")

    def test_another_address_of_this_machine_leads_back_when_all_are_listened_on(self, start_proxy):
        proxy = start_proxy(host="0.0.0.0")
        with stdlib_socket.socket(stdlib_socket.AF_INET, stdlib_socket.SOCK_DGRAM) as probe:
            try:
                probe.connect(("192.0.2.1", 9))  # sends nothing, but chooses an address
            except OSError:
                return  # this machine has none beside loopback
            own = probe.getsockname()[0]
        assert b"error=proxy_loop_detected" in ask(proxy, f"{own}:{proxy.port}")

    @pytest.mark.parametrize(
        ("listening", "other", "name"),
        [
            ("127.0.0.1", "127.0.0.2", "127.0.0.2"),
            ("127.0.0.1", "::1", "[::1]"),
            ("127.0.0.2", "127.0.0.1", "127.0.0.1"),
            ("0.0.0.0", "::1", "[::1]"),
            ("::1", "127.0.0.1", "127.0.0.1"),
        ],
    )
    def test_other_servers_with_our_port_number_are_reached(self, start_proxy, start_origin, listening, other, name):
        proxy = start_proxy(host=listening, port=port_free_on(listening, other))
        start_origin(answer, host=other, port=proxy.port)
        assert ask(proxy, f"{name}:{proxy.port}").startswith(b"HTTP/1.1 200 ")


class TestSeveralAddresses:
    """RFC 8305: the next one is tried soon, and the first that answers is taken."""

    def lead(self, monkeypatch, *addresses: str) -> None:
        def found(_host, port, *_arguments, **_options):
            kind, protocol = stdlib_socket.SOCK_STREAM, stdlib_socket.IPPROTO_TCP
            for each in addresses:
                if ":" in each:
                    yield stdlib_socket.AF_INET6, kind, protocol, "", (each, port, 0, 0)
                else:
                    yield stdlib_socket.AF_INET, kind, protocol, "", (each, port)

        monkeypatch.setattr(stdlib_socket, "getaddrinfo", lambda *words, **options: list(found(*words, **options)))

    @pytest.mark.parametrize(
        ("served", "addresses"),
        [("127.0.0.1", ("::1", "127.0.0.1")), ("::1", ("127.0.0.1", "::1")), ("127.0.0.3", ("127.0.0.2", "127.0.0.3"))],
    )
    def test_one_that_refuses_is_passed_over(self, proxy, start_origin, monkeypatch, served, addresses):
        origin = start_origin(answer, host=served, port=port_free_on(*addresses))
        self.lead(monkeypatch, *addresses)
        assert ask(proxy, f"shop.test:{origin.port}").startswith(b"HTTP/1.1 200 ")

    def test_black_holes_hold_nobody_up(self, start_proxy, start_origin, monkeypatch):
        """Nine that swallow what they are sent, and the tenth answers."""
        holes = [f"127.0.0.{number}" for number in range(11, 20)]
        origin = start_origin(answer, host="127.0.0.20", port=port_free_on(*holes, "127.0.0.20"))
        with contextlib.ExitStack() as stack:
            for hole in holes:
                stack.enter_context(swallowing(hole, origin.port))
            self.lead(monkeypatch, *holes, "127.0.0.20")
            proxy = start_proxy(limits=Limits(connect_s=30.0))
            assert ask(proxy, f"shop.test:{origin.port}").startswith(b"HTTP/1.1 200 ")
        assert origin.connections == 1

    def test_all_together_have_one_time(self, start_proxy, monkeypatch):
        holes = [f"127.0.0.{number}" for number in range(11, 20)]
        port = port_free_on(*holes)
        with contextlib.ExitStack() as stack:
            for hole in holes:
                stack.enter_context(swallowing(hole, port))
            self.lead(monkeypatch, *holes)
            proxy = start_proxy(limits=Limits(connect_s=0.6))
            assert b"error=connection_timeout" in ask(proxy, f"shop.test:{port}")


@contextlib.contextmanager
def swallowing(host: str, port: int):
    """A full backlog: what comes now is neither taken nor refused (Linux)."""
    with contextlib.ExitStack() as stack:
        full = stack.enter_context(stdlib_socket.socket())
        full.bind((host, port))
        full.listen(0)
        for _ in range(3):
            link = stack.enter_context(stdlib_socket.socket())
            link.setblocking(False)
            link.connect_ex((host, port))
        yield
