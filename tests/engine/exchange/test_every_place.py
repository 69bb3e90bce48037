"""Whoever leaves, at whatever byte: the exchange is told, nothing looks whole that isn't, and nothing is left behind."""

import contextlib

import pytest
from gevent.event import Event

from proxy_core.model.exchange import ExchangeFlag, ExchangeState
from tests.support.conversation import open_descriptors, wait_for

BODY = bytes(range(48, 112))  # no byte comes twice
COUNTED = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%b" % (len(BODY), BODY)
CHUNKED = (
    b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"20;a=b\r\n%b\r\n20\r\n%b\r\n0\r\nSum: 7\r\n\r\n" % (BODY[:32], BODY[32:])
)
RESPONSES = pytest.mark.parametrize("response", [COUNTED, CHUNKED], ids=["counted", "chunked"])


def get(origin, *lines: bytes) -> bytes:
    authority = b"127.0.0.1:%d" % origin.port
    return b"\r\n".join((b"GET http://%b/ HTTP/1.1" % authority, b"Host: " + authority, *lines, b"", b""))


@pytest.mark.parametrize("how", ["ends", "resets"])
@RESPONSES
def test_an_origin_that_leaves(proxy, start_origin, response, how):
    places: list[int] = []

    def script(upstream):
        with contextlib.suppress(ConnectionError):
            upstream.reads_head()
            upstream.sends(response[: places[-1]])
            if how == "resets":
                upstream.resets()

    origin = start_origin(script)
    before = open_descriptors()
    for place in range(len(response)):
        places.append(place)
        client = proxy.connect()
        client.sends(get(origin, b"Connection: close"))
        answer = client.reads_to_end()
        client.closes()
        if b"HTTP/1.1 502 " in answer:
            head, _, body = answer.rpartition(b"\r\n\r\n")
            assert b"\r\nContent-Length: %d\r\n" % len(body) in head
        else:
            assert b"HTTP/1.1 200 OK\r\n" in answer
            assert not answer.endswith(response[-10:]), "it looks whole"
    exchanges = proxy.finished(len(response))
    assert {each.row.state for each in exchanges} == {ExchangeState.FAILED}
    assert all(each.detail.failure_text for each in exchanges)
    assert origin.connections == len(response)  # none was used again, and nothing was asked twice
    wait_for(lambda: open_descriptors() <= before)


@pytest.mark.parametrize("how", ["ends", "resets"])
@RESPONSES
def test_a_client_that_leaves(proxy, start_origin, response, how):
    """After a reset nobody goes on; an end may be half of one, and the response still be wanted (RFC 9112 §9.6)."""
    turns: list[tuple[int, Event, Event]] = []

    def script(upstream):
        place, has_asked, has_left = turns[-1]
        upstream.reads_head()
        upstream.sends(response[:place])
        has_asked.set()
        if how == "resets":
            upstream.reads_to_end()
        else:
            has_left.wait(10)
            upstream.sends(response[place:])

    origin = start_origin(script)
    before = open_descriptors()
    for place in range(len(response)):
        turns.append((place, Event(), Event()))
        client = proxy.connect()
        client.sends(get(origin, b"Connection: close"))
        assert turns[-1][1].wait(10)
        if how == "resets":
            client.resets()
        else:
            client.closes()
        turns[-1][2].set()
    exchanges = proxy.finished(len(response))
    for each in exchanges:
        is_whole = each.response_body == BODY
        if how == "resets" or each.row.state == ExchangeState.FAILED:
            assert (each.row.state, each.row.failure) == (ExchangeState.FAILED, "client_closed")
            assert is_whole or not each.detail.response.head or each.row.flags & ExchangeFlag.RESPONSE_INCOMPLETE
        else:
            assert (each.row.state, is_whole) == (ExchangeState.COMPLETE, True)
    wait_for(lambda: open_descriptors() <= before)


def test_a_client_that_leaves_while_it_asks(proxy, start_origin):

    def script(upstream):
        with contextlib.suppress(ConnectionError):
            upstream.reads_head()
            upstream.reads_to_end()

    origin = start_origin(script)
    request = (
        get(origin, b"Transfer-Encoding: chunked").replace(b"GET", b"POST", 1) + b"5\r\nhello\r\n0\r\nA: b\r\n\r\n"
    )
    before = open_descriptors()
    for place in range(1, len(request)):
        client = proxy.connect()
        client.sends(request[:place])
        client.closes()
    exchanges = proxy.finished(len(request) - 1)
    assert {(each.row.state, each.row.failure) for each in exchanges} == {(ExchangeState.FAILED, "client_closed")}
    assert {each.request_body for each in exchanges} == {b"hello"[:size] for size in range(6)}
    assert all(each.detail.request.head for each in exchanges)
    wait_for(lambda: open_descriptors() <= before)
