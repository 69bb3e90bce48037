"""HTTP/2 on one side and HTTP/1 on the other: what each can say, the other is told in its own way."""

import gevent
import h2.errors
import h2.events
import pytest
from gevent.event import Event

from proxy_core.engine.reception import http2_serving
from proxy_core.engine.upstream.upstream_error import UpstreamError
from proxy_core.model.exchange import ExchangeState
from proxy_core.model.failure import Failure, FailureKind
from tests.support.http2_peer import Fields

GET: Fields = [(b":method", b"GET"), (b":authority", b"shop.test"), (b":scheme", b"http"), (b":path", b"/x")]
POST: Fields = [(b":method", b"POST"), *GET[1:]]


class TestFromHttp2ToHttp1:
    def test_a_request_is_one_of_http1(self, house):
        client = house.http2_client()
        crumbs: Fields = [(b"cookie", b"a=1"), (b"x", b"1"), (b"cookie", b"b=2"), (b"te", b"trailers")]
        stream = client.requests([*GET, *crumbs])
        upstream = house.upstream()
        assert upstream.reads_head() == b"GET /x HTTP/1.1\r\nHost: shop.test\r\ncookie: a=1; b=2\r\nx: 1\r\n\r\n"
        upstream.sends(
            b"HTTP/1.1 200 OK\r\nX-Case: Kept\r\nConnection: x-hop\r\nX-Hop: 1\r\nContent-Length: 2\r\n\r\nhi"
        )
        answer = client.answer(stream)
        assert answer.fields == [(b":status", b"200"), (b"x-case", b"Kept"), (b"content-length", b"2")]
        assert answer.body == b"hi"
        ((row, detail),) = house.recorded()
        assert (row.state, row.host, row.path) == (ExchangeState.COMPLETE, "shop.test", "/x")
        assert (detail.request.version, detail.response.version) == ("HTTP/2", "HTTP/1.1")

    def test_bodies_and_trailers_get_the_other_s_frame(self, house):
        client = house.http2_client()
        stream = client.requests(POST, b"hello", trailers=[(b"t", b"1")])
        upstream = house.upstream()
        assert b"Transfer-Encoding: chunked\r\n" in upstream.reads_head()
        sent = b"5\r\nhello\r\n0\r\nt: 1\r\n\r\n"
        assert upstream.reads(len(sent)) == sent
        upstream.sends(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nChecksum: 7\r\n\r\n")
        answer = client.answer(stream)
        assert (answer.body, answer.trailers) == (b"hi", [(b"checksum", b"7")])
        assert not any(name == b"transfer-encoding" for name, _ in answer.fields)

    def test_a_length_stays_one(self, house):
        client = house.http2_client()
        client.requests([*POST, (b"content-length", b"5")], b"hello")
        head = house.upstream().reads_head()
        assert b"content-length: 5\r\n" in head.lower()
        assert b"chunked" not in head

    @pytest.mark.parametrize(("method", "status"), [(b"HEAD", 200), (b"GET", 204), (b"GET", 304)])
    def test_what_has_no_body_ends_with_its_head(self, house, method, status):
        client = house.http2_client()
        stream = client.requests([(b":method", method), *GET[1:]])
        house.upstream().reads_head()
        length = b"" if status == 204 else b"Content-Length: 7\r\n"
        house.upstream().sends(b"HTTP/1.1 %d X\r\n%b\r\n" % (status, length))
        answer = client.answer(stream)
        assert (answer.status, answer.body) == (status, b"")
        assert (b"content-length" in dict(answer.fields)) == bool(length)

    def test_interim_responses_and_an_end_by_closing(self, house):
        client = house.http2_client()
        stream = client.requests(GET)
        upstream = house.upstream()
        upstream.reads_head()
        upstream.sends(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\n\r\nuntil the end")
        upstream.link.close()
        answer = client.answer(stream)
        assert answer.interim == [[(b":status", b"103"), (b"link", b"</x>")]]
        assert answer.body == b"until the end"

    def test_side_by_side_they_have_a_connection_each_and_the_next_reuses_one(self, house):
        client = house.http2_client()
        streams = [client.requests(GET) for _ in range(3)]
        upstreams = [house.upstream(number) for number in range(3)]
        for upstream in reversed(upstreams):
            upstream.reads_head()
            upstream.sends(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
        assert [client.answer(stream).body for stream in streams] == [b"hi"] * 3
        stream = client.requests(GET)
        upstreams[0].reads_head()
        upstreams[0].sends(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nend")
        assert client.answer(stream).body == b"end"
        assert len(house.connections) == 3

    def test_a_response_that_is_cut_short_resets_the_stream_alone(self, house):
        client = house.http2_client()
        stream = client.requests(GET)
        house.upstream().reads_head()
        house.upstream().sends(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
        client.until(h2.events.DataReceived, stream)
        house.upstream().link.close()
        assert client.until(h2.events.StreamReset, stream).error_code == 2
        stream = client.requests(GET)
        house.upstream(1).reads_head()
        house.upstream(1).sends(b"HTTP/1.1 204 No Content\r\n\r\n")
        assert client.answer(stream).status == 204

    @pytest.mark.parametrize(
        "bad",
        [
            [(b"x", b"a\r\nb: c")],
            [(b"x", b"a\0b")],
            [(b"transfer-encoding", b"chunked")],
            [(b"connection", b"close")],
            [(b"content-length", b"+5")],
            [(b"content-length", b"5"), (b"content-length", b"6")],
            [(b"x y", b"1")],
            [(b"X", b"1")],
            [(b"host", b"other.test")],
        ],
    )
    def test_what_could_be_two_things_in_http1_goes_nowhere(self, house, bad):
        client = house.http2_client()
        client.h2.config.validate_outbound_headers = client.h2.config.normalize_outbound_headers = False
        stream = client.requests([*GET, *bad])
        assert client.until(h2.events.StreamReset, stream).error_code == 1
        assert not house.connections
        ((row, detail),) = house.recorded()
        assert row.failure == "http_request_error"
        assert detail.request.head.startswith(b"GET /x HTTP/2\r\n")

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            (b":path", b"/x y"),
            (b":path", b"http://shop.test/"),
            (b":path", b""),
            (b":path", b"/\r\nX: y"),
            (b":authority", b"me@shop.test"),
            (b":authority", b"shop.test/x"),
            (b":method", b"GE T"),
            (b":method", b""),
            (b":scheme", b"ftp"),
        ],
    )
    def test_nor_does_a_pseudo_field_that_lies(self, house, name, value):
        client = house.http2_client()
        client.h2.config.validate_outbound_headers = False
        stream = client.requests([(key, value if key == name else old) for key, old in GET])
        assert client.until(h2.events.StreamReset, stream).error_code == 1
        assert not house.connections


class TestFromHttp1ToHttp2:
    def test_a_request_is_one_of_http2(self, house):
        house.use_http2_upstreams()
        client = house.http1_client()
        client.sends(
            b"GET http://shop.test/x?y HTTP/1.1\r\nHost: shop.test\r\nProxy-Connection: keep-alive\r\nX-Odd:  Kept \r\n"
            b"Connection: x-hop\r\nX-Hop: 1\r\nProxy-Authorization: Basic x\r\nCookie: a=1; b=2\r\n\r\n"
        )
        upstream = house.http2_upstream()
        request = upstream.until(h2.events.RequestReceived)
        assert request.headers == [
            (b":method", b"GET"),
            (b":scheme", b"http"),
            (b":authority", b"shop.test"),
            (b":path", b"/x?y"),
            (b"x-odd", b"Kept"),
            (b"cookie", b"a=1; b=2"),
        ]
        upstream.responds(request.stream_id, [(b":status", b"200"), (b"content-length", b"2")], b"hi")
        client.sees(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
        client.sends(b"GET http://shop.test/z HTTP/1.1\r\nHost: shop.test\r\n\r\n")
        upstream.responds(upstream.until(h2.events.RequestReceived).stream_id, [(b":status", b"204")])
        client.sees(b"HTTP/1.1 204 No Content\r\n\r\n")
        assert len(house.connections) == 1

    def test_a_body_without_length_goes_in_chunks_with_its_trailers(self, house):
        house.use_http2_upstreams()
        client = house.http1_client()
        client.sends(b"POST http://shop.test/ HTTP/1.1\r\nHost: shop.test\r\nTransfer-Encoding: chunked\r\n\r\n")
        client.sends(b"5\r\nhello\r\n0\r\nT: 1\r\n\r\n")
        upstream = house.http2_upstream()
        stream = upstream.until(h2.events.RequestReceived).stream_id
        assert upstream.until(h2.events.DataReceived).data == b"hello"
        assert upstream.until(h2.events.TrailersReceived).headers == [(b"t", b"1")]
        upstream.responds(stream, [(b":status", b"200")], b"hi", trailers=[(b"sum", b"7")])
        client.sees(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nsum: 7\r\n\r\n")

    def test_a_reset_is_a_502_or_a_cut(self, house):
        house.use_http2_upstreams()
        client = house.http1_client()
        client.sends(b"POST http://shop.test/ HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 0\r\n\r\n")
        upstream = house.http2_upstream()
        upstream.resets(upstream.until(h2.events.RequestReceived).stream_id, 2)
        assert client.reads_head().startswith(b"HTTP/1.1 502 ")
        ((row, detail),) = house.recorded()
        assert row.failure == "connection_terminated"
        assert "INTERNAL_ERROR" in detail.failure_text

    def test_an_upgrade_is_not_asked_for(self, house):
        """HTTP/2 has none; the client goes on in HTTP/1.1."""
        house.use_http2_upstreams()
        client = house.http1_client()
        client.sends(
            b"GET http://shop.test/ HTTP/1.1\r\nHost: shop.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
        )
        upstream = house.http2_upstream()
        request = upstream.until(h2.events.RequestReceived)
        assert {name for name, _ in request.headers} == {b":method", b":scheme", b":authority", b":path"}
        upstream.responds(request.stream_id, [(b":status", b"200"), (b"content-length", b"0")])
        client.sees(b"HTTP/1.1 200 OK\r\n")


class TestFromHttp2ToHttp2:
    def test_one_connection_carries_them_all(self, house):
        house.use_http2_upstreams()
        client = house.http2_client()
        streams = [client.requests(GET) for _ in range(20)]
        upstream = house.http2_upstream()
        requests = [upstream.until(h2.events.RequestReceived).stream_id for _ in streams]
        for stream in reversed(requests):
            upstream.responds(stream, [(b":status", b"200")], b"%d" % stream)
        assert sorted(int(client.answer(stream).body) for stream in streams) == requests
        assert len(house.connections) == 1

    def test_what_waits_for_an_upstream_that_can_not_be_had_fails_together(self, house, monkeypatch):
        tries = []

        def refuse(*to: object, is_tunnel: bool, came_by: bytes) -> None:
            tries.append(to)
            gevent.idle()  # until all of them wait
            raise UpstreamError(Failure(FailureKind.CONNECTION_REFUSED, "It refused."))

        monkeypatch.setattr(house.services.opener, "connect", refuse)
        client = house.http2_client()
        streams = [client.requests(GET) for _ in range(20)]
        assert {client.answer(stream).status for stream in streams} == {502}
        assert len(tries) == 1


@pytest.mark.replaces_inside
def test_relays_that_outlive_their_streams_are_bounded(house, monkeypatch):
    monkeypatch.setattr(http2_serving, "_RELAYS", 3)
    goes_on = Event()

    def connect(*_arguments: object, **_options: object) -> None:
        goes_on.wait()
        raise UpstreamError(Failure(FailureKind.DNS_ERROR, "There is no such host."))

    monkeypatch.setattr(house.services.opener, "connect", connect)
    client = house.http2_client()
    for _ in range(3):
        client.resets(client.requests(GET), h2.errors.ErrorCodes.CANCEL)
    stream = client.requests(GET)
    assert client.until(h2.events.StreamReset, stream).error_code == h2.errors.ErrorCodes.REFUSED_STREAM
    goes_on.set()
    house.finishes()
    assert [row.failure for row, _ in house.recorded()].count("http_request_denied") == 1
    assert client.answer(client.requests(GET)).status == 502  # there is room again
