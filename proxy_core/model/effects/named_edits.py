"""Changes to what has a name: fields, cookies, parameters."""

from typing import ClassVar

import msgspec

from proxy_core.model.effects.effect import Effect, Mistake
from proxy_core.model.effects.replacement import NamedReplacement

_VERBS = {"set": "sets", "add": "adds", "remove": "removes", "replace": "replaces in"}


class NamedEdits(Effect, frozen=True):
    """`set` puts one in the place of all of that name, `remove` takes them away; some kinds have `add` as well."""

    WHAT: ClassVar[str]  # in a sentence, in front of a name

    set: dict[str, str] = msgspec.field(default_factory=dict)
    remove: tuple[str, ...] = ()
    replace: tuple[NamedReplacement, ...] = ()

    def name_mistake(self, name: str) -> str:
        """Why none of them can be called that, else ""."""
        del name
        return ""

    def mistakes(self) -> list[Mistake]:
        found = []
        for number, name in enumerate(self.remove):
            if text := self.name_mistake(name):
                found.append(Mistake(("remove", number), text))
        for number, each in enumerate(self.replace):
            if text := self.name_mistake(each.name) or each.mistake():
                found.append(Mistake(("replace", number), text))
        first, *others, last = [verb for verb in _VERBS if hasattr(self, verb)]
        if not any(getattr(self, verb) for verb in (first, *others, last)):
            found.append(Mistake((), f"It says neither {first} nor {', '.join(others)} or {last}."))
        return found

    def explain(self) -> str:
        return ", ".join(
            f"{does} {self.WHAT} {each.name if isinstance(each, NamedReplacement) else each}"
            for verb, does in _VERBS.items()
            for each in getattr(self, verb, ())
        )
