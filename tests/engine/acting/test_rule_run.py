"""Which rules act, and in what order."""

from typing import Any

from proxy_core.engine.acting.rule_book import RuleBook
from proxy_core.engine.exchange.point import Answer, Pass, Replace
from proxy_core.engine.recording.report import Report
from proxy_core.formats.rule_file import read_rules
from proxy_core.model.exchange import ExchangeFlag
from proxy_core.model.message import Message

GET = Message(b"GET", "https", "shop.test", 443, b"/cart", 0, ((b"Host", b"shop.test"),), None)
OK = GET._replace(status=200, fields=((b"Content-Type", b"text/html"),))


def book_of(*texts: str, turns: int = 10**9) -> RuleBook:
    left = [turns]

    def take(_rule: str, _times: int) -> bool:
        left[0] -= 1
        return left[0] >= 0

    groups = [read_rules(text, f"g{number}") for number, text in enumerate(texts)]
    return RuleBook(1, groups, take)


def rule(name: str, rest: str) -> str:
    return f"[[rule]]\nname = '{name}'\n{rest}\n"


def names(fields: tuple[tuple[bytes, bytes], ...]) -> list[bytes]:
    return [name for name, _ in fields[1:]]


SET = "req.headers.add = {{ {0} = '1' }}".format


def decided(book: RuleBook, request: Message = GET) -> Any:
    run = book.begin(request, Report(1, 1))
    return None if run is None else run.at_request_head(request)


def test_all_that_match_act_in_order_over_files():
    book = book_of(rule("a", SET("A")) + rule("b", SET("B")), rule("c", SET("C")))
    decision = decided(book)
    assert isinstance(decision, Replace)
    assert names(decision.message.fields) == [b"A", b"B", b"C"]


def test_the_first_that_answers_wins():
    book = book_of(rule("a", "answer = 201") + rule("b", "answer = 202"))
    decision = decided(book)
    assert isinstance(decision, Answer)
    assert decision.message.status == 201


def test_behind_stop_no_rule_is_asked_also_not_for_the_response():
    book = book_of(
        rule("a", SET("A") + "\nstop = true") + rule("b", SET("B")) + rule("c", "res.headers.add = { C = '1' }")
    )
    run = book.begin(GET, Report(1, 1))
    assert run is not None
    decision = run.at_request_head(GET)
    assert isinstance(decision, Replace)
    assert names(decision.message.fields) == [b"A"]
    assert isinstance(run.at_response_head(OK), Pass)


def test_a_rule_that_does_not_match_stops_nothing():
    book = book_of(rule("a", "when = 'path:/other'\nstop = true\n" + SET("A")) + rule("b", SET("B")))
    decision = decided(book)
    assert isinstance(decision, Replace)
    assert names(decision.message.fields) == [b"B"]


def test_the_condition_sees_what_was_received_not_what_a_rule_has_made_of_it():
    book = book_of(rule("a", "req.method = 'POST'") + rule("b", "when = 'method:POST'\n" + SET("B")))
    decision = decided(book)
    assert isinstance(decision, Replace)
    assert decision.message == GET._replace(method=b"POST")


def test_rules_about_the_response_wait_for_it_and_see_answers_made_here():
    book = book_of(rule("a", "when = 'status:418'\nres.headers.set = { A = '1' }"))
    run = book.begin(GET, Report(1, 1))
    assert run is not None
    assert isinstance(run.at_request_head(GET), Pass)
    assert isinstance(run.at_response_head(OK), Pass)
    run = book.begin(GET, Report(1, 1))
    assert run is not None
    run.at_request_head(GET)
    assert isinstance(run.at_response_head(OK._replace(status=418)), Replace)
    book = book_of(rule("b", "answer = 418") + rule("a", "when = 'status:418'\nres.headers.set = { A = '1' }"))
    decision = decided(book)
    assert isinstance(decision, Answer)
    assert decision.message.fields == ((b"A", b"1"),)


def test_turns_are_taken_by_those_that_match_alone():
    book = book_of(rule("a", "when = 'path:/cart'\ntimes = 2\nanswer = 418"), turns=2)
    assert decided(book, GET._replace(target=b"/other")) is None
    assert [type(decided(book)) for _ in range(3)] == [Answer, Answer, Pass]


def test_rules_for_other_hosts_are_not_even_asked():
    book = book_of("".join(rule(f"r{number}", f"when = 'host=h{number}.test'\nanswer = 418") for number in range(100)))
    assert book.candidates("shop.test") == ()
    assert [each.id for each in book.candidates("h7.test")] == ["g0/r7"]
    assert book.begin(GET, Report(1, 1)) is None


def test_rules_that_are_off_are_none():
    assert book_of(rule("a", "off = true\nanswer = 418")).rules == ()


def test_what_a_rule_has_done_is_told_and_of_others_nothing():
    book = book_of(rule("a", SET("A")) + rule("b", "req.cookies.remove = ['none']") + rule("c", "res.status = 404"))
    report = Report(1, 1)
    run = book.begin(GET, report)
    assert run is not None
    run.at_request_head(GET)
    run.at_response_head(OK)
    assert report.acts is not None
    told = [(act.point, act.rule, act.sentence, act.problem) for act in report.acts]
    assert told[0] == (1, "g0/a", "adds request header A", "")
    assert told[-1] == (3, "g0/c", "sets status 404 in the place of 200", "")
    assert "g0/b" not in [act.rule for act in report.acts]
    assert report.flags & ExchangeFlag.ACTED


def test_an_expression_that_runs_wild_is_stopped_and_said():
    book = book_of(rule("a", "req.headers.replace = [{ name = 'X', find = '^(a+)+$', with = 'b' }]"))
    report = Report(1, 1)
    request = GET._replace(fields=((b"X", b"a" * 5000 + b"!"),))
    run = book.begin(request, report)
    assert run is not None
    assert isinstance(run.at_request_head(request), Pass)
    assert report.acts is not None
    assert [(act.sentence, act.problem) for act in report.acts] == [
        ("", "replaces nothing: the expression takes too long")
    ]
