"""Decisions about exchanges that are HTTP/2 on one side or on both: the same points, in each side's own frame."""

import gevent
import h2.events
import h2.settings
import pytest
from gevent.event import Event

from proxy_core.engine.exchange.point import Abort, Answer, Decision, Pass, Replace
from proxy_core.model.exchange import ExchangeFlag, ExchangeState
from proxy_core.model.message import Message
from tests.support.http2_peer import Fields, Http2Peer
from tests.support.points import HOLDS, NAMES, Pause, Script, answer, with_field

PAIRS = [("h2", "h2"), ("h2", "http/1.1"), ("http/1.1", "h2")]
GET: Fields = [(b":method", b"GET"), (b":authority", b"shop.test"), (b":scheme", b"http"), (b":path", b"/cart")]


class Ends:
    """A client and an origin, each in its protocol, that say the same whatever that is."""

    def __init__(self, house, client: str, upstream: str) -> None:
        self.house = house
        self._is_client_h2, self._is_upstream_h2 = client == "h2", upstream == "h2"
        if self._is_upstream_h2:
            house.use_http2_upstreams()
        self.client = house.http2_client() if self._is_client_h2 else house.http1_client()
        self._upstream = None
        self.stream = 0

    def requests(self, method: bytes, fields: Fields, body: bytes | None = b"") -> None:
        """Begin an exchange; with no body at all where it is None."""
        if self._is_client_h2:
            pseudo = [(b":method", method), *GET[1:]]
            self.stream = self.client.requests([*pseudo, *fields], body or None)
            return
        length = b"" if body is None else b"Content-Length: %d\r\n" % len(body)
        lines = b"".join(b"%b: %b\r\n" % field for field in fields)
        head = b"%b http://shop.test/cart HTTP/1.1\r\nHost: shop.test\r\n%b%b\r\n" % (method, lines, length)
        self.client.sends(head + (body or b""))

    def received(self) -> tuple[dict[bytes, bytes], bytes]:
        """What the origin got: fields, with HTTP/2's names for what HTTP/1 says in its first line; and the body."""
        if not self._is_upstream_h2:
            upstream = self.house.upstream()
            first, *lines = upstream.reads_head().removesuffix(b"\r\n\r\n").split(b"\r\n")
            method, path, _ = first.split(b" ")
            fields = {b":method": method, b":path": path}
            for line in lines:
                name, _, value = line.partition(b": ")
                fields[name.lower()] = value
            fields[b":authority"] = fields.pop(b"host")
            if fields.pop(b"transfer-encoding", b""):
                body = b""
                while size := int(upstream.reads(1), 16):
                    assert upstream.reads(2) == b"\r\n"
                    body += upstream.reads(size)
                    assert upstream.reads(2) == b"\r\n"
                assert upstream.reads(4) == b"\r\n\r\n"
                return fields, body
            return fields, upstream.reads(int(fields.get(b"content-length", b"0")))
        self._upstream = self._upstream or self.house.http2_upstream()
        request = self._upstream.until(h2.events.RequestReceived)
        self._upstream_stream = request.stream_id
        self._upstream.until(h2.events.StreamEnded, request.stream_id)
        data = [each for each in self._upstream.events if isinstance(each, h2.events.DataReceived)]
        for each in data:
            self._upstream.events.remove(each)
        return dict(request.headers), b"".join(each.data for each in data)

    def responds(self, status: int, fields: Fields, body: bytes) -> None:
        if self._is_upstream_h2:
            self._upstream.responds(self._upstream_stream, [(b":status", b"%d" % status), *fields], body)
            return
        lines = b"".join(b"%b: %b\r\n" % field for field in fields)
        head = b"HTTP/1.1 %d Fine\r\n%bContent-Length: %d\r\n\r\n" % (status, lines, len(body))
        self.house.upstream().sends(head + body)

    def answered(self, *, is_head: bool = False) -> tuple[int, dict[bytes, bytes], bytes]:
        """What the client got."""
        if self._is_client_h2:
            got = self.client.answer(self.stream)
            return got.status, dict(got.fields), got.body
        first, *lines = self.client.reads_head().removesuffix(b"\r\n\r\n").split(b"\r\n")
        fields = {line.partition(b": ")[0].lower(): line.partition(b": ")[2] for line in lines}
        if not is_head and fields.pop(b"transfer-encoding", b""):
            size = int(self.client.reads(3), 16)
            body = self.client.reads(size)
            self.client.sees(b"\r\n0\r\n\r\n")
        else:
            body = b"" if is_head else self.client.reads(int(fields[b"content-length"]))
        return int(first.split(b" ")[1]), fields, body

    def sees_abort(self) -> None:
        if self._is_client_h2:
            assert self.client.until(h2.events.StreamReset, self.stream).error_code == 2
        else:
            assert self.client.reads_to_end() == b"<reset>"


@pytest.fixture(params=PAIRS, ids="-".join)
def ends(request, house):
    return Ends(house, *request.param)


def one_exchange(ends: Ends) -> None:
    ends.requests(b"POST", [(b"x-a", b"b")], b"hello")
    ends.received()
    ends.responds(200, [(b"x-c", b"d")], b"hi")


class TestAtAllFourPoints:
    @pytest.mark.parametrize("decisions", [{}, HOLDS])
    def test_what_passes_is_not_changed(self, house, ends, decisions):
        house.decide(script := Script(**decisions))
        ends.requests(b"POST", [(b"x-a", b"b")], b"hello")
        fields, body = ends.received()
        assert (fields[b":method"], fields[b":authority"], fields[b":path"]) == (b"POST", b"shop.test", b"/cart")
        assert (fields[b"x-a"], body) == (b"b", b"hello")
        ends.responds(200, [(b"x-c", b"d")], b"hi")
        status, fields, body = ends.answered()
        assert (status, fields[b"x-c"], body) == (200, b"d", b"hi")
        assert [name for name, _ in script.seen] == (NAMES if decisions else NAMES[::2])
        request, response = script.seen[0][1], script.seen[-1][1]
        assert request[:6] == (b"POST", "http", "shop.test", 80, b"/cart", 0)
        assert request.value(b"host") == b"shop.test"
        assert (response.method, response.status, response.value(b"x-c")) == (b"POST", 200, b"d")
        house.finishes()
        ((row, detail),) = house.recorded()
        assert row.state == ExchangeState.COMPLETE
        assert detail.request.forwarded_head is detail.response.forwarded_head is None

    @pytest.mark.parametrize("hold", [False, True])
    def test_both_messages_are_replaced(self, house, ends, hold):
        def of_request(message: Message) -> Decision:
            return Replace(with_field(message, b"X-One", b"1")._replace(target=b"/new", body=b"other"))

        def of_response(message: Message) -> Decision:
            return Replace(with_field(message, b"X-Two", b"2")._replace(status=203, body=b"longer"))

        places = NAMES[1::2] if hold else NAMES[::2]
        house.decide(Script(**{**(HOLDS if hold else {}), places[0]: of_request, places[1]: of_response}))
        ends.requests(b"POST", [(b"x-a", b"b")], b"hello")
        fields, body = ends.received()
        assert (fields[b":path"], fields[b"x-a"], fields[b"x-one"], body) == (b"/new", b"b", b"1", b"other")
        assert fields[b"content-length"] == b"5"
        ends.responds(200, [(b"x-c", b"d")], b"hi")
        status, fields, body = ends.answered()
        assert (status, fields[b"x-c"], fields[b"x-two"], body) == (203, b"d", b"2", b"longer")
        assert fields[b"content-length"] == b"6"
        house.finishes()
        ((row, detail),) = house.recorded()
        assert (row.state, row.status) == (ExchangeState.COMPLETE, 200)
        assert house.body(detail.request.body) == b"hello"
        assert house.body(detail.request.forwarded_body) == b"other"
        assert house.body(detail.response.body) == b"hi"
        assert house.body(detail.response.forwarded_body) == b"longer"

    @pytest.mark.parametrize("name", NAMES)
    def test_it_is_answered(self, house, ends, name):
        house.decide(Script(**{**HOLDS, name: answer}))
        ends.requests(b"POST", [(b"x-a", b"b")], b"hello")
        if "response" in name:
            ends.received()
            ends.responds(200, [], b"hi")
        status, fields, body = ends.answered()
        assert (status, fields[b"x-made"], body) == (418, b"here", b"short and stout")
        house.finishes()
        ((row, detail),) = house.recorded()
        assert row.state == ExchangeState.COMPLETE
        assert bool(row.flags & ExchangeFlag.OWN_RESPONSE) == ("request" in name)
        sent = detail.response.forwarded_head if "response" in name else detail.response.head
        assert sent.startswith(b"HTTP/2 418" if ends.stream else b"HTTP/1.1 418 ")

    @pytest.mark.parametrize("name", NAMES)
    def test_it_is_aborted(self, house, ends, name):
        house.decide(Script(**{**HOLDS, name: Abort("Enough.")}))
        ends.requests(b"POST", [(b"x-a", b"b")], b"hello")
        if "response" in name:
            ends.received()
            ends.responds(200, [], b"hi")
        ends.sees_abort()
        assert house.recorded()[0][0].failure == "aborted"

    @pytest.mark.parametrize("name", NAMES)
    def test_what_can_not_be_sent_is_answered_with_the_reason(self, house, ends, name):
        house.decide(Script(**{**HOLDS, name: lambda m: Answer(with_field(m, b"X", b"a\r\nb"))}))
        ends.requests(b"POST", [(b"x-a", b"b")], b"hello")
        if "response" in name:
            ends.received()
            ends.responds(200, [], b"hi")
        assert ends.answered()[0] == 502


class TestFraming:
    def test_a_request_without_a_body_is_held_and_gets_one(self, house, ends):
        house.decide(script := Script(**HOLDS, at_request_body=lambda m: Replace(m._replace(body=b"new"))))
        ends.requests(b"GET", [], None)
        fields, body = ends.received()
        assert (fields[b"content-length"], body) == (b"3", b"new")
        ends.responds(200, [], b"hi")
        assert ends.answered()[2] == b"hi"
        assert dict(script.seen)["at_request_body"].body == b""

    def test_a_head_made_a_get(self, house, ends):
        house.decide(Script(at_request_head=lambda m: Replace(m._replace(method=b"GET"))))
        ends.requests(b"HEAD", [], None)
        assert ends.received()[0][b":method"] == b"GET"
        ends.responds(200, [], b"hi")
        assert ends.answered(is_head=True)[2] == b""

    def test_a_get_made_a_head(self, house, ends):
        house.decide(Script(at_request_head=lambda m: Replace(m._replace(method=b"HEAD"))))
        ends.requests(b"GET", [], None)
        assert ends.received()[0][b":method"] == b"HEAD"
        ends.responds(200, [(b"content-length", b"7")] if ends._is_upstream_h2 else [], b"")
        status, fields, body = ends.answered()
        assert (status, fields.get(b"content-length"), body) == (200, b"0", b"")

    @pytest.mark.parametrize(("came", "status"), [(304, 200), (200, 204)])
    def test_a_status_that_has_another_body(self, house, ends, came, status):
        house.decide(Script(at_response_head=lambda m: Replace(m._replace(status=status))))
        ends.requests(b"GET", [], None)
        ends.received()
        ends.responds(came, [], b"hi" if came == 200 else b"")
        got, fields, body = ends.answered(is_head=True)
        assert (got, body) == (status, b"")
        assert fields.get(b"content-length") == (b"0" if status == 200 else None)

    def test_trailers_stay_where_the_body_does(self, house):
        house.use_http2_upstreams()
        house.decide(Script(**HOLDS, at_response_body=lambda m: Replace(with_field(m, b"X-New", b"1"))))
        client = house.http2_client()
        stream = client.requests([*GET, (b"te", b"trailers")])
        upstream = house.http2_upstream()
        request = upstream.until(h2.events.RequestReceived)
        assert (b"te", b"trailers") in request.headers
        trailers: Fields = [(b"grpc-status", b"0")]
        upstream.responds(request.stream_id, [(b":status", b"200")], b"hi", trailers=trailers)
        got = client.answer(stream)
        assert (dict(got.fields)[b"x-new"], got.body, got.trailers) == (b"1", b"hi", trailers)


class TestWebSockets:
    """Asked for by an extended CONNECT (RFC 8441)."""

    ASKED: Fields = [(b":method", b"CONNECT"), (b":protocol", b"websocket"), *GET[1:], (b"origin", b"http://shop.test")]

    @pytest.fixture
    def opened(self, house):
        """The two ends, and the number of the client's stream that asks."""
        extended = {h2.settings.SettingCodes.ENABLE_CONNECT_PROTOCOL: 1}
        house.use_http2_upstreams()
        client = house.http2_client()
        plain = client.requests(GET)
        link = house.upstream().link
        upstream = Http2Peer(link.send, link.receive, is_client=False, settings=extended)
        upstream.responds(upstream.until(h2.events.RequestReceived).stream_id, [(b":status", b"204")])
        client.answer(plain)
        with gevent.Timeout(10):
            while not client.h2.remote_settings.enable_connect_protocol:
                client.until(h2.events.RemoteSettingsChanged)

        def ask() -> int:
            return client.requests(self.ASKED, is_end=False)

        return client, upstream, ask

    @pytest.mark.parametrize("hold", [False, True])
    def test_one_is_changed_and_goes_on(self, house, opened, hold):
        client, upstream, ask = opened
        change = {"at_request_head": lambda m: Replace(with_field(m, b"X-New", b"1")._replace(target=b"/new"), hold)}
        house.decide(script := Script(**change))
        stream = ask()
        request = upstream.until(h2.events.RequestReceived)
        fields = dict(request.headers)
        assert (fields[b":method"], fields[b":protocol"], fields[b":path"]) == (b"CONNECT", b"websocket", b"/new")
        assert (fields[b":authority"], fields[b"x-new"]) == (b"shop.test", b"1")
        assert fields[b"origin"] == b"http://shop.test"
        upstream.responds(request.stream_id, [(b":status", b"200")], is_end=False)
        client.until(h2.events.ResponseReceived, stream)
        client.sends_data(stream, b"hello")
        assert upstream.until(h2.events.DataReceived).data == b"hello"
        assert script.seen[0][1].method == b"CONNECT"

    @pytest.mark.parametrize("name", NAMES[:2])
    def test_one_is_answered(self, house, opened, name):
        client, _, ask = opened
        house.decide(Script(**{**HOLDS, name: answer}))
        stream = ask()
        assert client.until(h2.events.ResponseReceived, stream).headers[0] == (b":status", b"418")
        assert client.until(h2.events.DataReceived, stream).data == b"short and stout"

    def test_one_is_aborted(self, house, opened):
        client, _, ask = opened
        house.decide(Script(at_request_head=Abort("Enough.")))
        assert client.until(h2.events.StreamReset, ask()).error_code == 2

    def test_a_refusal_is_a_response_like_any_other(self, house, opened):
        client, upstream, ask = opened
        house.decide(Script(at_response_head=lambda m: Replace(with_field(m, b"X-New", b"1")._replace(body=b"no"))))
        stream = ask()
        request = upstream.until(h2.events.RequestReceived)
        upstream.responds(request.stream_id, [(b":status", b"403")], b"never")
        fields = dict(client.until(h2.events.ResponseReceived, stream).headers)
        assert (fields[b":status"], fields[b"x-new"]) == (b"403", b"1")
        assert client.until(h2.events.DataReceived, stream).data == b"no"

    @pytest.mark.parametrize("change", [{"body": b"x"}, {"method": b"GET"}])
    def test_it_can_be_made_nothing_else(self, house, opened, change):
        client, _, ask = opened
        house.decide(Script(at_request_head=lambda m: Replace(m._replace(**change))))
        assert client.until(h2.events.ResponseReceived, ask()).headers[0] == (b":status", b"502")


class TestWhatHttp2Alone:
    def test_a_changed_request_keeps_what_it_says_of_trailers(self, house):
        house.use_http2_upstreams()
        house.decide(Script(at_request_head=lambda m: Replace(with_field(m, b"X-New", b"1"))))
        client = house.http2_client()
        client.requests([*GET, (b"te", b"trailers")])
        request = house.http2_upstream().until(h2.events.RequestReceived)
        assert (b"te", b"trailers") in request.headers

    def test_cookies_go_to_http1_in_one_piece(self, house):
        house.decide(Script(at_request_head=lambda m: Replace(with_field(m, b"X-New", b"1"))))
        house.http2_client().requests([*GET, (b"cookie", b"a=1"), (b"x", b"y"), (b"cookie", b"b=2")])
        head = house.upstream().reads_head()
        assert head == b"GET /cart HTTP/1.1\r\nHost: shop.test\r\ncookie: a=1; b=2\r\nx: y\r\nX-New: 1\r\n\r\n"

    def test_a_changed_head_is_recorded_as_it_was_sent(self, house):
        house.use_http2_upstreams()
        changed = {name: lambda m: Replace(with_field(m, b"X-New", b"1")) for name in NAMES[::2]}
        house.decide(Script(**changed))
        ends = Ends(house, "h2", "h2")
        one_exchange(ends)
        ends.answered()
        detail = house.recorded()[0][1]
        assert detail.request.forwarded_head.startswith(b"POST /cart HTTP/2\r\n:method: POST\r\n")
        assert b"x-new: 1\r\n" in detail.request.forwarded_head
        assert detail.response.forwarded_head == b"HTTP/2 200\r\n:status: 200\r\nx-c: d\r\nx-new: 1\r\n\r\n"

    def test_one_stream_that_waits_for_a_decision_stalls_no_other(self, house):
        house.use_http2_upstreams()
        go = Event()

        def wait(message: Message) -> Decision:
            if message.target == b"/slow":
                go.wait(10)
            return Pass()

        house.decide(Script(at_request_head=wait))
        client = house.http2_client()
        slow = client.requests([*GET[:3], (b":path", b"/slow")])
        quick = client.requests(GET)
        upstream = house.http2_upstream()
        for stream in (quick, slow):
            request = upstream.until(h2.events.RequestReceived)
            upstream.responds(request.stream_id, [(b":status", b"200")], b"hi")
            assert client.answer(stream).body == b"hi"
            go.set()

    def test_a_stream_that_is_reset_while_somebody_decides_connects_to_nothing(self, house):
        pause = Pause(Pass())
        house.decide(Script(at_request_head=pause))
        client = house.http2_client()
        stream = client.requests(GET)
        pause.is_asked.wait(10)
        client.resets(stream, 8)
        client.h2.ping(b"12345678")
        client.flush()
        client.until(h2.events.PingAckReceived)  # so the reset has come as well
        pause.go.set()
        house.finishes()
        assert not house.connections
        assert house.recorded()[0][0].failure == "client_closed"

    def test_an_origin_that_resets_a_held_response_resets_the_client_s_stream(self, house):
        house.use_http2_upstreams()
        house.decide(Script(**HOLDS))
        client = house.http2_client()
        stream = client.requests(GET)
        upstream = house.http2_upstream()
        request = upstream.until(h2.events.RequestReceived)
        upstream.responds(request.stream_id, [(b":status", b"200")], b"half", is_end=False)
        upstream.resets(request.stream_id, 11)
        assert client.until(h2.events.StreamReset, stream).error_code == 11
        ((row, detail),) = house.recorded()
        assert row.flags & ExchangeFlag.RESPONSE_INCOMPLETE
        assert house.body(detail.response.body) == b"half"
