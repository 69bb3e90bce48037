"""Where a name leads: this machine for localhost and *.localhost, and never back into Harrier, but to all who aren't Harrier."""

import socket as stdlib_socket

import gevent
import pytest

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

    def test_nobody_there(self, proxy, start_origin):
        origin = start_origin(answer)
        origin.stop()
        assert ask(proxy, f"app.localhost:{origin.port}").startswith(b"HTTP/1.1 502 ")
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
        proxy = start_proxy(host=listening)
        start_origin(answer, host=other, port=proxy.port)
        assert ask(proxy, f"{name}:{proxy.port}").startswith(b"HTTP/1.1 200 ")
