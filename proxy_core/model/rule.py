"""A rule: when it applies and what it does then, and a group of rules, which is one file. Plain data.

`formats.rule_file` makes them from text, the engine sends them to its workers, `engine.acting` carries them out. Every
part explains itself in one sentence for panel, row and test.
"""

from collections.abc import Iterator

import msgspec

from proxy_core.model.effects.effect import Effect
from proxy_core.model.effects.table import AnyEffect


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """All exchanges that `when` means are done to what the effects say, in their order."""

    name: str  # unique within its group
    when: str  # in the filter language; "" for every exchange
    effects: tuple[AnyEffect, ...] = ()  # in the order of the table
    stop: bool = False  # rules behind it are not asked about an exchange that it has matched
    times: int = 0  # how often it acts until it is armed again; 0: for ever
    off: bool = False  # as its file has it; a person's switch overrules that
    line: int = 0  # where it begins in its file

    def explain(self) -> str:
        """«Sets header X-Env; answers with status 200; at most 3 times; then stops.»."""
        parts = [effect.explain() for effect in all_effects(self)] or ["does nothing"]
        if self.times:
            parts.append("at most once" if self.times == 1 else f"at most {self.times:,} times")
        if self.stop:
            parts.append("then stops")
        text = "; ".join(parts)
        return f"{text[:1].upper()}{text[1:]}."


class RuleGroup(msgspec.Struct, frozen=True, kw_only=True):
    """The rules of one file."""

    name: str  # of the file, without its ending
    folder: str = ""  # paths that the rules name are relative to it
    rules: tuple[Rule, ...] = ()

    def id_of(self, rule: Rule) -> str:
        """What a rule is called everywhere: in switches, in captures, in the filter language."""
        return f"{self.name}/{rule.name}"


def all_effects(rule: Rule) -> Iterator[Effect]:
    """A rule's effects, by what they have in common."""
    yield from rule.effects
