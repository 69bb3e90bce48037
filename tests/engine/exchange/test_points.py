"""Decisions at the four points, for HTTP/1 and another protocol alike: pass, replace, answer, abort, hold."""

import gevent
import pytest
from gevent.event import Event

from proxy_core.engine.exchange import holding
from proxy_core.engine.exchange.point import Abort, Decision, Pass, Replace
from proxy_core.model.exchange import ExchangeFlag, ExchangeState
from proxy_core.model.message import Message
from tests.support.fake_protocol import line
from tests.support.points import HOLDS, NAMES, OK, POST, Script, answer, with_field


def exchange(house, client) -> bytes:
    """Let an exchange go by in HTTP/1; what the upstream was sent."""
    client.sends(POST)
    upstream = house.upstream()
    head = upstream.reads_head()
    body = b""
    if b"Content-Length: " in head:
        body = upstream.reads(int(head.split(b"Content-Length: ")[1].split(b"\r\n")[0]))
    upstream.sends(OK)
    return head + body


class TestPassing:
    def test_without_anybody_nothing_is_asked(self, house):
        client = house.http1_client()
        assert exchange(house, client) == POST.replace(b"http://shop.test/", b"/")
        client.sees(OK)

    @pytest.mark.parametrize("decisions", [{}, HOLDS])
    def test_what_passes_keeps_every_byte(self, house, decisions):
        house.decide(script := Script(**decisions))
        client = house.http1_client()
        assert exchange(house, client) == POST.replace(b"http://shop.test/", b"/")
        client.sees(OK)
        assert [name for name, _ in script.seen] == (NAMES if decisions else NAMES[::2])
        ((row, detail),) = house.recorded()
        assert row.state == ExchangeState.COMPLETE
        assert detail.request.forwarded_head is detail.response.forwarded_head is None
        assert house.body(detail.request.body) == b"hello"
        assert house.body(detail.response.body) == b"hi"

    def test_a_message_is_seen_in_no_framing(self, house):
        house.decide(script := Script(**HOLDS))
        exchange(house, house.http1_client())
        house.finishes()
        request, response = dict(script.seen)["at_request_body"], dict(script.seen)["at_response_body"]
        assert request[:6] == (b"POST", "http", "shop.test", 80, b"/cart", 0)
        assert (request.body, response.status, response.body) == (b"hello", 200, b"hi")
        assert response.method == b"POST"


class TestReplacing:
    def test_the_request_goes_elsewhere(self, house):
        moved = {"at_request_head": lambda m: Replace(m._replace(host="other.test", port=8080, target=b"/new"))}
        house.decide(Script(**moved))
        client = house.http1_client()
        sent = exchange(house, client)
        assert house.connections[0][0] == ("http", "other.test", 8080)
        assert sent == (
            b"POST /new HTTP/1.1\r\nHost: other.test:8080\r\nX-Odd:  kept \r\nContent-Length: 5\r\n\r\nhello"
        )
        client.sees(OK)
        ((row, detail),) = house.recorded()
        assert (row.host, row.path) == ("shop.test", "/cart")
        assert detail.request.head == POST[:-5]
        assert detail.request.forwarded_head.startswith(b"POST /new ")

    @pytest.mark.parametrize("hold", [False, True])
    def test_a_body_of_another_length(self, house, hold):
        if hold:
            decisions = {**HOLDS, "at_request_body": lambda m: Replace(m._replace(body=b"bye"))}
            decisions["at_response_body"] = lambda m: Replace(m._replace(body=m.body * 3))
        else:
            decisions = {"at_request_head": lambda m: Replace(m._replace(body=b"bye"))}
            decisions["at_response_head"] = lambda m: Replace(m._replace(body=b"hihihi"))
        house.decide(Script(**decisions))
        client = house.http1_client()
        sent = exchange(house, client)
        assert sent == b"POST /cart HTTP/1.1\r\nHost: shop.test\r\nX-Odd:  kept \r\nContent-Length: 3\r\n\r\nbye"
        client.sees(b"HTTP/1.1 200 OK\r\nX-Odd:  kept \r\nContent-Length: 6\r\n\r\nhihihi")
        ((_, detail),) = house.recorded()
        assert house.body(detail.request.body) == b"hello"  # as received
        assert house.body(detail.request.forwarded_body) == b"bye"
        assert house.body(detail.response.body) == b"hi"
        assert house.body(detail.response.forwarded_body) == b"hihihi"

    @pytest.mark.parametrize("hold", [False, True])
    def test_a_body_that_is_taken_away_is_another_one_of_no_bytes(self, house, hold):
        at_head = Pass(hold=True) if hold else lambda m: Replace(m._replace(body=b""))
        taken = {"at_response_head": at_head, "at_response_body": lambda m: Replace(m._replace(body=b""))}
        house.decide(Script(**taken))
        client = house.http1_client()
        exchange(house, client)
        client.sees(b"HTTP/1.1 200 OK\r\nX-Odd:  kept \r\nContent-Length: 0\r\n\r\n")
        ((_, detail),) = house.recorded()
        assert house.body(detail.response.body) == b"hi"
        assert detail.response.forwarded_body is not None
        assert house.body(detail.response.forwarded_body) == b""
        assert detail.request.forwarded_body is None

    def test_a_body_that_is_given_back_as_it_came_is_no_other(self, house):
        house.decide(Script(**HOLDS, at_response_body=lambda m: Replace(with_field(m, b"X-New", b"1"))))
        client = house.http1_client()
        exchange(house, client)
        assert b"X-New: 1\r\n" in client.reads_head()
        client.sees(b"hi")
        ((_, detail),) = house.recorded()
        assert detail.response.forwarded_head is not None
        assert detail.response.forwarded_body is None

    def test_of_a_body_too_large_to_be_held_the_rest_is_read_before_another_goes_on(self, house, monkeypatch):
        monkeypatch.setattr(holding, "HELD_LIMIT_BYTES", 4)
        replaced = {
            "at_request_head": lambda m: Replace(m._replace(body=b"bye"), hold=True),
            "at_response_head": lambda m: Replace(m._replace(body=b"ok"), hold=True),
        }
        house.decide(Script(**replaced))
        client = house.http1_client()
        for number in range(2):
            client.sends(POST[:-5].replace(b"Content-Length: 5", b"Content-Length: 15") + b"hello")
            client.sends(b" and hello")
            upstream = house.upstream()
            assert upstream.reads_head().endswith(b"Content-Length: 3\r\n\r\n")
            upstream.sees(b"bye")
            upstream.sends(OK.replace(b"Content-Length: 2\r\n\r\nhi", b"Content-Length: 12\r\n\r\nhi, hi"))
            upstream.sends(b" again")
            assert client.reads_head().endswith(b"Content-Length: 2\r\n\r\n")
            client.sees(b"ok")
            _, detail = house.recorded()[number]
            assert house.body(detail.request.body) == b"hello and hello"
            assert house.body(detail.response.body) == b"hi, hi again"
            assert house.body(detail.response.forwarded_body) == b"ok"
        assert len(house.connections) == 1

    def test_the_next_request_is_read_where_it_begins(self, house):
        house.decide(Script(at_request_head=lambda m: Replace(m._replace(body=b"bye"))))
        client = house.http1_client()
        for _ in range(2):
            exchange(house, client)
            client.sees(OK)
        assert len(house.recorded()) == 2

    def test_the_response_gets_another_status_and_field(self, house):
        changed = {"at_response_head": lambda m: Replace(with_field(m._replace(status=503), b"X-New", b"1"))}
        house.decide(Script(**changed))
        client = house.http1_client()
        exchange(house, client)
        client.sees(b"HTTP/1.1 503 Service Unavailable\r\nX-Odd:  kept \r\nContent-Length: 2\r\nX-New: 1\r\n\r\nhi")
        ((row, detail),) = house.recorded()
        assert (row.status, detail.response.head) == (200, OK[:-2])

    @pytest.mark.parametrize("status", [204, 304])
    def test_a_status_without_a_body_sends_none(self, house, status):
        house.decide(Script(at_response_head=lambda m: Replace(m._replace(status=status))))
        client = house.http1_client()
        for _ in range(2):
            exchange(house, client)
            assert client.reads_head().startswith(b"HTTP/1.1 %d " % status)
        assert house.body(house.recorded()[0][1].response.body) == b"hi"

    @pytest.mark.parametrize("value", [b"a\r\nX-Evil: 1", b"a\r\n\r\nGET / HTTP/1.1\r\n\r\n", b"a\nb", b"a\0b"])
    def test_no_value_can_become_a_line(self, house, value):
        house.decide(Script(at_request_head=lambda m: Replace(with_field(m, b"X-Bad", value))))
        client = house.http1_client()
        client.sends(POST)
        assert client.reads_head().startswith(b"HTTP/1.1 502 ")
        assert not house.connections
        assert house.recorded()[0][0].state == ExchangeState.FAILED


class TestAnsweringAndAborting:
    @pytest.mark.parametrize("name", NAMES)
    def test_an_answer_reaches_the_client(self, house, name):
        house.decide(Script(**{**HOLDS, name: answer}))
        client = house.http1_client()
        client.sends(POST)
        if "response" in name:
            house.upstream().reads_head()
            house.upstream().sends(OK)
        head = client.reads_head()
        assert head.startswith(b"HTTP/1.1 418 I'm a Teapot\r\nX-Made: here\r\nContent-Length: 15\r\n")
        client.sees(b"short and stout")
        assert len(house.connections) == ("response" in name)
        ((row, detail),) = house.recorded()
        assert row.state == ExchangeState.COMPLETE
        if "request" in name:
            assert row.status == 418
            assert row.flags & ExchangeFlag.OWN_RESPONSE
            assert house.body(detail.response.body) == b"short and stout"
        else:  # what the origin had said stays; ours lies beside it
            assert row.status == 200
            assert not row.flags & ExchangeFlag.OWN_RESPONSE
            assert detail.response.head == OK[:-2]
            assert detail.response.forwarded_head.startswith(b"HTTP/1.1 418 ")
            assert house.body(detail.response.forwarded_body) == b"short and stout"
        assert bool(row.flags & ExchangeFlag.REQUEST_INCOMPLETE) == (name == "at_request_head")
        assert bool(row.flags & ExchangeFlag.RESPONSE_INCOMPLETE) == (name == "at_response_head")

    def test_at_the_head_alone_a_body_that_was_not_read_is_told_as_missing(self, house):
        house.decide(Script(at_response_head=Abort("Enough.")))
        client = house.http1_client()
        exchange(house, client)
        assert client.reads_to_end() == b"<reset>"
        ((row, detail),) = house.recorded()
        assert row.flags & ExchangeFlag.RESPONSE_INCOMPLETE
        assert detail.response.head == OK[:-2]

    def test_a_response_that_can_not_be_changed_so_is_answered_with_the_reason(self, house):
        lie = {"at_response_head": lambda m: Replace(with_field(m, b"X", b"a\r\nb"))}
        house.decide(Script(**lie))
        client = house.http1_client()
        exchange(house, client)
        assert client.reads_head().startswith(b"HTTP/1.1 502 ")
        ((row, detail),) = house.recorded()
        assert (row.status, row.state) == (200, ExchangeState.FAILED)
        assert detail.response.head == OK[:-2]
        assert detail.response.forwarded_head.startswith(b"HTTP/1.1 502 ")

    @pytest.mark.parametrize("name", NAMES)
    def test_an_abort_resets_the_client(self, house, name):
        house.decide(Script(**{**HOLDS, name: Abort("A rule blocks this.")}))
        client = house.http1_client()
        client.sends(POST)
        if "response" in name:
            house.upstream().reads_head()
            house.upstream().sends(OK)
        assert client.reads_to_end() == b"<reset>"
        ((row, detail),) = house.recorded()
        assert (row.failure, detail.failure_text) == ("aborted", "A rule blocks this.")


class TestHolding:
    def test_a_point_may_block_as_long_as_it_likes(self, house):
        is_asked, go = Event(), Event()

        def wait(_message: Message) -> Decision:
            is_asked.set()
            go.wait(10)
            return Pass()

        house.decide(Script(at_request_head=wait))
        client = house.http1_client()
        client.sends(POST)
        assert is_asked.wait(10)
        gevent.idle()  # whatever could go on without the answer has gone on
        assert not house.connections
        go.set()
        house.upstream().reads_head()
        house.upstream().sends(OK)
        client.sees(OK)

    def test_a_held_body_is_asked_for(self, house):
        house.decide(Script(**HOLDS))
        client = house.http1_client()
        client.sends(POST[:-5].replace(b"X-Odd:  kept ", b"Expect: 100-continue"))
        client.sees(b"HTTP/1.1 100 Continue\r\n\r\n")
        client.sends(b"hello")
        assert b"Expect" in house.upstream().reads_head()
        house.upstream().sees(b"hello")

    def test_what_is_too_large_passes_as_it_came(self, house, monkeypatch):
        monkeypatch.setattr(holding, "HELD_LIMIT_BYTES", 4)
        house.decide(script := Script(**HOLDS))
        client = house.http1_client()
        assert exchange(house, client) == POST.replace(b"http://shop.test/", b"/")
        client.sees(OK)
        assert [name for name, _ in script.seen] == ["at_request_head", "at_response_head", "at_response_body"]
        ((_, detail),) = house.recorded()
        assert house.body(detail.request.body) == b"hello"
        assert "passed as it came" in detail.notes


class TestAnotherProtocol:
    """The same relay, the same points, no byte of HTTP/1 on either wire."""

    @pytest.fixture
    def client(self, house):
        house.use_fake_upstreams()
        client = house.fake_client()
        client.sends(line(head=["POST", "shop.test", 81, "/cart", [["x-a", "b"]], -1]) + line(data="hello"))
        client.sends(line(end=""))
        return client

    def test_it_is_decided_at_all_four_points(self, house, client):
        house.decide(
            script := Script(
                at_request_head=lambda m: Replace(with_field(m, b"x-one", b"1"), hold=True),
                at_request_body=lambda m: Replace(m._replace(body=m.body.upper())),
                at_response_head=lambda m: Replace(with_field(m, b"x-two", b"2"), hold=True),
                at_response_body=lambda m: Replace(m._replace(body=m.body[::-1])),
            )
        )
        upstream = house.upstream()
        fields = [["Host", "shop.test:81"], ["x-a", "b"], ["x-one", "1"], ["Content-Length", "5"]]
        upstream.sees(line(head=["POST", "/cart", fields, 5]) + line(data="HELLO") + line(end=""))
        upstream.sends(line(head=[200, []]) + line(data="abc") + line(end=""))
        client.sees(
            line(head=[200, [["x-two", "2"], ["Content-Length", "3"]]], last=False) + line(data="cba") + line(end="")
        )
        assert [name for name, _ in script.seen] == NAMES

    @pytest.mark.parametrize("name", NAMES)
    def test_it_is_answered(self, house, client, name):
        house.decide(Script(**{**HOLDS, name: answer}))
        if "response" in name:
            house.upstream().sends(line(head=[200, []]) + line(data="abc") + line(end=""))
        client.sees(
            line(head=[418, [["X-Made", "here"], ["Content-Length", "15"]]], last=False)
            + line(data="short and stout")
            + line(end="")
        )

    @pytest.mark.parametrize("name", NAMES)
    def test_it_is_aborted(self, house, client, name):
        house.decide(Script(**{**HOLDS, name: Abort("Enough.")}))
        if "response" in name:
            house.upstream().sends(line(head=[200, []]) + line(data="abc") + line(end=""))
        assert client.reads_to_end() == b"<reset>"
