"""A client that refuses our certificate again and again is said to pin, and let pass where the settings want it so."""

import ssl

import msgspec
import pytest

from proxy_core.model.dark_cause import DarkCause, reason_in
from proxy_core.model.tls_facts import decode_tls_facts
from tests.support.conversation import wait_for
from tests.support.test_ca import Fault
from tests.support.tls_conversation import OK, answer_all, connect_through, https_origin


@pytest.fixture
def origin(start_origin, example_ca):
    return https_origin(start_origin, example_ca.leaf("localhost"), answer_all)


def refuse(proxy, port: int) -> None:
    with pytest.raises(ssl.SSLError):
        connect_through(proxy, "localhost", port, trust=False)


def leave(proxy, port: int, alpn: tuple[str, ...] = ("http/1.1",)) -> None:
    connect_through(proxy, "localhost", port, alpn=alpn).sock.close()


def use(proxy, port: int) -> None:
    pipe = connect_through(proxy, "localhost", port)
    pipe.sends(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert pipe.reads_exactly(len(OK)) == OK


def test_the_third_refusal_looks_like_pinning(start_proxy, trusting, origin):
    proxy = start_proxy(settings=trusting)
    for number in range(1, 5):
        refuse(proxy, origin.port)
        last = proxy.finished(number)[-1]
        assert last.row.failure == "client_refused_certificate"
        assert ("pinning" in last.detail.failure_text) == (number >= 3)
    assert "localhost 4 times in a row" in last.detail.failure_text


@pytest.mark.parametrize("alpn", [("http/1.1",), ("h2",), ()])
def test_who_leaves_without_a_word_again_and_again_is_told_of(start_proxy, trusting, origin, alpn):
    proxy = start_proxy(settings=trusting)
    for number in range(1, 4):
        leave(proxy, origin.port, alpn)
        wait_for(lambda number=number: origin.connections == number)
    exchange = proxy.only()
    assert exchange.row.failure == "client_refused_certificate"
    assert "without a word" in exchange.detail.failure_text
    assert (exchange.row.host, exchange.row.port) == ("localhost", origin.port)


def test_who_says_something_has_taken_our_certificate(start_proxy, trusting, origin):
    proxy = start_proxy(settings=trusting)
    refuse(proxy, origin.port)
    refuse(proxy, origin.port)
    use(proxy, origin.port)
    refuse(proxy, origin.port)
    assert "pinning" not in proxy.finished(4)[-1].detail.failure_text


def test_where_the_settings_want_it_so_the_fourth_connection_passes(start_proxy, trusting, origin):
    proxy = start_proxy(settings=msgspec.structs.replace(trusting, after_refusals="pass"))
    for number in range(1, 4):
        refuse(proxy, origin.port)
        assert proxy.finished(number)[-1].row.failure == "client_refused_certificate"
    refuse(proxy, origin.port)  # now it is the origin's
    wait_for(lambda: len(proxy.exchanges) == 4)
    assert reason_in(proxy.exchanges[-1].detail.notes) == DarkCause.REFUSED.told()
    use_other = connect_through(proxy, "localhost", origin.port, alpn=("http/1.1", "x"))  # another client
    assert use_other.tls.getpeercert()


def test_where_the_origin_is_refused_too_its_certificate_is_kept(start_proxy, trusting, start_origin, example_ca):
    bad = https_origin(start_origin, example_ca.leaf("localhost", fault=Fault.SELF_SIGNED), answer_all)
    proxy = start_proxy(settings=msgspec.structs.replace(trusting, after_refusals="pass"))
    for number in range(1, 4):
        refuse(proxy, bad.port)
        last = proxy.finished(number)[-1]
        assert last.row.failure == "tls_certificate_error"
        assert decode_tls_facts(proxy.connections[last.detail.upstream_connection].tls).chain
    refuse(proxy, bad.port)
    wait_for(lambda: len(proxy.exchanges) == 4)
    assert reason_in(proxy.exchanges[-1].detail.notes) == DarkCause.REFUSED.told()
