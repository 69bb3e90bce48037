"""Requests that come back by way of another proxy: found by the name that we put into Via, and answered once."""

import gevent
import pytest
from gevent import socket

from proxy_core.model.exchange import ExchangeKind
from proxy_core.model.failure import FailureKind
from proxy_core.model.settings import Settings
from proxy_core.model.ways_out import WaysOut
from proxy_core.model.worker_command import UseSettings
from tests.engine.exchange.test_http2 import GET, answer_each, speak
from tests.support.conversation import Client, Proxy
from tests.support.tls_conversation import connect_through

__all__ = ["speak"]

HANG_GUARD_S = 20
ASK = b"GET http://shop.test/ HTTP/1.1\r\nHost: shop.test\r\nVia: 1.0 fred\r\n\r\n"
CONNECT = b"CONNECT shop.test:443 HTTP/1.1\r\nHost: shop.test:443\r\n\r\n"
ONE, OTHER = b"harrier-0000000a", b"harrier-0000000b"


def by(port: int, **changes) -> Settings:
    return Settings(ways_out=WaysOut(upstream_proxy=f"http://127.0.0.1:{port}", no_proxy=()), **changes)


@pytest.fixture(autouse=True)
def no_hang():
    with gevent.Timeout(HANG_GUARD_S):
        yield


@pytest.fixture
def pair(start_proxy) -> tuple[Proxy, Proxy]:
    """Two that point at each other."""
    one = start_proxy(pseudonym=ONE)
    other = start_proxy(settings=by(one.port), pseudonym=OTHER)
    one.worker.obey(UseSettings(by(other.port)))
    return one, other


@pytest.fixture
def mirrored(start_proxy, start_origin):
    """One that has a proxy behind it which points back; with the heads that this one has been sent."""
    heads: list[bytes] = []

    def send_back(client: Client) -> None:
        head = client.reads_head()
        heads.append(head)
        with socket.create_connection(("127.0.0.1", one.port)) as back:
            line = b"\r\nVia: 1.1 mirror (a, b)\r\n\r\n"
            back.sendall(head.removesuffix(b"\r\n\r\n") + line)
            response = Client(back).reads_response()
        client.sends(b"".join(response))

    origin = start_origin(send_back)
    one = start_proxy(settings=by(origin.port), pseudonym=ONE)
    return one, heads


def test_a_request_that_comes_back_is_refused(mirrored):
    proxy, heads = mirrored
    client = proxy.connect()
    client.sends(ASK)
    head, body = client.reads_response()
    assert head.startswith(b"HTTP/1.1 502 ")
    assert b"Proxy-Status: harrier; error=proxy_loop_detected" in head
    assert b"back to Harrier" in body
    assert heads == [ASK[:-2] + b"Via: 1.1 " + ONE + b"\r\n\r\n"]  # RFC 9110 §7.6.3: behind those before us
    first, back = proxy.finished(2)
    assert (first.row.status, first.row.failure) == (502, "")
    assert back.row.failure == FailureKind.PROXY_LOOP_DETECTED
    assert "Via: 1.0 fred, 1.1 harrier-0000000a, 1.1 mirror (a, b)" in back.detail.failure_text


def test_a_tunnel_that_comes_back_is_refused(mirrored):
    proxy, heads = mirrored
    proxy.worker.obey(
        UseSettings(by(int(proxy.worker.services.settings.ways_out.upstream_proxy[-5:]), interception=False))
    )
    client = proxy.connect()
    client.sends(CONNECT)
    head, body = client.reads_response()
    assert head.startswith(b"HTTP/1.1 502 ")
    assert b"error=proxy_loop_detected" in head
    assert b"in a circle" in body
    assert heads == [CONNECT[:-2] + b"Via: 1.1 " + ONE + b"\r\n\r\n"]
    for exchange in proxy.finished(2):
        assert exchange.row.kind == ExchangeKind.TUNNEL
        assert exchange.row.failure == FailureKind.PROXY_LOOP_DETECTED


def test_two_that_point_at_each_other(pair):
    one, other = pair
    client = one.connect()
    client.sends(ASK)
    assert b"error=proxy_loop_detected" in client.reads_response()[0]
    assert [each.row.failure for each in one.finished(2)] == ["", FailureKind.PROXY_LOOP_DETECTED]
    assert len(other.finished()) == 1


def test_two_that_point_at_each_other_with_a_tunnel(pair):
    """Each grants its tunnel before it asks for its own, so what the other has asked for must go on with it."""
    one, other = pair
    pipe = connect_through(one, "shop.test", 443)
    pipe.sends(b"GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n")
    head = pipe.reads_head()
    assert head.startswith(b"HTTP/1.1 502 ")
    assert len(one.finished(2)) == 2
    assert any(each.row.failure == FailureKind.PROXY_LOOP_DETECTED for each in one.exchanges)
    assert len(other.finished()) == 1


def test_over_http2_what_comes_back_costs_its_stream_alone(speak):
    client, proxy, _ = speak(answer_each(), pseudonym=ONE)
    back = client.answer(client.requests([*GET, (b"via", b"1.0 fred"), (b"via", b"2 " + ONE + b", 1.1 mirror")]))
    assert back.status == 502
    assert dict(back.fields)[b"proxy-status"].startswith(b"harrier; error=proxy_loop_detected")
    assert client.answer(client.requests([*GET, (b"via", b"2 " + OTHER)])).body == b"hi"
    refused, passed = proxy.finished(2)
    assert refused.row.failure == FailureKind.PROXY_LOOP_DETECTED
    assert "Via: 1.0 fred, 2 harrier-0000000a, 1.1 mirror" in refused.detail.failure_text
    assert (passed.row.status, passed.row.failure) == (200, "")


def test_another_of_our_kind_is_no_loop(start_proxy, start_origin):
    def answer(client: Client) -> None:
        heads.append(client.reads_head())
        client.sends(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    heads: list[bytes] = []
    last = start_proxy(pseudonym=OTHER)
    first = start_proxy(settings=by(last.port), pseudonym=ONE)
    origin = start_origin(answer)
    client = first.connect()
    where = b"127.0.0.1:%d" % origin.port
    client.sends(b"GET http://%b/ HTTP/1.1\r\nHost: %b\r\nX-Seen: %b\r\n\r\n" % (where, where, ONE))
    assert client.reads_response()[0].startswith(b"HTTP/1.1 200 ")
    # The last one goes to the origin directly, and adds nothing.
    assert heads == [b"GET / HTTP/1.1\r\nHost: %b\r\nX-Seen: %b\r\nVia: 1.1 %b\r\n\r\n" % (where, ONE, ONE)]
