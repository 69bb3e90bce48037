"""A proxy for those who log in: by HTTP and SOCKS, with and without TLS; nobody is let past."""

from base64 import b64encode

import gevent
import pytest

from proxy_core.model.exchange import ExchangeFlag, ExchangeKind
from proxy_core.model.settings import Settings
from proxy_core.model.ways_in import Origin, WaysIn
from proxy_core.model.worker_command import UseSettings
from tests.support.tls_conversation import ESTABLISHED, tls_over


def login(text):
    return b"Proxy-Authorization: Basic " + b64encode(text) + b"\r\n"


@pytest.fixture
def guarded(tmp_path):
    """Settings with a file of users."""
    file = tmp_path / "users"
    file.write_bytes("# who may\n\nme:a:b c\nzoë:ü\n".encode())
    return Settings(ways_in=WaysIn(users_file=str(file)))


def echoing(start_origin):
    def script(upstream):
        while head := upstream.reads_head():
            upstream.sends(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(head) + head)

    return start_origin(script)


GOOD = [b"me:a:b c", "zoë:ü".encode()]


@pytest.mark.parametrize("credentials", GOOD)
def test_who_logs_in_is_served_and_his_password_goes_no_further(start_proxy, start_origin, guarded, credentials):
    origin = echoing(start_origin)
    proxy = start_proxy(settings=guarded)
    client = proxy.connect()
    client.sends(b"GET http://127.0.0.1:%d/ HTTP/1.1\r\nHost: a\r\n" % origin.port + login(credentials) + b"\r\n")
    head, body = client.reads_response()
    assert head.startswith(b"HTTP/1.1 200 ")
    assert b"proxy-authorization" not in body.lower()


@pytest.mark.parametrize(
    "field",
    [
        pytest.param(b"", id="none"),
        pytest.param(login(b"me:wrong"), id="wrong password"),
        pytest.param(login(b"you:a:b c"), id="wrong name"),
        pytest.param(login(b"you:"), id="a name that is not there, with no password"),
        pytest.param(login(b"me"), id="no password"),
        pytest.param(login(b""), id="nothing"),
        pytest.param(login(b"me:a:b c") * 2, id="twice"),
        pytest.param(b"Proxy-Authorization: Basic %%%\r\n", id="no base64"),
        pytest.param(b"Proxy-Authorization: Bearer abc\r\n", id="another scheme"),
        pytest.param(b"Authorization: Basic " + b64encode(b"me:a:b c") + b"\r\n", id="meant for the origin"),
    ],
)
@pytest.mark.parametrize("request_line", [b"GET http://127.0.0.1:%d/x", b"CONNECT 127.0.0.1:%d", b"OPTIONS *"])
def test_nobody_else_is(start_proxy, start_origin, guarded, field, request_line):
    origin = echoing(start_origin)
    proxy = start_proxy(settings=guarded)
    client = proxy.connect()
    line = request_line % origin.port if b"%d" in request_line else request_line
    client.sends(line + b" HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n" % origin.port + field + b"\r\n")
    head, _ = client.reads_response()
    assert head.startswith(b"HTTP/1.1 407 ")
    assert b'\r\nProxy-Authenticate: Basic realm="Harrier", charset="UTF-8"\r\n' in head
    assert b"Connection: close" not in head  # RFC 9110 §11.7.1: the client may say it again, on this connection
    assert origin.connections == 0
    exchange = proxy.only()
    assert (exchange.row.status, exchange.row.failure) == (407, "http_request_denied")
    assert exchange.row.flags & ExchangeFlag.OWN_RESPONSE
    assert exchange.row.kind == (ExchangeKind.TUNNEL if line.startswith(b"CONNECT") else ExchangeKind.HTTP)
    client.sends(b"GET http://127.0.0.1:%d/ HTTP/1.1\r\nHost: a\r\n" % origin.port + login(GOOD[0]) + b"\r\n")
    assert client.reads_response()[0].startswith(b"HTTP/1.1 200 ")


def test_each_request_has_to(start_proxy, start_origin, guarded):
    origin = echoing(start_origin)
    client = start_proxy(settings=guarded).connect()
    line = b"GET http://127.0.0.1:%d/ HTTP/1.1\r\nHost: a\r\n" % origin.port
    client.sends(line + login(GOOD[0]) + b"\r\n")
    assert client.reads_response()[0].startswith(b"HTTP/1.1 200 ")
    client.sends(line + b"\r\n")
    assert client.reads_response()[0].startswith(b"HTTP/1.1 407 ")


def test_a_tunnel_is_let_in_whole(start_proxy, start_origin, guarded):
    origin = echoing(start_origin)
    client = start_proxy(settings=guarded).connect()
    client.sends(b"CONNECT 127.0.0.1:%d HTTP/1.1\r\nHost: a\r\n" % origin.port + login(GOOD[0]) + b"\r\n")
    client.sees(ESTABLISHED)
    client.sends(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    assert client.reads_response()[0].startswith(b"HTTP/1.1 200 ")


def test_tls_is_no_way_around(start_proxy, guarded):
    proxy = start_proxy(settings=guarded)
    pipe = tls_over(proxy, proxy.connect(), None)
    pipe.sends(b"GET http://127.0.0.1:9/ HTTP/1.1\r\nHost: a\r\n\r\n")
    assert pipe.reads_head().startswith(b"HTTP/1.1 407 ")


@pytest.mark.parametrize(
    ("sent", "seen"),
    [
        pytest.param(b"\5\1\0", b"\5\xff", id="5 without"),
        pytest.param(b"\5\2\0\2\1\2me\5wrong", b"\5\2\1\1", id="5 wrong"),
        pytest.param(b"\5\1\2\1\0\0", b"\5\2\1\1", id="5 empty"),
        pytest.param(b"\4\1\0\x50\x7f\0\0\1me\0", b"\0\x5b" + bytes(6), id="4"),
        pytest.param(b"\4\1\0\x50\0\0\0\1me:a:b c\0localhost\0", b"\0\x5b" + bytes(6), id="4a"),
    ],
)
def test_nor_is_socks(start_proxy, guarded, sent, seen):
    proxy = start_proxy(settings=guarded)
    client = proxy.connect()
    client.sends(sent)
    client.sees(seen)
    with gevent.Timeout(10):
        client.sees_end()
    exchange = proxy.only()
    assert exchange.row.failure == "http_request_denied"
    assert exchange.row.kind == ExchangeKind.TUNNEL


def test_who_logs_in_by_socks_is_served(start_proxy, start_origin, guarded):
    origin = echoing(start_origin)
    client = start_proxy(settings=guarded).connect()
    client.sends(b"\5\2\0\2")
    client.sees(b"\5\2")
    client.sends(b"\1\2me\5a:b c")
    client.sees(b"\1\0")
    client.sends(b"\5\1\0\1\x7f\0\0\1" + origin.port.to_bytes(2, "big"))
    client.sees(b"\5\0\0\1" + bytes(6))
    client.sends(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    assert client.reads_response()[0].startswith(b"HTTP/1.1 200 ")


def test_who_comes_to_an_origin_that_we_stand_for_knows_of_no_proxy(start_proxy, start_origin, guarded):
    origin = echoing(start_origin)
    proxy = start_proxy(settings=guarded, origin=Origin("http", "127.0.0.1", origin.port))
    client = proxy.connect()
    client.sends(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    assert client.reads_response()[0].startswith(b"HTTP/1.1 200 ")
    client.sends(b"GET http://127.0.0.1:%d/ HTTP/1.1\r\nHost: a\r\n\r\n" % origin.port)
    assert client.reads_response()[0].startswith(b"HTTP/1.1 407 ")


def test_a_file_that_is_gone_lets_nobody_in(start_proxy, guarded, tmp_path, capsys):
    proxy = start_proxy()
    (tmp_path / "users").unlink()
    proxy.worker.obey(UseSettings(guarded))
    client = proxy.connect()
    client.sends(b"GET http://127.0.0.1:9/ HTTP/1.1\r\nHost: a\r\n" + login(GOOD[0]) + b"\r\n")
    assert client.reads_response()[0].startswith(b"HTTP/1.1 407 ")
    assert "The file of proxy users" in capsys.readouterr().err


def test_settings_that_change_hold_from_the_next_request_on(start_proxy, start_origin, guarded):
    origin = echoing(start_origin)
    proxy = start_proxy()
    client = proxy.connect()
    line = b"GET http://127.0.0.1:%d/ HTTP/1.1\r\nHost: a\r\n\r\n" % origin.port
    for settings, status in ((guarded, b"407"), (Settings(), b"200")):
        proxy.worker.obey(UseSettings(settings))
        client.sends(line)
        assert client.reads_response()[0].startswith(b"HTTP/1.1 %b " % status)


SECRET = b"me:a:b c"


@pytest.mark.parametrize(
    "request_text",
    [
        pytest.param(
            b"GET http://127.0.0.1:9/ HTTP/1.1\r\nHost: a\r\n" + login(SECRET) + b"X: y\r\n\r\n", id="in form"
        ),
        pytest.param(b"CONNECT 127.0.0.1:9 HTTP/1.1\r\nHost: a\r\n" + login(SECRET) + b"X: y\r\n\r\n", id="a tunnel"),
        pytest.param(
            b"GET http://127.0.0.1:9/ HTTP/1.1\r\nHost: a\r\n" + login(SECRET) * 2 + b"X: y\r\n\r\n", id="twice"
        ),
        pytest.param(
            b"GET http://127.0.0.1:9/ HTTP/1.1\r\nHost: a\r\nProxy-Authorization : Basic bWU6YTpiIGM=\r\nX: y\r\n\r\n",
            id="refused for its form",
        ),
        pytest.param(
            b"GET http://127.0.0.1:9/ HTTP/1.1\r\nHost: a\r\nPROXY-authorization:\r\n bWU6YTpiIGM=\r\nX: y\r\n\r\n",
            id="folded",
        ),
        pytest.param(b"GET / HTTP/1.1\r\nHost: a\r\n" + login(SECRET) + b"X: y\r\n\r\n", id="not as a proxy is asked"),
    ],
)
def test_the_password_is_not_recorded(start_proxy, guarded, request_text):
    proxy = start_proxy(settings=guarded)
    client = proxy.connect()
    client.sends(request_text)
    client.reads_head()
    client.sock.close()
    exchange = proxy.only()
    head = exchange.detail.request.head
    assert b"bWU6YTpiIGM" not in head
    assert b"bWU6YTpiIGM" not in exchange.detail.failure_text.encode()
    assert b"roxy-authorization" in head.lower()
    assert b"(not recorded)" in head
    assert head.endswith(b"X: y\r\n\r\n")


def test_nor_where_the_client_leaves_in_the_middle(start_proxy, guarded):
    proxy = start_proxy(settings=guarded)
    client = proxy.connect()
    client.sends(b"GET http://127.0.0.1:9/ HTTP/1.1\r\nHost: a\r\n" + login(SECRET))
    client.sock.close()
    assert proxy.only().detail.request.head.endswith(b"Basic (not recorded)\r\n")


@pytest.mark.parametrize("has_door", [True, False])
def test_what_is_for_another_proxy_is_recorded_as_it_came(start_proxy, start_origin, guarded, has_door):
    origin = echoing(start_origin)
    proxy = start_proxy(settings=guarded if has_door else Settings())
    client = proxy.connect()
    client.sends(b"CONNECT 127.0.0.1:%d HTTP/1.1\r\nHost: a\r\n" % origin.port + login(SECRET) + b"\r\n")
    client.sees(ESTABLISHED)
    client.sends(b"GET / HTTP/1.1\r\nHost: a\r\n" + login(b"another:one") + b"\r\n")
    client.reads_response()
    assert login(b"another:one") in proxy.finished(1)[-1].detail.request.head
