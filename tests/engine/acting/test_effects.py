"""What each effect makes of a message: a rule as text, a message in, a message out."""

from typing import Any

import pytest

from proxy_core.engine.acting.rule_book import RuleBook
from proxy_core.engine.exchange.point import Answer, Decision, Pass, Replace
from proxy_core.engine.recording.report import Report
from proxy_core.formats.rule_file import read_rules
from proxy_core.model.exchange import ExchangeFlag
from proxy_core.model.message import Message

GET = Message(
    b"GET",
    "https",
    "shop.test",
    443,
    b"/v1/cart?id=7&x=%20y",
    0,
    ((b"Host", b"shop.test"), (b"cookie", b"a=1; b=2"), (b"X-Odd", b"kept"), (b"Accept-Encoding", b"gzip")),
    None,
)
OK = GET._replace(
    status=200, fields=((b"Content-Type", b"text/html"), (b"Set-Cookie", b"s=1; Path=/"), (b"ETag", b'"e"'))
)


def run_of(effects: str, request: Message = GET, when: str = "") -> tuple[Any, Report]:
    group = read_rules(f"[[rule]]\nname = 'r'\nwhen = '{when}'\n{effects}\n", "g")
    book = RuleBook(1, [group], lambda _rule, _times: True)
    report = Report(1, 1)
    return book.begin(request, report), report


def request_of(effects: str, request: Message = GET, when: str = "") -> Decision:
    run, _ = run_of(effects, request, when)
    return run.at_request_head(request)


def response_of(effects: str, response: Message = OK, request: Message = GET) -> Decision:
    run, _ = run_of(effects, request)
    run.at_request_head(request)
    return run.at_response_head(response)


def replaced(decision: Decision) -> Message:
    assert isinstance(decision, Replace)
    return decision.message


def values(message: Message, name: bytes) -> list[bytes]:
    return [value for each, value in message.fields if each.lower() == name]


@pytest.mark.parametrize(
    ("effects", "target"),
    [
        ("req.query.set = { id = 'a b' }", b"/v1/cart?id=a%20b&x=%20y"),
        ("req.query.set = { new = '1' }", b"/v1/cart?id=7&x=%20y&new=1"),
        ("req.query.add = { id = '8' }", b"/v1/cart?id=7&x=%20y&id=8"),
        ("req.query.remove = ['id']", b"/v1/cart?x=%20y"),
        ("req.query.remove = ['id', 'x']", b"/v1/cart"),
        ("req.query.replace = [{ name = 'x', find = 'y', with = 'z&' }]", b"/v1/cart?id=7&x=%20z%26"),
        ("req.url.replace = [{ find = '/v1/', with = '/v2/' }]", b"/v2/cart?id=7&x=%20y"),
        (
            "req.url.replace = [{ find = '/v(1)/', with = '/\\\\1\\\\1/' }]".replace("'/\\\\", '"/\\\\').replace(
                "/' }", '/" }'
            ),
            b"/11/cart?id=7&x=%20y",
        ),
    ],
)
def test_query_and_path(effects, target):
    message = replaced(request_of(effects))
    assert message == GET._replace(target=target)


@pytest.mark.parametrize(
    ("effects", "place"),
    [
        ("to = 'http://localhost:3000'", ("http", "localhost", 3000, b"/v1/cart?id=7&x=%20y")),
        ("to = 'https://b.test/x'", ("https", "b.test", 443, b"/x")),
        ("to = 'https://b.test/api{path}?{query}'", ("https", "b.test", 443, b"/api/v1/cart?id=7&x=%20y")),
        ("req.url.set = 'http://[::1]:80/ä'", ("http", "::1", 80, b"/%C3%A4")),
    ],
)
def test_another_origin(effects, place):
    decision = request_of(effects)
    assert replaced(decision)[1:5] == place
    assert isinstance(decision, Replace)
    assert not decision.keeps_host


def test_another_origin_takes_what_the_condition_has_found_and_keeps_the_host():
    effects = "to = { url = 'https://v{1}.test', keep_host = true }"
    decision = request_of(effects, when=r"path:/^\/v(\d)/")
    assert isinstance(decision, Replace)
    assert decision.message.host == "v1.test"
    assert decision.keeps_host


def test_methods_and_cookies_of_requests():
    assert replaced(request_of("req.method = 'POST'")) == GET._replace(method=b"POST")
    message = replaced(request_of("req.cookies = { set = { a = '3', c = '4' }, remove = ['b'] }"))
    assert values(message, b"cookie") == [b"a=3; c=4"]
    assert replaced(request_of("req.cookies.remove = ['a', 'b']")).value(b"cookie") is None
    assert isinstance(request_of("req.cookies.remove = ['none']"), Pass)


def test_headers_that_are_not_meant_keep_their_place():
    effects = "req.headers = { set = { x-odd = 'new' }, add = { X-More = '1' }, remove = ['Cookie'] }"
    assert replaced(request_of(effects)).fields == (
        (b"Host", b"shop.test"),
        (b"x-odd", b"new"),
        (b"Accept-Encoding", b"gzip"),
        (b"X-More", b"1"),
    )


def test_no_cache_and_no_compression():
    asked = GET._replace(fields=((b"If-None-Match", b'"e"'), (b"Cache-Control", b"max-age=0"), (b"Range", b"bytes=0-")))
    message = replaced(request_of("no_cache = true", asked))
    assert message.fields == ((b"Range", b"bytes=0-"), (b"Cache-Control", b"no-cache"), (b"Pragma", b"no-cache"))
    assert values(replaced(response_of("no_cache = true")), b"cache-control") == [b"no-store"]
    assert values(replaced(request_of("plain = true")), b"accept-encoding") == [b"identity"]


def test_cors_answers_preflights_and_mirrors_the_origin():
    page = (b"Origin", b"https://page.test")
    preflight = GET._replace(method=b"OPTIONS", fields=(page, (b"Access-Control-Request-Method", b"PUT")))
    decision = request_of("cors = true", preflight)
    assert isinstance(decision, Answer)
    assert decision.message.status == 204
    assert decision.message.value(b"access-control-allow-methods") == b"PUT"
    assert decision.message.value(b"access-control-allow-origin") == b"https://page.test"
    message = replaced(response_of("cors = true", request=GET._replace(fields=(page,))))
    assert message.value(b"access-control-allow-credentials") == b"true"
    assert message.value(b"access-control-expose-headers") == b"content-type, etag"
    assert message.value(b"vary") == b"Origin"
    assert isinstance(response_of("cors = true"), Pass)  # nobody's page has asked


def test_statuses_and_cookies_of_responses():
    assert replaced(response_of("res.status = 503")).status == 503
    message = replaced(response_of("res.cookies.set = { s = '2; Secure', t = '1' }"))
    assert values(message, b"set-cookie") == [b"s=2; Secure", b"t=1"]
    message = replaced(response_of("res.cookies.replace = [{ name = 's', find = '1', with = '9' }]"))
    assert values(message, b"set-cookie") == [b"s=9; Path=/"]


def test_what_answers_here_is_changed_like_what_came():
    run, report = run_of("answer = { status = 201, text = 'x' }\nres.headers.set = { X-Seen = 'yes' }")
    decision = run.at_request_head(GET)
    assert isinstance(decision, Answer)
    assert decision.message[5:] == (
        201,
        ((b"Content-Type", b"text/plain; charset=utf-8"), (b"X-Seen", b"yes")),
        b"x",
    )
    assert report.flags & ExchangeFlag.ANSWERED


def test_a_file_that_is_missing_is_a_404(monkeypatch, tmp_path):
    file = tmp_path / "a.json"
    effects = f"answer.file = '{file}'"
    decision = request_of(effects)
    assert isinstance(decision, Answer)
    assert decision.message.status == 404
    file.write_bytes(b"{}")
    decision = request_of(effects)
    assert isinstance(decision, Answer)
    assert decision.message[5:] == (200, ((b"Content-Type", b"application/json"),), b"{}")
