"""A file of rules, as a person writes it: TOML in, a `RuleGroup` out, or one sentence with its line and column.

    version = 1
    [[rule]]
    name = "Empty cart"
    when = "method:GET host:api.shop.test path:/cart"
    answer = { status = 200, json = '{"items": []}' }
    stop = true

Nothing is guessed: a key that means nothing is a mistake, and what it may have been meant for is said. Any text gives
the one or the other. Pure: it opens no file.
"""

import difflib
import re
import tomllib
from collections.abc import Iterable
from typing import NoReturn

import msgspec

from proxy_core.formats.toml_places import Path, places
from proxy_core.model.condition import Condition
from proxy_core.model.effects.effect import Effect, Point
from proxy_core.model.effects.table import EFFECTS
from proxy_core.model.filter import FilterError
from proxy_core.model.rule import Rule, RuleGroup

FORMAT = 1
LONGEST_FILE = 4 * 1024 * 1024  # characters; ten thousand rules are some 2 MiB
MOST_RULES = 10_000
_DEEPEST = 100  # tables and arrays within each other
_LONGEST_NAME = 200
_MOST_TIMES = 10**9
_OWN_KEYS = ("name", "when", "stop", "times", "off")
_SHOWN = 40
_PLACE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")
_WHERE = re.compile(r" - at `(?:key in )?\$([^`]*)`$")
_STEP = re.compile(r"\.([A-Za-z_]\w*)|\[(\d+)\]|\[\.\.\.\]")
_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`", re.DOTALL)
_KINDS = {
    "str": "a text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "object": "a table",
    "array": "an array",
}
_KIND = re.compile(r"Expected `([a-z]+)(?: \| null)?`, got `([a-z]+)`")


class RuleFileError(Exception):
    """The text is no file of rules."""

    def __init__(self, text: str, line: int, column: int) -> None:
        super().__init__(f"line {line:,}, column {column:,}: {text}")
        self.text = text  # one sentence
        self.line = line  # from 1
        self.column = column


def read_rules(text: str, name: str, folder: str = "") -> RuleGroup:
    """The rules of a file that is called so and lies there. Raises RuleFileError with the first mistake."""
    if len(text) > LONGEST_FILE:
        raise RuleFileError(f"A file of rules has at the most {LONGEST_FILE // 2**20} MiB.", 1, 1)
    _check_depth(text)
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        _refuse_toml(text, str(error))
    except (RecursionError, ValueError, OverflowError) as error:  # a number of 5,000 digits, say
        raise RuleFileError(f"This can't be read: {error}.", 1, 1) from None
    return _Reading(text, document).group(name, folder)


def _check_depth(text: str) -> None:
    """Before the parser, which goes into itself; brackets within texts count, too, as nobody writes so many."""
    depth = 0
    for match in re.finditer(r"[\[\]{}\n]", text):
        if match[0] in "[{":
            depth += 1
            if depth > _DEEPEST:
                raise RuleFileError("This is nested too deeply.", *_line_and_column(text, match.start()))
        elif match[0] in "]}":
            depth = max(depth - 1, 0)


def _refuse_toml(text: str, said: str) -> NoReturn:
    place = _PLACE.search(said)
    line, column = _line_and_column(text, len(text))
    if place is not None:
        said = said[: place.start()]
        if place[1]:
            line, column = int(place[1]), int(place[2])
    raise RuleFileError(f"This is no TOML: {said}.", line, column) from None


def _line_and_column(text: str, offset: int) -> tuple[int, int]:
    return text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)


class _Reading:
    def __init__(self, text: str, document: dict[str, object]) -> None:
        self._text = text
        self._document = document
        self._places = places(text)
        self._point = Point.REQUEST_HEAD  # at which the condition of the rule that is being read is decided

    def group(self, name: str, folder: str) -> RuleGroup:
        self._check_keys((), self._document, ("version", "rule"))
        version = self._document.get("version", FORMAT)
        if not isinstance(version, int) or isinstance(version, bool) or version < 1:
            self._fail(("version",), "The version is a number, now 1.")
        if version > FORMAT:
            self._fail(("version",), f"This file is of format {version}, which a later Harrier reads.")
        tables = self._document.get("rule", [])
        if not isinstance(tables, list) or not all(isinstance(each, dict) for each in tables):
            self._fail(("rule",), "A rule begins with [[rule]].")
        if len(tables) > MOST_RULES:
            self._fail(("rule", MOST_RULES), f"A file has at the most {MOST_RULES:,} rules.")
        rules: list[Rule] = []
        names: set[str] = set()
        for number, table in enumerate(tables):
            rule = self._rule(("rule", number), table)
            if rule.name in names:
                self._fail(("rule", number, "name"), f"There is another rule «{_shown(rule.name)}» in this file.")
            names.add(rule.name)
            rules.append(rule)
        return RuleGroup(name=name, folder=folder, rules=tuple(rules))

    def _rule(self, path: Path, table: dict[str, object]) -> Rule:
        found: dict[type[Effect], Effect] = {}
        for key, value in self._effects(path, table):
            kind = EFFECTS[".".join(map(str, key[len(path) :]))]
            found[kind] = self._effect(kind, key, value)
        name = table.get("name")
        if not isinstance(name, str) or not name.strip():
            self._fail((*path, "name") if "name" in table else path, "A rule needs a name.")
        if len(name) > _LONGEST_NAME or not name.isprintable():
            self._fail((*path, "name"), f"A name is one line of at the most {_LONGEST_NAME} characters.")
        times = table.get("times", 0)
        if not isinstance(times, int) or isinstance(times, bool) or not 0 <= times <= _MOST_TIMES:
            self._fail((*path, "times"), "times is a number from 1 on.")
        when = self._condition(path, table)
        for kind in found:
            if self._point.is_of_response and not kind.POINT.is_of_response:
                text = f"The condition asks for the response; by then it is too late for {kind.KEY}."
                self._fail((*path, *kind.KEY.split(".")), text)
        effects = tuple(found[kind] for kind in EFFECTS.values() if kind in found)
        return msgspec.convert(
            {
                "name": name,
                "when": when,
                "effects": [msgspec.to_builtins(each) for each in effects],
                "stop": self._switch(path, table, "stop"),
                "times": times,
                "off": self._switch(path, table, "off"),
                "line": _line_and_column(self._text, self._offset(path))[0],
            },
            Rule,
        )

    def _condition(self, path: Path, table: dict[str, object]) -> str:
        when = table.get("when", "")
        if not isinstance(when, str):
            self._fail((*path, "when"), "when is a text: a filter.")
        try:
            self._point = Condition(when).point
        except FilterError as error:
            where = f" (character {error.position + 1} of the filter)" if when else ""
            self._fail((*path, "when"), f"{error}{where}")
        return when

    def _switch(self, path: Path, table: dict[str, object], key: str) -> bool:
        value = table.get(key, False)
        if not isinstance(value, bool):
            self._fail((*path, key), f"{key} is true or false.")
        return value

    def _effects(self, path: Path, table: dict[str, object]) -> Iterable[tuple[Path, object]]:
        """What isn't the rule's own, with the key of an effect; those of two words lie a table deeper."""
        sides = {key.partition(".")[0] for key in EFFECTS if "." in key}
        known = (*_OWN_KEYS, *EFFECTS, *sides)
        for key, value in table.items():
            if key in _OWN_KEYS:
                continue
            if key in EFFECTS:
                yield (*path, key), value
            elif key in sides:
                inner = value if isinstance(value, dict) else {}
                if not inner:
                    self._fail((*path, key), f"«{key}» is followed by what is changed, as in {key}.headers.")
                words = [each.partition(".")[2] for each in EFFECTS if each.startswith(f"{key}.")]
                self._check_keys((*path, key), inner, words)
                yield from (((*path, key, word), each) for word, each in inner.items())
            else:
                self._fail_unknown((*path, key), key, known)

    def _effect(self, kind: type[Effect], path: Path, value: object) -> Effect:
        try:
            effect = kind.from_file(value)
        except msgspec.ValidationError as error:
            self._fail_value(kind, path, str(error))
        for mistake in effect.mistakes():
            self._fail((*path, *mistake.path), mistake.text)
        return effect

    def _fail_value(self, kind: type[Effect], path: Path, said: str) -> NoReturn:
        """A sentence of the library's about a value, as one of ours."""
        if (where := _WHERE.search(said)) is not None:
            said = said[: where.start()]
            for name, index in _STEP.findall(where[1]):
                if name:
                    path = (*path, name)
                elif index:
                    path = (*path, int(index))
                else:
                    break  # a key of the person's own: the library doesn't say which
        if (unknown := _UNKNOWN.fullmatch(said)) is not None:
            known = [field.encode_name for field in msgspec.structs.fields(kind)]
            self._fail_unknown((*path, unknown[1]), unknown[1], known)
        if (kinds := _KIND.fullmatch(said)) is not None:
            said = f"Here stands {_KINDS.get(kinds[2], kinds[2])}, not {_KINDS.get(kinds[1], kinds[1])}"
        self._fail(path, said if said.endswith(".") else f"{said}.")

    def _check_keys(self, path: Path, table: dict[str, object], known: Iterable[str]) -> None:
        for key in table:
            if key not in known:
                self._fail_unknown((*path, key), key, known)

    def _fail_unknown(self, path: Path, key: str, known: Iterable[str]) -> NoReturn:
        close = difflib.get_close_matches(key[:_LONGEST_NAME], list(known), 1)
        hint = f"; did you mean {close[0]}?" if close else f"; known are {', '.join(known)}."
        self._fail(path, f"no key «{_shown(key)}»{hint}")

    def _offset(self, path: Path) -> int:
        """Of a path, or of the nearest that leads there."""
        while path and path not in self._places:
            path = path[:-1]
        return self._places.get(path, 0)

    def _fail(self, path: Path, text: str) -> NoReturn:
        raise RuleFileError(text, *_line_and_column(self._text, self._offset(path)))


def _shown(text: str) -> str:
    text = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}\N{HORIZONTAL ELLIPSIS}"
