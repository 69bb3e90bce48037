"""How long a message is follows from its body and from what its client has asked, never from what a rule says of it."""

import pytest

from proxy_core.engine.exchange.point import Answer, Pass, Replace
from proxy_core.model.exchange import ExchangeState
from tests.support.points import GET, HOLDS, NAMES, OK, POST, Script, answer, with_field

HEAD = GET.replace(b"GET", b"HEAD")
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: T\r\n\r\n2\r\nhi\r\n0\r\nT: 1\r\n\r\n"
FRAMINGS = [(), ((b"Content-Length", b"3"),), ((b"Content-Length", b"9"),), ((b"Transfer-Encoding", b"chunked"),)]


def without_framing(message, fields=()):
    kept = tuple(field for field in message.fields if field[0] != b"Content-Length")
    return message._replace(fields=(*kept, *fields))


def next_exchange(house, client, number=0):
    """The connection goes on with another exchange, whose response begins where it should."""
    house.decide(None)
    client.sends(GET)
    upstream = house.upstream(number)
    upstream.reads_head()
    upstream.sends(OK)
    client.sees(OK)


class TestARequestWithoutABody:
    @pytest.mark.parametrize("method", [b"GET", b"HEAD", b"DELETE"])
    def test_it_can_be_held(self, house, method):
        house.decide(script := Script(**HOLDS))
        client = house.http1_client()
        client.sends(GET.replace(b"GET", method))
        upstream = house.upstream()
        assert upstream.reads_head() == method + b" /cart HTTP/1.1\r\nHost: shop.test\r\n\r\n"
        upstream.sends(b"HTTP/1.1 204 No Content\r\n\r\n")
        client.sees(b"HTTP/1.1 204 No Content\r\n\r\n")
        assert [name for name, _ in script.seen] == NAMES
        assert [message.body for name, message in script.seen if "body" in name] == [b"", b""]
        next_exchange(house, client)

    @pytest.mark.parametrize("hold", [False, True])
    def test_it_can_get_one(self, house, hold):
        name = "at_request_body" if hold else "at_request_head"
        house.decide(Script(**{**(HOLDS if hold else {}), name: lambda m: Replace(m._replace(body=b"new"))}))
        client = house.http1_client()
        client.sends(GET)
        upstream = house.upstream()
        upstream.sees(b"GET /cart HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 3\r\n\r\nnew")
        upstream.sends(OK)
        client.sees(OK)
        next_exchange(house, client)

    @pytest.mark.parametrize("framing", FRAMINGS)
    def test_a_rule_can_not_promise_one(self, house, framing):
        house.decide(Script(at_request_head=lambda m: Replace(m._replace(fields=m.fields + framing))))
        client = house.http1_client()
        client.sends(GET)
        assert house.upstream().reads_head() == b"GET /cart HTTP/1.1\r\nHost: shop.test\r\n\r\n"


class TestFramingIsNotForARuleToSay:
    @pytest.mark.parametrize("framing", FRAMINGS)
    def test_of_a_request(self, house, framing):
        house.decide(Script(at_request_head=lambda m: Replace(without_framing(m, framing))))
        client = house.http1_client()
        client.sends(POST)
        expected = b"POST /cart HTTP/1.1\r\nHost: shop.test\r\nX-Odd:  kept \r\nContent-Length: 5\r\n\r\nhello"
        house.upstream().sees(expected)

    def test_beside_what_is_there_it_is_left_out(self, house):
        house.decide(Script(at_request_head=lambda m: Replace(with_field(m, b"Transfer-Encoding", b"chunked"))))
        client = house.http1_client()
        client.sends(POST)
        house.upstream().sees(POST.replace(b"http://shop.test", b""))

    @pytest.mark.parametrize("framing", FRAMINGS)
    def test_of_a_response(self, house, framing):
        house.decide(Script(at_response_head=lambda m: Replace(without_framing(m, framing))))
        client = house.http1_client()
        client.sends(GET)
        house.upstream().reads_head()
        house.upstream().sends(OK)
        client.sees(OK)
        next_exchange(house, client)

    @pytest.mark.parametrize("framing", FRAMINGS)
    def test_of_an_answer(self, house, framing):
        house.decide(Script(at_request_head=lambda m: Answer(m._replace(status=200, fields=framing, body=b"made"))))
        client = house.http1_client()
        client.sends(GET)
        client.sees(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nmade")
        next_exchange(house, client)

    @pytest.mark.parametrize("hold", [False, True])
    def test_chunks_and_trailers_stay_where_the_body_does(self, house, hold):
        named = {"at_response_head": lambda m: Replace(with_field(m, b"X", b"1"), hold=hold)}
        named["at_response_body"] = lambda m: Replace(with_field(m, b"Y", b"2"))
        house.decide(Script(**named))
        client = house.http1_client()
        client.sends(GET)
        house.upstream().reads_head()
        house.upstream().sends(CHUNKED)
        added = b"X: 1\r\nY: 2\r\n" if hold else b"X: 1\r\n"
        client.sees(CHUNKED.replace(b"Trailer: T\r\n", b"Trailer: T\r\n" + added))


class TestTheClientsOwnRequest:
    def test_a_head_that_is_made_a_get_gets_no_body(self, house):
        house.decide(Script(at_request_head=lambda m: Replace(m._replace(method=b"GET"))))
        client = house.http1_client()
        client.sends(HEAD)
        assert house.upstream().reads_head().startswith(b"GET ")
        house.upstream().sends(OK)
        client.sees(OK[:-2])
        next_exchange(house, client)
        row, detail = house.recorded()[0]
        assert row.state == ExchangeState.COMPLETE
        assert house.body(detail.response.body) == b"hi"
        assert house.body(detail.response.forwarded_body) == b""

    def test_a_get_that_is_made_a_head_gets_an_end(self, house):
        house.decide(Script(at_request_head=lambda m: Replace(m._replace(method=b"HEAD"))))
        client = house.http1_client()
        client.sends(GET)
        assert house.upstream().reads_head().startswith(b"HEAD ")
        house.upstream().sends(OK[:-2])
        client.sees(b"HTTP/1.1 200 OK\r\nX-Odd:  kept \r\nContent-Length: 0\r\n\r\n")
        next_exchange(house, client)

    @pytest.mark.parametrize("name", NAMES)
    def test_an_answer_to_head_has_no_body_whatever_its_message_says(self, house, name):
        house.decide(Script(**{**HOLDS, name: lambda m: answer(m._replace(method=b"GET"))}))
        client = house.http1_client()
        client.sends(HEAD)
        if "response" in name:
            house.upstream().reads_head()
            house.upstream().sends(OK[:-2])
        client.sees(b"HTTP/1.1 418 I'm a Teapot\r\nX-Made: here\r\nContent-Length: 15\r\n\r\n")
        next_exchange(house, client, number=int("response" in name))

    @pytest.mark.parametrize(("method", "other"), [(b"GET", b"HEAD"), (b"HEAD", b"GET")])
    def test_a_response_s_method_can_not_be_changed(self, house, method, other):
        house.decide(Script(**HOLDS, at_response_body=lambda m: Replace(m._replace(method=other, body=b"other"))))
        client = house.http1_client()
        client.sends(GET.replace(b"GET", method))
        house.upstream().reads_head()
        house.upstream().sends(OK if method == b"GET" else OK[:-2])
        body = b"other" if method == b"GET" else b""
        client.sees(b"HTTP/1.1 200 OK\r\nX-Odd:  kept \r\nContent-Length: 5\r\n\r\n" + body)
        next_exchange(house, client)

    @pytest.mark.parametrize("came", [b"304 Not Modified\r\nContent-Length: 1234", b"204 No Content"])
    def test_where_there_was_no_body_another_status_has_an_empty_one(self, house, came):
        house.decide(Script(at_response_head=lambda m: Replace(m._replace(status=200))))
        client = house.http1_client()
        client.sends(GET)
        house.upstream().reads_head()
        house.upstream().sends(b"HTTP/1.1 " + came + b"\r\n\r\n")
        client.sees(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        next_exchange(house, client)

    @pytest.mark.parametrize("status", [-1, 0, 99, 100, 101, 103, 199, 1000])
    @pytest.mark.parametrize("name", NAMES)
    def test_only_a_final_status_is_one(self, house, status, name):
        decision = Answer if "request" in name else Replace
        house.decide(Script(**{**HOLDS, name: lambda m: decision(m._replace(status=status, fields=()))}))
        client = house.http1_client()
        client.sends(GET)
        if "response" in name:
            house.upstream().reads_head()
            house.upstream().sends(OK)
        assert client.reads_head().startswith(b"HTTP/1.1 502 ")
        assert f"the status {status}" in house.recorded()[0][1].failure_text

    def test_a_request_can_not_be_made_a_tunnel(self, house):
        tunnel = {"at_request_head": lambda m: Replace(m._replace(method=b"CONNECT", target=b"evil.test:443"))}
        house.decide(Script(**tunnel))
        client = house.http1_client()
        client.sends(GET)
        assert client.reads_head().startswith(b"HTTP/1.1 502 ")
        assert not house.connections

    def test_nobody_is_switched_who_has_not_asked(self, house):
        fields = ((b"Connection", b"Upgrade"), (b"Upgrade", b"websocket"))
        house.decide(Script(at_request_head=lambda m: Replace(m._replace(fields=m.fields + fields))))
        client = house.http1_client()
        client.sends(GET)
        assert b"Upgrade: websocket\r\n" in house.upstream().reads_head()
        house.upstream().sends(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        assert client.reads_head().startswith(b"HTTP/1.1 502 ")


class TestWhatIsRecordedAsForwarded:
    def test_of_a_response_made_204(self, house):
        house.decide(Script(at_response_head=lambda m: Replace(m._replace(status=204))))
        client = house.http1_client()
        client.sends(GET)
        house.upstream().reads_head()
        house.upstream().sends(OK)
        sent = client.reads_head()
        assert sent == b"HTTP/1.1 204 No Content\r\nX-Odd:  kept \r\n\r\n"
        assert house.recorded()[0][1].response.forwarded_head == sent

    def test_of_a_response_that_ends_with_the_connection(self, house):
        house.decide(Script(at_response_head=lambda m: Replace(with_field(m, b"X", b"1"))))
        client = house.http1_client()
        client.sends(GET)
        house.upstream().reads_head()
        house.upstream().sends(b"HTTP/1.0 200 OK\r\n\r\nhi")
        house.upstream().link.close()
        assert client.reads_to_end() == b"HTTP/1.1 200 OK\r\nX: 1\r\nConnection: close\r\n\r\nhi"
        head = house.recorded()[0][1].response.forwarded_head
        assert head == b"HTTP/1.1 200 OK\r\nX: 1\r\nConnection: close\r\n\r\n"

    def test_of_a_request(self, house):
        house.decide(Script(at_request_head=lambda m: Replace(with_field(m, b"X", b"1"))))
        client = house.http1_client()
        client.sends(GET.replace(b"\r\n\r\n", b"\r\nConnection: X-Hop\r\nX-Hop: 1\r\n\r\n"))
        sent = house.upstream().reads_head()
        assert sent == b"GET /cart HTTP/1.1\r\nHost: shop.test\r\nX: 1\r\n\r\n"
        assert house.recorded()[0][1].request.forwarded_head == sent

    def test_of_an_answer_behind_which_the_connection_ends(self, house):
        house.decide(Script(at_request_head=answer))
        client = house.http1_client()
        client.sends(POST[:-3])
        sent = client.reads_head()
        assert b"Connection: close\r\n" in sent
        assert house.recorded()[0][1].response.head == sent

    def test_nothing_where_nobody_changed_anything(self, house):
        house.decide(Script(at_response_head=Pass(hold=True)))
        client = house.http1_client()
        client.sends(GET)
        house.upstream().reads_head()
        house.upstream().sends(OK)
        client.sees(OK)
        assert house.recorded()[0][1].response.forwarded_head is None


class TestADigest:
    """RFC 9530: of the body that came, it is untrue of the one that replaces it."""

    CAME = b"HTTP/1.1 200 OK\r\nContent-Digest: sha-256=:YQ==:\r\nContent-MD5: YQ==\r\nContent-Length: 2\r\n\r\nhi"

    def test_goes_with_its_body(self, house):
        house.decide(Script(at_response_head=lambda m: Replace(m._replace(body=b"new"))))
        client = house.http1_client()
        client.sends(GET)
        house.upstream().reads_head()
        house.upstream().sends(self.CAME)
        client.sees(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nnew")

    def test_stays_where_the_body_does(self, house):
        house.decide(Script(at_response_head=lambda m: Replace(with_field(m, b"X", b"1"))))
        client = house.http1_client()
        client.sends(GET)
        house.upstream().reads_head()
        house.upstream().sends(self.CAME)
        assert b"Content-Digest: sha-256=:YQ==:\r\n" in client.reads_head()

    def test_stays_where_it_is_of_the_new_body(self, house):
        digest = (b"Content-Digest", b"sha-256=:Yg==:")
        house.decide(Script(at_response_head=lambda m: Replace(m._replace(body=b"new", fields=(digest,)))))
        client = house.http1_client()
        client.sends(GET)
        house.upstream().reads_head()
        house.upstream().sends(self.CAME)
        assert b"Content-Digest: sha-256=:Yg==:\r\n" in client.reads_head()
