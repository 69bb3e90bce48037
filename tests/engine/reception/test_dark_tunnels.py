"""Every tunnel that is relayed unread says why, in a remark that is recorded with it."""

import ssl

import gevent
import pytest
from gevent.event import Event

from proxy_core.engine.limits import Limits
from proxy_core.model.dark_cause import DarkCause, reason_in
from proxy_core.model.exchange import ExchangeState
from proxy_core.model.settings import Settings

ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"


def echo(upstream):
    while data := upstream.sock.recv(65536):
        upstream.sends(data)


def tunnel(start_proxy, start_origin, settings: Settings, first: bytes, script=echo) -> str:
    """The remark of a tunnel in which the client sends this first, with the state it ended in."""
    origin = start_origin(script)
    proxy = start_proxy(settings=settings)
    client = proxy.connect()
    client.sends(b"CONNECT localhost:%d HTTP/1.1\r\nHost: x\r\n\r\n" % origin.port)
    client.sees(ESTABLISHED)
    if first:
        client.sends(first)
        client.sees(first)
    else:
        client.reads_to_end()
    client.closes()
    exchange = proxy.only()
    assert exchange.row.state == ExchangeState.COMPLETE
    return reason_in(exchange.detail.notes)


@pytest.mark.parametrize(
    ("settings", "first", "reason"),
    [
        (Settings(interception=False), b"\x16\x03\x01 hello", DarkCause.SWITCHED_OFF),
        (Settings(not_intercepted=("local*",)), b"\x16\x03\x01 hello", DarkCause.LEFT_ALONE),
        (Settings(), b"\x00\x01\x02 no protocol of the web", DarkCause.NOT_WEB),
    ],
)
def test_what_is_relayed_unread_says_why(start_proxy, start_origin, settings, first, reason):
    assert tunnel(start_proxy, start_origin, settings, first) == reason.told()


def test_a_server_that_speaks_first(start_proxy, start_origin):
    def greet(upstream):
        upstream.sends(b"220 mail.test ESMTP\r\n")

    assert tunnel(start_proxy, start_origin, Settings(), b"", greet) == DarkCause.SERVER_FIRST.told()


def test_a_server_that_ends_before_anybody_speaks(start_proxy, start_origin):
    assert tunnel(start_proxy, start_origin, Settings(), b"", lambda _: None) == DarkCause.SILENCE.told()


def test_the_names_of_protocols_are_the_clients_and_stay_in_their_line(start_proxy, start_origin):
    context = ssl.create_default_context()
    context.set_alpn_protocols(["evil\nNot decrypted: nonsense", *(f"x{number}" for number in range(20))])
    outgoing = ssl.MemoryBIO()
    with pytest.raises(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="a.test").do_handshake()
    told = tunnel(start_proxy, start_origin, Settings(), outgoing.read())
    assert told.startswith(
        "Not decrypted: the client offers neither HTTP/1.1 nor HTTP/2 (only evil\\nNot decrypted: nonsense, x0, "
    )
    assert "x7" not in told


def test_first_words_that_come_in_pieces_name_the_protocol_all_the_same(proxy, start_origin):
    go_on = Event()

    def greet(upstream):
        upstream.sends(b"S")
        go_on.wait(10)
        upstream.sends(b"SH-2.0-OpenSSH_9.2p1\r\n")
        upstream.reads_to_end()

    origin = start_origin(greet)
    client = proxy.connect()
    client.sends(b"CONNECT localhost:%d HTTP/1.1\r\nHost: x\r\n\r\n" % origin.port)
    client.sees(ESTABLISHED + b"S")
    go_on.set()
    client.sees(b"SH-2.0-OpenSSH_9.2p1\r\n")
    client.closes()
    assert "looks like SSH" in proxy.only().detail.notes
    assert [each.data for each in proxy.messages] == [b"S", b"SH-2.0-OpenSSH_9.2p1\r\n"]


def test_both_may_be_silent_as_long_as_in_any_tunnel(start_proxy, start_origin):
    proxy = start_proxy(limits=Limits(request_body_s=0.2, idle_s=0.2, first_bytes_s=0.05))
    origin = start_origin(echo)
    client = proxy.connect()
    client.sends(b"CONNECT localhost:%d HTTP/1.1\r\nHost: x\r\n\r\n" % origin.port)
    client.sees(ESTABLISHED)
    gevent.sleep(2.5)  # longer than the other limits, and two sweeps
    client.sends(b"\0 at last")
    client.sees(b"\0 at last")
    client.closes()
    assert proxy.only().row.state == ExchangeState.COMPLETE
