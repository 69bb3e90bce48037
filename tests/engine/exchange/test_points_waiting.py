"""Bodies that somebody wants: they are asked for once, and neither they nor what they are replaced by is waited for
longer than an exchange can wait.
"""

import gevent
import pytest

from proxy_core.engine.exchange.point import Pass, Replace
from proxy_core.model.exchange import ExchangeFlag, ExchangeState
from tests.support.points import GET, OK, POST, Script, with_field

EXPECTING = POST[:-5].replace(b"X-Odd:  kept ", b"Expect: 100-continue")
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
ENDLESS = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\ndata: 1\n\n"


def without_expect(message):
    return message._replace(fields=tuple(field for field in message.fields if field[0] != b"Expect"))


@pytest.fixture
def impatient(house):
    house.services.limits = house.services.limits._replace(held_body_s=0.05, drained_s=0.05)
    return house


class TestAnExpectation:
    def test_where_a_rule_removes_it_the_client_is_invited(self, house):
        house.decide(Script(at_request_head=lambda m: Replace(without_expect(m))))
        client = house.http1_client()
        client.sends(EXPECTING)
        assert b"Expect" not in house.upstream().reads_head()
        client.sees(CONTINUE)
        client.sends(b"hello")
        house.upstream().sees(b"hello")
        house.upstream().sends(OK)
        client.sees(OK)

    @pytest.mark.parametrize("decision", [Pass(hold=True), lambda m: Replace(with_field(m, b"X", b"1"), hold=True)])
    def test_a_client_is_invited_once(self, house, decision):
        house.decide(Script(at_request_head=decision))
        client = house.http1_client()
        client.sends(EXPECTING)
        client.sees(CONTINUE)
        client.sends(b"hello")
        house.upstream().reads_head()
        house.upstream().sees(b"hello")
        house.upstream().sends(CONTINUE + OK)
        client.sees(OK)
        row, detail = house.recorded()[0]
        assert row.state == ExchangeState.COMPLETE
        assert CONTINUE in detail.interim

    def test_where_nothing_is_held_the_origin_s_word_passes(self, house):
        house.decide(Script(at_request_head=lambda m: Replace(with_field(m, b"X", b"1"))))
        client = house.http1_client()
        client.sends(EXPECTING)
        house.upstream().reads_head()
        house.upstream().sends(CONTINUE)
        client.sees(CONTINUE)
        client.sends(b"hello")
        house.upstream().sees(b"hello")
        house.upstream().sends(OK)
        client.sees(OK)

    def test_who_was_invited_by_us_is_read_on_though_the_origin_refuses(self, house):
        house.decide(Script(at_request_head=lambda m: Replace(without_expect(m))))
        client = house.http1_client()
        client.sends(EXPECTING)
        client.sees(CONTINUE)
        house.upstream().reads_head()
        house.upstream().sends(OK.replace(b"200 OK", b"403 Forbidden"))
        client.reads_head()
        client.sends(b"hello")
        house.finishes()
        row, detail = house.recorded()[0]
        assert house.body(detail.request.body) == b"hello"
        assert not row.flags & ExchangeFlag.REQUEST_INCOMPLETE


class TestAnEndlessResponse:
    def test_held_it_passes_after_a_while(self, impatient):
        house = impatient
        house.decide(script := Script(at_response_head=Pass(hold=True)))
        client = house.http1_client()
        client.sends(GET)
        house.upstream().reads_head()
        house.upstream().sends(ENDLESS)
        client.sees(ENDLESS.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        house.upstream().sends(b"data: 2\n\n")
        client.sees(b"data: 2\n\n")
        house.upstream().link.close()
        house.finishes()
        assert [name for name, _ in script.seen] == ["at_request_head", "at_response_head"]
        ((row, detail),) = house.recorded()
        assert row.state == ExchangeState.COMPLETE
        assert house.body(detail.response.body) == b"data: 1\n\ndata: 2\n\n"
        assert "had not ended after 0 seconds: it passed as it came" in detail.notes

    @pytest.mark.parametrize(
        ("start", "said"),
        [
            (b"200 OK\r\nContent-Type: text/event-stream", "is a stream"),
            (b"200 OK\r\nContent-Type: TEXT/Event-Stream; charset=utf-8", "is a stream"),
            (b"200 OK\r\nContent-Type: application/grpc+proto", "is a stream"),
            (b"200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=a", "is a stream"),
            (b"206 Partial Content\r\nContent-Range: bytes 0-3/9", "is but a part"),
        ],
    )
    def test_what_is_told_piece_by_piece_is_not_held(self, house, start, said):
        house.decide(script := Script(at_response_head=Pass(hold=True)))
        client = house.http1_client()
        client.sends(GET)
        house.upstream().reads_head()
        house.upstream().sends(b"HTTP/1.1 " + start + b"\r\n\r\none\n")
        client.reads_head()
        client.sees(b"one\n")
        house.upstream().link.close()
        house.finishes()
        assert [name for name, _ in script.seen] == ["at_request_head", "at_response_head"]
        ((row, detail),) = house.recorded()
        assert row.state == ExchangeState.COMPLETE
        assert f"which {said}" in detail.notes or f"of which this {said}" in detail.notes

    @pytest.mark.parametrize("is_silent", [False, True])
    @pytest.mark.parametrize("change", [{"body": b"made"}, {"status": 204}])
    def test_replaced_it_is_not_waited_for(self, impatient, change, is_silent):
        house = impatient
        house.decide(Script(at_response_head=lambda m: Replace(m._replace(**change))))
        client = house.http1_client()
        client.sends(GET)
        house.upstream().reads_head()

        def stream() -> None:
            house.upstream().sends(ENDLESS)
            while not is_silent:
                house.upstream().sends(b"data: 2\n\n" * 100)
                gevent.sleep(0)

        source = gevent.spawn(stream)
        head = client.reads_head()
        if "body" in change:
            assert b"Content-Length: 4\r\n" in head
            client.sees(b"made")
        house.finishes()
        with pytest.raises(OSError) if not is_silent else gevent.Timeout(10):
            source.get()
        ((row, detail),) = house.recorded()
        assert row.state == ExchangeState.COMPLETE
        assert row.flags & ExchangeFlag.RESPONSE_INCOMPLETE
        assert house.body(detail.response.body).startswith(b"data: 1\n\n")
        house.decide(None)
        client.sends(GET)
        house.upstream(1).reads_head()
        house.upstream(1).sends(OK)
        client.sees(OK)


class TestAnEndlessRequest:
    def test_held_it_passes_after_a_while(self, impatient):
        house = impatient
        house.decide(Script(at_request_head=Pass(hold=True)))
        client = house.http1_client()
        client.sends(POST[:-3])
        house.upstream().reads_head()
        house.upstream().sees(b"he")
        client.sends(b"llo")
        house.upstream().sees(b"llo")
        house.upstream().sends(OK)
        client.sees(OK)
        assert house.body(house.recorded()[0][1].request.body) == b"hello"

    def test_replaced_it_is_not_waited_for(self, impatient):
        house = impatient
        house.decide(Script(at_request_head=lambda m: Replace(m._replace(body=b"made"))))
        client = house.http1_client()
        client.sends(POST[:-3])
        assert b"Content-Length: 4\r\n" in house.upstream().reads_head()
        house.upstream().sees(b"made")
        house.upstream().sends(OK)
        assert b"Connection: close\r\n" in client.reads_head()
        client.sees(b"hi")
        house.finishes()
        ((row, detail),) = house.recorded()
        assert row.flags & ExchangeFlag.REQUEST_INCOMPLETE
        assert house.body(detail.request.body) == b"he"
        assert house.body(detail.request.forwarded_body) == b"made"
