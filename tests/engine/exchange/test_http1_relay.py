"""Conversations through the HTTP/1 relay: what the origin sees, what the client gets, what is recorded."""

import gevent
import pytest
from gevent.event import Event

from proxy_core.engine.limits import Limits
from proxy_core.model.exchange import ExchangeFlag, ExchangeState
from tests.support.conversation import wait_for

OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nhi"


def answering(response: bytes, times: int = 1):
    def script(upstream):
        for _ in range(times):
            upstream.reads_head()
            upstream.sends(response)

    return script


def request(origin, method=b"GET", path=b"/", extra=b"", body=b"") -> bytes:
    authority = b"127.0.0.1:%d" % origin.port
    return b"%b http://%b%b HTTP/1.1\r\nHost: %b\r\n%b\r\n%b" % (method, authority, path, authority, extra, body)


class TestForwarding:
    def test_absolute_form_becomes_origin_form_and_every_other_byte_stays(self, proxy, start_origin):
        heads = []

        def script(upstream):
            heads.append(upstream.reads_head())
            upstream.sends(OK)

        origin = start_origin(script)
        client = proxy.connect()
        odd = b"X-ODD:  two  spaces \r\nx-odd:again\r\ncookie: a=1\r\n"
        client.sends(request(origin, path=b"/a%20b?x=%zz", extra=odd))
        client.sees(OK)
        assert heads == [b"GET /a%%20b?x=%%zz HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n%b\r\n" % (origin.port, odd)]
        exchange = proxy.only()
        assert exchange.row.path == "/a%20b?x=%zz"
        assert (exchange.row.method, exchange.row.status, exchange.row.state) == ("GET", 200, ExchangeState.COMPLETE)
        assert exchange.response_body == b"hi"
        assert exchange.detail.response.head == OK[:-2]

    @pytest.mark.parametrize("method", [b"GET", b"DELETE", b"OPTIONS", b"PROPFIND", b"FROB", b"TRACE"])
    def test_any_method_passes(self, proxy, start_origin, method):
        origin = start_origin(answering(OK))
        client = proxy.connect()
        client.sends(request(origin, method))
        client.sees(OK)
        assert proxy.only().row.method == method.decode()

    def test_head_has_no_body_whatever_its_length_says(self, proxy, start_origin):
        head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"

        def script(upstream):
            upstream.reads_head()
            upstream.sends(head)
            upstream.reads_head()
            upstream.sends(OK)

        origin = start_origin(script)
        client = proxy.connect()
        client.sends(request(origin, b"HEAD"))
        client.sees(head)
        client.sends(request(origin))
        client.sees(OK)
        assert origin.connections == 1
        assert [each.row.status for each in proxy.finished(2)] == [200, 200]

    def test_pipelined_requests_are_answered_in_order(self, proxy, start_origin):
        def script(upstream):
            for number in range(3):
                upstream.reads_head()
                upstream.sends(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n%d" % number)

        origin = start_origin(script)
        client = proxy.connect()
        client.sends(request(origin) * 3)
        for number in range(3):
            assert client.reads_response()[1] == b"%d" % number
        assert [each.response_body for each in proxy.finished(3)] == [b"0", b"1", b"2"]

    def test_post_body_passes_and_is_recorded(self, proxy, start_origin):
        bodies = []

        def script(upstream):
            upstream.reads_head()
            got = b""
            while len(got) < 300_000:
                got += upstream.sock.recv(65536)
            bodies.append(got)
            upstream.sends(OK)

        origin = start_origin(script)
        client = proxy.connect()
        body = bytes(range(256)) * 1200
        body = body[:300_000]
        client.sends(request(origin, b"POST", extra=b"Content-Length: 300000\r\n"))
        for start in range(0, len(body), 7001):
            client.sends(body[start : start + 7001])
            gevent.sleep(0)
        client.sees(OK)
        assert bodies == [body]
        exchange = proxy.only()
        assert exchange.request_body == body
        assert exchange.row.request_bytes == 300_000

    def test_chunked_both_ways_with_extensions_and_trailers(self, proxy, start_origin):
        seen = []
        wire = b"4;ext=1\r\nwxyz\r\n0\r\nX-Sum: 9\r\n\r\n"

        def script(upstream):
            upstream.reads_head()
            got = b""
            while not got.endswith(b"X-Sum: 9\r\n\r\n"):
                got += upstream.sock.recv(65536)
            seen.append(got)
            upstream.sends(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + wire)

        origin = start_origin(script)
        client = proxy.connect()
        client.sends(request(origin, b"POST", extra=b"Transfer-Encoding: chunked\r\n", body=wire))
        client.reads_head()
        client.sees(wire)
        assert seen == [wire]
        exchange = proxy.only()
        assert exchange.request_body == exchange.response_body == b"wxyz"
        assert b"X-Sum: 9" in exchange.detail.request.trailers
        assert b"X-Sum: 9" in exchange.detail.response.trailers

    def test_interim_responses_pass_as_they_come(self, proxy, start_origin):
        hints = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n"

        def script(upstream):
            upstream.reads_head()
            upstream.sends(b"HTTP/1.1 102 Processing\r\n\r\n" + hints)
            upstream.sends(OK)

        origin = start_origin(script)
        client = proxy.connect()
        client.sends(request(origin))
        client.sees(b"HTTP/1.1 102 Processing\r\n\r\n")
        client.sees(hints)
        client.sees(OK)
        assert b"Early Hints" in proxy.only().detail.interim

    def test_expect_continue_is_the_origins_to_answer(self, proxy, start_origin):
        def script(upstream):
            assert b"Expect: 100-continue" in upstream.reads_head()
            upstream.sends(b"HTTP/1.1 100 Continue\r\n\r\n")
            upstream.sees(b"body")
            upstream.sends(OK)

        origin = start_origin(script)
        client = proxy.connect()
        client.sends(request(origin, b"PUT", extra=b"Expect: 100-continue\r\nContent-Length: 4\r\n"))
        client.sees(b"HTTP/1.1 100 Continue\r\n\r\n")
        client.sends(b"body")
        client.sees(OK)
        assert proxy.only().request_body == b"body"

    def test_a_server_sent_event_reaches_the_client_at_once(self, proxy, start_origin):
        go_on = Event()

        def script(upstream):
            upstream.reads_head()
            upstream.sends(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n")
            go_on.wait()
            upstream.sends(b"data: 2\n\n")

        origin = start_origin(script)
        client = proxy.connect()
        client.sends(request(origin))
        client.reads_head()
        client.sees(b"data: 1\n\n")
        wait_for(lambda: bool(proxy.exchanges) and proxy.exchanges[0].response_body == b"data: 1\n\n")
        go_on.set()
        assert client.reads_to_end() == b"data: 2\n\n"
        assert proxy.only().response_body == b"data: 1\n\ndata: 2\n\n"

    def test_an_early_answer_reaches_a_client_that_still_sends(self, proxy, start_origin):
        def script(upstream):
            upstream.reads_head()
            upstream.sends(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

        origin = start_origin(script)
        client = proxy.connect()
        client.sends(request(origin, b"POST", extra=b"Content-Length: 1000000\r\n", body=b"x" * 1000))
        assert client.reads_head().startswith(b"HTTP/1.1 413")
        assert proxy.only().row.status == 413

    def test_http10_client_gets_no_chunks_and_a_close(self, proxy, start_origin):
        origin = start_origin(answering(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"))
        client = proxy.connect()
        client.sends(b"GET http://127.0.0.1:%d/ HTTP/1.0\r\n\r\n" % origin.port)
        assert b"chunked" not in client.reads_head().lower()
        assert client.reads_to_end() == b"hi"

    @pytest.mark.parametrize(("method", "status"), [(b"HEAD", b"200 OK"), (b"GET", b"304 Not Modified")])
    def test_http10_client_is_told_of_no_chunks_that_would_have_come(self, proxy, start_origin, method, status):
        """RFC 9112 §6.1: no Transfer-Encoding to HTTP/1.0, with or without a body."""
        origin = start_origin(answering(b"HTTP/1.1 %b\r\nTransfer-Encoding: chunked\r\nX: y\r\n\r\n" % status))
        client = proxy.connect()
        client.sends(b"%b http://127.0.0.1:%d/ HTTP/1.0\r\n\r\n" % (method, origin.port))
        client.sees(b"HTTP/1.1 %b\r\nX: y\r\nConnection: close\r\n\r\n" % status)
        client.sees_end()
        assert b"chunked" in proxy.only().detail.response.head

    def test_a_reused_connection_that_died_is_replaced_once(self, proxy, start_origin):
        def script(upstream):
            upstream.reads_head()
            upstream.sends(OK)
            if origin.connections == 1:
                upstream.reads_head()  # and closes without an answer

        origin = start_origin(script)
        client = proxy.connect()
        client.sends(request(origin))
        client.sees(OK)
        client.sends(request(origin))
        client.sees(OK)
        assert origin.connections == 2
        assert not proxy.finished(2)[1].row.flags & ExchangeFlag.UPSTREAM_REUSED

    @pytest.mark.parametrize("method", [b"GET", b"POST"])
    def test_bytes_that_nobody_asked_for_answer_nobody(self, proxy, start_origin, method):
        may_say_it, has_said_it, is_over = Event(), Event(), Event()

        def script(upstream):
            is_first = origin.connections == 1
            upstream.reads_head()
            upstream.sends(OK)
            if is_first:  # as origins do that grow tired of an idle connection
                may_say_it.wait(5)
                upstream.sends(b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n")
                has_said_it.set()
                is_over.wait(5)

        origin = start_origin(script)
        client = proxy.connect()
        client.sends(request(origin))
        client.sees(OK)
        proxy.finished(1)
        may_say_it.set()
        assert has_said_it.wait(5)
        gevent.idle()  # until the event loop has looked at its sockets
        client.sends(request(origin, method=method))
        client.sees(OK)
        is_over.set()
        assert origin.connections == 2


class TestFailures:
    def test_refused(self, proxy, nobody):
        client = proxy.connect()
        client.sends(request(nobody))
        head, body = client.reads_response()
        assert head.startswith(b"HTTP/1.1 502 ")
        assert b"error=connection_refused" in head
        assert b"refused" in body
        exchange = proxy.only()
        assert (exchange.row.state, exchange.row.failure) == (ExchangeState.FAILED, "connection_refused")
        assert exchange.row.flags & ExchangeFlag.OWN_RESPONSE
        assert exchange.response_body == body

    def test_own_port_is_a_loop(self, proxy):
        client = proxy.connect()
        client.sends(b"GET http://localhost:%d/ HTTP/1.1\r\nHost: x\r\n\r\n" % proxy.port)
        assert b"proxy_loop_detected" in client.reads_response()[0]

    def test_origin_form_on_the_proxy_port_is_explained(self, proxy):
        client = proxy.connect()
        client.sends(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        head, body = client.reads_response()
        assert head.startswith(b"HTTP/1.1 400 ")
        assert b"This is a proxy" in body
        client.sees_end()

    @pytest.mark.parametrize(
        ("sent", "failure"),
        [
            (b"", "connection_terminated"),
            (b"HTTP/1.1 200 OK\r\nContent-Le", "http_response_incomplete"),
            (b"SSH-2.0-OpenSSH_9\r\n", "http_protocol_error"),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", "http_protocol_error"),
        ],
    )
    def test_no_usable_response_is_a_502(self, proxy, start_origin, sent, failure):
        origin = start_origin(answering(sent))
        client = proxy.connect()
        client.sends(request(origin))
        head, _ = client.reads_response()
        assert head.startswith(b"HTTP/1.1 502 ")
        assert proxy.only().row.failure == failure

    def test_a_body_cut_short_is_cut_short_for_the_client(self, proxy, start_origin):
        origin = start_origin(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"))
        client = proxy.connect()
        client.sends(request(origin))
        client.reads_head()
        assert client.reads_to_end() in (b"abc", b"")
        exchange = proxy.only()
        assert exchange.row.failure == "http_response_incomplete"
        assert exchange.response_body == b"abc"
        assert exchange.row.flags & ExchangeFlag.RESPONSE_INCOMPLETE

    def test_client_gone_in_its_body(self, proxy, start_origin):
        def script(upstream):
            upstream.reads_head()
            upstream.reads_to_end()

        origin = start_origin(script)
        client = proxy.connect()
        client.sends(request(origin, b"POST", extra=b"Content-Length: 100\r\n", body=b"part"))
        wait_for(lambda: origin.connections == 1)
        client.closes()
        exchange = proxy.only()
        assert exchange.row.failure == "client_closed"
        assert exchange.request_body == b"part"
        assert exchange.row.flags & ExchangeFlag.REQUEST_INCOMPLETE

    def test_malformed_request(self, proxy):
        client = proxy.connect()
        client.sends(b"GET http://a/ HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n")
        assert client.reads_head().startswith(b"HTTP/1.1 400 ")
        client.reads_to_end()
        exchange = proxy.only()
        assert exchange.row.failure == "http_request_error"
        assert b"Content-Length: 3" in exchange.detail.request.head

    def test_client_reset_while_the_upstream_is_silent(self, proxy, start_origin):
        """The upstream is let go at once: it sees the end."""
        has_asked, ended = Event(), Event()

        def script(upstream):
            upstream.reads_head()
            has_asked.set()
            upstream.reads_to_end()
            ended.set()

        origin = start_origin(script)
        client = proxy.connect()
        client.sends(request(origin))
        assert has_asked.wait(5)  # the relay is waiting for the response now
        client.resets()
        assert proxy.only().row.failure == "client_closed"
        assert ended.wait(5)

    def test_client_that_half_closes_gets_its_response(self, proxy, start_origin):
        has_asked, has_ended = Event(), Event()

        def script(upstream):
            upstream.reads_head()
            has_asked.set()
            has_ended.wait(5)
            upstream.sends(OK)

        origin = start_origin(script)
        client = proxy.connect()
        client.sends(request(origin))
        assert has_asked.wait(5)
        client.sock.shutdown(1)
        gevent.idle()  # the relay has seen it
        has_ended.set()
        client.sees(OK)
        assert proxy.only().row.state == ExchangeState.COMPLETE

    def test_client_that_left_is_not_waited_for_for_ever(self, start_proxy, start_origin):
        proxy = start_proxy(limits=Limits(half_closed_s=0.5))

        def script(upstream):
            upstream.reads_head()
            upstream.reads_to_end()

        origin = start_origin(script)
        client = proxy.connect()
        client.sends(request(origin))
        client.closes()
        assert proxy.only().row.failure == "client_closed"


class TestPausing:
    def test_what_was_begun_before_is_ended_and_what_is_begun_meanwhile_is_not_recorded(self, proxy, start_origin):
        may_go_on = Event()

        def script(upstream):
            upstream.reads_head()
            upstream.sends(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nbefo")
            if origin.connections == 1:
                may_go_on.wait(5)
            upstream.sends(b"re!!")

        origin = start_origin(script)
        slow = proxy.connect()
        slow.sends(request(origin, path=b"/slow"))
        wait_for(lambda: proxy.exchanges)  # it lasts long enough to be told of
        reporter = proxy.worker.services.reporter
        reporter.is_recording = False
        quick = proxy.connect()
        quick.sends(request(origin, path=b"/quick"))
        quick.reads_response()
        may_go_on.set()
        slow.reads_response()
        exchange = proxy.only()
        assert exchange.row.path == "/slow"
        assert exchange.row.flags & ExchangeFlag.BODY_NOT_RECORDED
        assert exchange.response_body == b"befo"
