"""What PAC files answer, as connections follow it: lists, what is tried next, what is kept, what is said when there is none."""

import socket as stdlib_socket
from collections.abc import Callable

import gevent
import pytest

from proxy_core.engine.links.transport import DeadlineSweep, Transport
from proxy_core.engine.upstream import pac_names, pac_questions
from proxy_core.engine.upstream.names import Names
from proxy_core.engine.upstream.pac_names import PacNames
from proxy_core.engine.upstream.pac_questions import PacQuestions
from proxy_core.engine.upstream.proxy_route import PacError, ProxyRoutes
from proxy_core.frame import Frames, frame
from proxy_core.model.pac_message import PacAnswer, PacQuestion, decode_pac_question, encode_pac
from proxy_core.model.proxy_server import ProxyServer
from proxy_core.model.settings import Settings
from proxy_core.model.ways_out import HostOverride, ProxyForHosts, WaysOut
from tests.engine.upstream.test_proxies import HttpProxy


def nowhere(_name: str) -> str:
    return ""


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
PAC = "pac+http://pac.test/proxy.pac"


class Asked:
    """A `PacAsker` that answers by host, and remembers its questions."""

    def __init__(self, **answers: str) -> None:
        self.answers = answers
        self.questions: list[tuple[str, str, str]] = []

    def ask(self, pac_url: str, url: str, host: str, _find_name: Callable[[str], str]) -> str:
        self.questions.append((pac_url, url, host))
        answer = self.answers.get(host.partition(".")[0], "DIRECT")
        if answer.startswith("!"):
            raise PacError(answer[1:])
        return answer


def routes(asked: Asked, **changes) -> ProxyRoutes:
    return ProxyRoutes(WaysOut(**{"upstream_proxy": PAC, **changes}), asked)


class TestRoutes:
    def test_a_list(self):
        found = routes(Asked(a="PROXY p:1; SOCKS5 s:2; DIRECT")).find("http", "a.test", 80)
        assert found.servers == (ProxyServer("http", "p", 1), ProxyServer("socks5h", "s", 2), None)

    def test_origins_are_asked_for_once(self):
        asked = Asked()
        ways = routes(asked)
        for _ in range(3):
            ways.find("http", "a.test", 80)
        ways.find("https", "a.test", 443)
        ways.find("https", "a.test", 8443)
        assert [url for _, url, _ in asked.questions] == [
            "http://a.test/",
            "https://a.test/",
            "https://a.test:8443/",
        ]

    def test_this_computer_is_not_asked_for(self):
        asked = Asked()
        assert routes(asked).find("http", "localhost", 80).servers == (None,)
        assert asked.questions == []

    def test_by_host(self):
        asked = Asked()
        by_host = (ProxyForHosts("*.corp.test", "pac+file:///corp.pac"), ProxyForHosts("free.test", "none"))
        ways = routes(asked, proxies_by_host=by_host)
        for host in ("a.corp.test", "free.test", "x.test"):
            ways.find("http", host, 80)
        assert [pac for pac, _, _ in asked.questions] == ["file:///corp.pac", "http://pac.test/proxy.pac"]

    @pytest.mark.parametrize("answer", ["!it took too long", "[object Object]"])
    def test_no_answer(self, answer):
        found = routes(Asked(a=answer)).find("http", "a.test", 80)
        assert found.servers == (None,)
        assert "The PAC file gave no way to a.test, so it was reached directly: " in found.remark

    @pytest.mark.parametrize("answer", ["!it took too long", "[object Object]"])
    def test_no_answer_and_no_direct_way(self, answer):
        with pytest.raises(Exception, match=r"The PAC file gave no way to a\.test: ") as caught:
            routes(Asked(a=answer), pac_failure="fail").find("http", "a.test", 80)
        assert caught.value.failure.kind == "proxy_internal_error"

    def test_one_that_failed_is_tried_last_for_a_while(self):
        ways = routes(Asked(a="PROXY p:1; PROXY q:2"))
        ways.avoid(ProxyServer("http", "p", 1))
        assert [server.host for server in ways.find("http", "a.test", 80).servers] == ["q", "p"]


def test_connections_go_on_to_the_next(start_proxy, start_origin):
    dead = start_origin(lambda client: None)
    dead.stop()
    upstream = HttpProxy(start_origin)
    answer = f"PROXY 127.0.0.1:{dead.port}; PROXY 127.0.0.1:{upstream.server.port}"
    proxy = start_proxy(settings=Settings(ways_out=WaysOut(upstream_proxy=PAC)))
    proxy.worker.services.opener._pac = Asked(shop=answer)
    proxy.worker.services.opener.follow(proxy.worker.services.settings.ways_out)
    for _ in range(2):
        client = proxy.connect()
        client.sends(b"GET http://shop.test/ HTTP/1.1\r\nHost: shop.test\r\n\r\n")
        assert client.reads_response()[1] == b"hi"
    assert len(upstream.heads) == 2
    assert f"By way of the proxy {upstream.url}." in proxy.finished(2)[0].detail.notes


def test_the_last_failure_is_told(start_proxy, start_origin):
    dead = start_origin(lambda client: None)
    dead.stop()
    proxy = start_proxy(settings=Settings(ways_out=WaysOut(upstream_proxy=PAC)))
    proxy.worker.services.opener._pac = Asked(shop=f"PROXY 127.0.0.1:{dead.port}; SOCKS5 127.0.0.1:{dead.port}")
    proxy.worker.services.opener.follow(proxy.worker.services.settings.ways_out)
    client = proxy.connect()
    client.sends(b"GET http://shop.test/ HTTP/1.1\r\nHost: shop.test\r\n\r\n")
    assert b"error=connection_refused" in client.reads_head()
    assert f"The upstream proxy 127.0.0.1:{dead.port} can't be used" in proxy.only().detail.failure_text


class Engine:
    """The engine's end of a worker's questions."""

    def __init__(self, sock: gevent.socket.socket) -> None:
        self.sock = sock
        self._frames = Frames()

    def hears(self) -> list[PacQuestion]:
        return [decode_pac_question(message) for message in self._frames.feed(self.sock.recv(65536))]

    def says(self, answer: PacAnswer) -> None:
        self.sock.sendall(frame(encode_pac(answer)))


@pytest.fixture
def questions():
    ours, theirs = stdlib_socket.socketpair()
    asking = PacQuestions(Transport(ours, DeadlineSweep(), 60.0, 60.0))
    theirs.setblocking(False)
    engine = Engine(gevent.socket.socket(fileno=theirs.detach()))
    yield asking, engine
    asking.close()
    engine.sock.close()


class TestQuestions:
    def test_who_asks_the_same_waits_for_one_answer(self, questions):
        asking, engine = questions
        waiting = [gevent.spawn(asking.ask, "file:///p", "http://a/", "a", nowhere) for _ in range(3)]
        other = gevent.spawn(asking.ask, "file:///p", "http://b/", "b", nowhere)
        gevent.sleep(0.01)
        heard = engine.hears()
        assert [each.host for each in heard] == ["a", "b"]
        engine.says(PacAnswer(heard[1].number, "DIRECT", ""))
        engine.says(PacAnswer(heard[0].number, "PROXY p:1", ""))
        assert [each.get(timeout=5) for each in waiting] == ["PROXY p:1"] * 3
        assert other.get(timeout=5) == "DIRECT"

    def test_names_that_the_file_wants_are_looked_up_here(self, questions):
        asking, engine = questions
        addresses = {"a": "10.1.1.1", "b": ""}
        waiting = gevent.spawn(asking.ask, "file:///p", "http://a/", "a", addresses.get)
        told = []
        for wanted in ("a", "b", ""):
            gevent.sleep(0.01)
            (heard,) = engine.hears()
            told.append(heard.names)
            engine.says(PacAnswer(heard.number, "" if wanted else "PROXY p:1", "", wanted))
        assert told == [{}, {"a": "10.1.1.1"}, {"a": "10.1.1.1", "b": ""}]
        assert waiting.get(timeout=5) == "PROXY p:1"

    def test_a_name_that_is_slow_keeps_nobody_else_waiting(self, questions, monkeypatch):
        asking, engine = questions
        monkeypatch.setattr(pac_questions, "NAMES_LIMIT_S", 1e-9)
        found = gevent.event.Event()
        slow = gevent.spawn(asking.ask, "file:///p", "http://slow/", "slow", lambda _: found.wait() and "10.1.1.1")
        gevent.sleep(0.01)
        (heard,) = engine.hears()
        engine.says(PacAnswer(heard.number, "", "", "slow"))
        other = gevent.spawn(asking.ask, "file:///p", "http://b/", "b", nowhere)
        gevent.sleep(0.01)
        (heard,) = engine.hears()
        engine.says(PacAnswer(heard.number, "DIRECT", ""))
        assert other.get(timeout=5) == "DIRECT"
        found.set()
        gevent.sleep(0.01)
        (heard,) = engine.hears()
        assert heard.names == {"slow": "10.1.1.1"}
        engine.says(PacAnswer(heard.number, "", "", "another"))
        gevent.sleep(0.01)
        (heard,) = engine.hears()
        assert heard.names == {"slow": "10.1.1.1", "another": ""}  # the time for names is spent
        engine.says(PacAnswer(heard.number, "DIRECT", ""))
        assert slow.get(timeout=5) == "DIRECT"

    def test_a_problem(self, questions):
        asking, engine = questions
        waiting = gevent.spawn(self.problem, asking)
        gevent.sleep(0.01)
        (heard,) = engine.hears()
        engine.says(PacAnswer(heard.number, "", "it took too long"))
        assert waiting.get(timeout=5) == "it took too long"

    def test_an_engine_that_is_gone(self, questions):
        asking, engine = questions
        waiting = gevent.spawn(self.problem, asking)
        gevent.sleep(0.01)
        engine.sock.close()
        assert waiting.get(timeout=5) == "the engine does not answer"
        assert self.problem(asking) == "the engine does not answer"

    @staticmethod
    def problem(asking: PacQuestions) -> str:
        with pytest.raises(PacError) as caught:
            asking.ask("file:///p", "http://a/", "a", nowhere)
        return str(caught.value)


class TestNames:
    def test_they_lead_where_the_settings_lead_them(self):
        ways = WaysOut(host_overrides=(HostOverride("shop.test", "10.1.2.3"), HostOverride("six.test", "::1")))
        names = PacNames(Names(ways, 5.0))
        assert [names.find(each) for each in ("shop.test", "localhost", "six.test")] == ["10.1.2.3", "127.0.0.1", ""]

    @pytest.mark.replaces_inside
    def test_that_there_is_no_such_name_is_kept_a_while(self, monkeypatch):
        asked = []
        monkeypatch.setattr("proxy_core.engine.upstream.names._look_up", lambda *each: asked.append(each) or no_name())
        names = PacNames(Names(WaysOut(), 5.0))
        assert [names.find("a.test") for _ in range(2)] == ["", ""]
        assert len(asked) == 1
        monkeypatch.setattr(pac_names, "KEPT_S", 0.0)
        names.find("b.test")
        names.find("b.test")
        assert len(asked) == 3

    def test_a_name_server_that_keeps_silent(self, monkeypatch):
        monkeypatch.setattr(pac_names, "LIMIT_S", 0.05)
        with stdlib_socket.socket(stdlib_socket.AF_INET, stdlib_socket.SOCK_DGRAM) as silent:
            silent.bind(("127.0.0.1", 0))
            ways = WaysOut(resolver=f"127.0.0.1:{silent.getsockname()[1]}")
            assert PacNames(Names(ways, 60.0)).find("a.test") == ""


def no_name() -> list[object]:
    raise stdlib_socket.gaierror(stdlib_socket.EAI_NONAME, "no such name")
