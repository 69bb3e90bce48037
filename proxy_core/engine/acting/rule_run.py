"""What the rules do to one exchange: its four points.

A rule is decided at the first point where all that its condition asks for is known, by the messages as they were
received; its effects then act in their order, each on what is there by then. Rules act in their order, too: all that
match, but the first one that answers is the one that does, and behind a rule that says `stop` no other is asked. What
is answered here counts as received, so what changes responses changes it as well.
"""

import time
from collections.abc import Callable, Sequence
from typing import Protocol

from proxy_core.engine.acting.deed import PASS, Deed, Turn
from proxy_core.engine.exchange.point import Abort, Answer, Decision, Pass, Replace
from proxy_core.engine.recording.report import Report
from proxy_core.model.act import Act, act_text
from proxy_core.model.effects.effect import Point
from proxy_core.model.exchange import ExchangeFlag
from proxy_core.model.message import Message

_clock = time.perf_counter
_CHANGED = int(ExchangeFlag.CHANGED)
_ANSWERED = int(ExchangeFlag.ANSWERED)
_FIRST_OF = {
    Point.REQUEST_HEAD: Point.REQUEST_HEAD,
    Point.REQUEST_BODY: Point.REQUEST_HEAD,
    Point.RESPONSE_HEAD: Point.RESPONSE_HEAD,
    Point.RESPONSE_BODY: Point.RESPONSE_HEAD,
}


class _Condition(Protocol):
    point: Point

    def is_met(self, request: Message, response: Message | None) -> bool: ...


class _Rule(Protocol):
    """What a run knows of a rule that is ready."""

    id: str
    stop: bool
    deeds: list[Deed]
    wants_request_body: bool
    wants_response_body: bool

    @property
    def condition(self) -> _Condition: ...

    def may_act(self) -> bool: ...


class RuleRun:
    """One exchange's."""

    def __init__(self, candidates: Sequence[_Rule], report: Report, request: Message) -> None:
        """`candidates` are the rules that may match it, in order."""
        self._report = report
        self._request = request  # as received
        self._response: Message | None = None
        self._asked = list(candidates)  # those that have matched or are undecided, in order
        self._matched: set[str] = set()
        self._keeps_host = False  # a rule that sends the request elsewhere wants it so

    def at_request_head(self, request: Message) -> Decision:
        decision = self._act(Point.REQUEST_HEAD, request)
        if isinstance(decision, Pass | Replace) and self._wants_body(Point.REQUEST_BODY):
            return decision._replace(hold=True)
        return decision

    def at_request_body(self, request: Message) -> Decision:
        self._request = self._request._replace(body=request.body)
        return self._act(Point.REQUEST_BODY, request)

    def at_response_head(self, response: Message) -> Decision:
        self._response = response
        decision = self._act(Point.RESPONSE_HEAD, response)
        if isinstance(decision, Pass | Replace) and self._wants_body(Point.RESPONSE_BODY):
            return decision._replace(hold=True)
        return decision

    def at_response_body(self, response: Message) -> Decision:
        received = self._response or response
        self._response = received._replace(body=response.body)
        return self._act(Point.RESPONSE_BODY, response)

    def _wants_body(self, point: Point) -> bool:
        """Whether somebody wants the body whose head has just been decided upon."""
        for rule in self._asked:
            if rule.id not in self._matched:
                if rule.condition.point == point:
                    return True
            elif rule.wants_request_body if point is Point.REQUEST_BODY else rule.wants_response_body:
                return True
        return False

    def _act(self, point: Point, message: Message) -> Decision:
        """Decide what is due at this point, and have all that have matched act on the message."""
        decision: Decision = PASS
        kept: list[_Rule] = []
        for rule in self._asked:
            is_new = rule.id not in self._matched
            if is_new:
                if rule.condition.point == point:
                    if not (rule.condition.is_met(self._request, self._response) and rule.may_act()):
                        continue
                    self._matched.add(rule.id)
                else:
                    kept.append(rule)
                    continue
            kept.append(rule)
            if isinstance(decision, Pass | Replace):
                # Of a rule that is decided at a body, what concerns the head was not done yet.
                decision, message = self._deeds(rule, _FIRST_OF[point] if is_new else point, point, message, decision)
            if is_new and rule.stop:
                break
        self._asked = kept
        if isinstance(decision, Replace):
            self._report.flags |= _CHANGED
        elif isinstance(decision, Answer):
            self._report.flags |= _ANSWERED
            return decision if point.is_of_response else self._answered(decision)
        return decision

    def _deeds(
        self, rule: _Rule, first: Point, last: Point, message: Message, decision: Decision
    ) -> tuple[Decision, Message]:
        """What one rule's deeds make of the message, and what is decided by then."""
        turn = Turn(self._report, self._request, last)
        begin_mark = _clock()
        try:
            return self._asked_deeds(rule, first, last, message, decision, turn)
        finally:
            if turn.said or turn.problem:
                spent_us = int((_clock() - begin_mark) * 1e6)
                said, problem = act_text("; ".join(turn.said)), act_text(turn.problem)
                self._report.act(Act(int(last), rule.id, said, spent_us, problem))

    def _asked_deeds(
        self, rule: _Rule, first: Point, last: Point, message: Message, decision: Decision, turn: Turn
    ) -> tuple[Decision, Message]:
        for deed in rule.deeds:
            for point in range(first, last + 1):
                said = _ASK[point](deed, message, turn)
                if isinstance(said, Replace):
                    self._keeps_host |= said.keeps_host
                    decision, message = Replace(said.message, keeps_host=self._keeps_host), said.message
                elif isinstance(said, Answer | Abort):
                    return said, message
        return decision, message

    def _answered(self, answer: Answer) -> Decision:
        """What the rules for responses make of one that was made here."""
        response = answer.message
        self._response = response
        for point in (Point.RESPONSE_HEAD, Point.RESPONSE_BODY):
            decision = self._act(point, response)
            if isinstance(decision, Abort):
                return decision
            if isinstance(decision, Replace | Answer):
                response = decision.message
        return Answer(response)


_ASK: dict[int, Callable[[Deed, Message, Turn], Decision]] = {
    Point.REQUEST_HEAD: lambda deed, message, turn: deed.at_request_head(message, turn),
    Point.REQUEST_BODY: lambda deed, message, turn: deed.at_request_body(message, turn),
    Point.RESPONSE_HEAD: lambda deed, message, turn: deed.at_response_head(message, turn),
    Point.RESPONSE_BODY: lambda deed, message, turn: deed.at_response_body(message, turn),
}
