"""The relay between any two sides: HTTP/1 and another protocol in all four pairs, over links in memory."""

import json

import pytest

from proxy_core.model.exchange import ExchangeState
from tests.support.fake_protocol import line

GET = b"GET http://shop.test:81/cart?a=1 HTTP/1.1\r\nHost: shop.test:81\r\nX-Odd:  two  blanks \r\n\r\n"
POST = b"POST http://shop.test:81/ HTTP/1.1\r\nHost: shop.test:81\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = b"POST http://shop.test:81/ HTTP/1.1\r\nHost: shop.test:81\r\nTransfer-Encoding: chunked\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"


def fake_get(length: int = 0) -> bytes:
    return line(head=["POST" if length else "GET", "shop.test", 81, "/cart", [["x-a", "b"]], length])


class TestHttp1ToHttp1:
    def test_bytes_pass_as_they_came(self, house):
        client = house.http1_client()
        client.sends(GET)
        upstream = house.upstream()
        sent = GET.replace(b"http://shop.test:81/", b"/")
        upstream.sees(sent)
        upstream.sends(OK)
        client.sees(OK)
        assert house.connections[0][0] == ("http", "shop.test", 81)
        ((row, detail),) = house.recorded()
        assert (row.state, row.status, row.path) == (ExchangeState.COMPLETE, 200, "/cart?a=1")
        assert detail.request.head == GET

    def test_one_connection_carries_exchange_after_exchange(self, house):
        client = house.http1_client()
        for _ in range(3):
            client.sends(POST)
            house.upstream().reads_head()
            house.upstream().sees(b"hello")
            house.upstream().sends(OK)
            client.sees(OK)
        assert len(house.connections) == 1
        assert len(house.recorded()) == 3

    def test_chunks_keep_their_cuts(self, house):
        client = house.http1_client()
        client.sends(CHUNKED + b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nX-Sum: 1\r\n\r\n")
        upstream = house.upstream()
        upstream.reads_head()
        upstream.sees(b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nX-Sum: 1\r\n\r\n")
        upstream.sends(OK)
        client.sees(OK)
        ((_, detail),) = house.recorded()
        assert house.body(detail.request.body) == b"abcde"
        assert detail.request.trailers == b"X-Sum: 1\r\n"

    def test_a_client_that_is_reset_takes_its_upstream_along(self, house):
        client = house.http1_client()
        client.sends(GET)
        house.upstream().reads_head()
        client.link.abort()
        assert house.upstream().reads_to_end() == b"<reset>"
        house.finishes()
        assert house.recorded()[0][0].failure == "client_closed"


class TestAnotherProtocol:
    def test_from_it_to_http1(self, house):
        client = house.fake_client()
        client.sends(fake_get())
        upstream = house.upstream()
        assert upstream.reads_head() == b"GET /cart HTTP/1.1\r\nHost: shop.test:81\r\nx-a: b\r\n\r\n"
        upstream.sends(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n")
        head = json.loads(client.link.receive().split(b"\n")[0])
        assert head["head"][0] == 200
        ((row, _),) = house.recorded()
        assert (row.state, row.status, row.response_bytes) == (ExchangeState.COMPLETE, 200, 2)

    def test_a_body_without_length_goes_to_http1_in_chunks(self, house):
        client = house.fake_client()
        client.sends(fake_get(-1) + line(data="abc"))
        upstream = house.upstream()
        assert b"Transfer-Encoding: chunked\r\n" in upstream.reads_head()
        upstream.sees(b"3\r\nabc\r\n")
        client.sends(line(data="de") + line(end="x-sum: 1\r\n"))
        upstream.sees(b"2\r\nde\r\n0\r\nx-sum: 1\r\n\r\n")
        upstream.sends(OK)
        client.sees(line(head=[200, [["Content-Length", "2"]]], last=False) + line(data="hi") + line(end=""))

    def test_from_http1_to_it(self, house):
        house.use_fake_upstreams()
        client = house.http1_client()
        client.sends(POST)
        upstream = house.upstream()
        upstream.sees(
            line(head=["POST", "/", [["Host", "shop.test:81"], ["Content-Length", "5"]], 5])
            + line(data="hello")
            + line(end="")
        )
        upstream.sends(line(head=[200, [["content-type", "text/plain"]]]) + line(data="hi") + line(end=""))
        assert client.reads_head() == (
            b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        client.sees(b"2\r\nhi\r\n0\r\n\r\n")
        ((row, detail),) = house.recorded()
        assert row.media_type == "text/plain"
        assert detail.response.head.startswith(b"FAKE/1 200")
        assert (detail.request.version, detail.response.version) == ("HTTP/1.1", "FAKE/1")

    def test_an_http10_client_gets_no_chunks_of_it(self, house):
        house.use_fake_upstreams()
        client = house.http1_client()
        client.sends(b"GET http://shop.test:81/ HTTP/1.0\r\n\r\n")
        house.upstream().sends(line(head=[200, []]) + line(data="hi") + line(end=""))
        assert client.reads_to_end() == b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhi"

    def test_from_it_to_it(self, house):
        house.use_fake_upstreams()
        client = house.fake_client()
        client.sends(fake_get())
        house.upstream().sends(line(head=[204, []]) + line(end=""))
        client.sees(line(head=[204, []], last=False) + line(end=""))

    @pytest.mark.parametrize("value", ["a\r\nX-Evil: b", "a\nb", "a\r\n\r\nGET /second HTTP/1.1"])
    def test_what_is_no_head_in_http1_does_not_reach_it(self, house, value):
        client = house.fake_client()
        client.sends(line(head=["GET", "shop.test", 81, f"/{value}", [], 0]))
        reply = json.loads(client.link.receive().split(b"\n")[0])
        assert reply["head"][0] == 502
        assert house.upstream().reads_to_end() in (b"", b"<reset>")


def test_an_upstream_says_how_much_more_it_carries(house):
    house.use_fake_upstreams()
    client = house.http1_client()
    for _ in range(2):
        client.sends(GET)
        house.upstream().sends(line(head=[204, []]) + line(end=""))
        client.reads_head()
    assert len(house.connections) == 1
