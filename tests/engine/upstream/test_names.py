"""Names that the settings lead elsewhere, for the engine alone."""

import socket as stdlib_socket

import pytest

from proxy_core.engine.upstream.names import Names
from proxy_core.model.settings import Settings
from proxy_core.model.ways_out import HostOverride, WaysOut
from tests.support.conversation import Proxy
from tests.support.tls_conversation import answer_all, connect_through, https_origin


def overriding(*pairs: str) -> WaysOut:
    return WaysOut(host_overrides=tuple(HostOverride(*pair.split("=")) for pair in pairs))


@pytest.fixture
def nobody_is_asked(monkeypatch) -> None:
    def asked(*arguments, **_options):
        raise AssertionError(f"somebody was asked: {arguments}")

    monkeypatch.setattr(stdlib_socket, "getaddrinfo", asked)


@pytest.mark.parametrize(
    ("host", "leads_to"),
    [
        ("shop.test", "192.0.2.1"),
        ("Shop.Test.", "192.0.2.1"),
        ("www.shop.test", "::1"),
        ("a.www.shop.test", "::1"),
        ("deep.api.shop.test", "192.0.2.3"),
        ("myshop.test", "myshop.test"),
        ("api.shop.test", "::1"),
    ],
)
def test_where_names_lead(host, leads_to):
    ways = overriding("shop.test=192.0.2.1", "*.shop.test=[::1]", "*.api.shop.test=192.0.2.3")
    assert Names(ways, 1.0).led_elsewhere(host) == leads_to


def test_everything_can_be_led_to_one_place():
    assert Names(overriding("*=127.0.0.1"), 1.0).led_elsewhere("any.test") == "127.0.0.1"


def test_a_name_in_a_names_place_is_not_led_on(monkeypatch):
    names = Names(overriding("a.test=b.test", "b.test=192.0.2.1"), 1.0)
    asked: list[str] = []

    def answer(host, *_arguments, **_options):
        asked.append(host)
        raise stdlib_socket.gaierror(stdlib_socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(stdlib_socket, "getaddrinfo", answer)
    with pytest.raises(Exception, match=r"The name b\.test could not be found"):
        names.find("a.test", 80)
    assert asked == ["b.test"]


@pytest.mark.usefixtures("nobody_is_asked")
def test_a_request_goes_there(start_proxy, start_origin):
    seen: list[bytes] = []

    def answer(client) -> None:
        seen.append(client.reads_head())
        client.sends(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")

    origin = start_origin(answer)
    proxy: Proxy = start_proxy(settings=Settings(ways_out=overriding("*.shop.test=localhost")))
    client = proxy.connect()
    authority = b"www.shop.test:%d" % origin.port
    client.sends(b"GET http://%b/ HTTP/1.1\r\nHost: %b\r\n\r\n" % (authority, authority))
    assert client.reads_response()[1] == b"hi"
    assert seen == [b"GET / HTTP/1.1\r\nHost: %b\r\n\r\n" % authority]
    assert proxy.only().row.host == "www.shop.test"


def test_the_certificate_is_still_the_names(start_proxy, start_origin, example_ca, trusting):
    origin = https_origin(start_origin, example_ca.leaf("shop.test"), answer_all)
    ways = overriding("shop.test=127.0.0.1", "other.test=127.0.0.1")
    proxy = start_proxy(settings=Settings(upstream_ca=trusting.upstream_ca, ways_out=ways))
    for host, status in (("shop.test", b"200"), ("other.test", b"502")):
        pipe = connect_through(proxy, host, origin.port)
        pipe.sends(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert pipe.reads_head().startswith(b"HTTP/1.1 " + status)


def test_none_leads_back_here(start_proxy):
    proxy = start_proxy(settings=Settings(ways_out=overriding("shop.test=127.0.0.1")))
    client = proxy.connect()
    client.sends(b"GET http://shop.test:%d/ HTTP/1.1\r\nHost: shop.test\r\n\r\n" % proxy.port)
    assert b"error=proxy_loop_detected" in client.reads_head()
