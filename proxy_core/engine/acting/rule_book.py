"""The rules in force in a worker, made ready once: conditions compiled, deeds made, candidates known for each host.

A book never changes. Other rules are another book, put in this one's place by one assignment; who has begun with this
one keeps it to the exchange's end.
"""

from collections.abc import Callable, Iterable

from proxy_core.engine.acting.deed import Deed, Making
from proxy_core.engine.acting.rule_run import RuleRun
from proxy_core.engine.acting.script_link import ScriptLink
from proxy_core.engine.acting.table import deed_of
from proxy_core.engine.recording.report import Report
from proxy_core.model.condition import Condition
from proxy_core.model.effects.effect import Point
from proxy_core.model.message import Message
from proxy_core.model.rule import Rule, RuleGroup, all_effects

_MOST_HOSTS = 10_000  # whose candidates are remembered; then all are found anew

TakeTurn = Callable[[str, int], bool]  # id of a rule, how often it acts: whether it acts once more


class ReadyRule:
    """One rule, ready to act."""

    def __init__(
        self,
        rule: Rule,
        group: RuleGroup,
        take_turn: TakeTurn,
        scripts: ScriptLink | None,
    ) -> None:
        """Raises FilterError for a condition that is none."""
        self.id = group.id_of(rule)
        self.condition = Condition(rule.when)
        self.stop = rule.stop
        self._times = rule.times
        self._take_turn = take_turn
        making = Making(self.id, rule.when, group.folder, scripts)
        self.deeds: list[Deed] = [deed_of(effect, making) for effect in all_effects(rule)]
        self.wants_request_body = any(deed.wants_request_body for deed in self.deeds)
        self.wants_response_body = any(deed.wants_response_body for deed in self.deeds)

    def may_act(self) -> bool:
        """Whether it may act once more, having matched; that is a turn of it."""
        return not self._times or self._take_turn(self.id, self._times)


class RuleBook:
    """All of them, in order; `begin` is what `Services.points` is."""

    def __init__(
        self,
        version: int,
        groups: Iterable[RuleGroup],
        take_turn: TakeTurn,
        scripts: ScriptLink | None = None,
    ) -> None:
        """`version` is the engine's number for these groups. Raises FilterError for a condition that is none."""
        self.version = version
        self.rules = tuple(
            ReadyRule(rule, group, take_turn, scripts) for group in groups for rule in group.rules if not rule.off
        )
        self._by_host: dict[str, tuple[ReadyRule, ...]] = {}

    def candidates(self, host: str) -> tuple[ReadyRule, ...]:
        """Those that may match something at this host."""
        found = self._by_host.get(host)
        if found is None:
            if len(self._by_host) >= _MOST_HOSTS:
                self._by_host.clear()
            found = tuple(rule for rule in self.rules if rule.condition.may_mean(host))
            self._by_host[host] = found
        return found

    def leads_elsewhere(self, host: str) -> bool:
        """Whether an exchange that is meant for this host may never need it: nothing is to be connected first."""
        return any(deed.leads_elsewhere for rule in self.candidates(host) for deed in rule.deeds)

    def begin(self, request: Message, report: Report) -> RuleRun | None:
        """The rules for one exchange, None where no rule can have anything to do with it."""
        candidates = self.candidates(request.host)
        if not candidates:
            return None
        for rule in candidates:
            condition = rule.condition
            if condition.point > Point.REQUEST_HEAD or condition.is_met(request, None):
                return RuleRun(candidates, report, request)
        return None
