"""Where a request goes that somebody has changed: where it was going, unless that was changed; and to a real place."""

import gevent
import pytest

from proxy_core.engine.exchange import route
from proxy_core.engine.exchange.point import Replace
from proxy_core.engine.exchange.route import Route
from proxy_core.engine.links.memory import memory_links
from proxy_core.engine.reception.http1_serving import Http1Serving
from proxy_core.engine.upstream.connector import UpstreamError
from proxy_core.model.failure import Failure, FailureKind
from tests.engine.exchange.conftest import Peer
from tests.support.points import GET, OK, Script, answer, with_field

TUNNEL = "https", "10.0.0.1", 443
REFUSED = UpstreamError(Failure(FailureKind.CONNECTION_REFUSED, "10.0.0.1:443 refused."))


@pytest.fixture
def inside(house):
    """A client inside a tunnel."""
    greenlets = []

    def start(**options) -> Peer:
        ours, theirs = memory_links("client")
        serving = Http1Serving(house.services, ours, 1, Route(house.services, TUNNEL, **options))
        greenlets.append(gevent.spawn(serving.run))
        return Peer(theirs)

    yield start
    gevent.killall(greenlets)


class TestHost:
    def test_in_a_tunnel_it_stays_what_it_was(self, house, inside):
        house.decide(script := Script(at_request_head=lambda m: Replace(with_field(m, b"X", b"1"))))
        client = inside()
        client.sends(b"GET / HTTP/1.1\r\nA: 1\r\nhost:   shop.test  \r\n\r\n")
        assert house.upstream().reads_head() == b"GET / HTTP/1.1\r\nA: 1\r\nhost:   shop.test  \r\nX: 1\r\n\r\n"
        assert house.connections[0][0] == TUNNEL
        assert script.seen[0][1][1:4] == TUNNEL

    def test_outside_it_keeps_its_bytes_and_its_place(self, house):
        house.decide(Script(at_request_head=lambda m: Replace(with_field(m, b"X", b"1"))))
        client = house.http1_client()
        client.sends(b"GET http://shop.test/ HTTP/1.1\r\nA: 1\r\nhost:   shop.test  \r\n\r\n")
        assert house.upstream().reads_head() == b"GET / HTTP/1.1\r\nA: 1\r\nhost:   shop.test  \r\nX: 1\r\n\r\n"

    def test_one_that_the_target_overrules_is_shown_and_sent_as_it_is_forwarded(self, house):
        house.decide(script := Script(at_request_head=lambda m: Replace(with_field(m, b"X", b"1"))))
        client = house.http1_client()
        client.sends(b"GET http://shop.test/ HTTP/1.1\r\nHost: other.test\r\n\r\n")
        assert house.upstream().reads_head() == b"GET / HTTP/1.1\r\nHost: shop.test\r\nX: 1\r\n\r\n"
        assert script.seen[0][1].value(b"host") == b"shop.test"

    def test_it_follows_a_request_that_is_sent_elsewhere(self, house, inside):
        house.decide(Script(at_request_head=lambda m: Replace(m._replace(scheme="http", host="OTHER.test", port=81))))
        client = inside()
        client.sends(b"GET / HTTP/1.1\r\nA: 1\r\nhost: shop.test\r\n\r\n")
        assert house.upstream().reads_head() == b"GET / HTTP/1.1\r\nA: 1\r\nhost: OTHER.test:81\r\n\r\n"
        assert house.connections[0][0] == ("http", "other.test", 81)

    def test_one_that_a_rule_has_written_stays(self, house):
        fields = ((b"Host", b"nice.test"),)
        house.decide(Script(at_request_head=lambda m: Replace(m._replace(host="other.test", fields=fields))))
        client = house.http1_client()
        client.sends(GET)
        assert house.upstream().reads_head() == b"GET /cart HTTP/1.1\r\nHost: nice.test\r\n\r\n"
        assert house.connections[0][0] == ("http", "other.test", 80)


class TestAPlaceThatIsNone:
    @pytest.mark.parametrize("names_host", [False, True])
    @pytest.mark.parametrize(
        "change",
        [
            {"scheme": "ftp"},
            {"scheme": ""},
            {"port": 0},
            {"port": -5},
            {"port": 99999},
            {"host": ""},
            {"host": "a b\r\n"},
            {"host": "a\0b"},
            {"host": "\ud800"},
            {"host": "é.test"},
            {"host": "[::1]"},
            {"host": "user@shop.test"},
            {"target": b"http://evil.test/x"},
            {"target": b"*"},
            {"target": b""},
            {"target": b"/a b"},
            {"method": b""},
            {"method": b"GET /a HTTP/1.1\r\nX: "},
        ],
    )
    def test_it_is_answered_with_the_reason(self, house, change, names_host):
        more = {"fields": ((b"Host", b"nice.test"),)} if names_host else {}
        house.decide(Script(at_request_head=lambda m: Replace(m._replace(**change, **more))))
        client = house.http1_client()
        client.sends(GET)
        assert client.reads_head().startswith(b"HTTP/1.1 502 ")
        assert not house.connections
        assert house.recorded()[0][0].failure == "http_protocol_error"

    def test_an_address_of_ipv6_is_one(self, house):
        house.decide(Script(at_request_head=lambda m: Replace(m._replace(host="::1", port=81))))
        client = house.http1_client()
        client.sends(GET)
        assert house.upstream().reads_head() == b"GET /cart HTTP/1.1\r\nHost: [::1]:81\r\n\r\n"


class TestTheTunnelsFirstError:
    def test_it_is_told_to_the_first_request(self, house, inside):
        house.decide(Script())
        client = inside(first_error=REFUSED)
        client.sends(b"GET / HTTP/1.1\r\nHost: 10.0.0.1\r\n\r\n")
        assert client.reads_head().startswith(b"HTTP/1.1 502 ")
        assert not house.connections

    def test_it_is_not_told_to_one_that_goes_elsewhere_nor_to_the_next(self, house, inside):
        house.decide(Script(at_request_head=lambda m: Replace(m._replace(host="other.test"))))
        client = inside(first_error=REFUSED)
        client.sends(b"GET / HTTP/1.1\r\nHost: 10.0.0.1\r\n\r\n")
        house.upstream().reads_head()
        house.upstream().sends(OK)
        client.sees(OK)
        house.decide(None)
        client.sends(b"GET / HTTP/1.1\r\nHost: 10.0.0.1\r\n\r\n")
        house.upstream(1).reads_head()
        assert [place for place, _ in house.connections] == [("https", "other.test", 443), TUNNEL]

    def test_behind_an_answer_it_is_an_old_one(self, house, inside):
        house.decide(Script(at_request_head=answer))
        client = inside(first_error=REFUSED)
        client.sends(b"GET / HTTP/1.1\r\nHost: 10.0.0.1\r\n\r\n")
        assert client.reads_head().startswith(b"HTTP/1.1 418 ")
        client.sees(b"short and stout")
        house.decide(None)
        client.sends(b"GET / HTTP/1.1\r\nHost: 10.0.0.1\r\n\r\n")
        house.upstream().reads_head()

    def test_a_request_that_was_paused_for_long_is_tried(self, house, inside, monkeypatch):
        monkeypatch.setattr(route, "_NEWS_S", 0.0)
        house.decide(Script())
        client = inside(first_error=REFUSED)
        client.sends(b"GET / HTTP/1.1\r\nHost: 10.0.0.1\r\n\r\n")
        house.upstream().reads_head()
