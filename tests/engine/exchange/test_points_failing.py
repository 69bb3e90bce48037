"""What fails at a point is told to the client, as long as it has got nothing else, and recorded with what had come."""

import gevent
import pytest

from proxy_core.engine.exchange.point import Abort, Answer, Decision, Pass, Replace
from proxy_core.model.exchange import ExchangeFlag, ExchangeState
from proxy_core.model.message import Message
from tests.support.points import GET, HOLDS, NAMES, OK, POST, Pause, Script, answer, with_field

RESPONSE_NAMES = NAMES[2:]


def raise_something(_message: Message) -> Decision:
    raise RuntimeError("a rule's own fault")


FAULTS = {
    "folded": lambda m: Replace(with_field(m, b" X", b"a")),
    "blank": lambda m: Replace(with_field(m, b"Content-Length ", b"2")),
    "nameless": lambda m: Replace(with_field(m, b"", b"a")),
    "change": lambda m: Replace(with_field(m, b"X", b"a\r\nb")),
    "status": lambda m: Replace(m._replace(status=0)),
    "answer": lambda m: Answer(with_field(m, b"X", b"a\r\nb")),
    "answer's status": lambda m: Answer(m._replace(status=0)),
}


class TestAtAResponsePoint:
    @pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
    @pytest.mark.parametrize("name", RESPONSE_NAMES)
    def test_what_can_not_be_sent_is_answered_with_the_reason(self, house, name, fault):
        house.decide(Script(**{**HOLDS, name: fault}))
        client = house.http1_client()
        client.sends(GET)
        house.upstream().reads_head()
        house.upstream().sends(OK)
        assert client.reads_head().startswith(b"HTTP/1.1 502 ")
        ((row, detail),) = house.recorded()
        assert (row.status, row.state, row.failure) == (200, ExchangeState.FAILED, "http_protocol_error")
        assert detail.response.head == OK[:-2]
        assert bool(row.flags & ExchangeFlag.RESPONSE_INCOMPLETE) == (detail.response.body is None)

    @pytest.mark.parametrize("name", RESPONSE_NAMES)
    def test_points_that_raise_are_a_fault_of_ours(self, house, name):
        house.decide(Script(**{**HOLDS, name: raise_something}))
        client = house.http1_client()
        client.sends(GET)
        house.upstream().reads_head()
        house.upstream().sends(OK)
        assert client.reads_head().startswith(b"HTTP/1.1 500 ")
        ((row, detail),) = house.recorded()
        assert (row.status, row.failure) == (200, "own_fault")
        assert detail.response.forwarded_head.startswith(b"HTTP/1.1 500 ")

    @pytest.mark.parametrize("breaks", [lambda link: link.close(), lambda link: link.abort()])
    def test_an_upstream_that_ends_while_the_body_is_held(self, house, breaks):
        house.decide(Script(**HOLDS))
        client = house.http1_client()
        client.sends(GET)
        house.upstream().reads_head()
        house.upstream().sends(OK.replace(b"Length: 2", b"Length: 20"))
        gevent.idle()  # received: a reset takes back what was not
        breaks(house.upstream().link)
        assert client.reads_head().startswith(b"HTTP/1.1 502 ")
        ((row, detail),) = house.recorded()
        assert row.flags & ExchangeFlag.RESPONSE_INCOMPLETE
        assert house.body(detail.response.body) == b"hi"
        assert detail.response.forwarded_head.startswith(b"HTTP/1.1 502 ")


class TestWhatHadNotCome:
    @pytest.mark.parametrize("decision", [answer, Abort("Enough.")])
    @pytest.mark.parametrize("name", NAMES[::2])
    def test_a_cut_upload_is_told(self, house, name, decision):
        house.decide(Script(**{name: decision}))
        client = house.http1_client()
        client.sends(POST[:-3])
        if "response" in name:
            house.upstream().reads_head()
            house.upstream().sends(OK)
        client.reads_to_end()
        assert house.recorded()[0][0].flags & ExchangeFlag.REQUEST_INCOMPLETE

    def test_trailers_that_came_are_recorded_beneath_what_came(self, house):
        house.decide(Script(at_response_head=Pass(hold=True), at_response_body=answer))
        client = house.http1_client()
        client.sends(GET)
        house.upstream().reads_head()
        house.upstream().sends(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nT: 1\r\n\r\n")
        client.reads_head()
        client.sees(b"short and stout")
        detail = house.recorded()[0][1]
        assert (detail.response.head[:15], detail.response.trailers) == (b"HTTP/1.1 200 OK", b"T: 1\r\n")
        assert detail.response.forwarded_head.startswith(b"HTTP/1.1 418 ")

    @pytest.mark.parametrize(
        "request_head",
        [
            b"OPTIONS http://shop.test/ HTTP/1.1\r\nHost: shop.test\r\nMax-Forwards: 0\r\nContent-Length: 30\r\n\r\n",
            POST.replace(b"Content-Length: 5", b"Transfer-Encoding: chunked"),
            b"POST / HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 30\r\n\r\n",
        ],
    )
    def test_without_points_too_an_answer_to_half_a_request_says_so(self, house, request_head):
        client = house.http1_client()
        client.sends(request_head)
        client.reads_head()
        assert house.recorded()[0][0].flags & ExchangeFlag.REQUEST_INCOMPLETE


class TestAClientThatLeaves:
    @pytest.mark.parametrize("decision", [Pass(), answer, Abort("Enough."), lambda m: Replace(m._replace(body=b"x"))])
    def test_while_somebody_decides_about_its_request_nothing_is_connected(self, house, decision):
        pause = Pause(decision)
        house.decide(Script(at_request_head=pause))
        client = house.http1_client()
        client.sends(GET)
        pause.is_asked.wait(10)
        client.link.abort()
        pause.go.set()
        house.finishes()
        assert not house.connections
        assert house.recorded()[0][0].failure == "client_closed"

    @pytest.mark.parametrize("decision", [Pass(), answer, Abort("Enough.")])
    def test_while_somebody_decides_about_its_response(self, house, decision):
        pause = Pause(decision)
        house.decide(Script(at_response_head=Pass(hold=True), at_response_body=pause))
        client = house.http1_client()
        client.sends(GET)
        house.upstream().reads_head()
        house.upstream().sends(OK)
        pause.is_asked.wait(10)
        client.link.abort()
        pause.go.set()
        house.finishes()
        assert house.recorded()[0][0].failure == "client_closed"

    def test_one_that_takes_no_answer_is_no_exchange_that_went_well(self, house):
        pause = Pause(answer)
        house.decide(Script(at_request_head=pause))
        client = house.http1_client()
        client.sends(GET)
        pause.is_asked.wait(10)
        client.link.close()  # it has only ended, as far as we know
        pause.go.set()
        house.finishes()
        assert house.recorded()[0][0].failure == "client_closed"

    def test_one_that_stops_within_its_head_made_a_bad_request(self, house):
        client = house.http1_client()
        client.sends(GET[:-2])
        client.link.send_eof()
        assert client.reads_head().startswith(b"HTTP/1.1 400 ")
